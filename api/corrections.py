"""The worker of corrections: decides what each change owes to whoever had the older version, and records how that ends.

What is to be looked at comes from the view; the streams decide, so nothing is owed or closed twice.
"""

from dataclasses import dataclass
from itertools import groupby
from threading import Event as Signal
from uuid import UUID

import structlog

from api.node import DATABASE_AWAY
from domain.channel import Channel
from domain.correction import Acknowledgement, LapseReason, Party, PartyKind
from ledger import corrections as commands
from ledger.corrections import PartyOfChange
from ledger.recorder import StreamConflictError
from ledger.store import Ledger
from projections import corrections_overview as corrections
from projections.corrections_overview import DueRow, PendingRow

POLL_SECONDS = 0.5
AFTER_FAILURE_SECONDS = 5.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CorrectionsTracked:
    """Several may run: each decision has a stream of its own."""

    ledger: Ledger

    def run(self, stop: Signal) -> None:
        while not stop.is_set():
            try:
                decided = settle(self.ledger)
                # The view has to see what was decided before it asks for more.
                stop.wait(POLL_SECONDS if not decided else POLL_SECONDS / 2)
            except Exception as error:  # noqa: BLE001 - the worker's edge: the next round tries again
                log.error("corrections.failed", error=type(error).__name__)
                stop.wait(AFTER_FAILURE_SECONDS)


def settle(ledger: Ledger) -> int:
    """One round: what the oldest change owes, then what became known of what is owed; how many facts became true."""
    return owe_pending(ledger) + close_due(ledger)


def owe_pending(ledger: Ledger) -> int:
    """The oldest change of which it was not decided yet what it owes; one that can't be decided keeps no other."""
    after = 0
    while found := corrections.pending(ledger, after=after):
        try:
            return _owe(ledger, found)
        except DATABASE_AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - as said above
            log.error("corrections.set-aside", report=str(found[0].report_id), error=type(error).__name__)
            after = found[0].position
    return 0


def _owe(ledger: Ledger, found: list[PendingRow]) -> int:
    decided = 0
    for (report_id, version, position), rows in groupby(found, key=_change_of):
        parties = [_party(row) for row in rows]
        decided += commands.owe(ledger, report_id, parties, report_version=version or None, position=position)
    return decided


def _change_of(row: PendingRow) -> tuple[UUID, int, int]:
    return row.report_id, row.report_version, row.position


def _party(row: PendingRow) -> PartyOfChange:
    party = Party(
        patient_id=row.patient_id,
        report_id=row.report_id,
        party=row.party,
        kind=PartyKind(row.kind),
        exposures=row.exposures,
    )
    return PartyOfChange(party=party, seen_version=row.seen_version)


def close_due(ledger: Ledger) -> int:
    """What became known of corrections: they were opened, told, or can't be told any more."""
    closed = 0
    for row in corrections.due(ledger):
        try:
            closed += _close(ledger, row)
        except StreamConflictError:
            continue  # its turn comes again
        except DATABASE_AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - one that can't be decided must not keep the others
            log.error("corrections.set-aside", correction=str(row.correction_id), error=type(error).__name__)
    return closed


def _close(ledger: Ledger, row: DueRow) -> bool:
    match row.act:
        case "opened":
            opened = Acknowledgement.OPENED
            done = commands.acknowledge(
                ledger, row.correction_id, how=opened, report_version=row.report_version
            )
        case "told":
            assert row.notification_id is not None and row.channel is not None
            done = commands.tell(
                ledger,
                row.correction_id,
                notification_id=row.notification_id,
                channel=Channel(row.channel),
            )
        case _:
            assert row.reason is not None
            done = commands.lapse(ledger, row.correction_id, reason=LapseReason(row.reason))
    return bool(done.event_ids)
