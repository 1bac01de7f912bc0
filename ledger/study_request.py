"""Study requests in the ledger: asked for, scheduled, followed to the report, or cancelled."""

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from domain import laboratory, linkage, patient, report, sampling, study_request
from domain.sampling import SlotUnknownError
from domain.study_catalogue import Study
from domain.study_request import (
    Coverage,
    SampleReachedLaboratory,
    SampleTaken,
    StudyPaid,
    StudyRequest,
    StudyRequestEvent,
)
from domain.study_type import StudyType
from domain.values import OrganisationId, PatientId
from ledger.codec import Circumstances
from ledger.commands import LaboratoryNotFoundError, PatientNotFoundError, decide_again
from ledger.linkage import linkage_stream
from ledger.recorder import Guard, Mark
from ledger.sampling import sampling_stream, slot_mark
from ledger.store import Ledger, StreamErasedError, Write

# In the blind index: the number by which an organisation finds a request.
NUMBER_MARK = "study-request"
BOOK_DAYS = 14
# Without letters that are taken for digits (Crockford).
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class RequestNotFoundError(Exception):
    """There is no such study request."""


class OrganisationNotLinkedError(Exception):
    """The organisation is not linked: its result would not reach the patient."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a patient asks for."""

    organisation_id: OrganisationId
    study: Study
    coverage: Coverage
    is_urgent: bool = False


def new_number() -> str:
    """A number that nobody guesses: whoever has it can look for the sample at the organisation."""
    drawn = "".join(secrets.choice(_LETTERS) for _ in range(10))
    return f"{drawn[:5]}-{drawn[5:]}"


def request_study(ledger: Ledger, patient_id: PatientId, order: Order, by: Circumstances) -> UUID:
    """Ask a linked organisation. PolicyMissingError without a policy (S36)."""
    request_id, number = uuid4(), new_number()
    linkage_id = linkage_stream(ledger, patient_id, order.organisation_id)

    def act() -> UUID:
        (known, patient_version), (linked, linkage_version), (issuer, _) = ledger.load_all(
            (patient_id, patient.evolve),
            (linkage_id, linkage.evolve),
            (order.organisation_id, laboratory.evolve),
        )
        if known is None:
            raise PatientNotFoundError(patient_id)
        patient.require_policy(known)
        if issuer is None:
            raise LaboratoryNotFoundError
        if linked is None or not linked.linked:
            raise OrganisationNotLinkedError
        events = study_request.request(
            patient_id=patient_id,
            organisation_id=order.organisation_id,
            study=order.study,
            number=number,
            coverage=order.coverage,
            available=frozenset(issuer.study_types or StudyType),
            is_urgent=order.is_urgent,
        )
        ledger.append(
            Write(request_id, 0, events, request_id),
            circumstances=by,
            marks=(ledger.mark(NUMBER_MARK, study_request.folded(number), request_id),),
            guards=(Guard(patient_id, patient_version), Guard(linkage_id, linkage_version)),
        )
        return request_id

    return decide_again(act)


def schedule_sampling(
    ledger: Ledger,
    request_id: UUID,
    *,
    point: str,
    starts_at: datetime,
    now: datetime,
    by: Circumstances,
) -> None:
    """Book a time that is free; the earlier one is free again. SlotUnknownError if the point has no such time,
    MarkTakenError if somebody was faster."""

    def act() -> None:
        known, version = load_request(ledger, request_id)
        organisation_id = known.organisation_id
        points_id = sampling_stream(ledger, organisation_id)
        points, points_version = ledger.load(points_id, sampling.evolve)
        stated = points.points.get(point) if points else None
        if stated is None:
            raise SlotUnknownError
        sampling.require_slot(stated, starts_at, now=now, days=BOOK_DAYS)
        if (
            known.study is not None
            and stated.study_types
            and known.study.study_type not in stated.study_types
        ):
            raise study_request.StudyNotAvailableError
        events = study_request.schedule(known, point=point, starts_at=starts_at)
        if not events:
            return
        ledger.append(
            Write(request_id, version, events, request_id),
            circumstances=by,
            marks=(slot_mark(ledger, organisation_id, point, starts_at, request_id),),
            released=_slot(ledger, request_id, known),
            # The hours must still be so.
            guards=(Guard(points_id, points_version),),
        )

    decide_again(act)


def pay(ledger: Ledger, request_id: UUID, paid: StudyPaid, by: Circumstances) -> None:
    _change(ledger, request_id, lambda known: study_request.pay(known, paid), by)


def take_sample(
    ledger: Ledger, request_id: UUID, *, taken_at: datetime, now: datetime, by: Circumstances
) -> None:
    _change(
        ledger, request_id, lambda known: study_request.take_sample(known, taken_at=taken_at, now=now), by
    )


def reach_laboratory(ledger: Ledger, request_id: UUID, *, at: datetime, by: Circumstances) -> None:
    _change(ledger, request_id, lambda known: study_request.reach_laboratory(known, at=at), by)


def fulfil(ledger: Ledger, request_id: UUID, *, report_id: UUID, by: Circumstances) -> bool:
    """Whether the report is what was waited for until now. What its patient sees of it counts, not a later version
    that is held; and it must still be theirs at this position."""

    def act() -> bool:
        known, version = load_request(ledger, request_id)
        try:
            found, report_version = ledger.load(report_id, report.evolve)
        except StreamErasedError:
            return False
        if found is None or found.patient_id != known.patient_id:
            return False
        how = study_request.answered_by(known, found.shown)
        events = study_request.fulfil(known, report_id=report_id, found_by=how) if how else ()
        ledger.append(
            Write(request_id, version, events, request_id),
            circumstances=by,
            released=_left_slot(ledger, request_id, known),
            guards=(Guard(report_id, report_version),),
        )
        return bool(events)

    return decide_again(act)


def cancel(ledger: Ledger, request_id: UUID, *, reason: str, by: Circumstances) -> None:
    """Nothing is waited for any more, and the time that was booked is free."""

    def act() -> None:
        known, version = load_request(ledger, request_id)
        cancelled = study_request.cancel(known, reason=reason)
        ledger.append(
            Write(request_id, version, (cancelled,), request_id),
            circumstances=by,
            released=_slot(ledger, request_id, known),
        )

    decide_again(act)


def load_request(ledger: Ledger, request_id: UUID) -> tuple[StudyRequest, int]:
    """RequestNotFoundError if there is none, whatever else the id may be of."""
    first = next(ledger.read(request_id), None)
    if first is None or not isinstance(first.event, study_request.StudyRequested):
        raise RequestNotFoundError
    known, version = ledger.load(request_id, study_request.evolve)
    assert known is not None
    return known, version


def request_of_patient(ledger: Ledger, patient_id: PatientId, request_id: UUID) -> StudyRequest:
    """RequestNotFoundError too if it is somebody else's."""
    known, _ = load_request(ledger, request_id)
    if known.patient_id != patient_id:
        raise RequestNotFoundError
    return known


def find_request(ledger: Ledger, organisation_id: OrganisationId, number: str) -> UUID:
    """By the number that the patient shows at the organisation; RequestNotFoundError if it is another's."""
    request_id = ledger.find(NUMBER_MARK, study_request.folded(number))
    if request_id is None or load_request(ledger, request_id)[0].organisation_id != organisation_id:
        raise RequestNotFoundError
    return request_id


def _slot(ledger: Ledger, request_id: UUID, known: StudyRequest) -> Sequence[Mark]:
    if known.point is None or known.starts_at is None:
        return ()
    return (slot_mark(ledger, known.organisation_id, known.point, known.starts_at, request_id),)


def _left_slot(ledger: Ledger, request_id: UUID, known: StudyRequest) -> Sequence[Mark]:
    """A time that was booked, of who needs it no more: the sample was taken, or the report is there already."""
    return _slot(ledger, request_id, known) if known.status in study_request.BEFORE_SAMPLE else ()


def _change(
    ledger: Ledger,
    request_id: UUID,
    decide: Callable[[StudyRequest], Iterable[StudyRequestEvent]],
    by: Circumstances,
) -> bool:
    def act() -> bool:
        known, version = load_request(ledger, request_id)
        events = tuple(decide(known))
        is_left = any(isinstance(event, SampleTaken | SampleReachedLaboratory) for event in events)
        ledger.append(
            Write(request_id, version, events, request_id),
            circumstances=by,
            released=_left_slot(ledger, request_id, known) if is_left else (),
        )
        return bool(events)

    return decide_again(act)
