"""A result that goes by e-mail goes sealed, and its password by SMS: asked for when the letter was handed over."""

import io
from datetime import time
from email.message import EmailMessage

import pikepdf
import pytest

from api.demo_peers import Fault
from api.sealed_files import password_of
from api.sending import worker
from domain.announcement import About
from domain.channel import Channel
from domain.consent import OF_CABINET, ConsentKind
from domain.notice_hours import NoticeHours
from domain.notification import NotificationRequested
from domain.receiving import ReceivingSettings
from domain.values import PatientId
from ledger import sending
from ledger.codec import Circumstances
from ledger.commands import by_patient
from ledger.provider_receipts import record_receipt
from ledger.receiving import choose_hours, save_settings
from tests.api.cast import ANNA, Laboratory, Portal, bundle, settled, withdraw
from tests.api.sending_cast import Clock, rows_of


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(worker, "utc_now", clock.now)
    return clock


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> PatientId:
    """She gets her results by e-mail, whatever the hour."""
    consents = (*OF_CABINET, ConsentKind.RESULTS_BY_EMAIL)
    patient_id = settled(portal.opened, ANNA, laboratory.laboratory_id, consents)
    by = by_patient(patient_id)
    save_settings(portal.opened.ledger, patient_id, ReceivingSettings(sends_documents=True), by)
    awake = NoticeHours(quiet_from=time(0), quiet_until=time(0))
    choose_hours(portal.opened.ledger, patient_id, awake, by)
    return patient_id


def attachment(letter: EmailMessage) -> bytes | None:
    found = [part.get_payload(decode=True) for part in letter.iter_attachments()]
    return bytes(found[0]) if found else None


def passwords(portal: Portal) -> list[NotificationRequested]:
    requested = [one.event for one in portal.events(NotificationRequested)]
    return [event for event in requested if event.about is About.PASSWORD]


def test_the_password_goes_by_sms_after_the_letter_and_opens_it(
    portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    assert portal.submit(laboratory.seal(bundle("1"))).status_code == 201
    portal.notify(Channel.EMAIL)
    (letter,) = portal.letters(ANNA.email)
    (asked,) = passwords(portal)
    portal.notify(Channel.SMS)
    (message,) = portal.sms.accepted
    assert asked.opens is not None
    password = password_of(portal.opened.ledger.custody, asked.opens)
    assert password in message.text and password not in letter.as_string()
    content = attachment(letter)
    assert content is not None
    with pytest.raises(pikepdf.PasswordError):
        pikepdf.open(io.BytesIO(content))
    assert pikepdf.open(io.BytesIO(content), password=password).pages


def test_a_letter_that_is_sent_twice_asks_for_its_password_once(
    portal: Portal, laboratory: Laboratory, anna: PatientId, clock: Clock
) -> None:
    portal.submit(laboratory.seal(bundle("1")))
    portal.mail.fault = Fault.DROP_AFTER
    portal.notify(Channel.EMAIL)
    assert not passwords(portal), "nobody knows yet that there is something to open"
    portal.mail.fault = None
    clock.forward(minutes=11)
    portal.notify()
    portal.notify()
    assert len(passwords(portal)) == 1 and len(portal.sms.accepted) == 1


def test_a_letter_that_came_back_and_is_sent_anew_asks_for_no_second_password(
    portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    portal.submit(laboratory.seal(bundle("1")))
    portal.notify(Channel.EMAIL)
    ledger, (asked,) = portal.opened.ledger, passwords(portal)
    assert asked.opens is not None
    record_receipt(ledger, asked.opens, delivered=False, remote_id="", reason="5.2.2")
    sending.retry(ledger, asked.opens, Circumstances(actor="staff:maria"))
    portal.notify(Channel.EMAIL)
    assert len(portal.letters(ANNA.email)) == 2 and len(passwords(portal)) == 1
    assert [row.status for row in rows_of(portal, anna, Channel.EMAIL)] == ["handed-over"]


def test_without_the_consent_the_notice_goes_alone(
    portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    portal.submit(laboratory.seal(bundle("1")))
    withdraw(portal.opened, anna, ConsentKind.RESULTS_BY_EMAIL)
    portal.notify()
    portal.notify()
    (letter,) = portal.letters(ANNA.email)
    assert attachment(letter) is None and not passwords(portal) and not portal.sms.accepted


def test_a_password_is_not_sent_when_the_consent_ended_meanwhile(
    portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    portal.submit(laboratory.seal(bundle("1")))
    portal.notify(Channel.EMAIL)
    withdraw(portal.opened, anna, ConsentKind.RESULTS_BY_EMAIL)
    portal.notify(Channel.SMS)
    assert not portal.sms.accepted
    assert ("suppressed", "documents-consent-withdrawn") in {
        (row.status, row.reason) for row in rows_of(portal, anna, Channel.SMS)
    }


def test_a_password_that_nobody_waits_for_wakes_nobody(
    portal: Portal, laboratory: Laboratory, anna: PatientId, clock: Clock
) -> None:
    now = clock.now()
    hours = NoticeHours(
        time_zone="UTC",
        quiet_from=now.replace(minute=0, second=0, microsecond=0).time(),
        quiet_until=now.replace(hour=(now.hour + 2) % 24, minute=0, second=0, microsecond=0).time(),
    )
    choose_hours(portal.opened.ledger, anna, hours, by_patient(anna))
    portal.submit(laboratory.seal(bundle("1")))
    portal.notify()
    portal.notify()
    assert len(portal.mail.accepted) == 1 and not portal.sms.accepted
    clock.forward(hours=2, minutes=1)
    portal.notify()
    assert len(portal.sms.accepted) == 1
