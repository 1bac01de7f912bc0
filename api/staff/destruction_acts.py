"""The act of destruction, taken away by a compliance officer: as a PDF for people, or as the file that proves it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from api.destruction_act import act_pdf
from api.portal.downloads import file_headers
from api.problems import ProblemError
from api.staff.web import StaffVisit, reads
from domain.erasure import DestructionActDrawn
from domain.reading import Evidence, EvidenceTaken, ReadingPurpose
from domain.staff import Role
from domain.values import PatientId
from ledger.destruction_act import Drawn
from ledger.readings import record_readings
from projections import destruction
from projections.destruction import ActNotDrawnError

router = APIRouter(include_in_schema=False, prefix="/staff/erasures")
Officer = Annotated[StaffVisit, Depends(reads(Role.COMPLIANCE))]


@router.get("/{patient_id:uuid}/act")
def act_as_pdf(visit: Officer, patient_id: UUID) -> Response:
    recorded, drawn, file = _taken(visit, patient_id)
    pdf = act_pdf(recorded, drawn, file, locale=visit.locale, time_zone=visit.door.settings.time_zone)
    headers = file_headers(f"akt-{recorded.number}.pdf")
    return Response(pdf, media_type="application/pdf", headers=headers)


@router.get("/{patient_id:uuid}/act.json")
def act_as_json(visit: Officer, patient_id: UUID) -> Response:
    recorded, _, file = _taken(visit, patient_id)
    headers = file_headers(f"akt-{recorded.number}.json")
    return Response(file, media_type="application/json", headers=headers)


def _taken(visit: StaffVisit, patient_id: UUID) -> tuple[DestructionActDrawn, Drawn, bytes]:
    """The act, once it is recorded that it leaves."""
    try:
        found = destruction.act_of(visit.ledger, PatientId(patient_id))
    except ActNotDrawnError:
        raise ProblemError("not-found") from None
    taken = EvidenceTaken(
        patient_id=PatientId(patient_id),
        evidence=Evidence.DESTRUCTION,
        about=None,
        purpose=ReadingPurpose.COMPLIANCE,
    )
    record_readings(visit.ledger, [taken], visit.by())
    return found
