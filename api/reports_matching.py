"""Reports that wait are given to patients who have become known and ready, and versions that were held released."""

from dataclasses import dataclass
from threading import Event as Signal
from uuid import UUID

import structlog

from api.node import DATABASE_AWAY
from ledger.matching import match_held, release_held
from ledger.store import Ledger
from projections import matching

POLL_SECONDS = 0.1
NOBODY = UUID(int=0)

log = structlog.get_logger()


@dataclass(slots=True)
class ReportsMatching:
    """One worker; the places where the last looks ended. Several may run: the ledger matches a report once."""

    ledger: Ledger
    held_after: UUID = NOBODY
    versions_after: UUID = NOBODY

    def run(self, stop: Signal) -> None:
        while not stop.is_set():
            try:
                self.step()
                stop.wait(POLL_SECONDS)
            except DATABASE_AWAY as error:
                log.warning("matching.interrupted", error=type(error).__name__)
                stop.wait(1.0)
            except Exception as error:  # noqa: BLE001 - the worker's edge: one bad report must not end it
                log.error("matching.failed", error=type(error).__name__)
                stop.wait(1.0)

    def step(self) -> None:
        self.match_held()
        self.release_held()

    def match_held(self) -> None:
        """Give reports that waited to patients who have become known and ready, a few at a time."""
        found = matching.recognised(self.ledger, after=self.held_after)
        for report_id, patient_id, kind in found:
            self.held_after = report_id  # one that fails is passed by until all have had their turn
            match_held(self.ledger, report_id, patient_id, matched_by=kind)
        self.held_after = found[-1][0] if found else NOBODY

    def release_held(self) -> None:
        """Let later versions that were held reach patients who permit them again, a few at a time."""
        found = matching.held(self.ledger, after=self.versions_after)
        for report_id in found:
            self.versions_after = report_id
            release_held(self.ledger, report_id)
        self.versions_after = found[-1] if found else NOBODY
