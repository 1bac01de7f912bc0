"""What a ticket's history says on a page: what was written and what happened, in order, for one of the two sides."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.ticket_events import (
    Side,
    TicketAnswered,
    TicketClosed,
    TicketEscalated,
    TicketFileAttached,
    TicketHandedOver,
    TicketMessageAdded,
    TicketNoted,
    TicketOpened,
    TicketReopened,
    TicketTaken,
    TicketTextWritten,
)
from domain.values import PatientId
from ledger.codec import Erased, RecordedEvent
from ledger.staff import handle_in
from ledger.store import Ledger
from ledger.tickets import load_ticket
from projections import tickets as view

_MESSAGES = {
    TicketOpened: "message",
    TicketMessageAdded: "message",
    TicketReopened: "message",
    TicketAnswered: "answer",
    TicketNoted: "note",
}
_HAPPENED = {
    TicketTaken: "taken",
    TicketHandedOver: "handed-over",
    TicketClosed: "closed",
    TicketEscalated: "escalated",
}


@dataclass(slots=True)
class Entry:
    """One line of the conversation. `version` is of its last event: who has seen it asks for what comes behind.
    `handle` is for support only; `text` is None once it was erased."""

    version: int
    what: str
    at: datetime
    side: Side | None = None
    handle: str | None = None
    text: str | None = None
    subject: str | None = None
    asks: bool = False
    is_again: bool = False
    files: tuple[TicketFileAttached, ...] = ()


def thread(events: Iterable[RecordedEvent], *, side: Side) -> list[Entry]:
    """The conversation as this side sees it: notes are support's own."""
    entries: list[Entry] = []
    for recorded in events:
        event = recorded.event
        if isinstance(event, TicketTextWritten) and entries:
            entries[-1].text, entries[-1].subject = event.text, event.subject
            entries[-1].version = recorded.version
        elif isinstance(event, Erased) and entries:
            entries[-1].version = recorded.version
        elif isinstance(event, TicketFileAttached) and entries:
            entries[-1].files = (*entries[-1].files, event)
            entries[-1].version = recorded.version
        else:
            entries += _entry(recorded)
    return [one for one in entries if side is Side.SUPPORT or one.what != "note"]


def _entry(recorded: RecordedEvent) -> list[Entry]:
    event, actor = recorded.event, recorded.circumstances.actor
    handle = handle_in(actor)
    if isinstance(event, tuple(_MESSAGES)):
        what = _MESSAGES[type(event)]
        side = Side.PATIENT if what == "message" else Side.SUPPORT
        asks = isinstance(event, TicketAnswered) and event.asks
        is_again = isinstance(event, TicketReopened)
        at = recorded.recorded_at
        return [Entry(recorded.version, what, at, side, handle=handle, asks=asks, is_again=is_again)]
    if isinstance(event, tuple(_HAPPENED)):
        named = event.handle if isinstance(event, TicketTaken | TicketHandedOver) else handle
        by = event.closed_by if isinstance(event, TicketClosed) else None
        what = _HAPPENED[type(event)]
        return [Entry(recorded.version, what, recorded.recorded_at, by, handle=named)]
    return []


def subject_of(entries: Sequence[Entry]) -> str | None:
    """The subject in own words, if there was one."""
    return next((one.subject for one in entries if one.what == "message"), None)


def tickets_of(ledger: Ledger, patient_id: PatientId) -> list[dict[str, Any]]:
    """All of a patient's tickets with what was written in them, for the download of everything that is theirs.
    Who takes it records that by an event of their own."""
    found = []
    for row in view.tickets_of(ledger, patient_id, limit=1000):
        state = load_ticket(ledger, row.ticket_id)
        found.append(
            {
                "number": state.number,
                "type": state.kind,
                "topic": state.topic,
                "priority": state.priority,
                "way": state.way,
                "state": state.status,
                "opened_at": row.opened_at.isoformat(),
                "conversation": [
                    {
                        "at": one.at.isoformat(),
                        "what": one.what,
                        "by": one.side,
                        "subject": one.subject,
                        "text": one.text,
                        "files": [
                            {"id": str(file.file_id), "media_type": file.media_type} for file in one.files
                        ],
                    }
                    for one in thread(ledger.read(row.ticket_id), side=Side.PATIENT)
                ],
            }
        )
    return found
