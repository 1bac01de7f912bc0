"""Version changes: values are known again by code and place; what differs is told, and nothing else."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from domain.report_content import (
    Component,
    Observation,
    ObservationStatus,
    ReferenceRange,
    ReportContent,
    ReportStatus,
    Subject,
    Value,
    ValueKind,
)
from domain.values import Coding, Concept, Quantity
from domain.version_changes import Aspect, Fact, VersionChanges, changes_between

LOINC = "http://loinc.org"


def measured(code: str, value: str, name: str = "", *, system: str = LOINC, **said: object) -> Observation:
    plain = Observation(
        code=Concept(codings=(Coding(system=system, code=code, display=name or None),)),
        status=ObservationStatus.FINAL,
        value=Value(kind=ValueKind.QUANTITY, quantity=Quantity(value=value, unit="г/л")),
    )
    return replace(plain, **said)  # type: ignore[arg-type] - a test says what it needs


def report(*observations: Observation, **said: object) -> ReportContent:
    plain = ReportContent(status=ReportStatus.FINAL, subject=Subject(), observations=observations)
    return replace(plain, **said)  # type: ignore[arg-type]


def told(changes: VersionChanges) -> list[tuple[str | None, str | None, tuple[Aspect, ...]]]:
    """Each change as the former digits, the new ones, and what differs."""

    def digits(finding: object) -> str | None:
        value = finding.observation.value if finding else None  # type: ignore[attr-defined]
        return value.quantity.value if value else None

    return [(digits(one.before), digits(one.after), one.aspects) for one in changes.findings]


def test_a_corrected_value_stands_beside_the_former_one() -> None:
    before = report(measured("718-7", "148"), measured("789-8", "4.5"))
    after = report(
        measured("718-7", "118", status=ObservationStatus.CORRECTED),
        measured("789-8", "4.5"),
        status=ReportStatus.CORRECTED,
    )
    changes = changes_between(before, after)
    assert told(changes) == [("148", "118", (Aspect.VALUE, Aspect.STATUS))]
    assert changes.facts == (Fact.STATUS,)


def test_what_came_and_what_went_is_told_in_the_order_of_the_report() -> None:
    changes = changes_between(
        report(measured("1-8", "1"), measured("2-6", "2")), report(measured("3-4", "3"), measured("2-6", "2"))
    )
    assert told(changes) == [(None, "3", ()), ("1", None, ())]


def test_a_value_that_only_moved_has_not_changed() -> None:
    one, other = measured("1-8", "1"), measured("2-6", "2")
    assert not changes_between(report(one, other), report(other, one))


def test_trailing_zeros_are_a_change_for_digits_are_as_sent() -> None:
    changes = changes_between(report(measured("1-8", "9.4")), report(measured("1-8", "9.40")))
    assert told(changes) == [("9.4", "9.40", (Aspect.VALUE,))]


def test_range_flag_and_notes_are_told_apart() -> None:
    usual = ReferenceRange(low=Quantity(value="130"), high=Quantity(value="160"))
    low = Concept(codings=(Coding(code="L"),))
    after = measured("1-8", "1", reference_ranges=(usual,), interpretation=(low,), notes=("Повторно",))
    changes = changes_between(report(measured("1-8", "1")), report(after))
    assert told(changes) == [("1", "1", (Aspect.RANGE, Aspect.FLAG, Aspect.NOTES))]


def test_two_antibiotics_under_one_local_code_are_never_paired_by_guess() -> None:
    """To show one's former value as the other's would be worse than to say removed and added."""
    before = report(
        measured("AB", "1", "Амоксициллин", system="urn:x"), measured("AB", "8", "Имипенем", system="urn:x")
    )
    after = report(
        measured("AB", "1", "Амоксициллин", system="urn:x"),
        measured("AB", "4", "Цефтриаксон", system="urn:x"),
    )
    assert told(changes_between(before, after)) == [(None, "4", ()), ("8", None, ())]


def test_a_name_that_is_spelled_anew_under_a_loinc_code_is_the_same_value() -> None:
    before, after = (report(measured("718-7", "148", name)) for name in ("Hemoglobin", "Гемоглобин"))
    assert told(changes_between(before, after)) == [("148", "148", (Aspect.NAME,))]


def test_a_laboratory_that_names_its_values_anew_in_each_version_changes_nothing_by_it() -> None:
    before = report(measured("718-7", "148", source_id="OBX-1"))
    after = report(measured("718-7", "118", source_id="OBX-9"))
    assert told(changes_between(before, after)) == [("148", "118", (Aspect.VALUE,))]


def test_components_are_compared_as_values_of_their_own() -> None:
    def pressure(systolic: str) -> Observation:
        parts = [("8480-6", systolic), ("8462-4", "80")]
        components = tuple(
            Component(
                code=Concept(codings=(Coding(system=LOINC, code=code),)),
                value=Value(kind=ValueKind.QUANTITY, quantity=Quantity(value=value)),
            )
            for code, value in parts
        )
        return replace(measured("85354-9", "0"), value=None, components=components)

    assert told(changes_between(report(pressure("120")), report(pressure("130")))) == [
        ("120", "130", (Aspect.VALUE,))
    ]


def test_conclusion_patient_and_notes_of_the_report_are_told() -> None:
    before = report(conclusion="Норма", subject=Subject(family="Иванова"))
    after = report(conclusion="Анемия", subject=Subject(family="Ивановская"), notes=("Исправлено",))
    assert changes_between(before, after).facts == (Fact.PATIENT, Fact.CONCLUSION, Fact.NOTES)


codes = st.sampled_from(["1-8", "2-6", "3-4", "4-2"])
reports = st.lists(st.builds(measured, codes, st.sampled_from("123")), max_size=6).map(
    lambda found: report(*found)
)


@given(reports)
def test_nothing_differs_from_itself(content: ReportContent) -> None:
    assert not changes_between(content, content)


@given(reports, reports)
def test_every_value_is_told_at_most_once_and_none_is_lost(
    before: ReportContent, after: ReportContent
) -> None:
    """What is not told stands in both: so the later version is the earlier one with the changes made."""
    changes = changes_between(before, after)
    gone = [one.before.observation for one in changes.findings if one.before]
    came = [one.after.observation for one in changes.findings if one.after]
    unchanged = list(before.observations)
    for one in gone:
        unchanged.remove(one)
    made = sorted(map(repr, [*unchanged, *came]))
    assert made == sorted(map(repr, after.observations))


@given(reports, reports)
def test_back_and_forth_tell_the_same_changes(before: ReportContent, after: ReportContent) -> None:
    there, back = changes_between(before, after), changes_between(after, before)
    assert {(a, b) for a, b, _ in told(there)} == {(b, a) for a, b, _ in told(back)}
