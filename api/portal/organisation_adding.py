"""«Добавить организацию»: found by name or ИНН and chosen, or stated by hand and checked (S37, S38, S69-S76)."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from api.portal import web
from api.portal.organisation_status import (
    NOT_CONNECTED,
    as_connected,
    entry_of_laboratory,
    reason_text,
    told,
)
from api.portal.web import Actor, Form, Person, Visit, go
from api.problems import ProblemError, explain
from domain.laboratory import Laboratory
from domain.linkage import LinkageStatus, OrganisationAwaited
from domain.organisation import OrganisationKind
from domain.organisation_registry import (
    Found,
    RegisteredOrganisation,
    Stated,
    findings,
    number_findings,
    standing,
)
from domain.patient import PolicyMissingError
from domain.values import CheckDigitError, LaboratoryId, OrganisationId, digits_only, inn
from ledger import organisation_registry
from ledger.commands import LaboratoryNotFoundError
from ledger.linkage import await_organisation, link_organisation
from ledger.onboarding import laboratory_of_id
from ledger.organisation_search import search
from ledger.sample_reports import sender_id
from projections import cabinet, organisations
from projections.cabinet import CABINET
from projections.organisations import ORGANISATIONS

router = APIRouter(include_in_schema=False)
LINKED_STATES = frozenset({LinkageStatus.LINKED, LinkageStatus.AWAITED})
# Which views know a linkage.
LINKAGES = (CABINET, ORGANISATIONS)
TYPED_MAX = 200
NAME_MAX = 500


@dataclass(frozen=True, slots=True)
class _Choice:
    """An organisation of the registry, the laboratory that it is if it is connected, and what speaks against it."""

    entry: RegisteredOrganisation
    laboratory_id: LaboratoryId | None
    found: tuple[Found, ...]

    @property
    def departments(self) -> list[dict[str, str]]:
        return [{"code": one.code, "name": one.name} for one in self.entry.departments]

    def require_department(self, code: str | None) -> None:
        if code is not None and self.entry.department(code) is None:
            raise ProblemError("organisation-department-unknown", "department")


# Finding


def found_by(person: Visit, typed: str) -> list[dict[str, Any]]:
    """What a search finds: organisations of the registry, and connected ones that are not in it."""
    typed = typed[:TYPED_MAX].strip()
    if not typed:
        return []
    entries = search(person.ledger, typed)
    connected = organisations.laboratories_of(person.ledger, entries)
    known = {laboratory_id for laboratory_id, _ in connected.values()}
    mine = _joined(person)
    alone = [
        _laboratory_line(person, row)
        for row in cabinet.laboratories(person.ledger, search=typed)
        if row.laboratory_id not in known | mine
    ]
    listed = [
        {
            "id": None,
            "oid": entry.oid,
            "name": entry.name,
            "inn": entry.inn,
            "kind": entry.kind,
            "place": entry.locality or entry.region,
            "is_connected": entry.oid in connected,
        }
        for entry in entries
        if not mine & {organisation_registry.organisation_id(person.ledger, entry.oid)}
        and (entry.oid not in connected or connected[entry.oid][0] not in mine)
    ]
    return alone + listed


def is_inn_wrong(typed: str) -> bool:
    """Whether what was searched for is a whole ИНН that can't be one."""
    digits = typed.replace(" ", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) in (10, 12)):
        return False
    try:
        inn(digits)
    except CheckDigitError:
        return True
    return False


def available(person: Visit) -> list[dict[str, Any]]:
    """Connected organisations that the patient may tick at once (S34)."""
    mine = _joined(person)
    rows = cabinet.laboratories(person.ledger)
    mine.add(sender_id(person.ledger))  # of samples: it is nobody's organisation
    return [_laboratory_line(person, row) for row in rows if row.laboratory_id not in mine]


def _joined(person: Visit) -> set[UUID]:
    rows = organisations.organisations_of(person.ledger, person.patient_id)
    return {row.organisation_id for row in rows if row.status in LINKED_STATES}


def _laboratory_line(person: Visit, row: cabinet.LaboratoryRow) -> dict[str, Any]:
    stated = laboratory_of_id(person.ledger, row.laboratory_id).kind
    return {
        "id": str(row.laboratory_id),
        "oid": None,
        "name": row.name,
        "inn": row.inn,
        "kind": stated or OrganisationKind.LABORATORY,
        "place": None,
        "is_connected": True,
    }


# Choosing


@router.get("/services/organisations/choose/{oid}")
def choice_page(person: Person, oid: str) -> Response:
    person.signed_in()
    return _choice_page(person, _choice(person, oid))


@router.post("/services/organisations")
def add_organisations(person: Actor, form: Form) -> Response:
    """One of the registry by its OID, one that is connected by its id, or all that are ticked."""
    try:
        if "oid" in form:
            return _add_chosen(person, form["oid"], form.get("department") or None)
        ticked = [name.removeprefix("organisation-") for name in form if name.startswith("organisation-")]
        chosen = [*ticked, *([form["organisation"]] if "organisation" in form else [])]
        if not chosen:
            raise ProblemError("organisation-not-chosen")
        for found in [OrganisationId(UUID(text)) for text in chosen]:
            _link_laboratory(person, found)
    except (ValueError, LaboratoryNotFoundError):
        raise ProblemError("not-found") from None
    except PolicyMissingError:
        raise ProblemError("policy-missing") from None
    person.follow(*LINKAGES)
    return go("/services/organisations", notice="organisation-added")


def _link_laboratory(person: Visit, organisation_id: OrganisationId) -> None:
    """A connected organisation is not linked while the registry says that it is closed or not accredited."""
    laboratory = laboratory_of_id(person.ledger, organisation_id)
    entry = entry_of_laboratory(person.ledger, laboratory)
    _require_standing(entry, laboratory)
    link_organisation(
        person.ledger,
        person.patient_id,
        organisation_id,
        person.by(),
        oid=entry.oid if entry else laboratory.oid,
        registry=organisation_registry.revision(person.ledger),
    )


def _require_standing(entry: RegisteredOrganisation | None, laboratory: Laboratory) -> None:
    found = standing(as_connected(entry, laboratory), today=_today()) if entry else ()
    if found:
        raise ProblemError(found[0].finding)


def _add_chosen(person: Visit, oid: str, department: str | None) -> Response:
    choice = _choice(person, oid)
    choice.require_department(department)
    if choice.found:
        return _choice_page(person, choice)
    return _add(person, choice, department)


def _add(person: Visit, choice: _Choice, department: str | None) -> Response:
    """Linked at once if it is connected; awaited if it is not."""
    registry = organisation_registry.revision(person.ledger)
    entry = choice.entry
    if choice.laboratory_id is not None:
        organisation_id = OrganisationId(choice.laboratory_id)
        link_organisation(
            person.ledger,
            person.patient_id,
            organisation_id,
            person.by(),
            oid=entry.oid,
            department=department,
            registry=registry,
        )
        person.follow(*LINKAGES)
        return go("/services/organisations", notice="organisation-added")
    awaited = OrganisationAwaited(
        patient_id=person.patient_id,
        organisation_id=organisation_registry.organisation_id(person.ledger, entry.oid),
        oid=entry.oid,
        inn=entry.inn,
        ogrn=entry.ogrn,
        registry=registry,
    )
    await_organisation(person.ledger, awaited, person.by(), department=department)
    person.follow(*LINKAGES)
    return go("/services/organisations", notice="organisation-awaited")


def _choice(person: Visit, oid: str) -> _Choice:
    entry = organisation_registry.find_by_oid(person.ledger, oid)
    if entry is None:
        raise ProblemError("not-found")
    return _chosen(person, entry)


def _chosen(person: Visit, entry: RegisteredOrganisation) -> _Choice:
    laboratory_id, _ = organisations.laboratories_of(person.ledger, [entry]).get(entry.oid, (None, ""))
    if laboratory_id is not None:
        entry = as_connected(entry, laboratory_of_id(person.ledger, laboratory_id))
    return _Choice(entry, laboratory_id, standing(entry, today=_today()))


def _choice_page(person: Visit, choice: _Choice) -> Response:
    entry = choice.entry
    return person.page(
        "organisation_choice.html",
        status=explain(choice.found[0].finding).status if choice.found else 200,
        organisation={
            "oid": entry.oid,
            "name": entry.full_name,
            "inn": entry.inn,
            "ogrn": entry.ogrn,
            "kind": entry.kind,
            "address": entry.address,
            "certificate": entry.certificate,
            "departments": choice.departments,
            "is_connected": choice.laboratory_id is not None,
        },
        errors=told(choice.found, person.locale),
    )


# Stating by hand


@router.get("/services/organisations/new")
def new_organisation_page(person: Person) -> Response:
    person.signed_in()
    return _new_page(person, {}, {})


@router.post("/services/organisations/new")
def state_organisation(person: Actor, form: Form) -> Response:
    """«Сохранить»: checked against the registry, and added if everything fits (S74)."""
    stated = _stated(form)
    choice, found = _checked(person, stated)
    if choice is None or found:
        return _new_page(person, told(found, person.locale), form, found)
    try:
        return _add(person, choice, stated.department)
    except PolicyMissingError:
        return _new_page(person, web.told(ProblemError("policy-missing"), person.locale), form)


@router.post("/services/organisations/check")
def check_organisation(person: Actor, form: Form) -> Response:
    """As `state_organisation` checks, while it is being typed, adding nothing (S71): what is wrong, by field. Fields
    that are empty yet are not wrong yet."""
    stated = _stated(form)
    filled = {name for name in ("name", "inn", "ogrn") if getattr(stated, name)}
    is_whole = len(filled) == 3
    choice, found = _checked(person, stated) if is_whole else (None, number_findings(stated))
    errors = told([one for one in found if one.field in filled or is_whole], person.locale)
    connected = choice is not None and choice.laboratory_id is not None
    return JSONResponse(
        {
            "is_confirmed": is_whole and not found,
            "is_connected": connected,
            "note": None if connected or not is_whole or found else reason_text(NOT_CONNECTED, person.locale),
            "name": choice.entry.name if choice else None,
            "departments": choice.departments if choice else [],
            "errors": errors,
        },
        headers={"Cache-Control": "no-store"},
    )


def _checked(person: Visit, stated: Stated) -> tuple[_Choice | None, tuple[Found, ...]]:
    candidates = organisation_registry.find_by_numbers(person.ledger, inn=stated.inn, ogrn=stated.ogrn)
    entry, found = findings(stated, candidates, today=_today())
    if entry is None:
        return None, found
    choice = _chosen(person, entry)
    # What a connected laboratory showed of its accreditation counts too.
    _, found = findings(stated, (choice.entry,), today=_today())
    return replace(choice, found=found), found


def _stated(form: dict[str, str]) -> Stated:
    kind = form.get("kind", "")
    return Stated(
        name=form.get("name", "")[:NAME_MAX].strip(),
        inn=digits_only(form.get("inn", "")),
        ogrn=digits_only(form.get("ogrn", "")),
        kind=OrganisationKind(kind) if kind in set(OrganisationKind) else None,
        department=form.get("department", "").strip() or None,
    )


def _new_page(
    person: Visit,
    errors: dict[str, dict[str, str]],
    values: dict[str, str],
    found: tuple[Found, ...] = (),
) -> Response:
    status = next((explain(error["code"]).status for error in errors.values()), 200)
    return person.page(
        "organisation_new.html",
        status=explain(found[0].finding).status if found else status,
        errors=errors,
        values=values,
        kinds=list(OrganisationKind),
    )


def _today() -> date:
    return datetime.now(UTC).date()
