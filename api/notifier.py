"""The notifier: takes what is due, sends it, records what became of it.

An attempt is recorded before the network is touched, and whoever records it owns it. If the worker
dies in between, the lease runs out and the outcome is unknown: it is sent once more, with the same
Message-ID, and never a third time (reliability.md, section 10).
"""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event as Signal
from uuid import UUID

import structlog

from api.mail import MailMalformedError, compose, send
from api.metrics import NOTIFICATIONS
from api.outcome import HandedOver, Outcome, RefusedForGood, RefusedForNow, Unknown
from api.pages import Locale, phrase, render
from api.settings import Settings
from domain import notification
from domain.announcement import About
from domain.notification import (
    Notification,
    NotificationAttempted,
    NotificationEvent,
    NotificationFailed,
    NotificationHandedOver,
    NotificationNotDueError,
    NotificationStatus,
)
from domain.permission import notice_barrier
from ledger import commands
from ledger.codec import Circumstances
from ledger.matching import match_held, release_held
from ledger.permissions import NOTICES, OF_NOTICES, basis_of, notices_permitted
from ledger.recorder import Guard, OutcomeUnknownError, StreamConflictError
from ledger.store import Ledger, Write
from projections import delivery, matching

POLL_SECONDS = 0.1
SMTP_SECONDS = 60.0
# Longer than the longest sending: `send` may take twice its time-out.
LEASE = timedelta(minutes=5)
UNKNOWN_WAIT = timedelta(minutes=10)
LIFE = timedelta(hours=72)
NOBODY = UUID(int=0)
BY = Circumstances(actor="system:notifier")

log = structlog.get_logger()


@dataclass(slots=True)
class Notifier:
    """One worker. Several may run: the ledger lets each attempt be taken once."""

    ledger: Ledger
    settings: Settings
    held_after: UUID = NOBODY
    versions_after: UUID = NOBODY

    def run(self, stop: Signal) -> None:
        while not stop.is_set():
            try:
                self.match_held()
                self.release_held()
                if not self.step():
                    stop.wait(POLL_SECONDS)
            except (OutcomeUnknownError, OSError) as error:
                log.warning("notifier.interrupted", error=type(error).__name__)
                stop.wait(1.0)
            except Exception as error:  # noqa: BLE001 - the worker's edge: one bad notice must not end it
                log.error("notifier.failed", error=type(error).__name__)
                stop.wait(1.0)

    def step(self) -> int:
        """Carry out what is due; how many notifications were touched."""
        if self.settings.smtp_host is None:
            return 0
        due = delivery.due(self.ledger, now=datetime.now(UTC))
        for row in due:
            try:
                self._carry_out(row.notification_id)
            except (StreamConflictError, NotificationNotDueError):
                # Another worker has it, or the view is a moment behind the ledger.
                continue
        return len(due)

    def match_held(self) -> None:
        """Give reports that waited to patients who have become known and ready, a few at a time."""
        found = matching.recognised(self.ledger, after=self.held_after)
        for report_id, patient_id, kind in found:
            match_held(self.ledger, report_id, patient_id, matched_by=kind)
        self.held_after = found[-1][0] if found else NOBODY

    def release_held(self) -> None:
        """Let later versions that were held reach patients who permit them again, a few at a time."""
        found = matching.held(self.ledger, after=self.versions_after)
        for report_id in found:
            release_held(self.ledger, report_id)
        self.versions_after = found[-1] if found else NOBODY

    def _carry_out(self, notification_id: UUID) -> None:
        state, version = self.ledger.load(notification_id, notification.evolve)
        assert state is not None
        now = datetime.now(UTC)
        if state.status is NotificationStatus.ATTEMPTED:
            lost = notification.give_up_lease(state, now=now, retry_at=now + UNKNOWN_WAIT)
            self._append(notification_id, version, lost)
            return
        taken = self._take(notification_id, state, version, now)
        if taken is None:
            return
        outcome = self._send(notification_id, state)
        NOTIFICATIONS.labels(type(outcome).__name__).inc()
        self._append(notification_id, version + 1, self._concluded(notification_id, state, taken, outcome))

    def _take(
        self, notification_id: UUID, state: Notification, version: int, now: datetime
    ) -> NotificationAttempted | None:
        """Record the attempt, if the patient still permits it at this very position; else say why not."""
        grounds, guards = notices_permitted(self.ledger, state.patient_id, at=now)
        consent_version = guards[NOTICES].version
        reason = notice_barrier(grounds, channel=state.channel)
        if reason is not None:
            basis = basis_of(guards, OF_NOTICES, at=now)
            refused = notification.suppress(
                state, reason=reason, consent_version=consent_version, basis=basis
            )
            self._append(notification_id, version, refused, *guards.values())
            return None
        taken = notification.attempt(state, now=now, lease_until=now + LEASE, consent_version=consent_version)
        self._append(notification_id, version, taken, *guards.values())
        return taken

    def _send(self, notification_id: UUID, state: Notification) -> Outcome:
        patient = commands.load_patient(self.ledger, state.patient_id)
        if patient.email is None or self.settings.smtp_host is None:
            return RefusedForGood("email-missing")
        locale: Locale = "en" if patient.locale == "en" else "ru"
        kind = state.about or "ready"
        # Of what left the cabinet only the notice is left to see.
        page = "notifications" if state.about is About.WITHDRAWN else "reports"
        link = f"{self.settings.public_url}/{page}"
        try:
            message = compose(
                notification_id=notification_id,
                recipient=patient.email,
                sender=self.settings.mail_sender,
                subject=phrase(f"mail.subject.{kind}", locale=locale),
                text=render("mail.txt", locale=locale, link=link, kind=kind),
                html=render("mail.html", locale=locale, link=link, kind=kind),
                locale=locale,
                sent_at=self._requested_at(notification_id),
                message_key=self.ledger.custody.message_key,
            )
        except MailMalformedError:
            return RefusedForGood("smtp-501")
        return send(
            message,
            host=self.settings.smtp_host,
            port=self.settings.smtp_port,
            tls=self.settings.smtp_tls,
            username=self.settings.smtp_username,
            password=self.settings.smtp_password,
            timeout_seconds=SMTP_SECONDS,
        )

    def _concluded(
        self, notification_id: UUID, state: Notification, taken: NotificationAttempted, outcome: Outcome
    ) -> NotificationEvent:
        """The event of an attempt's outcome, and when to try again."""
        now = datetime.now(UTC)
        match outcome:
            case HandedOver():
                return NotificationHandedOver(attempt=taken.attempt, remote_id=outcome.remote_id or "")
            case RefusedForGood():
                return NotificationFailed(attempt=taken.attempt, reason=outcome.code)
            case RefusedForNow():
                retry_at = now + backoff(taken.attempt)
                is_over = retry_at > self._requested_at(notification_id) + LIFE
                return NotificationFailed(
                    attempt=taken.attempt, reason=outcome.code, retry_at=None if is_over else retry_at
                )
            case Unknown():
                attempted = notification.evolve(state, taken)
                return notification.unknown(attempted, stage=outcome.stage, retry_at=now + UNKNOWN_WAIT)

    def _requested_at(self, notification_id: UUID) -> datetime:
        """When it was requested: the Date of the message, the same at every try."""
        return next(iter(self.ledger.read(notification_id))).recorded_at

    def _append(self, notification_id: UUID, version: int, event: NotificationEvent, *guards: Guard) -> None:
        self.ledger.append(Write(notification_id, version, (event,)), circumstances=BY, guards=guards)


def backoff(attempt: int) -> timedelta:
    """Exponential from half a minute to an hour, with jitter so that a crowd does not come back at once."""
    return timedelta(seconds=min(30 * 2 ** (attempt - 1), 3600) * random.uniform(0.5, 1.0))  # noqa: S311
