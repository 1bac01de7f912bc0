"""A consultation in a browser, in Russian: booked with a result, held, concluded, read (S143).

LETOPIS_SCREENS=1 keeps pictures of the pages in docs/screens.
"""

import httpx2
from playwright.sync_api import Browser, expect

from domain.consultation_outcome import ConclusionGiven
from tests.api import test_journey
from tests.api.cast import ANNA, Laboratory, Portal, bundle
from tests.api.consultation_cast import NAME, patient, receiving
from tests.api.staff_cast import Clock
from tests.api.test_journey import DESKTOP, PHONE, Visitor, visiting
from tests.api.test_pages import violations

chromium = test_journey.chromium


def enters(visitor: Visitor, client: httpx2.Client) -> None:
    url = visitor.portal.opened.settings.public_url
    cookies = [{"name": name, "value": value, "url": url} for name, value in client.cookies.items()]
    visitor.page.context.add_cookies(cookies)  # type: ignore[arg-type]


def is_accessible(visitor: Visitor, name: str) -> None:
    """For the narrowest screen and in the dark: the samples of test_pages.py try the rest."""
    visitor.wait()
    before = visitor.page.viewport_size
    assert before is not None
    visitor.page.set_viewport_size({"width": 320, "height": 844})
    assert visitor.page.evaluate("() => document.documentElement.scrollWidth") <= 320
    visitor.page.emulate_media(color_scheme="dark")
    assert violations(visitor.page) == []
    visitor.page.emulate_media(color_scheme="light")
    visitor.page.set_viewport_size(before)
    visitor.picture(name)


def books(anna: Visitor) -> None:
    anna.go("/services")
    anna.follow("Консультация врача")
    anna.sees("Консультаций пока нет")
    is_accessible(anna, "consultations-none")
    anna.follow("Записаться на консультацию")
    is_accessible(anna, "consultation-doctors")
    anna.follow(NAME)
    anna.press("Проверить запись")
    anna.sees("Время не выбрано.")
    anna.page.get_by_role("radio", name="Видеосвязь").check()
    anna.page.locator(".time-choice input").first.check()
    anna.page.get_by_role("checkbox", name="Креатинин").check()
    anna.fill(Вопросы_врачу="Нужно ли лечение?\nКогда сдать ещё раз?")
    is_accessible(anna, "consultation-booking")
    anna.press("Проверить запись")
    anna.sees("Проверьте запись", "Соколова Анна", "Креатинин", "Когда сдать ещё раз?", "Кто смотрел")
    is_accessible(anna, "consultation-check")
    anna.press("Подтвердить запись")
    anna.sees("Вы записаны.", "Войти в видеовстречу", "Написан список вопросов")
    is_accessible(anna, "consultation")


def concludes(vera: Visitor) -> None:
    vera.go("/staff/consultations")
    is_accessible(vera, "staff-consultations")
    vera.page.locator(".card .row a").first.click()
    vera.sees("Соколова Анна", "Нужно ли лечение?", "Этот просмотр записан.")
    is_accessible(vera, "staff-consultation")
    vera.follow("Креатинин в сыворотке")
    vera.sees("72,50", "44,00–80,0")
    vera.page.go_back()
    vera.fill(Заключение_и_рекомендации="Показатель в норме. Лечение не нужно.")
    vera.press("Записать заключение")
    vera.sees("Записано.", "Состоялась")
    vera.fill(Препарат="Витамин D3", Доза="1000 МЕ в день", Курс="три месяца")
    vera.press("Назначить")
    vera.page.get_by_label("Исследование").select_option(label="Тиреотропный гормон (ТТГ)")
    vera.press("Направить")
    vera.sees("Тиреотропный гормон (ТТГ)", "Витамин D3")
    is_accessible(vera, "staff-consultation-held")


def test_a_patient_books_a_doctor_concludes_and_the_patient_reads(
    portal: Portal, clock: Clock, laboratory: Laboratory, chromium: Browser
) -> None:
    person, member = patient(portal, laboratory, ANNA), receiving(portal, clock, laboratory)
    portal.submit(laboratory.seal(bundle("K-1")))
    portal.catch_up()
    with visiting(chromium, portal, PHONE) as anna, visiting(chromium, portal, DESKTOP) as vera:
        enters(anna, person.client)
        enters(vera, member.client)
        books(anna)
        portal.catch_up()
        concludes(vera)
        assert len(portal.events(ConclusionGiven)) == 1
        portal.catch_up()
        anna.page.reload()
        anna.sees("Показатель в норме.", "Витамин D3", "Запросить исследование")
        expect(anna.page.get_by_text("Состоялась")).to_be_visible()
        is_accessible(anna, "consultation-held")
        vera.go("/staff/doctor")
        is_accessible(vera, "staff-doctor")
