"""What real senders write otherwise than FHIR R4 has it, and what is read of it all the same."""

import base64
import json

import pytest

from api.fhir.reading import read_fhir
from api.fhir.xml import read_fhir_xml
from api.report_attachments import bytes_of
from domain.report_content import ReportContent, Subject, Value, ValueKind
from domain.values import Quantity
from tests.api.test_fhir import Json, bundle, names, observation, read, refusal, report

PATIENT = {"resourceType": "Patient", "id": "p", "identifier": [{"system": "s", "value": "7"}]}
PDF = b"%PDF-1.4"


def only(*resources: Json) -> ReportContent:
    (found,) = read(bundle(*resources))
    return found


# DSTU2, in which laboratories of Russia's regional exchange (ОДЛИ) send, and STU3.

EXCHANGE = (
    {"resource": {"resourceType": "Order", "detail": {"reference": ""}}, "fullUrl": "urn:uuid:1"},
    {
        "fullUrl": "urn:uuid:2",
        "resource": {
            "resourceType": "DiagnosticReport",
            "status": "final",
            "category": {"coding": [{"code": "601"}]},
            "code": {"coding": [{"code": "A26.08.014"}]},
            "subject": {"reference": "urn:uuid:3"},
            "performer": {"reference": "urn:uuid:4"},
            "result": [{"reference": "urn:uuid:5"}],
            "presentedForm": [{"url": "urn:uuid:6"}],
            "codedDiagnosis": [{"text": "U07.1"}],
        },
    },
    {
        "fullUrl": "urn:uuid:3",
        "resource": {
            "resourceType": "Patient",
            "name": [{"family": ["Тимофеенко", "Николаевич"], "given": ["Сергей"]}],
        },
    },
    {
        "fullUrl": "urn:uuid:4",
        "resource": {
            "resourceType": "Practitioner",
            "name": {"family": ["Лабова", "Петровна"], "given": ["Анна"]},
        },
    },
    {
        "fullUrl": "urn:uuid:5",
        "resource": {
            "resourceType": "Observation",
            "status": "final",
            "code": {"text": "вирус"},
            "comments": "гемолиз",
            "interpretation": {"coding": [{"code": "DET"}]},
            "valueQuantity": {"value": 848, "code": "136"},
        },
    },
    {
        "fullUrl": "urn:uuid:6",
        "resource": {
            "resourceType": "Binary",
            "contentType": "application/pdf",
            "content": base64.b64encode(PDF).decode(),
        },
    },
)


def test_a_report_of_the_regional_exchange_is_read_whole() -> None:
    content = bundle(*EXCHANGE, kind="transaction")
    (found,) = read(content)
    assert found.subject == Subject(family="Тимофеенко", given=("Сергей", "Николаевич"))
    assert found.performer == "Лабова Анна Петровна"
    assert [one.text for one in found.conclusion_codes] == ["U07.1"]
    (result,) = found.observations
    assert result.notes == ("гемолиз",)
    assert [one.codings[0].code for one in result.interpretation] == ["DET"]
    (form,) = found.attachments
    assert (form.content_type, form.size_bytes) == ("application/pdf", len(PDF))
    assert bytes_of(form, json.dumps(content).encode()) == PDF


def test_the_names_of_dstu2_are_read_from_xml_too() -> None:
    raw = b"""<Bundle xmlns="http://hl7.org/fhir"><type value="batch"/>
      <entry><resource><Patient><name><family value="A"/><family value="B"/><given value="C"/></name></Patient></resource>
      </entry><entry><resource><Observation><status value="final"/><comments value="c"/></Observation></resource></entry>
    </Bundle>"""
    (found,) = read_fhir_xml(raw)
    assert found.subject == Subject(family="A", given=("C", "B"))
    assert found.observations[0].notes == ("c",)


@pytest.mark.parametrize("family", [[1], [["A"]], {}, 5])
def test_a_family_name_that_is_no_text_is_refused(family: object) -> None:
    refused = refusal(bundle({"resourceType": "Patient", "name": [{"family": family}]}, observation("o")))
    assert refused.field is not None and refused.field.startswith("Bundle.entry[0].resource.name[0].family")


# An observation that only another one names.


@pytest.mark.parametrize(
    "links",
    [
        {"derivedFrom": [{"reference": "Observation/zone"}, {"reference": "Observation/mic"}]},
        {
            "derivedFrom": [{"reference": "Observation/zone"}],
            "related": [{"type": "derived-from", "target": {"reference": "Observation/mic"}}],
        },
    ],
)
def test_what_a_result_was_made_from_stands_beneath_it(links: Json) -> None:
    """Apart from it nobody could tell of which germ the zone is; of two reports it would be in neither."""
    first, second = read(
        bundle(
            report("Observation/germ"),
            report("Observation/other"),
            observation("zone"),
            observation("mic"),
            observation("germ", hasMember=[{"reference": "Observation/verdict"}]),
            observation("verdict", **links),
            observation("other"),
        )
    )
    assert names(first) == ["germ", "verdict", "zone", "mic"]
    assert [one.members for one in first.observations] == [(1,), (2, 3), (), ()]
    assert names(second) == ["other"]


def test_germs_and_antibiotics_stand_beneath_their_culture() -> None:
    """ОДЛИ relates them without a type."""

    def related(*targets: str) -> Json:
        return {"related": [{"target": {"reference": f"Observation/{one}"}} for one in targets]}

    first, second = read(
        bundle(
            report("Observation/culture", "Observation/sugar"),
            report("Observation/other"),
            observation("ampicillin"),
            observation("culture", **related("germ", "other")),
            observation("germ", **related("ampicillin", "gentamicin", "culture")),
            observation("gentamicin"),
            observation("sugar"),
            observation("other"),
        )
    )
    assert names(first) == ["culture", "sugar", "germ", "ampicillin", "gentamicin"]
    assert [one.members for one in first.observations] == [(2,), (), (3, 4), (), ()]
    assert (names(second), second.notes) == (["other"], ())


def test_what_a_heading_of_stu3_names_follows_it() -> None:
    """Its own report has it, at its place; a panel it is not, as STU3 had none."""
    related = [{"type": "has-member", "target": {"reference": f"Observation/{one}"}} for one in "ab"]
    first, second = read(
        bundle(
            report("Observation/white", "Observation/red"),
            report(),
            observation("red"),
            observation("a"),
            observation("b"),
            observation(
                "white", related=[*related, {"type": "has-member"}, {"type": "replaces", "target": {}}]
            ),
        )
    )
    assert (names(first), names(second)) == (["white", "a", "b", "red"], [])
    assert [one.members for one in first.observations] == [()] * 4


def test_what_a_report_names_itself_stays_where_it_names_it() -> None:
    from_creatinine = [{"reference": "Observation/creatinine"}]
    found = only(
        report("Observation/filtration", "Observation/creatinine"),
        observation("filtration", derivedFrom=from_creatinine, related=[{"type": "has-member"}]),
        observation("creatinine"),
    )
    assert names(found) == ["filtration", "creatinine"]
    assert [one.members for one in found.observations] == [(), ()]


def test_what_an_observation_of_another_person_was_made_from_stays_with_them() -> None:
    mother, child = ({"reference": f"Patient/{one}"} for one in ("mother", "child"))
    first, second = read(
        bundle(
            report("Observation/a", subject=child),
            observation("a", subject=child, derivedFrom=[{"reference": "Observation/b"}]),
            observation("b", subject=mother),
        )
    )
    assert (names(first), names(second)) == (["a"], ["b"])
    assert first.observations[0].members == ()


def test_a_panel_that_is_a_source_is_no_circle() -> None:
    found = only(
        report("Observation/a"),
        observation("a", derivedFrom=[{"reference": "Observation/b"}, {"reference": "Observation/a"}]),
        observation("b", hasMember=[{"reference": "Observation/a"}]),
    )
    assert names(found) == ["a", "b"]
    assert [one.members for one in found.observations] == [(), (0,)]


# Who measured.


@pytest.mark.parametrize(
    ("performer", "name"),
    [
        ({"resourceType": "PractitionerRole", "practitioner": {"reference": "Practitioner/none"}}, "Dr. B"),
        ({"resourceType": "PractitionerRole"}, "Dr. B"),
        ({"resourceType": "PractitionerRole", "organization": {"display": "Lab"}}, "Lab"),
        ({"resourceType": "CareTeam"}, "Dr. B"),
    ],
)
def test_a_performer_is_named_by_what_was_sent_or_else_by_the_reference(performer: Json, name: str) -> None:
    reference = {"reference": f"{performer['resourceType']}/x", "display": "Dr. B"}
    assert only(performer | {"id": "x"}, observation("o", performer=[reference])).performer == name


# Ways of writing that change nothing.


def test_a_contained_resource_is_found_by_a_name_with_its_hash() -> None:
    specimen = {"resourceType": "Specimen", "id": "#s", "type": {"text": "serum"}}
    (found,) = read(observation("o", contained=[specimen], specimen={"reference": "#s"}))
    assert found.notes == ()
    assert [one.kind and one.kind.text for one in found.specimens] == ["serum"]


@pytest.mark.parametrize("number", ["13.2", "-0.10", "5", "1E3", "0"])
def test_a_number_in_quotes_is_the_number(number: str) -> None:
    """Cerner's own examples and Microsoft's converter write so."""
    (result,) = only(observation("o", valueQuantity={"value": number, "unit": "g/dL"})).observations
    assert result.value == Value(kind=ValueKind.QUANTITY, quantity=Quantity(value=number, unit="g/dL"))


@pytest.mark.parametrize(
    "number", [" ", "5,4", "<5", "120 mg/dL", " 5", "+5", "05", ".5", "5.", "NaN", "٥", "1e9999"]
)
def test_what_is_no_number_is_none_in_quotes_either(number: str) -> None:
    assert (
        refusal(observation("o", valueQuantity={"value": number})).field == "Observation.valueQuantity.value"
    )


def test_a_bundle_that_does_not_say_its_type_is_a_collection() -> None:
    for kind in ({}, {"type": None}, {"type": ""}):
        entries = [{"resource": observation("o")}]
        assert len(read({"resourceType": "Bundle", "entry": entries, **kind})) == 1


def test_an_empty_text_says_nothing() -> None:
    """Templates that were not filled in."""
    empty = dict.fromkeys(("effectiveDateTime", "issued", "valueString"), "")
    found = only(
        PATIENT | {"gender": "", "birthDate": "", "name": [{"family": "A"}]},
        observation("o", referenceRange=[{"low": {"value": 1, "comparator": ""}}], **empty),
    )
    assert (found.subject.sex, found.subject.birth_date, found.effective_at, found.issued_at) == (None,) * 4
    (result,) = found.observations
    assert (result.effective_at, result.value) == (None, None)
    (period,) = only(observation("o", valuePeriod={"start": "", "end": ""})).observations
    assert period.value is None
    assert result.reference_ranges[0].low == Quantity(value="1")


@pytest.mark.parametrize(
    ("sent", "read_as"),
    [
        ("2001-11-30T00:00:00", "2001-11-30"),
        ("2001-11-30T00:00:00.000", "2001-11-30"),
        ("2001-11", "2001-11"),
    ],
)
def test_midnight_without_a_zone_is_the_day_of_birth(sent: str, read_as: str) -> None:
    assert only(PATIENT | {"birthDate": sent}, observation("o")).subject.birth_date == read_as


@pytest.mark.parametrize(
    "sent", ["2001-11-30T00:00:00Z", "2001-11-30T08:15:00", "30.11.2001", "2001-11-31T00:00:00"]
)
def test_a_birth_date_that_may_be_another_day_is_refused(sent: str) -> None:
    assert (
        refusal(bundle(PATIENT | {"birthDate": sent}, observation("o"))).field
        == "Bundle.entry[0].resource.birthDate"
    )


@pytest.mark.parametrize(
    ("sent", "read_as"),
    [
        ("2024-05-01T10:15:00+0300", "2024-05-01T10:15:00+03:00"),
        ("2024-05-01T10:15:00.120-0930", "2024-05-01T10:15:00.120-09:30"),
        ("2024-05-01 10:15:00", "2024-05-01T10:15:00"),
        ("2024-05-01 10:15+03:00", "2024-05-01T10:15+03:00"),
    ],
)
def test_a_time_of_iso_8601_is_written_as_fhir_writes_it(sent: str, read_as: str) -> None:
    found = only(observation("o", effectiveDateTime=sent, issued=sent))
    assert (found.effective_at, found.issued_at) == (read_as, read_as)


def test_a_byte_order_mark_before_json_is_no_part_of_it() -> None:
    content = report(presentedForm=[{"data": base64.b64encode(PDF).decode()}])
    raw = b"\xef\xbb\xbf" + json.dumps(content).encode()
    (form,) = read_fhir(raw)[0].attachments
    assert bytes_of(form, raw) == PDF


@pytest.mark.parametrize(
    "sent", ["Observation/a", 5, [5], [{"reference": 5}], [{"reference": "Observation/a"}, 5]]
)
@pytest.mark.parametrize("more", [{}, {"comment": "read by the model"}])
def test_a_malformed_source_refuses_no_result(sent: object, more: Json) -> None:
    assert names(only(observation("o", derivedFrom=sent, **more))) == ["o"]
