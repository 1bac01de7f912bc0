"""Real FHIR submissions give the facts that were read out of them by hand and by script."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from api.content import ContentError
from api.fhir.reading import read_fhir
from api.fhir.refusal import ContentNotFhirError
from api.json_content import ContentNotJsonError
from domain.report_content import Component, Observation, ReportContent, Value

KEPT = Path(__file__).parents[1] / "samples" / "fhir-json"
SAMPLES = Path(os.environ.get("LETOPIS_SAMPLES", Path(__file__).parents[3] / "shared" / "samples"))
NO_SAMPLES = f"NOT TESTED: no samples at {SAMPLES}; set LETOPIS_SAMPLES to the folder that has expected.jsonl"

REFUSED = {
    "fhir-json/xpandh-lab__dr1.json": "content-not-fhir: resourceType",  # an entry without its Bundle
    "fhir-json/xpandh-lab__obs2.json": "content-not-json: not UTF-8 at byte 198",
    "hostile-json/JSONTestSuite__i_number_huge_exp.json": "content-not-fhir: resourceType",
    "hostile-json/JSONTestSuite__i_number_very_big_negative_int.json": "content-not-fhir: resourceType",
    "hostile-json/JSONTestSuite__i_string_UTF-16LE_with_BOM.json": (
        "content-not-json: UTF-16 instead of UTF-8"
    ),
    "hostile-json/JSONTestSuite__i_string_lone_second_surrogate.json": "content-not-json: lone surrogate",
    "hostile-json/JSONTestSuite__n_number_1.0e.json": "content-not-json: syntax error at line 1 column 5",
    "hostile-json/JSONTestSuite__n_number_1.0e_.json": "content-not-json: syntax error at line 1 column 5",
    "hostile-json/JSONTestSuite__n_number_NaN.json": "content-not-json: NaN or Infinity",
    "hostile-json/JSONTestSuite__n_number_infinity.json": "content-not-json: NaN or Infinity",
    "hostile-json/JSONTestSuite__n_structure_UTF8_BOM_no_data.json": (
        "content-not-json: syntax error at line 1 column 1"
    ),
    "hostile-json/JSONTestSuite__n_structure_null-byte-outside-string.json": (
        "content-not-json: NUL character"
    ),
    "hostile-json/JSONTestSuite__n_structure_open_array_object.json": (
        "content-not-json: nested deeper than 200"
    ),
    "hostile-json/JSONTestSuite__n_structure_single_eacute.json": "content-not-json: not UTF-8 at byte 0",
    "hostile-json/JSONTestSuite__n_structure_trailing__.json": (
        "content-not-json: text after the end at line 1 column 10"
    ),
    "hostile-json/JSONTestSuite__y_object_duplicated_key_and_value.json": (
        "content-not-json: duplicate name in an object"
    ),
    "hostile-json/JSONTestSuite__y_structure_whitespace_array.json": "content-not-fhir: resourceType",
}


def expected_of(format_name: str) -> Iterator[Any]:
    path = SAMPLES / "expected.jsonl"
    if path.exists():
        facts = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        for one in facts:
            if one["format"] == format_name and one["file"] not in REFUSED:
                yield pytest.param(one, id=one["file"])


def table(rows: Iterator[Any]) -> list[Any]:
    skipped = pytest.param(None, id="no samples", marks=pytest.mark.skip(reason=NO_SAMPLES))
    return list(rows) or [skipped]


def refused() -> Iterator[Any]:
    for file, message in REFUSED.items():
        if (SAMPLES / file).exists():
            yield pytest.param((file, message), id=file)


def value_facts(value: Value | None) -> dict[str, str | None]:
    if value is None:
        return {}
    if value.quantity:
        sent = value.quantity
        return {"value": sent.value, "unit": sent.unit or sent.code, "comparator": sent.comparator}
    if value.concept:
        coding = value.concept.codings[0] if value.concept.codings else None
        return {"value": coding.code if coding else value.concept.text}
    return {"value": value.text}


def measured_facts(measured: Observation | Component) -> dict[str, object]:
    coding = measured.code.codings[0] if measured.code.codings else None
    absent = measured.data_absent_reason
    facts = {
        "code": coding.code if coding else None,
        "system": coding.system if coding else None,
        "data_absent": absent.codings[0].code if absent and absent.codings else None,
        **value_facts(measured.value),
    }
    return {name: fact for name, fact in facts.items() if fact is not None}


def observation_facts(observation: Observation) -> dict[str, object]:
    first = observation.reference_ranges[0] if observation.reference_ranges else None
    flag = observation.interpretation[0] if observation.interpretation else None
    facts = {
        **measured_facts(observation),
        "status": str(observation.status),
        "low": first.low.value if first and first.low else None,
        "high": first.high.value if first and first.high else None,
        "ref_text": first.text if first else None,
        "flag": (flag.codings[0].code if flag.codings else flag.text) if flag else None,
        "panel": True if observation.members and observation.value is None else None,
        "n_reference_ranges": len(observation.reference_ranges) if observation.reference_ranges[1:] else None,
        "components": [measured_facts(one) for one in observation.components] or None,
    }
    return {name: fact for name, fact in facts.items() if fact is not None}


def without_derived(facts: dict[str, Any]) -> dict[str, Any]:
    """The expectations also have names chosen for display, which a reader does not choose."""
    derived = {"display", "value_text", "value_system", "category"}
    kept = {name: fact for name, fact in facts.items() if name not in derived and fact is not None}
    if "components" in kept:
        kept["components"] = [without_derived(one) for one in kept["components"]]
    return kept


def counted(facts: Iterator[dict[str, Any]]) -> Counter[str]:
    return Counter(json.dumps(one, sort_keys=True, ensure_ascii=False) for one in facts)


def observations_of(reports: tuple[ReportContent, ...]) -> list[Observation]:
    return list(chain.from_iterable(report.observations for report in reports))


@pytest.mark.parametrize("expected", table(expected_of("fhir-json")))
def test_a_real_submission_gives_its_facts(expected: dict[str, Any]) -> None:
    reports = read_fhir((SAMPLES / expected["file"]).read_bytes())
    found = observations_of(reports)
    assert len(found) == expected["n_observations"]
    assert sum(bool(one.members) and one.value is None for one in found) == expected["n_panels"]
    sent = expected.get("report_statuses") or [expected["report_status"]] * expected["n_reports"]
    assert [str(report.status) for report in reports[: len(sent)]] == sent
    wanted = counted(map(without_derived, expected["observations"]))
    assert counted(map(observation_facts, found)) == wanted
    subject = reports[0].subject
    assert subject.family == expected.get("patient_family")
    assert subject.birth_date == expected.get("patient_birthdate")
    assert list(subject.given) == expected.get("patient_given", [])
    assert subject.name_text == expected.get("patient_name_text", subject.name_text)
    numbers = [number for number in expected.get("patient_identifiers", []) if number]
    assert [number.value for number in subject.identifiers] == numbers


@pytest.mark.parametrize("case", table(refused()))
def test_a_file_that_is_not_a_fhir_report_is_refused_for_its_own_reason(case: tuple[str, str]) -> None:
    file, message = case
    with pytest.raises(ContentError) as refusal:
        read_fhir((SAMPLES / file).read_bytes())
    assert str(refusal.value) == message
    kind = ContentNotJsonError if message.startswith("content-not-json") else ContentNotFhirError
    assert type(refusal.value) is kind


def test_no_hostile_file_is_left_without_a_reason() -> None:
    folder = SAMPLES / "hostile-json"
    if not folder.exists():
        pytest.skip(NO_SAMPLES)
    assert {f"hostile-json/{path.name}" for path in folder.iterdir()} <= set(REFUSED)


@pytest.mark.parametrize(
    ("name", "observations", "panels"), [("lipids", 4, 0), ("101", 17, 0), ("ghp", 51, 3)]
)
def test_a_specification_example_is_one_report_with_all_its_observations(
    name: str, observations: int, panels: int
) -> None:
    (report,) = read_fhir((KEPT / f"fhir__Bundle-{name}.json").read_bytes())
    assert report.status == "final"
    assert len(report.observations) == observations
    assert sum(bool(one.members) for one in report.observations) == panels


def test_the_lipids_example_keeps_every_figure() -> None:
    (report,) = read_fhir((KEPT / "fhir__Bundle-lipids.json").read_bytes())
    first = observation_facts(report.observations[0])
    assert first == {
        "code": "35200-5",
        "system": "http://loinc.org",
        "status": "final",
        "value": "6.3",
        "unit": "mmol/L",
        "high": "4.5",
    }
    assert report.performer == "Acme Laboratory, Inc"
    assert report.identifiers[0].value == "5234342"


def test_the_members_of_each_panel_of_the_example_follow_it() -> None:
    (report,) = read_fhir((KEPT / "fhir__Bundle-ghp.json").read_bytes())
    for place, panel in enumerate(report.observations):
        if panel.members:
            assert panel.members == tuple(range(place + 1, place + 1 + len(panel.members)))


def test_the_pdf_of_the_example_is_pointed_at_and_measured() -> None:
    raw = (KEPT / "fhir__Bundle-101.json").read_bytes()
    (attachment,) = read_fhir(raw)[0].attachments
    assert attachment.source == "/entry/0/resource/presentedForm/0/data"
    assert attachment.content_type == "application/pdf"
    sent = json.loads(raw)["entry"][0]["resource"]["presentedForm"][0]["data"]
    assert attachment.size_bytes == len(sent) * 3 // 4 - sent.count("=")
