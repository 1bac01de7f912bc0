"""Data keys: one for each subject and purpose, kept wrapped in the database, opened here.

The subject is a patient, or a report or submission that has no known patient yet. Erasing a key makes
everything sealed under it unreadable, in the ledger and in every view.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import Connection
from psycopg_pool import ConnectionPool

from ledger.custody import KEY_BYTES, Custody, KeyNotUnwrappedError, SecretMissingError

# What the database says to a data key that is wrapped by an epoch that is over (migration 0035).
PAST_EPOCH = "LE035"
# An erased key must not live on in a process's memory: keys are looked up again after this.
CACHE_SECONDS = 60.0
CACHE_SIZE = 100_000


class KeyErasedError(Exception):
    """The data key was erased on purpose: what it sealed is gone for good."""


class KeyLostError(Exception):
    """The data key is not in the key table and was never erased, or its row was changed: restore it."""


@dataclass(frozen=True, slots=True)
class DataKey:
    key_id: UUID
    secret: bytes


@dataclass(frozen=True, slots=True)
class NewKey:
    """A row of the key table that is stored in the same transaction as what it seals."""

    key_id: UUID
    subject: UUID
    purpose: str
    epoch: int
    wrapped: bytes


@dataclass(slots=True)
class MintedKeys:
    """The keys made for one append: `subjects` are those that begin with it and can have none yet."""

    subjects: frozenset[UUID]
    keys: dict[tuple[UUID, str], tuple[DataKey, NewKey]] = field(default_factory=dict)

    @property
    def rows(self) -> tuple[NewKey, ...]:
        return tuple(row for _, row in self.keys.values())


class DataKeys:
    """Opens data keys and makes new ones; remembers opened keys for a minute."""

    def __init__(self, pool: ConnectionPool[Connection[tuple[object, ...]]], custody: Custody) -> None:
        self._pool = pool
        self._custody = custody
        # Guards both dictionaries; held only for dictionary work, never while the database is asked.
        self._lock = Lock()
        self._by_id: dict[UUID, tuple[float, bytes | None]] = {}
        self._by_subject: dict[tuple[UUID, str], tuple[float, DataKey]] = {}
        self._refresh_at = monotonic() + CACHE_SECONDS

    def key_of(self, subject: UUID, purpose: str, minted: MintedKeys | None = None) -> DataKey:
        """The live key of the subject for the purpose; made if there is none.

        A subject that begins with this append gets its key in `minted`, stored with the append or not
        at all; another's is stored at once."""
        if minted is not None and subject in minted.subjects:
            if (subject, purpose) not in minted.keys:
                minted.keys[subject, purpose] = self._mint(subject, purpose)
            return minted.keys[subject, purpose][0]
        entry = self._by_subject.get((subject, purpose))
        if entry is not None and entry[0] > monotonic():
            return entry[1]
        with self._pool.connection() as connection:
            key = self._find_or_create(connection, subject, purpose)
        with self._lock:
            _make_room(self._by_subject)
            self._by_subject[subject, purpose] = (monotonic() + CACHE_SECONDS, key)
        self._remember({key.key_id: key.secret})
        return key

    def remember(self, minted: MintedKeys) -> None:
        """Keys that were stored with an append need not be looked up again."""
        self._remember({key.key_id: key.secret for key, _ in minted.keys.values()})

    def rewrap(self, rows: Sequence[NewKey]) -> list[NewKey]:
        """The same keys wrapped by the epoch that is the latest now, by the folder of secrets."""
        # Opened first: the epoch that wrapped them may be destroyed by now, and is forgotten then.
        opened = [self._unwrap(row.key_id, row.subject, row.purpose, row.epoch, row.wrapped) for row in rows]
        self._custody.refresh()
        return [self._rewrapped(row, secret) for row, secret in zip(rows, opened, strict=True)]

    def open(self, key_id: UUID) -> bytes:
        """The secret of a key. KeyErasedError if it was erased, KeyLostError if it is nowhere."""
        return self.open_all([key_id])[key_id]

    def open_all(self, key_ids: Sequence[UUID]) -> dict[UUID, bytes]:
        """The secrets of several keys, by one query for those not remembered."""
        found = self.find_all(key_ids)
        for key_id in key_ids:
            if found[key_id] is None:
                raise KeyErasedError(key_id)
        return {key_id: secret for key_id, secret in found.items() if secret is not None}

    def find_all(self, key_ids: Sequence[UUID]) -> dict[UUID, bytes | None]:
        """As `open_all`, with None for an erased key."""
        now = monotonic()
        known = {key_id: self._by_id.get(key_id) for key_id in set(key_ids)}
        found = {key_id: entry[1] for key_id, entry in known.items() if entry and entry[0] > now}
        missing = [key_id for key_id in known if key_id not in found]
        if missing:
            fetched = self._fetch(missing)
            self._remember(fetched)
            found |= fetched
        return found

    def forget(self) -> None:
        """Drop what is remembered: after an erasure, and in tests."""
        with self._lock:
            self._by_id.clear()
            self._by_subject.clear()

    def _fetch(self, key_ids: list[UUID]) -> dict[UUID, bytes | None]:
        if self._refresh_at < monotonic():
            # So does a destroyed epoch leave the memory of a process.
            self._custody.refresh()
            self._refresh_at = monotonic() + CACHE_SECONDS
        try:
            fetched = self._fetch_once(key_ids)
        except SecretMissingError:
            # Rewrapped between the look at the row and that at the folder, and the epoch destroyed.
            fetched = self._fetch_once(key_ids)
        for key_id in key_ids:
            if key_id not in fetched:
                raise KeyLostError(key_id)
        return fetched

    def _fetch_once(self, key_ids: list[UUID]) -> dict[Any, bytes | None]:
        with self._pool.connection() as connection:
            rows = connection.execute(
                "SELECT key_id, subject, purpose, epoch, wrapped FROM ledger.data_keys"
                " WHERE key_id = ANY(%s)",
                (key_ids,),
            ).fetchall()
        return {row[0]: self._unwrap(*row) for row in rows}

    def _find_or_create(
        self, connection: Connection[tuple[object, ...]], subject: UUID, purpose: str
    ) -> DataKey:
        select = (
            "SELECT key_id, subject, purpose, epoch, wrapped FROM ledger.data_keys"
            " WHERE subject = %s AND purpose = %s AND wrapped IS NOT NULL"
        )
        row = connection.execute(select, (subject, purpose)).fetchone()
        if row is None:
            _, new = self._mint(subject, purpose)
            try:
                self._insert(connection, new)
            except psycopg.Error as error:
                if error.sqlstate != PAST_EPOCH:
                    raise
                self._insert(connection, *self.rewrap([new]))
            row = connection.execute(select, (subject, purpose)).fetchone()
        if row is None:
            raise KeyErasedError(subject)
        opened = self._unwrap(*row)
        assert isinstance(row[0], UUID) and opened is not None
        return DataKey(row[0], opened)

    def _insert(self, connection: Connection[tuple[object, ...]], new: NewKey) -> None:
        """Two processes may meet here; the index on live keys lets one of them win. Whose keys were erased gets no
        new one: looked at under the append lock, which an erasure holds too."""
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(7597119)")
            connection.execute(
                "INSERT INTO ledger.data_keys (key_id, subject, purpose, epoch, wrapped)"
                " SELECT %(key_id)s, %(subject)s, %(purpose)s, %(epoch)s, %(wrapped)s"
                " WHERE NOT EXISTS (SELECT FROM ledger.data_keys WHERE subject = %(subject)s AND wrapped IS NULL)"
                " ON CONFLICT DO NOTHING",
                {
                    "key_id": new.key_id,
                    "subject": new.subject,
                    "purpose": new.purpose,
                    "epoch": new.epoch,
                    "wrapped": new.wrapped,
                },
            )

    def _mint(self, subject: UUID, purpose: str) -> tuple[DataKey, NewKey]:
        key = DataKey(uuid4(), secrets.token_bytes(KEY_BYTES))
        epoch = self._custody.epoch
        about = about_row(key.key_id, subject, purpose, epoch)
        wrapped = self._custody.wrap(key.secret, epoch=epoch, about=about)
        return key, NewKey(key.key_id, subject, purpose, epoch, wrapped)

    def _rewrapped(self, row: NewKey, secret: bytes | None) -> NewKey:
        assert secret is not None
        epoch = self._custody.epoch
        about = about_row(row.key_id, row.subject, row.purpose, epoch)
        return replace(row, epoch=epoch, wrapped=self._custody.wrap(secret, epoch=epoch, about=about))

    def _unwrap(
        self, key_id: object, subject: object, purpose: object, epoch: object, wrapped: object
    ) -> bytes | None:
        assert isinstance(key_id, UUID) and isinstance(subject, UUID)
        assert isinstance(purpose, str) and isinstance(epoch, int)
        if wrapped is None:
            return None
        assert isinstance(wrapped, bytes)
        try:
            return self._custody.unwrap(
                wrapped, epoch=epoch, about=about_row(key_id, subject, purpose, epoch)
            )
        except KeyNotUnwrappedError:
            raise KeyLostError(key_id) from None

    def _remember(self, secrets_by_id: dict[UUID, bytes] | dict[UUID, bytes | None]) -> None:
        until = monotonic() + CACHE_SECONDS
        with self._lock:
            _make_room(self._by_id)
            for key_id, secret in secrets_by_id.items():
                self._by_id[key_id] = (until, secret)


def about_row(key_id: UUID, subject: UUID, purpose: str, epoch: int) -> bytes:
    """What a wrapped key is bound to: it does not open in another row."""
    return f"letopis/data-key@v1\n{key_id}\n{subject}\n{purpose}\n{epoch}\n".encode()


def _make_room(remembered: dict[Any, Any]) -> None:
    """Forget everything rather than grow without end; the next looks cost a query each."""
    if len(remembered) >= CACHE_SIZE:
        remembered.clear()
