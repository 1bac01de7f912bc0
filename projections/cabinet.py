"""The cabinet: what a patient sees of reports, laboratories and linkages.

Rows hold pseudonyms, times and states. What says anything of health is in `summary`, sealed under the
key of the event it came from; the report itself is read from the ledger, where it lies sealed already.
"""

from collections.abc import Sequence
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
    for recorded in events:
        match recorded.event:
            case ReportReceived():
                _report_received(rows, recorded, recorded.event, ledger)
            case ReportRevised():
                _report_revised(rows, recorded, recorded.event, ledger)
            case ReportMatched():
                rows.execute(
                    "UPDATE reports SET patient_id = %s WHERE report_id = %s",
                    (recorded.event.patient_id, recorded.stream_id),
                )
                rows.execute("DELETE FROM held WHERE report_id = %s", (recorded.stream_id,))
            case ReportRead():
                _report_read(rows, recorded.event)
            case OrganisationLinked() | OrganisationUnlinked():
                _linkage_changed(rows, recorded, recorded.event)
            case LaboratoryRegistered():
                rows.execute(
                    "INSERT INTO laboratories VALUES (%s, %s, %s, %s, %s)",
                    (
                        recorded.stream_id,
                        recorded.event.handle,
                        recorded.event.name,
                        recorded.event.inn,
                        recorded.recorded_at,
                    ),
                )
            case _:
                pass


def _report_received(rows: Rows, recorded: RecordedEvent, event: ReportReceived, ledger: Ledger) -> None:
    rows.execute(
        "INSERT INTO reports VALUES (%s, NULL, %s, 1, %s, %s, %s, %s, %s)",
        (
            recorded.stream_id,
            event.laboratory_id,
            event.content.status,
            recorded.recorded_at,
            recorded.position,
            recorded.key_id,
            _sealed_summary(recorded, event.content, ledger),
        ),
    )
    rows.execute(
        "INSERT INTO versions VALUES (%s, 1, %s, %s, %s)",
        (recorded.stream_id, event.content.status, recorded.recorded_at, recorded.position),
    )
    # It is held until it is matched, which may be the very next event.
    for kind, number in numbers_of(event.content.subject.identifiers).good:
        mark = sealing.mark(ledger.custody.index_key, kind, number)
        rows.execute("INSERT INTO held VALUES (%s, %s, %s)", (recorded.stream_id, kind, mark))


def _report_revised(rows: Rows, recorded: RecordedEvent, event: ReportRevised, ledger: Ledger) -> None:
    rows.execute(
        "UPDATE reports SET version = version + 1, status = %s, received_at = %s, position = %s,"
        " key_id = %s, summary = %s WHERE report_id = %s",
        (
            event.content.status,
            recorded.recorded_at,
            recorded.position,
            recorded.key_id,
            _sealed_summary(recorded, event.content, ledger),
            recorded.stream_id,
        ),
    )
    rows.execute(
        "INSERT INTO versions SELECT report_id, version, %s, %s, %s FROM reports WHERE report_id = %s",
        (event.content.status, recorded.recorded_at, recorded.position, recorded.stream_id),
    )


def _report_read(rows: Rows, event: ReportRead) -> None:
    """Only the patient's own reading makes a report old news."""
    if event.purpose is ReadingPurpose.OWN_CABINET:
        rows.execute(
            "UPDATE reports SET version_read = greatest(version_read, %s) WHERE report_id = %s",
            (event.report_version, event.report_id),
        )


def _linkage_changed(
    rows: Rows, recorded: RecordedEvent, event: OrganisationLinked | OrganisationUnlinked
) -> None:
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
    if quantity is None or quantity.number is None or quantity.comparator or not observation.reference_ranges:
        return None
    first = observation.reference_ranges[0]
    low = first.low.number if first.low else None
    high = first.high.number if first.high else None
    if low is not None and quantity.number < low:
        return "low"
    if high is not None and quantity.number > high:
        return "high"
    return "normal" if low is not None or high is not None else None


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


def _sealed_summary(recorded: RecordedEvent, content: ReportContent, ledger: Ledger) -> bytes:
    assert recorded.key_id is not None
    secret = ledger.keys.open(recorded.key_id)
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
)
