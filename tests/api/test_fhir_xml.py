"""FHIR XML is read as its JSON is: the same reports from the same resource, the same refusals in the same places."""

import copy
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.content import ContentError
from api.fhir.reading import read_fhir
from api.fhir.xml import read_fhir_xml, xml_to_json_value
from api.json_content import number_text
from api.xml_content import parse_xml
from domain.report_content import Observation, ReportContent, ValueKind
from tests.api.test_fhir_elements import COMPLETE
from tests.api.test_fhir_samples import (
    KEPT,
    NO_SAMPLES,
    REFUSED,
    SAMPLES,
    counted,
    expected_of,
    observation_facts,
    observations_of,
    table,
    without_derived,
)

FHIR = "http://hl7.org/fhir"
# A writer of FHIR XML (2.6.1) that knows nothing of our models. Numbers come to it as their text.


def read_json(raw: bytes) -> Any:
    return json.loads(raw, parse_int=str, parse_float=str)


def write_xml(resource: dict[str, Any]) -> bytes:
    root = ET.Element(resource["resourceType"], xmlns=FHIR)
    write_members(root, resource, is_resource=True)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True)


def write_members(element: ET.Element, content: dict[str, Any], *, is_resource: bool = False) -> None:
    for name, member in content.items():
        if name == "resourceType":
            continue
        if (name == "id" and not is_resource) or (
            name == "url" and element.tag.lower().endswith("extension")
        ):
            element.set(name, member)
        elif name.startswith("_"):
            if name[1:] not in content:  # a primitive that has extensions alone
                write_element(element, name[1:], None, member)
        elif isinstance(member, list):
            others = content.get("_" + name) or [None] * len(member)
            for item, other in zip(member, others, strict=True):
                write_element(element, name, item, other)
        elif member is not None:
            write_element(element, name, member, content.get("_" + name))


def write_element(parent: ET.Element, name: str, member: Any, extended: Any = None) -> None:
    if name == "div":
        parent.append(xhtml(member))
        return
    element = ET.SubElement(parent, name)
    if isinstance(member, dict) and "resourceType" in member:
        write_members(ET.SubElement(element, member["resourceType"]), member, is_resource=True)
    elif isinstance(member, dict):
        write_members(element, member)
    elif member is not None:
        element.set("value", str(member).lower() if isinstance(member, bool) else member)
    if isinstance(extended, dict):
        write_members(element, extended)


def xhtml(sent: str) -> ET.Element:
    try:
        return ET.fromstring(sent)
    except ET.ParseError:  # JSON carries such
        element = ET.Element("{http://www.w3.org/1999/xhtml}div")
        element.text = sent
        return element


def outcome_json(raw: bytes) -> object:
    try:
        return read_fhir(raw)
    except ContentError as error:
        return error.code, error.field


def outcome_xml(raw: bytes) -> object:
    try:
        return read_fhir_xml(raw)
    except ContentError as error:
        return error.code, error.field


def json_samples() -> Iterator[Any]:
    paths = {path.name: path for folder in (KEPT, SAMPLES / "fhir-json") for path in folder.glob("*")}
    for name, path in sorted(paths.items()):
        if f"fhir-json/{name}" not in REFUSED:
            yield pytest.param(path, id=name)


@pytest.mark.parametrize("path", list(json_samples()))
def test_a_real_submission_in_xml_gives_the_reports_of_its_json(path: Path) -> None:
    raw = path.read_bytes()
    reports = read_fhir(raw)
    assert reports
    assert read_fhir_xml(write_xml(read_json(raw))) == reports


def facts_with_range(observation: Observation) -> dict[str, object]:
    value = observation.value
    ends = {"value_low": value.low, "value_high": value.high} if value else {}
    return observation_facts(observation) | {name: end.value for name, end in ends.items() if end}


@pytest.mark.parametrize("expected", table(expected_of("fhir-xml")))
def test_a_real_xml_submission_gives_its_facts(expected: dict[str, Any]) -> None:
    reports = read_fhir_xml((SAMPLES / expected["file"]).read_bytes())
    assert len(reports) == expected["n_reports"]
    found = observations_of(reports)
    assert len(found) == expected["n_observations"]
    assert sum(bool(one.members) and one.value is None for one in found) == expected["n_panels"]
    assert {str(report.status) for report in reports} == {expected["report_status"]}
    assert counted(map(facts_with_range, found)) == counted(map(without_derived, expected["observations"]))
    subject = reports[0].subject
    assert subject.birth_date == expected["patient_birthdate"]
    assert list(subject.given) == expected["patient_given"]
    assert subject.name_text == expected.get("patient_name_text")
    assert [number.value for number in subject.identifiers] == expected["patient_identifiers"]


def test_the_same_report_was_sent_in_both_forms() -> None:
    name = "xpandh-lab__4.1._Caso_Teste_1_-_Tipagem_ABO_e_RH_D_caso_de_sucesso_"
    if not (SAMPLES / "fhir-xml").exists():
        pytest.skip(NO_SAMPLES)
    (in_xml,) = read_fhir_xml((SAMPLES / "fhir-xml" / f"{name}.xml").read_bytes())
    (in_json,) = read_fhir((SAMPLES / "fhir-json" / f"{name}.json").read_bytes())
    assert in_xml.observations == in_json.observations
    assert in_xml.subject == in_json.subject


# Made-up ones


def observation(inside: str, attributes: str = "") -> bytes:
    return f'<Observation xmlns="{FHIR}"{attributes}>{inside}</Observation>'.encode()


STATUS = '<status value="final"/>'


def test_what_is_read_has_the_types_of_its_json() -> None:
    quantity = '<valueQuantity id="q"><value value="72.50"/><unit value="%"/></valueQuantity>'
    category = '<category><text value="laboratory"/></category><category/>'
    root = parse_xml(observation(f'<id value="a"/><meta/>{STATUS}{category}{quantity}'))
    found: Any = xml_to_json_value(root)
    found["valueQuantity"]["value"] = number_text(found["valueQuantity"]["value"])
    assert found == {
        "resourceType": "Observation",
        "id": "a",
        "meta": {},
        "status": "final",
        "category": [{"text": "laboratory"}, {}],
        "valueQuantity": {"value": "72.50", "unit": "%"},
    }


@pytest.mark.parametrize("text", ["72.50", "-0.0", "1e3", "1.0E-2", "0", "1" * 200])
def test_a_decimal_is_kept_as_sent(text: str) -> None:
    sent = f'{STATUS}<valueQuantity><value value="{text}"/></valueQuantity>'
    value = read_fhir_xml(observation(sent))[0].observations[0].value
    assert value is not None and value.quantity is not None
    assert value.quantity.value == text


@pytest.mark.parametrize("text", [" ", "NaN", "1_000", " 5", "+5", "007", ".5", "5.", "٥", "1e9999999"])
def test_a_decimal_that_is_none_in_fhir_is_refused(text: str) -> None:
    sent = f'{STATUS}<valueQuantity><value value="{text}"/></valueQuantity>'
    code = "value-not-allowed" if text == "1e9999999" else "content-not-fhir"
    assert outcome_xml(observation(sent)) == (code, "Observation.valueQuantity.value")


def test_booleans_and_integers_are_told_from_text() -> None:
    (report,) = read_fhir_xml(observation(f'{STATUS}<valueBoolean value="false"/>'))
    assert report.observations[0].value and report.observations[0].value.kind is ValueKind.BOOLEAN
    (report,) = read_fhir_xml(observation(f'{STATUS}<valueInteger value="12"/>'))
    assert report.observations[0].value and report.observations[0].value.text == "12"
    (report,) = read_fhir_xml(observation(f'{STATUS}<valueString value="true"/>'))
    assert report.observations[0].value and report.observations[0].value.text == "true"


def test_comments_prefixes_instructions_and_schema_locations_change_nothing() -> None:
    xsi = (
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://hl7.org/fhir f.xsd"'
    )
    raw = (
        f'<?xml version="1.0" encoding="windows-1251"?><?a b?><f:Observation xmlns:f="{FHIR}" {xsi}><!-- a -->\n'
        f'<f:status value="final"/><?c d?><f:valueString value="кровь"/><!-- b --></f:Observation>'
    ).encode("windows-1251")
    (report,) = read_fhir_xml(raw)
    assert report.observations[0].value and report.observations[0].value.text == "кровь"


def test_characters_that_xml_escapes_are_read_as_meant() -> None:
    sent = f'{STATUS}<valueString value="&amp;amp; &lt;&#38;&quot; &#10;&#x44F;"/>'
    value = read_fhir_xml(observation(sent))[0].observations[0].value
    assert value is not None
    assert value.text == '&amp; <&" \nя'


def test_an_extension_of_a_primitive_changes_nothing_and_alone_is_no_value() -> None:
    extension = '<extension url="http://a"><valueCode value="BR"/></extension>'
    patient = (
        f'<Patient><id value="p"/><name><family value="F">{extension}</family>'
        f'<given>{extension}</given><given id="g" value="G"/></name></Patient>'
    )
    sent = f'{STATUS}<contained>{patient}</contained><subject><reference value="#p"/></subject>'
    subject = read_fhir_xml(observation(sent))[0].subject
    assert (subject.family, subject.given) == ("F", ("G",))


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"<Observation/>", "resourceType"),
        (b'<ClinicalDocument xmlns="urn:hl7-org:v3"/>', "resourceType"),
        (b'<Patient xmlns="http://hl7.org/fhir"/>', "resourceType"),
        (observation(""), "Observation.status"),
        (observation("<status>final</status>"), "Observation.status"),
        (observation(STATUS + "5.4"), "Observation"),
        (observation(STATUS + STATUS), "Observation.status"),
        (observation("<status><coding/></status>"), "Observation.status"),
        (observation(STATUS, ' value="5"'), "Observation"),
        (observation(f'{STATUS}<code value="GLU"/>'), "Observation.code"),
        (observation(f'{STATUS}<category/><category value="x"/>'), "Observation.category[1]"),
        (observation(f'{STATUS}<code><coding system="a" code="b"/></code>'), "Observation.code.coding[0]"),
        (observation(f'{STATUS}<valueDecimal value="5.4"/>'), "Observation.value[x]"),
        (observation(f'{STATUS}<valueBoolean value="yes"/>'), "Observation.valueBoolean"),
        (observation(f'{STATUS}<v:valueString xmlns:v="urn:x" value="5"/>'), "Observation"),
        (observation(f"{STATUS}<contained><Patient/><Patient/></contained>"), "Observation.contained[0]"),
        (observation(f"{STATUS}<contained>x<Patient/></contained>"), "Observation.contained[0]"),
        (observation(f"{STATUS}<contained/>"), "Observation.contained[0]"),
    ],
)
def test_a_refusal_names_the_place(raw: bytes, field: str) -> None:
    code = "no-report-in-content" if b"<Patient xmlns" in raw else "content-not-fhir"
    assert outcome_xml(raw) == (code, field)


def test_a_place_deep_in_a_bundle_is_named_as_in_json() -> None:
    entry = f"<entry><resource><Observation>{STATUS}{{}}</Observation></resource></entry>"
    wrong = '<component><valueQuantity><value value="x"/></valueQuantity></component>'
    entries = entry.format("") + entry.format("<component/>" + wrong)
    raw = f'<Bundle xmlns="{FHIR}"><type value="collection"/>{entries}</Bundle>'.encode()
    field = "Bundle.entry[1].resource.component[1].valueQuantity.value"
    assert outcome_xml(raw) == ("content-not-fhir", field)


def test_a_doctype_and_broken_xml_are_the_parsers_refusals() -> None:
    assert outcome_xml(b"<!DOCTYPE Bundle><Bundle/>") == ("xml-doctype-forbidden", None)
    assert outcome_xml(b"<Bundle") == ("content-not-xml", None)


def test_references_that_nest_as_deep_as_may_be_end() -> None:
    deep = "<actor>" * 61 + "</actor>" * 61
    assert len(read_fhir_xml(observation(f"{STATUS}<performer>{deep}</performer>"))) == 1


def test_a_large_bundle_is_read_in_reasonable_time() -> None:
    one = f'<entry><resource><Observation>{STATUS}<code><text value="x"/></code></Observation></resource></entry>'
    started = time.monotonic()
    raw = f'<Bundle xmlns="{FHIR}"><type value="collection"/>{one * 10_000}</Bundle>'.encode()
    assert len(read_fhir_xml(raw)[0].observations) == 10_000
    assert time.monotonic() - started < 20


# Properties


def places(content: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    steps = content.items() if isinstance(content, dict) else enumerate(content)
    inner = [(step, one) for step, one in steps if step != "resourceType"]
    found = [(*here, step) for step, _ in inner]
    for step, one in inner:
        if isinstance(one, dict | list):
            found += places(one, (*here, step))
    return found


COMPLETE_TEXT = read_json(json.dumps(COMPLETE).encode())
TEXTS = ["final", "", "Observation/o", "#c", "2024-02-30", "2024-02", "male", "history", "кровь\n\t «a» <&>"]


@settings(deadline=None)
@given(st.data())
def test_a_changed_resource_has_the_same_outcome_in_both_forms(drawn: st.DataObject) -> None:
    """One part at a time is taken out, sent twice, or, if it is text in JSON too, replaced by other text."""
    typed = copy.deepcopy(COMPLETE)
    *path, last = drawn.draw(st.sampled_from(places(COMPLETE)))
    inner: Any = typed
    for step in path:
        inner = inner[step]
    if isinstance(inner, list) and drawn.draw(st.booleans()):
        inner.append(copy.deepcopy(inner[last]))
    elif isinstance(inner[last], str):
        inner[last] = drawn.draw(st.sampled_from(TEXTS))
    else:
        del inner[last]
    raw = json.dumps(typed).encode()
    assert outcome_xml(write_xml(read_json(raw))) == outcome_json(raw)


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_a_refusal(raw: bytes) -> None:
    with pytest.raises(ContentError):
        read_fhir_xml(raw)


ELEMENT_NAMES = (
    *("status", "code", "coding", "value", "valueQuantity", "valueX", "given", "type", "extension", "div"),
    *("contained", "Observation", "Bundle", "entry", "resource", "DiagnosticReport", "result", "reference"),
)


def element_trees() -> st.SearchStrategy[str]:
    names = st.sampled_from(ELEMENT_NAMES)
    values = st.sampled_from(["final", "1.0", "true", "#a", "collection", "&#10;", ""])
    leaves = st.builds('<{} value="{}"/>'.format, names, values) | st.sampled_from(["", "text", "<!-- c -->"])
    return st.recursive(
        leaves,
        lambda inner: st.builds(
            lambda name, parts: f"<{name}>{''.join(parts)}</{name}>", names, st.lists(inner, max_size=4)
        ),
        max_leaves=20,
    )


@settings(deadline=None)
@given(st.sampled_from(["Observation", "DiagnosticReport", "Bundle"]), element_trees(), element_trees())
def test_any_elements_are_reports_or_a_refusal(kind: str, one: str, other: str) -> None:
    status = '<type value="batch"/>' if kind == "Bundle" else STATUS
    outcome = outcome_xml(f'<{kind} xmlns="{FHIR}">{status}{one}{other}</{kind}>'.encode())
    assert isinstance(outcome, tuple) and outcome


@settings(deadline=None)
@given(st.data())
def test_mutated_xml_is_reports_or_a_refusal(drawn: st.DataObject) -> None:
    raw = write_xml(COMPLETE_TEXT)
    start = drawn.draw(st.integers(0, len(raw)))
    end = drawn.draw(st.integers(start, min(len(raw), start + 40)))
    try:
        reports = read_fhir_xml(raw[:start] + drawn.draw(st.binary(max_size=8)) + raw[end:])
    except ContentError:
        return
    assert all(isinstance(report, ReportContent) for report in reports)


@settings(deadline=None)
@given(st.data())
def test_elements_removed_doubled_or_renamed_are_reports_or_a_refusal(drawn: st.DataObject) -> None:
    root = ET.fromstring(write_xml(COMPLETE_TEXT))
    parents = [element for element in root.iter() if len(element)]
    parent = parents[drawn.draw(st.integers(0, len(parents) - 1))]
    index = drawn.draw(st.integers(0, len(parent) - 1))
    change = drawn.draw(st.sampled_from(["remove", "double", "rename"]))
    if change == "remove":
        del parent[index]
    elif change == "double":
        parent.append(copy.deepcopy(parent[index]))
    else:
        parent[index].tag = drawn.draw(st.sampled_from([f"{{{FHIR}}}value", "code", f"{{{FHIR}}}contained"]))
    try:
        reports = read_fhir_xml(ET.tostring(root))
    except ContentError:
        return
    assert all(isinstance(report, ReportContent) for report in reports)
