"""Who looked: every reading of a patient's data and every act of staff on it, asked of the audit trail.

Readings of one reader, result and purpose on one day are one line; how many there were is counted by the same query, so
that nothing is lost in folding. Everything is asked in the patient's role (`Ledger.of_patient`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from domain.values import PatientId
from ledger.store import Ledger
from projections.audit import READINGS, Entry

# How many readings of a line are shown with it, and how many lines on a page.
SHOWN_OF_LINE, LINES_OF_PAGE, CHUNK = 10, 50, 1000
# Readings of what the patient said to a doctor or to support: that they did is their own secret too.
TALKS = ("ConsultationRead", "TicketRead")
ROLES = ("patient", "guardian", "doctor", "link", "staff", "laboratory", "auditor", "operator", "system")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which readings are asked for. Days are those of `time_zone`. With `seen` only readings of these reports are told
    one by one, and nothing that the patient looked at themselves or a doctor saw of them; others are counted, whatever
    role is asked for, so that the number does not say whose they are."""

    patient_id: PatientId
    time_zone: str
    since: date | None = None
    until: date | None = None
    role: str | None = None
    report_id: UUID | None = None
    seen: frozenset[UUID] | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """Readings of one reader, result, act and purpose on one day. `positions` are the latest of them, `media` the forms
    in which the result left, with how often."""

    actor: str
    role: str
    name: str
    report_id: UUID | None
    purpose: str
    count: int
    last: int
    first_at: datetime
    last_at: datetime
    positions: list[int]
    media: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Log:
    """A page of lines; `readings` and `total` are of all pages, `hidden` what was counted and not told."""

    lines: list[Line]
    total: int
    readings: int
    hidden: int


_ROLE = """
CASE WHEN actor LIKE 'share:%%' THEN 'link'
    WHEN detail->>'purpose' = 'treatment' THEN 'doctor'
    WHEN actor = %(own)s THEN 'patient'
    WHEN actor LIKE 'patient:%%' THEN 'guardian'
    WHEN split_part(actor, ':', 1) IN ('staff', 'laboratory', 'auditor', 'operator') THEN split_part(actor, ':', 1)
    ELSE 'system' END
"""
# Acts of staff have no purpose of their own: they are the work of the service.
_FOUND = f"""
WITH found AS (
    SELECT position, event_id, recorded_at, name, actor, on_behalf_of, patient_id, report_id, detail, {_ROLE} AS role,
        coalesce(detail->>'purpose', 'operation') AS purpose, (recorded_at AT TIME ZONE %(zone)s)::date AS day,
        %(is_limited)s AND CASE WHEN report_id IS NULL THEN actor = %(own)s OR detail->>'purpose' = 'treatment'
            OR name = ANY (%(talks)s) ELSE report_id <> ALL (%(seen)s::uuid[]) END AS is_hidden
    FROM audit.entries WHERE patient_id = %(patient)s AND (name = ANY (%(names)s) OR actor LIKE 'staff:%%')
        AND (%(report)s::uuid IS NULL OR report_id = %(report)s)
        AND (%(since)s::date IS NULL OR recorded_at >= (%(since)s::date::timestamp AT TIME ZONE %(zone)s))
        AND (%(until)s::date IS NULL OR recorded_at < ((%(until)s::date + 1)::timestamp AT TIME ZONE %(zone)s))
), asked AS (SELECT * FROM found WHERE %(role)s::text IS NULL OR role = %(role)s OR is_hidden)
"""
_LINES = f"""
{_FOUND}, lines AS (
    SELECT actor, role, name, report_id, purpose, count(*) AS count, max(position) AS last,
        min(recorded_at) AS first_at, max(recorded_at) AS last_at,
        (array_agg(position ORDER BY position DESC))[1:%(shown)s] AS positions,
        array_agg(detail->>'medium') FILTER (WHERE detail ? 'medium') AS media
    FROM asked WHERE NOT is_hidden GROUP BY day, actor, role, name, report_id, purpose
), page AS (SELECT * FROM lines ORDER BY last DESC LIMIT %(limit)s OFFSET %(offset)s)
SELECT counted.*, page.* FROM (SELECT (SELECT count(*) FROM lines), (SELECT coalesce(sum(count), 0) FROM lines),
    (SELECT count(*) FROM asked WHERE is_hidden)) AS counted LEFT JOIN page ON true ORDER BY last DESC
"""
_COLUMNS = "position, event_id, recorded_at, name, actor, on_behalf_of, patient_id, report_id, detail"
_RAW = f"""
{_FOUND} SELECT {_COLUMNS} FROM asked WHERE NOT is_hidden AND position = ANY (%(positions)s) ORDER BY position DESC
"""
# All readings of the line that one of them stands in.
_OF_LINE = f"""
{_FOUND}, one AS (SELECT * FROM asked WHERE position = %(position)s AND NOT is_hidden)
SELECT {", ".join(f"asked.{name}" for name in _COLUMNS.split(", "))}, count(*) OVER () FROM asked JOIN one
    ON asked.day = one.day AND asked.actor = one.actor AND asked.name = one.name AND asked.purpose = one.purpose
    AND asked.report_id IS NOT DISTINCT FROM one.report_id
WHERE NOT asked.is_hidden ORDER BY asked.position DESC LIMIT %(limit)s OFFSET %(offset)s
"""
_CHUNK = f"""
{_FOUND} SELECT {_COLUMNS}, role, is_hidden FROM asked WHERE position < %(before)s ORDER BY position DESC LIMIT %(limit)s
"""


def log_of(ledger: Ledger, asked: Asked, *, page: int = 1) -> Log:
    """A page of lines, latest first, and the counts of all."""
    limits = {"shown": SHOWN_OF_LINE, "limit": LINES_OF_PAGE, "offset": (page - 1) * LINES_OF_PAGE}
    found = _rows(ledger, asked, _LINES, limits)
    total, readings, hidden = found[0][:3]
    lines = [_line(row[3:]) for row in found if row[3] is not None]
    return Log(lines, int(total), int(readings), int(hidden))


def _line(row: tuple[Any, ...]) -> Line:
    media: dict[str, int] = {}
    for medium in row[10] or ():
        media[medium] = media.get(medium, 0) + 1
    return Line(*(*row[:10], media))


def raw(ledger: Ledger, asked: Asked, positions: list[int]) -> dict[int, Entry]:
    """These readings one by one."""
    found = _rows(ledger, asked, _RAW, {"positions": positions})
    return {row[0]: Entry(*row) for row in found}


def readings_of_line(
    ledger: Ledger, asked: Asked, position: int, *, page: int = 1
) -> tuple[list[Entry], int]:
    """A page of the readings that are folded into one line with this one, and how many there are."""
    limits = {"position": position, "limit": LINES_OF_PAGE, "offset": (page - 1) * LINES_OF_PAGE}
    found = _rows(ledger, asked, _OF_LINE, limits)
    return [Entry(*row[:-1]) for row in found], int(found[0][-1]) if found else 0


@dataclass(frozen=True, slots=True)
class Exported:
    """One reading with its reader's role; None stands for one that is counted and not told."""

    entry: Entry | None
    role: str | None


def every_reading(ledger: Ledger, asked: Asked, *, until_position: int) -> Iterator[Exported]:
    """Every reading up to a position, latest first, a chunk at a time."""
    before = until_position + 1
    while found := _rows(ledger, asked, _CHUNK, {"before": before, "limit": CHUNK}):
        for *columns, role, is_hidden in found:
            yield Exported(None, None) if is_hidden else Exported(Entry(*columns), role)
        before = found[-1][0]


def _rows(ledger: Ledger, asked: Asked, query: str, more: dict[str, Any]) -> list[tuple[Any, ...]]:
    parameters = {
        "patient": asked.patient_id,
        "own": f"patient:{asked.patient_id}",
        "zone": asked.time_zone,
        "names": list(READINGS),
        "report": asked.report_id,
        "since": asked.since,
        "until": asked.until,
        "role": asked.role,
        "is_limited": asked.seen is not None,
        "talks": list(TALKS),
        "seen": list(asked.seen or ()),
    }
    with ledger.of_patient(asked.patient_id) as connection:
        return connection.execute(query.encode(), parameters | more).fetchall()
