"""The page of what a patient has set up, and what is next (S18-S43)."""

from fastapi import APIRouter
from fastapi.responses import Response

from api.portal.consents import consent_of
from api.portal.web import Person
from domain.consent import ConsentKind
from ledger import commands
from projections import cabinet

router = APIRouter(include_in_schema=False)


@router.get("/services")
def services_page(person: Person) -> Response:
    """The checklist of S18-S43: what is done, what is next."""
    patient_id = person.patient_id
    patient = commands.load_patient(person.ledger, patient_id)
    consents = [consent_of(person, kind) for kind in ConsentKind]
    done = {
        "phone": patient.phone_confirmed,
        "profile": patient.profile is not None,
        "policy": patient.policy is not None,
        "organisation": bool(cabinet.linked_laboratories(person.ledger, patient_id)),
        "consents": all(state is not None and state.in_force for state in consents),
        "email": patient.email is not None,
    }
    links = {
        "phone": "/services",
        "profile": "/services/profile",
        "policy": "/services/policy",
        "organisation": "/services/organisations",
        "consents": "/consents",
        "email": "/services/profile",
    }
    steps = [{"key": key, "done": done[key], "href": links[key]} for key in done]
    return person.page("services.html", steps=steps)
