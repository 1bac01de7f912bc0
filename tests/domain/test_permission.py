"""A report reaches its patient, and a notice is sent, only when nothing stands against it; each cause has its code."""

from dataclasses import replace
from datetime import timedelta
from functools import reduce
from uuid import UUID

import pytest

from domain import consent, identity, linkage, patient, permission, push_subscription, receiving
from domain.channel import Channel
from domain.consent import Consent, ConsentGranted, ConsentKind, ConsentWithdrawn
from domain.identity import IdentityConfirmed, ProfileSuspended, Proof, SuspensionReason
from domain.linkage import OrganisationLinked, OrganisationUnlinked
from domain.patient import (
    ContactUnreachable,
    EmailConfirmed,
    EmailStated,
    PatientRegistered,
    PhoneConfirmed,
    PhoneStated,
    PolicyLinked,
    PolicyUnlinked,
)
from domain.permission import Grounds, barrier, notice_barrier
from domain.push_subscription import PushSubscriptions
from domain.receiving import AutomaticTransferTurnedOff
from domain.study_type import StudyType
from domain.values import OrganisationId
from tests.examples import ANNA, CLINIC, DOCUMENT, ENP, EXAMPLES, LATER, PROFILE

OTHER = OrganisationId(UUID(int=7))
BLOOD = frozenset({StudyType.BLOOD_COUNT})
MOMENT = timedelta(microseconds=1)
LINKED = linkage.evolve(None, OrganisationLinked(patient_id=ANNA, organisation_id=CLINIC))
UNLINKED = linkage.evolve(LINKED, OrganisationUnlinked(patient_id=ANNA, organisation_id=CLINIC))
CONFIRMED = identity.evolve(None, IdentityConfirmed(patient_id=ANNA, profile_number=1, proof=Proof.IN_PERSON))
SUSPENDED = identity.evolve(
    CONFIRMED, ProfileSuspended(patient_id=ANNA, reason=SuspensionReason.MISUSE_SUSPECTED)
)
TURNED_OFF = receiving.evolve(None, AutomaticTransferTurnedOff(patient_id=ANNA, organisation_id=CLINIC))


def granted(kind: ConsentKind, **scope: object) -> Consent:
    event = ConsentGranted(patient_id=ANNA, document=replace(DOCUMENT, kind=kind))
    return consent.evolve(None, replace(event, **scope))  # type: ignore[arg-type]


def withdrawn(known: Consent) -> Consent:
    return consent.evolve(known, ConsentWithdrawn(patient_id=ANNA, kind=known.document.kind))


PERSONAL, TRANSFER, NOTICES = (granted(kind) for kind in consent.OF_CABINET)
WITH_PROFILE = patient.evolve(patient.evolve(None, PatientRegistered(locale="ru")), PROFILE)
WITH_POLICY = patient.evolve(WITH_PROFILE, PolicyLinked(number=ENP))
WITH_EMAIL = patient.evolve(
    patient.evolve(WITH_POLICY, EmailStated(email="anna@patients.example")), EmailConfirmed()
)
FULL = Grounds(
    at=LATER,
    patient=WITH_EMAIL,
    identity=CONFIRMED,
    linkage=LINKED,
    personal_data=PERSONAL,
    transfer=TRANSFER,
    notices=NOTICES,
)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, None),
        ({"transfer": granted(ConsentKind.RESULTS_TRANSFER, organisations=(CLINIC,))}, None),
        ({"linkage": None}, "organisation-not-linked"),
        ({"linkage": UNLINKED, "transfer": None}, "organisation-not-linked"),
        ({"personal_data": None}, "consent-missing"),
        ({"personal_data": withdrawn(PERSONAL)}, "consent-missing"),
        ({"personal_data": granted(ConsentKind.PERSONAL_DATA, until=LATER)}, "consent-expired"),
        ({"transfer": None}, "transfer-consent-missing"),
        ({"transfer": withdrawn(TRANSFER)}, "transfer-consent-missing"),
        ({"transfer": granted(ConsentKind.RESULTS_TRANSFER, until=LATER)}, "transfer-consent-expired"),
        ({"transfer": granted(ConsentKind.RESULTS_TRANSFER, until=LATER + MOMENT)}, None),
        (
            {"transfer": withdrawn(granted(ConsentKind.RESULTS_TRANSFER, until=LATER))},
            "transfer-consent-missing",
        ),
        (
            {"transfer": granted(ConsentKind.RESULTS_TRANSFER, organisations=(OTHER,))},
            "out-of-consent-scope",
        ),
        (
            {"transfer": granted(ConsentKind.RESULTS_TRANSFER, study_types=(StudyType.HORMONES,))},
            "out-of-consent-scope",
        ),
        ({"identity": None}, "identity-unconfirmed"),
        ({"patient": patient.evolve(WITH_EMAIL, PROFILE)}, "identity-unconfirmed"),
        ({"identity": SUSPENDED}, "service-suspended"),
        ({"patient": patient.evolve(WITH_EMAIL, PolicyUnlinked())}, "policy-unlinked"),
        ({"receiving": TURNED_OFF}, "not-wanted"),
    ],
)
def test_a_report_reaches_the_cabinet_only_when_nothing_stands_against_it(
    changed: dict[str, object], expected: str | None
) -> None:
    grounds = replace(FULL, **changed)  # type: ignore[arg-type]
    assert barrier(grounds, organisation_id=CLINIC, study_types=BLOOD) == expected
    assert expected is None or expected in permission.BARRIERS


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, None),
        ({"notices": None}, "consent-missing"),
        ({"notices": withdrawn(NOTICES)}, "consent-withdrawn"),
        ({"notices": granted(ConsentKind.NOTIFICATIONS, until=LATER)}, "consent-expired"),
        ({"personal_data": None}, "consent-missing"),
        ({"personal_data": withdrawn(FULL.personal_data)}, "consent-withdrawn"),
        ({"patient": patient.evolve(None, PatientRegistered(locale="ru"))}, "email-missing"),
    ],
)
def test_a_notice_is_sent_only_with_consent_and_an_address(
    changed: dict[str, object], expected: str | None
) -> None:
    grounds = replace(FULL, **changed)  # type: ignore[arg-type]
    assert notice_barrier(grounds, channel=Channel.EMAIL) == expected


# The first edition of its text names no other channel.
BY_EMAIL_ONLY = replace(NOTICES, document=replace(NOTICES.document, version=1))
ALL_CHANNELS = receiving.evolve(
    None,
    replace(
        EXAMPLES["ReceivingSettingsChanged"][0],
        patient_id=ANNA,
        channels=tuple(Channel),
        has_no_notices=False,
    ),
)
WITH_PHONE = reduce(
    patient.evolve,
    (PhoneStated(phone="+79990000001"), PhoneConfirmed()),
    WITH_EMAIL,
)
BROWSER = reduce(
    push_subscription.evolve,
    (EXAMPLES["PushSubscribed"][0], EXAMPLES["PushAddressStated"][0]),
    None,
)
EVERY_WAY = replace(FULL, patient=WITH_PHONE, receiving=ALL_CHANNELS, pushes=BROWSER)
UNREACHABLE = {
    channel: patient.evolve(WITH_PHONE, ContactUnreachable(channel=channel, reason="5.1.1"))
    for channel in (Channel.EMAIL, Channel.SMS)
}


@pytest.mark.parametrize(
    ("channel", "changed", "expected"),
    [
        (Channel.EMAIL, {}, None),
        (Channel.SMS, {}, None),
        (Channel.PUSH, {}, None),
        (Channel.EMAIL, {"receiving": None}, None),
        (Channel.SMS, {"receiving": None}, "not-wanted"),
        (Channel.PUSH, {"receiving": None}, "not-wanted"),
        (Channel.EMAIL, {"patient": None}, "email-missing"),
        (
            Channel.EMAIL,
            {"patient": patient.evolve(WITH_POLICY, EmailStated(email="anna@patients.example"))},
            "email-unconfirmed",
        ),
        (Channel.EMAIL, {"patient": UNREACHABLE[Channel.EMAIL]}, "email-unreachable"),
        (Channel.SMS, {"patient": UNREACHABLE[Channel.EMAIL]}, None),
        (Channel.SMS, {"patient": WITH_EMAIL}, "phone-unconfirmed"),
        (
            Channel.SMS,
            {"patient": patient.evolve(WITH_PHONE, PhoneStated(phone="+79990000002"))},
            "phone-unconfirmed",
        ),
        (Channel.SMS, {"patient": UNREACHABLE[Channel.SMS]}, "phone-unreachable"),
        (Channel.EMAIL, {"patient": UNREACHABLE[Channel.SMS]}, None),
        (Channel.PUSH, {"pushes": None}, "push-missing"),
        (Channel.PUSH, {"pushes": PushSubscriptions()}, "push-missing"),
        (Channel.PUSH, {"notices": None, "pushes": None}, "consent-missing"),
        (Channel.EMAIL, {"notices": BY_EMAIL_ONLY}, None),
        (Channel.SMS, {"notices": BY_EMAIL_ONLY}, "consent-outdated"),
        (Channel.PUSH, {"notices": BY_EMAIL_ONLY}, "consent-outdated"),
    ],
)
def test_each_channel_is_wanted_and_reached_by_itself(
    channel: Channel, changed: dict[str, object], expected: str | None
) -> None:
    grounds = replace(EVERY_WAY, **changed)  # type: ignore[arg-type]
    assert notice_barrier(grounds, channel=channel) == expected
