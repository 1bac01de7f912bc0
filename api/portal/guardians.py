"""Pages of a ward with a way in of their own: who represents them, what they let those see, and taking over the
cabinet that a guardian kept."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from api.portal.ward_fields import Errors, read_claim
from api.portal.web import Actor, Form, Person, Visit, go, told
from api.problems import ProblemError, explain
from domain.guardianship import GuardianshipNotConfirmedError, GuardianshipStatus, WardDoesNotDecideError
from domain.study_type import StudyType
from domain.takeover import ClaimantHasProfileError
from ledger import commands, guardianship, takeover
from ledger.guardianship import Relation
from projections import guardianship as guardianships
from projections.guardianship import GUARDIANSHIP

router = APIRouter(include_in_schema=False)
LIST = "/guardians"


@router.get("/guardians")
def guardians_page(person: Person) -> Response:
    patient_id = person.signed_in().patient_id
    rows = guardianships.relations_of_ward(person.ledger, patient_id)
    relations = [guardianship.look(person.ledger, row.guardianship_id) for row in rows]
    return person.page(
        "guardians.html",
        guardians=[_shown(relation) for relation in relations],
        may_claim=commands.load_patient(person.ledger, patient_id).profile is None,
    )


@router.post("/guardians/{guardianship_id}/sections")
def permit(person: Actor, form: Form, guardianship_id: UUID) -> Response:
    """The guardian sees exactly the sections that are ticked."""
    person.require_step_up()
    patient_id = person.signed_in().patient_id
    row = guardianships.relation(person.ledger, guardianship_id)
    if row is None or row.ward_id != patient_id:
        raise ProblemError("not-found")
    sections = chosen_sections(form)
    try:
        guardianship.permit(person.ledger, guardianship_id, patient_id, sections, person.by())
    except WardDoesNotDecideError:
        raise ProblemError("ward-does-not-decide") from None
    except GuardianshipNotConfirmedError:
        raise ProblemError("guardianship-not-confirmed") from None
    return go(LIST, notice="sections-permitted")


def chosen_sections(form: Mapping[str, str]) -> frozenset[StudyType]:
    """The sections that are ticked in a form."""
    return frozenset(section for section in StudyType if form.get(f"section-{section}") == "yes")


def _shown(relation: Relation) -> dict[str, Any]:
    state, sight = relation.state, relation.sight
    return {
        "id": str(relation.guardianship_id),
        "kind": state.kind,
        "status": state.status,
        "end": state.end if state.status is GuardianshipStatus.ENDED else None,
        "may_permit": relation.may_permit,
        "until": sight.until,
        "sections": [
            {
                "name": section,
                "is_seen": section in sight.sections,
                "is_permitted": section in state.permitted,
            }
            for section in StudyType
        ],
    }


# Taking over


@router.get("/guardians/claim")
def claim_page(person: Person) -> Response:
    return _claim_page(person, {}, {})


@router.post("/guardians/claim")
def claim(person: Actor, form: Form) -> Response:
    """Ask for the cabinet that a guardian kept. The answer is the same whether or not there is one."""
    person.require_step_up()
    described, errors = read_claim(form, person.locale)
    if described is None:
        return _claim_page(person, errors, form, status=422)
    try:
        takeover.claim(person.ledger, person.signed_in().patient_id, described, person.by())
    except ClaimantHasProfileError:
        error = ProblemError("claimant-has-profile", "form")
        return _claim_page(person, told(error, person.locale), form, status=explain(error.code).status)
    person.follow(GUARDIANSHIP)
    return go("/guardians/claim", notice="cabinet-claimed")


def _claim_page(person: Visit, errors: Errors, values: dict[str, str], *, status: int = 200) -> Response:
    state = takeover.load(person.ledger, person.signed_in().patient_id)
    return person.page(
        "cabinet_claim.html",
        status=status,
        errors=errors,
        values=values,
        is_waiting=state is not None and state.is_waiting,
        refusal=state.refusal if state is not None else None,
    )
