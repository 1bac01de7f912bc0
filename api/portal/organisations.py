"""«Мои организации»: those that a patient takes results from, each with its status; and letting go of one (S37-S43)."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from api.pages import Locale
from api.portal.organisation_adding import (
    LINKAGES,
    LINKED_STATES,
    TYPED_MAX,
    available,
    found_by,
    is_inn_wrong,
)
from api.portal.organisation_adding import router as adding
from api.portal.organisation_status import Standing, reason_text, standing_of
from api.portal.web import Actor, Form, Person, Visit, go, told
from api.problems import ProblemError, explain
from domain import linkage
from domain.linkage import LinkageStatus
from domain.medical_card import CardNumberMalformedError
from domain.patient import PolicyMissingError
from domain.values import LaboratoryId, OrganisationId
from ledger import organisation_registry
from ledger.commands import LaboratoryNotFoundError
from ledger.linkage import link_organisation, linkage_stream, unlink_organisation
from ledger.medical_card import claim_card, load_card
from ledger.organisation_search import LIMIT
from ledger.receiving import load_receiving, turn_off, turn_on
from ledger.sample_reports import load_sample
from projections import organisations

router = APIRouter(include_in_schema=False)
# What is added is named in the address by a word, before an id is looked for there.
router.include_router(adding)


@router.get("/services/organisations")
def organisations_page(person: Person, q: str = "") -> Response:
    rows = organisations.organisations_of(person.ledger, person.patient_id)
    own = [standing_of(person.ledger, person.patient_id, row) for row in rows]
    found = found_by(person, q)
    return person.page(
        "organisations.html",
        q=q[:TYPED_MAX],
        organisations=[shown(one, person.locale) for one in own if one.row.status in LINKED_STATES],
        left=[shown(one, person.locale) for one in own if one.row.status is LinkageStatus.UNLINKED],
        found=found,
        is_more=len(found) >= LIMIT,
        is_inn_wrong=is_inn_wrong(q),
        available=[] if q.strip() else available(person),
    )


@router.get("/services/organisations/{organisation_id}")
def organisation_page(person: Person, organisation_id: UUID) -> Response:
    return shown_page(person, own_organisation(person, organisation_id))


@router.post("/services/organisations/{organisation_id}/unlink")
def unlink(person: Actor, organisation_id: UUID) -> Response:
    own = own_organisation(person, organisation_id)
    unlink_organisation(person.ledger, person.patient_id, own.row.organisation_id, person.by())
    person.follow(*LINKAGES)
    return go(f"/services/organisations/{organisation_id}", notice="organisation-unlinked")


@router.post("/services/organisations/{organisation_id}/link")
def link_again(person: Actor, organisation_id: UUID) -> Response:
    """As it was before: what was linked by the registry is checked against it anew."""
    own = own_organisation(person, organisation_id)
    if own.laboratory is None:
        oid = own.row.oid or ""
        return go(f"/services/organisations/choose/{oid}")
    department = _department(person, organisation_id)
    try:
        link_organisation(
            person.ledger,
            person.patient_id,
            own.row.organisation_id,
            person.by(),
            oid=own.row.oid,
            department=department,
            registry=organisation_registry.revision(person.ledger),
        )
    except LaboratoryNotFoundError:
        raise ProblemError("not-found") from None
    except PolicyMissingError:
        raise ProblemError("policy-missing") from None
    person.follow(*LINKAGES)
    return go(f"/services/organisations/{organisation_id}", notice="organisation-added")


@router.post("/services/organisations/{organisation_id}/transfer")
def switch_transfer(person: Actor, form: Form, organisation_id: UUID) -> Response:
    """«Автопередача результатов»: on or off, with the organisation linked as before (S75)."""
    own = own_organisation(person, organisation_id)
    switch = turn_on if form.get("transfer") == "on" else turn_off
    try:
        switch(person.ledger, person.patient_id, own.row.organisation_id, person.by())
    except PolicyMissingError:
        raise ProblemError("policy-missing") from None
    return go(f"/services/organisations/{organisation_id}", notice="receiving-saved")


@router.post("/services/organisations/{organisation_id}/card")
def claim(person: Actor, form: Form, organisation_id: UUID) -> Response:
    """State the number of the medical card: a person compares it before it means anything (S23)."""
    own = own_organisation(person, organisation_id)
    if own.row.status is not LinkageStatus.LINKED:
        raise ProblemError("organisation-not-linked")
    laboratory_id = LaboratoryId(own.row.organisation_id)
    try:
        claim_card(person.ledger, person.patient_id, laboratory_id, form.get("card", ""), person.by())
    except CardNumberMalformedError:
        return shown_page(person, own, ProblemError("card-number-malformed", "card"), form)
    return go(f"/services/organisations/{organisation_id}", notice="card-claimed")


def own_organisation(person: Visit, organisation_id: UUID) -> Standing:
    """One that this patient ever had; any other is not there for them."""
    rows = organisations.organisations_of(person.ledger, person.patient_id)
    row = next((row for row in rows if row.organisation_id == organisation_id), None)
    if row is None:
        raise ProblemError("not-found")
    return standing_of(person.ledger, person.patient_id, row)


def shown_page(
    person: Visit,
    own: Standing,
    error: ProblemError | None = None,
    values: dict[str, str] | None = None,
    *,
    sample_barrier: str | None = None,
) -> Response:
    """The organisation's page, with what was wrong in a form or what keeps a sample back."""
    card = load_card(person.ledger, person.patient_id, LaboratoryId(own.row.organisation_id))
    sample = load_sample(person.ledger, person.patient_id, own.row.organisation_id)
    return person.page(
        "organisation.html",
        status=explain(error.code).status if error else 409 if sample_barrier else 200,
        organisation=_detailed(person, own),
        card=card,
        sample_href=f"/reports/{sample.report_id}" if sample and sample.report_id else None,
        sample_reason=reason_text(sample_barrier, person.locale) if sample_barrier else None,
        errors=told(error, person.locale) if error else {},
        values=values or {},
    )


def _department(person: Visit, organisation_id: UUID) -> str | None:
    stream_id = linkage_stream(person.ledger, person.patient_id, OrganisationId(organisation_id))
    state, _ = person.ledger.load(stream_id, linkage.evolve)
    return state.department if state else None


def _detailed(person: Visit, own: Standing) -> dict[str, Any]:
    department = _department(person, own.row.organisation_id)
    entry = own.entry
    return shown(own, person.locale) | {
        "ogrn": own.row.ogrn,
        "oid": own.row.oid,
        "address": entry.address if entry else None,
        "department": own.department_name(department) if department else None,
        "certificate": entry.certificate if entry else None,
        "formats": own.formats,
        "is_linked": own.row.status is LinkageStatus.LINKED,
        "is_on": load_receiving(person.ledger, person.patient_id).is_automatic(own.row.organisation_id),
        "is_joined": own.row.status in LINKED_STATES,
        "is_awaited": own.row.status is LinkageStatus.AWAITED,
    }


def shown(own: Standing, locale: Locale) -> dict[str, Any]:
    """As the list shows it."""
    return {
        "id": str(own.row.organisation_id),
        "name": own.name,
        "inn": own.row.inn or (own.entry.inn if own.entry else ""),
        "kind": own.kind,
        "since": own.row.since,
        "statuses": [
            {"name": status.name, "reason": reason_text(status.reason, locale) if status.reason else None}
            for status in own.statuses
        ],
    }
