"""The main job as a person does it: in a browser, in Russian, from registering to leaving.

LETOPIS_SCREENS=1 keeps pictures of the pages in docs/screens.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from api.demo import SAMPLE
from api.demo_characters import Character, addressed
from domain.identity import Proof
from domain.report import ReportMatched
from ledger import identity
from ledger.staff import by_member
from tests.api.cast import ANNA, PASSWORD, Laboratory, Portal, bundle

CHROMIUM = Path("/usr/bin/chromium")
# What a page shows comes within a second, and later where three tests share two processors.
expect.set_options(timeout=60_000)
QUIET = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-sync",
    "--disable-component-update",
    "--no-first-run",
    "--disable-gpu",
]
SCREENS = Path(__file__).parents[2] / "docs" / "screens"
PHONE, DESKTOP = 390, 1280
PICTURE_BYTES_MAX = 150_000
TITLE = "General Health Profile"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        reason = f"{CHROMIUM} is missing: the main job is NOT tried in a browser (apt-get install chromium)"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield found
        found.close()


@dataclass(slots=True)
class Visitor:
    """Somebody who reads and clicks; `said` is what the browser complained of."""

    page: Page
    portal: Portal
    said: list[str] = field(default_factory=list)

    def failed(self, request: Request) -> None:
        """What a script asked for while somebody was typing may be dropped with the page."""
        if request.resource_type != "fetch":
            self.said.append(f"failed: {request.url}")

    def wait(self) -> None:
        """Whoever leaves a page before it is whole makes the browser drop what was still on its way,
        and complain of it."""
        self.page.wait_for_load_state("networkidle")

    def go(self, path: str) -> None:
        self.wait()
        self.page.goto(self.portal.opened.settings.public_url + path)

    def fill(self, **fields: str) -> None:
        """Each field by the label that is read out."""
        for label, text in fields.items():
            self.page.get_by_label(label.replace("_", " "), exact=True).fill(text)

    def press(self, words: str) -> None:
        self.wait()
        self.page.get_by_role("button", name=words, exact=True).first.click()

    def follow(self, words: str) -> None:
        self.wait()
        self.page.get_by_role("link", name=words).first.click()

    def menu(self, words: str) -> None:
        """Go by the menu, which is folded on a phone."""
        self.wait()
        fold = self.page.get_by_role("button", name="Меню")
        if fold.is_visible():
            fold.click()
        self.page.locator("#menu").get_by_text(words, exact=True).click()

    def sees(self, *words: str) -> None:
        for word in words:
            expect(self.page.locator("body")).to_contain_text(word)
        self.wait()

    def enter_code(self) -> None:
        text = [message.text for message in self.portal.sms.accepted if message.to == ANNA.phone][-1]
        found = re.search(r"\d{6}", text)
        assert found is not None
        self.fill(Код_из_SMS=found[0])
        self.press("Подтвердить")

    def picture(self, name: str) -> None:
        if os.environ.get("LETOPIS_SCREENS") != "1":
            return
        SCREENS.mkdir(parents=True, exist_ok=True)
        for width, kind in ((PHONE, "phone"), (DESKTOP, "desktop")):
            before = self.page.viewport_size
            assert before is not None
            self.page.set_viewport_size({"width": width, "height": 844 if width == PHONE else 800})
            path = SCREENS / f"{name}-{kind}.png"
            self.page.screenshot(path=path)
            self.page.set_viewport_size(before)
            assert path.stat().st_size < PICTURE_BYTES_MAX, path


@contextmanager
def visiting(chromium: Browser, portal: Portal, width: int) -> Iterator[Visitor]:
    with chromium.new_context(viewport={"width": width, "height": 844}, locale="ru-RU") as context:
        visitor = Visitor(context.new_page(), portal)
        visitor.page.set_default_timeout(60_000)
        visitor.page.on("console", lambda message: visitor.said.append(message.text))
        visitor.page.on("requestfailed", lambda request: visitor.failed(request))
        yield visitor
        visitor.wait()
        # A form that is shown again with its mistakes is a 422, which Chromium remarks on.
        complaints = [text for text in visitor.said if "422 (Unprocessable" not in text]
        assert complaints == [], "the browser has nothing to complain of"


def comes_true(held: Callable[[], object], words: str, *, seconds: float = 60) -> None:
    give_up = monotonic() + seconds
    while not held():
        assert monotonic() < give_up, words
        sleep(0.02)


# The steps, in their order.


def registers(anna: Visitor) -> None:
    anna.go("/")
    anna.sees("Вход в личный кабинет")
    anna.picture("sign-in")
    anna.follow("Регистрация")
    anna.fill(Номер_телефона=ANNA.phone, Придумайте_пароль="короткий")
    anna.press("Получить код")
    anna.sees("Пароль слишком короткий")
    anna.fill(Придумайте_пароль=PASSWORD)
    anna.press("Получить код")
    anna.sees("Введите код из SMS", ANNA.phone[-4:])
    anna.enter_code()
    anna.sees("Телефон подтверждён.", "из 8")


def fills_in_the_profile(anna: Visitor) -> None:
    anna.follow("Заполнить данные о себе")
    anna.fill(Фамилия=ANNA.family, Имя=ANNA.given, Дата_рождения="29.02.1984", СНИЛС="112-233-445 96")
    anna.fill(Электронная_почта=ANNA.email)
    anna.page.get_by_label("Женский").check()
    for name, value in (
        ("Гражданство", "RU"),
        ("Документ, удостоверяющий личность", "passport-rf"),
        ("Регион", "77"),
    ):
        anna.page.get_by_label(name, exact=True).select_option(value)
    anna.fill(Серия="4500", Номер_документа="000001", Когда_выдан="10.03.2004", ИНН="500100732259")
    anna.fill(Код_подразделения="770-001")
    anna.press("Сохранить")
    anna.sees("контрольное число не сходится")
    anna.fill(СНИЛС=ANNA.snils)
    anna.press("Сохранить")
    anna.sees("Данные сохранены.", "из 8")


def confirms_the_address(anna: Visitor) -> None:
    """By the code in the letter that arrived."""
    anna.follow("Подтвердить электронную почту")
    anna.sees("Адрес не подтверждён")
    anna.follow("Подтвердить адрес")
    anna.press("Получить код")
    anna.sees("Введите код из письма")
    anna.fill(Код_из_письма=anna.portal.letter_code(ANNA.email))
    anna.press("Подтвердить")
    anna.sees("Адрес электронной почты подтверждён.", "p•••@patients.example")
    anna.picture("notification-settings")
    anna.menu("Мои медицинские услуги")


def links_the_policy(anna: Visitor) -> None:
    anna.follow("Привязать полис ОМС")
    anna.fill(Номер_полиса=ANNA.enp)
    anna.press("Привязать полис ОМС")
    anna.sees("Введите код из SMS")
    anna.enter_code()
    anna.sees("Полис привязан.", "из 8")


def is_confirmed_in_person(portal: Portal) -> None:
    """How it goes with scans and an operator is in test_identity_pages.py."""
    patient_id = portal.person(ANNA).patient_id
    identity.confirm(portal.opened.ledger, patient_id, by_member("ivan"), proof=Proof.IN_PERSON)


def adds_the_laboratory(anna: Visitor) -> None:
    anna.follow("Добавить организацию")
    anna.fill(Название_или_ИНН="инвитро")
    anna.press("Найти")
    anna.sees("Лаборатория Инвитро", "7707083893")
    anna.page.locator("ul.rows.inner form button").click()
    anna.sees("Организация добавлена.")
    anna.picture("organisations")


def grants_the_consents(anna: Visitor) -> None:
    anna.menu("Согласия")
    anna.picture("consents")
    for given in range(1, 4):
        anna.page.get_by_role("link", name="Прочитать и дать согласие").first.click()
        anna.page.get_by_label("Я прочитал(а) полный текст").check()
        anna.press("Дать согласие")
        anna.sees("Согласие записано.")
        expect(anna.page.locator(".badge-done")).to_have_count(given)
    anna.menu("Мои медицинские услуги")
    anna.sees("Сделано 8 из 8", "Всё готово.")
    anna.picture("services")
    anna.menu("Анализы")
    anna.sees("Анализы")


def looks_around(anna: Visitor) -> None:
    """Sections that the steps pass by, each from the hub."""
    for words, name in (
        ("Получать результаты анализов автоматически", "receiving"),
        ("Получение анализов онлайн", "studies"),
        ("Подтверждение личности", "identity"),
        ("Обращения в организацию", "appeals"),
        ("Почему услуга недоступна", "diagnosis"),
    ):
        anna.menu("Мои медицинские услуги")
        anna.follow(words)
        anna.wait()
        anna.picture(name)
    anna.menu("Безопасность")
    anna.sees("Где открыт кабинет")
    anna.picture("account")


def the_laboratory_sends(portal: Portal, laboratory: Laboratory) -> None:
    character = Character(
        phone=ANNA.phone, enp=ANNA.enp, snils=ANNA.snils, family=ANNA.family, birth_date=ANNA.birth_date
    )
    content = addressed(SAMPLE.read_bytes(), character, number="А-17")
    answer = portal.submit(laboratory.seal(content))
    assert answer.status_code == 201 and answer.json()["reports"][0]["held"] is None, answer.text
    comes_true(lambda: len(portal.letters(ANNA.email)) > 1, "an e-mail arrives, after that with the code")


def follows_the_email(anna: Visitor) -> None:
    """The link leads to the door, for the session was closed in between."""
    anna.menu("Выйти")
    anna.sees("Вы вышли из кабинета.")
    anna.go("/reports")
    anna.sees("Войдите снова")
    anna.fill(Номер_телефона=ANNA.phone, Пароль=PASSWORD)
    anna.press("Войти")
    anna.enter_code()
    anna.sees("Новые результаты", TITLE, "Лаборатория Инвитро")
    anna.picture("reports")


def reads_the_report(anna: Visitor) -> None:
    anna.follow(TITLE)
    table = anna.page.get_by_role("table")
    for name, *words in (
        ("Haemoglobin", "176", "g/L", "135–180"),
        ("Haematocrit", "55", "%", "38–52", "Выше референса"),
        ("Eosinophils", "0,92", "x10*9/L", "0,04–0,4"),
        ("Specific gravity", "1,009"),
    ):
        rows = table.get_by_role("row").filter(has_text=name)
        for word in words:
            rows = rows.filter(has_text=word)
        expect(rows, f"{name}: {words}").to_have_count(1)
    anna.sees(f"{ANNA.family} {ANNA.given}", "29")
    anna.picture("report")
    anna.menu("Анализы")
    anna.sees(TITLE)
    expect(anna.page.get_by_text("Новые результаты")).to_have_count(0)


def reads_the_access_log(anna: Visitor) -> None:
    anna.menu("Кто смотрел мои данные")
    anna.sees("Просмотр", TITLE, f"{ANNA.family} {ANNA.given}", "Ваш кабинет")
    anna.picture("access")
    anna.menu("Отправленные уведомления")
    anna.sees(TITLE)


def withdraws_the_consent(anna: Visitor) -> None:
    anna.menu("Согласия")
    transfer = anna.page.locator("section.consent", has=anna.page.locator("form[action*='results-transfer']"))
    transfer.locator("summary").click()
    anna.picture("withdraw")
    transfer.get_by_role("button").click()
    anna.sees("Согласие отозвано. Это уже действует.")
    # A duty that the withdrawal began, and that is done at once, has a badge too.
    expect(anna.page.locator(".consent .badge-done")).to_have_count(2)


def test_a_patient_gets_a_result_and_reads_it(
    chromium: Browser, serve: Callable[..., Portal], laboratory: Laboratory
) -> None:
    portal = serve(works=True)
    with visiting(chromium, portal, PHONE) as anna:
        registers(anna)
        fills_in_the_profile(anna)
        confirms_the_address(anna)
        links_the_policy(anna)
        is_confirmed_in_person(portal)
        adds_the_laboratory(anna)
        grants_the_consents(anna)
        looks_around(anna)
        the_laboratory_sends(portal, laboratory)
        follows_the_email(anna)
        anna.page.set_viewport_size({"width": DESKTOP, "height": 800})
        reads_the_report(anna)
        reads_the_access_log(anna)
        withdraws_the_consent(anna)
        held = portal.submit(laboratory.seal(bundle("another"))).json()["reports"][0]["held"]
        assert held["code"] == "transfer-consent-missing"
        anna.menu("Выйти")
        anna.sees("Вы вышли из кабинета.")
        anna.go("/reports")
        anna.sees("Вход в личный кабинет")
    assert len(portal.mail.accepted) == 2 and len(portal.events(ReportMatched)) == 1
