"""Diagnosis: why results do not come, as far as it can be told («Почему услуга недоступна», S29, S112-S124).

Every check is made and says something, also when nothing is wrong: who looks for a reason must see what was
looked at. Facts go in, findings come out; nothing is asked and nothing is recorded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from domain.appeal import AppealStatus
from domain.channel import Channel
from domain.consent import Consent, ConsentKind
from domain.identity import Cause, Identity, is_document_expired, missing_fields
from domain.patient import Patient
from domain.permission import PHONE_UNCONFIRMED, Grounds, address_barrier
from domain.push_subscription import PushSubscriptions
from domain.receiving import Receiving
from domain.values import OrganisationId


class Check(StrEnum):
    """What is looked at, in the order in which a patient can mend it."""

    PHONE = "phone"
    PROFILE = "profile"
    REGION = "region"
    DOCUMENT = "document"
    IDENTITY = "identity"
    SUSPENSION = "suspension"
    POLICY = "policy"
    ORGANISATION = "organisation"
    RECEIVING = "receiving"
    CONSENT_PERSONAL_DATA = "consent-personal-data"
    CONSENT_TRANSFER = "consent-results-transfer"
    CONSENT_NOTICES = "consent-notifications"
    CONTACTS = "contacts"
    APPEAL = "appeal"
    WAITING = "waiting"
    VIEWS = "views"
    NOTICES = "notices"
    BROWSER = "browser"
    RESULTS = "results"


class Verdict(StrEnum):
    """Who has to do something. A hint may help and need not."""

    OK = "ok"
    YOURS = "needs-you"
    ORGANISATION = "needs-organisation"
    OURS = "our-fault"
    HINT = "hint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found. `about` names an organisation, `fields` what is to be mended, `reason` a closer code."""

    check: Check
    verdict: Verdict
    code: str
    fields: tuple[str, ...] = ()
    reason: str | None = None
    about: str | None = None
    count: int | None = None
    at: datetime | None = None


# Facts.


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationFacts:
    """An organisation that the patient has linked. `fault` is the code for which the registry does not confirm
    it, or its accreditation; `can_send`: it has a key in force, or a certificate, by which it sends."""

    organisation_id: OrganisationId
    name: str
    is_awaited: bool = False
    fault: str | None = None
    can_send: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealFacts:
    """An appeal to an organisation."""

    organisation: str
    status: AppealStatus
    answer_due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeFacts:
    """How notices to the patient fare: those that failed lately, and whether those of anybody are stuck."""

    failed: int = 0
    are_stuck: bool = False
    is_relay_set_up: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is known when somebody asks. `waiting` counts reports that wait for the patient by the stable code
    of their reason; `views_behind` is by how long what is shown lags behind what was recorded."""

    now: datetime
    patient: Patient
    identity: Identity
    regions: frozenset[str] = frozenset()
    organisations: tuple[OrganisationFacts, ...] = ()
    receiving: Receiving = field(default_factory=Receiving)
    pushes: PushSubscriptions | None = None
    consents: Mapping[ConsentKind, Consent | None] = field(default_factory=dict)
    current_versions: Mapping[ConsentKind, int] = field(default_factory=dict)
    appeals: tuple[AppealFacts, ...] = ()
    waiting: Mapping[str, int] = field(default_factory=dict)
    views_behind: timedelta = timedelta()
    notices: NoticeFacts = NoticeFacts()
    last_result_at: datetime | None = None

    @property
    def today(self) -> date:
        return self.now.date()


VIEWS_BEHIND_MAX = timedelta(minutes=1)


def diagnose(facts: Facts) -> tuple[Finding, ...]:
    """Every check, in order; a check that looks at several things says something of each."""
    checks = (
        _phone, _profile, _region, _document, _identity, _suspension, _policy, _organisations, _receiving,
        _consents, _contacts, _appeals, _waiting, _views, _notices, _browser, _results,
    )  # fmt: skip
    return tuple(finding for check in checks for finding in check(facts))


def is_in_order(findings: Iterable[Finding]) -> bool:
    """Whether nobody has to do anything."""
    return all(one.verdict in (Verdict.OK, Verdict.HINT) for one in findings)


# Checks.


def _ok(check: Check, *, about: str | None = None) -> list[Finding]:
    return [Finding(check=check, verdict=Verdict.OK, code=f"{check}-ok", about=about)]


def _phone(facts: Facts) -> list[Finding]:
    if facts.patient.is_vouched_for:
        return _ok(Check.PHONE)
    return [Finding(check=Check.PHONE, verdict=Verdict.YOURS, code="phone-not-confirmed", fields=("phone",))]


def _profile(facts: Facts) -> list[Finding]:
    profile = facts.patient.profile
    if profile is None:
        return [Finding(check=Check.PROFILE, verdict=Verdict.YOURS, code="profile-missing")]
    if missing := missing_fields(profile):
        return [
            Finding(check=Check.PROFILE, verdict=Verdict.YOURS, code="profile-incomplete", fields=missing)
        ]
    return _ok(Check.PROFILE)


def _region(facts: Facts) -> list[Finding]:
    region = facts.patient.profile.region if facts.patient.profile else None
    if region is None:
        return [Finding(check=Check.REGION, verdict=Verdict.YOURS, code="region-missing", fields=("region",))]
    if facts.regions and region not in facts.regions:
        return [Finding(check=Check.REGION, verdict=Verdict.OURS, code="region-not-connected")]
    return _ok(Check.REGION)


def _document(facts: Facts) -> list[Finding]:
    profile = facts.patient.profile
    if profile is None or profile.document is None:
        code = "document-missing"
    elif is_document_expired(profile, facts.today):
        code = "document-expired"
    else:
        return _ok(Check.DOCUMENT)
    return [Finding(check=Check.DOCUMENT, verdict=Verdict.YOURS, code=code, fields=("document",))]


def _identity(facts: Facts) -> list[Finding]:
    identity = facts.identity
    if identity.is_believed(facts.patient):
        return _ok(Check.IDENTITY)
    if identity.is_waiting_for(facts.patient):
        return [Finding(check=Check.IDENTITY, verdict=Verdict.OURS, code="identity-waiting")]
    refused = identity.refused
    if refused is None:
        return [Finding(check=Check.IDENTITY, verdict=Verdict.YOURS, code="identity-not-sent")]
    is_fault = refused.reason is Cause.PROOF_FAILED
    return [
        Finding(
            check=Check.IDENTITY,
            verdict=Verdict.OURS if is_fault else Verdict.YOURS,
            code="identity-refused",
            reason=refused.reason,
            fields=(refused.field,) if refused.field else (),
        )
    ]


def _suspension(facts: Facts) -> list[Finding]:
    reason = facts.identity.suspended
    if reason is None:
        return _ok(Check.SUSPENSION)
    return [Finding(check=Check.SUSPENSION, verdict=Verdict.YOURS, code="suspended", reason=reason)]


def _policy(facts: Facts) -> list[Finding]:
    linked = facts.patient.policy_linked
    if linked is None:
        return [Finding(check=Check.POLICY, verdict=Verdict.YOURS, code="policy-missing", fields=("policy",))]
    if linked.valid_until is not None and date.fromisoformat(linked.valid_until) < facts.today:
        return [Finding(check=Check.POLICY, verdict=Verdict.YOURS, code="policy-ended", fields=("policy",))]
    return _ok(Check.POLICY)


def _organisations(facts: Facts) -> list[Finding]:
    if not facts.organisations:
        return [Finding(check=Check.ORGANISATION, verdict=Verdict.YOURS, code="organisation-missing")]
    return [finding for one in facts.organisations for finding in _organisation(one)]


def _organisation(one: OrganisationFacts) -> list[Finding]:
    if one.is_awaited:
        code = "organisation-awaited"
    elif one.fault is not None:
        code = "organisation-not-confirmed"
    elif not one.can_send:
        code = "organisation-cannot-send"
    else:
        return _ok(Check.ORGANISATION, about=one.name)
    return [
        Finding(
            check=Check.ORGANISATION,
            verdict=Verdict.ORGANISATION,
            code=code,
            reason=one.fault,
            about=one.name,
        )
    ]


def _receiving(facts: Facts) -> list[Finding]:
    found = [
        Finding(check=Check.RECEIVING, verdict=Verdict.YOURS, code="transfer-off", about=one.name)
        for one in facts.organisations
        if not facts.receiving.is_automatic(one.organisation_id)
    ]
    settings = facts.receiving.settings
    if settings.declined_study_types or settings.declines_others:
        declined = len(settings.declined_study_types) + settings.declines_others
        found.append(
            Finding(check=Check.RECEIVING, verdict=Verdict.HINT, code="study-types-declined", count=declined)
        )
    return found or _ok(Check.RECEIVING)


_CONSENT_CHECKS = {
    ConsentKind.PERSONAL_DATA: Check.CONSENT_PERSONAL_DATA,
    ConsentKind.RESULTS_TRANSFER: Check.CONSENT_TRANSFER,
    ConsentKind.NOTIFICATIONS: Check.CONSENT_NOTICES,
}


def _consents(facts: Facts) -> list[Finding]:
    return [finding for kind in _CONSENT_CHECKS for finding in _consent(facts, kind)]


def _consent(facts: Facts, kind: ConsentKind) -> list[Finding]:
    check, consent = _CONSENT_CHECKS[kind], facts.consents.get(kind)
    if consent is None:
        code = "consent-not-given"
    elif consent.is_withdrawn:
        code = "consent-withdrawn"
    elif not consent.holds_at(facts.now):
        code = "consent-over"
    elif consent.document.version < facts.current_versions.get(kind, 0):
        return [Finding(check=check, verdict=Verdict.HINT, code="consent-has-new-text")]
    else:
        return _ok(check)
    return [Finding(check=check, verdict=Verdict.YOURS, code=code)]


def _contacts(facts: Facts) -> list[Finding]:
    if facts.receiving.settings.has_no_notices:
        return [Finding(check=Check.CONTACTS, verdict=Verdict.HINT, code="notices-off")]
    found = [_contact(facts, channel) for channel in facts.receiving.settings.channels]
    if facts.patient.email_stated is not None and facts.patient.is_email_confirmed:
        found.append(Finding(check=Check.CONTACTS, verdict=Verdict.HINT, code="email-change-waiting"))
    return [one for one in found if one is not None] or _ok(Check.CONTACTS)


def _contact(facts: Facts, channel: Channel) -> Finding | None:
    """What keeps notices from arriving by a channel that was chosen. A phone that is not confirmed is the business
    of its own check, and a browser that takes no pushes only matters if there is no other way."""
    grounds = Grounds(at=facts.now, patient=facts.patient, pushes=facts.pushes)
    code = address_barrier(grounds, channel)
    if code is None or code == PHONE_UNCONFIRMED:
        return None
    is_only = facts.receiving.settings.channels == (channel,)
    verdict = Verdict.HINT if channel is Channel.PUSH and not is_only else Verdict.YOURS
    fields = {Channel.EMAIL: ("email",), Channel.SMS: ("phone",)}.get(channel, ())
    return Finding(check=Check.CONTACTS, verdict=verdict, code=code, fields=fields)


def _appeals(facts: Facts) -> list[Finding]:
    found = []
    for one in facts.appeals:
        if one.status is AppealStatus.REFUSED:
            verdict, code = Verdict.YOURS, "appeal-refused"
        elif one.status in (AppealStatus.SUBMITTED, AppealStatus.TAKEN):
            verdict = Verdict.ORGANISATION
            code = "appeal-overdue" if one.answer_due <= facts.now else "appeal-waiting"
        else:
            continue
        found.append(
            Finding(check=Check.APPEAL, verdict=verdict, code=code, about=one.organisation, at=one.answer_due)
        )
    return found or _ok(Check.APPEAL)


# Whose a waiting report is must be decided by an operator; everything else the patient can mend.
_DECIDED_BY_US = ("identity-contradicts", "patient-ambiguous")


def _waiting(facts: Facts) -> list[Finding]:
    return [
        Finding(
            check=Check.WAITING,
            verdict=Verdict.OURS if reason in _DECIDED_BY_US else Verdict.YOURS,
            code="reports-waiting",
            reason=reason,
            count=count,
        )
        for reason, count in sorted(facts.waiting.items())
        if count
    ] or _ok(Check.WAITING)


def _views(facts: Facts) -> list[Finding]:
    if facts.views_behind <= VIEWS_BEHIND_MAX:
        return _ok(Check.VIEWS)
    return [Finding(check=Check.VIEWS, verdict=Verdict.OURS, code="views-behind")]


def _notices(facts: Facts) -> list[Finding]:
    if not facts.notices.is_relay_set_up:
        return [Finding(check=Check.NOTICES, verdict=Verdict.OURS, code="relay-missing")]
    if facts.notices.are_stuck:
        return [Finding(check=Check.NOTICES, verdict=Verdict.OURS, code="notices-stuck")]
    if facts.notices.failed:
        return [
            Finding(
                check=Check.NOTICES,
                verdict=Verdict.YOURS,
                code="notices-failed",
                count=facts.notices.failed,
            )
        ]
    return _ok(Check.NOTICES)


def _browser(facts: Facts) -> list[Finding]:
    """Nothing here needs more than plain pages, so an old browser is a hint at most (S115)."""
    del facts
    return [Finding(check=Check.BROWSER, verdict=Verdict.HINT, code="browser-hint")]


def _results(facts: Facts) -> list[Finding]:
    if facts.last_result_at is None:
        return [Finding(check=Check.RESULTS, verdict=Verdict.HINT, code="no-result-yet")]
    return [Finding(check=Check.RESULTS, verdict=Verdict.OK, code="results-ok", at=facts.last_result_at)]
