"""Pages of guardians: whom they represent, asking to, looking into a ward's cabinet and out of it, giving up."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from api.portal import ward_access
from api.portal.ward_fields import Errors, read_request
from api.portal.web import Actor, Form, Person, Visit, go, told
from api.problems import ProblemError, explain
from domain.guardianship import (
    ALL_SECTIONS,
    GuardianshipAlreadyRequestedError,
    GuardianshipDocument,
    GuardianshipKind,
    GuardianshipKindUnfitError,
    GuardianshipNotConfirmedError,
    GuardianshipStatus,
    OwnWardError,
    WardCapacity,
    WardOfAgeError,
)
from ledger import guardianship
from ledger.guardianship import GuardianProfileMissingError, Relation
from projections import guardianship as guardianships
from projections.guardianship import GUARDIANSHIP

router = APIRouter(include_in_schema=False)
LIST = "/wards"
# Each refusal of a request: its code and the field that it is about.
_REFUSALS: Mapping[type[Exception], tuple[str, str]] = {
    OwnWardError: ("ward-own", "snils"),
    WardOfAgeError: ("ward-of-age", "birth_date"),
    GuardianshipKindUnfitError: ("guardianship-kind-unfit", "kind"),
    GuardianshipAlreadyRequestedError: ("guardianship-already-requested", "snils"),
    GuardianProfileMissingError: ("guardian-profile-missing", "form"),
}


@router.get("/wards")
def wards_page(person: Person) -> Response:
    guardian_id = person.signed_in().patient_id
    rows = guardianships.relations_of_guardian(person.ledger, guardian_id)
    relations = [guardianship.look(person.ledger, row.guardianship_id) for row in rows]
    return person.page("wards.html", wards=[_shown(person, relation) for relation in relations])


@router.get("/wards/new")
def new_ward_page(person: Person) -> Response:
    person.signed_in()
    return _form(person, {}, {})


@router.post("/wards/new")
def ask(person: Actor, form: Form) -> Response:
    """Ask to be confirmed. The answer is the same whether or not the ward has a cabinet."""
    person.require_step_up()
    read, errors = read_request(form, person.locale)
    if read is None:
        return _form(person, errors, form, status=422)
    kind, ward = read
    try:
        with _refusals():
            guardianship.request(person.ledger, person.signed_in().patient_id, kind, ward, person.by())
    except ProblemError as error:
        return _form(person, told(error, person.locale), form, status=explain(error.code).status)
    person.follow(GUARDIANSHIP)
    return go(LIST, notice="guardianship-requested")


@router.get("/wards/{guardianship_id}")
def ward_page(person: Person, guardianship_id: UUID) -> Response:
    relation = _own(person, guardianship_id)
    return person.page("ward.html", relation=_shown(person, relation))


@router.post("/wards/{guardianship_id}/enter")
def enter(person: Actor, guardianship_id: UUID) -> Response:
    """From now on the pages of this session show the ward's cabinet."""
    _own(person, guardianship_id)
    if ward_access.enter(person.ledger, person.signed_in(), guardianship_id) is None:
        raise ProblemError("guardianship-over")
    return go("/reports")


@router.post("/wards/leave")
def leave(person: Actor) -> Response:
    ward_access.leave(person.ledger, person.signed_in())
    return go(LIST, notice="ward-left")


@router.post("/wards/{guardianship_id}/give-up")
def give_up(person: Actor, guardianship_id: UUID) -> Response:
    person.require_step_up()
    _own(person, guardianship_id)
    guardian_id = person.signed_in().patient_id
    try:
        guardianship.give_up(person.ledger, guardianship_id, guardian_id, person.by())
    except GuardianshipNotConfirmedError:
        raise ProblemError("guardianship-not-confirmed") from None
    if person.guest is not None and person.guest.guardianship_id == guardianship_id:
        ward_access.leave(person.ledger, person.signed_in())
    person.follow(GUARDIANSHIP)
    return go(LIST, notice="guardianship-given-up")


def _own(person: Visit, guardianship_id: UUID) -> Relation:
    """The guardianship, if the signed-in person asked for it; another's is not there."""
    guardian_id = person.signed_in().patient_id
    row = guardianships.relation(person.ledger, guardianship_id)
    if row is None or row.guardian_id != guardian_id:
        raise ProblemError("not-found")
    return guardianship.look(person.ledger, guardianship_id)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except tuple(_REFUSALS) as error:
        raise ProblemError(*_REFUSALS[type(error)]) from None


# Words


def _form(person: Visit, errors: Errors, values: Mapping[str, str], *, status: int = 200) -> Response:
    return person.page(
        "ward_new.html",
        status=status,
        errors=errors,
        values=values,
        kinds=list(GuardianshipKind),
        capacities=list(WardCapacity),
        documents=list(GuardianshipDocument),
    )


def _shown(person: Visit, relation: Relation) -> dict[str, Any]:
    """What the guardian wrote of the ward, and how it stands; never what the ward's cabinet says."""
    state, sight = relation.state, relation.sight
    is_open = guardianship.is_open(sight)
    return {
        "id": str(relation.guardianship_id),
        "name": f"{state.ward.given} {state.ward.family}" if state.ward else "—",
        "birth_date": state.ward.birth_date if state.ward else None,
        "kind": state.kind,
        "status": state.status,
        "refusal": state.refusal if state.status is GuardianshipStatus.REFUSED else None,
        "end": state.end if state.status is GuardianshipStatus.ENDED else None,
        "is_open": is_open,
        "may_act": sight.may_act,
        "is_whole": sight.sections == ALL_SECTIONS,
        "sections": sorted(sight.sections),
        "until": sight.until if is_open else None,
        "is_entered": person.guest is not None and person.guest.guardianship_id == relation.guardianship_id,
    }
