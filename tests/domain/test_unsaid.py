"""What a newer version of a report takes back of an older one, and what it only adds."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.report_content import (
    Attachment,
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
from domain.unsaid import Change, changes_between
from domain.values import Coding, Concept, Quantity

LOINC = "http://loinc.org"


def measured(value: str, unit: str = "ммоль/л") -> Value:
    return Value(kind=ValueKind.QUANTITY, quantity=Quantity(value=value, unit=unit))


def observation(name: str = "2345-7", value: str | None = "5.0", **given: Any) -> Observation:
    plain = Observation(
        code=Concept(codings=(Coding(system=LOINC, code=name),)),
        status=ObservationStatus.FINAL,
        value=measured(value) if value else None,
        reference_ranges=(ReferenceRange(low=Quantity(value="4.1"), high=Quantity(value="6.1")),),
        interpretation=(Concept(codings=(Coding(code="N"),)),),
    )
    return replace(plain, **given)


def content(*observations: Observation, **given: Any) -> ReportContent:
    plain = ReportContent(status=ReportStatus.FINAL, subject=Subject(), observations=observations)
    return replace(plain, **given)


FLAGGED = (Concept(codings=(Coding(code="H"),)),)
OTHER_RANGE = (ReferenceRange(low=Quantity(value="3.9"), high=Quantity(value="6.1")),)
VOID = ObservationStatus.ENTERED_IN_ERROR
SEEN = content(observation(), observation("718-7", "140"), conclusion="Без патологии.")
CHANGES: dict[str, tuple[ReportContent, tuple[Change, ...]]] = {
    "another value": (replace(SEEN, observations=(observation(value="7.0"), SEEN.observations[1])), (Change.VALUE,)),
    "no value": (
        replace(SEEN, observations=(observation(value=None), SEEN.observations[1])),
        (Change.VALUE, Change.UNIT),
    ),
    "another range": (
        replace(SEEN, observations=(observation(reference_ranges=OTHER_RANGE), SEEN.observations[1])),
        (Change.RANGE,),
    ),
    "another flag": (
        replace(SEEN, observations=(observation(interpretation=FLAGGED), SEEN.observations[1])),
        (Change.FLAG,),
    ),
    "one is not there any more": (replace(SEEN, observations=SEEN.observations[1:]), (Change.REMOVED,)),
    "one is entered in error": (
        replace(SEEN, observations=(observation(status=VOID), SEEN.observations[1])),
        (Change.VOID,),
    ),
    "another conclusion": (replace(SEEN, conclusion="Анемия."), (Change.CONCLUSION,)),
    "no conclusion": (replace(SEEN, conclusion=None), (Change.CONCLUSION,)),
    "the whole is cancelled": (replace(SEEN, status=ReportStatus.CANCELLED), (Change.VOID,)),
    "sent again": (replace(SEEN, source_id="document-2", sent_at="2026-11-25T10:00:00+03:00"), ()),
    "called corrected, and the same": (replace(SEEN, status=ReportStatus.CORRECTED), ()),
    "one more": (replace(SEEN, observations=(*SEEN.observations, observation("789-8", "4.5"))), ()),
    "in another order": (replace(SEEN, observations=SEEN.observations[::-1]), ()),
    "a note": (replace(SEEN, notes=("Проверено.",)), ()),
    "more spaces": (replace(SEEN, conclusion=" Без  патологии."), ()),
    "a zero more": (replace(SEEN, observations=(observation(value="5.00"), SEEN.observations[1])), ()),
    "a code more": (
        replace(
            SEEN,
            observations=(
                observation(
                    code=Concept(
                        codings=(Coding(system=LOINC, code="2345-7"), Coding(system="urn:lab", code="GLU"))
                    )
                ),
                SEEN.observations[1],
            ),
        ),
        (),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_version_unsays(name: str) -> None:
    now, expected = CHANGES[name]
    assert changes_between(SEEN, now) == expected


def test_the_same_unit_in_other_letters_is_no_change() -> None:
    seen = content(replace(observation(), value=measured("140", "г/л")))
    assert changes_between(seen, content(replace(observation(), value=measured("140", "g/L")))) == ()
    assert changes_between(seen, content(replace(observation(), value=measured("140", "мг/л")))) == (
        Change.UNIT,
    )


def test_what_was_still_to_come_was_not_said() -> None:
    awaited = observation(value=None, interpretation=(), status=ObservationStatus.REGISTERED)
    assert changes_between(content(awaited, status=ReportStatus.PARTIAL), content(observation())) == ()


def test_a_preliminary_value_that_becomes_another_was_seen_too() -> None:
    seen = content(observation(value="5.0"), status=ReportStatus.PRELIMINARY)
    assert changes_between(seen, content(observation(value="5.1"))) == (Change.VALUE,)
    assert changes_between(seen, content(observation(value="5.0"))) == ()


def test_components_are_findings() -> None:
    parts = [
        tuple(Component(code=Concept(text=name), value=measured(value)) for name, value in found)
        for found in ((("Систолическое", "120"), ("Диастолическое", "80")), (("Систолическое", "180"), ("Диастолическое", "80")))
    ]  # fmt: skip
    before, after = (observation("85354-9", None, interpretation=(), components=one) for one in parts)
    assert changes_between(content(before), content(after)) == (Change.VALUE,)


def test_where_the_form_is_all_another_form_is_a_change() -> None:
    form = Attachment(content_type="application/pdf", title="Бланк", size_bytes=1000)
    seen, now = content(attachments=(form,)), content(attachments=(replace(form, size_bytes=1001),))
    assert changes_between(seen, now) == (Change.DOCUMENT,)
    # Beside values it is only their picture.
    assert (
        changes_between(
            replace(seen, observations=SEEN.observations), replace(now, observations=SEEN.observations)
        )
        == ()
    )


observations = st.builds(
    observation,
    st.sampled_from(["2345-7", "718-7", "789-8"]),
    st.sampled_from(["5", "5.0", "7.1", None]),
)
contents = st.builds(
    lambda found, status, conclusion: content(*found, status=status, conclusion=conclusion),
    st.lists(observations, max_size=4),
    st.sampled_from([ReportStatus.FINAL, ReportStatus.CORRECTED, ReportStatus.CANCELLED]),
    st.sampled_from([None, "Норма.", "Анемия."]),
)


@given(contents, st.lists(observations, max_size=3), st.randoms())
def test_nothing_is_unsaid_by_saying_more_in_any_order(
    seen: ReportContent, more: list[Observation], random: Any
) -> None:
    said = [*seen.observations, *more]
    random.shuffle(said)
    assert changes_between(seen, replace(seen, observations=tuple(said))) == ()


@given(contents, contents)
def test_what_is_lost_is_always_noticed(seen: ReportContent, now: ReportContent) -> None:
    """Either all findings of one place and value are there again, or the change is named."""

    def said(report: ReportContent) -> set[Any]:
        return {
            (one.code.codings[0].code, one.value.quantity.number)
            for one in report.observations
            if one.value and one.value.quantity
        }

    if not said(seen) <= said(now):
        assert changes_between(seen, now)
