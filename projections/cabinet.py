"""The cabinet: what a patient sees of reports, laboratories and linkages.

Rows hold pseudonyms, times and states. What says anything of health is in `summary`, sealed under the
key of the event it came from; the report itself is read from the ledger, where it lies sealed already.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from domain.laboratory import LaboratoryRegistered
from domain.linkage import OrganisationLinked, OrganisationUnlinked
from domain.numbers import numbers_of
from domain.reading import ReadingPurpose, ReportRead
from domain.report import Observation, ReportContent, ReportMatched, ReportReceived, ReportRevised
from domain.values import Concept, PatientId
from ledger import sealing
from ledger.codec import RecordedEvent
from ledger.keys import KeyErasedError
from ledger.store import Ledger
from projections.projection import Projection, Rows


@dataclass(frozen=True, slots=True)
class Summary:
    """What the list shows of a report."""

    title: str | None
    laboratory: str | None
    issued_at: str | None
    collected_at: str | None
    observations: int
    flagged: int
    critical: int


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A report in the list; `summary` is None when its key was erased."""

    report_id: UUID
    laboratory_id: UUID
    version: int
    status: str
    received_at: datetime
    is_new: bool
    summary: Summary | None


@dataclass(frozen=True, slots=True)
class VersionRow:
    version: int
    status: str
    received_at: datetime
    position: int


@dataclass(frozen=True, slots=True)
class LaboratoryRow:
    laboratory_id: UUID
    handle: str
    name: str
    inn: str


# How events change the rows.


def apply(rows: Rows, events: Sequence[RecordedEvent], ledger: Ledger) -> None:
    """Kind after kind, each in one statement for all its events: an event changes only rows that an
    earlier kind in this order has made, so the order within the batch is kept where it matters."""
    kinds: dict[type, list[RecordedEvent]] = defaultdict(list)
    for recorded in events:
        kinds[type(recorded.event)].append(recorded)
    _laboratories_registered(rows, kinds[LaboratoryRegistered])
    _linkages_changed(
        rows, [e for e in events if isinstance(e.event, OrganisationLinked | OrganisationUnlinked)]
    )
    _reports_received(rows, kinds[ReportReceived], ledger)
    for recorded in kinds[ReportRevised]:
        _report_revised(rows, recorded, ledger)
    _reports_matched(rows, kinds[ReportMatched])
    _reports_read(rows, kinds[ReportRead])


def _laboratories_registered(rows: Rows, events: list[RecordedEvent]) -> None:
    for recorded in events:
        event = recorded.event
        assert isinstance(event, LaboratoryRegistered)
        rows.execute(
            "INSERT INTO laboratories VALUES (%s, %s, %s, %s, %s)",
            (recorded.stream_id, event.handle, event.name, event.inn, recorded.recorded_at),
        )


def _linkages_changed(rows: Rows, events: list[RecordedEvent]) -> None:
    for recorded in events:
        event = recorded.event
        assert isinstance(event, OrganisationLinked | OrganisationUnlinked)
        rows.execute(
            "INSERT INTO linkages VALUES (%s, %s, %s, %s) ON CONFLICT (patient_id, organisation_id)"
            " DO UPDATE SET is_linked = excluded.is_linked, changed_at = excluded.changed_at",
            (
                event.patient_id,
                event.organisation_id,
                isinstance(event, OrganisationLinked),
                recorded.recorded_at,
            ),
        )


def _reports_received(rows: Rows, events: list[RecordedEvent], ledger: Ledger) -> None:
    if not events:
        return
    secrets = ledger.keys.find_all([recorded.key_id for recorded in events if recorded.key_id])
    received = [
        (recorded, recorded.event) for recorded in events if isinstance(recorded.event, ReportReceived)
    ]
    rows.execute(
        "WITH made AS (INSERT INTO reports SELECT r, NULL, l, 1, s, t, p, k, m"
        " FROM unnest(%b::uuid[], %b::uuid[], %b::text[], %b::timestamptz[], %b::bigint[], %b::uuid[],"
        " %b::bytea[]) AS made (r, l, s, t, p, k, m) RETURNING report_id, status, received_at, position)"
        " INSERT INTO versions SELECT report_id, 1, status, received_at, position FROM made",
        (
            [recorded.stream_id for recorded, _ in received],
            [event.laboratory_id for _, event in received],
            [event.content.status.value for _, event in received],
            [recorded.recorded_at for recorded, _ in received],
            [recorded.position for recorded, _ in received],
            [recorded.key_id for recorded, _ in received],
            [_sealed_summary(recorded, event.content, secrets) for recorded, event in received],
        ),
    )
    # A report is held until it is matched, which may be the very next event.
    held = [
        (recorded.stream_id, kind, sealing.mark(ledger.custody.index_key, kind, number))
        for recorded, event in received
        for kind, number in numbers_of(event.content.subject.identifiers).good
    ]
    if held:
        rows.execute(
            "INSERT INTO held SELECT * FROM unnest(%b::uuid[], %b::text[], %b::bytea[])",
            tuple(map(list, zip(*held, strict=True))),
        )


def _report_revised(rows: Rows, recorded: RecordedEvent, ledger: Ledger) -> None:
    event = recorded.event
    assert isinstance(event, ReportRevised) and recorded.key_id is not None
    secrets = ledger.keys.find_all([recorded.key_id])
    rows.execute(
        "UPDATE reports SET version = version + 1, status = %s, received_at = %s, position = %s,"
        " key_id = %s, summary = %s WHERE report_id = %s",
        (
            event.content.status,
            recorded.recorded_at,
            recorded.position,
            recorded.key_id,
            _sealed_summary(recorded, event.content, secrets),
            recorded.stream_id,
        ),
    )
    rows.execute(
        "INSERT INTO versions SELECT report_id, version, %s, %s, %s FROM reports WHERE report_id = %s",
        (event.content.status, recorded.recorded_at, recorded.position, recorded.stream_id),
    )


def _reports_matched(rows: Rows, events: list[RecordedEvent]) -> None:
    if not events:
        return
    owners = {
        recorded.stream_id: recorded.event.patient_id
        for recorded in events
        if isinstance(recorded.event, ReportMatched)
    }
    rows.execute(
        "UPDATE reports SET patient_id = m.p FROM unnest(%b::uuid[], %b::uuid[]) AS m (r, p)"
        " WHERE report_id = m.r",
        (list(owners), list(owners.values())),
    )
    rows.execute("DELETE FROM held WHERE report_id = ANY(%s)", (list(owners),))


def _reports_read(rows: Rows, events: list[RecordedEvent]) -> None:
    """Only the patient's own reading makes a report old news."""
    versions: dict[UUID, int] = {}
    for recorded in events:
        event = recorded.event
        if isinstance(event, ReportRead) and event.purpose is ReadingPurpose.OWN_CABINET:
            versions[event.report_id] = max(event.report_version, versions.get(event.report_id, 0))
    if versions:
        rows.execute(
            "UPDATE reports SET version_read = greatest(version_read, m.v)"
            " FROM unnest(%b::uuid[], %b::int[]) AS m (r, v) WHERE report_id = m.r",
            (list(versions), list(versions.values())),
        )


def flag_of(interpretation: Sequence[Concept]) -> str | None:
    """The flag of an observation in HL7 v2 table 0078, which FHIR interpretation continues."""
    for concept in interpretation:
        for coding in concept.codings:
            if coding.code:
                return coding.code
    return None


FLAG_WORDS = {
    "L": "low",
    "LL": "critical-low",
    "LU": "low",
    "H": "high",
    "HH": "critical-high",
    "HU": "high",
    "<": "low",
    ">": "high",
    "A": "abnormal",
    "AA": "critical",
    "POS": "abnormal",
    "DET": "abnormal",
    "N": "normal",
    "NEG": "normal",
    "ND": "normal",
}


def flag_word(observation: Observation) -> str | None:
    """What the flag means to a reader: from the laboratory's interpretation, else from a plain range."""
    given = flag_of(observation.interpretation)
    if given is not None:
        return FLAG_WORDS.get(given.upper())
    quantity = observation.value.quantity if observation.value else None
    if quantity is None or quantity.comparator or not observation.reference_ranges:
        return None
    number = quantity.number
    low, high = (end.number if end else None for end in observation.reference_ranges[0].ends)
    if number is None or (low is None and high is None):
        return None
    if low is not None and number < low:
        return "low"
    return "high" if high is not None and number > high else "normal"


def title_of(concept: Concept | None) -> str | None:
    """The words for a concept: its text, else the first display, else the first code."""
    if concept is None:
        return None
    displays = [coding.display for coding in concept.codings if coding.display]
    codes = [coding.code for coding in concept.codings if coding.code]
    return concept.text or next(iter(displays), None) or next(iter(codes), None)


def summarise(content: ReportContent) -> Summary:
    words = [flag_word(observation) for observation in content.observations]
    first = content.observations[0] if content.observations else None
    collected = [specimen.collected_at for specimen in content.specimens if specimen.collected_at]
    return Summary(
        title=title_of(content.code) or (title_of(first.code) if first else None),
        laboratory=content.performer,
        issued_at=content.issued_at,
        collected_at=next(iter(collected), content.effective_at),
        observations=len(content.observations),
        flagged=sum(word not in (None, "normal") for word in words),
        critical=sum(word is not None and word.startswith("critical") for word in words),
    )


def _sealed_summary(
    recorded: RecordedEvent, content: ReportContent, secrets: Mapping[UUID, bytes | None]
) -> bytes:
    assert recorded.key_id is not None
    secret = secrets[recorded.key_id]
    if secret is None:
        raise KeyErasedError(recorded.key_id)
    plaintext = orjson.dumps(summarise(content))
    return sealing.seal_row(secret, about=_about(recorded.stream_id), plaintext=plaintext)


def _about(report_id: UUID) -> bytes:
    return b"cabinet.reports.summary/" + report_id.bytes


# Queries. Schema names are written out: a rebuild has the other schema on its search path.


def reports_of(ledger: Ledger, patient_id: PatientId, *, limit: int = 100) -> list[ReportRow]:
    """The patient's reports, new ones first, then by time of receipt."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT report_id, laboratory_id, version, status, received_at, version_read < version,"
            " key_id, summary FROM cabinet.reports WHERE patient_id = %s"
            " ORDER BY version_read < version DESC, received_at DESC, report_id LIMIT %s",
            (patient_id, limit),
        ).fetchall()
    secrets = ledger.keys.find_all([row[6] for row in found])
    return [_report_row(row, secrets[row[6]]) for row in found]


def report_of(ledger: Ledger, patient_id: PatientId, report_id: UUID) -> tuple[ReportRow, int] | None:
    """One report of this patient, and the position of its current version; None if it is not theirs."""
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT report_id, laboratory_id, version, status, received_at, version_read < version,"
            " key_id, summary, position FROM cabinet.reports WHERE patient_id = %s AND report_id = %s",
            (patient_id, report_id),
        ).fetchone()
    if row is None:
        return None
    return _report_row(row, ledger.keys.find_all([row[6]])[row[6]]), row[8]


def versions_of(ledger: Ledger, report_id: UUID) -> list[VersionRow]:
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT version, status, received_at, position FROM cabinet.versions"
            " WHERE report_id = %s ORDER BY version",
            (report_id,),
        ).fetchall()
    return [VersionRow(*row) for row in found]


def laboratories(ledger: Ledger, *, search: str = "", limit: int = 20) -> list[LaboratoryRow]:
    """Registered laboratories whose name holds the words searched for, or whose ИНН is the search."""
    words = [f"%{_escaped(word)}%" for word in search.split()]
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT laboratory_id, handle, name, inn FROM cabinet.laboratories"
            " WHERE inn = %s OR name ILIKE ALL(%s) ORDER BY name LIMIT %s",
            (search.strip(), words, limit),
        ).fetchall()
    return [LaboratoryRow(*row) for row in found]


def linked_laboratories(ledger: Ledger, patient_id: PatientId) -> list[tuple[LaboratoryRow, datetime]]:
    """The laboratories that the patient has linked, and since when."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT l.laboratory_id, l.handle, l.name, l.inn, k.changed_at FROM cabinet.linkages k"
            " JOIN cabinet.laboratories l ON l.laboratory_id = k.organisation_id"
            " WHERE k.patient_id = %s AND k.is_linked ORDER BY l.name",
            (patient_id,),
        ).fetchall()
    return [(LaboratoryRow(*row[:4]), row[4]) for row in found]


def recognised_held(ledger: Ledger, *, after: UUID, limit: int = 50) -> list[tuple[UUID, PatientId, str]]:
    """The next reports that wait although a patient has their number by now: report, patient, kind of
    number. Taken round by round, so that those which must go on waiting do not hold back others."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT DISTINCT ON (h.report_id) h.report_id, b.subject, h.kind FROM cabinet.held h"
            " JOIN ledger.blind_index b ON b.kind = h.kind AND b.mark = h.mark"
            " WHERE h.report_id > %s ORDER BY h.report_id, h.kind LIMIT %s",
            (after, limit),
        ).fetchall()
    return [(row[0], PatientId(row[1]), row[2]) for row in found]


def _report_row(row: tuple[Any, ...], secret: bytes | None) -> ReportRow:
    summary = None
    if secret is not None:
        plaintext = sealing.unseal_row(secret, about=_about(row[0]), sealed=bytes(row[7]))
        summary = Summary(**orjson.loads(plaintext))
    report_id, laboratory_id, version, status, received_at, is_new = row[:6]
    return ReportRow(report_id, laboratory_id, version, status, received_at, is_new, summary)


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


CABINET = Projection(
    name="cabinet",
    tables={
        "laboratories": "laboratory_id",
        "linkages": "patient_id, organisation_id",
        "reports": "report_id",
        "versions": "report_id, version",
        "held": "report_id, kind, mark",
    },
    apply=apply,
    names=frozenset(
        {
            "LaboratoryRegistered",
            "OrganisationLinked",
            "OrganisationUnlinked",
            "ReportReceived",
            "ReportRevised",
            "ReportMatched",
            "ReportRead",
        }
    ),
)
