"""Files of the registry: CSV and JSON in the columns of НСИ 1461; what can't be used is named; `letopis registry`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.node import Node
from api.organisation_registry import FileMalformedError, Lines, organisation_of, point_of
from api.synthetic_registry import inn_of, ogrn_of, organisations
from domain.organisation import OrganisationKind
from domain.organisation_registry import OrganisationRegistryImported
from domain.study_type import StudyType
from tests.api.command import letopis

LINES = list(organisations(30))
RUSSIAN = (
    "OID;Полное наименование;Сокращенное наименование;ИНН;КПП;ОГРН;Регион;Вид;Дата закрытия;Номер аттестата;"
    "Аттестат действует до;Отделения\n"
    f"1.2.643.5.1;Городская больница № 1;ГБ № 1;{inn_of(1)};;{ogrn_of(1)};Пензенская область;Больница;;A-1;"
    "31.12.2027;01: Лаборатория; 02: Приёмное\n"
)


def read(path: Path, form: str) -> tuple[list[Any], list[tuple[int, str]]]:
    refused: list[tuple[int, str]] = []
    lines = Lines(path, form, lambda number, reason: refused.append((number, reason)))
    return list(lines.organisations()), refused


def test_csv_and_both_kinds_of_json_say_the_same(tmp_path: Path) -> None:
    letopis_sample = tmp_path / "one.json"
    letopis_sample.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in LINES))
    array = tmp_path / "two.json"
    array.write_text(json.dumps(LINES, ensure_ascii=False, indent=2))
    assert read(letopis_sample, "json") == read(array, "json") == ([*map(organisation_of, LINES)], [])


def test_the_columns_may_be_named_in_russian_and_dates_be_written_so(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text(
        "\ufeff" + RUSSIAN.replace("01: Лаборатория; 02: Приёмное", '"01: Лаборатория; 02: Приёмное"')
    )
    (entry,), refused = read(path, "csv")
    assert not refused
    assert (entry.kind, entry.name) == (OrganisationKind.HOSPITAL, "ГБ № 1")
    assert entry.certificate.valid_until.isoformat() == "2027-12-31"
    assert [one.code for one in entry.departments] == ["01", "02"]


def broken(**changed: Any) -> dict[str, Any]:
    return LINES[1] | changed


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (LINES[0], "repeated"),
        (broken(oid="1.2."), "oid-malformed"),
        (broken(oid=None), "oid-malformed"),
        (broken(nameFull="  "), "name-missing"),
        (broken(inn="7707083890"), "inn-check-failed"),
        (broken(ogrn="1"), "ogrn-check-failed"),
        (broken(deleteDate="31.02.2026"), "date-malformed"),
        (broken(certificateValidUntil="скоро"), "date-malformed"),
        (broken(departments=[{"code": "", "name": "x"}]), "departments-malformed"),
        (broken(departments=[1]), "departments-malformed"),
    ],
)
def test_a_line_that_cannot_be_used_is_named_and_left_out(
    tmp_path: Path, line: dict[str, Any], reason: str
) -> None:
    path = tmp_path / "r.json"
    path.write_text("\n".join(map(json.dumps, (LINES[0], line, LINES[2]))))
    entries, refused = read(path, "json")
    assert [entry.oid for entry in entries] == [LINES[0]["oid"], LINES[2]["oid"]]
    assert refused == [(2, reason)]


@pytest.mark.parametrize(
    ("text", "form"),
    [("<xml/>", "json"), ('{"oid": ', "json"), ("[1, 2]", "json"), ("oid\n1", "csv"), ("", "csv")],
)
def test_a_file_of_another_form_is_refused_whole(tmp_path: Path, text: str, form: str) -> None:
    path = tmp_path / "r"
    path.write_text(text)
    with pytest.raises(FileMalformedError):
        read(path, form)


def test_points_know_what_is_taken_there() -> None:
    line = {"id": "7", "oid": "1.2.643.5.1", "address": "ул. Мира, 5", "latitude": "53,2", "longitude": 45}
    point = point_of(line | {"study_types": "hormones; urinalysis"})
    assert (point.latitude, point.study_types) == (53.2, (StudyType.HORMONES, StudyType.URINALYSIS))
    for changed in ({"id": ""}, {"latitude": "91"}, {"longitude": "x"}, {"study_types": "astrology"}):
        with pytest.raises(ValueError):  # noqa: PT011 - each has its reason; that it is refused counts here
            point_of(line | changed)


# The command.


@pytest.fixture
def run(opened: Node) -> Callable[..., Any]:
    return lambda *words: letopis(opened.settings, "registry", *words)


def test_the_registry_is_made_up_imported_once_and_searched(
    opened: Node, run: Callable[..., Any], tmp_path: Path
) -> None:
    for name in ("r.csv", "r.json"):
        assert run("sample", str(tmp_path / name), "--organisations", "50").returncode == 0
    first = run("import", str(tmp_path / "r.csv"), "--as-of", "2026-11-01")
    assert first.returncode == 0 and "50 imported, 0 refused" in first.stdout, first.stderr
    assert "imported already" in run("import", str(tmp_path / "r.csv"), "--as-of", "2026-11-02").stdout
    recorded = [
        one.event for one in opened.ledger.read_all() if isinstance(one.event, OrganisationRegistryImported)
    ]
    assert [(one.rows, one.refused, one.as_of.isoformat()) for one in recorded] == [(50, 0, "2026-11-01")]
    found = run("search", LINES[3]["inn"], "--json")
    assert json.loads(found.stdout.splitlines()[0])["oid"] == LINES[3]["oid"]


def test_refused_lines_are_told_counted_and_written(
    opened: Node, run: Callable[..., Any], tmp_path: Path
) -> None:
    path, refused = tmp_path / "r.json", tmp_path / "refused"
    path.write_text("\n".join(map(json.dumps, (LINES[0], broken(inn="1"), LINES[2]))))
    answer = run("import", str(path), "--refused", str(refused))
    assert "2 imported, 1 refused" in answer.stdout and "line 2: inn-check-failed" in answer.stderr
    assert json.loads(refused.read_text()) == {"line": 2, "reason": "inn-check-failed"}
    path.write_text("no registry")
    assert run("import", str(path)).returncode == 1
    (recorded,) = [
        one.event for one in opened.ledger.read_all() if isinstance(one.event, OrganisationRegistryImported)
    ]
    assert recorded.refused == 1
