"""The list of a patient's results: asked for by a page at a time, filtered and searched, by one query.

New ones first, then by month, then by arrival. What is filtered by lies in clear (laboratory, status, month) or as
marks under a key of the patient's own; keys are opened for the rows of the page alone.
"""

import calendar
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from domain.laboratory import Laboratory
from domain.study_type import StudyType
from domain.talk_first import TalkFirst
from domain.values import PatientId
from ledger.store import Ledger
from projections.cabinet import ReportRow, opened
from projections.cabinet_marks import Asking, asking, day_term, department_term, type_term
from projections.search_terms import asked_terms

PAGE = 50
_COLUMNS = "report_id, laboratory_id, version, status, received_at, version_read, key_id, summary, month"
_ORDER = "month DESC, received_at DESC, report_id DESC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Behind which row the next page begins."""

    is_new: bool
    month: date
    received_at: datetime
    report_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class SoughtWord:
    """A word of a search: by which terms, in which laboratories' reports, or of which types it is met."""

    word: str
    is_last: bool = False
    laboratory_ids: tuple[UUID, ...] = ()
    study_types: tuple[StudyType, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the list is narrowed to. `readings` are the ways in which a search may be meant: one must fit with all its
    words."""

    first_day: date | None = None
    last_day: date | None = None
    laboratory_id: UUID | None = None
    study_type: StudyType | None = None
    statuses: tuple[str, ...] | None = None
    only_new: bool = False
    readings: tuple[tuple[SoughtWord, ...], ...] = ()

    @property
    def asks_what_they_say(self) -> bool:
        """Whether that a report is found says something of what it holds."""
        return self.study_type is not None or bool(self.readings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What of the list the reader is to see at all. `sections`: all of a report's must be among them; None for who
    sees everything. `wish`: what waits for a talk, and must not be found by what it says. `departments` decide in
    which section a laboratory's reports belong."""

    sections: frozenset[StudyType] | None = None
    wish: TalkFirst
    departments: Mapping[UUID, Laboratory]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedRow:
    report: ReportRow
    month: date
    laboratory: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """`new_count` is of the whole list as it is narrowed; `following` where the next page begins."""

    rows: list[ListedRow]
    following: Cursor | None
    new_count: int


def page_of(
    ledger: Ledger, patient_id: PatientId, wanted: Wanted, limits: Limits, *, after: Cursor | None = None
) -> Page:
    query, parameters = _query(asking(ledger.custody, patient_id), patient_id, wanted, limits, after)
    with ledger.of_patient(patient_id) as connection:
        found = connection.execute(query.encode(), parameters).fetchall()
    counted, found = found[0][-1], [row for row in found if row[0] is not None]
    shown = found[:PAGE]
    secrets = ledger.keys.find_all([row[6] for row in shown])
    rows = [ListedRow(report=opened(row, secrets[row[6]]), month=row[8], laboratory=row[9]) for row in shown]
    following = _cursor(shown[-1]) if len(found) > PAGE else None
    return Page(rows=rows, following=following, new_count=counted)


def issuers_of(ledger: Ledger, patient_id: PatientId) -> list[tuple[UUID, str]]:
    """The laboratories that the patient's reports may come from, with their names: who is linked, or was."""
    with ledger.of_patient(patient_id) as connection:
        return connection.execute(
            "SELECT l.laboratory_id, l.name FROM cabinet.linkages k"
            " JOIN cabinet.laboratories l ON l.laboratory_id = k.organisation_id"
            " WHERE k.patient_id = %s ORDER BY l.name, l.laboratory_id",
            (patient_id,),
        ).fetchall()


def _cursor(row: tuple[Any, ...]) -> Cursor:
    return Cursor(is_new=row[5] < row[2], month=row[8], received_at=row[4], report_id=row[0])


def _query(
    asked: Asking, patient_id: PatientId, wanted: Wanted, limits: Limits, after: Cursor | None
) -> tuple[str, dict[str, Any]]:
    """New rows and known ones each come by an index of their own, in order, and no more of them than a page. The count
    of new ones stands beside, also where there is no row."""
    parameters: dict[str, Any] = {"patient": patient_id, "limit": PAGE + 1}
    conditions = [
        *_plain_conditions(wanted, parameters),
        *_day_conditions(asked, wanted, parameters),
        *_mark_conditions(asked, wanted, limits, parameters),
    ]
    narrowed = "".join(f" AND {one}" for one in conditions)
    behind = {True: "", False: ""}
    if after is not None:
        behind[after.is_new] = " AND (month, received_at, report_id) < (%(month)s, %(received)s, %(report)s)"
        parameters |= {"month": after.month, "received": after.received_at, "report": after.report_id}
    parts = []
    if after is None or after.is_new:
        parts.append(_part("version_read < version", narrowed + behind[True]))
    if not wanted.only_new:
        parts.append(_part("version_read >= version", narrowed + behind[False]))
    listed = " UNION ALL ".join(parts) or _part("false", "")
    query = (
        f"SELECT r.*, l.name, c.counted FROM (SELECT count(*) AS counted FROM cabinet.reports"
        f" WHERE patient_id = %(patient)s AND version_read < version{narrowed}) c LEFT JOIN"
        f" (SELECT * FROM ({listed}) both_parts ORDER BY version_read < version DESC, {_ORDER} LIMIT %(limit)s) r"
        " ON true LEFT JOIN cabinet.laboratories l USING (laboratory_id)"
        f" ORDER BY r.version_read < r.version DESC, {_ORDER}"
    )
    return query, parameters


def _part(which: str, narrowed: str) -> str:
    return (
        f"(SELECT {_COLUMNS} FROM cabinet.reports WHERE patient_id = %(patient)s AND {which}{narrowed}"
        f" ORDER BY {_ORDER} LIMIT %(limit)s)"
    )


def _plain_conditions(wanted: Wanted, parameters: dict[str, Any]) -> Iterable[str]:
    if wanted.laboratory_id is not None:
        parameters["laboratory"] = wanted.laboratory_id
        yield "laboratory_id = %(laboratory)s"
    if wanted.statuses is not None:
        parameters["statuses"] = list(wanted.statuses)
        yield "status = ANY(%(statuses)s)"


def _day_conditions(asked: Asking, wanted: Wanted, parameters: dict[str, Any]) -> Iterable[str]:
    """Whole months by the column, the first and the last one day by day."""
    for end, day, order in (("first", wanted.first_day, ">="), ("last", wanted.last_day, "<=")):
        if day is not None:
            length = calendar.monthrange(day.year, day.month)[1]
            days = range(day.day, length + 1) if end == "first" else range(1, day.day + 1)
            parameters[f"{end}_month"] = day.replace(day=1)
            parameters[f"{end}_days"] = asked.marks(day_term(day.replace(day=one)) for one in days)
            yield f"month {order} %({end}_month)s"
            yield f"(month <> %({end}_month)s OR marks && %({end}_days)s::integer[])"


def _mark_conditions(
    asked: Asking, wanted: Wanted, limits: Limits, parameters: dict[str, Any]
) -> Iterable[str]:
    def of_sections(name: str, sections: Iterable[StudyType], *, others: bool = False) -> str:
        terms = _section_terms(frozenset(sections), limits.departments, others=others)
        parameters[name] = asked.marks(terms)
        return f"marks && %({name})s::integer[]"

    if limits.sections is not None:
        yield of_sections("open", limits.sections)
        yield f"NOT {of_sections('closed', frozenset(StudyType) - limits.sections, others=True)}"
    if wanted.study_type is not None:
        yield of_sections("wanted", (wanted.study_type,))
    if wanted.asks_what_they_say and limits.wish.is_on:
        waits = of_sections("waiting", limits.wish.sections, others=limits.wish.includes_others)
        parameters["opened"] = list(limits.wish.open_reports)
        yield f"NOT (version_read = 0 AND {waits} AND report_id <> ALL(%(opened)s::uuid[]))"
    if wanted.readings:
        fits = [_reading(asked, place, words, parameters) for place, words in enumerate(wanted.readings)]
        yield f"({' OR '.join(fits)})"


def _reading(asked: Asking, place: int, words: Sequence[SoughtWord], parameters: dict[str, Any]) -> str:
    conditions = []
    for number, word in enumerate(words):
        name = f"word_{place}_{number}"
        terms = asked_terms(word.word, is_last=word.is_last) | set(map(type_term, word.study_types))
        parameters[name] = asked.marks(terms)
        parameters[f"{name}_in"] = list(word.laboratory_ids)
        conditions.append(f"(marks && %({name})s::integer[] OR laboratory_id = ANY(%({name}_in)s::uuid[]))")
    return f"({' AND '.join(conditions)})"


def _section_terms(
    sections: frozenset[StudyType], laboratories: Mapping[UUID, Laboratory], *, others: bool
) -> Iterable[str]:
    """Under which terms a report of these sections is kept: its own types, or a department that files it there."""
    yield from map(type_term, sections)
    if others:
        yield type_term(None)
    for laboratory_id, laboratory in laboratories.items():
        for department in laboratory.departments:
            if department.section in sections:
                for name in (department.code, department.name):
                    yield department_term(laboratory_id, " ".join(name.casefold().split()))
