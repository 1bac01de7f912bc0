"""«Отправить врачу»: a patient shares results by pages of their own; a doctor opens them in theirs; a stranger by the
viewer, in a real browser."""

import os
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from uuid import UUID

import httpx2
import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from api.laboratories import OPERATOR
from api.report_as_of import Verdict, verdict_of
from api.share_terms import end_shares
from api.staff import shared
from domain.doctor import ConsultationFormat, DoctorDescribed, DoctorIntroduced, Language, Speciality
from domain.reading import IdentityRead, Medium, ReadingPurpose, ReportRead, ReportsListed
from domain.sharing import ReportsShared, ShareExtended, ShareOpened, ShareRevoked
from domain.staff import Role
from domain.values import OrganisationId, StaffMemberId
from ledger import sharing
from ledger.doctors import introduce
from ledger.staff import by_member, member_id_of
from tests.api import test_journey
from tests.api.cast import ANNA, BORIS, Laboratory, Person, Portal, code_of, settle
from tests.api.health_link_client import HealthLink
from tests.api.staff_cast import Clock, Member
from tests.api.test_health_links import arrives
from tests.api.test_journey import DESKTOP, SCREENS
from tests.api.test_staff_journey import is_accessible

chromium = test_journey.chromium
MESSAGE = "Посмотрите, пожалуйста, динамику."
FORM = {"nonce": "n0nce", "term": "7", "act": "share"}
LINK = FORM | {"kind": "link", "openings": "3", "passcode": "yes", "label": "Для кардиолога"}


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> Person:
    anna = portal.person(ANNA).register()
    settle(portal.opened, anna.patient_id, ANNA, laboratory.laboratory_id)
    return anna


@pytest.fixture
def report(portal: Portal, laboratory: Laboratory, anna: Person) -> UUID:
    return arrives(portal, laboratory)


def doctor(portal: Portal, clock: Clock, laboratory: Laboratory, handle: str, name: str) -> Member:
    """A doctor of the organisation, who said who they are."""
    organisation_id = OrganisationId(laboratory.laboratory_id)
    member = Member(portal, clock, handle)
    link = member.door.admit(handle, [Role.DOCTOR], OPERATOR, organisation_id=organisation_id)
    assert member.open_link(member.path_of(link.address)).status_code == 303
    assert member.enrol().status_code == 303
    said = DoctorIntroduced(
        member_id=id_of(portal, member),
        organisation_id=organisation_id,
        speciality=Speciality.CARDIOLOGY,
        formats=(ConsultationFormat.VIDEO,),
        languages=(Language.RUSSIAN,),
    )
    introduce(portal.opened.ledger, said, DoctorDescribed(name=name), by_member(handle))
    portal.catch_up()
    return member


def id_of(portal: Portal, member: Member) -> StaffMemberId:
    return member_id_of(portal.opened.ledger, member.handle)


def sent(portal: Portal, anna: Person, report: UUID, **form: str) -> httpx2.Response:
    answer = anna.post("/shares", **{f"report-{report}": "yes", "offered": str(report)} | LINK | form)
    portal.catch_up()
    return answer


def link_on(answer: httpx2.Response) -> HealthLink:
    found = re.search(r"data-copy>([^<]+)</textarea>", answer.text)
    assert found is not None, answer.text
    return HealthLink.read(unescape(found[1]))


def passcode_on(answer: httpx2.Response) -> str:
    found = re.search(r'class="secret"><code>(\d{3}) (\d{3})</code>', answer.text)
    assert found is not None, answer.text
    return found[1] + found[2]


# By a link.


def test_a_patient_shares_by_a_link_sees_who_opened_it_and_takes_it_back(
    portal: Portal, anna: Person, report: UUID
) -> None:
    page = anna.get(f"/shares/new?report={report}").text
    assert "Креатинин в сыворотке" in page and f'name="report-{report}" value="yes" checked' in page
    made = sent(portal, anna, report)
    link, passcode = link_on(made), passcode_on(made)
    assert (made.status_code, link.flags, link.payload["label"]) == (200, "P", "Для кардиолога")
    assert link.files(portal.machine, passcode)
    portal.catch_up()
    (read,) = portal.events(ReportRead)
    assert verdict_of(portal.opened.ledger, read.event) is Verdict.SAME, "what left is made again"
    (shared,) = portal.events(ReportsShared)
    where = f"/shares/{shared.stream_id}"
    page = anna.get(where).text
    assert "Поликлиника № 7" in page and "127.0.0.0/24" in page and "1 из 3" in page
    assert "Для кардиолога" in anna.get("/shares").text
    again = anna.get(f"{where}/link")
    assert link_on(again) == link and "secret" not in again.text, "the passcode was shown once"
    assert anna.get(f"{where}/qr.svg").headers["content-type"].startswith("image/svg+xml")
    assert anna.get(f"{where}/qr.png").content.startswith(b"\x89PNG")
    assert anna.post(f"{where}/revoke").headers["location"] == f"{where}?notice=share-revoked"
    assert link.ask(portal.machine, passcode).status_code == 404
    assert anna.get(f"{where}/link").status_code == 404
    assert "Закрыт вами" in anna.get(where).text and len(portal.events(ShareRevoked)) == 1


def test_a_form_that_is_sent_twice_makes_one_link_and_shows_its_passcode_once(
    portal: Portal, anna: Person, report: UUID
) -> None:
    passcode_on(sent(portal, anna, report))
    (shared,) = portal.events(ReportsShared)
    again = sent(portal, anna, report)
    assert (again.status_code, again.headers["location"]) == (303, f"/shares/{shared.stream_id}")
    assert len(portal.events(ReportsShared)) == 1


def test_the_term_is_moved_while_it_lasts(portal: Portal, anna: Person, report: UUID) -> None:
    sent(portal, anna, report)
    (shared,) = portal.events(ReportsShared)
    where = f"/shares/{shared.stream_id}"
    assert anna.post(f"{where}/extend", term="30").headers["location"].endswith("share-extended")
    (extended,) = portal.events(ShareExtended)
    assert extended.event.until - datetime.now(UTC) > timedelta(days=29)
    far = anna.post(f"{where}/extend", term="date", until="01.01.2099")
    assert (far.status_code, code_of(far)) == (422, "share-term-wrong")


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"term": "date", "until": "вчера"}, "share-term-wrong"),
        ({"term": "365"}, "share-term-wrong"),
        ({"openings": "1000"}, "share-openings-wrong"),
        ({"label": "я" * 81}, "share-label-too-long"),
        ({"kind": "doctor", "doctor": "nobody"}, "share-doctor-missing"),
        ({"kind": "doctor", "doctor": str(UUID(int=7))}, "share-doctor-missing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_is_said_at_its_field_and_the_form_is_kept(
    portal: Portal, anna: Person, report: UUID, form: dict[str, str], code: str
) -> None:
    answer = sent(portal, anna, report, **form)
    assert (answer.status_code, code_of(answer)) == (422, code)
    assert f'name="report-{report}" value="yes" checked' in answer.text
    assert not portal.events(ReportsShared)


def test_nothing_ticked_is_nothing_shared(portal: Portal, anna: Person, report: UUID) -> None:
    answer = anna.post("/shares", **LINK | {"offered": str(report)})
    assert (answer.status_code, code_of(answer)) == (422, "share-reports-missing")
    assert f'name="report-{report}" value="yes">' in answer.text, "it is offered still"


def test_only_the_owner_shares_and_sees_a_share(
    portal: Portal, laboratory: Laboratory, anna: Person, report: UUID
) -> None:
    sent(portal, anna, report)
    (shared,) = portal.events(ReportsShared)
    boris = portal.person(BORIS).register()
    settle(portal.opened, boris.patient_id, BORIS, laboratory.laboratory_id)
    assert sent(portal, boris, report).status_code == 404
    for path in ("", "/link", "/qr.svg", "/qr.png"):
        assert boris.get(f"/shares/{shared.stream_id}{path}").status_code == 404
    # The id of something else is no share either.
    assert anna.get(f"/shares/{report}").status_code == 404
    assert len(portal.events(ReportsShared)) == 1


def test_who_signed_in_long_ago_proves_who_they_are_before(
    anna: Person, report: UUID, sql: psycopg.Connection
) -> None:
    sql.execute("UPDATE access.sessions SET proved_at = now() - interval '11 minutes'")
    answer = anna.get(f"/shares/new?report={report}")
    assert answer.status_code == 303 and answer.headers["location"].startswith("/step-up?to=")
    assert anna.post("/shares", **LINK).headers["location"].startswith("/step-up")


# To a doctor.


@pytest.fixture
def elena(portal: Portal, clock: Clock, laboratory: Laboratory) -> Member:
    return doctor(portal, clock, laboratory, "elena", "Громова Елена Викторовна")


def given_to(portal: Portal, anna: Person, member: Member, report: UUID, *, nonce: str = "n0nce") -> str:
    """Where the doctor finds it."""
    form = {"kind": "doctor", "doctor": str(id_of(portal, member)), "message": MESSAGE, "nonce": nonce}
    assert sent(portal, anna, report, **form).headers["location"].endswith("shared-with-doctor")
    return f"/staff/shared/{portal.events(ReportsShared)[-1].stream_id}"


def test_a_doctor_sees_what_was_given_to_them_and_the_patient_sees_that_they_did(
    portal: Portal, laboratory: Laboratory, anna: Person, report: UUID, elena: Member
) -> None:
    assert "Громова Елена Викторовна" in anna.get("/shares/new").text
    for search, is_found in (("гром", True), ("Орлов", False)):
        found = anna.post("/shares", **FORM | {"act": "find", "kind": "doctor", "doctor_search": search})
        assert ("Громова Елена Викторовна" in found.text) is is_found and found.status_code == 200
    where = given_to(portal, anna, elena, report)
    listed = elena.get("/staff/shared").text
    assert "Соколова" in listed and where in listed
    page = elena.get(where).text
    assert MESSAGE in page and "Креатинин в сыворотке" in page
    assert [one.event.purpose for one in portal.events(IdentityRead)] == [ReadingPurpose.TREATMENT] * 2
    (list_read,) = portal.events(ReportsListed)[-1:]
    assert (list_read.event.count, list_read.circumstances.actor) == (1, "staff:elena")
    arrives(portal, laboratory, value="75.10", status="corrected")
    shown = elena.get(f"{where}/reports/{report}").text
    assert "75,10" in shown and f'href="{where}/reports/{report}/versions/1"' in shown
    assert f'href="/reports/{report}' not in shown, "the patient's pages are not the doctor's"
    assert "72,50" in elena.get(f"{where}/reports/{report}/versions/1").text
    assert elena.get(f"{where}/reports/{report}/versions/3").status_code == 404
    reads = [one for one in portal.events(ReportRead) if one.event.purpose is ReadingPurpose.TREATMENT]
    assert [(one.event.report_version, one.event.medium) for one in reads] == [
        (2, Medium.PAGE),
        (1, Medium.PAGE),
    ]
    assert {one.circumstances.actor for one in reads} == {"staff:elena"}
    assert all(one.event.rendering is not None for one in reads)
    portal.catch_up()
    mine = anna.get(where.removeprefix("/staff").replace("shared", "shares")).text
    assert "Громова Елена Викторовна" in mine and "версия 2" in mine and MESSAGE in mine


def test_what_is_taken_back_is_not_there_for_the_doctor_any_more(
    portal: Portal, anna: Person, report: UUID, elena: Member
) -> None:
    where = given_to(portal, anna, elena, report)
    anna.post(where.removeprefix("/staff").replace("shared", "shares") + "/revoke")
    portal.catch_up()
    for path in (where, f"{where}/reports/{report}"):
        assert elena.get(path).status_code == 404
    listed = elena.get("/staff/shared").text
    assert "Снято пациентом" in listed and "Соколова" not in listed
    assert not portal.events(ShareOpened)


@pytest.fixture
def oleg(portal: Portal, clock: Clock, laboratory: Laboratory) -> Member:
    return doctor(portal, clock, laboratory, "oleg", "Орлов Олег")


def test_another_doctor_has_nothing_of_it(
    portal: Portal, anna: Person, report: UUID, elena: Member, oleg: Member
) -> None:
    where = given_to(portal, anna, elena, report)
    assert "Соколова" not in oleg.get("/staff/shared").text
    for path in (where, f"{where}/reports/{report}", f"{where}/reports/{report}/versions/1"):
        assert oleg.get(path).status_code == 404
    # And what was not given is not there for whom something else was given to.
    assert elena.get(f"{where}/reports/{UUID(int=1)}").status_code == 404
    assert not portal.events(ShareOpened)


def test_a_dismissed_doctor_is_out_at_once_and_for_good(
    portal: Portal, laboratory: Laboratory, anna: Person, report: UUID, elena: Member
) -> None:
    where = given_to(portal, anna, elena, report)
    elena.door.dismiss("elena", OPERATOR)
    assert elena.get(where).status_code == 303
    portal.catch_up()
    ledger, now = portal.opened.ledger, datetime.now(UTC)
    assert (end_shares(ledger, now), end_shares(ledger, now)) == (1, 0)
    portal.catch_up()
    # Who comes back, to another clinic perhaps, finds nothing of what was given before.
    elena.clock.next_step()
    again = doctor(portal, elena.clock, laboratory, "elena", "Громова Елена")
    assert again.get(where).status_code == 404
    assert "Соколова" not in again.get("/staff/shared").text
    assert (
        "Врач больше не работает" in anna.get(where.removeprefix("/staff").replace("shared", "shares")).text
    )


def test_who_comes_back_before_the_clock_saw_that_they_left_finds_nothing(
    portal: Portal, laboratory: Laboratory, anna: Person, report: UUID, elena: Member
) -> None:
    where = given_to(portal, anna, elena, report)
    elena.door.dismiss("elena", OPERATOR)
    elena.clock.next_step()
    again = doctor(portal, elena.clock, laboratory, "elena", "Громова Елена")
    for path in (where, f"{where}/reports/{report}", f"{where}/reports/{report}/versions/1"):
        assert again.get(path).status_code == 404
    assert "Соколова" not in again.get("/staff/shared").text
    assert not portal.events(ShareOpened)
    # The clock tells the patient that it is over; what they give now is seen.
    assert end_shares(portal.opened.ledger, datetime.now(UTC)) == 1
    portal.catch_up()
    anew = given_to(portal, anna, again, report, nonce="again")
    assert again.get(anew).status_code == 200 and "Соколова" in again.get("/staff/shared").text


def test_a_doctor_turns_the_pages_of_what_they_were_given(
    portal: Portal, anna: Person, report: UUID, elena: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "PAGE_ROWS", 2)
    first, second, third = (given_to(portal, anna, elena, report, nonce=f"n{n}") for n in range(3))
    anna.post(third.removeprefix("/staff").replace("shared", "shares") + "/revoke")
    portal.catch_up()
    page, further = elena.get("/staff/shared").text, elena.get("/staff/shared?page=2").text
    assert first in page and second in page, "what is open comes first"
    assert 'href="/staff/shared?page=2"' in page
    assert "Снято пациентом" not in page and "Снято пациентом" in further
    assert first not in further and "?page=3" not in further
    assert elena.get("/staff/shared?page=0").status_code == 400


# In a browser.


def with_a_flag_behind_another_code(portal: Portal, laboratory: Laboratory) -> UUID:
    codes = [{"system": "http://snomed.info/sct", "code": "281302008"}, {"code": "H"}]
    urea = {
        "resourceType": "Observation",
        "id": "urea",
        "status": "final",
        "code": {"text": "Мочевина"},
        "valueString": "9.1",
        "interpretation": [{"coding": [code]} for code in codes],
    }
    results = [{"reference": name} for name in ("Observation/creatinine", "#urea")]
    return arrives(portal, laboratory, contained=[urea], result=results)


def test_a_stranger_opens_the_link_in_a_browser_and_sees_the_values(
    chromium: Browser, portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    made = sent(portal, anna, with_a_flag_behind_another_code(portal, laboratory))
    passcode = passcode_on(made)
    found = re.search(r"data-copy>([^<]+)</textarea>", made.text)
    assert found is not None
    asked: list[str] = []
    with chromium.new_context(viewport={"width": 390, "height": 844}, locale="ru-RU") as context:
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(unescape(found[1]))
        expect(page.get_by_role("heading", level=1)).to_have_text("Результаты исследований")
        expect(page.locator("body")).to_contain_text("Для кардиолога")
        visitor = test_journey.Visitor(page, portal)
        is_accessible(visitor)
        pictured(page, "view-form")
        page.get_by_role("button", name="Открыть результаты").click()
        expect(page.locator("#recipient-error")).to_be_visible()
        page.get_by_label("Кто вы").fill("Орлов Олег, поликлиника № 7")
        page.get_by_label("Код доступа").fill("000000" if passcode != "000000" else "111111")
        page.get_by_role("button", name="Открыть результаты").click()
        expect(page.locator("#passcode-error")).to_contain_text("Осталось попыток: 9")
        page.get_by_label("Код доступа").fill(f"{passcode[:3]} {passcode[3:]}")
        page.keyboard.press("Enter")
        sheet = page.get_by_role("article")
        expect(sheet).to_contain_text("Креатинин")
        expect(sheet).to_contain_text("72,50")
        expect(sheet).to_contain_text("44,00–80,0")
        expect(sheet.get_by_role("row").filter(has_text="Мочевина")).to_contain_text("Выше")
        expect(sheet).to_contain_text("Соколова Анна")
        is_accessible(visitor)
        pictured(page, "view-reports")
        page.set_viewport_size({"width": DESKTOP, "height": 800})
        is_accessible(visitor)
        key = HealthLink.read(unescape(found[1])).payload["key"]
        assert not any(key in url or "shlink" in url for url in asked), "the key goes to no server"
        # A wrong passcode is a 401, which Chromium remarks on.
        assert [text for text in said if "401" not in text] == []
    (shared,) = portal.events(ReportsShared)
    assert sharing.load_share(portal.opened.ledger, shared.stream_id).openings == 1


def pictured(page: Page, name: str) -> None:
    if os.environ.get("LETOPIS_SCREENS") == "1":
        page.screenshot(path=SCREENS / f"{name}-phone.png")
