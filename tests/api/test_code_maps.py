"""A laboratory's own codes: seen in its reports, mapped by a table, and read through the map ever after."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from api.code_map_table import SIZE_MAX, TableError, read_table
from domain.code_map import FSLI, LOINC, LocalCode, LocalCodesMapped, LocalCodesUnmapped
from domain.values import Coding
from ledger import code_maps
from projections import cabinet
from tests.api.cast import ANNA, Laboratory, Portal, bundle, settle
from tests.api.command import letopis

HEAD = "system,code,standard_system,standard_code,standard_display"
TABLE = f"{HEAD}\r\nurn:lab:codes,КРЕА,LOINC,14682-9,Креатинин\r\n,HGB,ФСЛИ,1017128,Гемоглобин\r\n"


def local(number: str) -> bytes:
    """A report of one measured value that has only the laboratory's own code, and no words."""
    sent = json.loads(bundle(number))
    sent["entry"][1]["resource"]["code"] = {"coding": [{"system": "urn:lab:codes", "code": "КРЕА"}]}
    return orjson.dumps(sent)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_bytes(TABLE.encode())
    return path


# The table.


@pytest.mark.parametrize(
    "content",
    [
        TABLE.encode(),
        TABLE.encode("utf-8-sig"),
        TABLE.replace(",", ";").encode("utf-8-sig"),
        TABLE.replace("\r\n", "\n").encode(),
        TABLE.replace("\r\n", ",,\r\n").encode(),
        TABLE.replace("LOINC", " loinc ").replace("ФСЛИ", "urn:oid:1.2.643.5.1.13.13.11.1080").encode(),
        f"{TABLE},,,,\r\n\r\n".encode(),
        f"{TABLE},HGB,ФСЛИ,1017128,Гемоглобин\r\n".encode(),
    ],
    ids=["comma", "BOM", "as Excel writes it", "Unix", "empty columns", "other names", "empty rows", "twice"],
)
def test_a_table_is_read_as_spreadsheets_write_it(content: bytes) -> None:
    creatinine, haemoglobin = read_table(content)
    assert creatinine.local == LocalCode(system="urn:lab:codes", code="КРЕА")
    assert creatinine.standard == Coding(system=LOINC, code="14682-9", display="Креатинин")
    assert haemoglobin.local == LocalCode(code="HGB")
    assert haemoglobin.standard == Coding(system=FSLI, code="1017128", display="Гемоглобин")


def test_columns_may_be_in_any_order_and_cells_may_have_lines_and_delimiters() -> None:
    content = (
        f'standard_display;display;{";".join(HEAD.split(",")[:4])}\n"Гло;ба\nлин";"Глоб.";;G;LOINC;718-7\n'
    )
    (found,) = read_table(content.encode())
    assert (found.display, found.standard.display) == ("Глоб.", "Гло;ба\nлин")


def test_every_bad_row_is_named_by_its_line_and_reason() -> None:
    rows = [
        ",A,LOINC,718-8,x",
        ",B,SNOMED,718-7,x",
        ",,LOINC,718-7,x",
        ",GOOD,LOINC,718-7,x",
        ",C,ФСЛИ,10A,x",
        "LOINC,718-7,ФСЛИ,1017128,x",
        ",GOOD,LOINC,14682-9,x",
        ",D,LOINC,718-7,x,surplus",
        ",E",
    ]
    with pytest.raises(TableError) as refused:
        read_table("\n".join([HEAD, *rows]).encode())
    assert [line for line, _ in refused.value.rows] == [2, 3, 4, 6, 7, 8, 9, 10]
    reasons = dict(refused.value.rows)
    assert "check digit" in reasons[2] and "neither" in reasons[3] and "empty" in reasons[4]
    assert "no local code" in reasons[7] and "line 5" in reasons[8] and "more cells" in reasons[9]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no rows"),
        (HEAD.encode(), "no rows"),
        (b"code,standard_code\nA,718-7\n", "columns"),
        (f"{HEAD},code\n".encode(), "columns"),
        (f"{HEAD},unit\n".encode(), "columns"),
        (TABLE.encode("cp1251"), "UTF-8"),
        (f'{HEAD}\n"A'.encode(), "CSV"),
        (b"x" * (SIZE_MAX + 1), "larger"),
    ],
)
def test_what_is_no_table_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(TableError) as refused:
        read_table(content)
    assert reason in refused.value.rows[0][1]


# The commands.


def test_a_table_is_tried_imported_listed_and_taken_back(
    portal: Portal, laboratory: Laboratory, table: Path
) -> None:
    opened, handle = portal.opened, laboratory.sender.handle
    tried = letopis(opened, "lab", "map", handle, table, "--dry-run")
    assert tried.returncode == 0 and "2 would be new" in tried.stdout, tried.stderr
    assert not portal.events(LocalCodesMapped)
    assert "2 new or changed" in letopis(opened, "lab", "map", handle, table).stdout
    assert "0 new or changed" in letopis(opened, "lab", "map", handle, table).stdout
    (mapped,) = portal.events(LocalCodesMapped)
    assert len(mapped.event.codes) == 2 and mapped.circumstances.actor == "operator:command-line"
    listed = lines(letopis(opened, "lab", "codes", handle, "--json").stdout)
    assert [(line["system"], line["code"], line["standard_code"]) for line in listed] == [
        (None, "HGB", "1017128"),
        ("urn:lab:codes", "КРЕА", "14682-9"),
    ]
    assert "ФСЛИ 1017128" in letopis(opened, "lab", "codes", handle).stdout
    assert letopis(opened, "lab", "unmap", handle, "HGB").returncode == 0
    assert letopis(opened, "lab", "unmap", handle, "HGB").returncode == 1
    assert len(portal.events(LocalCodesUnmapped)) == 1


def test_a_table_with_a_bad_row_changes_nothing(portal: Portal, laboratory: Laboratory, table: Path) -> None:
    table.write_text(TABLE + ",BAD,LOINC,718-8,x\n,WORSE,LOINC,,x\n")
    run = letopis(portal.opened, "lab", "map", laboratory.sender.handle, table)
    assert run.returncode == 1 and not run.stdout
    assert run.stderr.splitlines()[0].startswith("line 4: ") and "line 5: " in run.stderr
    assert not portal.events(LocalCodesMapped)
    table.write_text(TABLE)
    assert letopis(portal.opened, "lab", "map", "nobody", table).returncode == 1


def test_a_code_without_words_gets_its_name_when_it_is_mapped_in_old_reports_too(
    portal: Portal, laboratory: Laboratory, table: Path
) -> None:
    opened, handle = portal.opened, laboratory.sender.handle
    anna = portal.person(ANNA).register()
    settle(opened, anna.patient_id, ANNA, laboratory.laboratory_id)
    assert portal.submit(laboratory.seal(local("1"))).status_code == 201
    portal.catch_up()
    (row,) = cabinet.reports_of(opened.ledger, anna.patient_id)

    def name() -> str:
        page = anna.get(f"/reports/{row.report_id}").text
        return page.partition('<span class="name">')[2].partition("<")[0]

    before = letopis(opened, "report", str(row.report_id), "--json").stdout
    assert name() == "КРЕА"
    (seen,) = lines(letopis(opened, "lab", "unmapped", handle, "--json").stdout)
    assert seen == {"system": "urn:lab:codes", "code": "КРЕА", "observations": 1}
    assert letopis(opened, "lab", "map", handle, table).returncode == 0
    assert name() == "Креатинин"
    assert letopis(opened, "lab", "unmapped", handle).stdout == ""
    # What the laboratory sent is said as it was sent.
    assert letopis(opened, "report", str(row.report_id), "--json").stdout == before
    assert letopis(opened, "lab", "unmap", handle, "КРЕА", "--system", "urn:lab:codes").returncode == 0
    assert name() == "КРЕА"
    assert LocalCode(code="HGB") in code_maps.load(opened.ledger, laboratory.laboratory_id).codes
