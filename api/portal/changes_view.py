"""What another version says otherwise, put into words: the former beside the new, value by value."""

from typing import Any

from api.pages import decimal_text, phrase
from api.portal.measured_words import range_text, unit_text
from api.portal.report_view import (
    Words,
    absent_text,
    patient_name,
    text_of,
    value_text,
)
from domain.code_map import named
from domain.report_content import Observation, ReportContent
from domain.version_changes import Aspect, Fact, Finding, FindingChange, VersionChanges
from projections.summary import flag_word, summarise, title_of


def shown_changes(changes: VersionChanges, words: Words) -> dict[str, Any]:
    """Values that changed, were added and removed; then what changed around them."""
    return {
        "findings": [_finding(one, words) for one in changes.findings],
        "facts": [
            {
                "fact": fact,
                "before": _fact(fact, changes.before, words),
                "after": _fact(fact, changes.after, words),
            }
            for fact in changes.facts
        ],
    }


def _finding(change: FindingChange, words: Words) -> dict[str, Any]:
    before = change.before.observation if change.before else None
    after = change.after.observation if change.after else None
    others = [aspect for aspect in change.aspects if aspect is not Aspect.VALUE]
    return {
        "name": _name(change.after or change.before, words),
        "kind": "added" if before is None else "removed" if after is None else "changed",
        "is_value": Aspect.VALUE in change.aspects,
        "before": before and _amount(before, words),
        "after": after and _amount(after, words),
        "aspects": [
            {
                "aspect": aspect,
                "before": before and _aspect(aspect, before, words),
                "after": after and _aspect(aspect, after, words),
            }
            for aspect in others
        ],
    }


def _name(finding: Finding | None, words: Words) -> str:
    assert finding is not None
    name = title_of(named(finding.observation.code, words.code_map)) or "—"
    whole = finding.part_of and title_of(named(finding.part_of.code, words.code_map))
    return f"{whole}: {name}" if whole else name


def _amount(one: Observation, words: Words) -> str:
    """The value with its comparator and unit; the reason where there is none."""
    value = value_text(one.value)
    if value is None:
        return absent_text(one.data_absent_reason, words.locale) or phrase(
            "report.no_value", locale=words.locale
        )
    quantity = one.value.quantity if one.value else None
    parts = (
        quantity and quantity.comparator,
        decimal_text(value, locale=words.locale),
        unit_text(one.value, words.locale),
    )
    return "\u00a0".join(part for part in parts if part)


def _aspect(aspect: Aspect, one: Observation, words: Words) -> str | None:
    match aspect:
        case Aspect.NAME:
            return title_of(one.code)
        case Aspect.RANGE:
            return range_text(one.reference_ranges, words.locale)
        case Aspect.FLAG:
            flag = flag_word(one)
            return phrase(f"flag.{flag}", locale=words.locale) if flag else None
        case Aspect.STATUS:
            return phrase(f"observation.status.{one.status}", locale=words.locale)
        case Aspect.METHOD:
            return title_of(one.method)
        case Aspect.TIME:
            return one.effective_at
        case Aspect.NOTES:
            return "\n".join(one.notes) or None
        case Aspect.VALUE:
            return _amount(one, words)


def _fact(fact: Fact, content: ReportContent, words: Words) -> str | None:
    match fact:
        case Fact.STATUS:
            return phrase(f"report.status.{content.status}", locale=words.locale)
        case Fact.PATIENT:
            subject = content.subject
            numbers = (number.value for number in subject.identifiers)
            return ", ".join(filter(None, (patient_name(subject), subject.birth_date, *numbers)))
        case Fact.TITLE:
            return title_of(content.code)
        case Fact.LABORATORY:
            return content.performer
        case Fact.SPECIMEN:
            return text_of([one.kind for one in content.specimens if one.kind])
        case Fact.COLLECTED_AT:
            return summarise(content).collected_at
        case Fact.CONCLUSION:
            return content.conclusion or text_of(content.conclusion_codes)
        case Fact.NOTES:
            return "\n".join(content.notes) or None
        case Fact.ATTACHMENTS:
            files = (
                one.title or phrase("report.attachment", locale=words.locale) for one in content.attachments
            )
            return "; ".join(files) or None
