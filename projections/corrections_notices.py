"""Notices in the view of corrections: which say of a change and reached somebody, and which took a document along."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from domain.announcement import About
from domain.notification import (
    NotificationAttempted,
    NotificationDelivered,
    NotificationFailed,
    NotificationJoined,
    NotificationRequested,
)
from ledger.codec import RecordedEvent
from projections.projection import Rows

# What a notice of a report that left the cabinet says of, and one that brings what was asked for.
_GONE, _NO_CHANGE = 0, -1
_DELIVERED = """
WITH reached AS (
    UPDATE notices SET is_delivered = true WHERE notification_id = %(id)s OR digest_id = %(id)s RETURNING *)
INSERT INTO due SELECT DISTINCT ON (o.correction_id) o.correction_id, 'told', %(position)s::bigint, NULL::integer,
    n.notification_id, n.channel
FROM reached AS n JOIN owed AS o ON o.report_id = n.report_id AND o.party = n.party
WHERE o.status = 'open' AND (n.says_of = 0 OR (n.says_of >= o.report_version AND o.report_version > 0))
ORDER BY o.correction_id, n.notification_id
ON CONFLICT DO NOTHING
"""
_NOTICE = """
INSERT INTO notices VALUES (%(id)s, %(report_id)s, %(version)s, %(patient_id)s, %(party)s, %(channel)s, %(says_of)s,
    NULL, NULL, false)
ON CONFLICT DO NOTHING
"""
# What goes along is the version that its patient sees when it goes. From the attempt on it may have left, whatever comes
# in between: a change that comes then is owed to who gets the older one.
_LEAVES = """
WITH leaving AS (UPDATE notices SET left_at = %(position)s WHERE notification_id = %(id)s RETURNING *)
INSERT INTO exposures SELECT n.report_id, n.party, coalesce(r.shown, n.report_version), 'email', 'patient', n.patient_id,
    %(position)s, %(position)s
FROM leaving AS n LEFT JOIN reports AS r USING (report_id)
ON CONFLICT (report_id, party, report_version, medium) DO UPDATE SET last_position = excluded.last_position
"""
_STAYED = """
WITH staying AS (
    UPDATE notices AS n SET left_at = NULL FROM notices AS before
    WHERE n.notification_id = %(id)s AND before.notification_id = n.notification_id AND before.left_at IS NOT NULL
    RETURNING n.report_id, n.party, before.left_at)
DELETE FROM exposures AS e USING staying AS s
WHERE e.report_id = s.report_id AND e.party = s.party AND e.medium = 'email' AND e.position = s.left_at
RETURNING e.report_id, e.party
"""
_NOTHING_HAD = """
DELETE FROM pending WHERE report_id = %s AND party = %s AND NOT EXISTS (
    SELECT FROM exposures AS e WHERE e.report_id = pending.report_id AND e.party = pending.party
        AND e.position < pending.position)
"""
_NEWS = (None, About.CORRECTED, About.WITHDRAWN)
_KNOWN = """
SELECT notification_id FROM notices WHERE notification_id = ANY(%(asked)s)
UNION SELECT digest_id FROM notices WHERE digest_id = ANY(%(asked)s)
"""
_OF_EARLIER = NotificationAttempted | NotificationFailed | NotificationJoined | NotificationDelivered
OF_NOTICES = (
    NotificationRequested
    | NotificationAttempted
    | NotificationFailed
    | NotificationJoined
    | NotificationDelivered
)


def without_idle_notices(rows: Rows, events: Sequence[RecordedEvent]) -> Iterator[RecordedEvent]:
    """The events, but for what became of notices of which nothing is to be known: of most."""
    asked = [one.stream_id for one in events if isinstance(one.event, _OF_EARLIER)]
    known: set[UUID] = set()
    if asked:
        known |= {row[0] for row in rows.execute(_KNOWN, {"asked": asked}, prepare=False).fetchall()}
    for recorded in events:
        event = recorded.event
        if isinstance(event, NotificationRequested) and _is_to_be_known(event):
            known.add(recorded.stream_id)
        if not isinstance(event, OF_NOTICES) or recorded.stream_id in known:
            if isinstance(event, NotificationJoined):
                known.add(event.digest_id)
            yield recorded


def noticed(rows: Rows, recorded: RecordedEvent) -> None:
    at = {"id": recorded.stream_id, "position": recorded.position}
    match recorded.event:
        case NotificationRequested() as event:
            _requested(rows, recorded, event)
        case NotificationAttempted() as event:
            if event.carries is not None:
                rows.execute(_LEAVES, at)
        case NotificationFailed():
            # Certainly nothing was sent.
            for had in rows.execute(_STAYED, at).fetchall():
                rows.execute(_NOTHING_HAD, had)
        case NotificationJoined() as event:
            rows.execute(
                "UPDATE notices SET digest_id = %s WHERE notification_id = %s",
                (event.digest_id, recorded.stream_id),
            )
        case _:
            rows.execute(_DELIVERED, at)


def _is_to_be_known(event: NotificationRequested) -> bool:
    """Whether it says of a change, or takes a document along."""
    return _says_of_change(event) or event.carries is not None


def _says_of_change(event: NotificationRequested) -> bool:
    is_news = event.about in _NEWS
    return is_news and (event.report_version > 1 or event.about is About.WITHDRAWN)


def _requested(rows: Rows, recorded: RecordedEvent, event: NotificationRequested) -> None:
    recipient = event.recipient_id or event.patient_id
    row = {
        "id": recorded.stream_id,
        "report_id": event.report_id,
        "version": event.report_version,
        "patient_id": event.patient_id,
        "party": f"patient:{recipient}",
        "channel": event.channel,
        # A document that was asked for says of no change.
        "says_of": _GONE
        if event.about is About.WITHDRAWN
        else event.report_version
        if event.about in _NEWS
        else _NO_CHANGE,
    }
    rows.execute(_NOTICE, row)
