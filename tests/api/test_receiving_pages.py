"""A patient chooses which results come, from whom and how they are told; it holds at once (S24-S59)."""

import re
from typing import Any

import pytest

from domain.receiving import (
    AutomaticTransferTurnedOff,
    DocumentFormat,
    ReceivingSettingsChanged,
)
from domain.study_type import StudyType
from domain.values import OrganisationId
from ledger.commands import by_patient
from ledger.policy import unlink_policy
from ledger.receiving import load_receiving
from tests.api.cast import ANNA, Laboratory, Person, Portal, bundle, code_of, settle

BLOOD = {"coding": [{"system": "http://loinc.org", "code": "58410-2", "display": "Общий анализ крови"}]}
HORMONES = {"coding": [{"system": "http://loinc.org", "code": "3016-3", "display": "ТТГ"}]}


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> Person:
    person = portal.person(ANNA).register()
    settle(portal.opened, person.patient_id, ANNA, laboratory.laboratory_id)
    portal.catch_up()
    return person


def form(laboratory: Laboratory, **changed: str | None) -> dict[str, str]:
    """The page's form as it stands for who never chose; None unticks a box."""
    plain: dict[str, str | None] = {
        "shown": str(laboratory.laboratory_id),
        f"from-{laboratory.laboratory_id}": "yes",
        **{f"study-{one}": "yes" for one in (*StudyType, "other")},
        "format": "pdf",
        "check_list": "monthly",
    }
    return {name: value for name, value in (plain | changed).items() if value is not None}


def save(person: Person, laboratory: Laboratory, **changed: str | None) -> str:
    answer = person.post("/services/receiving", **form(laboratory, **changed))
    return answer.headers.get("location") or code_of(answer)


def ticked(page: str) -> set[str]:
    return set(re.findall(r'type="checkbox" name="([^"]+)" value="yes" checked', page))


SAVED = "/services/receiving?notice=receiving-saved"


def test_everything_is_ticked_for_who_never_chose(laboratory: Laboratory, anna: Person) -> None:
    page = anna.get("/services/receiving").text
    boxes = {name for name in form(laboratory) if name.startswith(("study-", "from-"))}
    assert ticked(page) == boxes
    assert "Лаборатория Инвитро" in page


def test_what_is_saved_is_one_event_and_is_shown_again(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    chosen: dict[str, Any] = {"study-hormones": None, "format": "xml"}
    assert save(anna, laboratory, **chosen) == SAVED
    (saved,) = portal.events(ReceivingSettingsChanged)
    assert saved.event.declined_study_types == (StudyType.HORMONES,)
    assert saved.event.document_format is DocumentFormat.XML
    page = anna.get("/services/receiving").text
    assert "study-hormones" not in ticked(page) and '<option value="xml" selected>' in page
    assert save(anna, laboratory, **chosen) == SAVED
    assert len(portal.events(ReceivingSettingsChanged)) == 1, "the same again is no event"


def test_an_organisation_is_turned_off_together_with_the_rest(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    box = f"from-{laboratory.laboratory_id}"
    assert save(anna, laboratory, **{box: None}) == SAVED
    (off,) = portal.events(AutomaticTransferTurnedOff)
    assert off.event.organisation_id == laboratory.laboratory_id
    assert box not in ticked(anna.get("/services/receiving").text)
    state = load_receiving(portal.opened.ledger, anna.patient_id)
    assert not state.wants(OrganisationId(laboratory.laboratory_id), frozenset({StudyType.BLOOD_COUNT}))
    unknown = save(anna, laboratory, shown="", **{box: None})
    assert unknown == SAVED and len(portal.events(AutomaticTransferTurnedOff)) == 1


def test_refusals_name_the_field_and_keep_what_was_chosen(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    nothing = {f"study-{one}": None for one in (*StudyType, "other")}
    assert save(anna, laboratory, **nothing) == "receiving-nothing-chosen"
    answer = anna.post(
        "/services/receiving", **form(laboratory, **{"study-urinalysis": None, "check_list": "yearly"})
    )
    assert (answer.status_code, code_of(answer)) == (422, "receiving-choice-unknown")
    assert save(anna, laboratory, format="doc") == "receiving-choice-unknown"
    assert not portal.events(ReceivingSettingsChanged)


def test_without_a_policy_it_is_refused_in_so_many_words(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    unlink_policy(portal.opened.ledger, anna.patient_id, by_patient(anna.patient_id))
    assert "автоматическое получение не работает" in anna.get("/services/receiving").text
    assert save(anna, laboratory) == "receiving-policy-missing"
    assert not portal.events(ReceivingSettingsChanged)


def test_what_is_not_wanted_stays_out_from_the_moment_it_is_saved(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    def sent(number: str, code: dict[str, Any]) -> str | None:
        answer = portal.submit(laboratory.seal(bundle(number, ANNA, code=code)))
        held = answer.json()["reports"][0].get("held")
        return held["code"] if held else None

    assert sent("1", HORMONES) is None
    assert save(anna, laboratory, **{"study-hormones": None}) == SAVED
    assert sent("2", HORMONES) == "not-wanted"
    assert sent("3", BLOOD) is None
    assert save(anna, laboratory) == SAVED
    assert sent("4", HORMONES) is None


def test_the_check_list_counts_what_came_and_names_who_sent_nothing(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    page = anna.get("/services/receiving/check-list").text
    assert "Получено 0 результатов." in page and "ничего не пришло" in page
    for number in ("1", "2"):
        portal.submit(laboratory.seal(bundle(number, ANNA, code=BLOOD)))
    portal.catch_up()
    page = anna.get("/services/receiving/check-list?period=weekly").text
    assert "Получено 2 результата." in page and "Общий анализ крови: 2" in page
    assert anna.get("/services/receiving/check-list?period=yearly").status_code == 400
