"""Ticket: where a request for help is, and what may be done with it (S102-S111).

What is asked by a form and what is said in the chat are one thing: a conversation with a number.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.ticket_events import (
    Side,
    Telling,
    TicketAnswered,
    TicketClosed,
    TicketEscalated,
    TicketEvent,
    TicketFileAttached,
    TicketHandedOver,
    TicketKind,
    TicketMessageAdded,
    TicketNoted,
    TicketOpened,
    TicketPatientTold,
    TicketPriority,
    TicketReopened,
    TicketTaken,
    TicketTextWritten,
    TicketTopic,
    TicketWay,
)
from domain.values import PatientId

# State.


class TicketStatus(StrEnum):
    """Where a ticket is. While it is escalated is said apart: that is no answer either."""

    NEW = "new"
    TAKEN = "taken"
    ASKED = "asked"
    ANSWERED = "answered"
    CLOSED = "closed"
    REOPENED = "reopened"


# Support owes an answer.
OWED = (TicketStatus.NEW, TicketStatus.TAKEN, TicketStatus.REOPENED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """`handle` is of who works on it, `message_ids` what was written already; `untold` is what the patient is still
    to be told by mail."""

    patient_id: PatientId
    number: str
    kind: TicketKind
    topic: TicketTopic
    priority: TicketPriority
    way: TicketWay
    status: TicketStatus
    answer_due: datetime
    handle: str | None = None
    is_escalated: bool = False
    message_ids: frozenset[UUID] = frozenset()
    files: tuple[TicketFileAttached, ...] = ()
    untold: Telling | None = None

    @property
    def is_owed(self) -> bool:
        """Whether the patient waits for an answer."""
        return self.status in OWED

    def is_overdue(self, now: datetime) -> bool:
        return self.is_owed and now >= self.answer_due

    def file(self, file_id: UUID) -> TicketFileAttached:
        for one in self.files:
            if one.file_id == file_id:
                return one
        raise TicketUnknownError


def evolve(ticket: Ticket | None, event: TicketEvent) -> Ticket:
    """Replay one event. Never refuses."""
    if isinstance(event, TicketOpened):
        return Ticket(
            patient_id=event.patient_id,
            number=event.number,
            kind=event.kind,
            topic=event.topic,
            priority=event.priority,
            way=event.way,
            status=TicketStatus.NEW,
            answer_due=event.answer_due,
            message_ids=frozenset({event.message_id}),
        )
    assert ticket is not None
    match event:
        case TicketTextWritten():
            return ticket
        case TicketFileAttached():
            return replace(ticket, files=(*ticket.files, event))
        case TicketMessageAdded() | TicketReopened():
            return _after_patient(_with_message(ticket, event.message_id), event)
        case TicketAnswered() | TicketNoted():
            return _after_support(_with_message(ticket, event.message_id), event)
        case TicketTaken() | TicketHandedOver():
            return _held(ticket, event)
        case TicketClosed():
            return replace(ticket, status=TicketStatus.CLOSED, is_escalated=False)
        case TicketEscalated() | TicketPatientTold():
            is_escalated = ticket.is_escalated or isinstance(event, TicketEscalated)
            untold = Telling.ESCALATED if isinstance(event, TicketEscalated) else None
            return replace(ticket, is_escalated=is_escalated, untold=untold)
        case _:
            assert_never(event)


def _held(ticket: Ticket, event: TicketTaken | TicketHandedOver) -> Ticket:
    held = replace(ticket, handle=event.handle)
    if ticket.status not in (TicketStatus.NEW, TicketStatus.TAKEN):
        return held
    return replace(held, status=TicketStatus.TAKEN if event.handle else TicketStatus.NEW)


def _with_message(ticket: Ticket, message_id: UUID) -> Ticket:
    return replace(ticket, message_ids=ticket.message_ids | {message_id})


def _after_patient(ticket: Ticket, event: TicketMessageAdded | TicketReopened) -> Ticket:
    """Who writes has seen what was answered: there is nothing to tell them of it."""
    told = replace(ticket, untold=None if ticket.untold is Telling.ANSWERED else ticket.untold)
    if isinstance(event, TicketReopened):
        return replace(
            told,
            status=TicketStatus.REOPENED,
            priority=event.priority,
            answer_due=event.answer_due,
            is_escalated=False,
        )
    if event.answer_due is None:
        return told
    status = TicketStatus.TAKEN if ticket.handle else TicketStatus.NEW
    return replace(told, status=status, answer_due=event.answer_due)


def _after_support(ticket: Ticket, event: TicketAnswered | TicketNoted) -> Ticket:
    if isinstance(event, TicketNoted):
        return ticket
    status = TicketStatus.ASKED if event.asks else TicketStatus.ANSWERED
    return replace(ticket, status=status, is_escalated=False, untold=Telling.ANSWERED)


# Decisions.

ANSWER_TIME = timedelta(hours=48)
TEXT_MAX = 4000
SUBJECT_MAX = 200
FILES_MAX = 10


class TicketUnknownError(Exception):
    """There is no such ticket or file."""


class TicketTextMissingError(Exception):
    """Nothing was written."""


class TicketTextTooLongError(Exception):
    """What was written does not fit."""


class TicketSubjectMissingError(Exception):
    """A subject in own words was chosen, and nothing was written."""


class TicketFilesTooManyError(Exception):
    """As many files as a ticket may have are there already."""


class TicketClosedError(Exception):
    """The ticket is closed: it is reopened, and not written into."""


class TicketNotOverdueError(Exception):
    """Neither closed nor overdue: there is nothing to repeat yet."""


class TicketNotAnsweredError(Exception):
    """Support does not close what the patient waits for an answer to."""


class TicketHeldByOtherError(Exception):
    """Another member of support works on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What somebody wrote: the words, and the files that were kept with them."""

    message_id: UUID
    text: str
    subject: str | None = None
    files: Sequence[TicketFileAttached] = ()

    def events(self) -> tuple[TicketTextWritten | TicketFileAttached, ...]:
        """TicketTextMissingError or TicketTextTooLongError."""
        text = self.text.replace("\r\n", "\n").strip()
        subject = " ".join(self.subject.split()) if self.subject else None
        if not text:
            raise TicketTextMissingError
        if len(text) > TEXT_MAX or len(subject or "") > SUBJECT_MAX:
            raise TicketTextTooLongError
        return TicketTextWritten(message_id=self.message_id, text=text, subject=subject), *self.files


Opened = tuple[TicketOpened | TicketTextWritten | TicketFileAttached, ...]
Added = tuple[TicketMessageAdded | TicketReopened | TicketTextWritten | TicketFileAttached, ...]
Answered = tuple[TicketTaken | TicketAnswered | TicketNoted | TicketTextWritten | TicketFileAttached, ...]


def open_ticket(ticket: Ticket | None, opened: TicketOpened, written: Written) -> Opened:
    """Ask for help. The same form that comes twice asks once."""
    if ticket is not None:
        return ()
    is_form = opened.way is TicketWay.FORM
    if is_form and opened.topic is TicketTopic.OWN_WORDS and not (written.subject or "").strip():
        raise TicketSubjectMissingError
    return opened, *written.events()


def add_message(ticket: Ticket | None, written: Written, *, now: datetime) -> Added:
    """The patient writes more. What is owed already is not put off by it."""
    known = _known(ticket)
    if written.message_id in known.message_ids:
        return ()
    if known.status is TicketStatus.CLOSED:
        raise TicketClosedError
    _require_room(known, written)
    due = None if known.is_owed else now + ANSWER_TIME
    return TicketMessageAdded(message_id=written.message_id, answer_due=due), *written.events()


def reopen(ticket: Ticket | None, written: Written, *, now: datetime) -> Added:
    """The patient asks again; who was left without an answer is heard first."""
    known = _known(ticket)
    if written.message_id in known.message_ids:
        return ()
    is_overdue = known.is_escalated or known.is_overdue(now)
    if known.status is not TicketStatus.CLOSED and not is_overdue:
        raise TicketNotOverdueError
    _require_room(known, written)
    reopened = TicketReopened(
        message_id=written.message_id,
        priority=TicketPriority.HIGH if is_overdue else known.priority,
        answer_due=now + ANSWER_TIME,
    )
    return reopened, *written.events()


def take(ticket: Ticket | None, *, handle: str) -> tuple[TicketTaken, ...]:
    """One works on it. Said twice, it changes nothing."""
    known = _known(ticket)
    if known.status is TicketStatus.CLOSED:
        raise TicketClosedError
    _require_held(known, handle)
    return () if known.handle == handle else (TicketTaken(handle=handle),)


def hand_over(ticket: Ticket | None, *, handle: str | None) -> tuple[TicketHandedOver, ...]:
    """Whoever of support looks at it may: who held it may be away."""
    known = _known(ticket)
    if known.status is TicketStatus.CLOSED:
        raise TicketClosedError
    return () if known.handle == handle else (TicketHandedOver(handle=handle),)


def answer(ticket: Ticket | None, written: Written, *, handle: str, asks: bool) -> Answered:
    """Who answers what nobody holds has taken it by that."""
    known = _known(ticket)
    if written.message_id in known.message_ids:
        return ()
    taken = take(known, handle=handle)
    _require_room(known, written)
    return *taken, TicketAnswered(message_id=written.message_id, asks=asks), *written.events()


def note(ticket: Ticket | None, written: Written) -> Answered:
    """At any time, by anybody of support."""
    known = _known(ticket)
    if written.message_id in known.message_ids:
        return ()
    return TicketNoted(message_id=written.message_id), *written.events()


def close(ticket: Ticket | None, *, side: Side) -> tuple[TicketClosed, ...]:
    """The patient whenever they like; support what it has answered."""
    known = _known(ticket)
    if known.status is TicketStatus.CLOSED:
        return ()
    if side is Side.SUPPORT and known.is_owed:
        raise TicketNotAnsweredError
    return (TicketClosed(closed_by=side),)


def pass_time(ticket: Ticket | None, *, now: datetime) -> tuple[TicketEscalated, ...]:
    """48 hours without an answer, said once for each time that the patient asked (S111)."""
    if ticket is None or ticket.is_escalated or not ticket.is_overdue(now):
        return ()
    return (TicketEscalated(),)


def tell(ticket: Ticket | None, telling: Telling, *, outcome: str) -> tuple[TicketPatientTold, ...]:
    """That the patient was told, if that was still to be done."""
    if ticket is None or ticket.untold is not telling:
        return ()
    return (TicketPatientTold(telling=telling, outcome=outcome),)


def _known(ticket: Ticket | None) -> Ticket:
    if ticket is None:
        raise TicketUnknownError
    return ticket


def _require_held(ticket: Ticket, handle: str) -> None:
    if ticket.handle is not None and ticket.handle != handle:
        raise TicketHeldByOtherError


def _require_room(ticket: Ticket, written: Written) -> None:
    if len(ticket.files) + len(written.files) > FILES_MAX:
        raise TicketFilesTooManyError
