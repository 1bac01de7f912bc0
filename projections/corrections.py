"""Corrections: who had which version of a report, what each is owed since it changed, and how that ended.

The view only says what is to be decided, by pseudonyms; the streams decide, once (`ledger/corrections`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from uuid import UUID

from domain.correction import (
    CorrectionAcknowledged,
    CorrectionLapsed,
    CorrectionOwed,
    CorrectionSpared,
    CorrectionStatus,
    CorrectionTold,
    LapseReason,
    PartyKind,
    kind_of,
    shows_correction,
)
from domain.guardianship import GuardianshipConfirmed, GuardianshipEnded
from domain.reading import Medium, ReportRead
from domain.report import (
    ReportDestroyed,
    ReportRekeyed,
    ReportRevised,
    ReportUnmatched,
    ReportVersionsHeld,
    ReportVersionsReleased,
    UnmatchReason,
)
from domain.sharing import ShareClosed, ShareRevoked
from domain.staff import StaffMemberDismissed
from ledger.codec import RecordedEvent
from ledger.staff import member_id_of
from ledger.store import Ledger
from projections.corrections_notices import OF_NOTICES, noticed, without_idle_notices
from projections.packed_rows import packed
from projections.projection import Projection, Rows

# The version of a report that left the cabinet.
GONE = 0
NOBODY = UUID(int=0)

# How events change the rows.

_EXPOSE = """
INSERT INTO exposures SELECT * FROM json_populate_recordset(NULL::exposures, %s)
ON CONFLICT (report_id, party, report_version, medium) DO UPDATE SET last_position = excluded.last_position
"""
_OPENED = """
INSERT INTO due SELECT o.correction_id, 'opened', seen.position, seen.report_version
FROM json_populate_recordset(NULL::exposures, %s) AS seen
JOIN owed AS o ON o.report_id = seen.report_id AND o.party = seen.party
WHERE o.report_version BETWEEN 1 AND seen.report_version AND o.status IN ('open', 'told', 'lapsed')
ORDER BY seen.position
ON CONFLICT DO NOTHING
"""
_CHANGE = """
INSERT INTO pending SELECT report_id, %(version)s, party, (array_agg(kind ORDER BY last_position DESC))[1],
    (array_agg(patient_id ORDER BY last_position DESC))[1], %(position)s, max(report_version)
FROM exposures WHERE report_id = %(report_id)s AND NOT EXISTS (
    SELECT FROM owed WHERE owed.report_id = exposures.report_id AND owed.party = exposures.party
        AND owed.report_version = %(version)s)
GROUP BY report_id, party
ON CONFLICT DO NOTHING
"""
_REVISE = """
INSERT INTO reports AS r SELECT %(id)s, 2, 2, 2, false
ON CONFLICT (report_id) DO UPDATE SET latest = r.latest + 1, standing = r.latest + 1,
    shown = CASE WHEN r.is_held THEN r.shown ELSE r.latest + 1 END
RETURNING latest, is_held OR is_taken_back
"""
# It is nobody's from now on: whatever its laboratory says of it later reaches nobody who had it.
_TAKE_BACK = """
INSERT INTO reports AS r VALUES (%(id)s, 1, 1, 1, false, true)
ON CONFLICT (report_id) DO UPDATE SET is_taken_back = true
"""
_LATE = """
INSERT INTO reports AS r VALUES (%(id)s, 2, 1, 1, false)
ON CONFLICT (report_id) DO UPDATE SET latest = r.latest + 1
"""
_HOLD = """
INSERT INTO reports AS r VALUES (%(id)s, %(shown)s, %(shown)s, %(shown)s, true)
ON CONFLICT (report_id) DO UPDATE SET is_held = true
"""
# What the patient had while versions were held, and what they have now.
_RELEASE = """
WITH before AS (SELECT report_id, shown FROM reports WHERE report_id = %(id)s)
UPDATE reports AS r SET is_held = false, shown = standing FROM before
WHERE r.report_id = before.report_id RETURNING r.standing, before.shown
"""
_OWE = """
INSERT INTO owed VALUES (%(id)s, %(report_id)s, %(version)s, %(patient_id)s, %(party)s, %(kind)s, %(party_id)s, %(seen)s,
    %(seen_at)s, %(media)s, %(changes)s, %(position)s, %(at)s, 'open', NULL, %(at)s)
ON CONFLICT DO NOTHING
"""
# What happened between the change and the decision.
_OPENED_SINCE = """
INSERT INTO due SELECT %(id)s, 'opened', %(now)s, max(report_version) FROM exposures
WHERE report_id = %(report_id)s AND party = %(party)s AND report_version >= %(version)s AND %(version)s > 0
    AND last_position > %(position)s AND medium = ANY(%(showing)s)
HAVING count(*) > 0
ON CONFLICT DO NOTHING
"""
_TOLD_SINCE = """
INSERT INTO due SELECT %(id)s, 'told', %(now)s, NULL, notification_id, channel FROM notices
WHERE report_id = %(report_id)s AND party = %(party)s AND is_delivered
    AND (says_of = 0 OR (says_of >= %(version)s AND %(version)s > 0))
ORDER BY notification_id LIMIT 1
ON CONFLICT DO NOTHING
"""
_LAPSED_SINCE = """
INSERT INTO due SELECT %(id)s, 'lapsed', %(now)s, NULL, NULL, NULL, reason FROM gone
WHERE party_id = %(party_id)s AND patient_id IN (%(patient_id)s, %(nobody)s)
ORDER BY patient_id LIMIT 1
ON CONFLICT DO NOTHING
"""
_LAPSE = """
INSERT INTO due SELECT correction_id, 'lapsed', %(position)s, NULL, NULL, NULL, %(reason)s FROM owed
WHERE party_id = %(party_id)s AND (patient_id = %(patient_id)s OR %(patient_id)s = %(nobody)s) AND status = 'open'
ON CONFLICT DO NOTHING
"""
_SHOWING = [medium for medium in Medium if shows_correction(medium)]
_DECIDED = CorrectionOwed | CorrectionSpared
_ENDED = CorrectionTold | CorrectionAcknowledged | CorrectionLapsed


def apply(rows: Rows, events: Sequence[RecordedEvent], ledger: Ledger) -> None:
    changing = without_idle_notices(rows, events)
    for is_read, found in groupby(changing, key=lambda one: isinstance(one.event, ReportRead)):
        if is_read:
            _read(rows, list(found))
            continue
        for recorded in found:
            _changed(rows, recorded, ledger)


def _changed(rows: Rows, recorded: RecordedEvent, ledger: Ledger) -> None:
    match recorded.event:
        case ReportRevised() | ReportVersionsHeld() | ReportVersionsReleased():
            _version_changed(rows, recorded)
        case ReportUnmatched() as event:
            if event.reason is not UnmatchReason.MATCHED_BY_MISTAKE:
                rows.execute(_TAKE_BACK, {"id": recorded.stream_id})
            if event.patient_id is not None and event.reason is not UnmatchReason.SAMPLE_REMOVED:
                _change(rows, recorded, GONE)
        case ReportRekeyed() | ReportDestroyed():
            # Nobody can compare its versions any more; that it is gone is owed all the same.
            rows.execute("DELETE FROM reports WHERE report_id = %s", (recorded.stream_id,))
            rows.execute(
                "DELETE FROM pending WHERE report_id = %s AND report_version > 0", (recorded.stream_id,)
            )
        case event if isinstance(event, OF_NOTICES):
            noticed(rows, recorded)
        case event if isinstance(event, _DECIDED):
            _decided(rows, recorded, event, ledger)
        case event if isinstance(event, _ENDED):
            _ended(rows, recorded, event)
        case _:
            _party_left(rows, recorded)


def _read(rows: Rows, read: list[RecordedEvent]) -> None:
    """Who may act on what they read has it from now on, and knows of what they open."""
    found: dict[tuple[UUID, str, int, Medium], _Exposure] = {}
    for recorded in read:
        event = recorded.event
        assert isinstance(event, ReportRead)
        kind = kind_of(event.purpose)
        if kind is None or event.patient_id is None:
            continue
        at, medium = recorded.position or 0, event.medium or Medium.PAGE
        place = (event.report_id, recorded.circumstances.actor, event.report_version, medium)
        exposure = found.setdefault(place, _Exposure(*place, kind, event.patient_id, at, at))
        exposure.last_position = at
    if found:
        rows.execute(_EXPOSE, (packed(list(found.values())),))
    if shown := [one for one in found.values() if shows_correction(one.medium)]:
        # Not prepared: as in `delivery_rows`.
        rows.execute(_OPENED, (packed(shown),), prepare=False)


@dataclass(slots=True)
class _Exposure:
    """That a party had a version in some form: its row."""

    report_id: UUID
    party: str
    report_version: int
    medium: Medium
    kind: PartyKind
    patient_id: UUID
    position: int
    last_position: int


def _version_changed(rows: Rows, recorded: RecordedEvent) -> None:
    report_id = recorded.stream_id
    match recorded.event:
        case ReportRevised() as event if event.is_late:
            rows.execute(_LATE, {"id": report_id})
        case ReportRevised() as event:
            latest, is_nobodys = rows.execute(_REVISE, {"id": report_id}).fetchone() or (0, False)
            # What its laboratory takes back as another patient's leaves the cabinet in the same append.
            if not is_nobodys and not event.content.is_of_another_patient:
                _change(rows, recorded, latest)
        case ReportVersionsHeld() as event:
            rows.execute(_HOLD, {"id": report_id, "shown": event.shown_version})
        case _:
            standing, shown = rows.execute(_RELEASE, {"id": report_id}).fetchone() or (0, 0)
            if standing != shown:
                _change(rows, recorded, standing)


def _change(rows: Rows, recorded: RecordedEvent, version: int) -> None:
    """Whoever had an older version may be owed something: the exposures that are here came before the change."""
    change = {"report_id": recorded.stream_id, "version": version, "position": recorded.position}
    rows.execute(_CHANGE, change)


def _decided(
    rows: Rows, recorded: RecordedEvent, event: CorrectionOwed | CorrectionSpared, ledger: Ledger
) -> None:
    version = event.report_version or GONE
    rows.execute(
        "DELETE FROM pending WHERE report_id = %s AND report_version = %s AND party = %s",
        (event.report_id, version, event.party),
    )
    if isinstance(event, CorrectionSpared):
        return
    seen = max(event.exposures, key=lambda one: one.report_version)
    row = {
        "id": recorded.stream_id,
        "report_id": event.report_id,
        "version": version,
        "patient_id": event.patient_id,
        "party": event.party,
        "kind": event.kind,
        "party_id": party_id_of(ledger, event.party),
        "seen": seen.report_version,
        "seen_at": seen.position,
        "media": list(dict.fromkeys(one.medium or Medium.PAGE for one in event.exposures)),
        "changes": list(event.changes),
        "position": event.position,
        "at": recorded.recorded_at,
        "now": recorded.position,
        "nobody": NOBODY,
        "showing": _SHOWING,
    }
    for statement in (_OWE, _OPENED_SINCE, _TOLD_SINCE, _LAPSED_SINCE):
        rows.execute(statement, row)


def party_id_of(ledger: Ledger, party: str) -> UUID:
    """The stream of a party: a patient's or guardian's own, a share's, a doctor's as a member of staff."""
    kind, _, name = party.partition(":")
    return member_id_of(ledger, name) if kind == "staff" else UUID(name)


def _ended(
    rows: Rows, recorded: RecordedEvent, event: CorrectionTold | CorrectionAcknowledged | CorrectionLapsed
) -> None:
    s = CorrectionStatus
    match event:
        case CorrectionTold():
            status, how, done = s.TOLD, str(event.channel), ["told", "lapsed"]
        case CorrectionAcknowledged():
            status, how, done = s.ACKNOWLEDGED, str(event.how), ["opened", "told", "lapsed"]
        case CorrectionLapsed():
            status, how, done = s.LAPSED, str(event.reason), ["told", "lapsed"]
    rows.execute(
        "UPDATE owed SET status = %s, how = %s, changed_at = %s WHERE correction_id = %s",
        (status, how, recorded.recorded_at, recorded.stream_id),
    )
    rows.execute("DELETE FROM due WHERE correction_id = %s AND act = ANY(%s)", (recorded.stream_id, done))


def _party_left(rows: Rows, recorded: RecordedEvent) -> None:
    match recorded.event:
        case GuardianshipConfirmed() as event:
            rows.execute(
                "INSERT INTO guardians VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                (recorded.stream_id, event.guardian_id, event.ward_id),
            )
            rows.execute(
                "DELETE FROM gone WHERE party_id = %s AND patient_id = %s", (event.guardian_id, event.ward_id)
            )
        case GuardianshipEnded():
            ended = rows.execute(
                "DELETE FROM guardians WHERE guardianship_id = %s RETURNING guardian_id, ward_id",
                (recorded.stream_id,),
            ).fetchone()
            if ended is not None:
                _gone(rows, recorded, *ended, reason=LapseReason.GUARDIANSHIP_OVER)
        case StaffMemberDismissed():
            _gone(rows, recorded, recorded.stream_id, NOBODY, reason=LapseReason.MEMBER_DISMISSED)
        case ShareRevoked() | ShareClosed():
            _gone(rows, recorded, recorded.stream_id, NOBODY, reason=LapseReason.LINK_OVER)
        case _:
            pass


def _gone(
    rows: Rows, recorded: RecordedEvent, party_id: UUID, patient_id: UUID, *, reason: LapseReason
) -> None:
    row = {
        "party_id": party_id,
        "patient_id": patient_id,
        "reason": reason,
        "position": recorded.position,
        "nobody": NOBODY,
    }
    rows.execute(
        "INSERT INTO gone VALUES (%(party_id)s, %(patient_id)s, %(reason)s) ON CONFLICT DO NOTHING", row
    )
    rows.execute(_LAPSE, row)


CORRECTIONS = Projection(
    name="corrections",
    tables={
        "reports": "report_id",
        "exposures": "report_id, party, report_version, medium",
        "pending": "report_id, report_version, party",
        "owed": "correction_id",
        "notices": "notification_id",
        "gone": "party_id, patient_id",
        "guardians": "guardianship_id",
        "due": "correction_id, act",
    },
    apply=apply,
    names=frozenset(
        {
            "CorrectionAcknowledged",
            "CorrectionLapsed",
            "CorrectionOwed",
            "CorrectionSpared",
            "CorrectionTold",
            "GuardianshipConfirmed",
            "GuardianshipEnded",
            "NotificationAttempted",
            "NotificationDelivered",
            "NotificationFailed",
            "NotificationJoined",
            "NotificationRequested",
            "ReportDestroyed",
            "ReportRead",
            "ReportRekeyed",
            "ReportRevised",
            "ReportUnmatched",
            "ReportVersionsHeld",
            "ReportVersionsReleased",
            "ShareClosed",
            "ShareRevoked",
            "StaffMemberDismissed",
        }
    ),
)
