"""A resource that a bundle has more than once: once what is the same, the newest of several versions."""

from typing import Any

import pytest

from api.fhir.xml import read_fhir_xml
from domain.report_content import ReportContent
from tests.api.test_fhir import Json, bundle, observation, read, report
from tests.api.test_fhir_xml import write_xml

URL = "https://a.example/Observation/o"


def entry(resource: Json, url: str = URL, **meta: Any) -> Json:
    return {"fullUrl": url, "resource": {**resource, "meta": meta} if meta else resource}


def reports(*entries: Json) -> tuple[ReportContent, ...]:
    content = bundle(*entries)
    found = read(content)
    assert read_fhir_xml(write_xml(content)) == found
    return found


def values(found: ReportContent) -> list[str | None]:
    return [one.value.text if one.value else None for one in found.observations]


def said(text: str) -> Json:
    return observation("o", valueString=text)


def test_the_same_resource_twice_is_read_once() -> None:
    same = {**said("1"), "valueString": None, "valueQuantity": {"value": "1.50"}}
    (found,) = reports(report("Observation/o"), entry(same), entry(dict(same)))
    assert len(found.observations) == 1


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("versions", [("1", "2", "3"), ("8", "9", "10"), ("01", "2", "0003")])
def test_of_several_versions_the_newest_counts(versions: tuple[str, ...], order: tuple[int, ...]) -> None:
    sent = [entry(said(str(number)), versionId=versions[number]) for number in order]
    (found,) = reports(report("Observation/o"), *sent)
    assert values(found) == ["2"]


@pytest.mark.parametrize("second", ["a", "2"])
def test_of_versions_that_are_no_numbers_nobody_knows_the_newer(second: str) -> None:
    (found,) = reports(entry(said("1"), versionId="b"), entry(said("2"), versionId=second))
    assert values(found) == ["1", "2"]


def test_the_newest_version_twice_is_two_where_it_differs() -> None:
    sent = (entry(said(text), versionId=version) for text, version in ("01", "12", "22"))
    (found,) = reports(*sent)
    assert values(found) == ["1", "2"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"code": {"text": "Na"}}, {"code": {"text": "K"}}),
        ({"effectiveDateTime": "2024-05-01"}, {"effectiveDateTime": "2024-05-02"}),
        ({"specimen": {"display": "blood"}}, {"specimen": {"display": "urine"}}),
    ],
)
def test_two_results_of_one_address_are_no_versions_of_one(one: Json, other: Json) -> None:
    (found,) = reports(
        entry({**said("1"), **one}, versionId="1"), entry({**said("2"), **other}, versionId="2")
    )
    assert values(found) == ["1", "2"]


@pytest.mark.parametrize("is_contained", [True, False])
def test_nor_are_those_of_two_patients(*, is_contained: bool) -> None:
    """A sender may number the results of each patient anew."""
    sent = []
    for name, version in (("a", "1"), ("b", "2")):
        patient = {"resourceType": "Patient", "id": name, "name": [{"family": name}]}
        refers: Json = {"subject": {"reference": f"Patient/{name}"}}
        if is_contained:
            refers = {"subject": {"reference": "#p"}, "contained": [{**patient, "id": "p"}]}
        else:
            sent.append(entry(patient, f"https://a.example/Patient/{name}"))
        sent.append(entry({**said(name), **refers}, versionId=version))
    assert [(one.subject.family, values(one)) for one in reports(*sent)] == [("a", ["a"]), ("b", ["b"])]


def test_of_a_report_in_two_versions_the_newest_has_the_results() -> None:
    sent = [
        entry(report("Observation/o", id="d", conclusion=text), "https://a.example/d", versionId=text)
        for text in "21"
    ]
    (found,) = reports(*sent, said("1"))
    assert (found.conclusion, values(found)) == ("2", ["1"])


@pytest.mark.parametrize(
    "second",
    [
        entry(said("2")),
        entry(said("2"), versionId="1"),
        entry(observation("p", valueString="2"), versionId="2"),
        entry(said("2"), "https://a.example/other", versionId="2"),
        {"resource": {**said("1"), "meta": {"versionId": "1"}}},
    ],
)
def test_what_no_version_tells_apart_is_two(second: Json) -> None:
    (found,) = reports(entry(said("1"), versionId="1"), second)
    assert len(found.observations) == 2


@pytest.mark.parametrize("meta", [5, [], {"versionId": 5}, {"versionId": []}])
def test_a_malformed_version_is_none(meta: object) -> None:
    sent = [{"fullUrl": URL, "resource": {**said(text), "meta": meta}} for text in "12"]
    (found,) = read(bundle(*sent))
    assert values(found) == ["1", "2"]


def test_an_address_of_all_resources_is_that_of_none() -> None:
    (found,) = reports(*(entry(observation(name), "urn:uuid:0") for name in "ab"))
    assert len(found.observations) == 2
