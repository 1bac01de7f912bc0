"""Tickets in the ledger: a patient asks for help and support answers; every showing is recorded before (S102-S111)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from domain import staff, ticket
from domain.reading import ReadingPurpose, TicketRead
from domain.staff import Role, StaffMemberUnknownError
from domain.submission import StoredDocument
from domain.ticket import ANSWER_TIME, Ticket, TicketUnknownError, Written
from domain.ticket_events import (
    Side,
    Telling,
    TicketEvent,
    TicketFileAttached,
    TicketKind,
    TicketOpened,
    TicketPriority,
    TicketTopic,
    TicketWay,
)
from domain.ticket_number import ALPHABET, DRAWN_LENGTH, number_of
from domain.values import PatientId, Purpose
from ledger import sealing
from ledger.codec import Circumstances, RecordedEvent
from ledger.commands import decide_again
from ledger.keys import MintedKeys
from ledger.recorder import Document
from ledger.staff import load_member, member_id_of
from ledger.store import Ledger, Position, Write

CLOCK = Circumstances(actor="system:clockwork")
POSTMAN = Circumstances(actor="system:notifier")
# Numbers of one day that are tried for one ticket: two have the same once in millions.
_NUMBERS_TRIED = 5


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that was checked, on its way into a ticket."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a patient asks for. `message_id` is of the form: the same form asks once, however often it comes."""

    message_id: UUID
    kind: TicketKind
    topic: TicketTopic
    text: str
    subject: str | None = None
    priority: TicketPriority = TicketPriority.MEDIUM
    way: TicketWay = TicketWay.FORM
    files: Sequence[NewFile] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """A ticket as it was shown: its state and what happened up to a version."""

    ticket: Ticket
    version: int
    events: Sequence[RecordedEvent]


def ticket_stream(ledger: Ledger, number: str) -> UUID:
    """Two tickets never have one number: it is what their stream is called by."""
    return ledger.stream_id("ticket", number)


def load_ticket(ledger: Ledger, ticket_id: UUID) -> Ticket:
    state, _ = ledger.load(ticket_id, ticket.evolve)
    if state is None:
        raise TicketUnknownError
    return state


def own_ticket(ledger: Ledger, patient_id: PatientId, number: str) -> UUID:
    """The ticket of this number. TicketUnknownError also if it is another's."""
    ticket_id = ticket_stream(ledger, number)
    if load_ticket(ledger, ticket_id).patient_id != patient_id:
        raise TicketUnknownError
    return ticket_id


# What a patient does


def open_ticket(
    ledger: Ledger, patient_id: PatientId, request: Request, by: Circumstances, *, now: datetime
) -> str:
    """Ask for help; the ticket's number."""
    for tried in range(_NUMBERS_TRIED):
        number = number_of(now.date(), _drawn(ledger, patient_id, request.message_id, tried))
        known, _ = ledger.load(ticket_stream(ledger, number), ticket.evolve)
        if known is None or (known.patient_id == patient_id and request.message_id in known.message_ids):
            break
    else:
        raise RuntimeError("no number is free")
    opened = TicketOpened(
        patient_id=patient_id,
        number=number,
        kind=request.kind,
        topic=request.topic,
        priority=request.priority,
        way=request.way,
        message_id=request.message_id,
        answer_due=now + ANSWER_TIME,
    )
    said = Written(message_id=request.message_id, text=request.text, subject=request.subject)
    decide = partial(ticket.open_ticket, opened=opened)
    _write(ledger, ticket_stream(ledger, number), decide, said, by, files=request.files)
    return number


def add_message(
    ledger: Ledger,
    ticket_id: UUID,
    written: Written,
    by: Circumstances,
    *,
    now: datetime,
    files: Sequence[NewFile] = (),
) -> Position:
    return _write(ledger, ticket_id, partial(ticket.add_message, now=now), written, by, files=files)


def reopen(
    ledger: Ledger,
    ticket_id: UUID,
    written: Written,
    by: Circumstances,
    *,
    now: datetime,
    files: Sequence[NewFile] = (),
) -> Position:
    return _write(ledger, ticket_id, partial(ticket.reopen, now=now), written, by, files=files)


def close(ledger: Ledger, ticket_id: UUID, side: Side, by: Circumstances) -> Position:
    return _change(ledger, ticket_id, partial(ticket.close, side=side), by)


# What support does


def take(ledger: Ledger, ticket_id: UUID, handle: str, by: Circumstances) -> Position:
    return _change(ledger, ticket_id, partial(ticket.take, handle=handle), by)


def hand_over(ledger: Ledger, ticket_id: UUID, handle: str | None, by: Circumstances) -> Position:
    """To a member of support, or back to the queue. StaffMemberUnknownError if nobody there is called so."""
    if handle is not None:
        member = staff.admitted(load_member(ledger, member_id_of(ledger, handle)))
        if not member.may(Role.SUPPORT):
            raise StaffMemberUnknownError
    return _change(ledger, ticket_id, partial(ticket.hand_over, handle=handle), by)


def answer(
    ledger: Ledger, ticket_id: UUID, written: Written, *, handle: str, asks: bool, by: Circumstances
) -> Position:
    return _write(ledger, ticket_id, partial(ticket.answer, handle=handle, asks=asks), written, by)


def note(ledger: Ledger, ticket_id: UUID, written: Written, by: Circumstances) -> Position:
    return _write(ledger, ticket_id, ticket.note, written, by)


# What is shown


def show(
    ledger: Ledger, ticket_id: UUID, by: Circumstances, *, purpose: ReadingPurpose, after: int = 0
) -> Shown:
    """The ticket, and what happened to it after a version; that it was shown is recorded before."""
    events = list(ledger.read(ticket_id))
    state: Ticket | None = None
    for recorded in events:
        if isinstance(recorded.event, TicketEvent):
            state = ticket.evolve(state, recorded.event)
    if state is None:
        raise TicketUnknownError
    version = events[-1].version
    if version > after:
        read = _reading(ticket_id, state, version, purpose)
        ledger.append(Write(uuid4(), 0, (read,)), circumstances=by)
    return Shown(state, version, [one for one in events if one.version > after])


def show_file(
    ledger: Ledger, ticket_id: UUID, file_id: UUID, by: Circumstances, *, purpose: ReadingPurpose
) -> tuple[TicketFileAttached, bytes]:
    """A file and its bytes; that it was shown is recorded before."""
    state, version = ledger.load(ticket_id, ticket.evolve)
    if state is None:
        raise TicketUnknownError
    file = state.file(file_id)
    content = ledger.read_document(file.document.document_id)
    read = replace(_reading(ticket_id, state, version, purpose), file_id=file_id)
    ledger.append(Write(uuid4(), 0, (read,)), circumstances=by)
    return file, content


def _reading(ticket_id: UUID, state: Ticket, version: int, purpose: ReadingPurpose) -> TicketRead:
    return TicketRead(
        patient_id=state.patient_id, ticket_id=ticket_id, ticket_version=version, purpose=purpose
    )


# What time does


def pass_time(ledger: Ledger, ticket_id: UUID, *, now: datetime) -> bool:
    """Escalate, if it is due and was not said yet; whether it was said now."""
    return bool(_change(ledger, ticket_id, partial(ticket.pass_time, now=now), CLOCK).event_ids)


def record_telling(ledger: Ledger, ticket_id: UUID, telling: Telling, *, outcome: str) -> Position:
    return _change(ledger, ticket_id, partial(ticket.tell, telling=telling, outcome=outcome), POSTMAN)


def _change(
    ledger: Ledger,
    ticket_id: UUID,
    decide: Callable[[Ticket | None], Sequence[TicketEvent]],
    by: Circumstances,
    *,
    documents: Sequence[Document] = (),
    keys: MintedKeys | None = None,
) -> Position:
    """One decision on one ticket; what it says is sealed under the ticket's own key."""

    def act() -> Position:
        state, version = ledger.load(ticket_id, ticket.evolve)
        events = decide(state)
        write = Write(ticket_id, version, events, ticket_id)
        own = keys or ledger.new_keys(write)
        if keys is not None and version == 0:
            own = MintedKeys(keys.subjects | {ticket_id}, dict(keys.keys))
        return ledger.append(
            write, circumstances=by, documents=documents if events else (), keys=own if events else None
        )

    return decide_again(act)


def _write(
    ledger: Ledger,
    ticket_id: UUID,
    decide: Callable[..., Sequence[Any]],
    written: Written,
    by: Circumstances,
    *,
    files: Iterable[NewFile] = (),
) -> Position:
    """As `_change`, of something written; its files are stored in the same append, each under a key of its own."""
    sent = [(uuid4(), file) for file in files]
    keys = MintedKeys(frozenset(file_id for file_id, _ in sent))
    documents = [
        ledger.seal_document(file_id, file.content, keys, purpose=Purpose.CONTACTS) for file_id, file in sent
    ]
    attached = tuple(
        TicketFileAttached(
            message_id=written.message_id,
            file_id=file_id,
            media_type=file.media_type,
            document=_stored(document),
        )
        for (file_id, file), document in zip(sent, documents, strict=True)
    )
    whole = replace(written, files=attached)
    return _change(
        ledger,
        ticket_id,
        lambda state: decide(state, written=whole),
        by,
        documents=documents,
        keys=keys if sent else None,
    )


def _stored(document: Document) -> StoredDocument:
    return StoredDocument(
        document_id=document.document_id,
        key_id=document.key_id,
        sealed_sha256=document.sha256,
        commitment=document.commitment.hex(),
        size_bytes=document.size_bytes,
    )


def _drawn(ledger: Ledger, patient_id: PatientId, message_id: UUID, tried: int) -> str:
    """What the number is drawn by: the form itself, so that a form that comes twice finds its ticket; by a key, so
    that nobody who saw one number can tell another."""
    digest = sealing.mark(ledger.custody.index_key, "ticket-number", f"{patient_id}:{message_id}:{tried}")
    value = int.from_bytes(digest[:16])
    signs = []
    for _ in range(DRAWN_LENGTH):
        value, place = divmod(value, len(ALPHABET))
        signs.append(ALPHABET[place])
    return "".join(signs)
