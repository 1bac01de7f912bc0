"""What becomes of an attempt: its events, and when it is tried again."""

import random
from datetime import datetime, timedelta
from uuid import UUID

from api.outcome import HandedOver, Outcome, RefusedForGood, RefusedForNow, Unknown
from domain import dispatch, notification
from domain.announcement import About
from domain.channel import Channel
from domain.consent import ConsentKind
from domain.dispatch import UNKNOWN_WAIT
from domain.notification import (
    NotificationEvent,
    NotificationFailed,
    NotificationHandedOver,
    NotificationRequested,
)
from ledger.consents import consent_stream
from ledger.sending import Conclusion
from ledger.store import Ledger, Write
from ledger.taking import Taken

# A provider may ask for patience, but not for more of it than a day's.
PATIENCE_LONGEST = timedelta(days=1)


def concluded(ledger: Ledger, taken: Taken, outcome: Outcome, now: datetime, *, sealed: bool) -> Conclusion:
    """`sealed`: a document went along that its reader needs the password of, which is asked for now."""
    events = outcome_events(taken, outcome, now)
    also = (password_request(ledger, taken),) if sealed and isinstance(outcome, HandedOver) else ()
    return Conclusion(taken=taken, events=events, also=also)


def outcome_events(taken: Taken, outcome: Outcome, now: datetime) -> tuple[NotificationEvent, ...]:
    attempt = taken.state.attempt
    match outcome:
        case HandedOver():
            return (NotificationHandedOver(attempt=attempt, remote_id=outcome.remote_id or ""),)
        case RefusedForGood():
            return (NotificationFailed(attempt=attempt, reason=outcome.code),)
        case RefusedForNow():
            wait = max(backoff(attempt), _patience(outcome))
            return dispatch.failed(
                attempt, reason=outcome.code, retry_at=now + wait, life_until=taken.life_until
            )
        case Unknown():
            unknown = notification.unknown(taken.state, stage=outcome.stage, retry_at=now + UNKNOWN_WAIT)
            return (dispatch.within_life(unknown, taken.life_until),)


def backoff(attempt: int) -> timedelta:
    """Exponential from half a minute to an hour, with jitter so that a crowd does not come back at once."""
    return timedelta(seconds=min(30 * 2 ** min(attempt - 1, 10), 3600) * random.uniform(0.5, 1.0))  # noqa: S311


def _patience(refused: RefusedForNow) -> timedelta:
    """Retry-After (RFC 9110, 10.2.3)."""
    return min(timedelta(seconds=max(refused.retry_after or 0, 0)), PATIENCE_LONGEST)


def password_request(ledger: Ledger, taken: Taken) -> Write:
    """The password of a document goes another way than the document: by SMS, once, however often it was sent."""
    state = taken.state
    consent_id = consent_stream(ledger, state.patient_id, ConsentKind.RESULTS_BY_EMAIL)
    requested = NotificationRequested(
        patient_id=state.patient_id,
        report_id=state.report_id,
        report_version=state.report_version,
        channel=Channel.SMS,
        consent_id=consent_id,
        consent_version=taken.documents_version,
        about=About.PASSWORD,
        # Who asked for the document waits for it; who gets all of them by themselves may be asleep.
        is_urgent=state.about is About.DOCUMENT,
        opens=taken.notification_id,
    )
    return Write(password_stream(ledger, taken.notification_id), 0, (requested,))


def password_stream(ledger: Ledger, notification_id: UUID) -> UUID:
    """The notification that tells the password of what goes along with this one."""
    return ledger.stream_id("notification", About.PASSWORD, str(notification_id))
