"""Who is believed: a patient states a profile, uploads scans, sends it to be checked; an operator decides.
Every cause of refusal of S118-S123 with its code, and how each is mended."""

import re
from collections.abc import Iterator
from threading import Thread

import httpx2
import pytest

from api.person_registry import LocalRegistry
from api.settings import Settings
from domain.identity import IdentityConfirmed, IdentityRefused, Proof, ScanAdded, ScanKind, ScanRemoved
from domain.reading import IdentityRead, ScanRead
from domain.report import ReportMatched
from ledger import commands, identity
from ledger.identity import look
from ledger.keys import KeyErasedError
from ledger.staff import by_member
from tests.api.cast import (
    ANNA,
    BORIS,
    SNILS_SYSTEM,
    Laboratory,
    Person,
    Portal,
    bundle,
    code_of,
    settle,
    who,
)
from tests.api.staff_cast import Clock, Member
from tests.api.test_scan_content import EICAR, PDF, Clamd, picture, scanner
from tests.scenario import TESTER

PAGE = "/services/identity"
PROFILE = {
    "family": ANNA.family,
    "given": ANNA.given,
    "birth_date": "29.02.1984",
    "sex": "female",
    "citizenship": "RU",
    "document_kind": "passport-rf",
    "document_series": "4500",
    "document_number": "000001",
    "document_issued_on": "10.03.2004",
    "document_issuer_code": "770-001",
    "snils": ANNA.snils,
    "inn": "500100732259",
    "region": "77",
    "email": ANNA.email,
}
REGISTRY = (
    "snils;family;given;patronymic;birth_date;sex;inn;policy;document;document_valid_until\n"
    f"{ANNA.snils};СОКОЛОВА;АННА;;29.02.1984;ж;500100732259;{ANNA.enp};4500 000001;\n"
)


@pytest.fixture
def settings(settings: Settings) -> Iterator[Settings]:
    """Two regions are connected, and a virus scanner looks at every scan."""
    with scanner(Clamd) as address:
        yield settings.model_copy(update={"regions": ("77", "78"), "virus_scanner": address})


def upload(person: Person, content: bytes, kind: str = "identity-document") -> httpx2.Response:
    return person.client.post(
        f"{PAGE}/scans",
        data={"csrf": person.token(), "kind": kind},
        files={"scan": ("Соколова паспорт.exe", content, "application/x-msdownload")},
    )


def prepared(portal: Portal, **changed: str) -> Person:
    """Anna with a whole profile, policy and scans, ready to be checked."""
    anna = portal.person(ANNA).register()
    assert anna.post("/services/profile", **PROFILE | changed).status_code == 303
    by = commands.by_patient(anna.patient_id)
    commands.link_policy(portal.opened.ledger, anna.patient_id, ANNA.enp, by)
    for kind in ScanKind:
        assert upload(anna, picture("PNG"), kind).headers["location"] == f"{PAGE}?notice=scan-added"
    return anna


def send(person: Person) -> httpx2.Response:
    return person.post(PAGE)


def sent(person: Person) -> None:
    assert send(person).headers["location"] == f"{PAGE}?notice=identity-sent"


def is_confirmed(person: Person) -> bool:
    known = look(person.portal.opened.ledger, person.patient_id)
    return known.so_far.is_confirmed_for(known.patient)


def loaded(portal: Portal, text: str = REGISTRY) -> None:
    LocalRegistry(portal.opened.ledger).take_in(text.encode(), TESTER)


def number_in(page: httpx2.Response) -> str:
    found = re.search(r'name="profile_number" value="(\d+)"', page.text)
    assert found is not None, page.text
    return found[1]


def looked_at(member: Member, person: Person) -> str:
    """The number of the profile that the operator sees."""
    page = member.post(f"/staff/identity/{person.patient_id}/profile")
    assert page.status_code == 200
    return number_in(page)


# The whole way.


def test_a_patient_is_checked_and_confirmed_by_an_operator(portal: Portal, ivan: Member) -> None:
    loaded(portal)
    anna = prepared(portal)
    assert "Можно отправлять" in anna.get(PAGE).text
    sent(anna)
    assert "На проверке" in anna.get(PAGE).text and not is_confirmed(anna)
    portal.catch_up()
    ivan.enrolled()
    queue = ivan.get("/staff/identity").text
    assert str(anna.patient_id) in queue and "Соколова" not in queue
    before = ivan.get(f"/staff/identity/{anna.patient_id}").text
    assert "Соколова" not in before and "Подтвердить личность" not in before
    assert not portal.events(IdentityRead)
    page = ivan.post(f"/staff/identity/{anna.patient_id}/profile")
    assert len(portal.events(IdentityRead)) == 1
    assert "Соколова" in page.text and page.text.count("совпадает") >= 7 and "не совпадает" not in page.text
    scan = re.search(r'href="(/staff/identity/[^"]*/scans/[^"]*)"', page.text)
    assert scan is not None
    picture_ = ivan.get(scan[1])
    assert picture_.content == picture("PNG") and picture_.headers["content-type"] == "image/png"
    assert picture_.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert picture_.headers["x-content-type-options"] == "nosniff"
    assert len(portal.events(ScanRead)) == 1
    answer = ivan.post(f"/staff/identity/{anna.patient_id}/confirm", profile_number=number_in(page))
    assert answer.headers["location"] == "/staff/identity?notice=identity-confirmed"
    portal.catch_up()
    assert is_confirmed(anna) and str(anna.patient_id) not in ivan.get("/staff/identity").text
    assert "Личность подтверждена" in anna.get(PAGE).text
    access = anna.get("/access").text
    assert "Просмотр скана документа" in access and "Просмотр данных профиля" in access


def test_what_was_confirmed_is_asked_again_when_the_profile_changes(portal: Portal) -> None:
    anna = prepared(portal)
    sent(anna)
    identity.confirm(portal.opened.ledger, anna.patient_id, by_member("ivan"), proof=Proof.OPERATOR)
    assert is_confirmed(anna)
    assert "Личность подтверждена для этих данных" in anna.get("/services/profile").text
    anna.post("/services/profile", **PROFILE | {"email": "other@patients.example"})
    assert is_confirmed(anna)
    anna.post("/services/profile", **PROFILE | {"family": "Орлова"})
    assert not is_confirmed(anna)
    sent(anna)


# Each cause, and how it is mended (S118-S123).


def missing_of(page: httpx2.Response) -> list[str]:
    return re.findall(r"identity-[a-z]+(?:-[a-z]+)*(?=<)", page.text)


def test_a_field_that_the_registry_knows_otherwise_is_named_and_mended(portal: Portal) -> None:
    """S118, S90, S91."""
    loaded(portal)
    anna = prepared(portal, birth_date="28.02.1984")
    assert send(anna).headers["location"] == f"{PAGE}?notice=identity-refused"
    page = anna.get(PAGE)
    assert "identity-data-differ" in page.text and "дата рождения" in page.text
    assert '<a href="/services/profile#birth_date">' in page.text
    anna.post("/services/profile", **PROFILE)
    sent(anna)
    assert "отказано" in anna.get(PAGE).text, "the history stays"


@pytest.mark.parametrize(
    ("field", "text"),
    [("family", "Орлова"), ("given", "Мария"), ("inn", "526317984689"), ("document_number", "000002")],
)
def test_whichever_field_differs_it_is_the_one_that_is_named(portal: Portal, field: str, text: str) -> None:
    loaded(portal)
    anna = prepared(portal, **{field: text})
    send(anna)
    (refused,) = portal.events(IdentityRefused)
    assert refused.event.field == field.partition("_")[0]


def test_nobody_finds_out_anothers_data_by_trying(portal: Portal) -> None:
    loaded(portal)
    anna = prepared(portal, birth_date="01.02.1984")
    for day in range(2, 7):
        assert send(anna).headers["location"].endswith("identity-refused")
        anna.post("/services/profile", **PROFILE | {"birth_date": f"0{day}.02.1984"})
    answer = send(anna)
    assert (answer.status_code, code_of(answer)) == (429, "identity-too-many-checks")


def test_a_document_that_has_expired_is_replaced(portal: Portal) -> None:
    """S119."""
    anna = prepared(portal, document_issued_on="10.03.1999")
    answer = send(anna)
    assert answer.status_code == 409 and missing_of(answer)[0] == "identity-document-expired"
    anna.post("/services/profile", **PROFILE)
    sent(anna)


def test_a_document_that_the_registry_knows_as_invalid_is_refused(portal: Portal) -> None:
    """S119."""
    loaded(portal, REGISTRY.replace("000001;", "000001;2020-01-01"))
    anna = prepared(portal)
    send(anna)
    assert "identity-document-invalid" in anna.get(PAGE).text
    loaded(portal)
    sent(anna)


def test_a_scan_that_is_missing_is_uploaded(portal: Portal) -> None:
    """S119."""
    anna = prepared(portal)
    found = re.search(rf'action="({PAGE}/scans/[^"]*/remove)"', anna.get(PAGE).text)
    assert found is not None
    anna.post(found[1])
    answer = send(anna)
    assert answer.status_code == 409 and set(missing_of(answer)) == {"identity-scan-missing"}
    upload(anna, PDF, "identity-document")
    sent(anna)


def test_a_phone_that_is_not_confirmed_is_confirmed(portal: Portal) -> None:
    """S120: the number was stated anew and not confirmed."""
    anna = prepared(portal)
    ledger, patient_id = portal.opened.ledger, anna.patient_id
    _, version = ledger.load(patient_id, commands.patient.evolve)
    ledger.append(
        commands.Write(
            patient_id, version, (commands.patient.PhoneStated(phone="+79001234567"),), patient_id
        ),
        circumstances=TESTER,
    )
    answer = send(anna)
    assert answer.status_code == 409 and missing_of(answer)[0] == "identity-phone-not-confirmed"
    ledger.append(
        commands.Write(patient_id, version + 1, (commands.patient.PhoneConfirmed(),), patient_id),
        circumstances=TESTER,
    )
    sent(anna)


def test_a_technical_fault_of_an_outside_proof_says_to_try_again(portal: Portal) -> None:
    """S121: what a provider's failed transfer leaves."""
    anna = prepared(portal)
    identity.fail_proof(portal.opened.ledger, anna.patient_id, commands.by_patient(anna.patient_id))
    page = anna.get(PAGE)
    assert "identity-proof-failed" in page.text and "попробуйте через несколько минут" in page.text
    sent(anna)
    assert "identity-proof-failed" in anna.get(PAGE).text, "in the history"


def test_every_field_that_is_not_filled_in_is_named(portal: Portal) -> None:
    """S114, S122."""
    anna = prepared(portal, citizenship="", inn="", region="")
    answer = send(anna)
    assert answer.status_code == 409
    for field in ("citizenship", "inn", "region"):
        assert f"/services/profile#{field}" in answer.text
    anna.post("/services/profile", **PROFILE)
    sent(anna)


def test_a_region_that_is_not_connected_is_told(portal: Portal) -> None:
    """S112, S123."""
    anna = prepared(portal, region="01")
    answer = send(anna)
    assert answer.status_code == 409 and missing_of(answer)[0] == "identity-region-not-connected"
    anna.post("/services/profile", **PROFILE)
    sent(anna)


def test_a_suspended_service_is_told_and_restored(
    portal: Portal, ivan: Member, laboratory: Laboratory
) -> None:
    """S116."""
    anna = prepared(portal)
    ivan.enrolled()
    ivan.post(f"/staff/identity/{anna.patient_id}/suspend", reason="unpaid-fines")
    page = anna.get(PAGE).text
    assert "Приостановлено" in page and "Неоплаченные штрафы" in page
    answer = send(anna)
    assert (answer.status_code, missing_of(answer)[0]) == (403, "identity-suspended")
    portal.catch_up()
    assert "Неоплаченные штрафы" in ivan.get("/staff/identity").text
    ivan.post(f"/staff/identity/{anna.patient_id}/restore")
    again = ivan.post(f"/staff/identity/{anna.patient_id}/restore")
    assert (again.status_code, code_of(again)) == (409, "service-not-suspended")
    sent(anna)


def test_an_operator_refuses_with_a_reason_and_the_patient_mends_it(portal: Portal, ivan: Member) -> None:
    anna = prepared(portal)
    sent(anna)
    ivan.enrolled()
    number = looked_at(ivan, anna)
    path = f"/staff/identity/{anna.patient_id}/refuse"
    for wrong in ({"reason": ""}, {"reason": "data-differ"}, {"reason": "scan-unreadable", "field": "x"}):
        answer = ivan.post(path, profile_number=number, **wrong)
        assert (answer.status_code, code_of(answer)) == (422, "identity-reason-missing")
    ivan.post(path, profile_number=number, reason="scan-unreadable", field="identity-document")
    page = anna.get(PAGE).text
    assert "identity-scan-unreadable" in page and "скан документа" in page
    upload(anna, picture("JPEG"))
    sent(anna)


# Who may do what.


def test_two_operators_at_once_decide_once(portal: Portal, ivan: Member, clock: Clock) -> None:
    anna = prepared(portal)
    sent(anna)
    ivan.enrolled()
    olga = Member(portal, clock, handle="olga").enrolled()
    number = looked_at(ivan, anna)
    path, answers = f"/staff/identity/{anna.patient_id}", []
    acts = [
        Thread(target=lambda: answers.append(ivan.post(f"{path}/confirm", profile_number=number))),
        Thread(
            target=lambda: answers.append(
                olga.post(f"{path}/refuse", profile_number=number, reason="document-invalid")
            )
        ),
    ]
    for act in acts:
        act.start()
    for act in acts:
        act.join()
    assert sorted(answer.status_code for answer in answers) == [303, 409]
    assert len(portal.events(IdentityConfirmed, IdentityRefused)) == 1


def test_a_profile_that_changed_while_it_was_looked_at_is_not_decided_on(
    portal: Portal, ivan: Member
) -> None:
    anna = prepared(portal)
    sent(anna)
    ivan.enrolled()
    number = looked_at(ivan, anna)
    anna.post("/services/profile", **PROFILE | {"given": "Мария"})
    sent(anna)
    answer = ivan.post(f"/staff/identity/{anna.patient_id}/confirm", profile_number=number)
    assert (answer.status_code, code_of(answer)) == (409, "identity-not-waiting")
    assert not portal.events(IdentityConfirmed)


def held_for(portal: Portal, laboratory: Laboratory, number: str) -> str | None:
    """Why Anna's report waits, which is sent under her СНИЛС alone; None if it has reached somebody."""
    sent_ = bundle(number, identifiers=((SNILS_SYSTEM, ANNA.snils),))
    held = portal.submit(laboratory.seal(sent_)).json()["reports"][0]["held"]
    return held["code"] if held else None


def test_a_stranger_with_anothers_numbers_gets_no_results(portal: Portal, laboratory: Laboratory) -> None:
    """Somebody who was confirmed takes another's name and СНИЛС: what is Anna's waits. When she comes, she is told
    that her number is taken."""
    boris = portal.person(BORIS).register()
    settle(portal.opened, boris.patient_id, BORIS, laboratory.laboratory_id)
    assert is_confirmed(boris)
    assert boris.post("/services/profile", **PROFILE).status_code == 303
    assert not is_confirmed(boris)
    assert held_for(portal, laboratory, "1") == "identity-unconfirmed"
    anna = portal.person(ANNA).register()
    answer = anna.post("/services/profile", **PROFILE)
    assert answer.status_code == 409 and "snils-taken" in answer.text
    assert not portal.events(ReportMatched)


def test_what_waited_for_the_confirmation_arrives_with_it(portal: Portal, laboratory: Laboratory) -> None:
    anna = portal.person(ANNA).register()
    settle(portal.opened, anna.patient_id, ANNA, laboratory.laboratory_id)
    anna.post("/services/profile", **PROFILE)
    assert held_for(portal, laboratory, "1") == "identity-unconfirmed"
    portal.notify()
    assert not portal.events(ReportMatched)
    identity.confirm(portal.opened.ledger, anna.patient_id, by_member("ivan"), proof=Proof.IN_PERSON)
    portal.notify()
    assert [one.event.patient_id for one in portal.events(ReportMatched)] == [anna.patient_id]


def test_scans_of_another_patient_are_not_there(portal: Portal) -> None:
    anna = prepared(portal)
    boris = portal.person(BORIS).register()
    found = re.search(rf'href="({PAGE}/scans/[^"]*)"', anna.get(PAGE).text)
    assert found is not None
    assert anna.get(found[1]).content == picture("PNG")
    for answer in (boris.get(found[1]), boris.post(f"{found[1]}/remove")):
        assert (answer.status_code, code_of(answer)) == (404, "not-found")
    assert len(portal.events(ScanRead)) == 1


def test_a_patient_is_nobody_at_the_operators_pages(portal: Portal) -> None:
    anna = prepared(portal)
    answer = anna.get(f"/staff/identity/{anna.patient_id}")
    assert answer.status_code == 303 and answer.headers["location"].startswith("/staff/sign-in")


def test_an_operator_finds_a_patient_by_the_whole_number_only(portal: Portal, ivan: Member) -> None:
    anna = prepared(portal)
    ivan.enrolled()
    for number in (ANNA.snils, ANNA.phone):
        answer = ivan.post("/staff/identity/find", number=number)
        assert answer.headers["location"] == f"/staff/identity/{anna.patient_id}"
    assert ivan.post("/staff/identity/find", number=ANNA.snils[:-1]).status_code == 404
    assert ivan.get(f"/staff/identity/{who(77).snils}").status_code == 404


# Scans.


def test_a_scan_that_is_removed_can_be_opened_by_nobody(portal: Portal) -> None:
    anna = prepared(portal)
    ledger = portal.opened.ledger
    added = portal.events(ScanAdded)[0].event
    assert ledger.read_document(added.document.document_id) == picture("PNG")
    assert anna.post(f"{PAGE}/scans/{added.scan_id}/remove").headers["location"].endswith("scan-removed")
    with pytest.raises(KeyErasedError):
        ledger.read_document(added.document.document_id)
    assert len(portal.events(ScanRemoved)) == 1
    assert anna.get(f"{PAGE}/scans/{added.scan_id}").status_code == 404


def test_the_name_of_a_file_is_kept_nowhere(portal: Portal) -> None:
    prepared(portal)
    with portal.opened.ledger.pool.connection() as connection:
        rows = connection.execute("SELECT state FROM ledger.events").fetchall()
    assert not any("паспорт".encode() in bytes(row[0]) for row in rows)
    assert not any(picture("PNG") in bytes(row[0]) for row in rows)


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"", "snils", 422, "scan-missing"),
        (b"<script>", "snils", 415, "scan-type-unknown"),
        (PDF[:-20], "snils", 422, "scan-damaged"),
        (PDF, "", 422, "scan-kind-missing"),
        (PDF.replace(b"<<>>", EICAR), "snils", 422, "scan-infected"),
        (b"%PDF-1.7" + b"\0" * 10_000_001, "snils", 413, "scan-too-large"),
        (b"%PDF-1.7" + b"\0" * 12_000_000, "snils", 413, "scan-too-large"),
    ],
)
def test_a_file_that_is_not_taken_says_why(
    portal: Portal, content: bytes, kind: str, status: int, code: str
) -> None:
    anna = portal.person(ANNA).register()
    answer = upload(anna, content, kind)
    assert answer.status_code == status and code in answer.text
    assert not portal.events(ScanAdded)


def test_an_upload_of_another_site_is_refused(portal: Portal) -> None:
    anna = portal.person(ANNA).register()
    path, files = f"{PAGE}/scans", {"scan": ("a.pdf", PDF, "application/pdf")}
    forged = anna.client.post(path, data={"csrf": "wrong", "kind": "snils"}, files=files)
    elsewhere = anna.client.post(
        path,
        data={"csrf": anna.token(), "kind": "snils"},
        files=files,
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    for answer in (forged, elsewhere):
        assert (answer.status_code, code_of(answer)) == (403, "cross-site")
    assert not portal.events(ScanAdded)


# Live validation.


def test_a_field_is_checked_while_it_is_typed_and_nothing_is_kept(portal: Portal) -> None:
    anna = portal.person(ANNA).register()
    last = portal.opened.ledger.last_position()
    wrong = anna.post("/services/profile/check", check="snils", snils="112-233-445 96").json()
    assert wrong["error"]["code"] == "snils-check-failed" and wrong["text"] is None
    right = anna.post("/services/profile/check", check="snils", snils="112-233-445 95").json()
    assert right == {"error": None, "text": "11223344595"}
    crossed = anna.post(
        "/services/profile/check", **PROFILE | {"check": "document_issued_on", "birth_date": "01.01.1995"}
    ).json()
    assert crossed["error"]["code"] == "document-before-age"
    assert portal.opened.ledger.last_position() == last
    assert anna.client.post("/services/profile/check", data={"check": "snils"}).status_code == 403


def test_a_form_without_scripts_names_every_wrong_field_at_once(portal: Portal) -> None:
    anna = portal.person(ANNA).register()
    page = anna.post("/services/profile", **PROFILE | {"inn": "1", "family": "Cоколова", "region": "00"})
    assert page.status_code == 422
    for code in ("inn-check-failed", "name-mixed-alphabets", "region-unknown"):
        assert code in page.text
    assert 'value="4500"' in page.text, "what was typed is there still"
