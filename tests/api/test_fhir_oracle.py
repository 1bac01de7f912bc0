"""Our FHIR reading against fhir.resources: every observation and every report says the same to both."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.fhir.reading import read_fhir
from api.fhir.xml import read_fhir_xml
from domain.report_content import ReportContent
from tests.api.test_fhir_samples import KEPT, REFUSED, SAMPLES
from tests.api.test_fhir_xml import read_json, write_xml

pytest.importorskip("fhir.resources", reason="NOT TESTED: fhir.resources is not installed")
from tests.api import fhir_oracle as oracle

FILES = sorted(
    path
    for folder in (KEPT, SAMPLES / "fhir-json", SAMPLES / "fhir-xml")
    for path in folder.glob("*")
    if f"{path.parent.name}/{path.name}" not in REFUSED
)
# Real submissions that are no valid R4B, by the first field that the oracle does not take; we take them, and
# test_fhir_samples holds their facts.
_STU3 = "refused: DiagnosticReport.category: list_type"
NOT_VALID = {
    "prime-reportstream__valid_fhir.fhir": "refused: Observation.extension.1._valueDateTime: extra_forbidden",
    "xpandh-lab__1.1._Caso_Teste_1_-_Hemograma_caso_de_sucesso_.json": _STU3,
    "xpandh-lab__1.2._Caso_Teste_2_-_Hemograma_caso_de_insucesso_.json": _STU3,
    "xpandh-lab__4.1._Caso_Teste_1_-_Tipagem_ABO_e_RH_D_caso_de_sucesso_.json": _STU3,
    "xpandh-lab__4.2._Caso_Teste_2_-_Tipagem_AB0_e_Rh_D_caso_de_insucesso_.json": _STU3,
    "xpandh-lab__4.1._Caso_Teste_1_-_Tipagem_ABO_e_RH_D_caso_de_sucesso_.xml": "refused: DiagnosticReport: KeyError",
}


def read(raw: bytes) -> tuple[ReportContent, ...]:
    return read_fhir_xml(raw) if raw.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"<") else read_fhir(raw)


def differences(raw: bytes, reports: Sequence[ReportContent]) -> list[str]:
    """What the oracle reads otherwise in the submission, than these reports say."""
    sent = oracle.sent_in(raw)
    if sent.refused:
        return [f"refused: {one}" for one in sent.refused]
    ours = Counter(oracle.our_observation(one) for report in reports for one in report.observations)
    theirs = Counter(map(oracle.observation_facts, oracle.observations_of(sent)))
    found = [f"only ours: {one}" for one in ours - theirs]
    found += [f"only theirs: {one}" for one in theirs - ours]
    named = oracle.reports_of(sent)
    for (facts, results), report in zip(named, reports, strict=False):
        mine = oracle.our_report(report)
        # A Bundle's own number is added to its only report.
        is_same = mine[:4] == facts[:4] and mine[5:] == facts[5:] and mine[4][: len(facts[4])] == facts[4]
        found += [] if is_same else [f"report: {mine} and {facts}"]
        held = Counter(map(oracle.our_observation, report.observations))
        missing = Counter(map(oracle.observation_facts, results)) - held
        found += [f"not in its report: {one}" for one in missing]
    if len(reports) < len(named):
        found.append(f"{len(reports)} reports of {len(named)}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_real_submission_says_the_same_to_both(path: Path) -> None:
    raw = path.read_bytes()
    found = differences(raw, read(raw))
    expected = NOT_VALID.get(path.name)
    assert found[:1] == ([expected] if expected else [])


# Generated. A number is written between two § and stands bare in the end, with its digits as they are.

texts = st.text("aЯё ы<&\"'\n%µ", min_size=1, max_size=12).filter(lambda text: text == text.strip() != "")
decimals = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "-"]),
    st.sampled_from(
        ["0", "7", "10", "72.50", "0.10", "1000000", "0.00000000000000000001", "123456789.987654321"]
    ),
    st.sampled_from(["", "", "e3", "E-7"]),
).map("§{}§".format)
codes = st.sampled_from(["718-7", "14682-9", "local code", "a"])
codings = st.fixed_dictionaries(
    {"code": codes}, optional={"system": st.just("http://loinc.org"), "display": texts}
)
concepts = st.fixed_dictionaries(
    {"coding": st.lists(codings, min_size=1, max_size=2)}, optional={"text": texts}
)
quantities = st.fixed_dictionaries(
    {"value": decimals},
    optional={
        "unit": texts,
        "comparator": st.sampled_from(["<", "<=", ">=", ">"]),
        "system": st.just("http://unitsofmeasure.org"),
        "code": st.sampled_from(["umol/L", "%"]),
    },
)
plain_quantities = st.fixed_dictionaries({"value": decimals}, optional={"unit": texts})
ranges = st.fixed_dictionaries({"low": plain_quantities, "high": plain_quantities})
days = st.sampled_from(
    ["2024", "2024-05", "2024-05-01", "2024-05-01T10:15:00+03:00", "2024-02-29T23:59:59.120Z"]
)
instants = st.sampled_from(["2024-05-01T10:15:00+03:00", "2024-02-29T23:59:59.120Z"])
values = st.one_of(
    st.just({}),
    quantities.map(lambda one: {"valueQuantity": one}),
    concepts.map(lambda one: {"valueCodeableConcept": one}),
    texts.map(lambda one: {"valueString": one}),
    st.booleans().map(lambda one: {"valueBoolean": one}),
    st.sampled_from(["§0§", "§-12§", "§77§"]).map(lambda one: {"valueInteger": one}),
    ranges.map(lambda one: {"valueRange": one}),
    st.builds(lambda a, b: {"valueRatio": {"numerator": a, "denominator": b}}, quantities, quantities),
    days.map(lambda one: {"valueDateTime": one}),
    st.just({"valueTime": "08:15:00"}),
    st.just({"valuePeriod": {"start": "2024-05-01", "end": "2024-05-02"}}),
)
reference_ranges = st.lists(
    st.one_of(ranges, plain_quantities.map(lambda one: {"low": one}), texts.map(lambda one: {"text": one})),
    max_size=2,
)


def measured(code: Any, value: dict[str, Any], flags: list[Any], usual: list[Any]) -> dict[str, Any]:
    lists = {"interpretation": flags, "referenceRange": usual}
    return {"code": code, **value, **{name: one for name, one in lists.items() if one}}


parts = st.builds(measured, concepts, values, st.lists(concepts, max_size=1), reference_ranges)
statuses = st.sampled_from(
    ["registered", "preliminary", "final", "amended", "corrected", "cancelled", "unknown"]
)


@st.composite
def bundles(draw: st.DrawFn) -> dict[str, Any]:
    """Two reports of one patient, observations that either names, some as members of others."""
    count = draw(st.integers(1, 5))
    names = [f"Observation/o{number}" for number in range(count)]
    observations = [
        {
            "resourceType": "Observation",
            "id": f"o{number}",
            "status": draw(statuses),
            **draw(parts),
            "subject": {"reference": "Patient/p"},
            **draw(st.sampled_from([{}, {"issued": "2024-05-01T10:15:00+03:00"}])),
        }
        for number in range(count)
    ]
    for number, one in enumerate(observations):
        if draw(st.booleans()):
            one["effectiveDateTime"] = draw(days)
        if draw(st.integers(0, 3)) == 0:
            one["component"] = draw(st.lists(parts, min_size=1, max_size=2))
        later = names[number + 1 :]
        if later and draw(st.integers(0, 3)) == 0:
            one["hasMember"] = [{"reference": draw(st.sampled_from(later))}]
    reports = [
        {
            "resourceType": "DiagnosticReport",
            "id": f"r{number}",
            "identifier": [{"system": "urn:lab", "value": f"N{number}"}],
            "status": draw(
                st.sampled_from(["partial", "preliminary", "final", "appended", "entered-in-error"])
            ),
            "code": draw(concepts),
            "subject": {"reference": "Patient/p"},
            "issued": draw(instants),
            "result": [{"reference": draw(st.sampled_from(names))} for _ in range(draw(st.integers(1, 3)))],
        }
        for number in range(2)
    ]
    patient = {
        "resourceType": "Patient",
        "id": "p",
        "name": [{"family": "Иванова"}],
        "birthDate": "1980-02-29",
    }
    resources = draw(st.permutations([*reports, *observations, patient]))
    base = draw(st.sampled_from(["http://lab.example/fhir/", "urn:lab/"]))
    entries = [{"fullUrl": f"{base}{one['resourceType']}/{one['id']}", "resource": one} for one in resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def in_json(bundle: dict[str, Any]) -> bytes:
    return re.sub('"§([^"]*)§"', r"\1", json.dumps(bundle, ensure_ascii=False)).encode()


@settings(max_examples=150)
@given(bundles())
def test_a_generated_submission_says_the_same_to_both(bundle: dict[str, Any]) -> None:
    raw = in_json(bundle)
    assert differences(raw, read(raw)) == []


@settings(max_examples=80)
@given(bundles())
def test_a_generated_submission_in_xml_says_the_same_to_both(bundle: dict[str, Any]) -> None:
    raw = write_xml(read_json(in_json(bundle)))
    assert differences(raw, read(raw)) == []


# The comparison can fail.


@pytest.mark.parametrize(
    ("sent", "misread"),
    [
        ("72.50", "72.5"),
        ('"final"', '"amended"'),
        ("14682-9", "14682-8"),
        ("umol/L", "mmol/L"),
        ("Observation/b", "#b"),
    ],
)
def test_a_misreading_is_seen(sent: str, misread: str) -> None:
    quantity = {"value": "§72.50§", "unit": "umol/L"}
    resources = [
        {
            "resourceType": "DiagnosticReport",
            "id": "r",
            "status": "final",
            "code": {"text": "t"},
            "result": [{"reference": "Observation/b"}],
        },
        {"resourceType": "DiagnosticReport", "id": "other", "status": "partial", "code": {"text": "t"}},
        {
            "resourceType": "Observation",
            "id": "b",
            "status": "final",
            "code": {"coding": [{"code": "14682-9"}]},
            "valueQuantity": quantity,
        },
    ]
    raw = in_json(
        {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}
    )
    assert differences(raw, read(raw)) == []
    assert differences(raw, read(raw.replace(sent.encode(), misread.encode())))
