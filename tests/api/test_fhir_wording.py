"""What means one thing however it is written is read for what it means."""

import base64
import json

import pytest

from api.report_attachments import bytes_of
from domain.report_content import Value, ValueKind
from domain.values import Quantity
from tests.api.test_fhir import bundle, observation, refusal, report
from tests.api.test_fhir_senders import PATIENT, PDF, only


def test_one_object_may_stand_where_there_is_a_list() -> None:
    patient = {**PATIENT, "identifier": PATIENT["identifier"][0], "name": {"family": "F", "given": "G"}}
    values = {
        "component": {"code": {"coding": {"code": "c"}}, "valueString": "v"},
        "referenceRange": {"low": {"value": 1}},
        "note": {"text": "n"},
    }
    sent = observation("o", **values)
    form = {"contentType": "application/pdf", "data": base64.b64encode(PDF).decode()}
    one = report(identifier={"value": "7"}, result={"reference": "#o"}, contained=sent, presentedForm=form)
    found = only(one, patient)
    assert (found.subject.family, found.subject.given) == ("F", ("G",))
    assert [number.value for number in (*found.subject.identifiers, *found.identifiers)] == ["7", "7"]
    (result,) = found.observations
    assert (result.notes, len(result.reference_ranges)) == (("n",), 1)
    assert [part.code.codings[0].code for part in result.components] == ["c"]
    assert [attachment.size_bytes for attachment in found.attachments] == [len(PDF)]


def test_a_patronymic_stands_behind_one_given_name_too() -> None:
    patient = {**PATIENT, "name": {"family": ["F", "P"], "given": "G"}}
    assert only(patient, observation("o")).subject.given == ("G", "P")


@pytest.mark.parametrize(
    ("sent", "sex"),
    [
        ("Male", "male"),
        ("FEMALE ", "female"),
        ("M", "male"),
        ("f", "female"),
        ("М", "male"),
        ("Unknown", "unknown"),
    ],
)
def test_capitals_tell_nothing_in_a_status_or_a_sex(sent: str, sex: str) -> None:
    found = only(
        {**PATIENT, "gender": sent},
        report("Observation/o", status="Final"),
        observation("o", status=" FINAL"),
    )
    assert (found.subject.sex, found.status, found.observations[0].status) == (sex, "final", "final")


def test_an_amount_of_an_empty_text_is_none() -> None:
    (result,) = only(
        observation("o", valueQuantity={"value": "", "unit": "g/L", "comparator": " <"})
    ).observations
    assert result.value == Value(kind=ValueKind.QUANTITY, quantity=Quantity(unit="g/L", comparator="<"))


@pytest.mark.parametrize(
    ("sent", "time"),
    [
        ("2024-05-01 10:00:00+03", "2024-05-01T10:00:00+03:00"),
        ("2024-05-01T10:00:00.123456-11", "2024-05-01T10:00:00.123456-11:00"),
        (" 2024-05-01\n", "2024-05-01"),
        ("2024-05", "2024-05"),
    ],
)
def test_the_offset_of_a_time_may_have_no_minutes(sent: str, time: str) -> None:
    assert only(observation("o", effectiveDateTime=sent)).observations[0].effective_at == time


@pytest.mark.parametrize(
    "sent", ["2024-05-01-03", "2024-05-01+03", "2024-05-01T10+03", "2024-05-01T10:00:00+99"]
)
def test_other_offsets_are_none(sent: str) -> None:
    assert refusal(observation("o", effectiveDateTime=sent)).field == "Observation.effectiveDateTime"


@pytest.mark.parametrize("element", ["data", "url"])
def test_a_form_may_be_a_data_url(element: str) -> None:
    content = report(
        presentedForm=[{element: "data:application/pdf;base64," + base64.b64encode(PDF).decode()}]
    )
    (form,) = only(content).attachments
    assert form.size_bytes == len(PDF)
    assert form.content_type == ("application/pdf" if element == "url" else None)
    raw = json.dumps(bundle(content)).encode()
    assert bytes_of(form, raw) == PDF


def test_what_is_said_of_an_address_with_the_content_in_it_is_short() -> None:
    found = only(report(presentedForm=[{"url": "data:text/plain," + "a" * 1000}]))
    assert found.notes == ("unresolved reference: data:",)
