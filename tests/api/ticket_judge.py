"""A judge of a ticket's history, that knows its rules from the requirements and not from the code that it judges."""

from collections.abc import Sequence

from domain.ticket_events import (
    TicketAnswered,
    TicketClosed,
    TicketEscalated,
    TicketMessageAdded,
    TicketOpened,
    TicketPatientTold,
    TicketReopened,
)
from ledger.codec import RecordedEvent


def faults_of(history: Sequence[RecordedEvent]) -> list[str]:
    """What must not be: one question is escalated at most once, nobody is told of what did not happen, and no message
    is there twice."""
    faults, escalated, tellable, seen = [], False, 0, set()
    for recorded in history:
        event = recorded.event
        if isinstance(event, TicketEscalated):
            faults += ["escalated twice"] if escalated else []
            escalated, tellable = True, tellable + 1
        if isinstance(event, TicketAnswered):
            escalated, tellable = False, tellable + 1
        if isinstance(event, TicketReopened | TicketClosed):
            escalated = False
        if isinstance(event, TicketPatientTold):
            tellable -= 1
            faults += ["told of nothing"] if tellable < 0 else []
        if isinstance(event, TicketOpened | TicketMessageAdded | TicketReopened | TicketAnswered):
            faults += ["a message twice"] if event.message_id in seen else []
            seen.add(event.message_id)
    return faults
