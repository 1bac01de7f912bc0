"""An operator sees how delivery goes, and decides on what reached nobody: one notice, or all of a reason."""

import html
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx2
import pytest

from api import delivery_gauges
from api.outcome import HandedOver, RefusedForNow
from api.sending import breaker
from api.staff import delivery as delivery_pages
from api.staff import web as staff_web
from domain.announcement import About
from domain.channel import Channel
from domain.notification import (
    NotificationAbandoned,
    NotificationAttempted,
    NotificationFailed,
    NotificationHandedOver,
    NotificationJoined,
    NotificationOutcomeUnknown,
    NotificationRequested,
    NotificationRetried,
    NotificationReturned,
)
from domain.values import PatientId
from tests.api.cast import ANNA, Portal, code_of
from tests.api.staff_cast import Member
from tests.scenario import recorded

PATH = "/staff/delivery"
PATIENT = PatientId(UUID(int=7))
REQUESTED = NotificationRequested(
    patient_id=PATIENT,
    report_id=UUID(int=9),
    report_version=1,
    channel=Channel.EMAIL,
    consent_id=UUID(int=8),
    consent_version=1,
)
ATTEMPTED = NotificationAttempted(
    attempt=1, lease_until=datetime(2026, 11, 23, tzinfo=UTC), consent_version=1
)
TAKEN = NotificationHandedOver(attempt=1, remote_id="7")
REFUSED = NotificationFailed(attempt=1, reason="550 5.1.1")
UNKNOWN = NotificationOutcomeUnknown(attempt=1, stage="connection-lost-after-request")
BACK = NotificationReturned(remote_id="7", reason="5.2.2")


@pytest.fixture(autouse=True)
def _nobody_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staff_web, "FOLLOW_SECONDS", 0.0)


@pytest.fixture
def operator(ivan: Member) -> Member:
    return ivan.enrolled()


def told(portal: Portal, *events: object, channel: Channel = Channel.EMAIL, **changed: object) -> UUID:
    """A notification to which this happened."""
    stream_id = uuid4()
    requested = replace(REQUESTED, report_id=uuid4(), channel=channel, **changed)
    recorded(portal.opened.ledger, stream_id, requested, *events)  # type: ignore[arg-type]
    portal.catch_up()
    return stream_id


def text_of(page: httpx2.Response) -> str:
    assert page.status_code == 200, page.status_code
    main = page.text[page.text.index("<main") : page.text.index("</main>")]
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main)))


def listed(page: httpx2.Response) -> list[UUID]:
    assert page.status_code == 200, page.status_code
    return [
        UUID(one) for one in re.findall(r'class="since" href="/staff/delivery/([0-9a-f-]{36})"', page.text)
    ]


def row(page: httpx2.Response, channel: str) -> str:
    """What the table says of a channel."""
    table = re.search(r"<tbody.*?</tbody>", page.text, re.DOTALL)
    assert table is not None
    rows = re.findall(r"<tr.*?</tr>", table[0], re.DOTALL)
    texts = [" ".join(re.sub(r"<[^>]+>", " ", html.unescape(one)).split()) for one in rows]
    (found,) = [one for one in texts if one.startswith(channel)]
    return found


# How it goes.


def test_a_quiet_day_says_so(operator: Member) -> None:
    page = operator.get(PATH)
    assert "Всё дошло или ещё в пути" in text_of(page)
    for channel in ("Электронная почта", "SMS", "Push"):
        assert "за час: 0 / 0" in row(page, channel) and "ничего не ждёт" in row(page, channel)
        said = "Не настроена" if channel == "Push" else "Ещё не отправляли"
        assert said in row(page, channel)


def test_each_channel_shows_what_is_open_what_went_through_and_since_when_it_owes(
    operator: Member, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(portal, ATTEMPTED, TAKEN)
    told(portal, ATTEMPTED, REFUSED)
    told(portal)
    later = NotificationFailed(attempt=1, reason="421", retry_at=datetime.now(UTC) + timedelta(hours=1))
    told(portal, ATTEMPTED, later)
    told(portal, ATTEMPTED, UNKNOWN, channel=Channel.SMS)
    page = operator.get(PATH)
    email, sms = row(page, "Электронная почта"), row(page, "SMS")
    assert "отправить: 1" in email and "повторить: 1" in email
    assert "за час: 1 / 1" in email and "за сутки: 1 / 1" in email and "Задержка" not in email
    assert "за час: 0 / 1" in sms and "ничего не ждёт" in sms
    monkeypatch.setattr(delivery_pages, "LATE", timedelta(0))
    assert "Задержка" in row(operator.get(PATH), "Электронная почта")


def test_a_provider_that_is_left_alone_for_a_while_is_shown_with_its_answer(
    operator: Member, portal: Portal
) -> None:
    now, ledger = datetime.now(UTC), portal.opened.ledger
    breaker.note(ledger, Channel.SMS, [RefusedForNow("connection")] * breaker.REFUSALS_MAX, now)
    breaker.note(ledger, Channel.EMAIL, [HandedOver("1")], now)
    page = operator.get(PATH)
    assert "Пауза: отказы подряд" in row(page, "SMS") and "connection" in row(page, "SMS")
    assert "Отвечает" in row(page, "Электронная почта")


# Dead letters.


def test_what_reached_nobody_is_listed_the_latest_first_and_nothing_else(
    operator: Member, portal: Portal
) -> None:
    refused = told(portal, ATTEMPTED, REFUSED)
    unknown = told(portal, ATTEMPTED, UNKNOWN, channel=Channel.SMS)
    back = told(portal, ATTEMPTED, TAKEN, BACK)
    given_up = told(portal, ATTEMPTED, REFUSED, NotificationAbandoned(reason="life-over"))
    told(portal)
    told(portal, ATTEMPTED, TAKEN)
    told(portal, ATTEMPTED, REFUSED, NotificationAbandoned(reason="by-operator"))
    told(portal, NotificationJoined(digest_id=refused))
    page = operator.get(PATH)
    assert listed(page) == [given_up, back, unknown, refused]
    said = text_of(page)
    for words in ("4 уведомления", "550 5.1.1", "connection-lost-after-request", "5.2.2", str(PATIENT)):
        assert words in said, words
    assert "4 ждут" in text_of(operator.get("/staff"))
    assert "Delivery of notices" in text_of(operator.get(PATH + "?lang=en"))


def test_the_list_is_filtered_by_channel_and_reason_with_counts(operator: Member, portal: Portal) -> None:
    refused = told(portal, ATTEMPTED, REFUSED)
    told(portal, ATTEMPTED, UNKNOWN, channel=Channel.SMS)
    page = operator.get(PATH + "?channel=email")
    assert listed(page) == [refused] and "Электронная почта (1)" in text_of(page)
    assert listed(operator.get(PATH + "?reason=550+5.1.1")) == [refused]
    for words in ("channel=fax", "reason=%00", "reason=%27%3B--", "channel=sms&reason=550+5.1.1"):
        nothing = operator.get(f"{PATH}?{words}")
        assert listed(nothing) == [] and "Таких уведомлений нет" in text_of(nothing), words
    assert operator.get(PATH + "?after=x").status_code == 400


def test_the_list_is_read_page_by_page(
    operator: Member, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_pages, "PAGE_ROWS", 2)
    letters = [told(portal, ATTEMPTED, REFUSED) for _ in range(5)]
    path, seen = PATH + "?channel=email", list[UUID]()
    for _ in range(3):
        page = operator.get(path)
        seen += listed(page)
        further = re.search(r'href="([^"]+)">Дальше|href="([^"]*after=[^"]*)"', page.text)
        path = html.unescape(further[1] or further[2]) if further else ""
    assert seen == letters[::-1] and path == ""


def test_one_is_shown_with_its_history_and_no_data_of_the_patient(operator: Member, portal: Portal) -> None:
    guardian = PatientId(uuid4())
    letter = told(
        portal, ATTEMPTED, UNKNOWN, channel=Channel.SMS, recipient_id=guardian, about=About.CORRECTED
    )
    page = operator.get(f"{PATH}/{letter}")
    said = text_of(page)
    for words in (
        "Без ответа",
        "Исправление результата",
        "может получить его дважды",
        str(guardian),
        "system:test",
    ):
        assert words in said, words
    assert "не приняла" not in said, "nobody knows whether it was taken"
    assert ANNA.phone not in page.text
    assert operator.get(f"{PATH}/{uuid4()}").status_code == 404
    assert operator.get(f"{PATH}/{told(portal)}").status_code == 404


# Acts.


def test_one_is_sent_again_by_a_named_member(operator: Member, portal: Portal) -> None:
    letter = told(portal, ATTEMPTED, REFUSED)
    answer = operator.post(f"{PATH}/{letter}", act="retry")
    assert answer.headers["location"] == f"{PATH}?notice=notices-retried"
    portal.catch_up()
    page = operator.get(answer.headers["location"])
    assert "Уведомления будут отправлены снова" in text_of(page) and listed(page) == []
    (retried,) = portal.events(NotificationRetried)
    assert (retried.stream_id, retried.circumstances.actor) == (letter, "staff:ivan")
    assert operator.post(f"{PATH}/{letter}", act="retry").status_code == 404


def test_one_is_given_up(operator: Member, portal: Portal) -> None:
    letter = told(portal, ATTEMPTED, REFUSED)
    assert "notices-abandoned" in operator.post(f"{PATH}/{letter}", act="abandon").headers["location"]
    (abandoned,) = portal.events(NotificationAbandoned)
    assert abandoned.event.reason == "by-operator"
    portal.catch_up()
    assert listed(operator.get(PATH)) == []


def test_who_comes_second_is_told_so(operator: Member, portal: Portal) -> None:
    letter = told(portal, ATTEMPTED, REFUSED)
    recorded(portal.opened.ledger, letter, NotificationRetried())  # and the view does not know it yet
    answer = operator.post(f"{PATH}/{letter}", act="retry")
    assert (answer.status_code, code_of(answer)) == (409, "notification-not-final")
    assert len(portal.events(NotificationRetried)) == 1


def test_all_of_a_channel_and_a_reason_are_decided_at_once_and_no_other(
    operator: Member, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = {told(portal, ATTEMPTED, REFUSED) for _ in range(3)}
    other = told(portal, ATTEMPTED, replace(REFUSED, reason="554 5.7.1"))
    sms = told(portal, ATTEMPTED, REFUSED, channel=Channel.SMS)
    page = operator.get(PATH + "?channel=email&reason=550+5.1.1")
    assert "3 уведомления этого канала и этой причины" in text_of(page)
    monkeypatch.setattr(delivery_pages, "AT_ONCE", 2)
    act = {"act": "retry", "channel": "email", "reason": "550 5.1.1"}
    for left in (1, 0):
        assert operator.post(f"{PATH}/all", **act).status_code == 303
        portal.catch_up()
        assert len(listed(operator.get(PATH + "?channel=email&reason=550+5.1.1"))) == left
    assert {one.stream_id for one in portal.events(NotificationRetried)} == letters
    assert set(listed(operator.get(PATH))) == {other, sms}


def test_an_act_that_is_none_changes_nothing(operator: Member, portal: Portal) -> None:
    letter = told(portal, ATTEMPTED, REFUSED)
    last = portal.opened.ledger.last_position()
    assert operator.post(f"{PATH}/{letter}", act="destroy").status_code == 404
    assert operator.post(f"{PATH}/all", act="retry", channel="fax", reason="x").status_code == 404
    assert operator.post(f"{PATH}/all", act="retry", channel="email", reason="\0").status_code == 303
    assert operator.client.post(f"{PATH}/{letter}", data={"act": "retry"}).status_code == 403
    assert portal.opened.ledger.last_position() == last


# Metrics.


def sample(portal: Portal, line: str) -> float:
    (found,) = [one for one in portal.machine.get("/metrics").text.splitlines() if one.startswith(line + " ")]
    return float(found.rpartition(" ")[2])


def test_metrics_say_what_is_open_owed_and_dead_and_name_nobody(portal: Portal) -> None:
    letter = told(portal, ATTEMPTED, REFUSED)
    told(portal, channel=Channel.SMS)
    for _ in range(breaker.REFUSALS_MAX):
        breaker.note(portal.opened.ledger, Channel.PUSH, [RefusedForNow("connection")], datetime.now(UTC))
    assert sample(portal, 'letopis_notifications_open{channel="sms",status="requested"}') == 1
    assert sample(portal, 'letopis_notifications_open{channel="email",status="requested"}') == 0
    assert sample(portal, 'letopis_notification_oldest_due_seconds{channel="sms"}') > 0
    assert sample(portal, 'letopis_notification_oldest_due_seconds{channel="email"}') == 0
    assert sample(portal, 'letopis_dead_letters{channel="email",reason="550 5.1.1"}') == 1
    assert sample(portal, 'letopis_channel_paused{channel="push"}') == 1
    text = portal.machine.get("/metrics").text
    assert 'oldest_due_seconds{channel="push"}' not in text, "nobody set it up"
    assert str(PATIENT) not in text and str(letter) not in text


def test_a_provider_that_invents_codes_does_not_flood_the_metrics(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_gauges, "REASONS_MAX", 2)
    for number in (1, 1, 2, 2, 3, 4):
        told(portal, ATTEMPTED, replace(REFUSED, reason=f"code-{number}"))
    found = dict(delivery_gauges.dead_letters(portal.opened.ledger))
    assert found["email", "code-1"] == found["email", "code-2"] == found["email", "other"] == 2
    assert found["push", "other"] == 0 and ("email", "code-3") not in found
