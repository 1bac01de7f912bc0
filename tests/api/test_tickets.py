"""Requests for help by HTTP: asked, answered, told of by mail, escalated once; strangers see nothing (S102-S109, S111)."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from uuid import uuid4

import orjson
import pytest
from PIL import Image

from api.portal.sign_in import Door
from api.ticket_escalation import escalate
from api.ticket_notices import TicketNotices
from api.ticket_thread import tickets_of
from domain.reading import TicketRead
from domain.staff import Role
from domain.ticket_events import TicketEscalated, TicketOpened, TicketPatientTold
from ledger import tickets
from ledger.commands import by_patient, state_email
from ledger.contacts import confirm_email
from projections import PROJECTIONS
from projections.follow import wait_for
from tests.api.cast import ANNA, BORIS, Person, Portal, code_of
from tests.api.staff_cast import Clock, Member
from tests.api.test_journey import comes_true
from tests.api.ticket_judge import faults_of
from tests.scenario import recorded

LONG_AGO = timedelta(hours=49)
ASKED = {"kind": "technical-support", "topic": "automatic-delivery", "priority": "medium"}
SECRET = "Гемоглобин не пришёл"


@pytest.fixture
def live(serve: Callable[..., Portal]) -> Portal:
    return serve(works=True)


@pytest.fixture
def anna(live: Portal) -> Person:
    return live.person(ANNA).register()


@pytest.fixture
def vera(live: Portal, clock: Clock) -> Member:
    return Member(live, clock, handle="vera").enrolled(Role.SUPPORT)


def asked(person: Person, text: str = SECRET, **changed: str) -> str:
    """The number of a new request."""
    answer = person.post("/help/new", **(ASKED | {"text": text, "message_id": str(uuid4())} | changed))
    assert answer.status_code == 303, answer.text
    found = re.fullmatch(r"/help/(\d{6}-\w{5}-\w)\?notice=ticket-sent", answer.headers["location"])
    assert found is not None
    return found[1]


def caught_up(portal: Portal) -> None:
    """The server's own follower has shown what was recorded."""
    wait_for(portal.opened.ledger, portal.opened.ledger.last_position(), PROJECTIONS, seconds=60)


def path_of(portal: Portal, number: str) -> str:
    return f"/staff/tickets/{tickets.ticket_stream(portal.opened.ledger, number)}"


def picture() -> bytes:
    file = BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    return file.getvalue()


def test_help_is_on_every_page_and_open_to_who_is_not_signed_in(live: Portal) -> None:
    stranger = live.person(ANNA)
    assert 'href="/help"' in stranger.get("/sign-in").text
    page = stranger.get("/help")
    assert page.status_code == 200 and "Почему нет результатов?" in page.text
    assert "Открыть чат" not in page.text
    assert stranger.get("/help/new").headers["location"].startswith("/sign-in")


def test_a_request_goes_its_way_from_the_question_to_the_answer(anna: Person, vera: Member) -> None:
    portal, ledger = anna.portal, anna.portal.opened.ledger
    number = asked(anna)
    queue = vera.get("/staff/tickets").text
    assert number in queue and SECRET not in queue
    path = path_of(portal, number)
    shown = vera.get(path)
    assert SECRET in shown.text
    assert [one.circumstances.actor for one in portal.events(TicketRead)] == ["staff:vera"]
    assert vera.post(f"{path}/note", text="Спросить коллегу").status_code == 303
    answer = vera.post(f"{path}/answer", text="Проверьте полис, пожалуйста.", then="wait")
    assert answer.headers["location"].endswith("notice=ticket-answered")
    listed = anna.get("/help/tickets").text
    assert number in listed and "Новый ответ" in listed and "Есть ответ" in listed
    page = anna.get(f"/help/{number}").text
    assert "Проверьте полис, пожалуйста." in page and "Спросить коллегу" not in page and "vera" not in page
    caught_up(portal)
    assert "Новый ответ" not in anna.get("/help/tickets").text
    assert anna.post(f"/help/{number}/close").status_code == 303
    assert "Закрыто" in anna.get(f"/help/{number}").text
    assert anna.post(f"/help/{number}/reopen", text="Снова нет").status_code == 303
    (mine,) = tickets_of(ledger, anna.patient_id)
    assert orjson.loads(orjson.dumps(mine))["state"] == "reopened"
    assert not faults_of(list(ledger.read(tickets.ticket_stream(ledger, number))))


def test_wrong_fields_are_named_and_what_was_written_stays(anna: Person) -> None:
    answer = anna.post("/help/new", **(ASKED | {"text": " ", "topic": "own-words"}))
    assert answer.status_code == 422 and code_of(answer) == "ticket-subject-missing"
    answer = anna.post("/help/new", **(ASKED | {"text": "Слова остались", "kind": "no-such"}))
    assert answer.status_code == 422 and "Слова остались" in answer.text
    assert not anna.portal.events(TicketOpened)


def test_a_form_that_comes_twice_asks_once(anna: Person) -> None:
    form_id = str(uuid4())
    assert asked(anna, message_id=form_id) == asked(anna, message_id=form_id)
    assert len(anna.portal.events(TicketOpened)) == 1


def test_a_file_goes_along_and_is_checked(anna: Person, vera: Member) -> None:
    form = ASKED | {"csrf": anna.token(), "text": SECRET, "message_id": str(uuid4())}
    bad = anna.client.post("/help/new", data=form, files={"scan": ("a.png", b"MZ nothing", "image/png")})
    assert bad.status_code == 415 and code_of(bad) == "scan-type-unknown" and SECRET in bad.text
    good = anna.client.post("/help/new", data=form, files={"scan": ("a.png", picture(), "image/png")})
    number = good.headers["location"].partition("?")[0].removeprefix("/help/")
    (href,) = re.findall(rf"/help/{number}/files/[0-9a-f-]+", anna.get(f"/help/{number}").text)
    assert anna.get(href).content == picture()
    file_id = href.rpartition("/")[2]
    shown = vera.get(f"{path_of(anna.portal, number)}/files/{file_id}")
    assert shown.content == picture()
    assert [str(one.event.file_id) for one in anna.portal.events(TicketRead)][-2:] == [file_id, file_id]


def test_of_another_s_request_nothing_is_there(anna: Person, vera: Member) -> None:
    number = asked(anna)
    boris = anna.portal.person(BORIS).register()
    nobodys = "261126-22222-" + "X"
    for path in (number, nobodys, "nonsense"):
        for found in (
            boris.get(f"/help/{path}"),
            boris.get(f"/help/{path}/live"),
            boris.get(f"/help/{path}/files/{uuid4()}"),
            boris.post(f"/help/{path}/messages", text="Чужое"),
            boris.post(f"/help/{path}/close"),
            boris.post(f"/help/{path}/reopen", text="Чужое"),
        ):
            assert (found.status_code, code_of(found)) == (404, "not-found"), path
    assert not anna.portal.events(TicketRead)


def test_an_operator_without_the_role_of_support_reads_no_request(
    anna: Person, vera: Member, clock: Clock
) -> None:
    ivan = Member(anna.portal, clock, handle="ivan").enrolled(Role.OPERATOR)
    number = asked(anna)
    for path in ("/staff/tickets", path_of(anna.portal, number), f"{path_of(anna.portal, number)}/live"):
        assert ivan.get(path).status_code == 404
    assert vera.get("/staff/delivery").status_code == 404


def test_the_patient_is_told_by_mail_once_and_never_what_was_written(anna: Person, vera: Member) -> None:
    portal, ledger = anna.portal, anna.portal.opened.ledger
    by = by_patient(anna.patient_id)
    state_email(ledger, anna.patient_id, ANNA.email, by)
    confirm_email(ledger, anna.patient_id, ANNA.email, by)
    number = asked(anna)
    vera.post(f"{path_of(portal, number)}/answer", text="Тайный ответ", then="wait")
    caught_up(portal)
    notices = TicketNotices(Door(ledger, portal.opened.settings))
    for _ in range(3):
        assert notices.turn(datetime.now(UTC))
        caught_up(portal)
    comes_true(lambda: portal.events(TicketPatientTold), "the server's own worker may be at it")
    (letter,) = portal.letters(ANNA.email)
    assert letter["Subject"] == "Вам ответила служба поддержки"
    assert b"\xd0\xa2\xd0\xb0\xd0\xb9\xd0\xbd" not in letter.as_bytes()
    body = letter.get_body(("plain",))
    assert body is not None
    assert f"/help/{number}" in body.get_content() and "Тайный" not in body.get_content()
    (told,) = portal.events(TicketPatientTold)
    assert told.event.outcome == "handed-over"


def test_48_hours_without_an_answer_escalate_once_whatever_the_clock_does(anna: Person, vera: Member) -> None:
    portal, ledger = anna.portal, anna.portal.opened.ledger
    number = asked(anna)
    caught_up(portal)
    now = datetime.now(UTC)
    times = (now, now + LONG_AGO, now - LONG_AGO, now + 10 * LONG_AGO, now, now + LONG_AGO)
    assert [escalate(ledger, at) for at in times] == [0, 1, 0, 0, 0, 0]
    caught_up(portal)
    assert len(portal.events(TicketEscalated)) == 1
    assert number in vera.get("/staff/tickets?queue=escalated").text
    page = anna.get(f"/help/{number}").text
    assert "Ответа нет больше 48 часов" in page and f"обращение № {number}" in page
    again = anna.post(f"/help/{number}/reopen", text="Жду", subject=f"Повторно: обращение № {number}")
    assert again.status_code == 303
    assert "Высокий" in vera.get("/staff/tickets").text
    assert "letopis_tickets_open" in portal.machine.get("/metrics").text


def test_a_planted_second_escalation_is_found(anna: Person) -> None:
    ledger = anna.portal.opened.ledger
    ticket_id = tickets.ticket_stream(ledger, asked(anna))
    later = datetime.now(UTC) + LONG_AGO
    assert tickets.pass_time(ledger, ticket_id, now=later)
    assert not tickets.pass_time(ledger, ticket_id, now=later)
    assert not faults_of(list(ledger.read(ticket_id)))
    recorded(ledger, ticket_id, TicketEscalated())
    assert faults_of(list(ledger.read(ticket_id))) == ["escalated twice"]


def test_a_patient_asks_ten_times_a_day(anna: Person) -> None:
    for _ in range(10):
        asked(anna)
    answer = anna.post("/help/new", **(ASKED | {"text": "Ещё"}))
    assert answer.status_code == 429


def test_what_is_written_is_nowhere_in_the_clear(anna: Person, vera: Member) -> None:
    number = asked(anna)
    ledger = anna.portal.opened.ledger
    with ledger.pool.connection() as connection:
        stored = connection.execute(
            "SELECT state FROM ledger.events WHERE originator_id = %s",
            (tickets.ticket_stream(ledger, number),),
        ).fetchall()
        rows = connection.execute("SELECT t::text FROM tickets.tickets AS t").fetchall()
    assert stored and all("Гемоглобин".encode() not in bytes(row[0]) for row in stored)
    assert rows and "Гемоглобин" not in rows[0][0]


def test_handing_over_lets_the_other_answer(anna: Person, vera: Member, clock: Clock) -> None:
    oleg = Member(anna.portal, clock, handle="oleg").enrolled(Role.SUPPORT)
    path = path_of(anna.portal, asked(anna))
    assert vera.post(f"{path}/take").status_code == 303
    refused = oleg.post(f"{path}/answer", text="Здравствуйте")
    assert code_of(refused) == "ticket-held-by-other" and "Здравствуйте" not in anna.get("/help/tickets").text
    assert code_of(vera.post(f"{path}/hand-over", handle="nobody")) == "ticket-member-unknown"
    assert vera.post(f"{path}/hand-over", handle="oleg").status_code == 303
    assert oleg.post(f"{path}/answer", text="Здравствуйте", then="close").status_code == 303
    assert "Закрыто" in oleg.get(path).text
