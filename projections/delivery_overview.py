"""What a patient is shown of delivery: of each version of a report the state of each channel, and the cabinet's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.values import PatientId
from ledger.store import Ledger


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """One channel's one state, since when, and what it waits for or why it is so."""

    notification_id: UUID
    channel: str
    status: str
    reason: str | None
    due_at: datetime | None
    changed_at: datetime
    waits_for: str | None
    digest_id: UUID | None
    carries: str | None
    is_urgent: bool


@dataclass(frozen=True, slots=True)
class Announced:
    """What was to be told of one version of a report to one recipient, by each channel. `is_kept`: the version is
    in the cabinet's view; `held` is why the patient does not see it yet."""

    patient_id: UUID
    report_id: UUID
    report_version: int
    about: str | None
    recipient_id: UUID | None
    at: datetime
    is_kept: bool
    held: str | None
    channels: tuple[ChannelRow, ...]


# A document and its password are asked for by an act of their own: each is told of by itself.
_GROUPS = """
WITH found AS (
    SELECT patient_id, report_id, report_version, about, recipient_id,
        CASE WHEN about IN ('document', 'password') THEN notification_id END AS asked,
        min(requested_at) AS at, array_agg(notification_id) AS ids
    FROM delivery.notifications
    WHERE (patient_id = %(me)s OR recipient_id = %(me)s)
        AND (%(reports)s::uuid[] IS NULL OR report_id = ANY(%(reports)s))
        AND (%(channel)s::text IS NULL OR channel = %(channel)s)
        AND (%(statuses)s::text[] IS NULL OR status = ANY(%(statuses)s))
    GROUP BY 1, 2, 3, 4, 5, 6
    ORDER BY at DESC, report_id, report_version DESC, about NULLS FIRST, recipient_id NULLS FIRST, asked
    LIMIT %(limit)s OFFSET %(offset)s
)
SELECT f.patient_id, f.report_id, f.report_version, f.about, f.recipient_id, f.at, f.asked,
    v.report_id IS NOT NULL, h.reason,
    n.notification_id, n.channel, n.status, n.reason, n.due_at, n.changed_at, n.waits_for, n.digest_id,
    n.carries, n.is_urgent
FROM found AS f
JOIN delivery.notifications AS n ON n.notification_id = ANY(f.ids)
LEFT JOIN cabinet.versions AS v ON v.report_id = f.report_id AND v.version = f.report_version
LEFT JOIN cabinet.held_versions AS h ON h.report_id = f.report_id AND h.last_version < f.report_version
ORDER BY f.at DESC, f.report_id, f.report_version DESC, f.about NULLS FIRST, f.recipient_id NULLS FIRST, f.asked,
    n.channel
"""


def announced_to(
    ledger: Ledger,
    patient_id: PatientId,
    *,
    reports: Sequence[UUID] | None = None,
    channel: str | None = None,
    statuses: Sequence[str] | None = None,
    limit: int = 20,
    offset: int = 0,
) -> list[Announced]:
    """What the patient is told, or another in their place, the latest first; of `reports` only, where they are
    named. With a channel or states, only the rows that have them."""
    asked: dict[str, Any] = {
        "me": patient_id,
        "reports": None if reports is None else list(reports),
        "channel": channel,
        "statuses": None if statuses is None else list(statuses),
        "limit": limit,
        "offset": offset,
    }
    with ledger.of_patient(patient_id) as connection:
        found = connection.execute(_GROUPS, asked).fetchall()
    groups: dict[tuple[Any, ...], list[ChannelRow]] = {}
    for row in found:
        groups.setdefault(row[:9], []).append(ChannelRow(*row[9:]))
    return [_announced(key[:6], rows, is_kept=key[7], held=key[8]) for key, rows in groups.items()]


def announced_by(ledger: Ledger, patient_id: PatientId, notification_id: UUID) -> Announced | None:
    """One notification that the patient may see; None if it is not theirs."""
    with ledger.of_patient(patient_id) as connection:
        row = connection.execute(
            "SELECT n.patient_id, n.report_id, n.report_version, n.about, n.recipient_id, n.requested_at,"
            " n.notification_id, n.channel, n.status, n.reason, n.due_at, n.changed_at, n.waits_for,"
            " n.digest_id, n.carries, n.is_urgent FROM delivery.notifications n"
            " WHERE n.notification_id = %s AND (n.patient_id = %s OR n.recipient_id = %s)",
            (notification_id, patient_id, patient_id),
        ).fetchone()
    return _announced(row[:6], [ChannelRow(*row[6:])], is_kept=False, held=None) if row else None


def _announced(
    key: tuple[Any, ...], rows: Sequence[ChannelRow], *, is_kept: bool, held: str | None
) -> Announced:
    patient_id, report_id, report_version, about, recipient_id, at = key
    return Announced(
        patient_id=patient_id,
        report_id=report_id,
        report_version=report_version,
        about=about,
        recipient_id=recipient_id,
        at=at,
        is_kept=is_kept,
        held=held,
        channels=tuple(rows),
    )
