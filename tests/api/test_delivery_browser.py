"""The pages of delivery in a browser, by keyboard alone, with real content: for every eye, width and theme.

LETOPIS_SCREENS=1 keeps pictures of them in docs/screens.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx2
import pytest
from playwright.sync_api import Browser

from api.outcome import HandedOver, RefusedForNow
from api.sending import breaker
from domain.channel import Channel
from domain.notice_hours import Wait
from domain.notification import NotificationFailed, NotificationPostponed, NotificationRetried
from tests.api import test_journey
from tests.api.cast import Laboratory, Person, Portal
from tests.api.keyboard import Keyboard
from tests.api.staff_cast import Member
from tests.api.test_delivery_pages import anna, arrives, attempted, email_of, happens
from tests.api.test_journey import PHONE, Visitor, visiting
from tests.api.test_staff_delivery import ATTEMPTED, REFUSED, TAKEN, UNKNOWN, operator, told
from tests.api.test_staff_journey import is_accessible

__all__ = ["anna", "operator"]
chromium = test_journey.chromium


def signed_in(visitor: Visitor, client: httpx2.Client) -> Keyboard:
    """The browser goes on with the session."""
    url = visitor.portal.opened.settings.public_url
    cookies = [{"name": name, "value": value, "url": url} for name, value in client.cookies.items()]
    visitor.page.context.add_cookies(cookies)  # type: ignore[arg-type]
    return Keyboard(visitor.page)


def test_a_patient_sees_what_was_sent_and_why_not(
    chromium: Browser, anna: Person, portal: Portal, laboratory: Laboratory
) -> None:
    first, second = (arrives(portal, laboratory, number) for number in ("1", "2"))
    later = datetime.now(UTC) + timedelta(days=1)
    happens(portal, email_of(portal, anna, first), attempted(), TAKEN)
    waits = NotificationPostponed(until=later, waits_for=Wait.DAILY_DIGEST)
    happens(portal, email_of(portal, anna, second), waits)
    with visiting(chromium, portal, PHONE) as visitor:
        keyboard = signed_in(visitor, anna.client)
        visitor.go("/notifications")
        visitor.sees("Что и когда мне отправлено", "В кабинете", "Войдёт в сводку дня")
        is_accessible(visitor)
        visitor.picture("notifications")
        keyboard.reach("Состояние")
        visitor.page.keyboard.press("ArrowDown")
        visitor.page.keyboard.press("ArrowDown")
        keyboard.press("Показать")
        visitor.sees("Отправлено")
        assert "Войдёт в сводку" not in visitor.page.content()
        keyboard.press("Электронная почта")
        visitor.sees("Что происходило", "Служба доставки приняла сообщение", "p•••@patients.example")
        is_accessible(visitor)
        visitor.picture("notification")


def full(portal: Portal) -> UUID:
    """A day of which an operator should know."""
    letters = [told(portal, ATTEMPTED, REFUSED) for _ in range(3)]
    told(portal, ATTEMPTED, UNKNOWN, channel=Channel.SMS)
    told(portal, ATTEMPTED, NotificationFailed(attempt=1, reason="554 5.7.1"))
    told(portal, ATTEMPTED, TAKEN)
    told(portal)
    now, ledger = datetime.now(UTC), portal.opened.ledger
    breaker.note(ledger, Channel.SMS, [RefusedForNow("connection")] * breaker.REFUSALS_MAX, now)
    breaker.note(ledger, Channel.EMAIL, [HandedOver(str(uuid4()))], now)
    return letters[-1]


def test_an_operator_sends_again_what_reached_nobody(
    chromium: Browser, operator: Member, portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    full(portal)
    with visiting(chromium, portal, PHONE) as visitor:
        keyboard = signed_in(visitor, operator.client)
        visitor.go("/staff/delivery")
        visitor.sees("5 уведомлений", "Пауза: отказы подряд", "550 5.1.1")
        is_accessible(visitor)
        visitor.picture("staff-delivery")
        visitor.go("/staff/delivery?channel=email&reason=550+5.1.1")
        visitor.sees("3 уведомления этого канала")
        is_accessible(visitor)
        keyboard.press("Отправить снова")
        visitor.sees("Уведомления будут отправлены снова.")
        portal.catch_up()
        assert len(portal.events(NotificationRetried)) == 3
        visitor.go("/staff/delivery")
        visitor.sees("2 уведомления")
        visitor.page.locator("a.since").first.focus()
        visitor.page.keyboard.press("Enter")
        visitor.sees("Недоставленное уведомление", "554 5.7.1")
        is_accessible(visitor)
        keyboard.press("Больше не отправлять")
        visitor.sees("Уведомления больше не отправляются.")
