"""Versions in the cabinet: what a patient sees of a report, and what is held back from them."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from domain.report import ReportRevised, ReportUnmatched, ReportVersionsHeld, ReportVersionsReleased
from domain.report_content import ReportContent
from ledger import sealing
from ledger.codec import RecordedEvent
from ledger.keys import KeyErasedError
from ledger.store import Ledger
from projections.cabinet_marks import month_of
from projections.packed_rows import packed
from projections.projection import Rows
from projections.summary import summarise

OF_VERSIONS = ReportRevised | ReportVersionsHeld | ReportVersionsReleased | ReportUnmatched


# What stands from now on: in `held_versions` it is kept from the patient, in `reports` it is what they see. What looks
# for rows is not prepared, as in `delivery_rows`.
_STAND = """
UPDATE {table} AS one SET version = new.version, status = new.status, received_at = new.received_at,
    position = new.position, key_id = new.key_id, summary = new.summary, month = new.month
FROM json_populate_recordset(NULL::{table}, %s) AS new WHERE one.report_id = new.report_id
"""
# What stands goes on standing; only what its status means may have changed.
_RESTATE = """
UPDATE {table} AS one SET status = new.status
FROM json_populate_recordset(NULL::{table}, %s) AS new WHERE one.report_id = new.report_id
"""
_Row = dict[str, Any]


@dataclass(slots=True)
class _Revised:
    """Rows that are to be written of new versions; of each report in `reports` or in `held_versions`, whichever it is."""

    versions: list[_Row] = field(default_factory=list)
    standing: dict[UUID, _Row] = field(default_factory=dict)
    restated: dict[UUID, _Row] = field(default_factory=dict)

    def revise(self, recorded: RecordedEvent, number: int, secrets: Mapping[UUID, bytes | None]) -> None:
        report_id, event = recorded.stream_id, recorded.event
        assert isinstance(event, ReportRevised)
        version = {
            "report_id": report_id,
            "version": number,
            "status": event.content.status,
            "received_at": recorded.recorded_at,
            "position": recorded.position,
        }
        self.versions.append(version)
        status = {"status": event.status} if event.status else {}
        if not event.is_late:
            summary = sealed_summary(recorded, event.content, secrets)
            month = month_of(event.content, recorded.recorded_at)
            self.standing[report_id] = (
                version | status | {"key_id": recorded.key_id, "summary": summary, "month": month}
            )
        elif report_id in self.standing:
            self.standing[report_id] |= status
        elif status:
            self.restated[report_id] = {"report_id": report_id} | status

    def write(self, rows: Rows, held: Container[UUID]) -> None:
        if self.versions:
            rows.execute(
                "INSERT INTO versions SELECT * FROM json_populate_recordset(NULL::versions, %s)",
                (packed(self.versions),),
            )
        for query, changed in ((_RESTATE, self.restated), (_STAND, self.standing)):
            for table, is_held in (("reports", False), ("held_versions", True)):
                if found := [row for report_id, row in changed.items() if (report_id in held) == is_held]:
                    rows.execute(query.format(table=table).encode(), (packed(found),), prepare=False)
            changed.clear()
        self.versions.clear()


def versions_changed(rows: Rows, events: list[RecordedEvent], ledger: Ledger) -> None:
    """One after another, for what is held in between is kept from the patient's row."""
    if not events:
        return
    asked = list({recorded.stream_id for recorded in events})
    found = rows.execute("SELECT report_id FROM held_versions WHERE report_id = ANY(%s)", (asked,))
    held: set[UUID] = {row[0] for row in found.fetchall()}
    revised, numbers = _Revised(), _numbers(rows, events)
    secrets = ledger.keys.find_all([recorded.key_id for recorded in events if recorded.key_id])
    for recorded in events:
        report_id, event = recorded.stream_id, recorded.event
        if isinstance(event, ReportRevised):
            numbers[report_id] += 1
            revised.revise(recorded, numbers[report_id], secrets)
            continue
        revised.write(rows, held)
        if isinstance(event, ReportVersionsHeld):
            held.add(report_id)
            rows.execute(
                "INSERT INTO held_versions SELECT report_id, %s,"
                " (SELECT max(version) FROM versions v WHERE v.report_id = r.report_id),"
                " version, status, received_at, position, key_id, summary, month FROM reports r WHERE report_id = %s",
                (event.reason, report_id),
            )
        elif report_id in held:
            held.remove(report_id)
            rows.execute(
                "WITH free AS (DELETE FROM held_versions WHERE report_id = %s RETURNING *)"
                " UPDATE reports r SET version = f.version, status = f.status, received_at = f.received_at,"
                " position = f.position, key_id = f.key_id, summary = f.summary, month = f.month"
                " FROM free f WHERE r.report_id = f.report_id",
                (report_id,),
            )
    revised.write(rows, held)


def _numbers(rows: Rows, events: Iterable[RecordedEvent]) -> dict[UUID, int]:
    """Of each report that is revised, how many versions it has."""
    asked = list({recorded.stream_id for recorded in events if isinstance(recorded.event, ReportRevised)})
    if not asked:
        return {}
    query = "SELECT report_id, max(version) FROM versions WHERE report_id = ANY(%s) GROUP BY report_id"
    return dict(rows.execute(query, (asked,), prepare=False).fetchall())


def sealed_summary(
    recorded: RecordedEvent, content: ReportContent, secrets: Mapping[UUID, bytes | None]
) -> bytes:
    assert recorded.key_id is not None
    secret = secrets[recorded.key_id]
    if secret is None:
        raise KeyErasedError(recorded.key_id)
    plaintext = orjson.dumps(summarise(content))
    return sealing.seal_row(secret, about=about(recorded.stream_id), plaintext=plaintext)


def about(report_id: UUID) -> bytes:
    return b"cabinet.reports.summary/" + report_id.bytes
