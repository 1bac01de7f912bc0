"""Study requests: where each one is, for its patient and for the step that looks for its report.

By pseudonyms, times and states only: which study it is stays sealed in the request's stream.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.study_request import (
    OPEN,
    RequestStatus,
    SampleReachedLaboratory,
    SampleTaken,
    SamplingScheduled,
    StudyRequestCancelled,
    StudyRequested,
    StudyRequestFulfilled,
)
from domain.values import OrganisationId, PatientId
from ledger.codec import RecordedEvent
from ledger.store import Ledger
from projections.projection import Projection, Rows


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request; `report_id` is what fulfilled it."""

    request_id: UUID
    patient_id: PatientId
    organisation_id: OrganisationId
    status: RequestStatus
    is_urgent: bool
    requested_at: datetime
    starts_at: datetime | None
    taken_at: datetime | None
    changed_at: datetime
    report_id: UUID | None


# How events change the rows.

_REQUESTED = "INSERT INTO requests VALUES (%s, %s, %s, %s, %s, %s, NULL, NULL, %s, NULL)"
_CHANGED = "UPDATE requests SET status = %s, changed_at = %s WHERE request_id = %s"


def apply(rows: Rows, events: Sequence[RecordedEvent], ledger: Ledger) -> None:  # noqa: ARG001 - one shape
    for recorded in events:
        request_id, at = recorded.stream_id, recorded.recorded_at
        match recorded.event:
            case StudyRequested() as event:
                whose = (request_id, event.patient_id, event.organisation_id)
                rows.execute(_REQUESTED, (*whose, RequestStatus.REQUESTED, event.is_urgent, at, at))
            case SamplingScheduled() as event:
                rows.execute(_CHANGED, (RequestStatus.SCHEDULED, at, request_id))
                rows.execute(
                    "UPDATE requests SET starts_at = %s WHERE request_id = %s", (event.starts_at, request_id)
                )
            case SampleTaken() as event:
                rows.execute(_CHANGED, (RequestStatus.SAMPLED, at, request_id))
                rows.execute(
                    "UPDATE requests SET taken_at = %s WHERE request_id = %s", (event.taken_at, request_id)
                )
            case SampleReachedLaboratory():
                rows.execute(_CHANGED, (RequestStatus.AT_LABORATORY, at, request_id))
            case StudyRequestFulfilled() as event:
                rows.execute(_CHANGED, (RequestStatus.FULFILLED, at, request_id))
                rows.execute(
                    "UPDATE requests SET report_id = %s WHERE request_id = %s", (event.report_id, request_id)
                )
            case StudyRequestCancelled():
                rows.execute(_CHANGED, (RequestStatus.CANCELLED, at, request_id))
            case _:
                continue


# Queries.


def requests_of(ledger: Ledger, patient_id: PatientId, *, limit: int = 200) -> list[RequestRow]:
    """The patient's requests, the latest first."""
    with ledger.of_patient(patient_id) as connection:
        found = connection.execute(
            "SELECT * FROM study_requests.requests WHERE patient_id = %s"
            " ORDER BY requested_at DESC, request_id LIMIT %s",
            (patient_id, limit),
        ).fetchall()
    return [_row(row) for row in found]


def open_requests(ledger: Ledger, *, after: UUID, limit: int = 500) -> list[RequestRow]:
    """The next requests that wait for a report, by id."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT * FROM study_requests.requests WHERE status = ANY(%s) AND request_id > %s"
            " ORDER BY request_id LIMIT %s",
            ([status.value for status in OPEN], after, limit),
        ).fetchall()
    return [_row(row) for row in found]


def open_requests_of(
    ledger: Ledger, patient_id: PatientId, organisation_id: OrganisationId
) -> list[RequestRow]:
    """What the patient waits for from this organisation."""
    with ledger.of_patient(patient_id) as connection:
        found = connection.execute(
            "SELECT * FROM study_requests.requests WHERE patient_id = %s AND organisation_id = %s"
            " AND status = ANY(%s) ORDER BY requested_at, request_id",
            (patient_id, organisation_id, [status.value for status in OPEN]),
        ).fetchall()
    return [_row(row) for row in found]


def reports_to_look_at(ledger: Ledger, request: RequestRow) -> list[UUID]:
    """The patient's reports of that organisation that came since, without those that have fulfilled a request;
    the earliest first."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT r.report_id FROM cabinet.reports r WHERE r.patient_id = %s AND r.laboratory_id = %s"
            " AND r.received_at >= %s AND NOT EXISTS (SELECT FROM study_requests.requests q"
            " WHERE q.report_id = r.report_id) ORDER BY r.received_at, r.report_id LIMIT 100",
            (request.patient_id, request.organisation_id, request.requested_at),
        ).fetchall()
    return [row[0] for row in found]


def _row(row: tuple[Any, ...]) -> RequestRow:
    request_id, patient_id, organisation_id, status, *rest = row
    return RequestRow(request_id, patient_id, organisation_id, RequestStatus(status), *rest)


STUDY_REQUESTS = Projection(
    name="study_requests",
    tables={"requests": "request_id"},
    apply=apply,
    names=frozenset(
        {
            "StudyRequested",
            "SamplingScheduled",
            "SampleTaken",
            "SampleReachedLaboratory",
            "StudyRequestFulfilled",
            "StudyRequestCancelled",
        }
    ),
)
