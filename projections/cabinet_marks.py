"""Marks: by what a patient's list is searched and filtered without a word of it lying in clear.

A mark is 32 bits of a keyed digest of a term, under a key of the patient's own: equal words of two patients have
different marks, and who has the database but not the secrets learns only how many terms a report has. One in four
thousand million is a coincidence; what a page shows is never decided by a mark alone where that would matter.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from struct import Struct
from typing import NamedTuple
from uuid import UUID

from domain.admission import filing_of
from domain.report import ReportReceived, ReportRevised
from domain.report_content import ReportContent
from domain.study_type import StudyType
from domain.values import PatientId
from ledger import sealing
from ledger.codec import RecordedEvent
from ledger.custody import Custody
from ledger.store import Ledger
from projections.projection import Rows
from projections.search_terms import report_terms
from projections.summary import studied_at

TERMS_MAX = 3000
# Of each mark the first 32 bits.
_NUMBERS = Struct(">i12x")


def search_key(custody: Custody, patient_id: UUID) -> bytes:
    return sealing.derive(custody.index_key, b"cabinet-terms", patient_id.bytes)


class Asking(NamedTuple):
    """By which keys marks are looked for: those of today, and those of rows of before 26 November 2026, which have theirs
    until `letopis rebuild cabinet` makes them anew. What a row lacks would be found too little, and hidden too little."""

    key: bytes
    former: bytes

    def marks(self, terms: Iterable[str]) -> list[int]:
        asked = set(terms)
        former = (sealing.mark(self.former, "term", term)[:4] for term in asked)
        return [*marks(self.key, asked), *(int.from_bytes(one, "big", signed=True) for one in former)]


def asking(custody: Custody, patient_id: UUID) -> Asking:
    former = sealing.derive(custody.index_key, b"cabinet-marks", patient_id.bytes)
    return Asking(search_key(custody, patient_id), former)


def marks(key: bytes, terms: Iterable[str]) -> list[int]:
    """As an `integer` column can hold them, in one order, so that a rebuild gives the same bytes."""
    made = sealing.marks(key, map(_block_of, set(terms)))
    return sorted({number for (number,) in _NUMBERS.iter_unpack(made)})


@lru_cache(maxsize=50_000)
def _block_of(term: str) -> bytes:
    """Terms are of words, which come again in other patients' reports."""
    return sealing.mark_block(term)


def type_term(study_type: StudyType | None) -> str:
    """None is of a report whose type can't be told."""
    return f"t:{study_type or ''}"


def department_term(laboratory_id: UUID, name: str) -> str:
    return f"n:{laboratory_id}:{name}"


def day_term(day: date) -> str:
    return f"d:{day.isoformat()}"


def studied_on(content: ReportContent, received_at: datetime) -> date:
    """The day that the list goes by: of the sample, else of the result, else of its arrival. Of a date without a
    day its first is taken."""
    said = studied_at(content) or ""
    try:
        return date.fromisoformat((said[:10] + "-01-01")[:10] if len(said) < 7 else (said[:10] + "-01")[:10])
    except ValueError:
        # A row of the database comes back in the server's time zone.
        return received_at.astimezone(UTC).date()


def month_of(content: ReportContent, received_at: datetime) -> date:
    return studied_on(content, received_at).replace(day=1)


def terms_of(content: ReportContent, laboratory_id: UUID, received_at: datetime) -> list[str]:
    filing = filing_of(content)
    types: Sequence[StudyType | None] = filing.study_types or (None,)
    words: Collection[str] = report_terms(content)
    if len(words) > TERMS_MAX:
        words = sorted(words)[:TERMS_MAX]
    return [
        day_term(studied_on(content, received_at)),
        *map(type_term, types),
        *(department_term(laboratory_id, name) for name in filing.names),
        *words,
    ]


def marks_made(
    rows: Rows, report_ids: Iterable[UUID], events: Sequence[RecordedEvent], ledger: Ledger
) -> None:
    """Of those of the reports that are somebody's, as they stand after a batch of events. A report that was matched
    later than it came is read from the ledger once more: its words lie nowhere else."""
    asked = list(dict.fromkeys(report_ids))
    if not asked:
        return
    found = rows.execute(
        "SELECT report_id, patient_id, laboratory_id, position, received_at FROM reports"
        " WHERE report_id = ANY(%s) AND patient_id IS NOT NULL",
        (asked,),
    ).fetchall()
    at_hand = {recorded.position: recorded for recorded in events}
    made: dict[UUID, list[int]] = {}
    for report_id, patient_id, laboratory_id, position, received_at in found:
        content = _content_at(position, at_hand, ledger)
        if content is not None:
            key = search_key(ledger.custody, PatientId(patient_id))
            made[report_id] = marks(key, terms_of(content, laboratory_id, received_at))
    if made:
        rows.execute(
            "UPDATE reports SET marks = m.t::integer[] FROM unnest(%b::uuid[], %b::text[]) AS m (r, t)"
            " WHERE report_id = m.r",
            (list(made), ["{" + ",".join(map(str, one)) + "}" for one in made.values()]),
        )


def _content_at(
    position: int, at_hand: Mapping[int | None, RecordedEvent], ledger: Ledger
) -> ReportContent | None:
    recorded = at_hand.get(position) or ledger.read_all(after=position - 1, limit=1)[0]
    event = recorded.event
    return event.content if isinstance(event, ReportReceived | ReportRevised) else None
