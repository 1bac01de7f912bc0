"""Consents at the portal: the whole text before, an act of one's own, a receipt after, and what a withdrawal begins."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from api.consent_documents import FOLDER
from api.consent_receipts import canonical
from api.consent_terms import end_consents
from domain.consent import ConsentExpired, ConsentGranted, ConsentKind, ConsentWithdrawn
from domain.obligation import ObligationArose, ObligationLifted, ObligationMet
from domain.study_type import StudyType
from ledger import merkle, note
from ledger.note import Verifier, encode_base64
from tests.api.cast import ANNA, BORIS, Laboratory, Person, Portal, bundle, code_of, settle, settled, withdraw

TRANSFER = "/consents/results-transfer"


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> Person:
    """Everything is settled but the consents."""
    person = portal.person().register()
    settle(portal.opened, person.patient_id, ANNA, laboratory.laboratory_id, consents=())
    portal.catch_up()
    return person


def given(person: Person, kind: str = "results-transfer", **form: str) -> str:
    version = "2" if kind == "personal-data" else "1"
    answer = person.post(f"/consents/{kind}/grant", read="yes", version=version, **form)
    assert answer.status_code == 303, code_of(answer)
    person.portal.catch_up()
    return str(answer.headers["location"])


def test_a_consent_is_given_on_its_own_page_by_an_act(portal: Portal, anna: Person) -> None:
    page = anna.get(TRANSFER).text
    assert "врачебной тайне" in page and "checked" not in page.split('id="read"')[1].split(">")[0]
    assert given(anna) == "/consents?notice=consent-granted"
    (recorded,) = portal.events(ConsentGranted)
    assert recorded.event.factors and recorded.event.organisations == () and recorded.event.until is None
    assert recorded.circumstances.actor == f"patient:{anna.patient_id}"


def test_without_the_tick_nothing_is_recorded(portal: Portal, anna: Person) -> None:
    answer = anna.post(f"{TRANSFER}/grant", version="1")
    assert (answer.status_code, code_of(answer)) == (422, "consent-not-read")
    assert portal.events(ConsentGranted) == []


def test_who_proved_themselves_long_ago_does_it_again_first(portal: Portal, anna: Person) -> None:
    with portal.opened.ledger.pool.connection() as connection:
        connection.execute("UPDATE access.sessions SET proved_at = now() - interval '1 hour'")
    for answer in (anna.get(TRANSFER), anna.post(f"{TRANSFER}/grant", read="yes", version="1")):
        assert answer.status_code == 303 and answer.headers["location"].startswith("/step-up")
    assert portal.events(ConsentGranted) == []


def test_who_proves_again_comes_back_to_the_very_page_they_asked_for(
    portal: Portal, anna: Person, laboratory: Laboratory
) -> None:
    with portal.opened.ledger.pool.connection() as connection:
        connection.execute("UPDATE access.sessions SET proved_at = now() - interval '1 hour'")
    page = f"/consents/electronic-transfer?organisation={laboratory.laboratory_id}"
    to = urlsplit(anna.get(page).headers["location"])
    assert to.path == "/step-up" and parse_qs(to.query)["to"] == [page]


def test_the_scope_and_the_term_are_chosen(portal: Portal, anna: Person, laboratory: Laboratory) -> None:
    organisation = {f"organisation-{laboratory.laboratory_id}": "yes", "organisations": "some"}
    types = {"study-types": "some", "study-type-blood-count": "yes"}
    given(anna, until="31.12.2030", **organisation, **types)
    (recorded,) = portal.events(ConsentGranted)
    assert recorded.event.organisations == (laboratory.laboratory_id,)
    assert recorded.event.study_types == (StudyType.BLOOD_COUNT,)
    assert recorded.event.until == datetime(2030, 12, 31, 21, tzinfo=UTC), "to the end of the day in Moscow"
    page = anna.get("/consents").text
    assert "Только виды исследований" in page and "31" in page
    changing = anna.get(TRANSFER).text
    for line in (
        'name="study-type-blood-count" value="yes" checked',
        'name="study-types" value="some" checked',
    ):
        assert line in changing, "a change begins with what holds, not with everything"
    assert 'value="31.12.2030"' in changing and 'name="study-type-hormones" value="yes">' in changing


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"until": "01.01.2020"}, "consent-term-invalid"),
        ({"until": "завтра"}, "consent-term-invalid"),
        ({"study-types": "some"}, "consent-scope-empty"),
        ({"organisations": "some"}, "consent-scope-empty"),
        # «Все» beside ticked boxes: nobody guesses which of the two was meant.
        ({"study-types": "all", "study-type-blood-count": "yes"}, "consent-scope-both"),
    ],
)
def test_a_scope_that_can_not_be_is_refused_by_field(
    portal: Portal, anna: Person, form: dict[str, str], code: str
) -> None:
    answer = anna.post(f"{TRANSFER}/grant", read="yes", version="1", **form)
    assert (answer.status_code, code_of(answer)) == (422, code)
    assert portal.events(ConsentGranted) == []


def test_old_versions_stay_readable_under_their_digest(anna: Person) -> None:
    for version in (1, 2):
        page = anna.get(f"/consents/personal-data/documents/{version}/ru").text
        text = (FOLDER / f"personal-data.v{version}.ru.txt").read_bytes()
        assert hashlib.sha256(text).hexdigest() in page
    assert anna.get("/consents/personal-data/documents/3/ru").status_code == 404


def test_a_receipt_is_kept_and_checked_offline(portal: Portal, anna: Person) -> None:
    given(anna)
    (recorded,) = portal.events(ConsentGranted)
    body = anna.get(f"{TRANSFER}/receipt.json").content
    assert body == anna.get(f"{TRANSFER}/receipt.json").content
    kept = json.loads(body)
    # From here on as somebody who has nothing but the file and the published key.
    published = Verifier.from_vkey(portal.machine.get("/v1/receipts/key").json()["vkey"])
    opened = note.open(kept["note"].encode(), [published])
    lines = dict(line.split(" ", 1) for line in opened.text.splitlines() if " " in line)
    digest = encode_base64(hashlib.sha256(canonical(kept["receipt"])).digest())
    assert lines["content"] == f"sha256:{digest}"
    assert lines["consent"] == str(recorded.event_id) == kept["receipt"]["consentReceiptID"]
    assert lines["leaf"] == encode_base64(merkle.leaf_hash(recorded.leaf))
    assert recorded.event.document.sha256 in lines["document"]
    forged = kept["receipt"] | {"sensitive": False}
    assert encode_base64(hashlib.sha256(canonical(forged)).digest()) != digest


def test_a_receipt_for_people_is_a_pdf_and_always_the_same(portal: Portal, anna: Person) -> None:
    given(anna)
    answer = anna.get(f"{TRANSFER}/receipt.pdf")
    assert answer.headers["content-type"] == "application/pdf" and answer.content.startswith(b"%PDF")
    assert answer.content == anna.get(f"{TRANSFER}/receipt.pdf").content
    assert b"pdfaid" in answer.content or b"/Metadata" in answer.content


def test_nobody_elses_receipt_is_there(portal: Portal, anna: Person) -> None:
    given(anna)
    boris = portal.person(BORIS).register()
    for name in ("receipt.json", "receipt.pdf"):
        assert boris.get(f"{TRANSFER}/{name}").status_code == 404
        assert portal.machine.get(f"{TRANSFER}/{name}").status_code in (303, 401)


def test_electronic_transfer_is_given_to_one_organisation(
    portal: Portal, anna: Person, laboratory: Laboratory
) -> None:
    organisation = str(laboratory.laboratory_id)
    assert anna.get("/consents/electronic-transfer").status_code == 404
    assert anna.get(f"/consents/electronic-transfer?organisation={organisation}").status_code == 200
    appeal = f"/services/appeals/{organisation}"
    page = f"/consents/electronic-transfer?organisation={organisation}&to={appeal}"
    assert f'name="to" value="{appeal}"' in anna.get(page).text
    back = given(anna, "electronic-transfer", organisation=organisation, to=appeal)
    assert back == f"{appeal}?notice=consent-granted", "on with the appeal that asked for it"
    (recorded,) = portal.events(ConsentGranted)
    assert recorded.event.organisations == (laboratory.laboratory_id,)
    assert (
        anna.get(f"/consents/electronic-transfer/receipt.pdf?organisation={organisation}").status_code == 200
    )
    assert anna.post("/consents/electronic-transfer/withdraw", organisation=organisation).status_code == 303
    (withdrawn,) = portal.events(ConsentWithdrawn)
    assert withdrawn.event.organisation_id == laboratory.laboratory_id


def test_a_withdrawal_begins_what_the_law_asks_for(portal: Portal, anna: Person) -> None:
    given(anna, "personal-data")
    assert "статья 21" in anna.get("/consents").text, "what begins is said before"
    assert anna.post("/consents/personal-data/withdraw").status_code == 303
    portal.catch_up()
    arose = {recorded.event.duty: recorded.event for recorded in portal.events(ObligationArose)}
    today = datetime.now(UTC).date()
    assert arose["destroy-data"].due == today + timedelta(days=30)
    assert today + timedelta(days=13) < arose["stop-processing"].due < today + timedelta(days=30)
    assert len(portal.events(ObligationMet)) == 1, (
        "to stop is done by the withdrawal itself; to destroy is not"
    )
    page = anna.get("/consents").text
    assert "Уничтожить данные, которые не нужно хранить" in page and "Исполняется" in page
    given(anna, "personal-data")
    assert len(portal.events(ObligationLifted)) == 1
    assert "Не требуется" in anna.get("/consents").text


def test_a_term_that_is_over_is_said_once(portal: Portal, anna: Person) -> None:
    given(anna, until="31.12.2030")
    ledger, after = portal.opened.ledger, datetime(2031, 1, 1, tzinfo=UTC)
    assert end_consents(ledger, datetime(2030, 12, 31, tzinfo=UTC)) == 0
    assert end_consents(ledger, after) == 1
    portal.catch_up()
    assert end_consents(ledger, after) == 0
    assert len(portal.events(ConsentExpired)) == 1
    assert "Срок истёк" in anna.get("/consents").text


def test_what_waits_is_counted_with_its_cause(portal: Portal, anna: Person, laboratory: Laboratory) -> None:
    given(anna, "personal-data")
    for number in ("1", "2"):
        portal.submit(laboratory.seal(bundle(number)))
    portal.catch_up()
    page = anna.get("/consents").text
    assert "Ждут 2 результата" in page and "Нет согласия на передачу результатов" in page
    given(anna)
    portal.notify()
    assert "Ждут" not in anna.get("/consents").text


def test_what_waits_is_not_told_to_whom_it_may_not_be(
    portal: Portal, anna: Person, laboratory: Laboratory
) -> None:
    """A number that somebody lays claim to might be another person's: without an identity nothing is counted."""
    boris = portal.person(BORIS).register()
    portal.submit(laboratory.seal(bundle("1", BORIS)))
    portal.catch_up()
    page = boris.get("/consents").text
    assert "Личность ещё не подтверждена" in page and "Ждёт" not in page and "Ждут" not in page


def test_an_overdue_obligation_is_counted(portal: Portal) -> None:
    patient_id = settled(portal.opened, ANNA, None)
    withdraw(portal.opened, patient_id, ConsentKind.PERSONAL_DATA)
    portal.catch_up()
    assert "letopis_obligations_overdue 0.0" in portal.machine.get("/metrics").text
    with portal.opened.ledger.pool.connection() as connection:
        connection.execute("UPDATE obligations.obligations SET due = '2020-01-01' WHERE outcome IS NULL")
    assert "letopis_obligations_overdue 1.0" in portal.machine.get("/metrics").text
