"""The hub of medical services: each step and section with its state, as the diagnosis has it, and a way to each."""

import re

import pytest

from api.portal.hub import SECTIONS, STEPS, is_done, verdict_of
from domain.consent import ConsentKind
from domain.diagnosis import Check, Finding, Verdict
from domain.patient import ProfileStated
from ledger import commands
from ledger.commands import by_patient
from tests.api.cast import ANNA, Laboratory, Person, Portal, settle, withdraw


def done(person: Person) -> tuple[int, int]:
    """How many steps are done, of how many."""
    found = re.search(r"Сделано (\d+) из (\d+)", person.get("/services").text)
    assert found is not None
    return int(found[1]), int(found[2])


def test_a_new_patient_begins_with_the_phone_and_sees_what_is_next(portal: Portal) -> None:
    anna = portal.person(ANNA).register()
    assert done(anna) == (2, 8), "the phone, and receipt, which takes everything until something is chosen"
    page = anna.get("/services").text
    step = page.split("step-next")[1].split("</li>")[0]
    assert "Заполнить данные о себе" in step and "Следующий шаг" in step
    for words in (
        "Мои услуги → Медицинские услуги",
        "Получать результаты анализов автоматически",
        "Здоровье → Моё здоровье → Настройки автоматического получения анализов",
        "Автоматическое получение анализов → Добавить организацию",
        "Получение анализов онлайн",
        "Настройки → Уведомления",
        "Почему услуга недоступна",
    ):
        assert words in page, words


def test_who_has_done_everything_has_nothing_left_until_a_consent_goes(
    portal: Portal, laboratory: Laboratory
) -> None:
    anna = portal.person(ANNA).register()
    patient_id = settle(portal.opened, anna.patient_id, ANNA, laboratory.laboratory_id)
    portal.catch_up()
    missing = _open_steps(anna)
    assert missing <= {"profile"}, "what the casts do not state: citizenship, ИНН, document, region"
    withdraw(portal.opened, patient_id, ConsentKind.NOTIFICATIONS)
    assert _open_steps(anna) == missing | {"consents"}


def _open_steps(person: Person) -> set[str]:
    page = person.get("/services").text
    steps = re.findall(r'<li class="step([^"]*)">.*?</li>', page, re.DOTALL)
    return {key for key, mark in zip(STEPS, steps, strict=True) if "step-done" not in mark}


@pytest.mark.parametrize(
    ("region", "words"),
    [("77", "Услуга работает в вашем регионе"), ("01", "В вашем регионе услуга пока не подключена")],
)
def test_the_region_is_said_to_be_connected_or_not(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, region: str, words: str
) -> None:
    anna = portal.person(ANNA).register()
    profile = ProfileStated(
        family="Соколова",
        given="Анна",
        patronymic=None,
        birth_date="1984-02-29",
        sex="female",
        snils=ANNA.snils,
        region=region,
    )
    commands.state_profile(portal.opened.ledger, anna.patient_id, profile, by_patient(anna.patient_id))
    # The server was started in all regions; that the operator names some is a setting of this node alone.
    monkeypatch.setitem(portal.opened.settings.__dict__, "regions", ("77", "78"))
    assert words in anna.get("/services").text


def test_every_way_leads_somewhere(portal: Portal) -> None:
    anna = portal.person(ANNA).register()
    hrefs = {one.href for one in SECTIONS} | {href for href, _ in STEPS.values()} | {"/services/diagnosis"}
    page = anna.get("/services").text
    for href in sorted(hrefs):
        assert f'href="{href}"' in page, href
        assert anna.get(href).status_code in (200, 303), href


def finding(check: Check, verdict: Verdict) -> Finding:
    return Finding(check=check, verdict=verdict, code="x")


def test_a_section_shows_the_worst_of_what_its_checks_found() -> None:
    checks = (Check.ORGANISATION,)
    worst = [Verdict.OK, Verdict.ORGANISATION, Verdict.OURS, Verdict.YOURS]
    for at in range(len(worst)):
        found = [finding(Check.ORGANISATION, one) for one in worst[: at + 1]]
        assert verdict_of(found, checks) == worst[at]
    assert verdict_of([finding(Check.ORGANISATION, Verdict.HINT)], checks) == Verdict.OK
    assert verdict_of([finding(Check.PHONE, Verdict.YOURS)], checks) is None


def test_a_step_that_waits_for_others_is_done() -> None:
    assert is_done([finding(Check.IDENTITY, Verdict.OURS)], (Check.IDENTITY,))
    assert not is_done([finding(Check.IDENTITY, Verdict.YOURS)], (Check.IDENTITY,))
