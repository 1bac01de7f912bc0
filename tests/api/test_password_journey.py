"""In a real browser: the strength of a password as it is typed, and a sign-in that goes on by itself."""

import re

from playwright.sync_api import Browser, expect

from tests.api import test_journey
from tests.api.cast import ANNA, PASSWORD, Portal
from tests.api.test_journey import PHONE, visiting

chromium = test_journey.chromium


def test_the_strength_is_said_as_it_is_typed_and_enter_does_not_suggest(
    chromium: Browser, portal: Portal
) -> None:
    with visiting(chromium, portal, PHONE) as anna:
        anna.go("/register")
        field = anna.page.get_by_label("Придумайте пароль")
        said = anna.page.locator("[data-strength] [role=status]")
        expect(said).not_to_be_visible()
        field.fill("passwordpassword")
        expect(said).to_contain_text("Очень слабый. Этот пароль есть в списках известных паролей.")
        field.fill(PASSWORD)
        expect(said).to_have_text("Надёжный")
        expect(anna.page.locator("#strength")).to_have_js_property("value", 4)
        anna.press("Придумать пароль")
        expect(field).to_have_value(re.compile(r"^([А-ЯЁа-яё]+-){5}\d\d$"))
        anna.fill(Номер_телефона=ANNA.phone)
        field.press("Enter")
        anna.sees("Введите код")


def test_a_confirmed_sign_in_goes_on_by_itself(chromium: Browser, portal: Portal) -> None:
    open_elsewhere = portal.person(ANNA).register()
    with visiting(chromium, portal, PHONE) as anna:
        anna.go("/sign-in")
        anna.fill(Номер_телефона=ANNA.phone, Пароль=PASSWORD)
        anna.press("Войти")
        anna.press("Подтвердить на другом устройстве")
        number = anna.page.locator("[data-confirmation] strong").inner_text()
        page = open_elsewhere.get("/account/confirm").text
        found = re.search(r'name="confirmation_id" value="([^"]+)"', page)
        assert found is not None and "Linux" in page
        open_elsewhere.post("/account/confirm", confirmation_id=found[1], number=number)
        expect(anna.page).to_have_url(re.compile("/reports$"))
