"""What a visitor narrows the list of results to: read from the address or a form, and written back into either.

Dates, the laboratory, the study type and the status may stand in an address. The words of a search may not.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from api.list_words import STATUS_GROUPS
from api.pages import LOCALES, phrase
from api.problems import ProblemError
from domain.study_type import StudyType
from projections.cabinet_list import Cursor, SoughtWord, Wanted
from projections.search_terms import asked_terms, readings_of, terms_of_word, words_of

SEARCH_LENGTH_MAX = 200
_FIELDS = ("from", "to", "laboratory", "type", "status", "new")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFilter:
    """`fields` are as they were given, those that say something; `search` never leaves a form."""

    fields: Mapping[str, str]
    search: str = ""

    @property
    def is_empty(self) -> bool:
        return not self.fields and not self.search

    def path(self, *, without: str | None = None, **more: str) -> str:
        """The address of the list so narrowed, or without one of the fields."""
        kept = {name: value for name, value in self.fields.items() if name != without} | more
        return f"/reports?{urlencode(kept)}" if kept else "/reports"


def filter_of(given: Mapping[str, str]) -> ListFilter:
    fields = {name: given[name].strip() for name in _FIELDS if given.get(name, "").strip()}
    return ListFilter(fields=fields, search=" ".join(given.get("q", "").split())[:SEARCH_LENGTH_MAX])


def wanted_of(narrowed: ListFilter, laboratories: Sequence[tuple[UUID, str]]) -> Wanted:
    """ProblemError by field for what can't be meant."""
    fields = narrowed.fields
    first, last = _day(fields, "from"), _day(fields, "to")
    if first and last and first > last:
        raise ProblemError("filter-invalid", "from")
    return Wanted(
        first_day=first,
        last_day=last,
        laboratory_id=_uuid(fields["laboratory"]) if "laboratory" in fields else None,
        study_type=_study_type(fields["type"]) if "type" in fields else None,
        statuses=_statuses(fields["status"]) if "status" in fields else None,
        only_new="new" in fields,
        readings=_readings(narrowed.search, laboratories),
    )


def cursor_text(cursor: Cursor) -> str:
    parts = (
        "n" if cursor.is_new else "k",
        cursor.month.isoformat(),
        cursor.received_at.isoformat(),
        cursor.report_id.hex,
    )
    return urlsafe_b64encode("|".join(parts).encode()).decode().rstrip("=")


def cursor_of(text: str) -> Cursor | None:
    if not text:
        return None
    try:
        parts = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().split("|")
        is_new, month, received_at, report_id = parts
        return Cursor(
            is_new=is_new == "n",
            month=date.fromisoformat(month),
            received_at=datetime.fromisoformat(received_at),
            report_id=UUID(report_id),
        )
    except (ValueError, binascii.Error):
        raise ProblemError("request-malformed", "after") from None


def _readings(search: str, laboratories: Sequence[tuple[UUID, str]]) -> tuple[tuple[SoughtWord, ...], ...]:
    return tuple(
        tuple(_sought(word, number == len(words), laboratories) for number, word in enumerate(words, 1))
        for words in readings_of(search)
    )


def _sought(word: str, is_last: bool, laboratories: Sequence[tuple[UUID, str]]) -> SoughtWord:
    """A word is met in a report, in the name of who issued it, or in the name of its section."""
    asked = asked_terms(word, is_last=is_last)
    return SoughtWord(
        word=word,
        is_last=is_last,
        laboratory_ids=tuple(one for one, name in laboratories if asked & _terms_of(name)),
        study_types=tuple(one for one, terms in _section_terms().items() if asked & terms),
    )


def _terms_of(text: str) -> frozenset[str]:
    return frozenset[str]().union(*map(terms_of_word, words_of(text)))


@cache
def _section_terms() -> dict[StudyType, frozenset[str]]:
    return {
        one: _terms_of(" ".join(phrase(f"section.{one.value}", locale=locale) for locale in LOCALES))
        for one in StudyType
    }


def _day(fields: Mapping[str, Any], name: str) -> date | None:
    if name not in fields:
        return None
    try:
        return date.fromisoformat(fields[name])
    except ValueError:
        raise ProblemError("filter-invalid", name) from None


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ProblemError("filter-invalid", "laboratory") from None


def _study_type(text: str) -> StudyType:
    try:
        return StudyType(text)
    except ValueError:
        raise ProblemError("filter-invalid", "type") from None


def _statuses(text: str) -> tuple[str, ...]:
    if text not in STATUS_GROUPS:
        raise ProblemError("filter-invalid", "status")
    return tuple(str(one) for one in STATUS_GROUPS[text])
