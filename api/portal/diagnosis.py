"""«Почему услуга недоступна»: every check with its state, and what to do (S29, S112-S124); as a page and as JSON."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from api.diagnosis import facts_of
from api.diagnosis_words import DIAGNOSED_FIELDS
from api.pages import LOCALES, Locale, phrase
from api.portal.seen_reports import seen_reports, sees_everything
from api.portal.waiting import mended_at
from api.portal.web import Person, Visit
from api.problems import explain
from domain.diagnosis import Check, Facts, Finding, Verdict, diagnose, is_in_order

router = APIRouter(include_in_schema=False)
# Where each check is mended.
LINKS: Mapping[Check, str] = MappingProxyType(
    {
        Check.PHONE: "/account/phone",
        Check.PROFILE: "/services/profile",
        Check.REGION: "/services/profile",
        Check.DOCUMENT: "/services/profile",
        Check.IDENTITY: "/services/identity",
        Check.SUSPENSION: "/services/identity",
        Check.POLICY: "/services/policy",
        Check.ORGANISATION: "/services/organisations",
        Check.RECEIVING: "/services/receiving",
        Check.CONSENT_PERSONAL_DATA: "/consents",
        Check.CONSENT_TRANSFER: "/consents",
        Check.CONSENT_NOTICES: "/consents",
        Check.CONTACTS: "/notifications/settings",
        Check.APPEAL: "/services/appeals",
        Check.NOTICES: "/notifications?stage=failed",
        Check.RESULTS: "/reports",
    }
)
_TROUBLES = (Verdict.YOURS, Verdict.ORGANISATION, Verdict.OURS)


@router.get("/services/diagnosis")
def diagnosis_page(person: Person) -> Response:
    facts = _facts(person)
    findings = _findings(person, facts)
    shown = [_shown(one, person.locale) for one in findings]
    return person.page(
        "diagnosis.html",
        is_in_order=is_in_order(findings),
        groups=[
            {"verdict": verdict.value, "findings": [one for one in shown if one["verdict"] == verdict]}
            for verdict in _TROUBLES
            if any(one.verdict is verdict for one in findings)
        ],
        others=[one for one in shown if one["verdict"] not in _TROUBLES],
        last_result_at=facts.last_result_at,
    )


@router.get("/services/diagnosis.json")
def diagnosis_json(person: Person) -> Response:
    """The same for a program: stable codes, with the words in both languages."""
    facts = _facts(person)
    findings = _findings(person, facts)
    body = {
        "checked_at": facts.now.isoformat(),
        "in_order": is_in_order(findings),
        "last_result_at": facts.last_result_at.isoformat() if facts.last_result_at else None,
        "findings": [_as_json(one) for one in findings],
    }
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


def _facts(person: Visit) -> Facts:
    """A guardian learns of nothing that lies in a section which they may not see: neither when something came,
    nor that something waits."""
    person.signed_in()
    sees_all = sees_everything(person)
    facts = facts_of(person.ledger, person.settings, person.patient_id, counts_waiting=sees_all)
    if sees_all:
        return facts
    came = (row.received_at for row in seen_reports(person, limit=1000))
    return replace(facts, last_result_at=max(came, default=None))


def _findings(person: Visit, facts: Facts) -> list[Finding]:
    """A guardian is told of what they can mend: who the ward is, an operator has confirmed."""
    found = diagnose(facts)
    links = ((one, _link(one)) for one in found)
    return [one for one, link in links if one.verdict is Verdict.OK or link is None or person.may_open(link)]


def _link(finding: Finding) -> str | None:
    if finding.check is Check.WAITING:
        return mended_at(finding.reason) if finding.reason else None
    return LINKS.get(finding.check)


def _reason(finding: Finding, locale: Locale) -> str | None:
    """The closer reason in words: of an identity its own, of everything else that of the problem's code."""
    if finding.reason is None:
        return None
    if finding.check in (Check.IDENTITY, Check.SUSPENSION):
        return phrase(f"diagnosis.reason.{finding.reason}", locale=locale)
    return explain(finding.reason).title[0 if locale == "ru" else 1]


def _shown(finding: Finding, locale: Locale) -> dict[str, Any]:
    return {
        "check": finding.check.value,
        "verdict": finding.verdict,
        "code": finding.code,
        "reason": _reason(finding, locale),
        "fields": [one for one in finding.fields if one in DIAGNOSED_FIELDS],
        "about": finding.about,
        "count": finding.count,
        "at": finding.at,
        "href": None if finding.verdict is Verdict.OK else _link(finding),
    }


def _as_json(finding: Finding) -> dict[str, Any]:
    shown = _shown(finding, "ru")
    return {
        "check": finding.check,
        "state": finding.verdict,
        "code": finding.code,
        "reason": finding.reason,
        "fields": shown["fields"],
        "about": finding.about,
        "count": finding.count,
        "at": finding.at.isoformat() if finding.at else None,
        "text": {locale: phrase(f"diagnosis.code.{finding.code}", locale=locale) for locale in LOCALES},
        "link": shown["href"],
    }
