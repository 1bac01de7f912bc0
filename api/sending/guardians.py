"""The worker that decides who else is told: guardians, of what their wards are told."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event as Signal

import structlog

from api.guardian_notices import tell_guardians
from ledger.store import Ledger
from projections.delivery import UntoldRow

POLL_SECONDS = 0.2

log = structlog.get_logger()


@dataclass(slots=True)
class GuardiansTold:
    """Several may run: each decision has a stream of its own, which begins once."""

    ledger: Ledger
    _aside: dict[UntoldRow, datetime] = field(default_factory=dict)

    def run(self, stop: Signal) -> None:
        while not stop.is_set():
            try:
                tell_guardians(self.ledger, datetime.now(UTC), self._aside)
                stop.wait(POLL_SECONDS)
            except Exception as error:  # noqa: BLE001 - the worker's edge: the next round tries again
                log.error("guardians.failed", error=type(error).__name__)
                stop.wait(1.0)
