"""Publishing: a checkpoint goes out as the log's note, the log's ML-DSA-44 line and the lines of its witnesses.

What was signed is told to witnesses by whoever publishes, beside the signing, so that a slow one holds up nobody. If a
quorum of them is asked for and not met, nothing goes out. What is published is renewed when nothing happens, so that
whoever reads knows that this is still all there is.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import psycopg
from psycopg_pool import ConnectionPool

from ledger import cosignature, leaf, note
from ledger.checkpoint_memory import CheckpointMemory
from ledger.cosignature import Cosigner
from ledger.note import Signature
from ledger.store import Ledger
from projections.transparency import Published, Signed

Pool: TypeAlias = ConnectionPool[psycopg.Connection[tuple[Any, ...]]]
# Of the promise that an idle log is published every ten minutes, one is left for what may go wrong.
RENEW = timedelta(minutes=9)
# Published notes are kept for a day, then one an hour: an attentive log makes two of four kilobytes a second.
KEPT_WHOLE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Cosigned:
    """What the witnesses said of a checkpoint, and whether those who signed are a quorum."""

    lines: Sequence[Signature]
    is_quorum: bool


# Shows a note to the witnesses.
Ask: TypeAlias = Callable[[Signed], Cosigned]


class QuorumMissedError(Exception):
    """Too few witnesses signed the checkpoint: it is not published."""


@dataclass(frozen=True, slots=True)
class Publishing:
    """Publishes the newest checkpoint under the signer's role, if it is the one that the signer's memory has: the
    database alone could show one that is older, or that nobody signed."""

    pool: Pool
    cosigner: Cosigner
    memory: CheckpointMemory

    def publish(self, ask: Ask | None = None) -> Published | None:
        """Publish what was signed last, if that is new or was published too long ago. QuorumMissedError if the
        witnesses did not agree."""
        now = datetime.now(UTC)
        remembered = self.memory.read()
        signed, last = self._standing()
        if signed is None or (last is not None and _is_fresh(last, signed, now)):
            return None
        if signed.note != remembered:
            # Signed this very moment, and told of again; or not to be vouched for, of which signing raises the alarm.
            return None
        # A clock that was set back must not make the log look as if it went back.
        at = max(now, last.published_at + timedelta(microseconds=1)) if last is not None else now
        text = note.parse(signed.note).text
        line = cosignature.cosign(text, cosigner=self.cosigner, at=int(at.timestamp()))
        shown = Signed(signed.tree_size, signed.root_hash, signed.note + line.line.encode())
        lines: Sequence[Signature] = ()
        if ask is not None:
            cosigned = ask(shown)
            if not cosigned.is_quorum:
                raise QuorumMissedError
            lines = cosigned.lines
        published = Published(signed.tree_size, at, shown.note + b"".join(one.line.encode() for one in lines))
        self._store(published)
        return published

    def publish_without_witnesses(self) -> Published | None:
        """For commands: what the signer publishes with witnesses, only the signer does."""
        with as_signer(self.pool) as connection:
            row = connection.execute("SELECT witnesses FROM log.signer").fetchone()
        return self.publish() if row is None or row[0] == 0 else None

    def thin(self) -> int:
        """Of each hour that is over long enough, keep the last that was published; how many were let go."""
        with as_signer(self.pool) as connection:
            return connection.execute(
                "DELETE FROM log.published p WHERE p.published_at < now() - %s AND EXISTS ("
                " SELECT FROM log.published q WHERE q.published_at > p.published_at"
                " AND date_trunc('hour', q.published_at) = date_trunc('hour', p.published_at))",
                (KEPT_WHOLE,),
            ).rowcount

    def _standing(self) -> tuple[Signed | None, Published | None]:
        """The newest checkpoint, and what was published last."""
        with as_signer(self.pool) as connection:
            signed = connection.execute(
                "SELECT tree_size, root_hash, note FROM log.checkpoints ORDER BY tree_size DESC LIMIT 1"
            ).fetchone()
            last = connection.execute(
                "SELECT tree_size, published_at, note FROM log.published"
                " ORDER BY tree_size DESC, published_at DESC LIMIT 1"
            ).fetchone()
        return (
            Signed(signed[0], bytes(signed[1]), bytes(signed[2])) if signed else None,
            Published(last[0], last[1], bytes(last[2])) if last else None,
        )

    def _store(self, published: Published) -> None:
        with as_signer(self.pool) as connection:
            connection.execute(
                "INSERT INTO log.published (tree_size, published_at, note) VALUES (%s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                (published.tree_size, published.published_at, published.note),
            )


def _is_fresh(last: Published, signed: Signed, now: datetime) -> bool:
    return last.tree_size >= signed.tree_size and now - last.published_at < RENEW


@contextmanager
def as_signer(pool: Pool) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A transaction of the signer's role."""
    with pool.connection() as connection, connection.transaction():
        connection.execute("SET LOCAL ROLE letopis_signer")
        yield connection


# What the signer tells of itself.


@dataclass(frozen=True, slots=True)
class SignerState:
    """When the signer was seen last, what it is stopped by, how many witnesses it asks and how many signed last."""

    seen_at: datetime
    alarm: str | None
    witnesses: int
    cosigned: int


def tell_state(pool: Pool, *, alarm: str | None, witnesses: int, cosigned: int) -> None:
    """A sign of life, for those who watch."""
    with as_signer(pool) as connection:
        connection.execute(
            "INSERT INTO log.signer (seen_at, alarm, witnesses, cosigned) VALUES (now(), %s, %s, %s)"
            " ON CONFLICT (only_row) DO UPDATE SET seen_at = excluded.seen_at, alarm = excluded.alarm,"
            " witnesses = excluded.witnesses, cosigned = excluded.cosigned",
            (alarm, witnesses, cosigned),
        )


def state_of(ledger: Ledger) -> SignerState | None:
    """None if no signer ever ran."""
    with ledger.pool.connection() as connection:
        row = connection.execute("SELECT seen_at, alarm, witnesses, cosigned FROM log.signer").fetchone()
    return SignerState(*row) if row else None


# How long it takes.


def unpublished_since(ledger: Ledger) -> datetime | None:
    """When the oldest event was recorded that no published checkpoint covers; None if all are covered."""
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT state FROM ledger.events WHERE notification_id > coalesce((SELECT position"
            " FROM transparency.leaves WHERE leaf_index = (SELECT max(tree_size) FROM log.published) - 1), 0)"
            " ORDER BY notification_id LIMIT 1"
        ).fetchone()
    return leaf.parse(leaf.split(bytes(row[0]))[0]).recorded_at if row else None


def seconds_to_publish(ledger: Ledger, *, since: datetime) -> list[float]:
    """For each checkpoint that was published since, how long the oldest event under it that was under none before
    had waited: from when it was recorded."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT p.published_at, e.state FROM (SELECT tree_size, min(published_at) AS published_at,"
            " lag(tree_size, 1, 0::bigint) OVER (ORDER BY tree_size) AS before FROM log.published"
            " WHERE published_at > %s - interval '1 hour' GROUP BY tree_size) p"
            " JOIN transparency.leaves l ON l.leaf_index = p.before"
            " JOIN ledger.events e ON e.notification_id = l.position WHERE p.published_at >= %s"
            " ORDER BY p.tree_size",
            (since, since),
        ).fetchall()
    return [(row[0] - leaf.parse(leaf.split(bytes(row[1]))[0]).recorded_at).total_seconds() for row in found]
