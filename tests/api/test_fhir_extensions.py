"""Extensions that change what is said: modifiers, and the reason of an absent value."""

from typing import Any

import pytest

from api.fhir.xml import read_fhir_xml
from domain.report_content import Observation, Value, ValueKind
from domain.values import Coding, Concept, Quantity
from tests.api.test_fhir import Json, bundle, observation, read, report
from tests.api.test_fhir_xml import write_xml

URL = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
REASON = Concept(
    codings=(Coding(system="http://terminology.hl7.org/CodeSystem/data-absent-reason", code="masked"),)
)
ABSENT = {"extension": [{"url": "x"}, {"url": URL, "valueCode": "masked"}]}
MODIFIER = [{"url": "https://a.example/not", "valueBoolean": True}]
NOTE = "modifier not understood: https://a.example/not"


def only(**elements: Any) -> Observation:
    content = observation("o", **elements)
    (found,) = read(content)
    assert read_fhir_xml(write_xml(content)) == (found,)
    return found.observations[0]


@pytest.mark.parametrize(
    "value",
    [
        {"_valueString": ABSENT},
        {"_valueInteger": ABSENT},
        {"_valueDateTime": ABSENT},
        {"valueQuantity": ABSENT},
        {"valueQuantity": {"_value": ABSENT}},
        {"valueCodeableConcept": ABSENT},
    ],
)
def test_a_value_that_is_absent_by_an_extension_says_why(value: Json) -> None:
    found = only(**value)
    assert (found.value, found.data_absent_reason) == (None, REASON)
    (part,) = only(component=[{"code": {"text": "c"}, **value}]).components
    assert (part.value, part.data_absent_reason) == (None, REASON)


def test_a_unit_without_a_value_is_kept() -> None:
    found = only(valueQuantity={"_value": ABSENT, "unit": "g/L"})
    assert found.value == Value(kind=ValueKind.QUANTITY, quantity=Quantity(unit="g/L"))
    assert found.data_absent_reason == REASON


def test_the_reason_in_its_own_place_counts() -> None:
    assert only(_valueString=ABSENT, dataAbsentReason={"text": "own"}).data_absent_reason == Concept(
        text="own"
    )


@pytest.mark.parametrize(
    "value",
    [
        {"_valueString": {"extension": [{"url": "x", "valueCode": "masked"}]}},
        {"_valueString": {"extension": [{"url": URL}]}},
        {"_code": ABSENT},
        {"valueQuantity": {}},
        {"valueCodeableConcept": {"coding": []}},
    ],
)
def test_other_extensions_and_empty_values_give_no_reason(value: Json) -> None:
    found = only(**value)
    assert (found.value, found.data_absent_reason) == (None, None)


@pytest.mark.parametrize(
    "sent", [5, [], [None], {"extension": 5}, {"extension": [5]}, {"extension": [{"url": []}]}]
)
def test_a_malformed_extension_beside_a_value_is_passed_by(sent: object) -> None:
    (found,) = read(observation("o", _valueString=sent))
    assert found.observations[0].data_absent_reason is None


# Modifiers (FHIR R4, extensibility): what is said may be meant otherwise.


@pytest.mark.parametrize(
    "elements",
    [
        {"modifierExtension": MODIFIER},
        {"component": [{"code": {"text": "c"}, "modifierExtension": MODIFIER}]},
        {"referenceRange": [{"text": "1", "modifierExtension": MODIFIER}]},
        {"component": [{"referenceRange": [{"text": "1", "modifierExtension": MODIFIER}]}]},
    ],
)
def test_a_modifier_of_an_observation_is_noted_there(elements: Json) -> None:
    assert only(valueString="v", note=[{"text": "n"}], **elements).notes == ("n", NOTE)


def test_a_modifier_of_a_report_or_its_patient_is_noted_on_the_report() -> None:
    patient = {"resourceType": "Patient", "modifierExtension": [{"url": "urn:p"}]}
    content = bundle(report("Observation/o", modifierExtension=MODIFIER), observation("o"), patient)
    (found,) = read(content)
    assert found.notes == (NOTE, "modifier not understood: urn:p")
    assert found.observations[0].notes == ()
    assert read_fhir_xml(write_xml(content)) == (found,)


@pytest.mark.parametrize("url", [{}, {"url": None}, {"url": {"text": "a"}}, {"url": 5}])
def test_a_modifier_without_an_address_is_noted_too(url: Json) -> None:
    (found,) = read(observation("o", modifierExtension=[url]))
    assert found.observations[0].notes == ("modifier not understood: ?",)


@pytest.mark.parametrize("sent", [5, "x", [5], None])
def test_a_malformed_modifier_refuses_no_result(sent: object) -> None:
    (found,) = read(observation("o", modifierExtension=sent))
    assert found.observations[0].notes == ()
