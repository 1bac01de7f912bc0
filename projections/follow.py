"""One loop feeds every projection in position order.

Rows and position are written in one transaction. An event that a projection can't take is parked with
a reason, and so are the later events of its stream, so that order is kept; the others go on.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from threading import Event as Signal
from time import monotonic
from typing import Any

import psycopg
import structlog
from psycopg.sql import SQL, Identifier

from ledger.codec import RecordedEvent, Unreadable, name_of
from ledger.leading import leading
from ledger.store import Ledger
from projections import signing, transparency
from projections.projection import Projection, Rows
from projections.together import take_together

# One follower a database: whoever holds this lock leads, the others wait for it.
LOCK = 7597101
BATCH = 500
# There is no hint to be lost: polling is the truth.
POLL_SECONDS = 0.1
# A step costs the same however little it brings, so where steps take long they are made rarely, and bring more. What is
# shown a moment after it was recorded is still shown well within a second.
PAUSES_PER_STEP = 3
PAUSE_SECONDS_MAX = 0.25
# A projection that had to stop is tried again after this.
STALLED_SECONDS = 10.0

Connection = psycopg.Connection[Any]

log = structlog.get_logger()


def pause_after(step_seconds: float) -> float:
    """How long to wait for more after a step that has taken so long."""
    return min(max(POLL_SECONDS, PAUSES_PER_STEP * step_seconds), PAUSE_SECONDS_MAX)


class NotFollowedError(Exception):
    """No follower brought the views to the position in time: is `letopis serve` running?"""


@dataclass(slots=True)
class Follower:
    """`stalled` names the projections that had to stop, with the time until which they rest."""

    ledger: Ledger
    projections: Sequence[Projection]
    stalled: dict[str, float] = field(default_factory=dict)

    def run(self, stop: Signal) -> None:
        """Follow until told to stop; waits for the lead, and survives the loss of the database."""
        while not stop.is_set():
            try:
                with leading(self.ledger, LOCK) as leads:
                    while leads and not stop.is_set():
                        began = monotonic()
                        if self.step(leads) < BATCH:
                            stop.wait(pause_after(monotonic() - began))
            except Exception as error:  # noqa: BLE001 - the edge of the loop: views must go on
                log.error("follower.interrupted", error=type(error).__name__)
            stop.wait(POLL_SECONDS)

    def catch_up(self) -> bool:
        """Bring the views and the signed log up to date, if nobody else leads; whether they are."""
        with leading(self.ledger, LOCK) as leads:
            while leads and self.step(leads):
                pass
        if leads:
            self.sign()
        return leads is not None

    def step(self, connection: Connection | None = None) -> int:
        """Take the next events into every projection that lacks them; how many events were read. Who makes many steps
        makes them on one connection, where the plans of their statements are kept."""
        if connection is None:
            with self.ledger.pool.connection() as pooled:
                return self.step(pooled)
        awake = [view for view in self.projections if self.stalled.get(view.name, 0) < monotonic()]
        read = 0
        # Views that stand together are read for once; one that lags behind holds back nobody.
        for position, views in _by_position(connection, awake).items():
            stored = self.ledger.read_stored(after=position, limit=BATCH)
            events = self.ledger.mapper.to_readable([(event, place) for place, event in stored])
            if stored:
                names = [name_of(recorded.event) for recorded in events]
                self._take_all(connection, views, _Portion(events, names, position, stored[-1][0]))
            read += len(events)
        return read

    def sign(self) -> None:
        """Sign the log if it grew, where the signer's keys are at hand: elsewhere the signer does, by itself."""
        try:
            signing.sign_at_hand(self.ledger)
        except transparency.ForkError as error:
            log.critical("log.fork", detail=str(error))

    def _take_all(self, connection: Connection, views: Sequence["_Standing"], portion: "_Portion") -> None:
        """In their order: whoever holds the first holds all of them at one position (`replay`). Those that have set
        something aside look at each event by itself."""
        for has_parked, standing in groupby(views, key=lambda one: one.has_parked):
            wanted = [(one.view, portion.wanted(one.view)) for one in standing]
            if has_parked or not self._took_together(connection, wanted, portion):
                for view, events in wanted:
                    self._take(view, events, portion.until)

    def _took_together(
        self,
        connection: Connection,
        wanted: Sequence[tuple[Projection, Sequence[RecordedEvent]]],
        portion: "_Portion",
    ) -> bool:
        """Whether these views could be taken in one transaction: one that fails fails again, alone."""
        if any(map(_is_unreadable, portion.events)):
            return False
        try:
            take_together(connection, self.ledger, wanted, after=portion.after, until=portion.until)
        except Exception as error:
            if connection.broken:
                raise  # with the connection the lock is lost: another may lead by now
            log.warning("projections.apart", error=type(error).__name__)
            return False
        return True

    def _take(self, view: Projection, events: Sequence[RecordedEvent], until: int) -> None:
        try:
            take(self.ledger, view, events, until=until)
        except Exception as error:
            if isinstance(error, psycopg.OperationalError) and _is_away(error):
                raise
            log.critical("projection.stalled", projection=view.name, error=type(error).__name__)
            self.stalled[view.name] = monotonic() + STALLED_SECONDS


def _is_away(error: psycopg.OperationalError) -> bool:
    """Whether it is the database's and not a view's: the connection is lost, or the server starts, ends or is full
    (PostgreSQL, appendix A). A lock that came too late and a row too large for an index have this class too."""
    return error.sqlstate is None or error.sqlstate.startswith(("08", "53", "57P"))


def take(
    ledger: Ledger, view: Projection, events: Sequence[RecordedEvent], schema: str = "", *, until: int
) -> None:
    """Write the events' rows and the position together; `until` is the last position that was read,
    whether or not its event is among them. If that fails, each event alone, to find the one that can't
    be taken and to park it."""
    schema = schema or view.name
    try:
        with _rows(ledger, schema) as rows:
            fresh = _not_taken(rows, events)
            if fresh and view.parks and (any(map(_is_unreadable, fresh)) or _has_parked(rows)):
                raise _OneByOneError
            if fresh:
                view.apply(rows, fresh, ledger)
            _track(rows, until)
    except psycopg.OperationalError:
        raise
    except Exception:
        # The edge of one projection: whatever its rule raised must not stop the others.
        if not view.parks:
            raise
        for recorded in events:
            _take_alone(ledger, view, recorded, schema)
        with _rows(ledger, schema) as rows:
            _track(rows, until)


class _OneByOneError(Exception):
    """Some event of the batch has to be parked: nothing of it is taken together."""


def _take_alone(ledger: Ledger, view: Projection, recorded: RecordedEvent, schema: str) -> None:
    try:
        with _rows(ledger, schema) as rows:
            if not _not_taken(rows, [recorded]):
                return
            reason = _why_parked(rows, recorded)
            if reason is None:
                view.apply(rows, [recorded], ledger)
            else:
                _park(rows, view, recorded, reason)
            _track(rows, recorded.position or 0)
    except psycopg.OperationalError:
        raise
    except Exception as error:  # noqa: BLE001 - the rule's own failure becomes the reason
        with _rows(ledger, schema) as rows:
            if _not_taken(rows, [recorded]):
                _park(rows, view, recorded, type(error).__name__)
                _track(rows, recorded.position or 0)


def _why_parked(rows: Rows, recorded: RecordedEvent) -> str | None:
    if isinstance(recorded.event, Unreadable):
        return recorded.event.reason
    earlier = rows.execute(
        "SELECT EXISTS (SELECT FROM parked WHERE stream_id = %s)", (recorded.stream_id,)
    ).fetchone()
    return "earlier-event-parked" if earlier and earlier[0] else None


@contextmanager
def _rows(ledger: Ledger, schema: str) -> Iterator[Rows]:
    """A cursor in a transaction, with the projection's schema as the only place of bare names.

    It commits without waiting for the disk. If the server dies, the last of these transactions may be lost, rows and
    position together, and are taken again: from events that are on the disk, for an append waits until it is. Whoever acts
    on what a view shows (senders, the signer, clients) first appends or commits by waiting, and that puts all earlier
    commits on the disk too; and what is done is decided on streams."""
    with ledger.pool.connection() as connection, connection.transaction():
        connection.execute(
            "SELECT set_config('search_path', quote_ident(%s), true), set_config('synchronous_commit', 'off', true)",
            (schema,),
        )
        yield connection.cursor()


def _not_taken(rows: Rows, events: Sequence[RecordedEvent]) -> list[RecordedEvent]:
    """The events after the tracked position, which is locked until the transaction ends."""
    row = rows.execute("SELECT position FROM tracking FOR UPDATE").fetchone()
    position = row[0] if row else 0
    return [recorded for recorded in events if (recorded.position or 0) > position]


def _track(rows: Rows, position: int) -> None:
    rows.execute("UPDATE tracking SET position = greatest(position, %s)", (position,))


def _park(rows: Rows, view: Projection, recorded: RecordedEvent, reason: str) -> None:
    log.error("projection.parked", projection=view.name, position=recorded.position, reason=reason)
    rows.execute("INSERT INTO parked VALUES (%s, %s, %s)", (recorded.position, recorded.stream_id, reason))


def _has_parked(rows: Rows) -> bool:
    row = rows.execute("SELECT EXISTS (SELECT FROM parked)").fetchone()
    return bool(row and row[0])


def _is_unreadable(recorded: RecordedEvent) -> bool:
    return isinstance(recorded.event, Unreadable)


@dataclass(frozen=True, slots=True)
class _Portion:
    """The events behind a position up to another, with their stored names."""

    events: Sequence[RecordedEvent]
    names: Sequence[str]
    after: int
    until: int

    def wanted(self, view: Projection) -> Sequence[RecordedEvent]:
        """Those that the view looks at."""
        if view.names is None:
            return self.events
        if view.names.isdisjoint(self.names):
            return ()
        named = zip(self.names, self.events, strict=True)
        return [recorded for name, recorded in named if name in view.names]


@dataclass(frozen=True, slots=True)
class _Standing:
    """A view, and whether it has set something aside."""

    view: Projection
    has_parked: bool


def _by_position(connection: Connection, views: Sequence[Projection]) -> dict[int, list[_Standing]]:
    found: dict[int, list[_Standing]] = {}
    if views:
        row = connection.execute(_standings(tuple(view.name for view in views))).fetchone()
        assert row is not None
        for view, position, has_parked in zip(views, row[::2], row[1::2], strict=True):
            found.setdefault(position or 0, []).append(_Standing(view, has_parked))
    return found


@cache
def _standings(schemas: Sequence[str]) -> bytes:
    """For each view its position, and whether it has set something aside."""
    each = (
        SQL("(SELECT position FROM {}), EXISTS (SELECT FROM {})").format(
            Identifier(schema, "tracking"), Identifier(schema, "parked")
        )
        for schema in schemas
    )
    return SQL("SELECT {}").format(SQL(", ").join(each)).as_bytes(None)


def position_of(ledger: Ledger, schema: str) -> int:
    """The position a view has reached."""
    query = SQL("SELECT position FROM {}.tracking").format(Identifier(schema))
    return int(_ask(ledger, query) or 0)


def parked(ledger: Ledger, projections: Sequence[Projection]) -> dict[str, int]:
    """How many events each projection has parked, of those that have: any is an alarm."""
    counted = {}
    for view in projections:
        query = SQL("SELECT count(*) FROM {}.parked").format(Identifier(view.name))
        if count := int(_ask(ledger, query)):
            counted[view.name] = count
    return counted


def wait_for(ledger: Ledger, position: int, projections: Sequence[Projection], *, seconds: float) -> None:
    """Return when every view has reached the position; NotFollowedError if none brings it there."""
    give_up = monotonic() + seconds
    while any(reached < position for reached in _positions(ledger, projections)):
        if monotonic() > give_up:
            raise NotFollowedError(position)
        Signal().wait(0.01)


def _positions(ledger: Ledger, views: Sequence[Projection]) -> list[int]:
    with ledger.pool.connection() as connection:
        return list(_by_position(connection, views))


def _ask(ledger: Ledger, query: Any, *parameters: object) -> Any:
    with ledger.pool.connection() as connection:
        row = connection.execute(query, parameters).fetchone()
    return row[0] if row else None
