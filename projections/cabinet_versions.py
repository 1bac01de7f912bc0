"""Versions in the cabinet: what a patient sees of a report, and what is held back from them."""

from collections.abc import Mapping
from uuid import UUID

import orjson

from domain.report import ReportRevised, ReportUnmatched, ReportVersionsHeld, ReportVersionsReleased
from domain.report_content import ReportContent
from ledger import sealing
from ledger.codec import RecordedEvent
from ledger.keys import KeyErasedError
from ledger.store import Ledger
from projections.cabinet_marks import month_of
from projections.projection import Rows
from projections.summary import summarise

OF_VERSIONS = ReportRevised | ReportVersionsHeld | ReportVersionsReleased | ReportUnmatched


def versions_changed(rows: Rows, events: list[RecordedEvent], ledger: Ledger) -> None:
    """One after another, for what is held in between is kept from the patient's row."""
    if not events:
        return
    asked = list({recorded.stream_id for recorded in events})
    found = rows.execute("SELECT report_id FROM held_versions WHERE report_id = ANY(%s)", (asked,))
    held: set[UUID] = {row[0] for row in found.fetchall()}
    for recorded in events:
        report_id, event = recorded.stream_id, recorded.event
        if isinstance(event, ReportRevised):
            _report_revised(rows, recorded, ledger, table="held_versions" if report_id in held else "reports")
        elif isinstance(event, ReportVersionsHeld):
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


def _report_revised(rows: Rows, recorded: RecordedEvent, ledger: Ledger, *, table: str) -> None:
    """In `held_versions` it is kept from the patient, in `reports` it is what they see."""
    event = recorded.event
    assert isinstance(event, ReportRevised) and recorded.key_id is not None
    secrets = ledger.keys.find_all([recorded.key_id])
    number = rows.execute(
        "INSERT INTO versions SELECT %s, max(version) + 1, %s, %s, %s FROM versions WHERE report_id = %s"
        " RETURNING version",
        (
            recorded.stream_id,
            event.content.status,
            recorded.recorded_at,
            recorded.position,
            recorded.stream_id,
        ),
    ).fetchone()
    if event.is_late:
        # What stands goes on standing; only what its status means may have changed.
        rows.execute(
            f"UPDATE {table} SET status = coalesce(%s, status) WHERE report_id = %s".encode(),
            (event.status, recorded.stream_id),
        )
        return
    rows.execute(
        f"UPDATE {table} SET version = %s, status = %s, received_at = %s, position = %s, key_id = %s,"
        " summary = %s, month = %s WHERE report_id = %s".encode(),
        (
            number[0] if number else 0,
            event.status or event.content.status,
            recorded.recorded_at,
            recorded.position,
            recorded.key_id,
            sealed_summary(recorded, event.content, secrets),
            month_of(event.content, recorded.recorded_at),
            recorded.stream_id,
        ),
    )


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
