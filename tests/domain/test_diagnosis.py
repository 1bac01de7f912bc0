"""Why results do not come: each cause is found by its check, named by its code, and laid at the right door."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from domain.appeal import AppealStatus
from domain.channel import Channel
from domain.consent import OF_CABINET, Consent, ConsentDocument, ConsentKind, Scope
from domain.diagnosis import (
    VIEWS_BEHIND_MAX,
    AppealFacts,
    Check,
    Facts,
    Finding,
    NoticeFacts,
    OrganisationFacts,
    Verdict,
    diagnose,
    is_in_order,
)
from domain.identity import Cause, Identity, IdentityRefused, SuspensionReason
from domain.patient import Patient, PolicyLinked
from domain.policy import PolicyKind
from domain.receiving import Receiving, ReceivingSettings
from domain.study_type import StudyType
from tests.examples import ANNA, CLINIC, ENP, IDENTITY_DOCUMENT, NOON, PROFILE

DAY = timedelta(days=1)


def consent(kind: ConsentKind, **changed: Any) -> Consent:
    document = ConsentDocument(kind=kind, version=2, language="ru", sha256="ab" * 32)
    given = Consent(patient_id=ANNA, document=document, scope=Scope(), in_force=True)
    return replace(given, **changed)


FULL_PROFILE = replace(
    PROFILE,
    citizenship="RU",
    document=replace(IDENTITY_DOCUMENT, valid_until=date(2030, 1, 1)),
    inn="500100732259",
    region="77",
)
POLICY = PolicyLinked(number=ENP)
PATIENT = Patient(
    locale="ru",
    phone="+79990000001",
    phone_confirmed=True,
    profile=FULL_PROFILE,
    profile_number=1,
    email="anna@example.test",
    is_email_confirmed=True,
    policy=ENP,
    policy_linked=POLICY,
)
CONFIRMED = Identity(confirmed=1)
INVITRO = OrganisationFacts(organisation_id=CLINIC, name="Инвитро")
IN_ORDER = Facts(
    now=NOON,
    patient=PATIENT,
    identity=CONFIRMED,
    organisations=(INVITRO,),
    consents={kind: consent(kind) for kind in OF_CABINET},
    current_versions=dict.fromkeys(OF_CABINET, 2),
    last_result_at=NOON,
)


def found(check: Check, **changed: Any) -> list[Finding]:
    return [one for one in diagnose(replace(IN_ORDER, **changed)) if one.check is check]


def the(check: Check, **changed: Any) -> tuple[Verdict, str]:
    (one,) = found(check, **changed)
    return one.verdict, one.code


def test_whoever_lacks_nothing_is_told_so_of_every_check_and_when_the_last_result_came() -> None:
    findings = diagnose(IN_ORDER)
    assert {one.check for one in findings} == set(Check)
    assert is_in_order(findings)
    assert {one.code for one in findings if one.verdict is not Verdict.OK} == {"browser-hint"}
    (last,) = found(Check.RESULTS)
    assert (last.code, last.at) == ("results-ok", NOON)


def test_a_new_patient_is_told_everything_that_is_to_be_done() -> None:
    findings = diagnose(Facts(now=NOON, patient=Patient(locale="ru"), identity=Identity()))
    yours = [one.code for one in findings if one.verdict is Verdict.YOURS]
    assert yours == [
        "phone-not-confirmed",
        "profile-missing",
        "region-missing",
        "document-missing",
        "identity-not-sent",
        "policy-missing",
        "organisation-missing",
        "consent-not-given",
        "consent-not-given",
        "consent-not-given",
        "email-missing",
    ]
    assert not is_in_order(findings)


def profile(**changed: Any) -> Patient:
    return replace(PATIENT, profile=replace(FULL_PROFILE, **changed))


def told_by(*channels: Channel) -> Receiving:
    return Receiving(settings=ReceivingSettings(channels=channels))


YOURS, OURS, THEIRS, HINT = Verdict.YOURS, Verdict.OURS, Verdict.ORGANISATION, Verdict.HINT
OVER = consent(ConsentKind.RESULTS_TRANSFER, scope=Scope(until=NOON))
WITHDRAWN = consent(ConsentKind.RESULTS_TRANSFER, in_force=False, is_withdrawn=True)
REFUSED = IdentityRefused(patient_id=ANNA, profile_number=1, reason=Cause.DATA_DIFFER, field="birth_date")
TEMPORARY = PolicyLinked(number="123456789", kind=PolicyKind.TEMPORARY, valid_until="2026-11-22")
CAUSES: dict[str, tuple[Check, dict[str, Any], Verdict]] = {
    "phone-not-confirmed": (Check.PHONE, {"patient": replace(PATIENT, phone_confirmed=False)}, YOURS),
    "profile-missing": (Check.PROFILE, {"patient": replace(PATIENT, profile=None)}, YOURS),
    "profile-incomplete": (Check.PROFILE, {"patient": profile(inn=None, citizenship=None)}, YOURS),
    "region-missing": (Check.REGION, {"patient": profile(region=None)}, YOURS),
    "region-not-connected": (Check.REGION, {"regions": frozenset({"78"})}, OURS),
    "document-missing": (Check.DOCUMENT, {"patient": profile(document=None)}, YOURS),
    "document-expired": (Check.DOCUMENT, {"now": NOON + 3650 * DAY}, YOURS),
    "identity-not-sent": (Check.IDENTITY, {"identity": Identity(confirmed=0)}, YOURS),
    "identity-waiting": (Check.IDENTITY, {"identity": Identity(requested=1)}, OURS),
    "identity-refused": (Check.IDENTITY, {"identity": Identity(refused=REFUSED)}, YOURS),
    "suspended": (
        Check.SUSPENSION,
        {"identity": replace(CONFIRMED, suspended=SuspensionReason.UNPAID_FINES)},
        YOURS,
    ),
    "policy-missing": (Check.POLICY, {"patient": replace(PATIENT, policy_linked=None)}, YOURS),
    "policy-ended": (Check.POLICY, {"patient": replace(PATIENT, policy_linked=TEMPORARY)}, YOURS),
    "organisation-missing": (Check.ORGANISATION, {"organisations": ()}, YOURS),
    "organisation-awaited": (
        Check.ORGANISATION,
        {"organisations": (replace(INVITRO, is_awaited=True),)},
        THEIRS,
    ),
    "organisation-not-confirmed": (
        Check.ORGANISATION,
        {"organisations": (replace(INVITRO, fault="organisation-accreditation-ended"),)},
        THEIRS,
    ),
    "organisation-cannot-send": (
        Check.ORGANISATION,
        {"organisations": (replace(INVITRO, can_send=False),)},
        THEIRS,
    ),
    "transfer-off": (Check.RECEIVING, {"receiving": Receiving(turned_off=frozenset({CLINIC}))}, YOURS),
    "study-types-declined": (
        Check.RECEIVING,
        {"receiving": Receiving(settings=ReceivingSettings(declined_study_types=(StudyType.GENETICS,)))},
        HINT,
    ),
    "consent-not-given": (Check.CONSENT_TRANSFER, {"consents": {}}, YOURS),
    "consent-withdrawn": (
        Check.CONSENT_TRANSFER,
        {"consents": {ConsentKind.RESULTS_TRANSFER: WITHDRAWN}},
        YOURS,
    ),
    "consent-over": (Check.CONSENT_TRANSFER, {"consents": {ConsentKind.RESULTS_TRANSFER: OVER}}, YOURS),
    "consent-has-new-text": (
        Check.CONSENT_TRANSFER,
        {"current_versions": dict.fromkeys(OF_CABINET, 3)},
        HINT,
    ),
    "email-missing": (Check.CONTACTS, {"patient": replace(PATIENT, email=None)}, YOURS),
    "email-unconfirmed": (Check.CONTACTS, {"patient": replace(PATIENT, is_email_confirmed=False)}, YOURS),
    "email-unreachable": (
        Check.CONTACTS,
        {"patient": replace(PATIENT, unreachable=frozenset({Channel.EMAIL}))},
        YOURS,
    ),
    "email-change-waiting": (Check.CONTACTS, {"patient": replace(PATIENT, email_stated="a@b.test")}, HINT),
    "phone-unreachable": (
        Check.CONTACTS,
        {
            "patient": replace(PATIENT, unreachable=frozenset({Channel.SMS})),
            "receiving": told_by(Channel.EMAIL, Channel.SMS),
        },
        YOURS,
    ),
    "push-missing": (Check.CONTACTS, {"receiving": told_by(Channel.EMAIL, Channel.PUSH)}, HINT),
    "notices-off": (
        Check.CONTACTS,
        {"receiving": Receiving(settings=ReceivingSettings(has_no_notices=True))},
        HINT,
    ),
    "appeal-waiting": (
        Check.APPEAL,
        {"appeals": (AppealFacts(organisation="К", status=AppealStatus.TAKEN, answer_due=NOON + DAY),)},
        THEIRS,
    ),
    "appeal-overdue": (
        Check.APPEAL,
        {"appeals": (AppealFacts(organisation="К", status=AppealStatus.SUBMITTED, answer_due=NOON),)},
        THEIRS,
    ),
    "appeal-refused": (
        Check.APPEAL,
        {"appeals": (AppealFacts(organisation="К", status=AppealStatus.REFUSED, answer_due=NOON),)},
        YOURS,
    ),
    "reports-waiting": (Check.WAITING, {"waiting": {"consent-missing": 3}}, YOURS),
    "views-behind": (Check.VIEWS, {"views_behind": VIEWS_BEHIND_MAX + timedelta(seconds=1)}, OURS),
    "relay-missing": (Check.NOTICES, {"notices": NoticeFacts(is_relay_set_up=False)}, OURS),
    "notices-stuck": (Check.NOTICES, {"notices": NoticeFacts(are_stuck=True)}, OURS),
    "notices-failed": (Check.NOTICES, {"notices": NoticeFacts(failed=2)}, YOURS),
    "no-result-yet": (Check.RESULTS, {"last_result_at": None}, HINT),
}


@pytest.mark.parametrize("code", CAUSES)
def test_each_cause_is_found_and_laid_at_the_right_door(code: str) -> None:
    check, changed, verdict = CAUSES[code]
    assert the(check, **changed) == (verdict, code)
    assert len(diagnose(replace(IN_ORDER, **changed))) >= len(Check)


def test_a_notice_that_failed_is_laid_to_no_address_until_its_provider_says_so() -> None:
    (failed,) = found(Check.NOTICES, notices=NoticeFacts(failed=2))
    assert (failed.fields, failed.count) == ((), 2), "it may have been an SMS, or a push"


def test_a_finding_names_what_is_to_be_mended() -> None:
    (missing,) = found(Check.PROFILE, patient=profile(inn=None, citizenship=None))
    assert missing.fields == ("citizenship", "inn")
    (refused,) = found(Check.IDENTITY, identity=Identity(refused=REFUSED))
    assert (refused.reason, refused.fields) == ("data-differ", ("birth_date",))
    (fault,) = found(Check.IDENTITY, identity=Identity(refused=replace(REFUSED, reason=Cause.PROOF_FAILED)))
    assert fault.verdict is Verdict.OURS, "a technical fault of the proof is not the patient's (S121)"


def test_reports_that_wait_are_counted_by_reason() -> None:
    waiting = {"consent-missing": 2, "identity-contradicts": 1, "not-wanted": 0}
    by_reason = [(one.reason, one.count, one.verdict) for one in found(Check.WAITING, waiting=waiting)]
    assert by_reason == [("consent-missing", 2, YOURS), ("identity-contradicts", 1, OURS)]


def test_each_organisation_is_told_of_by_itself() -> None:
    other = replace(INVITRO, name="Другая", can_send=False)
    told = [(one.about, one.verdict) for one in found(Check.ORGANISATION, organisations=(INVITRO, other))]
    assert told == [("Инвитро", Verdict.OK), ("Другая", THEIRS)]


def test_a_ward_needs_no_phone() -> None:
    ward = replace(PATIENT, phone=None, phone_confirmed=False, is_ward=True)
    assert the(Check.PHONE, patient=ward) == (Verdict.OK, "phone-ok")


def test_an_appeal_that_has_ended_well_is_no_trouble() -> None:
    ended = AppealFacts(organisation="К", status=AppealStatus.ACTIVATED, answer_due=NOON)
    assert the(Check.APPEAL, appeals=(ended,)) == (Verdict.OK, "appeal-ok")
