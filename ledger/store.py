"""The ledger: append with an expected version, read a stream, read everything by position."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Self, TypeVar
from uuid import UUID, uuid4
from weakref import WeakKeyDictionary

import psycopg
from eventsourcing.persistence import StoredEvent
from psycopg.rows import tuple_row
from psycopg_pool import ConnectionPool

from domain import Event
from domain.values import PatientId, Purpose
from ledger import codec, leaf, sealing, tombstones
from ledger.arrays import BIGINTS, BYTES, TEXTS, UUIDS, column
from ledger.codec import Circumstances, EventMapper, RecordedEvent
from ledger.custody import Custody
from ledger.folding import StreamErasedError, fold
from ledger.insertion import Append, Erasure, MovedMark, Prepared, numbered
from ledger.keys import DataKeys, KeyErasedError, MintedKeys
from ledger.naming import brings_data, patients_in
from ledger.recorder import Document, Guard, LedgerRecorder, Mark, StreamConflictError
from ledger.states import Evolve, Folded, States
from ledger.wiping import Wipe, used_keys

S = TypeVar("S")
CHECK_SECONDS = 1.0
# The last position that a bigint can be.
_NO_END = 2**63 - 1


class NotMigratedError(Exception):
    """The database has no ledger yet: run `letopis migrate`."""


class ForeignSecretsError(Exception):
    """The secrets belong to another ledger than the database: with them nothing would open, and what is
    written would be lost. Point LETOPIS_HOME at the right folder, or restore it from its backup."""


@dataclass(frozen=True, slots=True)
class Write:
    """Events for one stream. `expected_version` is the version that the decision looked at; `subject`
    is whose data keys seal the personal ones among them."""

    stream_id: UUID
    expected_version: int
    events: Sequence[Event]
    subject: UUID | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where an append ended: the last position in the whole ledger, and the ids and leaves of its events."""

    last: int
    event_ids: tuple[UUID, ...]
    leaves: tuple[bytes, ...] = ()


class _Checked:
    """Sees that a pooled connection lives, but not a second time within a second: under load that would be a
    round trip for every query. Who gets one that died in between is told that the database is away."""

    def __init__(self) -> None:
        self._at: WeakKeyDictionary[psycopg.Connection[Any], float] = WeakKeyDictionary()

    def look(self, connection: psycopg.Connection[Any]) -> None:
        if monotonic() - self._at.get(connection, 0.0) > CHECK_SECONDS:
            ConnectionPool.check_connection(connection)
            self._at[connection] = monotonic()


class Ledger:
    """One log, its keys, and the only way to write to it."""

    def __init__(
        self, conninfo: str, custody: Custody, *, role: str = "letopis_app", pool_size: int = 8
    ) -> None:
        options = f"-c role={role} -c lock_timeout=30s -c idle_in_transaction_session_timeout=30s"
        self.custody = custody
        self.pool: ConnectionPool[psycopg.Connection[tuple[Any, ...]]] = ConnectionPool(
            conninfo,
            kwargs={"autocommit": True, "options": options},
            min_size=1,
            max_size=pool_size,
            open=True,
            check=_Checked().look,
            # Longer than a hiccup, shorter than a caller's patience: then the answer is 503.
            timeout=5.0,
        )
        self.recorder = LedgerRecorder(conninfo, options=options)
        self.keys = DataKeys(self.pool, custody)
        self.recorder.rewrap = self.keys.rewrap
        self.states = States()
        self.origin = self._read_origin()
        self.mapper = EventMapper(self.origin, self.keys)

    def close(self) -> None:
        self.recorder.close()
        self.pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def of_patient(self, patient_id: PatientId) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A transaction that sees this patient's rows of the views and nobody else's, whatever is asked."""
        with self.pool.connection() as connection, connection.transaction():
            connection.execute(
                "SELECT set_config('letopis.patient', %s, true), set_config('role', 'letopis_patient', true)",
                (str(patient_id),),
            )
            yield connection

    # Writing

    def append(
        self,
        *writes: Write,
        circumstances: Circumstances,
        marks: Sequence[Mark] = (),
        released: Sequence[Mark] = (),
        moved: Sequence[MovedMark] = (),
        documents: Sequence[Document] = (),
        keys: MintedKeys | None = None,
        guards: Sequence[Guard] = (),
        erased: Sequence[Erasure] = (),
        wiped: Wipe | None = None,
    ) -> Position:
        """Store the events of all writes together, or none of them. `marks` are entered in the blind
        index, `released` taken out of it and `moved` to another subject; `documents` and the new `keys`
        that sealed them are stored beside; `guards` are further streams that the decision looked at: they
        must not have moved on; the keys of `erased` are destroyed, and what `wiped` says goes with them. A
        submission that is received gets its laboratory's next number. Nothing is sealed under a destroyed key, or
        for a patient who was erased: that is a conflict, too.

        Raises StreamConflictError, MarkTakenError or OutcomeUnknownError; nothing is stored then,
        or, with the last, nobody knows."""
        now = datetime.now(UTC)
        minted = keys or self.new_keys(*writes)
        events = [
            RecordedEvent(
                event=event,
                event_id=uuid4(),
                stream_id=write.stream_id,
                version=version,
                recorded_at=now,
                circumstances=circumstances,
                subject=write.subject,
            )
            for write in writes
            for version, event in enumerate(write.events, write.expected_version + 1)
        ]
        if not events:
            return Position(0, ())

        def prepare() -> Prepared:
            try:
                stored = [self.mapper.to_stored_event(event, minted) for event in events]
            except KeyErasedError:
                raise StreamConflictError(codec.name_of(events[0].event)) from None
            return Prepared(stored, minted.rows, used_keys(stored, documents, minted))

        request = Append(
            prepare,
            marks=marks,
            released=released,
            moved=moved,
            documents=documents,
            guards=guards,
            numbered=numbered((write.stream_id, event) for write in writes for event in write.events),
            erased=erased,
            wiped=wiped,
            erasures=self._erasures_of(events, brings_more=bool(marks or documents)),
        )
        with tombstones.written(self.custody, [one.subject for one in erased]):
            positions = self.recorder.store(request)
        self.keys.remember(minted)
        if erased:
            self.keys.forget()
            self.states.forget()
        leaves = tuple(leaf.split(event.state)[0] for event in request.events)
        return Position(positions[-1], tuple(event.event_id for event in events), leaves)

    def _erasures_of(self, events: Sequence[RecordedEvent], *, brings_more: bool) -> list[UUID]:
        """The streams in which it would stand that a patient was erased of whom this brings personal data."""
        if not brings_more and not any(brings_data(recorded.event) for recorded in events):
            return []
        named = {patient_id for recorded in events for patient_id in patients_in(recorded.event)}
        return [self.stream_of_ids("erasure", patient_id) for patient_id in named]

    def new_keys(self, *writes: Write) -> MintedKeys:
        """Where an append's new keys are made: for subjects whose own stream begins with it."""
        return MintedKeys(
            frozenset(w.stream_id for w in writes if w.expected_version == 0 and w.subject == w.stream_id)
        )

    def seal_document(
        self, subject: UUID, content: bytes, keys: MintedKeys, *, purpose: Purpose = Purpose.RESULTS
    ) -> Document:
        """Sealed bytes to be stored with an append, under the subject's key for the purpose."""
        key = self.keys.key_of(subject, purpose, keys)
        document_id = uuid4()
        sealed, commitment = sealing.seal(
            key.secret,
            about=document_id,
            header=self._document_header(document_id, key.key_id),
            plaintext=content,
        )
        return Document(document_id, key.key_id, sealed, commitment, len(content))

    # Reading

    def load(
        self,
        stream_id: UUID,
        evolve: Callable[[S | None, Any], S],
        *,
        until: int | None = None,
        as_of: int | None = None,
    ) -> tuple[S | None, int]:
        """The state that a stream folds into, and its version: None and 0 for a stream that is not. With `until`
        as it was when the stream was as long as that, with `as_of` when the ledger ended at that position.

        What was erased is left out; a stream whose beginning was erased has no state any more."""
        events = self.read(stream_id, as_of=as_of)
        return fold((one for one in events if until is None or one.version <= until), evolve)

    def load_all(self, *asked: tuple[UUID, Evolve]) -> list[Folded]:
        """As `load`, of several streams by one query: a decision that looks at five asks once. States of
        small streams are remembered for a minute, and then only what came since is read."""
        found = []
        for (stream_id, _), folded in zip(asked, self.load_unerased(*asked), strict=True):
            if folded is None:
                raise StreamErasedError(stream_id)
            found.append(folded)
        return found

    def load_unerased(self, *asked: tuple[UUID, Evolve]) -> list[Folded | None]:
        """As `load_all`, with None for a stream whose beginning was erased."""
        known = [self.states.of(stream_id, evolve) for stream_id, evolve in asked]
        streams = self.read_streams(
            [(stream_id, version) for (stream_id, _), (_, version) in zip(asked, known, strict=True)]
        )
        found: list[Folded | None] = []
        for (stream_id, evolve), before in zip(asked, known, strict=True):
            try:
                folded = fold(streams[stream_id], evolve, before)
            except StreamErasedError:
                found.append(None)
            else:
                self.states.remember(stream_id, evolve, folded)
                found.append(folded)
        return found

    def read(self, stream_id: UUID, *, as_of: int | None = None) -> Iterator[RecordedEvent]:
        """The events of one stream in order of version, up to a position of the ledger."""
        yield from self.read_streams([(stream_id, 0)], as_of)[stream_id]

    def read_streams(
        self, asked: Sequence[tuple[UUID, int]], as_of: int | None = None
    ) -> dict[UUID, list[RecordedEvent]]:
        """The events of each stream behind a version, up to a position."""
        with self.pool.connection() as connection:
            cursor = connection.cursor(binary=True, row_factory=tuple_row)
            cursor.execute(
                "SELECT * FROM ledger.events_behind(%b::uuid[], %b::bigint[], %b)",
                (
                    column(UUIDS, [stream_id for stream_id, _ in asked]),
                    column(BIGINTS, [version for _, version in asked]),
                    _NO_END if as_of is None else as_of,
                ),
                prepare=True,
            )
            rows: list[tuple[StoredEvent, int | None]] = [
                (StoredEvent(*row[:4]), row[4]) for row in cursor.fetchall()
            ]
        streams: dict[UUID, list[RecordedEvent]] = {stream_id: [] for stream_id, _ in asked}
        for recorded in self.mapper.to_recorded_events(rows):
            streams[recorded.stream_id].append(recorded)
        return streams

    def read_all(self, *, after: int = 0, limit: int = 500) -> list[RecordedEvent]:
        """The next events by position. Positions have gaps; order is the order of commit."""
        return self.mapper.to_recorded_events(
            [(stored, position) for position, stored in self.read_stored(after=after, limit=limit)]
        )

    def read_stored(self, *, after: int = 0, limit: int = 500) -> list[tuple[int, StoredEvent]]:
        """As `read_all`, without opening the bytes."""
        with self.pool.connection() as connection:
            cursor = connection.cursor(binary=True, row_factory=tuple_row)
            cursor.execute(
                "SELECT notification_id, originator_id, originator_version, topic, state"
                " FROM ledger.events WHERE notification_id > %s ORDER BY notification_id LIMIT %s",
                (after, limit),
                prepare=True,
            )
            return [(row[0], StoredEvent(row[1], row[2], row[3], row[4])) for row in cursor.fetchall()]

    def last_position(self) -> int:
        return self.recorder.max_notification_id() or 0

    def read_document(self, document_id: UUID) -> bytes:
        """The opened bytes of a stored document."""
        with self.pool.connection() as connection:
            row = connection.execute(
                "SELECT key_id, sealed FROM ledger.documents WHERE document_id = %s", (document_id,)
            ).fetchone()
        if row is None:
            raise KeyError(document_id)
        header = self._document_header(document_id, row[0])
        return sealing.unseal(self.keys.open(row[0]), about=document_id, header=header, body=row[1])

    def number_of(self, subject: UUID) -> int:
        """The number that the subject was given when it was stored. KeyError if it was given none."""
        with self.pool.connection() as connection:
            row = connection.execute(
                "SELECT number FROM ledger.numbers WHERE subject = %s", (subject,), prepare=True
            ).fetchone()
        if row is None:
            raise KeyError(subject)
        return int(row[0])

    # Finding by a number that must not be seen

    def mark(self, kind: str, number: str, subject: UUID) -> Mark:
        return Mark(kind, sealing.mark(self.custody.index_key, kind, number), subject)

    def find(self, kind: str, number: str) -> UUID | None:
        """Who has this phone, policy or other number."""
        return self.find_all([(kind, number)]).get((kind, number))

    def find_all(self, numbers: Sequence[tuple[str, str]]) -> dict[tuple[str, str], UUID]:
        """As `find`, of several numbers, each with its kind, by one query; those that somebody has."""
        marks = {
            (kind, sealing.mark(self.custody.index_key, kind, number)): (kind, number)
            for kind, number in numbers
        }
        with self.pool.connection() as connection:
            rows = connection.execute(
                "SELECT kind, mark, subject FROM ledger.owners(%b::text[], %b::bytea[])",
                (column(TEXTS, [kind for kind, _ in marks]), column(BYTES, [mark for _, mark in marks])),
                prepare=True,
            ).fetchall()
        return {marks[row[0], bytes(row[1])]: row[2] for row in rows}

    def stream_id(self, kind: str, *parts: str) -> UUID:
        """The stream of a natural key: the same parts give the same stream, and tell nothing."""
        return sealing.stream_id(self.custody.stream_key, kind, *parts)

    def stream_of_ids(self, kind: str, *ids: UUID | str) -> UUID:
        """As `stream_id`, of ids that are ours."""
        return sealing.stream_of_ids(self.custody.stream_key, kind, *ids)

    def _document_header(self, document_id: UUID, key_id: UUID) -> bytes:
        return f"letopis/document@v1\n{self.origin}\n{document_id}\n{key_id}\n".encode()

    def _read_origin(self) -> str:
        try:
            with self.pool.connection() as connection:
                row = connection.execute("SELECT origin, secrets FROM ledger.identity").fetchone()
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            row = None
        if row is None:
            self.close()
            raise NotMigratedError
        if row[1] != self.custody.fingerprint:
            self.close()
            raise ForeignSecretsError
        return str(row[0])


__all__ = [
    "ForeignSecretsError",
    "Ledger",
    "NotMigratedError",
    "Position",
    "StreamErasedError",
    "Write",
]
