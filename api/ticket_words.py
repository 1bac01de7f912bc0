"""Words that the pages of help and of tickets choose at run time."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from api.portal.help_questions import QUESTIONS
from domain.ticket import TicketStatus
from domain.ticket_events import Side, TicketKind, TicketPriority, TicketTopic
from projections.tickets import Queue

# Answers that support begins with.
CANNED: Final = ("check-diagnosis", "organisation-awaited", "need-details", "passed-on", "mended")

TICKET_FAMILIES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "ticket.kind": tuple(TicketKind),
        "ticket.topic": tuple(TicketTopic),
        "ticket.priority": tuple(TicketPriority),
        "ticket.status": tuple(TicketStatus),
        "ticket.status.text": tuple(TicketStatus),
        "ticket.happened": ("taken", "handed-over", "closed", "escalated"),
        "ticket.author": tuple(Side),
        "ticket.canned": CANNED,
        "ticket.canned.name": CANNED,
        "ticket.queue": tuple(Queue),
        "help.question": QUESTIONS,
        "help.answer": QUESTIONS,
    }
)
