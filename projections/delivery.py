"""Delivery: what was announced to whom by which channel, how far it is, and what is due.

Each version of a report has one row for every channel, whether something was sent by it or not and why. A row whose
notification joined a digest follows the digest.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.channel import Channel
from domain.notice_hours import AHEAD_MAX
from domain.values import PatientId
from ledger.arrays import UUIDS, column
from ledger.store import Ledger
from projections.delivery_rows import COLUMNS, NotificationRow, apply
from projections.projection import Projection


@dataclass(frozen=True, slots=True)
class UntoldRow:
    """A guardian for whom it was not decided yet whether they are told of this version of a ward's report, which was
    the ward's news `at` that time; `was_told`: something of the report was sent to them, or is to be."""

    guardianship_id: UUID
    guardian_id: PatientId
    ward_id: PatientId
    report_id: UUID
    report_version: int
    about: str | None
    at: datetime
    was_told: bool


# Queries.

# Six ranges of two indexes, so that nothing is looked at that waits: urgent or not, due at once or since a time, or
# put off by a clock that was wrong. What is hidden is passed over in the index: it may be more than what is asked for.
_OPEN_NOW = f"""
SELECT {COLUMNS} FROM delivery.notifications WHERE channel = %(channel)s AND digest_id IS NULL
    AND status IN ('requested', 'postponed', 'waiting', 'attempted')
    AND notification_id NOT IN (SELECT unnest(%(hidden)b::uuid[]))
"""
_BY_WRONG_CLOCK = "due_at > %(beyond)s ORDER BY due_at"
_DUE = (
    "SELECT * FROM ("
    + " UNION ALL ".join(
        f"({_OPEN_NOW} AND is_urgent = {is_urgent} AND {since} LIMIT %(limit)s)"
        for is_urgent in ("true", "false")
        for since in (
            "due_at IS NULL ORDER BY requested_at",
            "due_at <= %(now)s ORDER BY due_at",
            _BY_WRONG_CLOCK,
        )
    )
    + ") AS found ORDER BY is_urgent DESC, coalesce(due_at, requested_at), notification_id LIMIT %(limit)s"
)


def due(
    ledger: Ledger, channel: Channel, *, now: datetime, limit: int = 100, hidden: Collection[UUID] = ()
) -> list[NotificationRow]:
    """What is to be looked at now by the channel's sender, and attempts whose worker has died: the urgent first,
    then what has waited longest. What joined a digest goes with it; the `hidden` are passed over."""
    asked = {"channel": channel, "now": now, "beyond": now + AHEAD_MAX, "limit": limit}
    with ledger.pool.connection() as connection:
        found = connection.execute(_DUE.encode(), asked | {"hidden": column(UUIDS, hidden)}).fetchall()
    return [NotificationRow(*row) for row in found]


def by_remote_id(ledger: Ledger, channel: Channel, remote_id: str) -> UUID | None:
    """What the provider knows by this number; the last one, should it give a number again."""
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT notification_id FROM delivery.notifications WHERE channel = %s AND remote_id = %s"
            " AND digest_id IS NULL ORDER BY changed_at DESC LIMIT 1",
            (channel, remote_id),
        ).fetchone()
    return row[0] if row else None


def notifications_of(ledger: Ledger, patient_id: PatientId, *, limit: int = 200) -> list[NotificationRow]:
    """What the patient was told, and what others were told of them, the latest first."""
    with ledger.of_patient(patient_id) as connection:
        found = connection.execute(
            f"SELECT {COLUMNS} FROM delivery.notifications WHERE patient_id = %s"
            " ORDER BY requested_at DESC, notification_id LIMIT %s".encode(),
            (patient_id, limit),
        ).fetchall()
    return [NotificationRow(*row) for row in found]


def untold(ledger: Ledger, *, limit: int = 100) -> list[UntoldRow]:
    """Guardians who may have to be told, in the order of the ledger."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT guardianship_id, guardian_id, ward_id, report_id, report_version, nullif(about, ''), at, EXISTS"
            " (SELECT FROM delivery.notifications AS one WHERE one.report_id = untold.report_id"
            " AND one.recipient_id = guardian_id AND one.status <> 'suppressed') FROM delivery.untold"
            " ORDER BY position, guardianship_id, report_id, report_version, about LIMIT %s",
            (limit,),
        ).fetchall()
    return [UntoldRow(*row) for row in found]


__all__ = [
    "COLUMNS",
    "DELIVERY",
    "NotificationRow",
    "UntoldRow",
    "by_remote_id",
    "due",
    "notifications_of",
    "untold",
]

DELIVERY = Projection(
    name="delivery",
    tables={
        "notifications": "notification_id",
        "guardians": "guardianship_id",
        "untold": "guardianship_id, report_id, report_version, about",
    },
    apply=apply,
    names=frozenset(
        {
            "ChannelsSuppressed",
            "ConsentExpired",
            "ConsentGranted",
            "ConsentWithdrawn",
            "GuardianshipConfirmed",
            "GuardianshipEnded",
            "NoticeHoursChosen",
            "NotificationAbandoned",
            "NotificationAttempted",
            "NotificationDelivered",
            "NotificationFailed",
            "NotificationHandedOver",
            "NotificationJoined",
            "NotificationOutcomeUnknown",
            "NotificationPostponed",
            "NotificationRequested",
            "NotificationRetried",
            "NotificationReturned",
            "NotificationSuppressed",
            "ReceivingSettingsChanged",
        }
    ),
)
