"""One ticket of the person's: the conversation, live where there are scripts, and what they can do with it (S108-S111)."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Header
from fastapi.responses import Response

from api import limits, ticket_presence
from api.chat import version_of
from api.portal.help import files_of, message_id_of, own
from api.portal.uploads import Uploaded
from api.portal.web import Actor, Person, Visit, go, told
from api.problems import ProblemError, explain
from api.scan_response import file_response
from api.ticket_live import Reader
from api.ticket_refusals import refusals
from api.ticket_thread import subject_of, thread
from domain.reading import ReadingPurpose
from domain.ticket import TEXT_MAX, Ticket, TicketStatus, Written
from domain.ticket_events import Side, TicketWay
from domain.ticket_number import normal_number
from ledger import tickets
from projections.tickets import TICKETS

router = APIRouter(include_in_schema=False, prefix="/help")


@router.get("/{number}")
def ticket_page(person: Person, number: str) -> Response:
    return _page(person, number)


@router.post("/{number}/messages")
def add_message(upload: Uploaded, number: str) -> Response:
    return _write(upload, number, tickets.add_message)


@router.post("/{number}/reopen")
def reopen(upload: Uploaded, number: str) -> Response:
    """Ask again, with the number in the subject (S111)."""
    return _write(upload, number, tickets.reopen, notice="ticket-reopened")


@router.post("/{number}/close")
def close(person: Actor, number: str) -> Response:
    with refusals():
        tickets.close(person.ledger, _own(person, number), Side.PATIENT, person.by())
    return _done(person, number, notice="ticket-closed")


@router.get("/{number}/files/{file_id}")
def show_file(person: Person, number: str, file_id: UUID) -> Response:
    with refusals():
        file, content = tickets.show_file(
            person.ledger,
            _own(person, number),
            file_id,
            person.by(),
            purpose=ReadingPurpose.OWN_CABINET,
        )
    return file_response("attachment", file.media_type, content)


@router.get("/{number}/live")
def live(
    person: Person,
    number: str,
    after: int = 0,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """What comes behind a version, as it comes."""
    _own(person, number)
    session = person.signed_in()
    reader = Reader(
        ledger=person.ledger,
        by=person.by(),
        side=Side.PATIENT,
        is_open=lambda: person.door.is_open(session.session_id),
        locale=person.locale,
        time_zone=person.settings.time_zone,
        href=f"/help/{number}",
    )
    after = version_of(last_event_id, after)
    return person.request.app.state.chat.open(reader.viewer(number), after=after)  # type: ignore[no-any-return]


def _own(person: Visit, number: str) -> UUID:
    """The ticket, if it is the person's: another's is as one that isn't there."""
    patient_id, known = own(person), normal_number(number)
    if known != number:
        raise ProblemError("not-found")
    with refusals():
        return tickets.own_ticket(person.ledger, patient_id, number)


def _written(upload: Uploaded) -> Written:
    limits.take(upload.person.ledger, "ticket-message", str(own(upload.person)))
    return Written(
        message_id=message_id_of(upload.form),
        text=upload.form.get("text", ""),
        subject=upload.form.get("subject") or None,
    )


def _write(
    upload: Uploaded, number: str, act: Callable[..., object], *, notice: str | None = None
) -> Response:
    """What the person wrote, with its files; what is wrong with it is said beside it."""
    person = upload.person
    ticket_id = _own(person, number)
    try:
        written, now = _written(upload), datetime.now(UTC)
        with refusals():
            act(person.ledger, ticket_id, written, person.by(), now=now, files=files_of(upload))
    except ProblemError as error:
        return _again(person, number, error, upload.form)
    return _done(person, number, notice=notice)


def _done(person: Visit, number: str, *, notice: str | None = None) -> Response:
    person.follow(TICKETS)
    return go(f"/help/{number}", notice=notice)


def _again(person: Visit, number: str, error: ProblemError, form: Mapping[str, str]) -> Response:
    if error.code == "not-found":
        raise error
    return _page(
        person, number, status=explain(error.code).status, errors=told(error, person.locale), values=form
    )


def _page(
    person: Visit,
    number: str,
    *,
    status: int = 200,
    errors: dict[str, dict[str, str]] | None = None,
    values: Mapping[str, str] | None = None,
) -> Response:
    ticket_id = _own(person, number)
    shown = tickets.show(person.ledger, ticket_id, person.by(), purpose=ReadingPurpose.OWN_CABINET)
    entries = thread(shown.events, side=Side.PATIENT)
    return person.page(
        "ticket.html",
        status=status,
        path=f"/help/{number}",
        ticket=_described(shown.ticket) | {"subject": subject_of(entries), "opened_at": entries[0].at},
        entries=entries,
        version=shown.version,
        is_here=ticket_presence.is_here(person.ledger, ticket_id),
        message_id=str(uuid4()),
        text_max=TEXT_MAX,
        errors=errors or {},
        values=values or {},
    )


def _described(ticket: Ticket) -> dict[str, Any]:
    is_overdue = ticket.is_escalated or ticket.is_overdue(datetime.now(UTC))
    return {
        "href": f"/help/{ticket.number}",
        "number": ticket.number,
        "kind": ticket.kind.value,
        "topic": ticket.topic.value,
        "priority": ticket.priority.value,
        "is_chat": ticket.way is TicketWay.CHAT,
        "status": ticket.status.value,
        "is_owed": ticket.is_owed,
        "is_escalated": ticket.is_escalated,
        "answer_due": ticket.answer_due,
        "is_closed": ticket.status is TicketStatus.CLOSED,
        "may_repeat": ticket.status is TicketStatus.CLOSED or is_overdue,
        "is_overdue": is_overdue,
    }
