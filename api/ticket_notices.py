"""Telling patients by mail that they were answered, or that an answer is late: never what was written (S109, S111).

What is to be told is in the ledger, and so is that it was: who dies in between tells again, under the same name of the
letter, which mail stores fold. A mail server that is away holds nothing back but this.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event as Signal
from uuid import UUID, uuid5

import structlog

from api.node import DATABASE_AWAY
from api.outcome import HandedOver, RefusedForGood
from api.portal.letters import AccountLetter, send_letter
from api.portal.sign_in import Door
from api.sending.composing import locale_of
from domain.ticket_events import Telling
from domain.values import PatientId
from ledger.commands import load_patient
from ledger.leading import leading
from ledger.recorder import StreamConflictError
from ledger.store import Ledger
from ledger.tickets import load_ticket, record_telling
from projections import tickets

POLL_SECONDS = 1.0
# After a mail server that takes nothing now.
PATIENCE_SECONDS = 60.0
# Beside those of migrations, followers, the log and the clockwork.
LOCK = 7597104
_LETTERS = {
    Telling.ANSWERED: AccountLetter.TICKET_ANSWERED,
    Telling.ESCALATED: AccountLetter.TICKET_ESCALATED,
}

log = structlog.get_logger()


@dataclass(slots=True)
class TicketNotices:
    """One worker at a time tells; the others find nothing to do."""

    door: Door

    def run(self, stop: Signal) -> None:
        while not stop.is_set():
            pause = POLL_SECONDS
            try:
                if not self.turn(datetime.now(UTC)):
                    pause = PATIENCE_SECONDS
            except (*DATABASE_AWAY, StreamConflictError) as error:
                log.warning("ticket-notices.interrupted", error=type(error).__name__)
            stop.wait(pause)

    def turn(self, now: datetime) -> bool:
        """Tell everybody who is to be told; False if the mail server takes nothing now."""
        ledger = self.door.ledger
        with leading(ledger, LOCK) as leads:
            if not leads:
                return True
            return all(self._tell(ledger, *row) for row in tickets.untold(ledger, now=now))

    def _tell(self, ledger: Ledger, ticket_id: UUID, patient_id: PatientId, telling: Telling) -> bool:
        """The view says where to look, the ticket itself whether there still is something to tell."""
        state = load_ticket(ledger, ticket_id)
        if state.untold is not telling:
            return True
        patient = load_patient(ledger, patient_id)
        if patient.email is None or not patient.is_email_confirmed:
            record_telling(ledger, ticket_id, telling, outcome="email-missing")
            return True
        outcome = send_letter(
            self.door,
            _LETTERS[telling],
            patient.email,
            locale=locale_of(patient),
            reference=uuid5(ticket_id, f"{telling}:{len(state.message_ids)}"),
            path=f"/help/{state.number}",
        )
        if isinstance(outcome, HandedOver):
            record_telling(ledger, ticket_id, telling, outcome="handed-over")
        elif isinstance(outcome, RefusedForGood):
            record_telling(ledger, ticket_id, telling, outcome=outcome.code)
        return isinstance(outcome, HandedOver | RefusedForGood)
