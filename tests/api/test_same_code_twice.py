"""The same code twice in a report, as for two antibiotics or two isolates, stays two observations everywhere."""

import json
from collections import Counter
from typing import Any

import orjson
import pytest

from api.fhir.reading import read_fhir
from api.portal.report_view import as_json, shown_observations
from domain.report_content import ReportContent
from domain.versions import completed
from projections.summary import summarise
from tests.api.cast import ANNA, Laboratory, Portal, bundle, settled
from tests.api.command import letopis
from tests.api.hl7_messages import report as hl7_report
from tests.api.test_fhir_samples import NO_SAMPLES, SAMPLES

# One code for the susceptibility, the drug only in the words; and the same drug by two methods.
AMOXICILLIN = "CWE|18769-0^Амоксициллин^LN||R^Resistant^HL70078||||||F"
CIPROFLOXACIN = "CWE|18769-0^Ципрофлоксацин^LN||S^Susceptible^HL70078||||||F"
HL7 = (f"OBX|1|{AMOXICILLIN}", f"OBX|2|{CIPROFLOXACIN}", f"OBX|3|{CIPROFLOXACIN.replace('S^S', 'I^I')}")

DECLARED = (
    "OBX|1|CWE|18769-0^Амоксициллин^LN||||||||U",
    "OBX|2|CWE|18769-0^Ципрофлоксацин^LN||||||||U",
)


def micro(number: str) -> bytes:
    """A bundle whose report has the same code three times: two drugs, one of them by two methods."""
    sent = json.loads(bundle(number))
    report, creatinine, patient = (entry["resource"] for entry in sent["entry"])
    report["result"] = [{"reference": f"Observation/{name}"} for name in ("a", "b", "c")]
    observations = [
        {
            **{field: creatinine[field] for field in ("resourceType", "status", "subject")},
            "id": name,
            "code": {"coding": [{"system": "http://loinc.org", "code": "18769-0"}], "text": drug},
            "valueString": word,
            "interpretation": [{"coding": [{"code": flag}]}],
        }
        for name, drug, word, flag in (
            ("a", "Амоксициллин", "устойчив", "A"),
            ("b", "Ципрофлоксацин", "чувствителен", "N"),
            ("c", "Ципрофлоксацин", "промежуточный", "A"),
        )
    ]
    entries = [
        {"fullUrl": f"urn:lab/{one['resourceType']}/{one['id']}", "resource": one}
        for one in (report, *observations, patient)
    ]
    return orjson.dumps(sent | {"entry": entries})


@pytest.mark.parametrize("content", [hl7_report(*HL7), read_fhir(micro("1"))[0]], ids=["HL7 v2", "FHIR"])
def test_each_has_its_row_its_object_and_its_place_in_the_summary(content: ReportContent) -> None:
    rows, objects = shown_observations(content, "ru"), as_json(content)
    assert len(content.observations) == len(rows) == len(objects) == summarise(content).observations == 3
    assert [row["name"] for row in rows] == ["Амоксициллин", "Ципрофлоксацин", "Ципрофлоксацин"]
    assert len({row["value"] for row in rows}) == 3
    assert {found["code"] for found in objects} == {"18769-0"}


@pytest.mark.parametrize("name", ["fhir__Bundle-micro", "xpandh-lab__Bundle-BundleLabResultMicroCultureSusc"])
def test_a_real_report_of_microbiology_keeps_every_observation(name: str) -> None:
    path = SAMPLES / "fhir-json" / f"{name}.json"
    if not path.exists():
        pytest.skip(NO_SAMPLES)
    sent = [entry["resource"] for entry in json.loads(path.read_bytes())["entry"]]
    codes = Counter(
        coding["code"]
        for one in sent
        if one["resourceType"] == "Observation"
        for coding in one["code"].get("coding", [])[:1]
    )
    (content,) = read_fhir(path.read_bytes())
    objects = as_json(content)
    assert Counter(found["code"] for found in objects if found["code"]) == codes
    components = sum(len(observation.components) for observation in content.observations)
    assert len(shown_observations(content, "ru")) == len(objects) + components


def test_what_is_declared_final_without_its_value_takes_no_other_ones() -> None:
    """OBX-11 of U: the value stands in the version before; which, is told by the whole name."""
    before = hl7_report(*HL7[:2])
    declared = hl7_report(*DECLARED)
    assert all(observation.is_final_as_sent for observation in declared.observations)
    assert [row["value"] for row in as_json(completed(declared, before))] == ["R", "S"]
    assert [row["value"] for row in as_json(completed(declared, hl7_report(HL7[0])))] == ["R", None]
    (other,) = completed(hl7_report(DECLARED[1]), hl7_report(HL7[0])).observations
    assert other.value is None
    nameless = DECLARED[0].replace("Амоксициллин", "")
    assert [row["value"] for row in as_json(completed(hl7_report(nameless), hl7_report(HL7[0])))] == ["R"]


def test_two_of_one_name_are_not_guessed_apart() -> None:
    """Two of the same name and the same place are told apart by nothing: no value is better than another's."""
    (two,) = read_fhir(micro("1"))
    assert len({observation.code for observation in two.observations}) == 2
    nameless = tuple(
        observation.__class__(code=observation.code, status=observation.status, is_final_as_sent=True)
        for observation in two.observations[1:]
    )
    before = two.__class__(
        status=two.status,
        subject=two.subject,
        observations=tuple(
            observation.__class__(code=observation.code, status=observation.status, value=observation.value)
            for observation in two.observations[1:]
        ),
    )
    declared = two.__class__(status=two.status, subject=two.subject, observations=nameless)
    assert [observation.value for observation in completed(declared, before).observations] == [None, None]


def test_the_page_and_the_command_line_show_each(portal: Portal, laboratory: Laboratory) -> None:
    answer = portal.submit(laboratory.seal(micro("1")))
    assert answer.status_code == 201, answer.text
    settled(portal.opened, ANNA, laboratory.laboratory_id)
    report_id = str(answer.json()["reports"][0]["id"])
    shown: dict[str, Any] = json.loads(letopis(portal.opened, "report", report_id, "--json").stdout)
    assert [found["value"] for found in shown["observations"]] == [
        "устойчив",
        "чувствителен",
        "промежуточный",
    ]
    assert {found["code"] for found in shown["observations"]} == {"18769-0"}
