"""An operator's days in a browser: enrolling by the link, the quarantine, whose reports are; for every eye.

LETOPIS_SCREENS=1 keeps pictures of the pages in docs/screens.
"""

from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Browser, expect

from api import formats
from api.fhir.reading import read_fhir
from domain.proposal import MatchConfirmed, MatchDeclined
from domain.reading import ProposalRead, SubmissionRead
from domain.report import ReportRekeyed
from domain.submission import SubmissionAccepted, SubmissionReleased
from projections import intake, matching
from tests.api import test_journey
from tests.api.cast import ANNA, SNILS_SYSTEM, Laboratory, Portal, bundle, who
from tests.api.staff_cast import PASSWORD, Clock, Member
from tests.api.test_journey import DESKTOP, PHONE, Visitor, comes_true, visiting
from tests.api.test_match_commands import OWN, WRONG_SNILS, sent
from tests.api.test_misfiled import misfiled
from tests.api.test_pages import THEMES, violations

chromium = test_journey.chromium
TYPE = "application/vnd.example.later+json"


def is_accessible(ivan: Visitor) -> None:
    ivan.wait()
    for width in (320, DESKTOP):
        ivan.page.set_viewport_size({"width": width, "height": 844})
        assert ivan.page.evaluate("() => document.documentElement.scrollWidth") <= width
        for theme in THEMES:
            ivan.page.emulate_media(color_scheme=theme)
            assert violations(ivan.page) == []
    ivan.page.emulate_media(color_scheme="light")
    ivan.page.set_viewport_size({"width": PHONE, "height": 844})


def enrols(ivan: Visitor, member: Member) -> None:
    ivan.go(member.admitted())
    ivan.sees("Настройка входа")
    assert ivan.page.url.endswith("/staff/enrol"), "the token is in the address no more"
    expect(ivan.page.get_by_label("Имя сотрудника")).to_have_value("ivan")
    uri = ivan.page.get_by_role("link", name="Открыть в приложении").get_attribute("href")
    assert uri is not None and uri.startswith("otpauth://totp/")
    is_accessible(ivan)
    member.secret = member.door.enrolment(ivan.page.context.cookies()[0]["value"]).totp_secret
    ivan.fill(Придумайте_пароль=PASSWORD, Код_из_приложения="000000")
    ivan.press("Сохранить и войти")
    ivan.sees("Код из приложения не подходит.")
    code = member.code()
    ivan.fill(Придумайте_пароль=PASSWORD, Код_из_приложения=f"{code[:3]} {code[3:]}")
    ivan.press("Сохранить и войти")
    ivan.sees("Вход настроен.", "Вы вошли как ivan", "3 ждут")
    is_accessible(ivan)


def looks_through_the_list(ivan: Visitor) -> None:
    ivan.menu("Карантин")
    ivan.sees("3 отправления", "Лаборатория Инвитро", "Формат содержимого не поддерживается.")
    is_accessible(ivan)
    ivan.picture("quarantine")
    ivan.page.get_by_label("Причина").select_option("content-not-json")
    ivan.press("Показать")
    expect(ivan.page.locator("tbody tr")).to_have_count(1)
    ivan.page.get_by_label("Причина").select_option("content-type-unknown")
    ivan.press("Показать")
    expect(ivan.page.locator("tbody tr")).to_have_count(2)


def looks_into_one(ivan: Visitor, portal: Portal, content: bytes) -> None:
    ivan.page.locator("a.since").first.click()
    ivan.sees("Отправление в карантине", TYPE, "content-type-unknown")
    is_accessible(ivan)
    assert not portal.events(SubmissionRead)
    ivan.press("Показать содержимое")
    ivan.sees("Этот просмотр записан.", "Соколова")
    is_accessible(ivan)
    # To Chromium, a page that turns out to be a file has failed to load.
    with ivan.page.expect_event("requestfailed"), ivan.page.expect_download() as download:
        ivan.press("Скачать целиком")
    assert Path(download.value.path()).read_bytes() == content
    assert ivan.said.pop().endswith("/download")
    assert len(portal.events(SubmissionRead)) == 2


def has_it_read_again(ivan: Visitor, portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    ivan.follow("Отправление в карантине")
    ivan.press("Прочитать ещё раз")
    ivan.sees("Прочитать не удалось по той же причине.")
    monkeypatch.setattr(formats, "READERS", {**formats.READERS, TYPE: read_fhir})
    ivan.press("Прочитать ещё раз")
    ivan.sees("Отправление прочитано, отчёты записаны.", "2 отправления")
    assert len(portal.events(SubmissionAccepted)) == 1


def closes_the_rest(ivan: Visitor, portal: Portal) -> None:
    for left in ("1 отправление", "Карантин пуст"):
        ivan.page.locator("a.since").first.click()
        ivan.page.locator("summary").click()
        ivan.press("Закрыть отправление")
        ivan.sees("Причина не выбрана.")
        is_accessible(ivan)
        ivan.page.get_by_label("Проверочное сообщение").check()
        ivan.press("Закрыть отправление")
        ivan.sees("Отправление закрыто.", left)
    assert len(portal.events(SubmissionReleased)) == 2


def test_an_operator_empties_the_quarantine(
    chromium: Browser,
    serve: Callable[..., Portal],
    laboratory: Laboratory,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    portal = serve(works=True)
    content = bundle("1")
    for body, content_type in ((content, TYPE), (b"{", "application/fhir+json"), (b"\x00", "image/x-scan")):
        assert portal.submit(laboratory.seal(body, content_type=content_type)).status_code == 422
    comes_true(lambda: waiting(portal) == 3, "the view follows")
    member = Member(portal, clock)
    with visiting(chromium, portal, PHONE) as ivan:
        enrols(ivan, member)
        looks_through_the_list(ivan)
        looks_into_one(ivan, portal, content)
        has_it_read_again(ivan, portal, monkeypatch)
        closes_the_rest(ivan, portal)
        ivan.menu("Выйти")
        ivan.sees("Вы вышли.", "Вход для сотрудников")
        is_accessible(ivan)
        clock.next_step()
        ivan.fill(Имя_сотрудника="ivan", Пароль=PASSWORD, Код_из_приложения=member.code())
        ivan.press("Войти")
        ivan.sees("Рабочее место", "0 ждут")


def waiting(portal: Portal) -> int:
    return sum(intake.counts(portal.opened.ledger).values())


def comes_in(ivan: Visitor, member: Member) -> None:
    member.enrolled()
    member.clock.next_step()
    ivan.go("/staff/sign-in")
    ivan.fill(Имя_сотрудника="ivan", Пароль=PASSWORD, Код_из_приложения=member.code())
    ivan.press("Войти")
    ivan.sees("Рабочее место", "2 ждут", "Ошибочно отнесённые")
    is_accessible(ivan)


def looks_at_both_and_says_that_they_are_one(ivan: Visitor, portal: Portal) -> None:
    ivan.menu("Сопоставления")
    ivan.sees("2 предложения", "Совпали имя и дата рождения", "Контрольная цифра полиса или СНИЛС неверна")
    is_accessible(ivan)
    ivan.picture("matches")
    ivan.page.locator("a.pair").first.click()
    ivan.sees("Один ли это человек?")
    is_accessible(ivan)
    assert not portal.events(ProposalRead)
    ivan.press("Показать данные обоих")
    ivan.sees("Этот просмотр записан.", ANNA.family, "совпадает", "контрольная цифра неверна")
    assert len(portal.events(ProposalRead)) == 1
    is_accessible(ivan)
    expect(ivan.page.get_by_label("Запомнить номер пациента")).to_be_checked()
    ivan.press("Это тот же человек")
    ivan.sees("Отчёт теперь у пациента.", "1 предложение")
    assert len(portal.events(MatchConfirmed)) == 1


def tells_two_apart(ivan: Visitor, portal: Portal) -> None:
    ivan.page.locator("a.pair").first.click()
    ivan.sees("Подтвердить нельзя.")
    expect(ivan.page.get_by_role("button", name="Это тот же человек")).to_have_count(0)
    is_accessible(ivan)
    ivan.press("Это разные люди")
    ivan.sees("Этому пациенту отчёт больше не предложат.", "Решать нечего")
    assert len(portal.events(MatchDeclined)) == 1


def takes_a_report_back(ivan: Visitor, portal: Portal, anna: UUID, boris: UUID, report_id: UUID) -> None:
    ivan.menu("Ошибочно отнесённые")
    is_accessible(ivan)
    ivan.fill(Номер_отчёта="17")
    ivan.press("Найти")
    ivan.sees("Это не номер отчёта.")
    ivan.fill(Номер_отчёта=f" {report_id} ")
    ivan.press("Найти")
    ivan.sees("Кто его читал", str(boris), "Свой кабинет")
    is_accessible(ivan)
    ivan.picture("misfiled")
    ivan.press("Забрать у пациента")
    ivan.sees("Не отмечено, что это проверено.")
    assert not portal.events(ReportRekeyed)
    is_accessible(ivan)
    ivan.page.get_by_label("Я проверил").check()
    ivan.press("Забрать у пациента")
    ivan.sees("прежний ключ уничтожен", "Теперь он у пациента", str(anna))
    is_accessible(ivan)
    (moved,) = portal.events(ReportRekeyed)
    ivan.follow(str(moved.event.successor_id))
    ivan.sees("У кого забрали", str(boris))


def test_an_operator_says_whose_reports_are(
    chromium: Browser, serve: Callable[..., Portal], laboratory: Laboratory, clock: Clock
) -> None:
    portal = serve(works=True)
    anna, boris, report_id = misfiled(portal, laboratory)
    sent(portal, laboratory, "2", ANNA, OWN, WRONG_SNILS)
    sent(portal, laboratory, "3", ANNA, (SNILS_SYSTEM, who(5).snils))
    comes_true(lambda: matching.count(portal.opened.ledger) == 2, "the view follows")
    with visiting(chromium, portal, PHONE) as ivan:
        comes_in(ivan, Member(portal, clock))
        looks_at_both_and_says_that_they_are_one(ivan, portal)
        tells_two_apart(ivan, portal)
        takes_a_report_back(ivan, portal, anna, boris, report_id)
