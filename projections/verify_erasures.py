"""Verification of what was destroyed: a data key that is gone has an event that says why, and what such an event says
is gone is not there. By clear events and the auditor's columns of the key table; no data key is needed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import psycopg

from ledger.naming import NAMING
from ledger.stored_rows import DESTROYING

# Events that say that one key is gone: by the field that names it, or by their stream.
_BY_FIELD = {"ScanRemoved": "scan_id", "ConsultationScanRemoved": "scan_id"}
_OF_REPORT = ("ReportDestroyed", "ReportRekeyed")
# Files that have a key of their own, in the stream of whose they are.
_PARTS = {"ScanAdded": "scan_id", "ConsultationScanAttached": "scan_id", "TicketFileAttached": "file_id"}
_NO_EVENT = 2**63 - 1
_REPORT = frozenset({"ReportMatched", "ReportUnmatched", "ReportVersionsHeld", "ReportVersionsReleased"})


# Where an event says it, whose keys are gone, and the event's name.
_Saying = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class ErasedBy:
    """An event that destroyed keys: its name, its place in the log, and how many keys are gone by it."""

    name: str
    position: int
    leaf_index: int | None
    keys: int

    @property
    def sentence(self) -> str:
        number = "not logged yet" if self.leaf_index is None else str(self.leaf_index)
        return f"erased by event {number} (position {self.position}, {self.name}): {self.keys} keys"


@dataclass(frozen=True, slots=True)
class KeyFault:
    """A key that is gone without a word, or is there against one; the event is the first that it seals, or the one
    that says that it is gone."""

    what: str
    position: int | None = None
    leaf_index: int | None = None


@dataclass(slots=True)
class _Said:
    """Whose keys are gone by which event, and by which at the latest. `must` are those whose keys must be."""

    by: dict[str, int] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)
    must: set[str] = field(default_factory=set)
    names: dict[int, str] = field(default_factory=dict)

    def add(self, subject: str, position: int, name: str, *, must: bool = True) -> None:
        self.by.setdefault(subject, position)
        self.last[subject] = max(position, self.last.get(subject, 0))
        self.names[position] = name
        if must:
            self.must.add(subject)


def verify_erasures(
    connection: psycopg.Connection[Any], destroying: Sequence[int], sealed: Mapping[str, int]
) -> tuple[list[ErasedBy], KeyFault | None]:
    """What was destroyed, by the event that says so, and the first key that contradicts the events. `destroying` are the
    positions of all events that destroyed keys, and `sealed` where the last event stands that each destroyed key seals: from
    whoever has read the whole log, for no column finds them."""
    said = _said(connection, destroying)
    counted: dict[int, int] = {}
    is_orphaned = False
    for subject, key_id in connection.execute(
        "SELECT subject::text, key_id::text FROM ledger.data_keys WHERE erased_at IS NOT NULL"
        " ORDER BY erased_at, key_id"
    ):
        if subject not in said.by:
            return [], _fault(connection, subject)
        counted[said.by[subject]] = counted.get(said.by[subject], 0) + 1
        is_orphaned |= sealed.get(key_id, 0) > said.last[subject]
    alive = connection.execute(
        "SELECT subject::text FROM ledger.data_keys WHERE erased_at IS NULL AND subject = ANY(%s::uuid[])"
        " ORDER BY subject LIMIT 1",
        (list(said.must),),
    ).fetchone()
    orphan = _orphan(connection, said) if is_orphaned else None
    places = _leaf_indexes(connection, list({*counted, *said.by.values(), orphan or 0}))
    if orphan is not None:
        return [], KeyFault(
            "an event is sealed by a key that was destroyed before", orphan, places.get(orphan)
        )
    if alive is not None:
        position = said.by[alive[0]]
        what = f"a key that {said.names[position]} destroyed is there"
        return [], KeyFault(what, position, places.get(position))
    found = [ErasedBy(said.names[one], one, places.get(one), counted[one]) for one in sorted(counted)]
    return found, None


def _orphan(connection: psycopg.Connection[Any], said: _Said) -> int | None:
    """Where the first event stands that nobody could ever open, since what seals it was gone: it should have been refused,
    and what it said is lost. The eighth line of a leaf is the key's id."""
    rows = connection.execute(
        "SELECT e.notification_id, k.subject::text FROM ledger.events e JOIN ledger.data_keys k ON k.key_id::text"
        " = split_part(encode(substring(e.state FOR 500), 'escape'), E'\\n', 8)"
        " WHERE k.erased_at IS NOT NULL AND e.notification_id > %s ORDER BY e.notification_id",
        (min(said.last.values(), default=_NO_EVENT),),
    )
    return next((position for position, subject in rows if position > said.last[subject]), None)


def _said(connection: psycopg.Connection[Any], destroying: Sequence[int]) -> _Said:
    found: list[_Saying] = []
    ended: dict[str, tuple[int, str, str]] = {}
    erased: list[tuple[str, int]] = []
    for position, stream_id, name, body in _events(connection, [*DESTROYING], at=destroying):
        if name in _BY_FIELD:
            found.append((position, body[_BY_FIELD[name]], name))
        elif name == "PatientErased":
            erased.append((body["patient_id"], position))
        else:
            found.append((position, stream_id, name))
        if name in _OF_REPORT:
            ended[stream_id] = (position, name, body.get("reason", ""))
    if erased:
        found += _erased_patients(connection, erased)
    said = _Said()
    # The first event that says so destroyed it.
    for position, subject, name in sorted(found, key=lambda one: one[0]):
        said.add(subject, position, name)
    if ended:
        _submissions(connection, said, ended)
    return said


def _erased_patients(
    connection: psycopg.Connection[Any], erased: Sequence[tuple[str, int]]
) -> Iterator[_Saying]:
    """All that names these patients in clear, and the accounts that were left behind for theirs: in one way through the
    ledger, however many they are."""
    left = _left_behind(connection)
    by: dict[str, list[int]] = {}
    for patient_id, position in erased:
        for one in _with_left(patient_id, left):
            by.setdefault(one, []).append(position)
    named: dict[tuple[str, str], set[str]] = {}
    for _, stream_id, name, body in _events(connection, list(NAMING), naming=list(by)):
        for one in {str(body.get(each)) for each in NAMING[name]} & by.keys():
            named.setdefault((stream_id, one), set()).add(name)
    # Whose a report is ends by an event of its own; others may have had it before.
    streams: dict[str, set[int]] = {}
    for (stream_id, one), names in named.items():
        if not names & _REPORT:
            streams.setdefault(stream_id, set()).update(by[one])
    parts = [
        (body[_PARTS[name]], stream_id)
        for _, stream_id, name, body in _events(connection, list(_PARTS), streams=list(streams))
    ]
    subjects = [*by.items(), *streams.items(), *((part, streams[stream_id]) for part, stream_id in parts)]
    for subject, positions in subjects:
        yield from ((position, subject, "PatientErased") for position in positions)


def _left_behind(connection: psycopg.Connection[Any]) -> dict[str, set[str]]:
    """By ward the accounts that they left when they took a cabinet over."""
    left: dict[str, set[str]] = {}
    for _, _, _, body in _events(connection, ["CabinetHandedOver"]):
        left.setdefault(body["ward_id"], set()).add(body["claimant_id"])
    return left


def _with_left(patient_id: str, left: Mapping[str, set[str]]) -> set[str]:
    found, asked = {patient_id}, [patient_id]
    while asked:
        new = left.get(asked.pop(), set()) - found
        found |= new
        asked += new
    return found


def _submissions(
    connection: psycopg.Connection[Any], said: _Said, ended: Mapping[str, tuple[int, str, str]]
) -> None:
    """The envelope goes with the first report of an erased patient, or with the last that nobody came for."""
    for _, stream_id, _, body in _events(connection, ["SubmissionAccepted"]):
        of_ended = [ended[one["report_id"]] for one in body["reports"] if one["report_id"] in ended]
        for position, name, reason in of_ended[:1]:
            said.add(stream_id, position, name, must=reason == "patient-erased")
            said.last[stream_id] = max(ended_at for ended_at, _, _ in of_ended)


# A clear event's data is JSON in which the fields that name a patient stand in the clear, each once before anything of
# that name inside of it. Looked up by a hash, so it costs the same for one patient and for thousands.
_NAMED = " OR ".join(
    f'substring(state FROM position(\'"{field}":"\'::bytea IN state) + {len(field) + 4} FOR 36) = ANY(%(named)s::bytea[])'
    for field in sorted({field for fields in NAMING.values() for field in fields})
)


def _events(
    connection: psycopg.Connection[Any],
    names: list[str],
    *,
    naming: list[str] | None = None,
    streams: list[str] | None = None,
    at: Sequence[int] | None = None,
) -> Iterator[tuple[int, str, str, dict[str, Any]]]:
    """Clear events by their stored names: position, stream, name and data; all, or of some streams, or at some positions, or
    those that may name one of some patients."""
    condition = "topic = ANY(%(names)s)"
    if naming is not None:
        condition += f" AND ({_NAMED})"
    if streams is not None:
        condition += " AND originator_id = ANY(%(streams)s::uuid[])"
    if at is not None:
        condition += " AND notification_id = ANY(%(at)s::bigint[])"
    found = connection.execute(
        "SELECT notification_id, originator_id::text, topic, state FROM ledger.events"
        f" WHERE {condition} ORDER BY notification_id".encode(),
        {
            "names": names,
            "named": [one.encode() for one in naming or ()],
            "streams": streams,
            "at": None if at is None else list(at),
        },
    )
    for position, stream_id, name, state in found:
        yield position, stream_id, name, orjson.loads(bytes(state).rpartition(b"\n")[2])


def _leaf_indexes(connection: psycopg.Connection[Any], positions: list[int]) -> dict[int, int]:
    return dict(
        connection.execute(
            "SELECT position, leaf_index FROM transparency.leaves WHERE position = ANY(%s)", (positions,)
        ).fetchall()
    )


def _fault(connection: psycopg.Connection[Any], subject: str) -> KeyFault:
    """The first event that is sealed by a key of this subject."""
    row = connection.execute(
        "SELECT e.notification_id, l.leaf_index FROM ledger.events e JOIN ledger.data_keys k"
        " ON position(convert_to(k.key_id::text, 'UTF8') IN substring(e.state FOR 900)) > 0"
        " LEFT JOIN transparency.leaves l ON l.position = e.notification_id"
        " WHERE k.subject = %s AND k.erased_at IS NOT NULL ORDER BY 1 LIMIT 1",
        (subject,),
    ).fetchone()
    what = "a data key was destroyed, and no event says so"
    return KeyFault(what, *row) if row else KeyFault(what)
