"""Belongings: everything in the ledger that is a patient's, found by what is in clear.

No view is asked, for a view may lag, and an erasure must miss nothing. The price: one way through the ledger, by the
names of the events that can say whose something is. Two things are found by opening them: which submissions brought
a report, and whose a report would be that waits for its patient.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from psycopg.rows import tuple_row

from domain import report
from domain.consultation_preparation import ConsultationScanAttached
from domain.identity import ScanAdded
from domain.report import ReportDestroyed, ReportMatched, ReportRekeyed, ReportUnmatched
from domain.submission import SubmissionAccepted
from domain.takeover import CabinetHandedOver
from domain.ticket_events import TicketFileAttached
from domain.values import OrganisationId, PatientId
from ledger.codec import RecordedEvent
from ledger.event_types import EVENT_TYPES
from ledger.matching import owners_of
from ledger.naming import NAMING, patients_in
from ledger.sight import Sight
from ledger.store import Ledger

_ENDED = ("ReportRekeyed", "ReportDestroyed")
_CLEAR = [name for name, stored in EVENT_TYPES.items() if stored.purpose is None]
_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Belongings:
    """What was a patient's as of `position`. `patients` are all who are one person: a ward who took a cabinet over
    left an account behind. `streams` name them or are theirs, each with its clear events; `reports` are those of them
    that hold a report, matched or waiting; `submissions` brought these reports. `subjects` are whose data keys seal
    all of this: more than one patient's may be sealed by a submission's."""

    patients: frozenset[PatientId]
    position: int
    streams: Mapping[UUID, Sequence[RecordedEvent]]
    reports: frozenset[UUID]
    submissions: frozenset[UUID]
    subjects: frozenset[UUID]
    keys: frozenset[UUID]
    documents: frozenset[UUID]
    marks: int


def belongings_of(ledger: Ledger, patient_id: PatientId) -> Belongings:
    """What is the patient's by now. Whoever acts on it must see that nothing came since `position` (`Wipe`)."""
    position = ledger.last_position()
    patients, streams = _streams_of(ledger, patient_id)
    waiting = _waiting_for(ledger, patients)
    streams = {**streams, **_clear_events(ledger, waiting - streams.keys())}
    reports = waiting | {one for one, events in streams.items() if _owner(events) in patients}
    not_theirs = {one for one, events in streams.items() if _is_report(events)} - reports
    streams = {one: events for one, events in streams.items() if one not in not_theirs}
    submissions = _submissions_of(ledger, reports)
    parts = {part for events in streams.values() for one in events for part in _parts(one)}
    subjects = frozenset({*patients, *streams, *submissions, *parts})
    keys, documents, marks = _sealed_under(ledger, subjects)
    return Belongings(
        patients=patients,
        position=position,
        streams=streams,
        reports=frozenset(reports),
        submissions=frozenset(submissions),
        subjects=subjects,
        keys=keys,
        documents=documents,
        marks=marks,
    )


def _streams_of(
    ledger: Ledger, patient_id: PatientId
) -> tuple[frozenset[PatientId], dict[UUID, list[RecordedEvent]]]:
    """The streams that name the patient, and the accounts that they left behind when a cabinet was handed over."""
    patients, asked = {patient_id}, [patient_id]
    found: dict[UUID, list[RecordedEvent]] = {}
    while asked:
        one = asked.pop()
        named = {event.stream_id for event in _naming(ledger, one)}
        found.update(_clear_events(ledger, {one, *named} - found.keys()))
        for stream_id in named:
            for recorded in found[stream_id]:
                event = recorded.event
                if isinstance(event, CabinetHandedOver) and event.ward_id in patients:
                    left = event.claimant_id
                    asked += [] if left in patients else [left]
                    patients.add(left)
    return frozenset(patients), found


def _naming(ledger: Ledger, patient_id: PatientId) -> list[RecordedEvent]:
    """The events that name the patient as one whose something is; who only acted in them is not named."""
    query = "topic = ANY(%s) AND position(%s IN state) > 0"
    found = _read(ledger, query, (list(NAMING), str(patient_id).encode()))
    return [one for one in found if patient_id in patients_in(one.event)]


def _clear_events(ledger: Ledger, stream_ids: Iterable[UUID]) -> dict[UUID, list[RecordedEvent]]:
    found: dict[UUID, list[RecordedEvent]] = {stream_id: [] for stream_id in stream_ids}
    query = "originator_id = ANY(%s) AND topic = ANY(%s)"
    for recorded in _read(ledger, query, (list(found), _CLEAR)):
        found[recorded.stream_id].append(recorded)
    return found


def _read(ledger: Ledger, condition: str, parameters: tuple[Any, ...]) -> list[RecordedEvent]:
    """The events in order of position."""
    with ledger.pool.connection() as connection:
        cursor = connection.cursor(binary=True, row_factory=tuple_row)
        cursor.execute(
            "SELECT originator_id, originator_version, topic, state, notification_id FROM ledger.events"
            f" WHERE {condition} ORDER BY notification_id",
            parameters,
        )
        rows = [(StoredEvent(*row[:4]), row[4]) for row in cursor.fetchall()]
    return ledger.mapper.to_recorded_events(rows)


# Whose a report is.


def _is_report(events: Iterable[RecordedEvent]) -> bool:
    return any(isinstance(one.event, ReportMatched | ReportUnmatched) for one in events)


def _owner(events: Iterable[RecordedEvent]) -> PatientId | None:
    """Whose the report of a stream is; nobody's, if it is no report, or goes on elsewhere."""
    owner = None
    for recorded in events:
        match recorded.event:
            case ReportMatched(patient_id=patient_id):
                owner = patient_id
            case ReportUnmatched() | ReportRekeyed() | ReportDestroyed():
                owner = None
    return owner


def _waiting_for(ledger: Ledger, patients: frozenset[PatientId]) -> set[UUID]:
    """The reports that wait, whose numbers lead to one of these and to nobody else."""
    with ledger.pool.connection() as connection:
        rows = connection.execute(
            "SELECT e.originator_id FROM ledger.events e WHERE e.topic = 'ReportReceived'"
            " AND NOT EXISTS (SELECT FROM ledger.events m WHERE m.originator_id = e.originator_id"
            " AND m.topic = ANY(%s)) ORDER BY e.notification_id",
            (["ReportMatched", *_ENDED],),
        ).fetchall()
    ids = [row[0] for row in rows]
    found: set[UUID] = set()
    for start in range(0, len(ids), _BATCH):
        part = ids[start : start + _BATCH]
        for report_id, folded in zip(
            part, ledger.load_unerased(*((one, report.evolve) for one in part)), strict=True
        ):
            state = folded[0] if folded is not None else None
            if state is None or state.patient_id is not None:
                continue
            sight = Sight(ledger, OrganisationId(state.laboratory_id))
            owners = {owner for one in state.versions for owner, _ in owners_of(sight, one.subject)}
            if owners and owners <= patients:
                found.add(report_id)
    return found


def _submissions_of(ledger: Ledger, reports: Iterable[UUID]) -> set[UUID]:
    """Which submissions brought a version of one of these reports, or brought one again."""
    known = list(reports)
    folded = ledger.load_unerased(*((one, report.evolve) for one in known)) if known else []
    found = {one for state in folded if state and state[0] for one in state[0].submissions}
    named = {*known, *_predecessors(ledger, known)}
    if not named:
        return found
    query = (
        "topic = 'SubmissionAccepted' AND EXISTS"
        " (SELECT FROM unnest(%s::bytea[]) n (name) WHERE position(n.name IN state) > 0)"
    )
    for recorded in _read(ledger, query, ([str(one).encode() for one in named],)):
        event = recorded.event
        if isinstance(event, SubmissionAccepted) and any(one.report_id in named for one in event.reports):
            found.add(recorded.stream_id)
    return found


def _predecessors(ledger: Ledger, reports: Iterable[UUID]) -> set[UUID]:
    """Under which ids these reports went before they went on under another key."""
    went_on: dict[UUID, list[UUID]] = defaultdict(list)
    for recorded in _read(ledger, "topic = %s", ("ReportRekeyed",)):
        if isinstance(recorded.event, ReportRekeyed):
            went_on[recorded.event.successor_id].append(recorded.stream_id)
    found: set[UUID] = set()
    asked = list(reports)
    while asked:
        before = went_on.get(asked.pop(), [])
        asked += before
        found.update(before)
    return found


# What seals it.


def _parts(recorded: RecordedEvent) -> tuple[UUID, ...]:
    """Files with a key of their own."""
    match recorded.event:
        case (
            ScanAdded(scan_id=part)
            | ConsultationScanAttached(scan_id=part)
            | TicketFileAttached(file_id=part)
        ):
            return (part,)
        case _:
            return ()


def _sealed_under(ledger: Ledger, subjects: frozenset[UUID]) -> tuple[frozenset[UUID], frozenset[UUID], int]:
    """The live keys of these, the documents under them, and how many marks lead to these."""
    with ledger.pool.connection() as connection:
        keys = connection.execute(
            "SELECT key_id FROM ledger.data_keys WHERE subject = ANY(%s) AND wrapped IS NOT NULL",
            (list(subjects),),
        ).fetchall()
        live = [row[0] for row in keys]
        documents = connection.execute(
            "SELECT document_id FROM ledger.documents WHERE key_id = ANY(%s)", (live,)
        ).fetchall()
        marks = connection.execute(
            "SELECT count(*) FROM ledger.blind_index WHERE subject = ANY(%s)", (list(subjects),)
        ).fetchone()
    return frozenset(live), frozenset(row[0] for row in documents), int(marks[0]) if marks else 0
