"""Sending a result's document: by a consent of its own, to a good address, not twice for one press."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from uuid import UUID

import pytest

from domain import consent, document_sending, patient, receiving
from domain.announcement import About
from domain.channel import Channel
from domain.consent import ConsentKind, ConsentWithdrawn
from domain.document_sending import (
    PAUSE,
    REQUESTS_MAX,
    DocumentJustSentError,
    DocumentNotPermittedError,
    DocumentSentOftenError,
)
from domain.notification import NotificationRequested
from domain.patient import EmailConfirmed, EmailStated, PatientRegistered, PhoneConfirmed, PhoneStated
from domain.permission import Basis, Grounds, document_barrier, document_notice_barrier, document_of_notice
from domain.receiving import DocumentFormat, Receiving, ReceivingSettings
from domain.values import PatientId
from tests.domain.test_permission import granted, withdrawn
from tests.examples import ANNA

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
CONSENT, REPORT = UUID(int=12), UUID(int=5)
REACHED = reduce(
    patient.evolve,
    (
        PatientRegistered(locale="ru"),
        PhoneStated(phone="+79000000001"),
        PhoneConfirmed(),
        EmailStated(email="anna@patients.example"),
        EmailConfirmed(),
    ),
    None,
)
FULL = Grounds(
    at=NOON,
    patient=REACHED,
    personal_data=granted(ConsentKind.PERSONAL_DATA),
    documents=granted(ConsentKind.RESULTS_BY_EMAIL),
)


def ask(grounds: Grounds = FULL, *asked_before: datetime) -> NotificationRequested:
    return document_sending.ask(
        grounds,
        patient_id=ANNA,
        report_id=REPORT,
        report_version=2,
        form=DocumentFormat.XML,
        asked_before=asked_before,
        consent_id=CONSENT,
        consent_version=3,
        basis=Basis(at=grounds.at, looked_at=()),
    )


def test_what_is_asked_for_is_a_notification_that_carries_it() -> None:
    requested = ask()
    assert (requested.channel, requested.about, requested.carries) == (
        Channel.EMAIL,
        About.DOCUMENT,
        DocumentFormat.XML,
    )
    assert (requested.consent_id, requested.consent_version, requested.report_version) == (CONSENT, 3, 2)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, None),
        ({"documents": None}, "documents-consent-missing"),
        ({"documents": withdrawn(FULL.documents)}, "documents-consent-withdrawn"),
        ({"documents": granted(ConsentKind.RESULTS_BY_EMAIL, until=NOON)}, "documents-consent-expired"),
        ({"personal_data": None}, "consent-missing"),
        ({"personal_data": withdrawn(FULL.personal_data)}, "consent-withdrawn"),
        ({"personal_data": granted(ConsentKind.PERSONAL_DATA, until=NOON)}, "consent-expired"),
        ({"patient": patient.evolve(None, PatientRegistered(locale="ru"))}, "email-missing"),
        # What is chosen of notices, and their consent, are of notices.
        ({"receiving": Receiving(settings=ReceivingSettings(has_no_notices=True)), "notices": None}, None),
    ],
)
def test_a_document_goes_only_by_its_consent_and_to_an_address(
    changed: dict[str, object], expected: str | None
) -> None:
    grounds = replace(FULL, **changed)  # type: ignore[arg-type]
    assert document_notice_barrier(grounds, channel=Channel.EMAIL) == expected
    if expected is None:
        ask(grounds)
        return
    with pytest.raises(DocumentNotPermittedError) as refused:
        ask(grounds)
    assert refused.value.reason == expected


def test_its_password_goes_to_a_confirmed_phone_only() -> None:
    assert document_notice_barrier(FULL, channel=Channel.SMS) is None
    unconfirmed = reduce(
        patient.evolve, (PatientRegistered(locale="ru"), PhoneStated(phone="+79000000001")), None
    )
    grounds = replace(FULL, patient=unconfirmed)
    assert document_notice_barrier(grounds, channel=Channel.SMS) == "phone-unconfirmed"


def test_one_press_is_one_letter_and_a_version_goes_ten_times_at_most() -> None:
    with pytest.raises(DocumentJustSentError):
        ask(FULL, NOON - PAUSE + timedelta(seconds=1))
    ask(FULL, NOON - PAUSE)
    long_ago = [NOON - timedelta(days=number) for number in range(REQUESTS_MAX, 0, -1)]
    ask(FULL, *long_ago[1:])
    with pytest.raises(DocumentSentOftenError):
        ask(FULL, *long_ago)


@pytest.mark.parametrize("form", DocumentFormat)
@pytest.mark.parametrize("wants", [True, False])
@pytest.mark.parametrize("permits", [True, False])
def test_it_goes_by_itself_only_if_it_is_wanted_and_permitted(
    form: DocumentFormat, *, wants: bool, permits: bool
) -> None:
    settings = ReceivingSettings(sends_documents=wants, document_format=form)
    grounds = replace(FULL, receiving=Receiving(settings=settings))
    if not permits:
        grounds = replace(grounds, documents=withdrawn(FULL.documents))
    assert document_of_notice(grounds) == (form if wants and permits else None)


def test_who_never_chose_is_sent_no_documents() -> None:
    assert document_of_notice(FULL) is None and document_barrier(FULL) is None
    assert not receiving.EVERYTHING_WANTED.settings.sends_documents


def test_it_is_no_consent_of_the_cabinet_and_ends_by_a_withdrawal() -> None:
    assert ConsentKind.RESULTS_BY_EMAIL not in consent.OF_CABINET
    taken_back = consent.withdraw(granted(ConsentKind.RESULTS_BY_EMAIL))
    assert taken_back == ConsentWithdrawn(patient_id=PatientId(ANNA), kind=ConsentKind.RESULTS_BY_EMAIL)
