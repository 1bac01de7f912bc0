"""An operator at the pages of guardianships: what waits, what is shown and recorded, and what a decision does."""

import re
from datetime import date

import pytest

from domain.guardianship import GuardianshipConfirmed, GuardianshipEnded, GuardianshipRefused, SectionsHidden
from domain.identity import ScanKind
from domain.reading import IdentityRead, ScanRead
from domain.staff import Role
from domain.study_type import StudyType
from ledger import guardianship, scans
from ledger.guardianship_streams import guardianship_stream
from tests.api.cast import ANNA, BORIS, Portal, code_of, settle, who
from tests.api.staff_cast import Member
from tests.api.ward_cast import MISHA, TODAY, Family, family, form_of

LIST = "/staff/guardianships"


@pytest.fixture(autouse=True)
def _day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guardianship, "today", lambda: TODAY)


@pytest.fixture
def operator(ivan: Member) -> Member:
    return ivan.enrolled(Role.OPERATOR)


def asked(portal: Portal, *, is_settled: bool = True) -> str:
    """Anna asked by the page; the path of her request for operators."""
    anna = portal.person(ANNA).register()
    if is_settled:
        settle(portal.opened, anna.patient_id, ANNA, None)
    assert anna.post("/wards/new", **form_of(MISHA)).status_code == 303
    portal.catch_up()
    return f"{LIST}/{guardianship_stream(portal.opened.ledger, anna.patient_id, MISHA.snils)}"


def test_a_request_is_shown_by_pseudonym_and_the_persons_only_on_record(
    portal: Portal, operator: Member
) -> None:
    path = asked(portal)
    assert path in operator.get(LIST).text
    assert MISHA.family not in operator.get(path).text and MISHA.snils not in operator.get(path).text
    shown = operator.post(f"{path}/persons").text
    for text in (
        ANNA.family,
        MISHA.given,
        MISHA.snils,
        "17.05.2019",
        "I-АБ 000001",
        "Свидетельство о рождении",
    ):
        assert text in shown, text
    (read,) = portal.events(IdentityRead)
    assert read.circumstances.actor == "staff:ivan"


def test_confirming_opens_the_cabinet_to_the_guardian(portal: Portal, operator: Member) -> None:
    path = asked(portal)
    seen = version_in(operator.post(f"{path}/persons").text)
    done = operator.post(f"{path}/confirm", version=seen)
    assert done.headers["location"] == f"{LIST}?notice=guardianship-confirmed"
    (confirmed,) = portal.events(GuardianshipConfirmed)
    assert confirmed.circumstances.actor == "staff:ivan"
    again = operator.post(f"{path}/confirm", version=seen)
    assert (again.status_code, code_of(again)) == (409, "guardianship-not-waiting")
    anna = portal.person(ANNA).sign_in()
    portal.catch_up()
    assert "Открыть кабинет" in anna.get("/wards").text


def test_only_what_was_shown_is_confirmed(portal: Portal, operator: Member) -> None:
    """A child's results are not opened by a click on a page that names nobody, nor to what was asked since."""
    path = asked(portal)
    assert "/confirm" not in operator.get(path).text
    assert code_of(operator.post(f"{path}/confirm")) == "request-malformed"
    seen = version_in(operator.post(f"{path}/persons").text)
    operator.post(f"{path}/refuse", reason="document-unclear")
    again = portal.person(ANNA).sign_in().post("/wards/new", **form_of(MISHA))
    assert again.status_code == 303
    assert code_of(operator.post(f"{path}/confirm", version=seen)) == "guardianship-not-waiting"
    assert portal.events(GuardianshipConfirmed) == []


def test_a_refusal_tells_the_guardian_why_and_they_may_ask_again(portal: Portal, operator: Member) -> None:
    path = asked(portal)
    assert code_of(operator.post(f"{path}/refuse", reason="because")) == "choice-missing"
    refused = operator.post(f"{path}/refuse", reason="document-unclear")
    assert refused.headers["location"] == f"{LIST}?notice=guardianship-refused"
    assert len(portal.events(GuardianshipRefused)) == 1
    portal.catch_up()
    anna = portal.person(ANNA).sign_in()
    assert "не читается" in anna.get("/wards").text
    assert anna.post("/wards/new", **form_of(MISHA)).status_code == 303


def test_a_child_described_otherwise_is_not_confirmed(portal: Portal, operator: Member) -> None:
    path = asked(portal)
    other = who(7, family="Петров", given="Пётр", birth_date=MISHA.birth_date)
    settle(portal.opened, portal.person(other).register().patient_id, other, None)
    seen = version_in(operator.post(f"{path}/persons").text)
    answer = operator.post(f"{path}/confirm", version=seen)
    assert (answer.status_code, code_of(answer)) == (409, "ward-details-differ")
    assert other.family not in answer.text and portal.events(GuardianshipConfirmed) == []


def test_an_operator_closes_sections_and_ends_with_a_reason(portal: Portal, operator: Member) -> None:
    found: Family = family(portal, portal.person(ANNA))
    path = f"{LIST}/{found.guardianship_id}"
    closed = operator.post(f"{path}/sections", **{"section-genetics": "yes", "section-no-such": "yes"})
    assert closed.headers["location"] == f"{path}?notice=sections-closed"
    (hidden,) = portal.events(SectionsHidden)
    assert hidden.event.sections == (StudyType.GENETICS,)
    # The calendar's and the people's own reasons are not an operator's to give.
    for reason in ("age-reached", "given-up", "own-account", ""):
        assert code_of(operator.post(f"{path}/end", reason=reason)) == "choice-missing", reason
    assert operator.post(f"{path}/end", reason="revoked-by-court").status_code == 303
    (ended,) = portal.events(GuardianshipEnded)
    assert ended.event.reason == "revoked-by-court"
    assert code_of(operator.post(f"{path}/end", reason="revoked-by-court")) == "guardianship-not-confirmed"


def test_who_is_no_operator_finds_nothing(portal: Portal) -> None:
    path = asked(portal)
    boris = portal.person(BORIS).register()
    for address in (LIST, path):
        assert boris.get(address).headers["location"].startswith("/staff/sign-in")


def test_a_ward_who_has_grown_up_is_handed_the_cabinet_and_enters_it_by_their_own_phone(
    portal: Portal, operator: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = family(portal, portal.person(ANNA))
    found.enter()
    monkeypatch.setattr(guardianship, "today", lambda: date(2037, 5, 17))
    misha = portal.person(MISHA).register()
    answer = misha.post(
        "/guardians/claim", snils=MISHA.snils, birth_date="17.05.2019", document_number="4500 000001"
    )
    assert answer.headers["location"] == "/guardians/claim?notice=cabinet-claimed"
    portal.catch_up()
    assert "ждёт проверки" in misha.get("/guardians/claim").text
    path = portal.opened.ledger.pool
    with path.connection() as connection:
        (claim_id,) = connection.execute("SELECT claim_id FROM guardianship.claims").fetchone() or ("",)
    page = f"/staff/takeovers/{claim_id}"
    assert page in operator.get(LIST).text and MISHA.snils not in operator.get(page).text
    shown = operator.post(f"{page}/persons").text
    assert MISHA.snils in shown
    handed = operator.post(f"{page}/hand-over", version=version_in(shown))
    assert handed.headers["location"] == f"{LIST}?notice=cabinet-handed-over"
    assert not misha.is_signed_in
    grown = portal.person(MISHA).sign_in()
    assert grown.patient_id == found.ward_id and "Михаил" in grown.get("/services/profile").text
    # Of age, with a way in of their own: nobody represents them.
    (ended,) = portal.events(GuardianshipEnded)
    assert ended.event.reason == "own-account"
    assert code_of(found.mother.get("/reports")) == "guardianship-over"
    again = operator.post(f"{page}/hand-over", version=version_in(shown))
    assert code_of(again) == "claim-not-waiting"


def test_a_claim_that_was_changed_after_it_was_looked_at_is_not_handed_over(
    portal: Portal, operator: Member
) -> None:
    """Documents of one ward would otherwise open the cabinet of another."""
    family(portal, portal.person(ANNA))
    boris = portal.person(BORIS).register()
    own = {"snils": BORIS.snils, "birth_date": "30.06.2005", "document_number": "4500 000002"}
    boris.post("/guardians/claim", **own)
    portal.catch_up()
    with portal.opened.ledger.pool.connection() as connection:
        (claim_id,) = connection.execute("SELECT claim_id FROM guardianship.claims").fetchone() or ("",)
    page = f"/staff/takeovers/{claim_id}"
    assert "/hand-over" not in operator.get(page).text
    seen = version_in(operator.post(f"{page}/persons").text)
    boris.post("/guardians/claim", **own | {"snils": MISHA.snils, "birth_date": "17.05.2019"})
    assert code_of(operator.post(f"{page}/hand-over", version=seen)) == "claim-not-waiting"
    assert code_of(operator.post(f"{page}/hand-over")) == "request-malformed"
    assert boris.is_signed_in and portal.opened.ledger.find("phone", BORIS.phone) == boris.patient_id


def version_in(page: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', page)
    assert found is not None
    return found[1]


def test_a_claim_of_somebody_else_is_refused(portal: Portal, operator: Member) -> None:
    family(portal, portal.person(ANNA))
    boris = portal.person(BORIS).register()
    boris.post("/guardians/claim", snils=MISHA.snils, birth_date="18.05.2019", document_number="4500 000001")
    portal.catch_up()
    with portal.opened.ledger.pool.connection() as connection:
        (claim_id,) = connection.execute("SELECT claim_id FROM guardianship.claims").fetchone() or ("",)
    page = f"/staff/takeovers/{claim_id}"
    shown = operator.post(f"{page}/persons").text
    answer = operator.post(f"{page}/hand-over", version=version_in(shown))
    assert code_of(answer) == "claim-details-differ"
    assert operator.post(f"{page}/refuse", reason="details-differ").status_code == 303
    assert "данные не совпадают" in boris.get("/guardians/claim").text
    assert boris.is_signed_in and portal.opened.ledger.find("phone", BORIS.phone) == boris.patient_id


def test_the_scan_of_the_document_is_at_hand_and_each_look_at_it_is_recorded(
    portal: Portal, operator: Member
) -> None:
    path = asked(portal)
    anna = portal.person(ANNA).patient_id
    by = guardianship.by_guardian(anna, anna)
    kinds = (ScanKind.GUARDIANSHIP, ScanKind.SNILS)
    made, own = (
        scans.add(portal.opened.ledger, anna, b"%PDF-1.7", by, kind=kind, media_type="application/pdf")
        for kind in kinds
    )
    page = operator.post(f"{path}/persons").text
    assert f"/staff/identity/{anna}/scans/{made}" in page and str(own) not in page
    assert operator.get(f"/staff/identity/{anna}/scans/{made}").content == b"%PDF-1.7"
    assert portal.events(ScanRead)[-1].event.scan_id == made
