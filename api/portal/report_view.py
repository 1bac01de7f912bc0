"""How a report is put into words: one line an observation, for the page and for `letopis report`."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from api.pages import Locale, phrase
from api.portal.measured_words import range_text, unit_of, unit_text
from api.portal.range_bar import range_bar
from api.report_words import ABSENT_REASONS, NULL_FLAVORS
from domain.code_map import NO_MAP, CodeMap, named
from domain.report_content import (
    Component,
    Observation,
    ReferenceRange,
    ReportContent,
    Subject,
    Value,
    ValueKind,
)
from domain.values import Coding, Concept, Quantity
from projections.summary import flag_of, flag_word, stated_word, title_of


class Words(NamedTuple):
    """In what words a report is shown: the reader's, and what the laboratory's codes mean."""

    locale: Locale
    code_map: CodeMap


def patient_name(subject: Subject) -> str:
    """The name as the laboratory wrote it."""
    parts = [subject.family, *subject.given]
    return " ".join(part for part in parts if part) or subject.name_text or "—"


def text_of(concepts: Sequence[Concept]) -> str | None:
    return "; ".join(word for concept in concepts if (word := title_of(concept))) or None


def coding_of(concept: Concept) -> Coding:
    """The coding that stands for the concept: the first one with a code."""
    return next((coding for coding in concept.codings if coding.code), Coding())


def value_text(value: Value | None) -> str | None:
    """The value without its unit, digits exactly as sent."""
    if value is None:
        return None
    match value.kind:
        case ValueKind.QUANTITY:
            return value.quantity.value if value.quantity else None
        case ValueKind.CONCEPT:
            return title_of(value.concept)
        case ValueKind.RANGE:
            return f"{_amount(value.low)}–{_amount(value.high)}"
        case ValueKind.RATIO:
            return f"{_amount(value.numerator)} : {_amount(value.denominator)}"
        case _:
            return value.text


def shown_observations(
    content: ReportContent, locale: Locale, code_map: CodeMap = NO_MAP
) -> list[dict[str, Any]]:
    """The rows of the page: panels, then their members one deeper, components one deeper still. What came
    without a name, with a code of the laboratory's own, is called as that code is mapped."""
    members = {place for observation in content.observations for place in observation.members}
    roots = [place for place in range(len(content.observations)) if place not in members]
    seen: set[int] = set()
    rows = [row for place in roots for row in _rows(content, place, 0, Words(locale, code_map), seen)]
    files = {one.title for one in content.attachments if one.source}
    for row in rows:
        if row["value"] is None and not row["is_panel"] and row["name"] in files:
            row["absent_reason"] = row["absent_reason"] or phrase("absent.attached", locale=locale)
    return rows


def _rows(
    content: ReportContent, place: int, depth: int, words: Words, seen: set[int]
) -> Iterator[dict[str, Any]]:
    if place in seen:
        return
    seen.add(place)
    observation = content.observations[place]
    is_panel = bool(observation.members) or (observation.value is None and bool(observation.components))
    yield _row(observation, depth, words) | {
        "status": observation.status.value,
        "notes": list(observation.notes),
        "method": title_of(observation.method),
        "is_panel": is_panel,
        "flag": flag_word(observation),
    }
    for component in observation.components:
        yield _row(component, depth + 1, words) | {
            "status": observation.status.value,
            "notes": [],
            "method": None,
            "is_panel": False,
            "flag": stated_word(component.interpretation),
        }
    for member in observation.members:
        yield from _rows(content, member, depth + 1, words, seen)


def _row(observation: Observation | Component, depth: int, words: Words) -> dict[str, Any]:
    coding = coding_of(observation.code)
    quantity = observation.value.quantity if observation.value else None
    return {
        "depth": depth,
        "name": title_of(named(observation.code, words.code_map)) or "—",
        "code": coding.code,
        "code_system": coding.system,
        "value": value_text(observation.value),
        "unit": unit_text(observation.value, words.locale),
        "comparator": quantity.comparator if quantity else None,
        "range_text": range_text(observation.reference_ranges, words.locale),
        "absent_reason": absent_text(observation.data_absent_reason, words.locale),
        "bar": range_bar(observation.value, observation.reference_ranges),
    }


def absent_text(reason: Concept | None, locale: Locale) -> str | None:
    """Why there is no value: in the laboratory's own words, else in ours for the code of FHIR or of HL7 v3."""
    if reason is None or reason.text:
        return reason.text if reason else None
    codes = (NULL_FLAVORS.get(coding.code or "", coding.code) for coding in reason.codings)
    known = next((code for code in codes if code in ABSENT_REASONS), None)
    return phrase(f"absent.{known}", locale=locale) if known else title_of(reason)


def as_json(content: ReportContent) -> list[dict[str, Any]]:
    """The observations as `letopis report --json` prints them: decimals as strings, as sent."""
    return [_as_json(observation) for observation in content.observations]


def _as_json(observation: Observation) -> dict[str, Any]:
    coding = coding_of(observation.code)
    first = observation.reference_ranges[0] if observation.reference_ranges else ReferenceRange()
    value = observation.value
    concept = coding_of(value.concept) if value and value.concept else Coding()
    quantity = value.quantity if value else None
    return {
        "code": coding.code,
        "system": coding.system,
        "display": coding.display or observation.code.text,
        "value": concept.code or value_text(value),
        "value_text": title_of(value.concept) if value and value.concept else None,
        "value_system": concept.system,
        "comparator": quantity.comparator if quantity else None,
        "unit": unit_of(value),
        "low": first.low.value if first.low else None,
        "high": first.high.value if first.high else None,
        "range_text": first.text,
        "flag": flag_of(observation.interpretation),
        "status": observation.status.value,
        "data_absent": title_of(observation.data_absent_reason),
        "panel": bool(observation.members) and value is None,
        "components": [_component_as_json(component) for component in observation.components],
    }


def _component_as_json(component: Component) -> dict[str, Any]:
    coding = coding_of(component.code)
    value = component.value
    concept = coding_of(value.concept) if value and value.concept else Coding()
    return {
        "code": coding.code,
        "system": coding.system,
        "display": coding.display or component.code.text,
        "value": concept.code or value_text(value),
        "unit": unit_of(value),
        "comparator": value.quantity.comparator if value and value.quantity else None,
        "data_absent": title_of(component.data_absent_reason),
    }


def _amount(quantity: Quantity | None) -> str:
    if quantity is None:
        return ""
    return f"{quantity.value or ''}{' ' + quantity.unit if quantity.unit else ''}"
