"""The registry of persons: files taken in whole or not at all, compared field by field, and readable by nobody."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from api.node import Node
from api.person_registry import FIELDS, LocalRegistry, PersonsFileError, persons_of
from domain.identity import Cause, Shortfall
from domain.patient import ProfileStated
from domain.person_registry import Agreement, PersonsImported
from ledger.store import Ledger
from tests.api.command import letopis
from tests.examples import ENP, IDENTITY_DOCUMENT, PROFILE
from tests.scenario import TESTER, rows

ANNA = replace(PROFILE, citizenship="RU", document=IDENTITY_DOCUMENT, inn="500100732259", region="77")
CSV = (
    "snils;family;given;patronymic;birth_date;sex;inn;policy;document;document_valid_until\n"
    f"112-233-445 95;СОКОЛОВА;Анна ;ПЕТРОВНА;29.02.1984;ж;500100732259;{ENP};45 00 000001;\n"
)
JSON = (
    '{"snils":"11223344595","family":"Соколова","given":"Анна","patronymic":"Петровна",'
    f'"birth_date":"1984-02-29","sex":"female","inn":"500100732259","policy":"{ENP}",'
    '"document":"4500000001"}\n'
)
TODAY = date(2026, 11, 25)


@pytest.fixture
def registry(ledger: Ledger) -> LocalRegistry:
    return LocalRegistry(ledger)


def taken(registry: LocalRegistry, text: str) -> int:
    return registry.take_in(text.encode(), TESTER)


@pytest.mark.parametrize("text", [CSV, JSON, "\ufeff" + CSV, CSV.replace(";", ",")])
def test_a_file_is_taken_in_and_agrees_however_it_was_written(registry: LocalRegistry, text: str) -> None:
    assert taken(registry, text) == 1 == registry.count()
    found = registry.compare(ANNA, ENP)
    assert found.is_known and set(found.fields.values()) == {Agreement.AGREES}
    assert found.shortfall(TODAY) is None


@pytest.mark.parametrize(
    ("field", "profile"),
    [
        ("family", replace(ANNA, family="Орлова")),
        ("given", replace(ANNA, given="Мария")),
        ("patronymic", replace(ANNA, patronymic="Ивановна")),
        ("birth_date", replace(ANNA, birth_date="1984-02-28")),
        ("sex", replace(ANNA, sex="male")),
        ("inn", replace(ANNA, inn="526317984689")),
        ("document", replace(ANNA, document=replace(IDENTITY_DOCUMENT, number="000002"))),
    ],
)
def test_the_field_that_differs_is_named(registry: LocalRegistry, field: str, profile: ProfileStated) -> None:
    taken(registry, CSV)
    found = registry.compare(profile, ENP)
    assert [name for name in FIELDS if found.fields[name] is Agreement.DIFFERS] == [field]
    assert found.shortfall(TODAY) == Shortfall(Cause.DATA_DIFFER, field)


def test_a_policy_of_another_number_differs(registry: LocalRegistry) -> None:
    taken(registry, CSV)
    assert registry.compare(ANNA, "9900000000000010").shortfall(TODAY) == Shortfall(
        Cause.DATA_DIFFER, "policy"
    )


def test_spellings_are_one_and_what_one_side_does_not_say_is_absent(registry: LocalRegistry) -> None:
    taken(registry, CSV.replace("СОКОЛОВА", "Артёмова").replace("ПЕТРОВНА", ""))
    found = registry.compare(replace(ANNA, family="Артемова"), None)
    assert found.fields["family"] is Agreement.AGREES
    assert found.fields["patronymic"] is found.fields["policy"] is Agreement.ABSENT
    assert found.shortfall(TODAY) is None


def test_who_is_not_in_the_registry_is_for_a_person_to_decide(registry: LocalRegistry) -> None:
    found = registry.compare(ANNA, ENP)
    assert not found.is_known and found.shortfall(TODAY) is None


def test_a_document_that_ended_by_the_registry_is_told_only_if_it_is_the_same(
    registry: LocalRegistry,
) -> None:
    taken(registry, CSV.replace("000001;", "000001;24.11.2026"))
    assert registry.compare(ANNA, ENP).shortfall(TODAY) == Shortfall(Cause.DOCUMENT_INVALID, "document")
    assert registry.compare(ANNA, ENP).shortfall(date(2026, 11, 24)) is None


def test_who_is_known_already_is_replaced_and_the_last_line_of_a_file_counts(
    registry: LocalRegistry, ledger: Ledger
) -> None:
    taken(registry, CSV)
    line = CSV.splitlines()[1]
    assert taken(registry, CSV + line.replace("СОКОЛОВА", "ОРЛОВА") + "\n") == 1
    assert registry.count() == 1
    assert registry.compare(ANNA, ENP).fields["family"] is Agreement.DIFFERS
    imported = [one.event for one in ledger.read_all() if isinstance(one.event, PersonsImported)]
    assert [event.count for event in imported] == [1, 1] and len({event.sha256 for event in imported}) == 2


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (CSV.replace("445 95", "445 96"), "line 2: snils"),
        (CSV + "112-233-445 95;А;Б;;31.02.1984;ж;;;;\n", "line 3: birth_date"),
        ("family;given\nА;Б\n", "the first line"),
        (JSON + '{"snils": 1}\n', "line 2: snils is not text"),
        (JSON + "nothing\n", "line 2 is not a JSON object"),
    ],
)
def test_a_file_with_a_wrong_line_is_not_taken_in_and_says_where(
    registry: LocalRegistry, text: str, where: str
) -> None:
    with pytest.raises(PersonsFileError, match=where) as refused:
        taken(registry, text)
    assert registry.count() == 0 and "Соколова" not in str(refused.value)


def test_nobody_reads_the_registry_from_the_database(registry: LocalRegistry, ledger: Ledger) -> None:
    taken(registry, CSV + CSV.splitlines()[1].replace("112-233-445 95", "900-000-059 00") + "\n")
    found = rows(ledger, "SELECT persons::text, family FROM registry.persons persons")
    for secret in ("СОКОЛОВА", "11223344595", "1984-02", "02.1984", ENP, "Соколова".encode().hex()):
        assert not any(secret in row[0] for row in found)
    assert found[0][1] != found[1][1], "two of one name have nothing in common"


def test_a_large_file_is_read_line_by_line() -> None:
    text = CSV + (CSV.splitlines()[1] + "\n") * 2000
    assert sum(1 for _ in persons_of(text.encode())) == 2001


def test_the_command_line_takes_a_file_in(opened: Node, tmp_path: Path) -> None:
    path = tmp_path / "persons.csv"
    path.write_text(CSV)
    found = letopis(opened, "registry", "persons", "import", str(path))
    assert found.returncode == 0 and "1 persons" in found.stdout
    assert letopis(opened, "registry", "persons", "count").stdout.strip() == "1"
    path.write_text(CSV.replace("445 95", "445 96"))
    refused = letopis(opened, "registry", "persons", "import", str(path))
    assert refused.returncode == 1 and "line 2: snils" in refused.stderr
