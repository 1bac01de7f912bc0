"""«Мои услуги» → «Медицинские услуги»: what a patient has set up, what is next, and the way to every section.

All states come from the diagnosis, so the hub never says another thing than «Почему услуга недоступна».
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from api.diagnosis import facts_of
from api.portal.web import Person
from domain.diagnosis import Check, Finding, Verdict, diagnose

router = APIRouter(include_in_schema=False)
CONSENTS = (Check.CONSENT_PERSONAL_DATA, Check.CONSENT_TRANSFER, Check.CONSENT_NOTICES)
# The steps in the order in which one needs the other (S18-S43, S54-S56).
STEPS: Mapping[str, tuple[str, tuple[Check, ...]]] = MappingProxyType(
    {
        "phone": ("/account/phone", (Check.PHONE,)),
        "profile": ("/services/profile", (Check.PROFILE, Check.REGION, Check.DOCUMENT)),
        "identity": ("/services/identity", (Check.IDENTITY, Check.SUSPENSION)),
        "policy": ("/services/policy", (Check.POLICY,)),
        "organisation": ("/services/organisations", (Check.ORGANISATION,)),
        "receiving": ("/services/receiving", (Check.RECEIVING,)),
        "consents": ("/consents", CONSENTS),
        "email": ("/notifications/settings", (Check.CONTACTS,)),
    }
)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the medical services; its words are `hub.section.<name>`, its state that of its checks."""

    name: str
    href: str
    checks: tuple[Check, ...] = ()


SECTIONS = (
    Section("reports", "/reports"),
    Section("receiving", "/services/receiving", (Check.RECEIVING,)),
    Section("organisations", "/services/organisations", (Check.ORGANISATION,)),
    Section("studies", "/services/studies"),
    Section("expected", "/services/expected"),
    Section("talk-first", "/reports/talk-first"),
    Section("consultations", "/consultations"),
    Section("policy", "/services/policy", (Check.POLICY,)),
    Section("identity", "/services/identity", (Check.IDENTITY, Check.SUSPENSION, Check.DOCUMENT)),
    Section("consents", "/consents", CONSENTS),
    Section("notices", "/notifications/settings", (Check.CONSENT_NOTICES, Check.CONTACTS)),
    Section("appeals", "/services/appeals", (Check.APPEAL,)),
    Section("shares", "/shares"),
    Section("wards", "/wards"),
)
# A step that is about some of what its checks look at: the others are not done where it leads.
_OF = MappingProxyType({"email": "email-"})
# What is told above everything else: notices are lost, and only the patient can mend it (S95).
_LOST = ("email-unreachable", "phone-unreachable")
_WORST = (Verdict.YOURS, Verdict.OURS, Verdict.ORGANISATION)


@router.get("/services")
def services_page(person: Person) -> Response:
    person.signed_in()
    facts = facts_of(person.ledger, person.settings, person.patient_id, counts_waiting=False)
    findings = diagnose(facts)
    return person.page(
        "services.html",
        steps=[
            {"key": key, "done": is_done(findings, checks, of=_OF.get(key, "")), "href": href}
            for key, (href, checks) in STEPS.items()
            if person.may_open(href)
        ],
        sections=[
            {"name": one.name, "href": one.href, "verdict": verdict_of(findings, one.checks)}
            for one in SECTIONS
            if person.may_open(one.href)
        ],
        lost=[one.code for one in findings if one.code in _LOST],
        region=_region(findings) if person.may_open(STEPS["profile"][0]) else None,
    )


def is_done(findings: Sequence[Finding], checks: tuple[Check, ...], *, of: str = "") -> bool:
    """Whether the patient has nothing left to do here, of codes that begin so; what others owe is not their step."""
    mine = (one for one in findings if one.check in checks and one.verdict is Verdict.YOURS)
    return not any(one.code.startswith(of) for one in mine)


def verdict_of(findings: Sequence[Finding], checks: tuple[Check, ...]) -> str | None:
    """The worst of what the checks found; None where nothing is checked."""
    found = {one.verdict for one in findings if one.check in checks}
    if not found:
        return None
    return next((verdict for verdict in _WORST if verdict in found), Verdict.OK).value


def _region(findings: Sequence[Finding]) -> dict[str, Any]:
    """Whether the service works where the patient lives (S112)."""
    (found,) = (one for one in findings if one.check is Check.REGION)
    return {"code": found.code, "verdict": found.verdict.value}
