"""Real CDA documents give the facts that were read out of them by hand and by script."""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest

from api.cda.reading import read_cda
from api.content import ContentError
from api.xml_content import parse_xml
from domain.report_content import Observation, ReportContent, ValueKind
from domain.values import Coding, Identifier

SAMPLES = Path(os.environ.get("LETOPIS_SAMPLES", Path(__file__).parents[3] / "shared" / "samples"))
NO_SAMPLES = f"NOT TESTED: no samples at {SAMPLES}; set LETOPIS_SAMPLES to the folder that has expected.jsonl"

# Fragments are not among the expectations: (observations of each report, the first value of each).
FRAGMENTS = {
    "Basic_Metabolic_Panel_with_Troponin_C-CDA2.1_": ((7, "140"), (1, "0.01"), (1, "0.01")),
    "Chest_X_ray_with_Narrative_Report_C-CDA2.1_": ((1, None),),
    "Lab_with_Multiple_Reference_Ranges_C-CDA2.1_": ((1, None),),
    "Result_panel_with_coded_values_of_negative-positive_C-CDA2.1_": ((2, "260385009"),),
    "Result_with_an_unstructured_string_as_value_urine_color_C-CDA2.1_": ((1, None),),
    "Result_with_greater_than_a_specified_value_C-CDA2.1_": ((1, "500"),),
    "Result_with_lab_location_C-CDAR2.1_": ((1, "1.015"),),
    "Result_with_non-numeric_physical_quantity_and_unit_C-CDA2.1_": ((2, "450"),),
    "Results_Unit_Non-UCUM_C-CDA2.1_": ((1, "152"),),
    "Results_of_CO2_Test_Normal_C-CDA2.1_": ((1, "27"),),
    "Results_of_COVID_Test_Positive_Normal_C-CDA2.1_": ((1, "260373001"),),
    "Results_panel_with_pending_component_C-CDA2.1_": ((1, None),),
    "Results_with_less_than_specific_value_C-CDA2.1_": ((1, None),),
    "Results_with_translation_unit_C-CDA2.1_": ((1, "152"),),
}
ACT_STATUS = {"completed": "final", "active": "preliminary"}
URIS = {
    "2.16.840.1.113883.6.1": "http://loinc.org",
    "2.16.840.1.113883.6.96": "http://snomed.info/sct",
}


def uri(oid: str | None) -> str | None:
    if oid is None:
        return None
    is_oid = oid.replace(".", "").isdigit()
    return URIS.get(oid) or (f"urn:oid:{oid}" if is_oid else f"urn:uuid:{oid}")


def expected() -> list[Any]:
    path = SAMPLES / "expected.jsonl"
    facts = map(json.loads, path.read_text(encoding="utf-8").splitlines()) if path.exists() else ()
    rows = [pytest.param(one, id=one["file"]) for one in facts if one["format"].startswith("cda-")]
    return rows or [pytest.param(None, id="no samples", marks=pytest.mark.skip(reason=NO_SAMPLES))]


def first_coding(codings: Iterable[Coding]) -> Coding:
    return next(iter(codings), Coding())


def value_facts(one: Observation) -> dict[str, str | None]:
    value = one.value
    if value is None:
        return {}
    if value.kind is ValueKind.RANGE:
        assert value.low and value.high
        return {"value_low": value.low.value, "value_high": value.high.value, "unit": value.low.code}
    if value.quantity:
        return {"value": value.quantity.value, "unit": value.quantity.code}
    if value.concept:
        coding = first_coding(value.concept.codings)
        return {"value": coding.code, "value_text": coding.display, "value_system": coding.system}
    return {"value": value.text}


def facts(one: Observation) -> dict[str, Any]:
    code = first_coding(one.code.codings)
    first = one.reference_ranges[0] if one.reference_ranges else None
    found = {
        "code": code.code,
        "system": code.system,
        "status": str(one.status),
        "flag": first_coding(one.interpretation[0].codings).code if one.interpretation else None,
        "low": first.low.value if first and first.low else None,
        "high": first.high.value if first and first.high else None,
        # The expectations were written without what stands above the line.
        "ref_text": normalize("NFKC", first.text) if first and first.text else None,
        "null_flavor": first_coding(one.data_absent_reason.codings).code if one.data_absent_reason else None,
        **value_facts(one),
    }
    return {name: fact for name, fact in found.items() if fact is not None}


def wanted(sent: dict[str, Any]) -> dict[str, Any]:
    kept = {name: fact for name, fact in sent.items() if name not in {"display", "type"} and fact is not None}
    kept["status"] = ACT_STATUS[sent["status"]]
    for name in ("system", "value_system"):
        if name in kept:
            kept[name] = uri(kept[name])
    return kept


def counted(rows: Iterable[dict[str, Any]]) -> Counter[str]:
    return Counter(json.dumps(one, sort_keys=True, ensure_ascii=False) for one in rows)


def measured(reports: Iterable[ReportContent]) -> Iterator[Observation]:
    return (one for report in reports for one in report.observations if not one.members)


def read(name: str) -> tuple[ReportContent, ...]:
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(NO_SAMPLES)
    return read_cda(path.read_bytes())


@pytest.mark.parametrize("sent", expected())
def test_a_real_document_gives_its_observations(sent: dict[str, Any]) -> None:
    found = list(measured(read(sent["file"])))
    assert len(found) == sent["n_observations"]
    # Where the code of an expectation is empty the document has only codes of translations.
    uncoded = {one["display"] for one in sent.get("observations", []) if "code" not in one}
    rows = [
        {name: fact for name, fact in facts(one).items() if not is_uncoded or name not in {"code", "system"}}
        for one in found
        for is_uncoded in [one.code.text in uncoded]
    ]
    assert counted(rows) == counted(map(wanted, sent.get("observations", [])))


@pytest.mark.parametrize("sent", expected())
def test_a_real_document_gives_its_patient_and_numbers(sent: dict[str, Any]) -> None:
    (report,) = read(sent["file"])
    subject = report.subject
    assert subject.family == sent["patient_family"]
    assert list(subject.given) == sent["patient_given"]
    assert (subject.birth_date or "").replace("-", "") == sent["patient_birthdate"][:8]
    numbers = [(one.system, one.value) for one in subject.identifiers]
    assert numbers == [(uri(root), extension) for root, extension in sent["patient_identifiers"]]
    set_root, set_id = sent["set_id"]
    root, extension = sent["document_id"]
    chain_number = Identifier(system=uri(set_root), value=set_id or "", kind="SETID")
    assert report.identifiers == (
        (chain_number,) if set_id else (Identifier(system=uri(root), value=extension),)
    )
    assert report.source_id == f"{uri(root)}|{extension}"
    attachments = len(report.attachments)
    assert attachments == sent.get("observation_media", 0) + (1 if "non_xml_body" in sent else 0)


@pytest.mark.parametrize("name", FRAGMENTS)
def test_a_fragment_of_a_summary_gives_its_results(name: str) -> None:
    reports = read(f"cda-ccda-fragment/C-CDA-Examples__{name}.xml")
    found = [list(measured([report])) for report in reports]
    assert tuple((len(one), figure(one[0])) for one in found) == FRAGMENTS[name]
    assert all(report.subject.family is None and report.identifiers for report in reports)


def figure(one: Observation) -> str | None:
    known = value_facts(one)
    return known.get("value") if one.value and one.value.kind is not ValueKind.TEXT else None


def test_no_fragment_is_left_without_facts() -> None:
    folder = SAMPLES / "cda-ccda-fragment"
    if not folder.exists():
        pytest.skip(NO_SAMPLES)
    assert {path.name.removeprefix("C-CDA-Examples__") for path in folder.iterdir()} == {
        f"{name}.xml" for name in FRAGMENTS
    }


def test_signs_and_units_of_the_fragments_are_kept() -> None:
    def first(name: str) -> Observation:
        return next(measured(read(f"cda-ccda-fragment/C-CDA-Examples__{name}.xml")))

    more = first("Result_with_greater_than_a_specified_value_C-CDA2.1_").value
    assert more and more.quantity and more.quantity.comparator == ">"
    printed = first("Results_Unit_Non-UCUM_C-CDA2.1_")
    assert printed.value and printed.value.quantity and printed.value.quantity.unit == "THOUS/MCL"
    low = printed.reference_ranges[0].low
    assert low and (low.value, low.unit) == ("150", "THOUS/MCL")
    titer = first("Lab_with_Multiple_Reference_Ranges_C-CDA2.1_")
    assert [one.text for one in titer.reference_ranges] == [
        "Negative, less than 1:80; less than 1:80",
        "Borderline, equal to 1:80; equal to 1:80",
        "Positive, greater than 1:80; greater than 1:80",
    ]
    little = first("Results_with_less_than_specific_value_C-CDA2.1_").value
    assert little and little.low and little.high and (little.low.value, little.high.value) == ("0", "5")
    ray = first("Chest_X_ray_with_Narrative_Report_C-CDA2.1_").value
    assert ray and ray.text


def test_the_russian_protocol_keeps_the_printed_unit_and_its_battery() -> None:
    (report,) = read("cda-ru/core__Общий_анализ_крови.xml")
    battery, esr = report.observations
    assert (battery.code.text, battery.members) == ("Общий анализ крови", (1,))
    assert esr.value and esr.value.quantity
    assert (esr.value.quantity.value, esr.value.quantity.unit, esr.value.quantity.code) == (
        "10",
        "мм/ч",
        "mm/h",
    )
    assert esr.effective_at == "2018-12-20T11:55+03:00"
    assert report.effective_at == "2018-12-20T08:30+03:00"
    assert report.subject.sex == "male"
    assert report.performer == "Смирнова Александра; ООО «Ваше Здоровье»"
    (blood,) = report.specimens
    assert blood.collected_at == "2018-12-20T07:05+03:00"


def test_the_austrian_report_keeps_panels_comments_and_its_conclusion() -> None:
    (report,) = read("cda-xdlab/xpandh-lab__CDA_Lab_Allgemeiner_Laborbefund.xml")
    assert sum(bool(one.members) for one in report.observations) == 11
    assert report.status == "preliminary"  # it replaces another document, and says that results follow
    assert "neuerliche Untersuchung in zwei Wochen" in (report.conclusion or "")
    assert [(one.received_at, one.collected_at) for one in report.specimens] == [
        ("2021-06-01T08:15:00+02:00", "2021-06-01T06:35:00+02:00")
    ] * 2
    placed = Counter(chain.from_iterable(one.members for one in report.observations))
    assert set(placed.values()) == {1}


def test_earlier_results_are_notes_and_each_isolate_is_a_panel() -> None:
    (report,) = read("cda-xdlab/xpandh-lab__CR_BIO_Electrophorese_v2.0.xml")
    notes = [note for one in report.observations for note in one.notes if note.startswith("related result")]
    assert len(notes) == 20
    isolates = [one for one in report.observations if one.members and one.code.codings]
    assert {"L-15601", "L-25131"} <= {one.code.codings[0].code for one in isolates}


def test_the_status_of_the_service_event_is_that_of_the_report() -> None:
    (report,) = read("cda-xdlab/xpandh-lab__CR_BIO_Chikungunya_v2.0.xml")
    assert report.status == "preliminary"


@pytest.mark.parametrize("name", ["cyclic", "external_file", "xmlbomb"])
@pytest.mark.parametrize("reader", [parse_xml, read_cda])
def test_a_hostile_document_is_refused(name: str, reader: Any) -> None:
    path = SAMPLES / "hostile-xml" / f"defusedxml__{name}.xml"
    if not path.exists():
        pytest.skip(NO_SAMPLES)
    with pytest.raises(ContentError) as refusal:
        reader(path.read_bytes())
    assert (refusal.value.code, refusal.value.field) == ("xml-doctype-forbidden", None)
