"""A usual observation is read by a shorter way, and by what comes out nobody can tell which way was taken."""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.content import ContentError
from api.fhir import references
from api.fhir.reading import read_fhir
from api.fhir.usual import usual_observation
from api.json_content import parse_json
from domain.report_content import ReportContent, Value, ValueKind
from domain.values import Quantity

Json = dict[str, Any]
GRAMS = {
    "value": 7.20,
    "comparator": "<",
    "unit": "g/L",
    "system": "http://unitsofmeasure.org",
    "code": "g/L",
}
CONCEPT = {"coding": [{"system": "s", "code": "c", "display": "d"}, {"code": "e"}], "text": "t"}
ABSENT = {
    "extension": [
        {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}
    ]
}
LINK = {"reference": "Patient/p", "display": "A", "identifier": {"value": "1"}}
USUAL: Json = {
    "resourceType": "Observation",
    "id": "o",
    "meta": {"profile": ["p"]},
    "status": "final",
    "category": [CONCEPT],
    "code": CONCEPT,
    "subject": LINK,
    "effectiveDateTime": "2024-05-01T08:00:00+03:00",
    "issued": "2024-05-01T10:00:00+03:00",
    "performer": [LINK],
    "valueQuantity": GRAMS,
    "interpretation": [CONCEPT],
    "note": [{"text": "repeat"}, {"text": ""}],
    "method": CONCEPT,
    "specimen": LINK,
    "referenceRange": [
        {"low": GRAMS, "high": {"value": 9}, "type": CONCEPT, "appliesTo": [CONCEPT], "text": "women"}
    ],
}
NAMES = (
    *USUAL,
    *("valueCodeableConcept", "valueString", "valueBoolean", "valueInteger", "valueRange", "valuePeriod"),
    *("valueDateTime", "valueReference", "valueDecimal", "_valueString", "value", "value[x]"),
    *(
        "component",
        "contained",
        "hasMember",
        "comment",
        "dataAbsentReason",
        "effectivePeriod",
        "effectiveInstant",
    ),
    *(
        "kind",
        "members",
        "notes",
        "id or fullUrl",
        "texts of note",
        "source_id",
        "is_final_as_sent",
        "isFinalAsSent",
    ),
    *("extension", "modifierExtension", "_value", "_code", "related", "derivedFrom"),
    *("age", "low", "high", "type", "text", "appliesTo", "applies_to", "coding", "codings", "unit", "actor"),
)
PARTS: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(
            None,
            True,
            False,
            0,
            -0.0,
            1e300,
            5,
            "",
            "x",
            "2024",
            "2024-02-30",
            "final",
            "<",
            [],
            {},
            [None],
            [{}],
        ),
        *(ABSENT, ABSENT["extension"], {"value": "", **ABSENT}, "Final", " <", "2024-05-01 10:00:00+03"),
        *(GRAMS, CONCEPT, LINK, [GRAMS], [CONCEPT], [LINK], {"text": ""}, [{"text": "n"}, {"text": None}]),
        *({"start": "2024", "end": None}, [{"age": {"low": GRAMS}, "text": "a"}], [{"valueString": "a"}]),
        *([{"text": ""}], [{"low": None, "age": None}], [{"valueQuantity": GRAMS, "valueString": "a"}]),
        *([{"resourceType": "Observation", "id": "c", "status": "final"}], [{"reference": "#c"}]),
    ]
)


@contextmanager
def read_by_the_models_alone() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(references, "usual_observation", lambda *_: None)
        yield


def outcome(sent: Json, **entry: str) -> tuple[ReportContent, ...] | tuple[str, str | None]:
    content = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": sent, **entry}]}
    try:
        return read_fhir(json.dumps(content).encode())
    except ContentError as error:
        return (error.code, error.field)


def is_usual(**elements: Any) -> bool:
    sent: Any = parse_json(json.dumps({**USUAL, **elements}).encode())
    return usual_observation(sent, None) is not None


def places(content: Any, here: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [here]
    steps = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    for step, inner in steps:
        found += places(inner, (*here, step))
    return found


def spoil(content: Json, drawn: st.DataObject) -> None:
    """Another part in the place of one, or one more, or one less."""
    *path, last = drawn.draw(st.sampled_from(places(content)[1:]))
    inner: Any = content
    for step in path:
        inner = inner[step]
    way = drawn.draw(st.sampled_from(["other", "one", "none", "more", "more"]))
    part = copy.deepcopy(drawn.draw(PARTS))
    if way == "none":
        del inner[last]
    elif way == "more" and isinstance(inner, dict):
        inner[drawn.draw(st.sampled_from(NAMES))] = part
    elif way == "one" and isinstance(inner[last], list) and inner[last]:
        inner[last] = inner[last][0]
    else:
        inner[last] = part


@settings(deadline=None, max_examples=600)
@given(st.data())
def test_both_ways_read_the_same_and_refuse_the_same(drawn: st.DataObject) -> None:
    sent = copy.deepcopy(USUAL)
    for _ in range(drawn.draw(st.integers(1, 3))):
        spoil(sent, drawn)
    entry = drawn.draw(st.sampled_from([{}, {"fullUrl": "urn:uuid:1"}]))
    found = outcome(sent, **entry)
    with read_by_the_models_alone():
        assert found == outcome(sent, **entry)


@pytest.mark.parametrize(
    "value",
    [
        {"valueQuantity": {**GRAMS, **ABSENT}},
        {"valueQuantity": {**GRAMS, "_value": ABSENT}},
        {"valueCodeableConcept": {**CONCEPT, **ABSENT}},
    ],
)
def test_both_ways_tell_the_reason_beside_a_value(value: Json) -> None:
    sent = {name: part for name, part in USUAL.items() if name != "valueQuantity"} | value
    (report,) = outcome(sent)
    assert isinstance(report, ReportContent)
    assert report.observations[0].value
    assert report.observations[0].data_absent_reason
    with read_by_the_models_alone():
        assert outcome(sent) == (report,)


def of_number(number: str) -> object:
    """The value of an observation, or why it is refused."""
    raw = json.dumps(USUAL | {"valueQuantity": {"value": 0}}).replace(
        '{"value": 0}', f'{{"value": {number}}}'
    )
    try:
        (report,) = read_fhir(raw.encode())
    except ContentError as error:
        return (error.code, error.field)
    value = report.observations[0].value
    return value and value.quantity and value.quantity.value


@pytest.mark.parametrize(
    "number", ["5", "-5", "-0", "-0.0", "0.10", "1E5", "12e-1", "1E6144", "9" * 256, "-0." + "9" * 253]
)
@pytest.mark.parametrize("quote", ["", '"'])
def test_both_ways_keep_a_number_as_sent(number: str, quote: str) -> None:
    sent = quote + number + quote
    assert of_number(sent) == number
    with read_by_the_models_alone():
        assert of_number(sent) == number


@pytest.mark.parametrize(
    ("number", "code"),
    [
        *((number, "value-not-allowed") for number in ("1E6145", "1e7000", '"1e7000"', "9" * 257)),
        *((number, "content-not-fhir") for number in ('"5,4"', "true", "[]", '{"value": 5}')),
    ],
)
def test_both_ways_refuse_what_is_no_number_or_one_without_end(number: str, code: str) -> None:
    refused = (code, "Observation.valueQuantity.value")
    assert of_number(number) == refused
    with read_by_the_models_alone():
        assert of_number(number) == refused


@pytest.mark.parametrize(
    ("identity", "name"), [({"id": "o"}, "o"), ({"id": ""}, "urn:uuid:1"), ({}, "urn:uuid:1")]
)
def test_an_observation_without_an_id_is_known_by_its_address(identity: Json, name: str) -> None:
    sent = {element: part for element, part in USUAL.items() if element != "id"} | identity
    report = outcome(sent, fullUrl="urn:uuid:1")[0]
    assert isinstance(report, ReportContent)
    assert report.observations[0].source_id == name


@pytest.mark.parametrize(
    "elements",
    [
        {},
        {"valueQuantity": {"value": 5}},
        {"note": []},
        {"hasMember": [LINK], "contained": [{"resourceType": "Patient", "id": "c"}]},
        {"extension": [{"url": "u", "valueString": "s"}], "text": {"div": "<div/>"}},
    ],
)
def test_what_laboratories_send_is_usual(elements: Json) -> None:
    assert is_usual(**elements)


@pytest.mark.parametrize(
    "elements",
    [
        {"valueString": "a second value"},
        {"valueDecimal": 5},
        {"component": [{"valueQuantity": GRAMS}]},
        {"effectivePeriod": {"start": "2024"}},
        {"comment": "STU3"},
        {"interpretation": CONCEPT},
        {"category": None},
        {"status": "done"},
        {"referenceRange": [{"age": {"low": GRAMS}}]},
        {"referenceRange": [{"text": ""}]},
        {"valueQuantity": None},
        {"valueQuantity": {"value": "5,4"}},
        {"valueQuantity": None, "valueString": ""},
        {"id": 0},
        {"valueQuantity": {**GRAMS, **ABSENT}},
        {"valueQuantity": {**GRAMS, "_value": ABSENT}},
        {"valueQuantity": {"value": ""}},
        {"valueQuantity": None, "valueCodeableConcept": {**CONCEPT, **ABSENT}},
        {"modifierExtension": []},
    ],
)
def test_all_that_the_shorter_way_has_no_words_for_is_left_to_the_models(elements: Json) -> None:
    assert not is_usual(**elements)


def test_a_panel_read_the_shorter_way_has_its_members() -> None:
    panel = {**USUAL, "id": "panel", "hasMember": [{"reference": "Observation/o"}]}
    entries = [{"resource": panel}, {"resource": USUAL}]
    content = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    first, second = read_fhir(json.dumps(content).encode())[0].observations
    assert (first.source_id, first.members, first.notes) == ("panel", (1,), ("repeat",))
    assert (second.source_id, second.members, second.components) == ("o", (), ())
    assert second.value == Value(
        kind=ValueKind.QUANTITY,
        quantity=Quantity(
            value="7.2", comparator="<", unit="g/L", system="http://unitsofmeasure.org", code="g/L"
        ),
    )
