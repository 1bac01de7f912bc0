"""Taking away by HTTP: each form of a result, archives, and all of one's data; each recorded before it leaves."""

import base64
import io
import json
import re
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import orjson
import pikepdf
import psycopg
import pytest
from fhir.resources.R4B import get_fhir_model_class

from api.archives import archive_of, asked_now
from api.pdf_signing import FILE_NAME, install, signatory_of
from api.portal import my_data
from api.portal.my_data import RESULTS_MAX
from api.problems import explain
from api.report_as_of import Verdict, verdict_of
from api.result_documents import release_of_form
from domain.reading import Medium, PersonalDataTaken, ReadingPurpose, ReportRead
from domain.receiving import DocumentFormat
from domain.study_type import StudyType
from domain.ticket_events import TicketKind, TicketTopic
from ledger import guardianship, result_receipt, talk_first, tickets
from ledger.commands import by_patient
from ledger.receipt import signer_of
from ledger.rendering import matches
from ledger.staff import by_member
from ledger.tickets import Request
from projections import cabinet, signing, transparency
from tests.api.account_cast import grow_old
from tests.api.cast import ANNA, BORIS, Laboratory, Person, Portal, bundle, code_of, settle, settled
from tests.api.test_cda import document as cda_document
from tests.api.ward_cast import BLOOD, DRUGS, MISHA, OPERATOR, family, receives, sent

Taken = Callable[[str], httpx2.Response]


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> Person:
    """Anna at her browser, with three results: of one the second version stands."""
    person = portal.person(ANNA).register()
    settle(portal.opened, person.patient_id, ANNA, laboratory.laboratory_id)
    for number in ("Л-1", "Л-2", "Л-3"):
        portal.submit(laboratory.seal(bundle(number, value="72.50")))
    portal.submit(laboratory.seal(bundle("Л-1", value="73.10", status="corrected")))
    portal.catch_up()
    signing.sign_at_hand(portal.opened.ledger)
    return person


def reports(person: Person) -> dict[UUID, int]:
    rows = cabinet.reports_of(person.portal.opened.ledger, person.patient_id)
    return {row.report_id: row.version for row in rows}


def corrected(person: Person) -> UUID:
    return next(report_id for report_id, version in reports(person).items() if version == 2)


def file_of(answer: httpx2.Response, media_type: str) -> bytes:
    """The bytes of a file that no browser opens by itself, or keeps."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == media_type
    assert (
        answer.headers["x-content-type-options"] == "nosniff"
        and answer.headers["cache-control"] == "no-store"
    )
    assert re.fullmatch(
        r'attachment; filename="[a-z0-9-]+\.[a-z0-9]+"', answer.headers["content-disposition"]
    )
    return answer.content


@pytest.mark.parametrize(
    ("path", "media_type", "medium"),
    [
        ("pdf", "application/pdf", Medium.PDF),
        ("xml", "application/fhir+xml", Medium.XML),
        ("fhir", "application/fhir+json", Medium.FHIR_JSON),
        ("original/0", "application/fhir+json", Medium.ORIGINAL),
    ],
)
def test_each_form_leaves_as_a_file_and_is_recorded_with_its_digest(
    anna: Person, path: str, media_type: str, medium: Medium
) -> None:
    report_id = corrected(anna)
    content = file_of(anna.get(f"/reports/{report_id}/{path}"), media_type)
    (recorded,) = anna.portal.events(ReportRead)
    read = recorded.event
    assert (read.report_id, read.report_version, read.medium) == (report_id, 2, medium)
    assert recorded.circumstances.actor == f"patient:{anna.patient_id}"
    assert read.rendering.release == release_of_form(anna.portal.opened.ledger, medium)
    assert matches(anna.portal.opened.ledger, report_id, content, read.rendering)
    assert not matches(anna.portal.opened.ledger, report_id, content + b" ", read.rendering)


def test_a_file_that_another_key_signed_is_of_another_release_and_no_alarm(
    anna: Person, tmp_path: Path
) -> None:
    ledger = anna.portal.opened.ledger
    report_id = corrected(anna)
    file_of(anna.get(f"/reports/{report_id}/pdf"), "application/pdf")
    (recorded,) = anna.portal.events(ReportRead)
    assert verdict_of(ledger, recorded.event) is Verdict.SAME
    signatory_of(tmp_path, name="another operator")
    install(ledger.custody.folder, tmp_path / FILE_NAME)
    assert verdict_of(ledger, recorded.event) is Verdict.OTHER_RELEASE


def test_fhir_json_is_valid_to_an_independent_reader_and_keeps_the_digits(anna: Person) -> None:
    content = anna.get(f"/reports/{corrected(anna)}/fhir").content
    found = get_fhir_model_class("Bundle").model_validate_json(content)
    assert found.type == "document" and found.entry[0].resource.get_resource_type() == "Composition"
    assert b'"value": 73.10' in content
    quantity = next(
        one["resource"]["valueQuantity"]
        for one in json.loads(content, parse_float=str)["entry"]
        if one["resource"]["resourceType"] == "Observation"
    )
    assert quantity["value"] == "73.10"


def test_the_pdf_that_is_the_whole_of_a_cda_document_comes_out_as_it_went_in(
    portal: Portal, laboratory: Laboratory
) -> None:
    """From the laboratory's envelope to the patient's browser; the printed result goes with its pages."""
    person = portal.person(ANNA).register()
    settle(portal.opened, person.patient_id, ANNA, laboratory.laboratory_id)
    written = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.add_blank_page()
        pdf.save(written)
    lines = base64.encodebytes(written.getvalue()).decode()
    answer = portal.submit(laboratory.seal(cda_of_anna(lines), content_type="application/hl7-cda+xml"))
    assert answer.status_code < 300, answer.text
    portal.catch_up()
    (report_id,) = reports(person)
    page = f"/reports/{report_id}"
    assert f"{page}/original/1" in person.get(page).text
    assert file_of(person.get(f"{page}/original/1"), "application/pdf") == written.getvalue()
    assert file_of(person.get(f"{page}/original/0"), "application/hl7-cda+xml") == cda_of_anna(lines)
    with pikepdf.open(io.BytesIO(file_of(person.get(f"{page}/pdf"), "application/pdf"))) as printed:
        assert len(printed.pages) == 2 + 2, "the sheet, its receipt, and the laboratory's pages"
    assert person.get(f"{page}/original/2").status_code == 404


def cda_of_anna(lines: str) -> bytes:
    file = f'<text mediaType="application/pdf" representation="B64">{lines}</text>'
    text = cda_document(body=f"<component><nonXMLBody>{file}</nonXMLBody></component>")
    said = {
        "Иванова": ANNA.family,
        "<given>Анна": f"<given>{ANNA.given}",
        'birthTime value="198503"': f'birthTime value="{ANNA.birth_date.replace("-", "")}"',
        "112-233-445 95": ANNA.snils,
        "9911111111111112": ANNA.enp,
    }
    for sample, hers in said.items():
        assert sample in text
        text = text.replace(sample, hers)
    return text.encode()


def test_an_earlier_version_is_taken_by_its_number_and_says_that_it_is_old(anna: Person) -> None:
    report_id = corrected(anna)
    content = file_of(anna.get(f"/reports/{report_id}/pdf?version=1"), "application/pdf")
    with pikepdf.open(io.BytesIO(content)) as pdf:
        receipt = pdf.attachments["receipt.json"].get_file().read_bytes()
    ledger = anna.portal.opened.ledger
    proven = result_receipt.verify(
        receipt, log=transparency.log_verifier(ledger), receipts=signer_of(ledger).verifier
    )
    assert (proven.shown, proven.current) == (1, 2)
    assert anna.portal.events(ReportRead)[-1].event.report_version == 1
    assert anna.get(f"/reports/{report_id}/pdf?version=3").status_code == 404


def test_anothers_result_is_not_there_in_any_form(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    theirs = corrected(anna)
    boris = portal.person(BORIS).register()
    for path in ("pdf", "xml", "fhir", "original/0", "original/1"):
        one, other = boris.get(f"/reports/{theirs}/{path}"), boris.get(f"/reports/{uuid4()}/{path}")
        assert one.status_code == 404 and code_of(one) == code_of(other) == "not-found"
    assert boris.post("/reports/archive", report=str(theirs)).status_code == 404
    assert anna.get(f"/reports/{theirs}/original/1").status_code == 404, "there is no such file"
    assert anna.portal.events(ReportRead) == [], "nothing left"


def test_the_page_of_a_result_offers_the_patients_usual_form_first(anna: Person) -> None:
    text = anna.get(f"/reports/{corrected(anna)}").text
    assert re.search(r'class="button" href="/reports/[^"]+/pdf" download', text)
    assert "/fhir" in text and "/xml" in text and "/original/0" in text and DocumentFormat.PDF == "pdf"


# Archives


def archived(person: Person, *report_ids: UUID) -> httpx2.Response:
    form = {"csrf": person.token(), "report": [str(one) for one in report_ids]}
    return person.client.post("/reports/archive", data=form)


def test_an_archive_holds_every_result_for_people_and_programs_with_what_proves_it(anna: Person) -> None:
    chosen = reports(anna)
    answer = archived(anna, *chosen)
    assert answer.headers["x-results"] == "3"
    with zipfile.ZipFile(io.BytesIO(file_of(answer, "application/zip"))) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        folders = sorted({name.partition("/")[0] for name in names if name.startswith("000")})
        assert len(folders) == 3
        log, receipts = map(_verifier, archive.read("keys/keys.txt").decode().split())
        for folder in folders:
            proven = result_receipt.verify(archive.read(f"{folder}/receipt.json"), log=log, receipts=receipts)
            assert proven.report_id in chosen and proven.tree is not None
            get_fhir_model_class("Bundle").model_validate_json(archive.read(f"{folder}/rezultat.fhir.json"))
            assert archive.read(f"{folder}/rezultat.pdf").startswith(b"%PDF-")
            assert f'href="{folder}/rezultat.pdf"' in archive.read("index.html").decode()
        assert "receipt.json" in archive.read("README.txt").decode("utf-8-sig")
        assert_summed(archive)
        assert not [name for name in names if "Соколова" in name]
    read = [one.event for one in anna.portal.events(ReportRead)]
    assert {one.report_id: one.report_version for one in read} == chosen
    assert {one.medium for one in read} == {Medium.ARCHIVE}


def _verifier(vkey: str) -> result_receipt.Verifier:
    return result_receipt.Verifier.from_vkey(vkey)


def test_the_same_archive_has_the_same_bytes_and_is_recorded_batch_by_batch_before_it_leaves(
    anna: Person,
) -> None:
    opened = anna.portal.opened
    asked = asked_now(
        opened.ledger, anna.patient_id, list(reports(anna)), locale="ru", time_zone="Europe/Moscow"
    )
    told: list[UUID] = []
    first = []
    for chunk in archive_of(asked, record=lambda parts: told.extend(part.report_id for part in parts)):
        first.append(chunk)
        assert told, "known before the first byte"
    assert b"".join(first) == b"".join(archive_of(asked, record=lambda _: None))


@pytest.mark.parametrize(
    ("count", "code"), [(0, "archive-empty"), (1001, "archive-too-large"), (1, "not-found")]
)
def test_an_archive_of_nothing_or_too_much_is_refused(anna: Person, count: int, code: str) -> None:
    answer = archived(anna, *(UUID(int=number + 1) for number in range(count)))
    assert answer.status_code == explain(code).status and code_of(answer) == code


def test_a_large_archive_takes_no_more_memory_than_a_small_one(
    portal: Portal, laboratory: Laboratory
) -> None:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    for number in range(10):
        portal.submit(laboratory.seal(bundle(f"Л-{number}")))
    portal.catch_up()
    rows = cabinet.reports_of(portal.opened.ledger, anna)
    asked = asked_now(
        portal.opened.ledger, anna, [row.report_id for row in rows], locale="ru", time_zone="Europe/Moscow"
    )
    tracemalloc.start()
    try:
        chunks = archive_of(asked, record=lambda _: None)
        largest = max(len(chunk) for chunk in chunks)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # One batch at a time: a result's part is some 60 kB.
    assert largest < 300_000 and peak < 30_000_000


# All of one's data


def test_all_of_ones_data_leaves_as_one_file_for_who_proved_who_they_are(anna: Person) -> None:
    page = anna.get("/my-data")
    assert page.status_code == 200 and "3 результата" in page.text
    answer = anna.post("/my-data")
    with zipfile.ZipFile(io.BytesIO(file_of(answer, "application/zip"))) as archive:
        assert archive.testzip() is None
        assert_summed(archive)
        sections = {
            name.removeprefix("data/"): orjson.loads(archive.read(name))
            for name in archive.namelist()
            if name.startswith("data/")
        }
        versions = [name for name in archive.namelist() if name.endswith("/rezultat.pdf")]
    assert len(versions) == 4, "three results, one of them in two versions"
    stated = next(row for row in sections["profile.json"] if row["event"] == "ProfileStated")
    assert stated["data"]["family"] == ANNA.family and stated["data"]["snils"] == ANNA.snils
    assert [row["event"] for row in sections["consents.json"]].count("ConsentGranted") >= 3
    assert sections["organisations.json"][0]["event"] == "OrganisationLinked"
    assert sections["sign-ins.json"][0]["event"] == "SessionOpened" and sections["tickets.json"] == []
    assert sections["notices.json"]
    assert anna.portal.events(PersonalDataTaken)[0].event.patient_id == anna.patient_id
    assert len(anna.portal.events(ReportRead)) == 4


def assert_summed(archive: zipfile.ZipFile) -> None:
    """Each file but their list stands in it, with its SHA-256."""
    *names, last = archive.namelist()
    assert last == "SHA256SUMS"
    said = [line.split("  ") for line in archive.read(last).decode().splitlines()]
    assert said == [[sha256(archive.read(name)).hexdigest(), name] for name in names]


def test_who_takes_much_is_told_how_large_and_how_long_it_will_be(
    anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Архив большой" not in anna.get("/my-data").text
    monkeypatch.setattr(my_data, "_SECONDS_EACH", 40.0)
    monkeypatch.setattr(my_data, "_BYTES_EACH", 5_000_000)
    page = anna.get("/my-data").text
    # Three results, one in two versions.
    assert "примерно 20 МБ" in page and "около 3 минут," in page


def test_what_waits_for_a_talk_is_left_out_of_ones_data_and_said_to_be(anna: Person) -> None:
    portal = anna.portal
    everything = frozenset(StudyType)
    talk_first.choose(
        portal.opened.ledger, anna.patient_id, everything, by_patient(anna.patient_id), includes_others=True
    )
    talk_first.release(portal.opened.ledger, anna.patient_id, next(iter(reports(anna))), by_member("vera"))
    portal.catch_up()
    page = anna.get("/my-data").text
    assert "(1 результат)" in page and "2 результата в архив не войдут" in page
    with zipfile.ZipFile(io.BytesIO(anna.post("/my-data").content)) as archive:
        index = archive.read("index.html").decode()
        folders = {name.partition("/")[0] for name in archive.namelist() if name.startswith("000")}
    assert "2 результатов здесь нет: они ждут разговора с врачом" in index
    # One result, in each of its versions.
    assert {name.partition("_")[0] for name in folders} == {"0001"}


def test_nothing_of_others_and_no_secret_is_among_ones_data(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    settled(portal.opened, BORIS, laboratory.laboratory_id)
    portal.submit(laboratory.seal(bundle("Л-9", BORIS, value="99.90")))
    asked = Request(
        message_id=uuid4(), kind=TicketKind.TECHNICAL, topic=TicketTopic.DELIVERY, text="Где результат?"
    )
    ledger, by = portal.opened.ledger, by_patient(anna.patient_id)
    number = tickets.open_ticket(ledger, anna.patient_id, asked, by, now=datetime.now(UTC))
    tickets.take(ledger, tickets.ticket_stream(ledger, number), "valentin", by_member("valentin"))
    portal.catch_up()
    with zipfile.ZipFile(io.BytesIO(anna.post("/my-data").content)) as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    for theirs in (BORIS.family, BORIS.snils, BORIS.phone, "99.90"):
        assert theirs.encode() not in everything
    assert b"argon2" not in everything and RESULTS_MAX > 10_000
    assert b"TicketTaken" in everything and b"valentin" not in everything, "who works here is their role"


def test_who_did_not_prove_who_they_are_lately_is_asked_first(anna: Person, sql: psycopg.Connection) -> None:
    token = anna.token()
    grow_old(sql)
    answer = anna.get("/my-data")
    assert (answer.status_code, answer.headers["location"]) == (303, "/step-up?to=/my-data")
    asked = anna.client.post("/my-data", data={"csrf": token})
    assert asked.headers["location"].startswith("/step-up")
    assert anna.portal.events(PersonalDataTaken) == []


# A ward's


def test_a_guardian_takes_what_they_may_see_and_nothing_more(portal: Portal, laboratory: Laboratory) -> None:
    household = family(portal, portal.person(ANNA))
    receives(household, laboratory)
    blood, drugs = (
        sent(household, laboratory, "1", MISHA, BLOOD),
        sent(household, laboratory, "2", MISHA, DRUGS),
    )
    toxicology = frozenset({StudyType.TOXICOLOGY})
    guardianship.close(portal.opened.ledger, household.guardianship_id, toxicology, OPERATOR)
    household.enter()
    mother = household.mother
    file_of(mother.get(f"/reports/{blood}/pdf"), "application/pdf")
    assert mother.get(f"/reports/{drugs}/pdf").status_code == 404
    form = {"csrf": household.token(), "report": [str(blood), str(drugs)]}
    assert mother.client.post("/reports/archive", data=form).status_code == 404
    answer = mother.client.post("/reports/archive", data=form | {"report": [str(blood)]})
    with zipfile.ZipFile(io.BytesIO(file_of(answer, "application/zip"))) as archive:
        assert sum(name.endswith("/rezultat.pdf") for name in archive.namelist()) == 1
    assert code_of(mother.get("/my-data")) == "not-for-a-ward"
    read = portal.events(ReportRead)
    assert {one.event.report_id for one in read} == {UUID(str(blood))} and len(read) == 2
    assert {one.event.purpose for one in read} == {ReadingPurpose.LEGAL_REPRESENTATIVE}
    assert {one.event.patient_id for one in read} == {household.ward_id}
