"""A result goes by e-mail only as its patient permits: under a consent of its own, sealed, its password by SMS."""

import io
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import time, timedelta
from uuid import UUID

import pikepdf
import psycopg
import pytest
import pyzipper  # type: ignore[import-untyped]

from api.fhir.xml import read_fhir_xml
from domain import document_sending
from domain.announcement import About
from domain.channel import Channel
from domain.consent import ConsentKind
from domain.notice_hours import NoticeHours
from domain.notification import NotificationAttempted, NotificationRequested, NotificationSuppressed
from domain.obligation import Duty, ObligationArose, ObligationMet
from domain.reading import DocumentPasswordRead, Medium, ReportRead
from domain.receiving import DocumentFormat, ReceivingSettings
from domain.values import PatientId
from ledger.commands import by_patient
from ledger.contacts import mark_unreachable
from ledger.document_sending import ask_for_document, sent_documents
from ledger.misfiling import ReportNotFoundError
from ledger.receiving import choose_hours, load_receiving, save_settings
from projections import cabinet
from tests.api.account_cast import grow_old
from tests.api.cast import ANNA, BORIS, Laboratory, Person, Portal, bundle, code_of, grant, settle, withdraw
from tests.api.pdf_text import text_of
from tests.api.test_receiving_pages import SAVED, save
from tests.api.ward_cast import BLOOD, MISHA, family, receives, sent

CONSENT = ConsentKind.RESULTS_BY_EMAIL


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> Person:
    """With one result in her cabinet, of which she was told; no hour of hers is quiet."""
    person = portal.person(ANNA).register()
    settle(portal.opened, person.patient_id, ANNA, laboratory.laboratory_id)
    awake = NoticeHours(quiet_from=time(), quiet_until=time())
    choose_hours(portal.opened.ledger, person.patient_id, awake, by_patient(person.patient_id))
    portal.submit(laboratory.seal(bundle("Л-1", value="72.50")))
    portal.notify()
    return person


def page_of(portal: Portal, person: Person) -> str:
    row = cabinet.reports_of(portal.opened.ledger, person.patient_id)[0]
    return f"/reports/{row.report_id}/send"


def attachments(portal: Portal, person: Person) -> list[tuple[str, bytes]]:
    letters = portal.letters(person.who.email)
    return [
        (part.get_filename() or "", part.get_payload(decode=True))  # type: ignore[misc]
        for letter in letters
        for part in letter.iter_attachments()
    ]


def passwords(portal: Portal) -> list[str]:
    texts = [message.text for message in portal.sms.accepted if message.to == ANNA.phone]
    return [
        found[0] for text in texts if (found := re.search(r"\b[2-9A-Z]{4}-[2-9A-Z]{4}-[2-9A-Z]{4}\b", text))
    ]


def opened(content: bytes, password: str) -> str:
    plain = io.BytesIO()
    with pikepdf.open(io.BytesIO(content), password=password) as document:
        document.save(plain)
    return text_of(plain.getvalue())


def test_the_consent_has_its_own_text_and_receipt_and_ends_by_one_press(portal: Portal, anna: Person) -> None:
    page = anna.get(f"/consents/{CONSENT}").text
    for price in (
        "хранится у почтовой службы",
        "зашифрован (AES-256)",
        "Кто читает мой почтовый ящик",
        "Одной кнопкой",
    ):
        assert price in page, price
    assert anna.post(f"/consents/{CONSENT}/grant", version="1", read="yes").status_code == 303
    receipt = anna.get(f"/consents/{CONSENT}/receipt.json").json()["receipt"]
    assert receipt["document"]["kind"] == CONSENT and receipt["sensitive"]
    assert anna.get(f"/consents/{CONSENT}/receipt.pdf").content.startswith(b"%PDF-")
    assert anna.post(f"/consents/{CONSENT}/withdraw").headers["location"].endswith("consent-withdrawn")
    arose = [one.event.duty for one in portal.events(ObligationArose)]
    assert arose == [Duty.STOP_SENDING] and len(portal.events(ObligationMet)) == 1


# By hand (S128)


def test_a_result_that_is_sent_by_hand_arrives_sealed_and_its_password_by_sms(
    portal: Portal, anna: Person
) -> None:
    grant(portal.opened, anna.patient_id, CONSENT)
    path = page_of(portal, anna)
    assert "p•••@patients.example" in anna.get(path).text
    answer = anna.post(path, format="pdf")
    assert answer.headers["location"] == f"{path}?notice=document-asked"
    portal.notify(Channel.EMAIL)
    portal.notify(Channel.SMS)
    ((name, content),) = attachments(portal, anna)
    (password,) = passwords(portal)
    assert re.fullmatch(r"rezultat-\d{4}-\d\d-\d\d\.pdf", name)
    text = opened(content, password)
    assert "72,50" in text and "Соколова Анна" in text and "Лаборатория Инвитро" in text


def test_neither_the_letter_nor_the_ledger_nor_the_sms_says_more_than_it_must(
    portal: Portal, anna: Person, sql: psycopg.Connection
) -> None:
    grant(portal.opened, anna.patient_id, CONSENT)
    anna.post(page_of(portal, anna), format="pdf")
    portal.notify()
    portal.notify()
    (password,) = passwords(portal)
    letter = portal.letters(ANNA.email)[-1]
    text = str(letter["subject"]) + "".join(
        part.get_content() for part in letter.walk() if part.get_content_maintype() == "text"
    )
    # Without its addresses: the port of the portal may have these digits.
    text = re.sub(r"https?://[^\s\"]+", "", text)
    for secret in (password, password.replace("-", ""), "72", "Креатинин", "Инвитро", "Соколова"):
        assert secret not in text, secret
    for message in portal.sms.accepted:
        assert "Креатинин" not in message.text and "Инвитро" not in message.text
    stored = sql.execute("SELECT string_agg(encode(state, 'escape'), '') FROM ledger.events").fetchone()
    assert stored is not None and password not in stored[0]


def test_xml_goes_as_an_archive_of_fhir(portal: Portal, anna: Person) -> None:
    grant(portal.opened, anna.patient_id, CONSENT)
    anna.post(page_of(portal, anna), format="xml")
    portal.notify()
    portal.notify()
    ((name, content),) = attachments(portal, anna)
    assert name.endswith(".zip")
    with pyzipper.AESZipFile(io.BytesIO(content)) as archive:
        (report,) = read_fhir_xml(archive.read(archive.namelist()[0], pwd=passwords(portal)[0].encode()))
    assert report.subject.family == "Соколова"


def test_without_the_consent_nothing_goes_and_the_way_to_it_leads_back(portal: Portal, anna: Person) -> None:
    path = page_of(portal, anna)
    page = anna.get(path).text
    (to_consent,) = re.findall(r'class="button" href="(/consents/results-by-email\?report=[^"]+)"', page)
    answer = anna.post(path, format="pdf")
    assert (answer.status_code, code_of(answer)) == (409, "document-consent-missing")
    form = anna.get(to_consent).text
    (report,) = re.findall(r'name="report" value="([^"]+)"', form)
    (version,) = re.findall(r'name="version" value="(\d+)"', form)
    granted = anna.post("/consents/results-by-email/grant", version=version, read="yes", report=report)
    assert granted.headers["location"] == f"{path}?notice=consent-granted"
    assert anna.post(path, format="pdf").status_code == 303


@pytest.mark.parametrize("report", ["//evil.example", "https://evil.example", "0190"])
def test_nobody_is_led_elsewhere_after_a_consent(anna: Person, report: str) -> None:
    answer = anna.post("/consents/results-by-email/grant", version="1", read="yes", report=report)
    assert answer.headers["location"] == "/consents?notice=consent-granted"


def test_a_consent_withdrawn_before_it_went_keeps_it_back(portal: Portal, anna: Person) -> None:
    grant(portal.opened, anna.patient_id, CONSENT)
    anna.post(page_of(portal, anna), format="pdf")
    withdraw(portal.opened, anna.patient_id, CONSENT)
    portal.notify()
    assert attachments(portal, anna) == [] and passwords(portal) == []
    reasons = [
        one.event.reason for one in portal.events(NotificationSuppressed) if one.event.about is About.DOCUMENT
    ]
    assert reasons == ["documents-consent-withdrawn"]


def test_who_chose_no_notices_still_gets_what_they_ask_for(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:

    grant(portal.opened, anna.patient_id, CONSENT)
    silent = ReceivingSettings(has_no_notices=True, channels=())
    save_settings(portal.opened.ledger, anna.patient_id, silent, by_patient(anna.patient_id))
    anna.post(page_of(portal, anna), format="pdf")
    portal.notify()
    assert len(attachments(portal, anna)) == 1


def test_one_press_sends_once_and_the_same_version_goes_ten_times_at_most(
    portal: Portal, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:

    grant(portal.opened, anna.patient_id, CONSENT)
    path = page_of(portal, anna)
    assert anna.post(path, format="pdf").status_code == 303
    again = anna.post(path, format="pdf")
    assert (again.status_code, code_of(again)) == (429, "document-just-sent")
    monkeypatch.setattr(document_sending, "PAUSE", timedelta())
    answers = [anna.post(path, format="pdf") for _ in range(10)]
    assert [one.status_code for one in answers] == [303] * 9 + [429]
    assert code_of(answers[-1]) == "document-sent-often"


def test_it_asks_for_a_fresh_proof_of_who_asks(portal: Portal, anna: Person, sql: psycopg.Connection) -> None:
    grant(portal.opened, anna.patient_id, CONSENT)
    path = page_of(portal, anna)
    grow_old(sql)
    for answer in (
        anna.get(path),
        anna.post(path, format="pdf"),
        anna.get(path.replace("/send", "/documents/" + "0" * 32)),
    ):
        assert answer.status_code == 303 and answer.headers["location"].startswith("/step-up?to=/")
    assert not [one for one in portal.events(NotificationRequested) if one.event.about is About.DOCUMENT]


def test_that_it_leaves_the_house_is_a_reading(portal: Portal, anna: Person) -> None:
    grant(portal.opened, anna.patient_id, CONSENT)
    before = len(portal.events(ReportRead))
    anna.post(page_of(portal, anna), format="pdf")
    reads = portal.events(ReportRead)
    assert len(reads) == before + 1 and reads[-1].circumstances.actor == f"patient:{anna.patient_id}"
    # Asked for is not looked at: it acknowledges no correction.
    assert reads[-1].event.medium is Medium.EMAIL
    (asked,) = [one for one in portal.events(NotificationRequested) if one.event.about is About.DOCUMENT]
    assert asked.event.basis.of("consent/results-by-email") == asked.event.consent_id


def test_of_others_there_is_nothing_to_send(portal: Portal, laboratory: Laboratory, anna: Person) -> None:
    boris = portal.person(BORIS).register()
    settle(portal.opened, boris.patient_id, BORIS, laboratory.laboratory_id)
    grant(portal.opened, boris.patient_id, CONSENT)
    grant(portal.opened, anna.patient_id, CONSENT)
    path = page_of(portal, anna)
    anna.post(path, format="pdf")
    (asked,) = [one for one in portal.events(NotificationRequested) if one.event.about is About.DOCUMENT]
    password = path.replace("/send", f"/documents/{asked.stream_id}")
    nowhere = "/reports/00000000-0000-4000-8000-000000000000/send"
    strangers = [boris.get(path), boris.post(path, format="pdf"), boris.get(password), boris.get(nowhere)]
    assert {(one.status_code, code_of(one)) for one in strangers} == {(404, "not-found")}
    assert portal.events(DocumentPasswordRead) == []


def test_to_an_address_where_nothing_arrives_nothing_is_sent(portal: Portal, anna: Person) -> None:
    grant(portal.opened, anna.patient_id, CONSENT)
    mark_unreachable(
        portal.opened.ledger, anna.patient_id, Channel.EMAIL, "5.1.1", by_patient(anna.patient_id)
    )
    path = page_of(portal, anna)
    page = anna.get(path).text
    assert "Письма на этот адрес не доходят." in page and f'action="{path}"' not in page
    answer = anna.post(path, format="pdf")
    assert (answer.status_code, code_of(answer)) == (409, "document-not-permitted")
    assert anna.post(path, format="doc").status_code == 400


def test_whose_phone_gets_no_sms_is_told_before(portal: Portal, anna: Person) -> None:
    grant(portal.opened, anna.patient_id, CONSENT)
    mark_unreachable(
        portal.opened.ledger, anna.patient_id, Channel.SMS, "absent", by_patient(anna.patient_id)
    )
    assert "SMS с паролем до вас не дойдёт" in anna.get(page_of(portal, anna)).text


def test_nobody_asks_for_the_document_of_anothers_report(portal: Portal, anna: Person) -> None:
    grant(portal.opened, anna.patient_id, CONSENT)
    (row,) = cabinet.reports_of(portal.opened.ledger, anna.patient_id)
    boris = PatientId(UUID(int=2))
    with pytest.raises(ReportNotFoundError):
        ask_for_document(
            portal.opened.ledger, boris, row.report_id, form=DocumentFormat.PDF, by=by_patient(boris)
        )


def test_who_presses_from_many_places_at_once_sends_once(portal: Portal, anna: Person) -> None:
    grant(portal.opened, anna.patient_id, CONSENT)
    (row,) = cabinet.reports_of(portal.opened.ledger, anna.patient_id)

    def ask(_: int) -> bool:
        try:
            ask_for_document(
                portal.opened.ledger,
                anna.patient_id,
                row.report_id,
                form=DocumentFormat.PDF,
                by=by_patient(anna.patient_id),
            )
        except document_sending.DocumentJustSentError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(ask, range(12))) == 1
    assert (
        len([one for one in portal.events(NotificationRequested) if one.event.about is About.DOCUMENT]) == 1
    )


def test_a_guardian_is_offered_no_document_of_a_ward(portal: Portal, laboratory: Laboratory) -> None:
    found = family(portal, portal.person(ANNA))
    receives(found, laboratory)
    report_id = sent(found, laboratory, "1", MISHA, BLOOD)
    found.enter()
    mother = found.mother
    assert "/send" not in mother.get(f"/reports/{report_id}").text
    assert CONSENT not in mother.get("/consents").text
    assert 'name="documents"' not in mother.get("/services/receiving").text
    refused = [
        mother.get(f"/reports/{report_id}/send"),
        found.post(f"/reports/{report_id}/send", format="pdf"),
        mother.get(f"/consents/{CONSENT}"),
        found.post(f"/consents/{CONSENT}/grant", version="1", read="yes"),
    ]
    assert {(one.status_code, code_of(one)) for one in refused} == {(403, "not-for-a-ward")}


# The password in the cabinet


def test_the_password_is_shown_to_its_owner_and_that_it_was_is_recorded(portal: Portal, anna: Person) -> None:
    grant(portal.opened, anna.patient_id, CONSENT)
    path = page_of(portal, anna)
    anna.post(path, format="pdf")
    portal.notify()
    portal.notify()
    (link,) = re.findall(r'href="(/reports/[^"]+/documents/[^"]+)"', anna.get(path).text)
    page = anna.get(link).text
    (password,) = passwords(portal)
    assert f"<code>{password}</code>" in page
    (read,) = portal.events(DocumentPasswordRead)
    assert str(read.event.notification_id) in link
    portal.catch_up()
    assert "открыт пароль к документу" in anna.get("/access").text


# By itself (S40, S41, S68)


def test_who_wants_it_gets_each_result_with_its_notice(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    grant(portal.opened, anna.patient_id, CONSENT)
    assert save(anna, laboratory, documents="yes", format="xml") == SAVED
    settings = load_receiving(portal.opened.ledger, anna.patient_id).settings
    assert settings.sends_documents and settings.document_format is DocumentFormat.XML
    portal.submit(laboratory.seal(bundle("Л-2", value="50.00")))
    portal.notify()
    portal.notify()
    ((name, content),) = attachments(portal, anna)
    assert name.endswith(".zip") and len(passwords(portal)) == 1
    with pyzipper.AESZipFile(io.BytesIO(content)) as archive:
        assert b"50.00" in archive.read(archive.namelist()[0], pwd=passwords(portal)[0].encode())


def test_a_correction_goes_corrected(portal: Portal, laboratory: Laboratory, anna: Person) -> None:
    grant(portal.opened, anna.patient_id, CONSENT)
    save(anna, laboratory, documents="yes")
    portal.submit(laboratory.seal(bundle("Л-1", value="73.10", status="corrected")))
    portal.notify()
    portal.notify()
    ((_, content),) = attachments(portal, anna)
    text = opened(content, passwords(portal)[0])
    assert "73,10" in text and "Исправлен" in text


def test_without_the_consent_the_notice_goes_alone_and_the_page_says_why(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    save(anna, laboratory, documents="yes")
    portal.submit(laboratory.seal(bundle("Л-2", value="50.00")))
    portal.notify()
    assert len(portal.letters(ANNA.email)) == 2 and attachments(portal, anna) == []
    assert "Согласия нет, поэтому файлы не отправляются" in anna.get("/services/receiving").text


def test_a_withdrawal_ends_it_at_the_next_attempt(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    grant(portal.opened, anna.patient_id, CONSENT)
    save(anna, laboratory, documents="yes")
    portal.submit(laboratory.seal(bundle("Л-2", value="50.00")))
    requested = portal.events(NotificationRequested)[-3:]
    assert DocumentFormat.PDF in [one.event.carries for one in requested]
    withdraw(portal.opened, anna.patient_id, CONSENT)
    portal.notify()
    assert len(portal.letters(ANNA.email)) == 2 and attachments(portal, anna) == []
    assert portal.events(NotificationAttempted)[-1].event.carries is None and passwords(portal) == []


def test_documents_that_were_sent_are_found_without_a_view(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    grant(portal.opened, anna.patient_id, CONSENT)
    save(anna, laboratory, documents="yes")
    portal.submit(laboratory.seal(bundle("Л-1", value="73.10", status="corrected")))
    portal.catch_up()
    anna.post(page_of(portal, anna), format="xml")
    (row,) = cabinet.reports_of(portal.opened.ledger, anna.patient_id)
    found = sent_documents(portal.opened.ledger, anna.patient_id, row.report_id, 1, 2)
    assert [(one.report_version, one.form, one.is_by_hand) for one in found] == [
        (2, DocumentFormat.PDF, False),
        (2, DocumentFormat.XML, True),
    ]
