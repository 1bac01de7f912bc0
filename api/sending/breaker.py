"""A breaker for each channel: a provider that refuses everybody is left alone for a while, and then probed by one.

It stands in a table that all workers of all processes share, and that operators see. It is no fact of history: what
became of each notification is in its own stream.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from api.outcome import Outcome, RefusedForGood, RefusedForNow, Unknown
from domain.channel import Channel
from domain.provider_receipt import is_bad_address
from ledger.store import Ledger

# So many refusals in a row open it; for so long the first time, and twice as long each time a probe fails.
REFUSALS_MAX = 5
OPEN_FIRST = timedelta(seconds=30)
OPEN_LONGEST = timedelta(minutes=10)
# A probe that nobody hears of again.
PROBE_LONGEST = timedelta(minutes=5)
# Of answers that change nothing one is written down in this time.
NOTED_EVERY = timedelta(seconds=5)
# What numbers say of us or of the whole provider: of SMTP (RFC 5321, RFC 4954) and of HTTP.
_ABOUT_US = frozenset({"401", "403", "407", "408", "421", "454"})
# A mailbox that is full or closed, or a letter too large for it (RFC 3463, 3.3).
_OF_MAILBOX = re.compile(r"\b5\.2\.\d|^552$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a channel's provider answers. `paid_until`: how far the channel's pace is used."""

    channel: Channel
    refusals: int = 0
    openings: int = 0
    opened_at: datetime | None = None
    open_until: datetime | None = None
    probing_until: datetime | None = None
    paid_until: datetime | None = None
    last_answer: str | None = None
    last_answer_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing is sent, but for a probe when its time is over."""
        return self.open_until is not None


def is_about_us(channel: Channel, outcome: Outcome) -> bool:
    """Whether it would be the same for any notice: no connection, no right, a gateway that is out of order, or
    letters of ours that are not welcome. What is said of one address or mailbox is not."""
    match outcome:
        case Unknown():
            return True
        case RefusedForNow():
            # One for now with 5yz came before the message was shown.
            number = outcome.code.partition(" ")[0]
            if channel is Channel.PUSH and number == "401":
                return False  # a service says so of our key, and of a browser that was made for another's
            return not number.isdigit() or number.startswith("5") or number in _ABOUT_US
        case RefusedForGood():
            is_of_recipient = is_bad_address(channel, outcome.code) or _OF_MAILBOX.search(outcome.code)
            return outcome.code[:1].isdigit() and not is_of_recipient
        case _:
            return False


def after(standing: Standing, outcome: Outcome, now: datetime) -> Standing:
    """The breaker after an answer. While it is open, answers to what was sent before open it no longer."""
    noted = replace(standing, last_answer=said(outcome), last_answer_at=now)
    if not is_about_us(standing.channel, outcome):
        return replace(noted, refusals=0, openings=0, opened_at=None, open_until=None, probing_until=None)
    refused = replace(noted, refusals=standing.refusals + 1)
    if standing.open_until is not None and now < standing.open_until:
        return refused
    if standing.open_until is None and refused.refusals < REFUSALS_MAX:
        return refused
    length = min(OPEN_FIRST * 2**standing.openings, OPEN_LONGEST)
    return replace(
        refused,
        # It stays what it is at the longest: powers of two without end are no good.
        openings=standing.openings + (length < OPEN_LONGEST),
        opened_at=standing.opened_at or now,
        open_until=now + length,
        probing_until=None,
    )


def said(outcome: Outcome) -> str:
    """The answer in one word for operators."""
    match outcome:
        case Unknown():
            return outcome.stage
        case RefusedForNow():
            return outcome.code
        case _:
            return getattr(outcome, "code", "handed-over")


# The table.

_COLUMNS = "channel, refusals, openings, opened_at, open_until, probing_until, paid_until, last_answer, last_answer_at"
_PROBE = (
    "UPDATE sending.channels SET probing_until = %(until)s WHERE channel = %(channel)s AND open_until <= %(now)s"
    " AND (probing_until IS NULL OR probing_until <= %(now)s) RETURNING 1"
)
# No more than a second's worth lies ahead.
_PAY = (
    "UPDATE sending.channels SET paid_until = greatest(paid_until, %(now)s) + paid.length FROM (SELECT"
    " least(%(wanted)s, floor(extract(epoch FROM %(ahead)s - greatest(paid_until, %(now)s)) * %(pace)s)) AS number"
    " FROM sending.channels WHERE channel = %(channel)s FOR UPDATE) AS free,"
    " LATERAL (SELECT make_interval(secs => free.number / %(pace)s) AS length) AS paid"
    " WHERE channel = %(channel)s AND free.number > 0 RETURNING free.number"
)


def standings(ledger: Ledger) -> list[Standing]:
    """Of all channels."""
    with ledger.pool.connection() as connection:
        rows = connection.execute(f"SELECT {_COLUMNS} FROM sending.channels ORDER BY channel").fetchall()
    return [_standing(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Leave:
    """How many may be sent now, and whether that is a probe."""

    number: int
    is_probe: bool = False


def leave(ledger: Ledger, channel: Channel, *, wanted: int, now: datetime, pace: float | None) -> Leave:
    """Of the wanted none while the breaker is open, then one as a probe; and no more than the provider's pace allows,
    if it has one."""
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT open_until FROM sending.channels WHERE channel = %s", (channel,), prepare=True
        ).fetchone()
        if row is not None and row[0] is not None:
            probe = {"channel": channel, "now": now, "until": now + PROBE_LONGEST}
            is_free = connection.execute(_PROBE, probe).fetchone() is not None
            return Leave(1 if is_free else 0, is_probe=is_free)
        if pace is None:
            return Leave(wanted)
        ahead = now + timedelta(seconds=max(1.0, 1.0 / pace))
        paid = {"channel": channel, "now": now, "ahead": ahead, "wanted": wanted, "pace": pace}
        number = connection.execute(_PAY, paid).fetchone()
    return Leave(int(number[0]) if number is not None else 0)


def note(ledger: Ledger, channel: Channel, outcomes: Sequence[Outcome], now: datetime) -> None:
    """What the provider answered, in order. Nothing is written when nothing of note is new."""
    with ledger.pool.connection() as connection, connection.transaction():
        # A lost note costs nothing.
        connection.execute("SET LOCAL synchronous_commit = off")
        row = connection.execute(
            f"SELECT {_COLUMNS} FROM sending.channels WHERE channel = %s FOR UPDATE", (channel,)
        ).fetchone()
        assert row is not None
        known = standing = _standing(row)
        for outcome in outcomes:
            standing = after(standing, outcome, now)
        if _is_same(known, standing):
            return
        connection.execute(
            "UPDATE sending.channels SET refusals = %s, openings = %s, opened_at = %s, open_until = %s,"
            " probing_until = %s, last_answer = %s, last_answer_at = %s WHERE channel = %s",
            (
                standing.refusals,
                standing.openings,
                standing.opened_at,
                standing.open_until,
                standing.probing_until,
                standing.last_answer,
                standing.last_answer_at,
                channel,
            ),
        )


def end_probe(ledger: Ledger, channel: Channel) -> None:
    """Nothing was there to be sent after all: the next one may probe."""
    with ledger.pool.connection() as connection:
        connection.execute("UPDATE sending.channels SET probing_until = NULL WHERE channel = %s", (channel,))


def _is_same(known: Standing, standing: Standing) -> bool:
    if known.last_answer_at is None or standing.last_answer_at is None:
        return False
    is_recent = standing.last_answer_at - known.last_answer_at < NOTED_EVERY
    untimed = replace(standing, last_answer_at=known.last_answer_at)
    return is_recent and untimed == known


def _standing(row: Sequence[object]) -> Standing:
    channel, *rest = row
    names = _COLUMNS.split(", ")[1:]
    return Standing(channel=Channel(str(channel)), **dict(zip(names, rest, strict=True)))  # type: ignore[arg-type]
