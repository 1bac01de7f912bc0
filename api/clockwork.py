"""The clockwork: what time alone brings about, as events, each made once however many processes look.

A step is a function of the ledger and of the time: it finds what has become due and appends an event through a
decision of the domain, which says nothing a second time. So it does not matter how often steps run, whether a
run was missed, or where the last one stopped. That one worker at a time runs them only spares work.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event as Signal

import structlog

from api import (
    appeal_reminders,
    consultation_notices,
    erasing,
    key_rotation,
    limits,
    retention,
    ticket_escalation,
)
from api.consent_terms import end_consents
from api.exports import sweeping
from api.identity_expiry import expire_documents
from api.organisation_connecting import connect_awaited
from api.settings import Settings
from api.share_telling import tell_untold
from api.share_terms import end_shares
from api.study_matching import fulfil_requests
from ledger import guardianship
from ledger.leading import leading
from ledger.policy import end_temporary_policies
from ledger.store import Ledger
from projections.patient_chains import commit_due

TICK_SECONDS = 60.0
# Beside those of migrations, followers and the log.
LOCK = 7597103

# How many facts became true.
Step = Callable[[Ledger, datetime], int]
# What is the same in every installation. A new one is a function in `ledger/`, and a line here.
STEPS: tuple[Step, ...] = (
    appeal_reminders.remind,
    ticket_escalation.escalate,
    end_temporary_policies,
    fulfil_requests,
    end_consents,
    expire_documents,
    guardianship.end_of_age,
    connect_awaited,
    end_shares,
    limits.remove_past,
)

log = structlog.get_logger()


def steps_of(settings: Settings) -> tuple[Step, ...]:
    """All steps: those of every installation, and those that the operator has a say in."""
    return (
        *STEPS,
        *consultation_notices.steps_of(settings),
        *erasing.steps_of(settings),
        partial(tell_untold, settings=settings),
        *retention.steps_of(settings),
        key_rotation.step_of(settings),
        sweeping.step_of(settings),
        partial(commit_due, every=timedelta(seconds=settings.chains_seconds)),
    )


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Clockwork:
    """`clock` is the only place where steps get the time from: a test moves it."""

    ledger: Ledger
    steps: Sequence[Step]
    clock: Callable[[], datetime] = utc_now

    def run(self, stop: Signal) -> None:
        while not stop.is_set():
            try:
                self.turn()
            except Exception as error:  # noqa: BLE001 - the worker's edge: the next round tries again
                log.error("clockwork.interrupted", error=type(error).__name__)
            stop.wait(TICK_SECONDS)

    def turn(self) -> int:
        """Every step once, unless another worker is at it; how many facts became true."""
        with leading(self.ledger, LOCK) as leads:
            return sum(self._take(step) for step in self.steps) if leads else 0

    def _take(self, step: Step) -> int:
        try:
            return step(self.ledger, self.clock())
        except Exception as error:  # noqa: BLE001 - one step's failure must not stop the others
            # The message may quote data, so only the kind of the error is logged.
            log.error("clockwork.step-failed", step=name_of(step), error=type(error).__name__)
            return 0


def name_of(step: Step) -> str:
    """What a step is called in the log."""
    function = step.func if isinstance(step, partial) else step
    return f"{function.__module__}.{function.__qualname__}"
