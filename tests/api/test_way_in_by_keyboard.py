"""The whole way in, in Russian, by keyboard alone: from registering to reading a result, and in again by a program.

The patient, an operator and a registrar of the laboratory each have a browser of their own and no mouse. Every page
that they come to is looked at by axe (WCAG 2.2 AA), narrow, in light and in dark.
"""

import re
from base64 import b32decode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import psycopg
from playwright.sync_api import Browser, expect

from api import laboratories
from api.totp import authenticator
from domain.account import AuthenticatorAdded
from domain.appeal import AppealAnswered
from domain.consent import ConsentGranted, ConsentKind
from domain.identity import IdentityConfirmed, ScanAdded
from domain.notice_hours import NoticeHoursChosen
from domain.notification import NotificationRequested
from domain.organisation_registry import Certificate
from domain.receiving import ReceivingSettingsChanged
from domain.report import ReportMatched
from domain.session import SessionOpened
from domain.staff import Role
from domain.values import OrganisationId
from tests.api import test_journey
from tests.api.account_cast import grow_old
from tests.api.cast import ANNA, PASSWORD, Laboratory, Portal, bundle
from tests.api.keyboard import Keyboard
from tests.api.staff_cast import PASSWORD as STAFF_PASSWORD
from tests.api.staff_cast import Clock, Member
from tests.api.test_journey import DESKTOP, Visitor, comes_true, visiting
from tests.api.test_organisation_pages import CLINIC, imported
from tests.api.test_pages import THEMES, violations
from tests.api.test_scan_content import picture

chromium = test_journey.chromium
# The laboratory as the registry of organisations knows it.
INVITRO = replace(
    CLINIC,
    oid="1.2.643.5.1.13.13.12.4.77.1",
    full_name="Лаборатория Инвитро",
    short_name="Инвитро",
    inn="7707083893",
    ogrn="1027700132195",
    certificate=Certificate(
        number="РОСС RU.0001", valid_until=datetime.now(UTC).date() + timedelta(days=300)
    ),
)
NUMBER = "П-0042"


@dataclass(slots=True)
class Hands:
    """Somebody with a keyboard; `looked_at` are the pages that axe has seen."""

    visitor: Visitor
    looked_at: list[str] = field(default_factory=list)

    @property
    def keys(self) -> Keyboard:
        return Keyboard(self.visitor.page)

    def sees(self, *words: str) -> None:
        """The words; and that the page is for everybody."""
        page = self.visitor.page
        for word in words:
            expect(page.locator("body")).to_contain_text(word)
        path = re.sub(r"\?.*", "", page.url)
        if path in self.looked_at:
            return
        self.looked_at.append(path)
        page.set_viewport_size({"width": 320, "height": 844})
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 320, path
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            assert violations(page) == [], f"{path} {theme}"
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": DESKTOP, "height": 844})

    def enters_the_code(self) -> None:
        texts = [one.text for one in self.visitor.portal.sms.accepted if one.to == ANNA.phone]
        found = re.search(r"\d{6}", texts[-1])
        assert found is not None
        self.keys.type("Код из SMS", found[0])
        self.keys.press("Подтвердить")


@contextmanager
def hands(chromium: Browser, portal: Portal) -> Iterator[Hands]:
    with visiting(chromium, portal, DESKTOP) as visitor:
        yield Hands(visitor)


# The patient.


def registers(anna: Hands) -> None:
    anna.visitor.go("/")
    anna.sees("Вход в личный кабинет")
    anna.keys.press("Регистрация")
    anna.sees("Понадобятся телефон и две минуты.")
    anna.keys.type("Номер телефона", ANNA.phone)
    anna.keys.type("Придумайте пароль", PASSWORD)
    anna.visitor.wait()
    anna.keys.press("Получить код")
    anna.sees("Введите код из SMS", ANNA.phone[-4:])
    anna.enters_the_code()
    anna.sees("Телефон подтверждён.", "Сделано 2 из 8")


def states_the_profile(anna: Hands) -> None:
    anna.keys.press("Заполнить данные о себе")
    anna.sees("Дата рождения")
    keys = anna.keys
    keys.type("Фамилия", ANNA.family)
    keys.type("Имя", ANNA.given)
    keys.type("Отчество", "Ивановна")
    keys.type("Дата рождения", "29.02.1984")
    keys.choose("Пол", "Женский")
    keys.type("СНИЛС", ANNA.snils)
    keys.type("Электронная почта", ANNA.email)
    keys.select("Гражданство", "Россия")
    keys.select("Документ, удостоверяющий личность", "Паспорт гражданина")
    keys.type("Серия", "4500")
    keys.type("Номер документа", "000001")
    keys.type("Когда выдан", "10.03.2004")
    keys.type("Код подразделения", "770-001")
    keys.type("ИНН", "500100732259")
    keys.select("Регион", "Москва")
    # What is typed is checked by the server as it is typed.
    anna.visitor.wait()
    keys.press("Сохранить")
    anna.sees("Данные сохранены.")


def links_the_policy(anna: Hands) -> None:
    anna.keys.press("Привязать полис ОМС")
    anna.sees("Какой у вас полис")
    anna.keys.choose("Какой у вас полис", "Полис единого образца (бумажный, пластиковый или электронный)")
    anna.keys.type("Номер полиса", ANNA.enp)
    anna.keys.press("Привязать полис ОМС")
    anna.sees("Введите код из SMS")
    anna.enters_the_code()
    anna.sees("Полис привязан.")


def uploads(anna: Hands, kind: str) -> None:
    anna.keys.choose("Что на скане", kind)
    with anna.visitor.page.expect_file_chooser() as chooser:
        anna.keys.reach("Файл")
        anna.visitor.page.keyboard.press("Enter")
    chooser.value.set_files({"name": "скан.png", "mimeType": "image/png", "buffer": picture("PNG")})
    anna.keys.press("Загрузить")
    anna.sees("Скан сохранён.")


def asks_to_be_checked(anna: Hands, portal: Portal) -> None:
    anna.keys.press("Подтверждение личности")
    anna.sees("Не подтверждена", "Сканы документов")
    uploads(anna, "Документ, удостоверяющий личность")
    uploads(anna, "СНИЛС")
    assert len(portal.events(ScanAdded)) == 2
    anna.keys.press("Отправить на проверку")
    anna.sees("Данные отправлены на проверку.", "На проверке")


def adds_the_laboratory(anna: Hands) -> None:
    anna.keys.press("Мои медицинские услуги")
    anna.keys.press("Добавить организацию")
    anna.sees("Мои организации")
    anna.keys.type("Название или ИНН", "инвтро лаборатория")
    anna.keys.enter()
    anna.sees("Инвитро", "7707083893")
    anna.keys.press("Выбрать")
    anna.sees("Проверьте и подтвердите", "1027700132195")
    anna.keys.press("Подтвердить выбор")
    anna.sees("Организация добавлена.", "Активно", "Организация подтверждена")


def chooses_what_to_receive(anna: Hands, portal: Portal) -> None:
    anna.keys.press("Мои медицинские услуги")
    anna.keys.press("Выбрать, что получать")
    anna.sees("Настройки автоматического получения анализов")
    anna.keys.tick("Инструментальные исследования")
    anna.keys.select("Формат документа", "XML")
    anna.keys.press("Сохранить")
    anna.sees("Настройки сохранены и уже действуют.")
    changed = portal.events(ReceivingSettingsChanged)[-1]
    assert changed.event.document_format == "xml"


def confirms_the_address(anna: Hands, portal: Portal) -> None:
    """By the code in the letter that arrived; and says when she wants to be told."""
    anna.keys.press("Подтвердить электронную почту")
    anna.sees("Адрес не подтверждён")
    anna.keys.press("Подтвердить адрес")
    anna.sees("Адрес электронной почты")
    anna.keys.press("Получить код")
    anna.sees("Введите код из письма")
    anna.keys.type("Код из письма", portal.letter_code(ANNA.email))
    anna.keys.press("Подтвердить")
    anna.sees("Адрес электронной почты подтверждён.")
    anna.keys.select("Час сводки", "07:00")
    anna.keys.select("Часовой пояс", "Омск (МСК+3)")
    anna.keys.press("Сохранить")
    anna.sees("Настройки сохранены и уже действуют.")
    (chosen,) = portal.events(NoticeHoursChosen)
    assert (chosen.event.time_zone, chosen.event.digest_hour) == ("Asia/Omsk", 7)
    anna.keys.press("Мои медицинские услуги")


def proves_again(anna: Hands) -> None:
    anna.sees("Подтвердите, что это вы")
    anna.keys.press("Получить код")
    anna.sees("Введите код из SMS")
    anna.enters_the_code()


def gives_a_consent(anna: Hands) -> None:
    """On the page of its document, by a tick and a button."""
    anna.keys.tick("Я прочитал(а) полный текст и согласен (согласна)")
    anna.keys.press("Дать согласие")
    anna.sees("Согласие записано.")


def grants_the_consents(anna: Hands, sql: psycopg.Connection) -> None:
    grow_old(sql)
    anna.keys.press("Согласия")
    anna.sees("Обработка персональных данных")
    anna.keys.press("Прочитать и дать согласие")
    proves_again(anna)
    for given in range(1, 4):
        if given > 1:
            anna.keys.press("Прочитать и дать согласие")
        anna.sees("Дать согласие", "SHA-256")
        gives_a_consent(anna)
        expect(anna.visitor.page.locator(".badge-done")).to_have_count(given)


def appeals_to_the_laboratory(anna: Hands) -> None:
    anna.keys.press("Мои медицинские услуги")
    anna.keys.press("Обращения в организацию")
    anna.sees("Вы ещё не обращались ни в одну организацию.")
    anna.keys.type("Название организации или ИНН", "7707083893")
    anna.keys.enter()
    anna.sees("Нашлась 1 организация")
    anna.keys.press("Лаборатория Инвитро")
    anna.sees("Нужно отдельное согласие.", ANNA.enp, "29.02.1984")
    anna.keys.press("Прочитать и дать согласие")
    anna.sees("Лаборатория Инвитро", "SHA-256")
    gives_a_consent(anna)
    anna.keys.press("Мои медицинские услуги")
    anna.keys.press("Обращения в организацию")
    anna.keys.type("Название организации или ИНН", "7707083893")
    anna.keys.enter()
    anna.sees("Нашлась 1 организация")
    anna.keys.press("Лаборатория Инвитро")
    anna.keys.type("Код ОКПО", "00242766")
    anna.keys.press("Отправить обращение")
    anna.sees("Обращение отправлено.", "Ответ ждём до")


def all_is_well(anna: Hands, *words: str) -> None:
    anna.keys.press("Мои медицинские услуги")
    anna.sees("Сделано 8 из 8", "Всё готово.")
    anna.keys.press("Почему услуга недоступна")
    anna.sees("Всё настроено.", *words)


def reads_the_result(anna: Hands) -> None:
    anna.keys.press("Анализы")
    anna.sees("Новые результаты", "Креатинин в сыворотке")
    anna.keys.press("Креатинин в сыворотке")
    anna.sees("72,50", "Лаборатория Инвитро", f"{ANNA.family} {ANNA.given}")
    anna.keys.press("Кто смотрел мои данные")
    anna.sees("Просмотр", "Креатинин в сыворотке", "Прочитано обращение")
    anna.keys.press("Отправленные уведомления")
    anna.sees("Креатинин в сыворотке")


def sets_up_a_program(anna: Hands, clock: Clock) -> bytes:
    """The secret as the page shows it to who types it by hand."""
    anna.keys.press("Безопасность")
    anna.sees("Способы входа", "SMS можно перехватить")
    anna.keys.press("Добавить: Приложение для кодов")
    anna.sees("Ввести ключ вручную")
    anna.keys.press("Ввести ключ вручную", leaves=False)
    shown = anna.visitor.page.locator(".secret code")
    expect(shown).to_be_visible()
    secret = b32decode(shown.inner_text().replace(" ", ""))
    anna.keys.type("Название (необязательно)", "Телефон")
    anna.keys.type("Код из приложения", authenticator(secret).generate(int(clock.seconds)).decode())
    anna.keys.press("Добавить")
    anna.sees("Способ входа добавлен.", "Приложение для кодов: Телефон")
    return secret


def signs_out_and_in_by_the_program(anna: Hands, clock: Clock, secret: bytes) -> None:
    anna.keys.press("Выйти")
    anna.sees("Вы вышли из кабинета.")
    clock.next_step()
    anna.keys.type("Номер телефона", ANNA.phone)
    anna.keys.type("Пароль", PASSWORD)
    anna.keys.press("Войти")
    anna.sees("Подтвердите вход")
    anna.keys.type("Код из приложения", authenticator(secret).generate(int(clock.seconds)).decode())
    anna.keys.press("Подтвердить")
    anna.sees("Анализы", "Креатинин в сыворотке")


# Who works for them.


def comes_to_work(member: Member, somebody: Hands) -> None:
    member.clock.next_step()
    somebody.visitor.go("/staff/sign-in")
    somebody.sees("Вход для сотрудников")
    somebody.keys.type("Имя сотрудника", member.handle)
    somebody.keys.type("Пароль", STAFF_PASSWORD)
    somebody.keys.type("Код из приложения", member.code())
    somebody.keys.press("Войти")
    somebody.sees("Рабочее место")


def confirms_who_she_is(ivan: Hands, portal: Portal) -> None:
    ivan.keys.press("Личности")
    patient_id = str(portal.person(ANNA).patient_id)
    ivan.sees(patient_id)
    ivan.keys.press(patient_id)
    ivan.sees("Проверка личности")
    ivan.keys.press("Показать данные")
    ivan.sees("Записано, что вы открыли эти данные.", ANNA.family)
    ivan.keys.press("Подтвердить личность")
    ivan.sees("Личность подтверждена.")
    assert len(portal.events(IdentityConfirmed)) == 1


def switches_the_transfer_on(maria: Hands, portal: Portal) -> None:
    maria.keys.press("Обращения пациентов")
    maria.sees("Здесь только обращения в вашу организацию")
    number = maria.visitor.page.locator("main a").first.inner_text()
    maria.keys.press(re.sub(r"\s+", " ", number).strip())
    maria.sees("Данные обращения")
    maria.keys.press("Взять в работу")
    maria.sees("Обращение в работе.")
    maria.keys.press("Открыть данные")
    maria.sees(ANNA.family, "Личность пациента подтверждена.")
    maria.keys.type("Номер пациента в вашей системе", NUMBER)
    maria.keys.type("Система, в которой дан номер", "urn:lab:patients")
    maria.keys.press("Подключить")
    maria.sees("Передача подключена.")
    assert len(portal.events(AppealAnswered)) == 1


def the_laboratory_sends(portal: Portal, laboratory: Laboratory) -> None:
    """A report that knows her by the number alone that the registrar gave her."""
    answer = portal.submit(laboratory.seal(bundle("1", identifiers=[("urn:lab:patients", NUMBER)])))
    assert answer.status_code == 201 and answer.json()["reports"][0]["held"] is None, answer.text
    comes_true(lambda: len(portal.letters(ANNA.email)) > 1, "an e-mail arrives, after that with the code")


def test_the_whole_way_in_by_keyboard_alone(
    chromium: Browser,
    serve: Callable[..., Portal],
    laboratory: Laboratory,
    clock: Clock,
    sql: psycopg.Connection,
) -> None:
    portal = serve(works=True)
    imported(portal, CLINIC, INVITRO)
    operator, registrar = Member(portal, clock).enrolled(), Member(portal, clock, "maria")
    link = registrar.door.admit(
        "maria",
        [Role.REGISTRAR],
        laboratories.OPERATOR,
        organisation_id=OrganisationId(laboratory.laboratory_id),
    )
    registrar.open_link(registrar.path_of(link.address))
    assert registrar.enrol().status_code == 303
    with ExitStack() as stack:
        anna, ivan, maria = (stack.enter_context(hands(chromium, portal)) for _ in range(3))
        registers(anna)
        states_the_profile(anna)
        confirms_the_address(anna, portal)
        links_the_policy(anna)
        asks_to_be_checked(anna, portal)
        comes_to_work(operator, ivan)
        confirms_who_she_is(ivan, portal)
        adds_the_laboratory(anna)
        chooses_what_to_receive(anna, portal)
        grants_the_consents(anna, sql)
        appeals_to_the_laboratory(anna)
        comes_to_work(registrar, maria)
        switches_the_transfer_on(maria, portal)
        all_is_well(anna, "Результатов ещё не было")
        the_laboratory_sends(portal, laboratory)
        reads_the_result(anna)
        all_is_well(anna, "Последний результат пришёл")
        secret = sets_up_a_program(anna, clock)
        signs_out_and_in_by_the_program(anna, clock, secret)
    granted = [one.event.document.kind for one in portal.events(ConsentGranted)]
    asked = set(ConsentKind) - {ConsentKind.RESULTS_BY_EMAIL}
    assert sorted(granted) == sorted(asked), "four, each by an act of its own"
    assert portal.events(SessionOpened)[-1].event.factors == ("password", "totp")
    for kind in (ReportMatched, NotificationRequested, AuthenticatorAdded):
        assert len(portal.events(kind)) == 1, kind
