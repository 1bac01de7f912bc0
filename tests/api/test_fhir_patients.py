"""Whose the results of a FHIR submission are, where patients are named by numbers or sent more than once."""

import json
import time

import pytest

from api.fhir.reading import read_fhir
from domain.report_content import ReportContent, Subject
from domain.values import Identifier
from tests.api.test_fhir import Json, bundle, names, observation, read, refusal, report

PATIENT: Json = {"resourceType": "Patient", "id": "p", "identifier": [{"system": "s", "value": "7"}]}


def only(*resources: Json) -> ReportContent:
    (found,) = read(bundle(*resources))
    return found


BY_NUMBER = {"identifier": {"system": "s", "value": "7"}}
BY_SEARCH = {"reference": "Patient?identifier=s|7"}


@pytest.mark.parametrize(
    "subject", [BY_NUMBER, BY_SEARCH, {"reference": "http://lab/Patient?identifier=s%7C7"}]
)
def test_a_patient_is_found_by_the_number_that_a_reference_gives(subject: Json) -> None:
    """A logical reference, or the search of a transaction: name and birth date were lost, and what said its patient the
    other way was taken for another's."""
    found = only(
        PATIENT | {"name": [{"family": "A"}], "birthDate": "1980-02-29"},
        report("Observation/a", subject=subject),
        observation("a", subject={"reference": "Patient/p"}),
        observation("b", subject={"reference": "Patient/p"}),
    )
    assert found.subject == Subject(
        family="A", birth_date="1980-02-29", identifiers=(Identifier(system="s", value="7"),)
    )
    assert (names(found), found.notes) == (["a", "b"], ())


@pytest.mark.parametrize("subject", [BY_NUMBER, BY_SEARCH])
def test_a_patient_who_was_not_sent_along_has_the_number_of_the_reference(subject: Json) -> None:
    found = only(observation("a", subject=subject), observation("b", subject=BY_SEARCH))
    assert found.subject == Subject(identifiers=(Identifier(system="s", value="7"),))
    assert (names(found), found.notes) == (["a", "b"], ())


@pytest.mark.parametrize(
    "search", ["", "?", "?identifier", "?identifier=|", "?name=A", "?identifier=7&name=A"]
)
def test_a_search_that_gives_no_single_number_names_nobody(search: str) -> None:
    found = only(PATIENT | {"id": "q"}, observation("a", subject={"reference": f"Patient{search}"}))
    assert found.subject == Subject()
    assert found.notes == ("unresolved reference: Patient",)


def test_a_number_of_two_people_is_nobodys() -> None:
    """A system may write its own name in the place of the patient's number."""
    people = [PATIENT | {"id": one, "name": [{"family": one}], "birthDate": f"198{one}"} for one in "12"]
    (first,) = read(bundle(*people, observation("a", subject=BY_NUMBER)))
    assert first.subject == Subject(identifiers=(Identifier(system="s", value="7"),))
    both = [observation(one, subject={"reference": f"Patient/{one}"}) for one in "12"]
    assert [one.subject.family for one in read(bundle(*people, *both))] == ["1", "2"]
    results = report("Observation/1", "Observation/2", subject={"reference": "Patient/1"})
    assert refusal(bundle(*people, *both, results)).code == "patients-mixed"


def test_a_number_that_is_given_to_all_takes_no_time() -> None:
    numbers = [f"{n:04}" for n in range(1, 4001)]
    people = [PATIENT | {"id": n, "name": [{"family": n}], "birthDate": n} for n in numbers]
    results = [observation(n, subject={"reference": f"Patient/{n}"}) for n in numbers]
    raw = json.dumps(bundle(*people, *results)).encode()
    began = time.process_time()
    assert len(read_fhir(raw)) == len(numbers)
    assert time.process_time() - began < 2


ANNA: Json = {"name": [{"family": "A", "given": ["Anna"]}], "birthDate": "1990-01-01"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ANNA, {"name": [{"family": "A", "given": ["Petr"]}], "birthDate": "2020-01-01"}),  # her child
        (ANNA, {"name": [{"family": "A", "given": ["Petr"]}], "birthDate": "1990-01-01"}),  # her twin
        (ANNA, {"name": [{"family": "B"}]}),
        ({"name": [{"text": "A Anna"}]}, {"name": [{"text": "A Petr"}]}),
        (ANNA, {"name": [{"text": "B Petr"}]}),
        ({"birthDate": "1990-01-01"}, {"birthDate": "2020-01-01"}),
    ],
)
@pytest.mark.parametrize("between", [[], [PATIENT]])
def test_two_people_with_one_number_are_two_also_beside_a_resource_that_is_nearly_empty(
    one: Json, other: Json, between: list[Json]
) -> None:
    people = [*between, PATIENT | {"id": "1"} | one, PATIENT | {"id": "2"} | other]
    results = [observation(n["id"], subject={"reference": f"Patient/{n['id']}"}) for n in people]
    assert [names(found) for found in read(bundle(*people, *results))] == [[n["id"]] for n in people]
    mixed = report(*(f"Observation/{n['id']}" for n in people))
    assert refusal(bundle(*people, *results, mixed)).code == "patients-mixed"


@pytest.mark.parametrize(
    "other",
    [
        {"name": [{"family": "B", "given": ["A."]}], "birthDate": "1990-01-01"},
        {"name": [{"family": "A"}], "birthDate": "1990-10-01"},
        {"birthDate": "1990-01-01"},
        {"name": [{"text": "A Anna"}], "birthDate": "1990-01-01"},
        {},
    ],
)
def test_a_new_name_or_a_mistake_in_a_date_makes_nobody_another(other: Json) -> None:
    people = [PATIENT | {"id": "1"} | ANNA, PATIENT | {"id": "2"} | other]
    results = [observation(one, subject={"reference": f"Patient/{one}"}) for one in "12"]
    assert names(only(*people, *results)) == ["1", "2"]
    assert names(only(*people, *results, report("Observation/1", "Observation/2"))) == ["1", "2"]


def test_a_number_that_somebody_has_twice_is_theirs_and_so_is_that_of_their_second_resource() -> None:
    kinds = [PATIENT["identifier"][0] | {"type": {"coding": [{"code": kind}]}} for kind in ("MR", "PI")]
    found = only(PATIENT | ANNA | {"identifier": kinds}, observation("a", subject=BY_NUMBER))
    assert found.subject.family == "A"
    again = PATIENT | ANNA | {"id": "q", "identifier": [*PATIENT["identifier"], {"value": "9"}]}
    by_second = observation("a", subject={"identifier": {"value": "9"}})
    found = only(PATIENT | ANNA, again, by_second, observation("b", subject={"reference": "Patient/p"}))
    assert (names(found), found.subject.family) == (["a", "b"], "A")


@pytest.mark.parametrize("is_search", [False, True])
def test_a_report_of_two_numbers_of_one_system_is_of_two_people(is_search: bool) -> None:
    def of(number: str) -> Json:
        search = {"reference": f"Patient?identifier=s|{number}"}
        return {"subject": search if is_search else {"identifier": {"system": "s", "value": number}}}

    both = (report("Observation/a", "Observation/b", **of("1")), observation("a", **of("1")))
    mixed = refusal(bundle(*both, observation("b", **of("2"))))
    assert str(mixed) == "patients-mixed: Bundle.entry[2].resource.subject"
    assert names(only(*both, observation("b", **of("1")))) == ["a", "b"]
    of_another_kind = {"type": {"coding": [{"code": "SS"}]}, "system": "s", "value": "2"}
    for number in ({"system": "t", "value": "2"}, {"value": "2"}, of_another_kind):
        assert names(only(*both, observation("b", subject={"identifier": number}))) == ["a", "b"]


@pytest.mark.parametrize("link", ["hasMember", "related"])
def test_a_panel_without_a_report_has_no_results_of_another_person(link: str) -> None:
    people = [{"resourceType": "Patient", "id": one, "name": [{"family": one}]} for one in "AB"]
    b = {"reference": "Observation/b"}
    links = {link: [b if link == "hasMember" else {"type": "has-member", "target": b}]}
    panel = observation("a", subject={"reference": "Patient/A"}, **links)
    mixed = refusal(bundle(*people, panel, observation("b", subject={"reference": "Patient/B"})))
    assert str(mixed) == "patients-mixed: Bundle.entry[3].resource.subject"


def test_many_numbers_of_many_patients_take_no_time() -> None:
    many = [{"system": "s", "value": str(n)} for n in range(1000)]
    people = [
        PATIENT | {"id": str(n), "identifier": many, "name": [{"family": str(n)}], "birthDate": str(n)}
        for n in range(1000, 1020)
    ]
    one = PATIENT | {"id": "1", "identifier": many}
    same = [PATIENT | {"id": f"s{n}", "identifier": many[:1]} for n in range(1000)]
    results = [observation(n["id"], subject={"reference": f"Patient/{n['id']}"}) for n in [one, *same]]
    of_one = report(*(f"Observation/{n['id']}" for n in results))
    without = [observation(str(n)) for n in range(4000)]
    raw = json.dumps(bundle(*people, one, *same, *results, of_one, *without)).encode()
    began = time.process_time()
    read_fhir(raw)
    assert time.process_time() - began < 2


def test_a_nul_that_an_address_escapes_is_no_number() -> None:
    """JSON may not have it, and PostgreSQL does not keep it."""
    found = only(observation("a", subject={"reference": "Patient?identifier=s|7%00"}))
    assert (found.subject, found.notes) == (Subject(), ("unresolved reference: Patient",))


def test_people_of_whom_only_numbers_are_sent_are_told_apart() -> None:
    people = [PATIENT | {"id": one, "identifier": [{"system": "s", "value": one}]} for one in "12"]
    results = [observation(one, subject={"reference": f"Patient/{one}"}) for one in "12"]
    mixed = bundle(*people, *results, report("Observation/1", "Observation/2"))
    assert refusal(mixed).code == "patients-mixed"


def test_a_patient_who_is_contained_in_each_result_is_one() -> None:
    patient = PATIENT | {"name": [{"family": "A"}]}
    results = [observation(one, contained=[patient], subject={"reference": "#p"}) for one in "abc"]
    found = only(*results, observation("d"))
    assert (names(found), found.subject.family) == (["a", "b", "c", "d"], "A")
    nameless = [
        observation(one, contained=[{"resourceType": "Patient", "id": "p"}], subject={"reference": "#p"})
        for one in "ab"
    ]
    assert len(read(bundle(*nameless))) == 2
