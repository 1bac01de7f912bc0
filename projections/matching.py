"""Matching: which reports wait, by what they might be recognised, and what a person has decided.

Rows hold pseudonyms and keyed digests: that two names and birth dates are the same is seen, not which they are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from domain.erasure import PatientErased
from domain.matching import (
    PERSON,
    known_sex,
    name_of_profile,
    name_of_subject,
    whole_date,
)
from domain.names import NameKeys
from domain.numbers import numbers_of
from domain.patient import ProfileStated
from domain.proposal import MatchConfirmed, MatchDeclined, MatchProposed, ProposalEvent
from domain.report import (
    ReportDestroyed,
    ReportMatched,
    ReportReceived,
    ReportRekeyed,
    ReportRevised,
    ReportUnmatched,
    ReportVersionsHeld,
    ReportVersionsReleased,
    UnmatchReason,
)
from domain.values import PatientId
from ledger import sealing
from ledger.codec import RecordedEvent
from ledger.matching import laboratory_marks
from ledger.store import Ledger
from projections.projection import Projection, Rows

_STATUSES: Mapping[type[ProposalEvent], str] = {
    MatchProposed: "proposed",
    MatchConfirmed: "confirmed",
    MatchDeclined: "declined",
}
_NAME = "matching-name"
_SEX = "matching-sex"


@dataclass(frozen=True, slots=True)
class Proposed:
    """A report that waits and a patient whose it may be. `by_number`: a number says so, against what is said of
    the person; else name and birth date are the same. `is_sex_same` is None if one side does not say it.
    `is_contradicted`: a good number is another person's, so nobody may confirm it."""

    position: int
    report_id: UUID
    laboratory_id: UUID
    laboratory: str | None
    patient_id: PatientId
    by_number: bool
    is_sex_same: bool | None
    is_number_failed: bool
    is_contradicted: bool


# How events change the rows.


@dataclass(slots=True)
class _Batch:
    """What is left of a batch when its events are taken one after another. A report's latest content, or None
    if it waits no more; `received` are those that begin in the batch, `revised` those of which it does not hold the beginning."""

    received: set[UUID] = field(default_factory=set)
    waiting: dict[UUID, RecordedEvent | None] = field(default_factory=dict)
    revised: dict[UUID, RecordedEvent] = field(default_factory=dict)
    profiles: dict[UUID, ProfileStated] = field(default_factory=dict)
    decisions: dict[tuple[UUID, UUID], str] = field(default_factory=dict)
    erased: set[UUID] = field(default_factory=set)
    held: dict[UUID, bool] = field(default_factory=dict)


def apply(rows: Rows, events: Sequence[RecordedEvent], ledger: Ledger) -> None:
    """Folded first: most reports are matched in the append that received them, and need no row."""
    batch = _Batch()
    for recorded in events:
        _take(batch, recorded)
        _take_hold(batch, recorded)
    _profiles_stated(rows, batch.profiles, ledger)
    _reports_wait(rows, batch, ledger)
    _decided(rows, batch.decisions)
    _versions_held(rows, batch.held)
    _erased(rows, batch.erased)


def _take(batch: _Batch, recorded: RecordedEvent) -> None:
    event, stream_id = recorded.event, recorded.stream_id
    match event:
        case ProfileStated():
            batch.profiles[stream_id] = event
        case PatientErased():
            batch.erased.add(event.patient_id)
        case ReportReceived():
            batch.waiting[stream_id] = recorded
            batch.received.add(stream_id)
        case ReportRevised() if not event.is_late:
            _take_version(batch, recorded)
        case ReportMatched() | ReportRekeyed() | ReportDestroyed():
            batch.waiting[stream_id] = None
        case ReportUnmatched():
            if event.reason is UnmatchReason.WITHDRAWN_BY_LABORATORY:
                batch.waiting[stream_id] = None
            if event.patient_id is not None:
                batch.decisions[stream_id, event.patient_id] = "declined"
        case MatchProposed() | MatchConfirmed() | MatchDeclined():
            batch.decisions[event.report_id, event.patient_id] = _STATUSES[type(event)]
        case _:
            # What was erased says nothing any more.
            return


def _take_hold(batch: _Batch, recorded: RecordedEvent) -> None:
    """What is taken from its patient holds nothing back any more."""
    if isinstance(recorded.event, ReportVersionsHeld):
        batch.held[recorded.stream_id] = True
    elif isinstance(recorded.event, ReportVersionsReleased | ReportUnmatched):
        batch.held[recorded.stream_id] = False


def _take_version(batch: _Batch, recorded: RecordedEvent) -> None:
    if recorded.stream_id not in batch.waiting:
        batch.revised[recorded.stream_id] = recorded
    elif batch.waiting[recorded.stream_id] is not None:
        batch.waiting[recorded.stream_id] = recorded


def _erased(rows: Rows, patient_ids: set[UUID]) -> None:
    if patient_ids:
        rows.execute("DELETE FROM patient_names WHERE patient_id = ANY(%s)", (list(patient_ids),))
        rows.execute("DELETE FROM decisions WHERE patient_id = ANY(%s)", (list(patient_ids),))


def _profiles_stated(rows: Rows, profiles: Mapping[UUID, ProfileStated], ledger: Ledger) -> None:
    if not profiles:
        return
    rows.execute("DELETE FROM patient_names WHERE patient_id = ANY(%s)", (list(profiles),))
    _insert_names(
        rows,
        "patient_names",
        [
            (patient_id, *line)
            for patient_id, profile in profiles.items()
            for line in _digests(ledger, name_of_profile(profile), profile.birth_date, profile.sex)
        ],
    )


def _reports_wait(rows: Rows, batch: _Batch, ledger: Ledger) -> None:
    waiting = {report_id: recorded for report_id, recorded in batch.waiting.items() if recorded is not None}
    # One whose beginning is in an earlier batch goes on waiting only if it did.
    known = batch.revised.keys() - batch.waiting.keys()
    if known:
        found = rows.execute("SELECT report_id FROM reports WHERE report_id = ANY(%s)", (list(known),))
        waiting |= {row[0]: batch.revised[row[0]] for row in found.fetchall()}
    # What began in the batch has no rows.
    if changed := list((batch.waiting.keys() | waiting.keys()) - batch.received):
        for table in ("reports", "report_numbers", "report_names"):
            rows.execute(f"DELETE FROM {table} WHERE report_id = ANY(%s)", (changed,))
    if waiting:
        _insert_reports(rows, waiting, ledger)


def _insert_reports(rows: Rows, waiting: Mapping[UUID, RecordedEvent], ledger: Ledger) -> None:
    reports: list[tuple[Any, ...]] = []
    marks: list[tuple[Any, ...]] = []
    names: list[tuple[Any, ...]] = []
    for report_id, recorded in waiting.items():
        event = recorded.event
        assert isinstance(event, ReportReceived | ReportRevised)
        subject = event.content.subject
        numbers = numbers_of(subject.identifiers)
        reports.append((report_id, event.laboratory_id, recorded.position, bool(numbers.failed)))
        for kind, number in (*numbers.good, *laboratory_marks(event.laboratory_id, subject)):
            marks.append((report_id, kind, sealing.mark(ledger.custody.index_key, kind, number)))
        digests = _digests(ledger, name_of_subject(subject), subject.birth_date, subject.sex)
        names += [(report_id, *line) for line in digests]
    if reports:
        rows.execute(
            "INSERT INTO reports SELECT * FROM unnest(%b::uuid[], %b::uuid[], %b::bigint[], %b::bool[])",
            _columns(reports),
        )
    if marks:
        rows.execute(
            "INSERT INTO report_numbers SELECT * FROM unnest(%b::uuid[], %b::text[], %b::bytea[])",
            _columns(marks),
        )
    _insert_names(rows, "report_names", names)


def _insert_names(rows: Rows, table: str, names: Sequence[tuple[Any, ...]]) -> None:
    if names:
        rows.execute(
            f"INSERT INTO {table} SELECT * FROM unnest(%b::uuid[], %b::bool[], %b::bytea[], %b::bytea[])",
            _columns(names),
        )


def _columns(lines: Sequence[tuple[Any, ...]]) -> tuple[list[Any], ...]:
    return tuple(map(list, zip(*lines, strict=True)))


def _decided(rows: Rows, decisions: Mapping[tuple[UUID, UUID], str]) -> None:
    if decisions:
        lines = [(*pair, status) for pair, status in decisions.items()]
        rows.execute(
            "INSERT INTO decisions SELECT * FROM unnest(%b::uuid[], %b::uuid[], %b::text[])"
            " ON CONFLICT (report_id, patient_id) DO UPDATE SET status = excluded.status",
            _columns(lines),
        )


def _versions_held(rows: Rows, held: Mapping[UUID, bool]) -> None:
    if released := [report_id for report_id, is_held in held.items() if not is_held]:
        rows.execute("DELETE FROM held_versions WHERE report_id = ANY(%s)", (released,))
    if kept := [report_id for report_id, is_held in held.items() if is_held]:
        rows.execute(
            "INSERT INTO held_versions SELECT unnest(%s::uuid[]) ON CONFLICT (report_id) DO NOTHING", (kept,)
        )


def _digests(
    ledger: Ledger, name: NameKeys, birth_date: str | None, sex: str | None
) -> Iterable[tuple[bool, bytes, bytes | None]]:
    """Each key of the name with the birth date, digested; without a whole birth date nothing is compared."""
    born, sex = whole_date(birth_date), known_sex(sex)
    if born is None:
        return
    for is_whole, keys in ((True, name.whole), (False, name.parts)):
        for key in sorted(keys):
            text = f"{born}|{key}"
            sex_key = sealing.mark(ledger.custody.index_key, _SEX, f"{sex}|{text}") if sex else None
            yield is_whole, sealing.mark(ledger.custody.index_key, _NAME, text), sex_key


# Queries.

_PROPOSED = """
WITH alike AS (
    SELECT n.report_id, p.patient_id, bool_or(n.sex_key = p.sex_key) AS is_sex_same
    FROM matching.report_names n
    JOIN matching.patient_names p ON p.key = n.key AND (p.is_whole OR n.is_whole)
        AND (p.sex_key IS NULL OR n.sex_key IS NULL OR p.sex_key = n.sex_key)
    WHERE NOT EXISTS (
        SELECT FROM matching.report_numbers m JOIN ledger.blind_index b USING (kind, mark)
        WHERE m.report_id = n.report_id AND m.kind NOT IN ('old-policy', 'temporary-policy'))
    GROUP BY n.report_id, p.patient_id
), proposed AS (
    SELECT report_id, patient_id, false AS by_number, is_sex_same FROM alike
    WHERE NOT EXISTS (SELECT FROM matching.decisions d
        WHERE (d.report_id, d.patient_id) = (alike.report_id, alike.patient_id))
    UNION ALL
    SELECT d.report_id, d.patient_id, true, a.is_sex_same FROM matching.decisions d
    LEFT JOIN alike a ON (a.report_id, a.patient_id) = (d.report_id, d.patient_id)
    WHERE d.status = 'proposed'
)
SELECT r.position, r.report_id, r.laboratory_id, l.handle, p.patient_id, p.by_number, p.is_sex_same,
    r.is_number_failed,
    EXISTS (SELECT FROM matching.report_numbers m JOIN ledger.blind_index b USING (kind, mark)
        WHERE m.report_id = r.report_id AND b.subject <> p.patient_id
        AND m.kind NOT IN ('old-policy', 'temporary-policy'))
    OR EXISTS (SELECT FROM matching.report_numbers m JOIN ledger.blind_index b USING (kind)
        WHERE m.report_id = r.report_id AND b.subject = p.patient_id AND b.mark <> m.mark
        AND m.kind IN ('enp', 'snils'))
FROM proposed p JOIN matching.reports r USING (report_id)
LEFT JOIN cabinet.laboratories l USING (laboratory_id)
"""
_PAGE = f"{_PROPOSED} WHERE r.position > %s ORDER BY r.position FETCH FIRST %s ROWS WITH TIES"
_ONE = f"{_PROPOSED} WHERE (p.report_id, p.patient_id) = (%s, %s)"
_COUNT = f"SELECT count(*) FROM ({_PROPOSED}) AS found"
_RECOGNISED = """
(SELECT m.report_id, b.subject, m.kind FROM matching.report_numbers m
JOIN ledger.blind_index b USING (kind, mark)
WHERE m.report_id > %(after)s ORDER BY m.report_id FETCH FIRST %(limit)s ROWS WITH TIES)
UNION ALL
(SELECT d.report_id, d.patient_id, %(person)s FROM matching.decisions d
JOIN matching.reports USING (report_id) WHERE d.status = 'confirmed'
AND d.report_id > %(after)s ORDER BY d.report_id FETCH FIRST %(limit)s ROWS WITH TIES)
ORDER BY report_id FETCH FIRST %(limit)s ROWS WITH TIES
"""


def proposed(ledger: Ledger, *, after: int = 0, limit: int = 1000) -> list[Proposed]:
    """What a person has to decide, in the order in which the reports arrived; all of a report's patients, even
    if they are more than the limit."""
    with ledger.pool.connection() as connection:
        found = connection.execute(_PAGE, (after, limit)).fetchall()
    return [Proposed(*row) for row in sorted(found, key=lambda row: (row[0], row[4]))]


def proposed_pair(ledger: Ledger, report_id: UUID, patient_id: UUID) -> Proposed | None:
    """The proposal that the report is this patient's, while it is to be decided."""
    with ledger.pool.connection() as connection:
        row = connection.execute(_ONE, (report_id, patient_id)).fetchone()
    return Proposed(*row) if row else None


def count(ledger: Ledger) -> int:
    """How many proposals a person has to decide."""
    with ledger.pool.connection() as connection:
        row = connection.execute(_COUNT).fetchone()
    return row[0] if row else 0


def recognised(ledger: Ledger, *, after: UUID, limit: int = 50) -> list[tuple[UUID, PatientId, str]]:
    """The next reports that wait although a patient has their number by now, or a person has said whose they
    are: report, patient, kind of number or `person`. Taken round by round, so that those which must go on
    waiting do not hold back others."""
    asked = {"after": after, "limit": limit, "person": PERSON}
    with ledger.pool.connection() as connection:
        found = connection.execute(_RECOGNISED, asked).fetchall()
    # What a person decided comes first; two numbers that lead to one patient are one reason to look.
    found.sort(key=lambda row: (row[0], row[2] != PERSON))
    reasons = {(row[0], row[1], row[2] == PERSON): row[2] for row in found}
    return [(report_id, PatientId(patient_id), kind) for (report_id, patient_id, _), kind in reasons.items()]


def waiting_for(ledger: Ledger, patient_id: PatientId, *, limit: int = 200) -> list[UUID]:
    """The reports that wait although a number or a person's word leads to this patient."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT m.report_id FROM ledger.blind_index b JOIN matching.report_numbers m USING (kind, mark)"
            " WHERE b.subject = %(patient)s"
            " UNION SELECT report_id FROM matching.decisions JOIN matching.reports USING (report_id)"
            " WHERE patient_id = %(patient)s AND status = 'confirmed' ORDER BY 1 LIMIT %(limit)s",
            {"patient": patient_id, "limit": limit},
        ).fetchall()
    return [row[0] for row in found]


def held(ledger: Ledger, *, after: UUID, limit: int = 50) -> list[UUID]:
    """The next reports of which later versions are held, round by round."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT report_id FROM matching.held_versions WHERE report_id > %s ORDER BY report_id LIMIT %s",
            (after, limit),
        ).fetchall()
    return [row[0] for row in found]


MATCHING = Projection(
    name="matching",
    tables={
        "reports": "report_id",
        "report_numbers": "report_id, kind, mark",
        "report_names": "report_id, is_whole, key",
        "patient_names": "patient_id, is_whole, key",
        "decisions": "report_id, patient_id",
        "held_versions": "report_id",
    },
    apply=apply,
    names=frozenset(
        {
            "ProfileStated",
            "ReportReceived",
            "ReportRevised",
            "ReportMatched",
            "ReportUnmatched",
            "ReportRekeyed",
            "ReportDestroyed",
            "ReportVersionsHeld",
            "ReportVersionsReleased",
            "MatchProposed",
            "MatchConfirmed",
            "MatchDeclined",
            "PatientErased",
        }
    ),
)
