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

from domain.erasure import PatientErased
from domain.laboratory import LaboratoryRegistered
from domain.linkage import OrganisationLinked, OrganisationUnlinked
from domain.reading import Medium, ReadingPurpose, ReportRead
from domain.report import (
    ReportDestroyed,
    ReportMatched,
    ReportReceived,
    ReportRekeyed,
    ReportUnmatched,
)
from domain.values import PatientId
from ledger import sealing
from ledger.codec import RecordedEvent
from ledger.store import Ledger
from projections.cabinet_marks import marks, marks_made, month_of, search_key, terms_of
from projections.cabinet_versions import OF_VERSIONS, about, sealed_summary, versions_changed
from projections.packed_rows import packed
from projections.projection import Projection, Rows
from projections.summary import Summary


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A report in the list; `summary` is None when its key was erased. `was_read`: the patient has seen a version of it;
    `is_new`: not the one that stands."""

    report_id: UUID
    laboratory_id: UUID
    version: int
    status: str
    received_at: datetime
    is_new: bool
    summary: Summary | None
    was_read: bool = False


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
    versions = [e for e in events if isinstance(e.event, OF_VERSIONS)]
    given = [e for e in events if isinstance(e.event, ReportMatched | ReportUnmatched)]
    # Nearly all reports are matched in the append that received them, and nothing else is heard of them in the batch.
    unchanged = {e.stream_id for e in kinds[ReportReceived]} - {e.stream_id for e in versions}
    owners = {e.stream_id: e.event.patient_id for e in given if isinstance(e.event, ReportMatched)}
    _reports_received(rows, kinds[ReportReceived], {one: owners.get(one) for one in unchanged}, ledger)
    versions_changed(rows, versions, ledger)
    later = [e for e in given if e.stream_id not in unchanged]
    _reports_given(rows, later)
    _reports_ended(rows, kinds[ReportRekeyed] + kinds[ReportDestroyed])
    _reports_read(rows, kinds[ReportRead], kinds[ReportUnmatched])
    for erased in kinds[PatientErased]:
        assert isinstance(erased.event, PatientErased)
        rows.execute("DELETE FROM linkages WHERE patient_id = %s", (erased.event.patient_id,))
    told = [e for e in (*kinds[ReportReceived], *versions) if e.stream_id not in unchanged]
    marks_made(rows, (e.stream_id for e in (*told, *later)), told, ledger)


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


def _reports_received(
    rows: Rows, events: list[RecordedEvent], owners: Mapping[UUID, PatientId | None], ledger: Ledger
) -> None:
    """With their owners, as far as these are known."""
    if not events:
        return
    secrets = ledger.keys.find_all([recorded.key_id for recorded in events if recorded.key_id])
    received = [_received(recorded, owners.get(recorded.stream_id), secrets, ledger) for recorded in events]
    rows.execute(
        "WITH made AS (INSERT INTO reports SELECT * FROM json_populate_recordset(NULL::reports, %s)"
        " RETURNING report_id, status, received_at, position)"
        " INSERT INTO versions SELECT report_id, 1, status, received_at, position FROM made",
        (packed(received),),
    )


def _received(
    recorded: RecordedEvent,
    patient_id: PatientId | None,
    secrets: Mapping[UUID, bytes | None],
    ledger: Ledger,
) -> dict[str, Any]:
    event, at = recorded.event, recorded.recorded_at
    assert isinstance(event, ReportReceived)
    terms = terms_of(event.content, event.laboratory_id, at) if patient_id else ()
    return {
        "report_id": recorded.stream_id,
        "patient_id": patient_id,
        "laboratory_id": event.laboratory_id,
        "version": 1,
        "status": event.content.status,
        "received_at": at,
        "position": recorded.position,
        "key_id": recorded.key_id,
        "summary": sealed_summary(recorded, event.content, secrets),
        "version_read": 0,
        "month": month_of(event.content, at),
        "marks": marks(search_key(ledger.custody, patient_id), terms) if patient_id else [],
    }


def _reports_given(rows: Rows, events: list[RecordedEvent]) -> None:
    """Whose each report is after these events: the last of a report's decides. For whom it comes to after
    it was taken from somebody, it is unread."""
    if not events:
        return
    owners = {
        recorded.stream_id: recorded.event.patient_id if isinstance(recorded.event, ReportMatched) else None
        for recorded in events
        if isinstance(recorded.event, ReportMatched | ReportUnmatched)
    }
    taken = {recorded.stream_id for recorded in events if isinstance(recorded.event, ReportUnmatched)}
    rows.execute(
        "UPDATE reports SET patient_id = m.p, marks = '{}', version_read = CASE WHEN m.t THEN 0 ELSE version_read END"
        " FROM unnest(%b::uuid[], %b::uuid[], %b::bool[]) AS m (r, p, t) WHERE report_id = m.r",
        (list(owners), list(owners.values()), [report_id in taken for report_id in owners]),
    )


def _reports_ended(rows: Rows, events: list[RecordedEvent]) -> None:
    """What has no key any more has no row either."""
    if events:
        ended = [recorded.stream_id for recorded in events]
        for table in ("reports", "versions", "held_versions"):
            rows.execute(f"DELETE FROM {table} WHERE report_id = ANY(%s)".encode(), (ended,))


def _reports_read(rows: Rows, events: list[RecordedEvent], taken: list[RecordedEvent]) -> None:
    """Only the patient's own reading makes a report old news, and not for the next patient."""
    last_taken = {recorded.stream_id: recorded.position or 0 for recorded in taken}
    versions: dict[UUID, int] = {}
    for recorded in events:
        event = recorded.event
        if isinstance(event, ReportRead) and (recorded.position or 0) < last_taken.get(event.report_id, 0):
            continue
        if isinstance(event, ReportRead) and _is_looked_at(event):
            versions[event.report_id] = max(event.report_version, versions.get(event.report_id, 0))
    if versions:
        rows.execute(
            "UPDATE reports SET version_read = greatest(version_read, m.v)"
            " FROM unnest(%b::uuid[], %b::int[]) AS m (r, v) WHERE report_id = m.r",
            (list(versions), list(versions.values())),
        )


def _is_looked_at(event: ReportRead) -> bool:
    """Whether the patient has seen the report itself: one value of it in a trend or a comparison is not that."""
    is_own = event.purpose is ReadingPurpose.OWN_CABINET
    return is_own and event.medium not in (Medium.COMPARISON, Medium.TREND)


# Queries. Schema names are written out: a rebuild has the other schema on its search path.


def reports_of(
    ledger: Ledger, patient_id: PatientId, *, only: Sequence[UUID] | None = None, limit: int = 100
) -> list[ReportRow]:
    """The patient's reports, new ones first, then by time of receipt; `only` these, where they are named."""
    with ledger.of_patient(patient_id) as connection:
        found = connection.execute(
            "SELECT report_id, laboratory_id, version, status, received_at, version_read,"
            " key_id, summary FROM cabinet.reports WHERE patient_id = %s"
            " AND (%s::uuid[] IS NULL OR report_id = ANY(%s))"
            " ORDER BY version_read < version DESC, received_at DESC, report_id LIMIT %s",
            (patient_id, only, only, limit),
        ).fetchall()
    secrets = ledger.keys.find_all([row[6] for row in found])
    return [opened(row, secrets[row[6]]) for row in found]


def report_of(ledger: Ledger, patient_id: PatientId, report_id: UUID) -> tuple[ReportRow, int] | None:
    """One report of this patient, and the position of its current version; None if it is not theirs."""
    with ledger.of_patient(patient_id) as connection:
        row = connection.execute(
            "SELECT report_id, laboratory_id, version, status, received_at, version_read,"
            " key_id, summary, position FROM cabinet.reports WHERE patient_id = %s AND report_id = %s",
            (patient_id, report_id),
        ).fetchone()
    if row is None:
        return None
    return opened(row, ledger.keys.find_all([row[6]])[row[6]]), row[8]


def versions_of(ledger: Ledger, patient_id: PatientId, report_id: UUID) -> list[VersionRow]:
    """The versions that the patient may see: what is held is not among them."""
    with ledger.of_patient(patient_id) as connection:
        found = connection.execute(
            "SELECT v.version, v.status, v.received_at, v.position FROM cabinet.versions v"
            " LEFT JOIN cabinet.held_versions h USING (report_id)"
            " WHERE v.report_id = %s AND (h.last_version IS NULL OR v.version <= h.last_version)"
            " ORDER BY v.version",
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
    with ledger.of_patient(patient_id) as connection:
        found = connection.execute(
            "SELECT l.laboratory_id, l.handle, l.name, l.inn, k.changed_at FROM cabinet.linkages k"
            " JOIN cabinet.laboratories l ON l.laboratory_id = k.organisation_id"
            " WHERE k.patient_id = %s AND k.is_linked ORDER BY l.name",
            (patient_id,),
        ).fetchall()
    return [(LaboratoryRow(*row[:4]), row[4]) for row in found]


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A report that is nobody's, and since when its last version waits."""

    report_id: UUID
    received_at: datetime


def waiting(
    ledger: Ledger, *, before: datetime, after: tuple[datetime, UUID] | None, limit: int = 100
) -> list[WaitingRow]:
    """The next reports without a patient whose current version came before that time, the oldest first."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT report_id, received_at FROM cabinet.reports WHERE patient_id IS NULL AND received_at < %s"
            " AND (%s::timestamptz IS NULL OR (received_at, report_id) > (%s, %s))"
            " ORDER BY received_at, report_id LIMIT %s",
            (before, after and after[0], after and after[0], after and after[1], limit),
        ).fetchall()
    return [WaitingRow(*row) for row in found]


def opened(row: tuple[Any, ...], secret: bytes | None) -> ReportRow:
    """A row as it is asked for here: its first eight columns, the summary under its key."""
    summary = None
    if secret is not None:
        plaintext = sealing.unseal_row(secret, about=about(row[0]), sealed=bytes(row[7]))
        summary = Summary(**orjson.loads(plaintext))
    report_id, laboratory_id, version, status, received_at, version_read = row[:6]
    return ReportRow(
        report_id,
        laboratory_id,
        version,
        status,
        received_at,
        is_new=version_read < version,
        summary=summary,
        was_read=version_read > 0,
    )


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


CABINET = Projection(
    name="cabinet",
    tables={
        "laboratories": "laboratory_id",
        "linkages": "patient_id, organisation_id",
        "reports": "report_id",
        "versions": "report_id, version",
        "held_versions": "report_id",
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
            "ReportUnmatched",
            "ReportRekeyed",
            "ReportDestroyed",
            "ReportVersionsHeld",
            "ReportVersionsReleased",
            "ReportRead",
            "PatientErased",
        }
    ),
)
