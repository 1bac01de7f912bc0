"""A guardian, a laboratory's member, an auditor and a compliance officer, each in a browser at pages of their own.

LETOPIS_SCREENS=1 keeps pictures of the pages in docs/screens.
"""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, expect

from domain.reading import HistoryRead, ReadingPurpose, ReportRead
from domain.staff import Role
from ledger import guardianship
from tests.api import test_journey
from tests.api.cast import ANNA, Laboratory, Portal
from tests.api.staff_cast import Clock
from tests.api.test_consultation_journey import enters, is_accessible
from tests.api.test_journey import DESKTOP, PHONE, visiting
from tests.api.test_staff_roles import member
from tests.api.ward_cast import BLOOD, MISHA, TODAY, family, receives, sent

chromium = test_journey.chromium


def test_a_guardian_reads_a_childs_result_and_the_child_is_named_on_each_page(
    portal: Portal, laboratory: Laboratory, chromium: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guardianship, "today", lambda: TODAY)
    found = family(portal, portal.person(ANNA))
    receives(found, laboratory)
    sent(found, laboratory, "W-1", MISHA, BLOOD)
    with visiting(chromium, portal, PHONE) as anna:
        enters(anna, found.mother.client)
        anna.go("/services")
        anna.follow("Подопечные")
        anna.press("Открыть кабинет")
        anna.sees("Вы смотрите кабинет: Михаил", "Общий анализ крови")
        is_accessible(anna, "ward-reports")
        anna.follow("Общий анализ крови")
        anna.sees("Вы смотрите кабинет: Михаил", "72,50", "Скачать PDF")
        expect(anna.page.get_by_role("link", name="Отправить врачу")).to_have_count(0)
        is_accessible(anna, "ward-report")
        anna.press("Вернуться в свой кабинет")
        anna.go("/reports")
        anna.sees("Результатов пока нет")
    (read,) = portal.events(ReportRead)
    assert read.event.purpose is ReadingPurpose.LEGAL_REPRESENTATIVE


def test_a_laboratory_an_auditor_and_a_compliance_officer_see_what_is_theirs(
    portal: Portal, clock: Clock, laboratory: Laboratory, chromium: Browser
) -> None:
    portal.submit(laboratory.seal(b"neither JSON nor anything"))
    portal.catch_up()
    steps: tuple[tuple[Role, str, Callable[..., None]], ...] = (
        (Role.LABORATORY, "Отправки", lambda it: it.sees("№ 1", "В карантине", "Код ошибки")),
        (Role.AUDITOR, "История", lambda it: it.sees("LaboratoryRegistered", "Каждый ваш просмотр записывается")),
        (Role.COMPLIANCE, "Согласия", lambda it: it.sees("Согласие на обработку", "К обязательствам")),
    )  # fmt: skip
    for role, section, sees in steps:
        known = member(portal, clock, role, laboratory)
        with visiting(chromium, portal, DESKTOP) as visitor:
            enters(visitor, known.client)
            visitor.go("/staff")
            visitor.menu(section)
            sees(visitor)
            is_accessible(visitor, f"staff-{role.value}")
            visitor.menu("Выйти")
            visitor.sees("Вход для сотрудников")
    assert len(portal.events(HistoryRead)) == 1
