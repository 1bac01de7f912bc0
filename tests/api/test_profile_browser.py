"""The profile in a browser: what is wrong is told when a field is left; and all of it works by keyboard."""

from collections.abc import Callable

from playwright.sync_api import Browser, expect

from tests.api.cast import ANNA, PASSWORD, Portal
from tests.api.test_journey import PHONE, chromium, visiting

__all__ = ["chromium"]


def test_a_field_is_checked_when_it_is_left_and_told_how_it_is_kept(
    chromium: Browser, serve: Callable[..., Portal]
) -> None:
    with visiting(chromium, serve(works=True), PHONE) as anna:
        anna.go("/register")
        anna.fill(Номер_телефона=ANNA.phone, Придумайте_пароль=PASSWORD)
        anna.press("Получить код")
        anna.enter_code()
        anna.sees("Телефон подтверждён.")
        anna.go("/services/profile")
        page = anna.page
        page.get_by_label("СНИЛС", exact=True).focus()
        page.keyboard.type("112-233-445 96")
        page.keyboard.press("Tab")
        expect(page.locator("#snils-error")).to_contain_text("контрольное число не сходится")
        # A picture and the words, as without a script.
        expect(page.locator("#snils-error > *")).to_have_count(2)
        field = page.get_by_label("СНИЛС", exact=True)
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_attribute("aria-describedby", "snils-hint snils-error")
        field.fill("112-233-445 95")
        page.keyboard.press("Tab")
        expect(page.locator("#snils-error")).to_have_count(0)
        expect(page.locator("#snils-kept")).to_contain_text("11223344595")
        anna.fill(Дата_рождения="29.02.1984", Фамилия="Cоколова")
        page.keyboard.press("Tab")
        expect(page.locator("#family-error")).to_contain_text("смешаны русские и латинские буквы")
        anna.fill(Фамилия=ANNA.family, Имя=ANNA.given)
        page.get_by_label("Женский").check()
        anna.press("Сохранить")
        anna.sees("Данные сохранены.")
        assert anna.said == []
