"""Medical organisations: which a patient takes results from (S37-S43, S69-S76)."""

from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from api.portal.web import Actor, Form, Person, Visit, go
from api.problems import ProblemError
from domain.organisation import OrganisationKind
from domain.patient import PolicyMissingError
from domain.values import OrganisationId
from ledger import commands, onboarding
from projections import cabinet

router = APIRouter(include_in_schema=False)


@router.get("/services/organisations")
def organisations_page(person: Person, q: str = "") -> Response:
    patient_id = person.patient_id
    linked = cabinet.linked_laboratories(person.ledger, patient_id)
    have = {laboratory.laboratory_id for laboratory, _ in linked}
    found = cabinet.laboratories(person.ledger, search=q[:200]) if q.strip() else []
    return person.page(
        "organisations.html",
        q=q[:200],
        organisations=[
            {
                "name": laboratory.name,
                "inn": laboratory.inn,
                "kind": _kind(person, laboratory.laboratory_id),
                "status_id": "organisation.status.active",
                "linked_at": linked_at,
            }
            for laboratory, linked_at in linked
        ],
        found=[
            {
                "id": str(row.laboratory_id),
                "name": row.name,
                "inn": row.inn,
                "kind": _kind(person, row.laboratory_id),
            }
            for row in found
            if row.laboratory_id not in have
        ],
    )


def _kind(person: Visit, laboratory_id: UUID) -> OrganisationKind:
    """Whoever submits reports is a laboratory, until something else is stated."""
    stated = onboarding.laboratory_of_id(person.ledger, laboratory_id).kind
    return stated or OrganisationKind.LABORATORY


@router.post("/services/organisations")
def add_organisation(person: Actor, form: Form) -> Response:
    try:
        organisation_id = OrganisationId(UUID(form.get("organisation", "")))
        commands.link_organisation(person.ledger, person.patient_id, organisation_id, person.by())
    except (ValueError, commands.LaboratoryNotFoundError):
        raise ProblemError("not-found") from None
    except PolicyMissingError:
        raise ProblemError("policy-missing") from None
    return go("/services/organisations", notice="organisation-added")
