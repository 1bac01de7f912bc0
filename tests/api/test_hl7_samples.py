"""Real HL7 v2 messages give the facts that were read out of them by hand and by script."""

import json
import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from api.content import ContentError
from api.hl7.reading import read_hl7
from api.hl7.tables import OBSERVATION_STATUSES, REPORT_STATUSES, system_of
from api.hl7.times import birth_date, date_time
from domain.report_content import Observation, Value, ValueKind

SAMPLES = Path(os.environ.get("LETOPIS_SAMPLES", Path(__file__).parents[3] / "shared" / "samples"))
NO_SAMPLES = f"NOT TESTED: no samples at {SAMPLES}; set LETOPIS_SAMPLES to the folder that has expected.jsonl"

REFUSED = {
    "hl7v2/hl7v2-fhir-converter__sample_unix.hl7": ("message-type-unsupported", "MSH-9"),
    "hl7v2/hl7v2-fhir-converter__sample_win.hl7": ("message-type-unsupported", "MSH-9"),
}


def expected() -> Iterator[Any]:
    path = SAMPLES / "expected.jsonl"
    if path.exists():
        for one in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            if one["format"] == "hl7v2" and one["file"] not in REFUSED:
                yield pytest.param(one, id=one["file"])


def table(rows: Iterator[Any]) -> list[Any]:
    skipped = pytest.param(None, id="no samples", marks=pytest.mark.skip(reason=NO_SAMPLES))
    return list(rows) or [skipped]


def value_facts(value: Value | None) -> dict[str, str | None]:
    """The value in the words of the expectations, which are HL7's own."""
    match value:
        case None:
            return {}
        case Value(kind=ValueKind.QUANTITY, quantity=sent):
            assert sent
            return {"value": sent.value, "unit": sent.unit, "comparator": sent.comparator}
        case Value(kind=ValueKind.CONCEPT, concept=concept):
            assert concept
            return {"value": concept.codings[0].code if concept.codings else concept.text}
        case Value(kind=ValueKind.RANGE, low=low, high=high):
            assert low and high
            return {"value": f"{low.value}-{high.value}", "unit": low.unit}
        case Value(kind=ValueKind.RATIO, numerator=one, denominator=other):
            assert one and other
            return {"value": f"{one.value}:{other.value}", "unit": one.unit}
    return {"value": value.text}


def observation_facts(one: Observation) -> dict[str, object]:
    coding = one.code.codings[0] if one.code.codings else None
    limits = one.reference_ranges[0] if one.reference_ranges else None
    flag = one.interpretation[0].codings[0].code if one.interpretation else None
    facts = {
        "code": coding.code if coding else None,
        "system": coding.system if coding else None,
        "display": coding.display if coding else one.code.text,
        "sub_id": (one.source_id or "").partition("#")[0] or None,
        "status": str(one.status),
        "flag": flag,
        "ref_text": limits.text if limits else None,
        "low": limits.low.value if limits and limits.low else None,
        "high": limits.high.value if limits and limits.high else None,
        **value_facts(one.value),
    }
    return {name: fact for name, fact in facts.items() if fact is not None}


def wanted(sent: dict[str, Any], found: Observation) -> dict[str, Any]:
    """An expectation, which quotes HL7, in the words of FHIR."""
    facts = {
        name: fact
        for name, fact in sent.items()
        if name not in {"type", "value_text", "alt_code", "alt_system", "attachment"}
    }
    # What does not say its status has that of its report.
    facts["status"] = str(OBSERVATION_STATUSES.get(sent.get("status", ""), found.status))
    if "system" in facts:
        facts["system"] = system_of(facts["system"])
    if sent.get("type") in {"ED", "RP"}:
        facts.pop("value", None)  # an attachment
    if sent.get("type") in {"DT", "DTM", "TS"}:
        facts["value"] = date_time(facts["value"])
    if facts.get("comparator") not in {"<", "<=", ">", ">="}:
        facts.pop("comparator", None)
    if sent.get("type") == "NR":
        facts["value"] = facts["value"].replace("^", "-")
    if sent.get("value") == "1+3":  # `-^1^+^3`: no number; the text keeps all of it
        facts["value"] = "-1+3"
    if "unit" in facts and (found.value is None or found.value.kind in {ValueKind.TEXT, ValueKind.CONCEPT}):
        unit = facts.pop("unit")
        assert found.value is None or f"OBX-6: {unit}" in found.notes
    return facts


@pytest.mark.parametrize("sent", table(expected()))
def test_a_real_message_gives_its_facts(sent: dict[str, Any]) -> None:
    reports = read_hl7((SAMPLES / sent["file"]).read_bytes())
    assert len(reports) == sent["n_reports"]
    observations = list(chain.from_iterable(report.observations for report in reports))
    assert len(observations) == sent["n_observations"]
    statuses = sent.get("report_statuses") or [sent["report_status"]]
    for report, status in zip(reports, statuses, strict=False):
        assert report.status == REPORT_STATUSES.get(status, report.status)
    for expectation, observation in zip(sent.get("observations", []), observations, strict=False):
        assert observation_facts(observation) == wanted(expectation, observation)
    subject = reports[0].subject
    assert (subject.family or "") == sent["patient_family"]
    assert (subject.given[0] if subject.given else "") == sent["patient_given"]
    assert subject.birth_date == birth_date(sent["patient_birthdate"])
    assert [number.value for number in subject.identifiers] == sent["patient_identifiers"]
    messages = [one for one in sent.get("messages", []) if one.get("observations")]
    every = [one for message in messages for one in message["observations"]]
    if len(every) == len(observations):
        for expectation, observation in zip(every, observations, strict=True):
            assert observation_facts(observation) == wanted(expectation, observation)


@pytest.mark.parametrize("file", sorted(REFUSED))
def test_a_message_of_another_kind_is_refused(file: str) -> None:
    if not (SAMPLES / file).exists():
        pytest.skip(NO_SAMPLES)
    with pytest.raises(ContentError) as refusal:
        read_hl7((SAMPLES / file).read_bytes())
    assert (refusal.value.code, refusal.value.field) == REFUSED[file]
