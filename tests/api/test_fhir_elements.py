"""The parts of a FHIR report come out as they were sent, and whatever is sent ends in a report or refusal."""

import base64
import copy
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.content import ContentError
from api.fhir.reading import read_fhir
from domain.report_content import (
    Attachment,
    Observation,
    ReferenceRange,
    ReportContent,
    Specimen,
    Value,
    ValueKind,
)
from domain.values import Coding, Concept, Identifier, Quantity

Json = dict[str, Any]
MMOL = {"value": 1, "unit": "mmol/L"}
ONE_MMOL = Quantity(value="1", unit="mmol/L")


def read_report(*others: Json, **elements: Any) -> ReportContent:
    sent = {"resourceType": "DiagnosticReport", "id": "r", "status": "final", **elements}
    entries = [{"resource": one} for one in (sent, *others)]
    content = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    (found,) = read_fhir(json.dumps(content, ensure_ascii=False).encode())
    return found


def read_observation(**elements: Any) -> Observation:
    sent = {"resourceType": "Observation", "id": "o", "status": "final", **elements}
    return read_fhir(json.dumps(sent, ensure_ascii=False).encode())[0].observations[0]


@pytest.mark.parametrize(
    ("sent", "value"),
    [
        (
            {
                "valueQuantity": {
                    **MMOL,
                    "comparator": "<",
                    "system": "urn:ucum",
                    "code": "u",
                }
            },
            Value(
                kind=ValueKind.QUANTITY,
                quantity=Quantity(value="1", unit="mmol/L", comparator="<", system="urn:ucum", code="u"),
            ),
        ),
        (
            {"valueCodeableConcept": {"coding": [{"system": "s", "code": "c", "display": "d"}], "text": "t"}},
            Value(
                kind=ValueKind.CONCEPT,
                concept=Concept(codings=(Coding(system="s", code="c", display="d"),), text="t"),
            ),
        ),
        ({"valueString": " по  Панченкову "}, Value(kind=ValueKind.TEXT, text=" по  Панченкову ")),
        ({"valueBoolean": False}, Value(kind=ValueKind.BOOLEAN, text="false")),
        ({"valueInteger": 0}, Value(kind=ValueKind.INTEGER, text="0")),
        ({"valueRange": {"low": MMOL}}, Value(kind=ValueKind.RANGE, low=ONE_MMOL)),
        (
            {"valueRatio": {"numerator": MMOL, "denominator": MMOL}},
            Value(kind=ValueKind.RATIO, numerator=ONE_MMOL, denominator=ONE_MMOL),
        ),
        (
            {"valueSampledData": {"origin": MMOL, "data": "1 2 E U"}},
            Value(kind=ValueKind.SAMPLED_DATA, quantity=ONE_MMOL, text="1 2 E U"),
        ),
        ({"valueTime": "08:15:00.120"}, Value(kind=ValueKind.TIME, text="08:15:00.120")),
        ({"valueDateTime": "2024-05"}, Value(kind=ValueKind.DATE_TIME, text="2024-05")),
        (
            {"valuePeriod": {"start": "2024-05-01", "end": "2024-05-02"}},
            Value(kind=ValueKind.PERIOD, text="2024-05-01/2024-05-02"),
        ),
        ({"valuePeriod": {"end": "2024-05-02"}}, Value(kind=ValueKind.PERIOD, text="/2024-05-02")),
        ({"valueAttachment": {"title": "Гель"}}, Value(kind=ValueKind.TEXT, text="Гель")),
        ({"valueReference": {"reference": "Media/1"}}, Value(kind=ValueKind.TEXT, text="Media/1")),
        ({"valueString": None}, None),
    ],
)
def test_every_type_of_value_keeps_what_it_says(sent: Json, value: Value | None) -> None:
    assert read_observation(**sent).value == value
    component = read_observation(component=[{"code": {"text": "c"}, **sent}]).components[0]
    assert (component.code, component.value) == (Concept(text="c"), value)


def test_an_observation_keeps_everything_said_about_its_value() -> None:
    found = read_observation(
        dataAbsentReason={"text": "hemolysed"},
        interpretation=[{"text": "H"}],
        method={"text": "ИФА"},
        category=[{"text": "laboratory"}],
        note=[{"text": "repeat"}, {"time": "2024"}],
        effectivePeriod={"start": "2024-05-01", "end": "2024-05-02"},
        referenceRange=[
            {"low": MMOL, "high": MMOL, "type": {"text": "normal"}, "appliesTo": [{"text": "women"}]},
            {"text": "adult", "age": {"low": {"value": 18, "unit": "a"}}},
        ],
    )
    assert found.data_absent_reason == Concept(text="hemolysed")
    assert found.interpretation == (Concept(text="H"),)
    assert (found.method, found.category) == (Concept(text="ИФА"), (Concept(text="laboratory"),))
    assert (found.notes, found.effective_at) == (("repeat",), "2024-05-01")
    assert found.reference_ranges == (
        ReferenceRange(
            low=ONE_MMOL, high=ONE_MMOL, kind=Concept(text="normal"), applies_to=(Concept(text="women"),)
        ),
        ReferenceRange(text="adult; age 18 a\u2013"),
    )


def test_one_object_where_stu3_had_one_is_a_list_of_one() -> None:
    performer = [{"actor": {"display": "LABORATÓRIO"}}]
    found = read_report(category={"text": "LAB"}, performer=performer)
    assert (found.category, found.performer) == ((Concept(text="LAB"),), "LABORATÓRIO")
    assert read_observation(comment="hemolysed").notes == ("hemolysed",)


def test_the_patient_has_the_official_name_and_every_number() -> None:
    kind = {"coding": [{"code": "SNILS"}]}
    patient = {
        "resourceType": "Patient",
        "name": [
            {"family": "Old", "use": "old"},
            {"use": "official", "family": "Иванова", "given": ["Анна", None, "Петровна"], "text": "А. И."},
        ],
        "birthDate": "1970",
        "gender": "female",
        "identifier": [{"system": "urn:oid:1", "value": "1", "type": kind}, {"system": "urn:oid:2"}],
    }
    subject = read_report(patient).subject
    assert (subject.family, subject.given, subject.name_text) == ("Иванова", ("Анна", "Петровна"), "А. И.")
    assert (subject.birth_date, subject.sex) == ("1970", "female")
    assert subject.identifiers == (Identifier(system="urn:oid:1", value="1", kind="SNILS"),)


def test_a_report_names_its_specimens_and_performers_once() -> None:
    blood = {
        "resourceType": "Specimen",
        "id": "s",
        "type": {"text": "blood"},
        "collection": {"collectedDateTime": "2024-05-01T08:00:00+03:00"},
        "receivedTime": "2024-05-01T09:00:00+03:00",
    }
    role = {
        "resourceType": "PractitionerRole",
        "id": "p",
        "practitioner": {"reference": "Practitioner/d"},
        "organization": {"display": "Лаборатория"},
    }
    doctor = {"resourceType": "Practitioner", "id": "d", "name": [{"family": "Смирнова", "given": ["Анна"]}]}
    link = {"reference": "Specimen/s"}
    loose = {"resourceType": "Observation", "status": "final", "specimen": link}
    found = read_report(
        blood, role, doctor, loose, specimen=[link, link], performer=[{"reference": "PractitionerRole/p"}]
    )
    assert found.performer == "Смирнова Анна; Лаборатория"
    assert found.specimens == (
        Specimen(
            kind=Concept(text="blood"),
            collected_at="2024-05-01T08:00:00+03:00",
            received_at="2024-05-01T09:00:00+03:00",
        ),
    )


def test_a_rendered_form_is_measured_where_it_stands() -> None:
    data = base64.b64encode(b"%PDF-1.7").decode()
    binary = {"resourceType": "Binary", "id": "b", "contentType": "application/pdf", "data": data}
    forms = [
        {"title": "here", "data": f"{data[:4]}\n{data[4:]}"},
        {"url": "Binary/b"},
        {"url": "https://lab.example/1.pdf", "size": 5},
    ]
    found = read_report(binary, presentedForm=forms)
    assert found.attachments == (
        Attachment(title="here", size_bytes=8, source="/entry/0/resource/presentedForm/0/data"),
        Attachment(content_type="application/pdf", size_bytes=8, source="/entry/1/resource/data"),
        Attachment(size_bytes=5),
    )
    assert found.notes == ("unresolved reference: https://lab.example/1.pdf",)


def test_a_report_keeps_its_own_words_and_is_known_by_its_own_number_first() -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "document",
        "identifier": {"value": "of the bundle"},
        "entry": [
            {
                "fullUrl": "urn:uuid:1",
                "resource": {
                    "resourceType": "DiagnosticReport",
                    "status": "amended",
                    "identifier": [{"value": "own"}],
                    "conclusion": "норма",
                    "conclusionCode": [{"text": "N"}],
                },
            }
        ],
    }
    (found,) = read_fhir(json.dumps(bundle).encode())
    assert found.identifiers == (Identifier(value="own"), Identifier(value="of the bundle"))
    assert (found.conclusion, found.conclusion_codes) == ("норма", (Concept(text="N"),))
    assert (found.status, found.source_id) == ("amended", "urn:uuid:1")


@settings(deadline=None)
@given(st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True))
def test_a_number_stays_as_it_was_sent(number: str) -> None:
    raw = f'{{"resourceType": "Observation", "status": "final", "valueQuantity": {{"value": {number}}}}}'
    value = read_fhir(raw.encode())[0].observations[0].value
    assert value is not None
    assert value.quantity == Quantity(value=number)
    assert value.quantity.number == Decimal(number)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
COMPLETE: Json = {
    "resourceType": "Bundle",
    "type": "collection",
    "identifier": {"value": "1"},
    "entry": [
        {
            "fullUrl": "urn:uuid:1",
            "resource": {
                "resourceType": "DiagnosticReport",
                "id": "r",
                "status": "final",
                "contained": [{"resourceType": "Observation", "id": "c", "status": "final"}],
                "subject": {"reference": "Patient/p"},
                "performer": [{"reference": "Organization/o"}],
                "specimen": [{"reference": "Specimen/s", "display": "blood"}],
                "result": [{"reference": "#c"}, {"reference": "Observation/a"}],
                "presentedForm": [{"data": "aGk=", "size": 2}, {"url": "Binary/b"}],
            },
        },
        {
            "resource": {
                "resourceType": "Observation",
                "id": "a",
                "status": "final",
                "code": {"coding": [{"code": "718-7"}]},
                "hasMember": [{"reference": "Observation/a"}],
                "valueQuantity": {"value": 7.20, "unit": "g/L"},
                "referenceRange": [{"low": {"value": 1}, "age": {"low": {"value": 1}}}],
                "component": [{"valuePeriod": {"start": "2024"}}],
            }
        },
        {"resource": {"resourceType": "Patient", "id": "p", "name": [{"given": ["A", None]}]}},
        {"resource": {"resourceType": "Specimen", "id": "s", "collection": {"collectedDateTime": "2024"}}},
        {"resource": {"resourceType": "Binary", "id": "b", "data": "aGk="}},
        {"resource": {"resourceType": "Organization", "id": "o", "name": "Lab"}},
    ],
}


def places(content: Any, here: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [here] if here else []
    if isinstance(content, dict | list):
        for step, inner in content.items() if isinstance(content, dict) else enumerate(content):
            found += places(inner, (*here, step))
    return found


@settings(deadline=None)
@given(ANY_JSON)
def test_any_json_is_reports_or_a_refusal(content: object) -> None:
    with pytest.raises(ContentError):
        read_fhir(json.dumps(content).encode())


@settings(deadline=None)
@given(st.data())
def test_a_bundle_with_any_part_replaced_is_reports_or_a_refusal(drawn: st.DataObject) -> None:
    content = copy.deepcopy(COMPLETE)
    *path, last = drawn.draw(st.sampled_from(places(COMPLETE)))
    inner: Any = content
    for step in path:
        inner = inner[step]
    inner[last] = drawn.draw(ANY_JSON)
    try:
        reports = read_fhir(json.dumps(content).encode())
    except ContentError:
        return
    assert all(isinstance(report, ReportContent) for report in reports)


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_a_refusal(raw: bytes) -> None:
    with pytest.raises(ContentError):
        read_fhir(raw)
