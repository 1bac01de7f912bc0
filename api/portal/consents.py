"""Consents: each its own document, given and taken back by an act of its own (S22, S55, S77-S81)."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from api.consent_documents import current
from api.portal.web import Actor, Form, Person, Visit, go
from api.problems import ProblemError
from domain import consent
from domain.consent import ConsentKind
from ledger import commands

router = APIRouter(include_in_schema=False)


@router.get("/consents")
def consents_page(person: Person) -> Response:
    person.signed_in()
    return person.page("consents.html", consents=[_shown(person, kind) for kind in ConsentKind])


@router.get("/consents/{kind}/document")
def consent_document_page(person: Person, kind: ConsentKind) -> Response:
    text = current(kind, person.locale)
    document = {
        "title": text.title,
        "version": text.document.version,
        "language": text.document.language,
        "sha256": text.document.sha256,
        "paragraphs": list(text.paragraphs),
    }
    return person.page("consent_document.html", document=document)


@router.post("/consents/{kind}/grant")
def grant(person: Actor, form: Form, kind: ConsentKind) -> Response:
    """Record the consent to the very text that the page showed."""
    if form.get("read") != "yes":
        return go("/consents", notice="consent-not-read")
    document = current(kind, person.locale).document
    if form.get("version") != str(document.version):
        raise ProblemError("consent-document-changed")
    commands.grant_consent(
        person.ledger,
        person.patient_id,
        agreed=document,
        current=document,
        by=person.by(),
    )
    return go("/consents", notice="consent-granted")


@router.post("/consents/{kind}/withdraw")
def withdraw(person: Actor, kind: ConsentKind) -> Response:
    try:
        commands.withdraw_consent(person.ledger, person.patient_id, kind, person.by())
    except consent.ConsentNotInForceError:
        raise ProblemError("consent-not-in-force") from None
    return go("/consents", notice="consent-withdrawn")


def consent_of(person: Visit, kind: ConsentKind) -> consent.Consent | None:
    return person.ledger.load(_consent_stream(person, kind), consent.evolve)[0]


def _consent_stream(person: Visit, kind: ConsentKind) -> UUID:
    return commands.consent_stream(person.ledger, person.patient_id, kind)


def _shown(person: Visit, kind: ConsentKind) -> dict[str, Any]:
    state = consent_of(person, kind)
    events = list(person.ledger.read(_consent_stream(person, kind))) if state else []
    granted = [event.recorded_at for event in events if type(event.event) is consent.ConsentGranted]
    withdrawn = [event.recorded_at for event in events if type(event.event) is consent.ConsentWithdrawn]
    return {
        "kind": kind.value,
        "title_id": f"consents.title.{kind}",
        "purpose_id": f"consents.purpose.{kind}",
        "document_href": f"/consents/{kind}/document",
        "version": current(kind, person.locale).document.version,
        "state": "none" if state is None else "granted" if state.in_force else "withdrawn",
        "granted_at": granted[-1] if granted else None,
        "withdrawn_at": withdrawn[-1] if state and not state.in_force else None,
    }
