"""What a FHIR submission says is read, in its order and figures; what it must not say is refused."""

import json
import re
from typing import Any

import pytest

from api.content import ContentError
from api.fhir.checked import Place
from api.fhir.reading import read_fhir
from api.fhir.references import Resources, Sent
from api.fhir.refusal import ContentNotFhirError
from api.fhir.resources import DiagnosticReport
from api.json_content import ContentNotJsonError
from domain.report_content import Observation, ReportContent, Value, ValueKind
from domain.values import Concept

Json = dict[str, Any]


def observation(name: str, **elements: Any) -> Json:
    return {"resourceType": "Observation", "id": name, "status": "final", "code": {"text": name}, **elements}


def report(*results: str, **elements: Any) -> Json:
    links = [{"reference": result} for result in results]
    return {"resourceType": "DiagnosticReport", "status": "final", "result": links, **elements}


def bundle(*resources: Json, kind: str = "collection", **elements: Any) -> Json:
    entries = [one if "resource" in one else {"resource": one} for one in resources]
    return {"resourceType": "Bundle", "type": kind, "entry": entries, **elements}


def read(content: object) -> tuple[ReportContent, ...]:
    return read_fhir(json.dumps(content, ensure_ascii=False).encode())


def names(content: ReportContent) -> list[str | None]:
    return [one.code.text for one in content.observations]


def read_observation(**elements: Any) -> Observation:
    return read(observation("o", **elements))[0].observations[0]


def refusal(content: object) -> ContentError:
    with pytest.raises(ContentError) as refused:
        read(content)
    return refused.value


# JSON


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "syntax error at line 1 column 1"),
        (b"{", "syntax error"),
        (b"{} {}", "text after the end at line 1 column 4"),
        (b"\xef\xbb\xbf", "syntax error at line 1 column 1"),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", "syntax error at line 1 column 1"),
        ("{}".encode("utf-16"), "UTF-16 instead of UTF-8"),
        ("{}".encode("utf-16-le"), "NUL character"),
        (b'{"a": "\\u0000"}', "NUL character"),
        (b'{"a": ["\\ud800"]}', "lone surrogate"),
        (b'{"\\udfff": 1}', "lone surrogate"),
        (b"[-Infinity]", "NaN or Infinity"),
        (b'{"a": 1, "\\u0061": 2}', "duplicate name in an object"),
        (b"[" * 202 + b"]" * 202, "nested deeper than 200"),
        (b"[" * 1_000_000, "nested deeper than 200"),
        (b'"\xff"', "not UTF-8 at byte 1"),
    ],
)
def test_what_is_not_strict_json_is_refused_with_its_reason(raw: bytes, reason: str) -> None:
    with pytest.raises(ContentNotJsonError, match=re.escape(reason)) as refused:
        read_fhir(raw)
    assert (refused.value.code, refused.value.field) == ("content-not-json", None)


def test_brackets_in_strings_and_64_levels_are_not_too_deep() -> None:
    depth: Any = []
    for _ in range(62):
        depth = [depth]
    content = observation("o", extension=depth, note=[{"text": '[{"\\' * 100}])
    assert read(content)[0].observations[0].notes == ('[{"\\' * 100,)


def test_a_pair_of_surrogates_and_an_escaped_backslash_are_text() -> None:
    raw = json.dumps(observation("o", valueString="\U0001f9ea \\u0000 \\ud800")).encode()
    assert read_fhir(raw)[0].observations[0].value == Value(
        kind=ValueKind.TEXT, text="\U0001f9ea \\u0000 \\ud800"
    )


def test_a_long_unterminated_string_is_refused_without_effort() -> None:
    with pytest.raises(ContentNotJsonError):
        read_fhir(b'["' + b'\\"' * 500_000)


# What is not FHIR


@pytest.mark.parametrize(
    ("content", "code", "field"),
    [
        ([], "content-not-fhir", "resourceType"),
        ({}, "content-not-fhir", "resourceType"),
        ({"resourceType": 5}, "content-not-fhir", "resourceType"),
        ({"resourceType": "Patient"}, "no-report-in-content", "resourceType"),
        (bundle(), "no-report-in-content", "Bundle.entry"),
        (bundle({"resourceType": "Patient"}), "no-report-in-content", "Bundle.entry"),
        ({"resourceType": "Bundle", "entry": []}, "no-report-in-content", "Bundle.entry"),
        (bundle(kind="heap"), "value-not-allowed", "Bundle.type"),
        (bundle(observation("o"), kind="history"), "value-not-allowed", "Bundle.type"),
        (bundle({"resource": {}}), "content-not-fhir", "Bundle.entry[0].resource.resourceType"),
        (
            bundle({"resourceType": "Patient"}, report(status="fnal")),
            "value-not-allowed",
            "Bundle.entry[1].resource.status",
        ),
        (observation("o", status=None), "content-not-fhir", "Observation.status"),
        (observation("o", status={}), "content-not-fhir", "Observation.status"),
        ({"resourceType": "Observation"}, "content-not-fhir", "Observation.status"),
        (observation("o", code="718-7"), "content-not-fhir", "Observation.code"),
        (
            observation("o", valueQuantity={"value": "5,4"}),
            "content-not-fhir",
            "Observation.valueQuantity.value",
        ),
        (
            observation("o", valueQuantity={"value": 5, "comparator": "~"}),
            "value-not-allowed",
            "Observation.valueQuantity.comparator",
        ),
        (observation("o", valueString="a", valueBoolean=True), "content-not-fhir", "Observation.value[x]"),
        (observation("o", valueDecimal=5), "content-not-fhir", "Observation.value[x]"),
        (
            observation("o", component=[{"valueTime": "08:00", "valueString": "8"}]),
            "content-not-fhir",
            "Observation.component[0].value[x]",
        ),
        (observation("o", valueBoolean="true"), "content-not-fhir", "Observation.valueBoolean"),
        (observation("o", valueInteger=1.5), "content-not-fhir", "Observation.valueInteger"),
        (observation("o", issued="2024-02-30"), "content-not-fhir", "Observation.issued"),
        (
            report(contained=[{"resourceType": "Patient", "gender": "X"}]),
            "value-not-allowed",
            "DiagnosticReport.contained[0].gender",
        ),
        (report(result="Observation/1"), "content-not-fhir", "DiagnosticReport.result"),
        (
            report(presentedForm=[{"data": "!"}]),
            "content-not-fhir",
            "DiagnosticReport.presentedForm[0].data",
        ),
    ],
)
def test_what_breaks_fhir_is_refused_with_code_and_path(content: object, code: str, field: str) -> None:
    refused = refusal(content)
    assert isinstance(refused, ContentNotFhirError)
    assert (refused.code, refused.field) == (code, field)


def test_a_refusal_does_not_repeat_or_carry_what_was_sent() -> None:
    for content in (
        bundle({"resourceType": "Patient", "gender": "Novoseltsev"}),
        bundle({"resourceType": "Patient", "birthDate": "Novoseltsev"}, observation("o")),
        {"resourceType": "Novoseltsev"},
    ):
        refused = refusal(content)
        assert "Novoseltsev" not in f"{refused} {refused!r} {refused.__context__!r}"


@pytest.mark.parametrize("number", ["1e6145", "1e-99999999999999999999", "9" * 257, "0.4e0066999999999999"])
def test_a_number_that_no_laboratory_measures_is_refused(number: str) -> None:
    raw = json.dumps(observation("o", valueQuantity={"value": 0})).replace('"value": 0', f'"value": {number}')
    with pytest.raises(ContentNotFhirError) as refused:
        read_fhir(raw.encode())
    assert (refused.value.code, refused.value.field) == (
        "value-not-allowed",
        "Observation.valueQuantity.value",
    )


# References and the order of observations


@pytest.mark.parametrize("kind", ["document", "message", "transaction", "batch", "collection", "searchset"])
def test_every_kind_of_bundle_with_current_content_is_read(kind: str) -> None:
    (content,) = read(bundle(report("Observation/a"), observation("a"), kind=kind))
    assert names(content) == ["a"]


@pytest.mark.parametrize(
    ("full_url", "reference"),
    [
        (None, "Observation/a"),
        (None, "Observation/a/_history/3"),
        ("https://lab.example/fhir/Observation/a", "Observation/a"),
        ("https://lab.example/fhir/Observation/a", "https://lab.example/fhir/Observation/a/_history/2"),
        ("https://lab.example/fhir/Observation/a", "https://other.example/Observation/a"),
        ("urn:uuid:9D3B2C1E-0000-4000-8000-000000000001", "urn:uuid:9d3b2c1e-0000-4000-8000-000000000001"),
        ("urn:observation:esr", "urn:observation:esr"),
    ],
)
def test_a_reference_finds_its_resource(full_url: str | None, reference: str) -> None:
    entry = {"fullUrl": full_url, "resource": observation("a")}
    first, second = read(bundle(report(reference), report(), entry))
    assert (names(first), names(second), first.notes) == (["a"], [], ())


def test_a_relative_reference_means_the_server_of_the_referring_resource() -> None:
    def at(server: str, resource: Json, path: str) -> Json:
        return {"fullUrl": f"https://{server}.example/{path}", "resource": resource}

    first, second = read(
        bundle(
            at("b", report("Observation/1"), "DiagnosticReport/1"),
            at("a", observation("1", code={"text": "of a"}), "Observation/1"),
            at("b", observation("1", code={"text": "of b"}), "Observation/1"),
            at("a", report("Observation/1"), "DiagnosticReport/1"),
        )
    )
    assert (names(first), names(second)) == (["of b"], ["of a"])


def test_an_address_that_is_longer_than_any_is_not_put_before_each_reference() -> None:
    """1.5 MB of it, and as many references, took seven seconds."""
    full_url = f"https://lab.example/{'a' * 5000}/DiagnosticReport/1"
    sent = Sent(report("Observation/1"), Place("Bundle"), ("entry", 0, "resource"), full_url)
    (found,) = Resources([sent]).of(DiagnosticReport)
    assert found.base == ""
    entry = {"fullUrl": full_url, "resource": report("Observation/1")}
    (content,) = read(bundle(entry, observation("1")))
    assert names(content) == ["1"] and content.notes == ()


def test_contained_observations_are_found_and_none_is_left() -> None:
    contained = [observation("a"), observation("b")]
    (content,) = read(report("#b", contained=contained))
    assert names(content) == ["b", "a"]


def test_a_result_that_was_not_sent_along_is_noted() -> None:
    (content,) = read(report("Observation/x"))
    assert content.notes == ("unresolved reference: Observation/x",)


def test_a_patient_who_was_not_sent_along_is_noted_without_number_or_name() -> None:
    subject = {"reference": "Patient/987654321", "display": "P. van den Heuvel"}
    (content,) = read(report(subject=subject))
    assert content.notes == ("unresolved reference: Patient",)
    assert content.subject.name_text == "P. van den Heuvel"


def test_results_keep_their_order_and_members_follow_their_panel() -> None:
    member = {"reference": "Observation/m"}
    (content,) = read(
        bundle(
            observation("a"),
            observation("m", hasMember=[{"reference": "Observation/n"}]),
            observation("n"),
            observation("panel", hasMember=[member, {"reference": "Observation/a"}, member]),
            report("Observation/a", "Observation/panel", "Observation/z", "Observation/a"),
            observation("z"),
        )
    )
    assert names(content) == ["a", "panel", "m", "n", "z"]
    assert [one.members for one in content.observations] == [(), (2, 0), (3,), (), ()]


def test_members_that_go_in_a_circle_or_very_deep_end() -> None:
    def member(name: int) -> list[Json]:
        return [{"reference": f"Observation/{name}"}]

    chain = [observation(str(n), hasMember=member((n + 1) % 3000)) for n in range(3000)]
    (content,) = read(bundle(report("Observation/0"), *chain))
    assert len(content.observations) == 3000
    assert content.observations[-1].members == ()
    assert content.notes == ("circular member: Observation/0",)


def test_an_observation_of_two_reports_is_in_the_first_and_noted_in_the_second() -> None:
    first, second = read(bundle(report("Observation/a"), report("Observation/a"), observation("a")))
    assert (names(first), names(second)) == (["a"], [])
    assert second.notes == ("observation of another report: Observation/a",)


def test_observations_that_the_only_report_does_not_name_are_added_at_its_end() -> None:
    loose = observation("loose-panel", hasMember=[{"reference": "Observation/m"}])
    (content,) = read(bundle(observation("m"), loose, observation("a"), report("Observation/a")))
    assert names(content) == ["a", "loose-panel", "m"]


def test_the_values_of_another_person_do_not_land_in_the_only_report() -> None:
    mother, child = {"reference": "Patient/mother"}, {"reference": "Patient/child"}
    of_child, of_mother = read(
        bundle(report(subject=child), observation("a", subject=mother), observation("b", subject=child))
    )
    assert (names(of_child), names(of_mother)) == (["b"], ["a"])


@pytest.mark.parametrize("is_member", [False, True])
def test_a_report_that_names_the_values_of_another_patient_is_refused(is_member: bool) -> None:
    people = [{"resourceType": "Patient", "id": name, "name": [{"family": name}]} for name in ("A", "B")]
    of_a, of_b = {"reference": "Patient/A"}, {"reference": "Patient/B"}
    members = {"hasMember": [{"reference": "Observation/b"}]} if is_member else {}
    results = ("Observation/a",) if is_member else ("Observation/a", "Observation/b")
    sent = (report(*results, subject=of_a), observation("a", subject=of_a, **members))
    mixed = refusal(bundle(*sent, observation("b", subject=of_b), *people))
    assert str(mixed) == "patients-mixed: Bundle.entry[2].resource.subject"
    (content,) = read(bundle(*sent, observation("b", subject=of_a), *people))
    assert names(content) == ["a", "b"]


def test_one_patient_sent_twice_is_one_patient() -> None:
    twice = [
        {"resourceType": "Patient", "id": name, "identifier": [{"system": "s", "value": "1"}]}
        for name in "AB"
    ]
    of_b = observation("b", subject={"reference": "Patient/B"})
    (content,) = read(bundle(report("Observation/b", subject={"reference": "Patient/A"}), of_b, *twice))
    assert names(content) == ["b"]


def test_observations_beside_several_reports_make_a_report_for_each_person() -> None:
    people = ({"resourceType": "Patient", "id": name, "name": [{"family": name}]} for name in ("A", "B"))
    contents = read(
        bundle(
            report("Observation/r"),
            report(),
            observation("r"),
            *people,
            observation("a1", subject={"reference": "Patient/A"}),
            observation("b", subject={"reference": "Patient/B"}, status="preliminary"),
            observation("a2", subject={"reference": "Patient/A"}, status="corrected"),
        )
    )
    assert [names(content) for content in contents] == [["r"], [], ["a1", "a2"], ["b"]]
    assert [content.subject.family for content in contents[2:]] == ["A", "B"]
    assert [content.status for content in contents[2:]] == ["corrected", "preliminary"]


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        (["final", "final"], "final"),
        (["final", "preliminary"], "partial"),
        (["registered", "preliminary"], "preliminary"),
        (["final", "entered-in-error"], "final"),
        (["cancelled", "entered-in-error"], "cancelled"),
        (["entered-in-error"], "entered-in-error"),
        (["final", "amended"], "amended"),
        (["amended", "corrected"], "corrected"),
        (["unknown", "final"], "unknown"),
    ],
)
def test_observations_without_a_report_give_it_their_status(statuses: list[str], status: str) -> None:
    sent = (observation(str(n), status=one) for n, one in enumerate(statuses))
    assert [content.status for content in read(bundle(*sent))] == [status]


def test_a_single_observation_is_a_report_of_its_own() -> None:
    (content,) = read(observation("esr", issued="2024-05-01T10:00:00Z", effectiveDateTime="2024-05"))
    assert (content.code, content.source_id) == (Concept(text="esr"), "esr")
    assert (content.issued_at, content.effective_at) == ("2024-05-01T10:00:00Z", "2024-05")


def test_a_bundle_in_a_bundle_is_read_as_well() -> None:
    contents = read(bundle(bundle(report("Observation/a"), observation("a"), kind="message"), kind="batch"))
    assert [names(content) for content in contents] == [["a"]]
    inner = bundle(report(status="no"), kind="message")
    assert refusal(bundle(inner)).field == "Bundle.entry[0].resource.entry[0].resource.status"
