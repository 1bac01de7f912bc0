"""An operator takes a misfiled report back in the browser: how far it went, with care, and where it is now."""

import html
import re
from uuid import UUID, uuid4

import httpx2
import pytest

from api.laboratories import OPERATOR
from api.staff import web as staff_web
from domain.numbers import laboratory_numbers
from domain.reading import ReportRead
from domain.report import ReportMatched, ReportReceived, ReportRekeyed, ReportUnmatched
from domain.staff import StaffMemberAdmitted
from domain.values import Identifier, PatientId
from ledger.misfiling import undo
from ledger.proposals import link_number
from ledger.staff import member_id_of
from tests.api.cast import ANNA, BORIS, Laboratory, Portal, browser, bundle, code_of, settled, who
from tests.api.staff_cast import Member
from tests.api.test_misfiled import misfiled, shown
from tests.scenario import recorded

SECTION = "/staff/misfiled"
# Of the persons, and of what the report says.
PERSONAL = (
    ANNA.family,
    BORIS.family,
    ANNA.snils,
    ANNA.enp,
    ANNA.birth_date,
    BORIS.email,
    "72.50",
    "72,50",
    "Креатинин",
)


@pytest.fixture(autouse=True)
def _nobody_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The views follow when the test says so: no page needs to wait for them."""
    monkeypatch.setattr(staff_web, "FOLLOW_SECONDS", 0.0)


@pytest.fixture
def operator(ivan: Member) -> Member:
    return ivan.enrolled()


@pytest.fixture
def case(portal: Portal, laboratory: Laboratory) -> tuple[PatientId, PatientId, UUID]:
    """Anna, Boris, and her report in his cabinet, which he has read."""
    found = misfiled(portal, laboratory)
    portal.catch_up()
    return found


def text_of(page: httpx2.Response) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text)))


def is_clean(page: httpx2.Response) -> bool:
    return [word for word in PERSONAL if word in page.text] == []


# Finding the report.


def test_a_number_is_taken_as_people_copy_it(
    operator: Member, case: tuple[PatientId, PatientId, UUID]
) -> None:
    page = operator.get(SECTION)
    assert page.status_code == 200 and 'name="report"' in page.text
    for typed in (str(case[2]), f"%20{case[2]}%20", case[2].hex.upper()):
        assert operator.get(f"{SECTION}?report={typed}").headers["location"] == f"{SECTION}/{case[2]}"


def test_what_is_no_number_or_nobodys_is_told_at_the_field(operator: Member) -> None:
    for typed in ("", "17", "%00", "%3Cscript%3E"):
        answer = operator.get(f"{SECTION}?report={typed}")
        assert answer.status_code == 422 and "Код ошибки: report-id-malformed" in answer.text, typed
        assert "<script>" not in answer.text
    unknown = uuid4()
    answer = operator.get(f"{SECTION}/{unknown}")
    assert answer.status_code == 404 and "Код ошибки: report-not-found" in answer.text
    assert f'value="{unknown}"' in answer.text
    assert operator.get(f"{SECTION}/17").status_code == 404
    of_something_else = member_id_of(operator.portal.opened.ledger, operator.handle)
    assert operator.get(f"{SECTION}/{of_something_else}").status_code == 404


# How far it went.


def test_it_is_shown_whose_it_is_who_read_it_and_who_was_told(
    operator: Member, portal: Portal, case: tuple[PatientId, PatientId, UUID]
) -> None:
    _, boris, report_id = case
    before = len(portal.events(ReportRead))
    page = operator.get(f"{SECTION}/{report_id}")
    text = text_of(page)
    assert f"У кого {boris}" in text and "Лаборатория Инвитро" in text
    assert f"Пациент {boris} Свой кабинет" in text
    assert "Кому о нём сообщали Никому." in text
    assert is_clean(page) and len(portal.events(ReportRead)) == before
    english = text_of(operator.get(f"{SECTION}/{report_id}?lang=en"))
    assert f"Patient {boris} Own cabinet" in english


# Taking it back.


def test_it_is_taken_only_by_who_says_that_it_is_checked(
    operator: Member, portal: Portal, case: tuple[PatientId, PatientId, UUID]
) -> None:
    path = f"{SECTION}/{case[2]}"
    last = portal.opened.ledger.last_position()
    for form in ({}, {"sure": ""}, {"sure": "no"}):
        answer = operator.post(f"{path}/undo", **form)
        assert answer.status_code == 422 and "Код ошибки: undo-not-confirmed" in answer.text
        assert 'aria-invalid="true"' in answer.text and f'href="{path}?lang=en"' in answer.text
    assert not portal.events(ReportRekeyed)
    assert portal.opened.ledger.last_position() == last


def test_it_goes_to_the_right_patient_and_the_page_says_to_whom(
    operator: Member, portal: Portal, case: tuple[PatientId, PatientId, UUID]
) -> None:
    anna, boris, report_id = case
    path = f"{SECTION}/{report_id}"
    answer = operator.post(f"{path}/undo", sure="yes")
    assert answer.headers["location"] == f"{path}?notice=taken"
    (moved,) = portal.events(ReportRekeyed)
    assert moved.circumstances.actor == "staff:ivan" and moved.circumstances.correlation_id is not None
    successor = moved.event.successor_id
    assert (shown(portal, anna), shown(portal, boris)) == ([successor], [])
    page = operator.get(answer.headers["location"])
    text = text_of(page)
    assert "прежний ключ уничтожен" in text and f"Теперь он у пациента {anna}" in text
    assert f"У кого забрали {boris}" in text and f"Пациент {boris} Свой кабинет" in text
    assert f"{boris} Электронная почта" in text, "that he is told stands there"
    assert f'href="{SECTION}/{successor}"' in page.text and f"{path}/undo" not in page.text
    assert is_clean(page)
    now = text_of(operator.get(f"{SECTION}/{successor}"))
    assert f"У кого {anna}" in now and f"У кого забрали {boris}" in now
    assert f"{anna} Электронная почта" in now and "Кто его читал Никто." in now


def test_without_another_patient_it_waits_and_the_page_says_so(
    operator: Member, portal: Portal, laboratory: Laboratory
) -> None:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    report_id = portal.submit(laboratory.seal(bundle("1"))).json()["reports"][0]["id"]
    portal.catch_up()
    operator.post(f"{SECTION}/{report_id}/undo", sure="yes")
    (moved,) = portal.events(ReportRekeyed)
    assert "Теперь он ждёт своего пациента" in text_of(operator.get(f"{SECTION}/{report_id}"))
    waiting = operator.get(f"{SECTION}/{moved.event.successor_id}")
    assert "Ни у кого" in text_of(waiting) and "/undo" not in waiting.text
    assert f"У кого забрали {anna}" in text_of(waiting)
    refused = operator.post(f"{SECTION}/{moved.event.successor_id}/undo", sure="yes")
    assert (refused.status_code, code_of(refused)) == (409, "report-has-no-patient")
    missing = operator.post(f"{SECTION}/{uuid4()}/undo", sure="yes")
    assert (missing.status_code, code_of(missing)) == (404, "report-not-found")
    assert len(portal.events(ReportUnmatched)) == 2, "of the old number and of the new"


def test_a_number_that_would_bring_the_next_report_is_pointed_out(
    operator: Member, portal: Portal, laboratory: Laboratory
) -> None:
    ledger, handle = portal.opened.ledger, laboratory.sender.handle
    boris = settled(portal.opened, BORIS, laboratory.laboratory_id)
    own = Identifier(system="urn:invitro:patients", value="P-17")
    link_number(ledger, laboratory.laboratory_id, boris, laboratory_numbers((own,))[0], OPERATOR)
    content = bundle("1", BORIS, identifiers=((own.system, own.value),))
    report_id = UUID(portal.submit(laboratory.seal(content)).json()["reports"][0]["id"])
    portal.catch_up()
    assert "ведёт к пациенту" not in text_of(operator.get(f"{SECTION}/{report_id}")), "nothing was taken"
    successor = undo(ledger, report_id, OPERATOR)
    portal.catch_up()
    for shown_as in (report_id, successor):
        assert f"--patient {boris} --report {successor}" in text_of(operator.get(f"{SECTION}/{shown_as}"))
    page = operator.get(f"{SECTION}/{report_id}")
    told = text_of(page)
    assert "Номер из лаборатории по-прежнему ведёт к пациенту" in told
    assert f"letopis match unlink-id {handle} --patient {boris}" in told and is_clean(page)


def test_what_was_taken_before_says_where_it_goes_on(
    operator: Member, portal: Portal, case: tuple[PatientId, PatientId, UUID]
) -> None:
    anna, _, report_id = case
    successor = undo(portal.opened.ledger, report_id, OPERATOR)
    last = portal.opened.ledger.last_position()
    answer = operator.post(f"{SECTION}/{report_id}/undo", sure="yes")
    assert answer.headers["location"] == f"{SECTION}/{report_id}?notice=taken-before"
    assert portal.opened.ledger.last_position() == last
    page = operator.get(answer.headers["location"])
    assert 'role="alert"' in page.text and f'href="{SECTION}/{successor}"' in page.text
    assert f"Теперь он у пациента {anna}" in text_of(page)
    # And once more, from the next.
    further = undo(portal.opened.ledger, successor, OPERATOR)
    assert "Его забрали ещё раз" in text_of(operator.get(f"{SECTION}/{report_id}"))
    assert f'href="{SECTION}/{further}"' in operator.get(f"{SECTION}/{successor}").text


def test_the_views_are_waited_for_where_somebody_follows(
    operator: Member, portal: Portal, case: tuple[PatientId, PatientId, UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[str] = []
    monkeypatch.setattr(
        staff_web, "wait_for", lambda _ledger, _position, views, **_: waited.extend(v.name for v in views)
    )
    operator.post(f"{SECTION}/{case[2]}/undo", sure="yes")
    assert waited == ["audit", "delivery"]


# Who may not.


def test_strangers_patients_and_other_roles_learn_and_change_nothing(
    ivan: Member, portal: Portal, case: tuple[PatientId, PatientId, UUID]
) -> None:
    _, boris, report_id = case
    path = f"{SECTION}/{report_id}"
    acts = [("GET", SECTION), ("GET", f"{SECTION}?report=17"), ("GET", path), ("POST", f"{path}/undo")]
    patient = portal.person(who(4)).register()
    token = patient.token()
    with browser(portal.opened.settings.public_url) as stranger:
        for method, at in acts:
            answer = stranger.request(method, at, data={"sure": "yes"} if method == "POST" else None)
            assert answer.headers["location"] == "/staff/sign-in?notice=session-ended", at
            answer = patient.client.request(method, at, data={"csrf": token} if method == "POST" else None)
            assert answer.headers["location"] == "/staff/sign-in?notice=session-ended", at
    ivan.enrolled()
    answer = ivan.client.post(f"{path}/undo", data={"csrf": "wrong", "sure": "yes"})
    assert (answer.status_code, code_of(answer)) == (403, "cross-site")
    ledger = portal.opened.ledger
    recorded(ledger, member_id_of(ledger, "ivan"), StaffMemberAdmitted(handle="ivan", roles=()))
    ivan.open_link(ivan.path_of(ivan.door.reset("ivan", OPERATOR).address))
    assert ivan.enrol().status_code == 303 and SECTION not in ivan.get("/staff").text
    for method, at in acts:
        answer = ivan.post(at, sure="yes") if method == "POST" else ivan.get(at)
        assert (answer.status_code, code_of(answer)) == (404, "not-found"), at
    assert len(portal.events(ReportReceived, ReportMatched)) == 2 and shown(portal, boris) == [report_id]
