"""A doctor's referral becomes a request for the study by one press (S142)."""

from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from api.portal.consultation_booking import LIST, own_cabinet
from api.portal.studies import REFUSALS as STUDY_REFUSALS
from api.portal.studies import refusal as study_refusal
from api.portal.web import Actor, Form, go
from api.problems import ProblemError
from domain.consultation import ConsultationUnknownError
from domain.consultation_outcome import ReferralTakenError
from domain.study_catalogue import STUDIES
from domain.study_request import Coverage
from domain.values import OrganisationId
from ledger import consultations
from ledger import study_request as requests
from ledger.study_request import Order
from projections import cabinet

router = APIRouter(include_in_schema=False)


@router.post(LIST + "/{consultation_id:uuid}/referrals/{referral}")
def take_referral(person: Actor, form: Form, consultation_id: UUID, referral: int) -> Response:
    """Ask a linked organisation for the study, by the policy; then the page of the request goes on."""
    own_cabinet(person)
    try:
        state = consultations.consultation_of_patient(person.ledger, person.patient_id, consultation_id)
    except ConsultationUnknownError:
        raise ProblemError("not-found") from None
    found = state.outcome.referrals.get(referral)
    if found is None:
        raise ProblemError("not-found")
    if found.request_id is not None:
        raise ProblemError("consultation-referral-taken")
    linked = {
        str(row.laboratory_id) for row, _ in cabinet.linked_laboratories(person.ledger, person.patient_id)
    }
    if form.get("organisation") not in linked:
        raise ProblemError("study-organisation-not-linked")
    order = Order(OrganisationId(UUID(form["organisation"])), STUDIES[found.given.code], Coverage.POLICY)
    try:
        request_id = requests.request_study(person.ledger, person.patient_id, order, person.by())
    except STUDY_REFUSALS as error:
        raise ProblemError(study_refusal(error).code) from None
    try:
        consultations.take_referral(
            person.ledger, consultation_id, referral, request_id=request_id, by=person.by()
        )
    except ReferralTakenError:
        # Pressed twice at once: the second request is taken back.
        requests.cancel(person.ledger, request_id, reason="patient", by=person.by())
        raise ProblemError("consultation-referral-taken") from None
    return go(f"/services/studies/{request_id}", notice="study-requested")
