"""«Ожидаемые результаты»: where each requested study is, and why one that came is not shown yet (S66-S68)."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from api.list_words import EXPECTED_STEPS
from api.portal.waiting import mended_at, waiting_of
from api.portal.web import Person, Visit
from domain import report
from domain.study_request import BY_NUMBER, OPEN, RequestStatus, StudyRequest, answered_by
from domain.values import OrganisationId
from ledger import onboarding
from ledger.identity import look
from ledger.matching import barrier_of
from ledger.sampling import load_sampling
from ledger.sight import Sight
from ledger.store import StreamErasedError
from ledger.study_request import load_request
from ledger.waiting_reports import reasons_of
from projections import matching
from projections.study_requests import requests_of

router = APIRouter(include_in_schema=False)


@router.get("/services/expected")
def expected_page(person: Person) -> Response:
    shown = [
        request_shown(person, row.request_id, request)
        for row in requests_of(person.ledger, person.patient_id)
        if (request := _load(person, row.request_id)) is not None
    ]
    # What presses comes first: the sort keeps the order of time within both.
    shown.sort(key=lambda one: (not one["is_open"], not one["is_pressing"]))
    waiting = [one | {"href": mended_at(one["reason"])} for one in waiting_of(person)]
    return person.page("expected.html", requests=shown, waiting=waiting)


def request_shown(person: Visit, request_id: UUID, request: StudyRequest) -> dict[str, Any]:
    """A request as the pages show it."""
    study, language = request.study, 0 if person.locale == "ru" else 1
    now = datetime.now(UTC)
    point = load_sampling(person.ledger, request.organisation_id).points.get(request.point or "")
    waiting = _waiting(person, request)
    return {
        "id": str(request_id),
        "number": request.number or "—",
        "name": study.names[language] if study else "—",
        "type": study.study_type.value if study else None,
        "material": study.material.value if study else None,
        "preparation": study.preparation.value if study else None,
        "organisation": onboarding.laboratory_of_id(person.ledger, request.organisation_id).name,
        "coverage": request.coverage.value if request.coverage else None,
        "paid": request.paid.said_by.value if request.paid else None,
        "is_urgent": request.is_urgent,
        "is_pressing": request.is_pressing,
        "is_open": request.status in OPEN,
        "is_before_sample": request.status in (RequestStatus.REQUESTED, RequestStatus.SCHEDULED),
        "state": "waiting" if waiting else "overdue" if request.is_overdue(now) else request.status.value,
        "barrier": waiting,
        "mended_at": mended_at(waiting) if waiting else None,
        "steps": steps_of(request, is_waiting=waiting is not None, now=now),
        "starts_at": request.starts_at,
        "point": f"{point.name}, {point.address}" if point else None,
        "taken_at": request.taken_at,
        "due_at": request.due_at,
        "report_id": str(request.report_id) if request.report_id else None,
    }


def steps_of(request: StudyRequest, *, is_waiting: bool, now: datetime) -> list[dict[str, Any]]:
    """The way of a result, step by step: what is done, where it is now, what is still to come. Of a cancelled one
    there is no way."""
    if request.status is RequestStatus.CANCELLED:
        return []
    is_shown = request.status is RequestStatus.FULFILLED
    is_at_laboratory = is_shown or is_waiting or request.status is RequestStatus.AT_LABORATORY
    done = {
        "requested": True,
        "sampled": is_at_laboratory or request.status is RequestStatus.SAMPLED,
        "at-laboratory": is_at_laboratory,
        "received": is_shown or is_waiting,
        "shown": is_shown,
    }
    next_one = next((name for name in EXPECTED_STEPS if not done[name]), None)
    troubled = is_waiting or request.is_overdue(now)
    moments = {
        "sampled": request.taken_at or request.starts_at,
        "received": None if done["received"] else request.due_at,
    }
    return [
        {
            "name": name,
            "state": "done" if done[name] else "todo" if name != next_one else "late" if troubled else "now",
            "at": moments.get(name),
        }
        for name in EXPECTED_STEPS
    ]


def _waiting(person: Visit, request: StudyRequest) -> str | None:
    """What keeps back the report that was asked for, if it has come. One that only its code speaks for is spoken
    of if it is the patient's for certain: whoever lays claim to a number must not learn by it what others have."""
    if request.status not in OPEN:
        return None
    sight = Sight(person.ledger, OrganisationId(request.organisation_id))
    for report_id in matching.waiting_for(person.ledger, person.patient_id):
        try:
            state, _ = person.ledger.load(report_id, report.evolve)
        except StreamErasedError:
            continue
        is_ours = state is not None and state.laboratory_id == request.organisation_id
        found_by = answered_by(request, state.current) if state is not None and is_ours else None
        if state is None or found_by is None:
            continue
        if found_by != BY_NUMBER and not _is_theirs(person, report_id):
            continue
        return barrier_of(sight, person.patient_id, state.current).code
    return None


def _is_theirs(person: Visit, report_id: UUID) -> bool:
    known = look(person.ledger, person.patient_id)
    is_believed = known.so_far.is_believed(known.patient)
    return is_believed and bool(reasons_of(person.ledger, person.patient_id, [report_id]))


def _load(person: Visit, request_id: UUID) -> StudyRequest | None:
    try:
        return load_request(person.ledger, request_id)[0]
    except StreamErasedError:
        return None
