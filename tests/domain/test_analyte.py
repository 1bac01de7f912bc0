"""What is one analyte, and what only looks so."""

from uuid import UUID

from domain.analyte import STANDS_FOR, Analyte, Sent, SentCode, grouped, sent_code, sent_codes, stands_for
from domain.code_map import FSLI, LOINC, CodeMap, LocalCode, MappedCode, standard_coding
from domain.molar_masses import molar_mass_of
from domain.report_content import (
    Component,
    Observation,
    ObservationStatus,
    ReportContent,
    ReportStatus,
    Subject,
    Value,
    ValueKind,
)
from domain.values import Coding, Concept

ONE, TWO = UUID(int=1), UUID(int=2)
BY_AMOUNT, BY_MASS = (LOINC, "14749-6"), (LOINC, "2345-7")
FSLI_GLUCOSE = (FSLI, "1017311")


def code(name: str, *codings: tuple[str, str]) -> SentCode:
    return SentCode(name, codings)


def groups(*sent: Sent, maps: dict[UUID, CodeMap] | None = None) -> set[frozenset[int]]:
    return {frozenset(places) for places in grouped(dict(enumerate(sent)), maps or {}).values()}


def test_a_mass_and_an_amount_are_one_whatever_they_are_called() -> None:
    assert groups(Sent(code("Глюкоза", BY_AMOUNT), ONE), Sent(code("Glucose", BY_MASS), TWO)) == {
        frozenset({0, 1})
    }


def test_blood_and_plasma_are_two_for_their_codes_differ() -> None:
    whole_blood = (LOINC, "15074-8")
    assert len(groups(Sent(code("Глюкоза", BY_AMOUNT), ONE), Sent(code("Глюкоза", whole_blood), ONE))) == 2


def test_every_pair_of_codes_is_right_by_its_check_digit_and_measures_one_component() -> None:
    for two, one in STANDS_FOR.items():
        for loinc in (one, two):
            standard_coding(LOINC, loinc)
        assert molar_mass_of(one) == molar_mass_of(two) is not None
        assert stands_for(one) == one


def test_a_code_of_fsli_joins_the_code_of_loinc_that_it_always_came_with() -> None:
    both = Sent(code("Глюкоза", FSLI_GLUCOSE, BY_AMOUNT), ONE)
    alone = Sent(code("Глюкоза", FSLI_GLUCOSE), TWO)
    assert groups(both, alone) == {frozenset({0, 1})}
    # With two codes of LOINC nobody can tell which of them it means.
    other = Sent(code("Глюкоза", FSLI_GLUCOSE, (LOINC, "15074-8")), ONE)
    assert groups(both, other, alone) == {frozenset({0}), frozenset({1}), frozenset({2})}


def test_a_laboratorys_own_code_is_its_own_until_it_is_mapped() -> None:
    own = code("Глю", ("", "GLU"))
    sent = (Sent(own, ONE), Sent(own, TWO), Sent(code("Глюкоза", BY_AMOUNT), ONE))
    assert len(groups(*sent)) == 3
    local = LocalCode(code="GLU")
    mapped = MappedCode(local=local, standard=Coding(system=LOINC, code="14749-6"))
    assert groups(*sent, maps={ONE: CodeMap(codes={local: mapped})}) == {frozenset({0, 2}), frozenset({1})}


def test_without_any_code_the_name_is_what_it_is_within_a_laboratory() -> None:
    sent = (
        Sent(code("Лейкоциты  (WBC)"), ONE),
        Sent(code("лейкоциты (wbc)"), ONE),
        Sent(code("Лейкоциты (WBC)"), TWO),
    )
    assert groups(*sent) == {frozenset({0, 1}), frozenset({2})}


def test_two_antibiotics_under_one_code_never_merge_not_even_where_one_stands_alone() -> None:
    susceptibility = (LOINC, "18769-0")
    one, two = code("Амоксициллин", susceptibility), code("Ципрофлоксацин", susceptibility)
    together = (one, two)
    sent = (Sent(one, ONE, together), Sent(two, ONE, together), Sent(one, TWO, (one,)))
    assert groups(*sent) == {frozenset({0, 2}), frozenset({1})}


def test_what_is_measured_are_values_of_observations_and_of_their_components() -> None:
    value = Value(kind=ValueKind.TEXT, text="120")
    pressure = Observation(
        code=Concept(text="Давление"),
        status=ObservationStatus.FINAL,
        components=(
            Component(code=Concept(text="Систолическое"), value=value),
            Component(code=Concept(text="Среднее")),
        ),
    )
    pulse = Observation(code=Concept(text="Пульс"), status=ObservationStatus.FINAL, value=value)
    content = ReportContent(
        status=ReportStatus.FINAL, subject=Subject(), observations=(pressure, pulse, pulse)
    )
    assert [one.name for one in sent_codes(content)] == ["Систолическое", "Пульс"]


def test_only_a_code_of_loinc_is_one() -> None:
    (found,) = grouped({0: Sent(code("Глюкоза", BY_AMOUNT), ONE)}, {})
    assert found == Analyte((LOINC, "2345-7")) and found.loinc == "2345-7"
    assert Analyte((FSLI, "1017311")).loinc is None


def test_a_system_by_any_of_its_names_is_the_same() -> None:
    concept = Concept(
        text="Глюкоза", codings=(Coding(system="urn:oid:2.16.840.1.113883.6.1", code="2345-7"), Coding())
    )
    assert sent_code(concept) == code("Глюкоза", BY_MASS)
