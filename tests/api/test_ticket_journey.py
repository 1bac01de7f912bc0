"""A patient and support talk, each in a browser of their own, as they would (S102-S110)."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from domain.staff import Role
from tests.api.cast import ANNA, Person, Portal
from tests.api.staff_cast import Clock, Member

CHROMIUM = Path("/usr/bin/chromium")
expect.set_options(timeout=60_000)
# Where to leave pictures of what was seen, for who looks at them.
SCREENS = os.environ.get("LETOPIS_SCREENS")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("no Chromium here")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


def entered(browser: Browser, of: Person | Member, **how: object) -> Page:
    """A browser in which they are signed in."""
    context: BrowserContext = browser.new_context(locale="ru-RU", **how)  # type: ignore[arg-type]
    url = str(of.client.base_url)
    context.add_cookies(
        [{"name": cookie.name, "value": cookie.value or "", "url": url} for cookie in of.client.cookies.jar]
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(url)
    return page


def look(page: Page, name: str) -> None:
    if SCREENS:
        page.screenshot(path=f"{SCREENS}/{name}.png", full_page=True)


def test_a_patient_asks_and_support_answers_as_they_type(
    serve: Callable[..., Portal], clock: Clock, browser: Browser
) -> None:
    live = serve(works=True)
    anna = live.person(ANNA).register()
    vera = Member(live, clock, handle="vera").enrolled(Role.SUPPORT)
    url = live.opened.settings.public_url
    patient = entered(browser, anna, viewport={"width": 390, "height": 844})
    support = entered(browser, vera, viewport={"width": 1280, "height": 900})

    patient.get_by_role("button", name="Меню").click()
    patient.get_by_role("link", name="Помощь").click()
    expect(patient.get_by_role("heading", level=1)).to_have_text("Помощь")
    look(patient, "help")
    patient.get_by_role("link", name="Открыть чат").click()
    look(patient, "help-chat")
    patient.get_by_label("Ваш вопрос").fill("Когда придут анализы?")
    patient.get_by_role("button", name="Начать чат").click()
    expect(patient.get_by_text("Ответим до")).to_be_visible()

    support.goto(f"{url}/staff/tickets")
    look(support, "staff-tickets")
    support.get_by_role("heading", level=2).get_by_role("link").click()
    expect(support.get_by_text("Когда придут анализы?")).to_be_visible()
    # What the patient sees without having loaded the page again.
    expect(patient.get_by_text("Оператор на связи")).to_be_visible()
    support.get_by_label("Ответ пациенту").fill("Проверяю, минуту")
    support.get_by_role("button", name="Ответить").click()
    expect(patient.get_by_text("Проверяю, минуту")).to_be_visible()
    expect(support.get_by_text("Проверяю, минуту")).to_be_visible()
    patient.get_by_label("Дополнить или ответить").fill("Спасибо, жду")
    patient.get_by_label("Дополнить или ответить").press("Control+Enter")
    expect(support.get_by_text("Спасибо, жду")).to_be_visible()
    expect(patient.get_by_label("Дополнить или ответить")).to_have_value("")
    look(patient, "ticket-phone")
    look(support, "staff-ticket")

    support.get_by_label("Закрыть обращение").check()
    support.get_by_label("Ответ пациенту").fill("Пришли сегодня в 9:10")
    support.get_by_role("button", name="Ответить").click()
    expect(patient.get_by_text("Пришли сегодня в 9:10")).to_be_visible()
    expect(patient.get_by_text("Обращение закрыто", exact=False).last).to_be_visible()
    support.close()
    expect(patient.get_by_text("Оператор на связи")).to_be_hidden()

    if SCREENS:
        dark = entered(browser, anna, viewport={"width": 1280, "height": 900}, color_scheme="dark")
        for name in ("help", "help/new", "help/tickets"):
            dark.goto(f"{url}/{name}")
            look(dark, f"dark-{name.replace('/', '-')}")
        dark.goto(patient.url)
        look(dark, "dark-ticket")
        patient.goto(f"{url}/help/new")
        look(patient, "help-new")
    for page in browser.contexts:
        page.close()
