"""Pages of support: queues of tickets, and one of them with what helps to answer it (S109-S111).

What a ticket says is shown only after it is recorded who saw it. Of the patient's account support sees which checks
of «Почему услуга недоступна» are not in order, and no results.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Header
from fastapi.responses import Response

from api import ticket_presence
from api.chat import version_of
from api.diagnosis import facts_of
from api.metrics import TICKET_FIRST_ANSWER_SECONDS
from api.pages import phrase
from api.portal.web import Form, go, told
from api.problems import ProblemError, explain
from api.scan_response import file_response
from api.staff.web import StaffVisit, acts, reads
from api.ticket_live import Reader
from api.ticket_refusals import refusals
from api.ticket_thread import subject_of, thread
from api.ticket_words import CANNED
from domain.diagnosis import Verdict, diagnose
from domain.reading import ReadingPurpose
from domain.staff import Role
from domain.ticket import TEXT_MAX, TicketStatus, Written
from domain.ticket_events import Side
from domain.values import PatientId
from ledger import staff, tickets
from projections import tickets as view
from projections.tickets import TICKETS, Queue, TicketRow

router = APIRouter(include_in_schema=False, prefix="/staff/tickets")
Support = Annotated[StaffVisit, Depends(reads(Role.SUPPORT))]
SupportActs = Annotated[StaffVisit, Depends(acts(Role.SUPPORT))]
LIST = "/staff/tickets"


@router.get("")
def queue_page(visit: Support, queue: str = Queue.NEW) -> Response:
    chosen = Queue(queue) if queue in tuple(Queue) else Queue.NEW
    handle = visit.signed_in().member.handle
    now = datetime.now(UTC)
    return visit.page(
        "staff_tickets.html",
        chosen=chosen.value,
        queues=[
            {"name": name.value, "count": count}
            for name, count in (view.queue_sizes(visit.ledger, handle) | {Queue.CLOSED: None}).items()
        ],
        tickets=[_listed(row, now) for row in view.in_queue(visit.ledger, chosen, handle)],
    )


@router.get("/{ticket_id}")
def ticket_page(visit: Support, ticket_id: UUID, canned: str = "") -> Response:
    words = phrase(f"ticket.canned.{canned}", locale="ru") if canned in CANNED else ""
    return _page(visit, ticket_id, values={"text": words, "canned": canned} if words else {})


@router.post("/{ticket_id}/take")
def take(visit: SupportActs, ticket_id: UUID) -> Response:
    with refusals():
        tickets.take(visit.ledger, ticket_id, visit.signed_in().member.handle, visit.by())
    return _done(visit, ticket_id, notice="ticket-taken")


@router.post("/{ticket_id}/answer")
def answer(visit: SupportActs, ticket_id: UUID, form: Form) -> Response:
    """«Ответить», or ask back and wait for the patient."""
    handle, asks = visit.signed_in().member.handle, form.get("then") == "ask"
    row = _row(visit, ticket_id)
    try:
        with refusals():
            written = _written(form)
            done = tickets.answer(visit.ledger, ticket_id, written, handle=handle, asks=asks, by=visit.by())
            if form.get("then") == "close":
                tickets.close(visit.ledger, ticket_id, Side.SUPPORT, visit.by())
    except ProblemError as error:
        return _again(visit, ticket_id, error, form)
    if done.event_ids and row.first_answered_at is None:
        TICKET_FIRST_ANSWER_SECONDS.observe((datetime.now(UTC) - row.opened_at).total_seconds())
    return _done(visit, ticket_id, notice=None if row.way == "chat" else "ticket-answered")


@router.post("/{ticket_id}/note")
def note(visit: SupportActs, ticket_id: UUID, form: Form) -> Response:
    try:
        with refusals():
            tickets.note(visit.ledger, ticket_id, _written(form), visit.by())
    except ProblemError as error:
        return _again(visit, ticket_id, error, form)
    return _done(visit, ticket_id)


@router.post("/{ticket_id}/hand-over")
def hand_over(visit: SupportActs, ticket_id: UUID, form: Form) -> Response:
    try:
        with refusals():
            tickets.hand_over(visit.ledger, ticket_id, form.get("handle") or None, visit.by())
    except ProblemError as error:
        return _again(visit, ticket_id, error, form)
    return _done(visit, ticket_id, notice="ticket-handed-over")


@router.post("/{ticket_id}/close")
def close(visit: SupportActs, ticket_id: UUID, form: Form) -> Response:
    try:
        with refusals():
            tickets.close(visit.ledger, ticket_id, Side.SUPPORT, visit.by())
    except ProblemError as error:
        return _again(visit, ticket_id, error, form)
    return _done(visit, ticket_id, notice="ticket-closed")


@router.get("/{ticket_id}/files/{file_id}")
def show_file(visit: Support, ticket_id: UUID, file_id: UUID) -> Response:
    with refusals():
        file, content = tickets.show_file(
            visit.ledger, ticket_id, file_id, visit.by(), purpose=ReadingPurpose.OPERATION
        )
    return file_response("attachment", file.media_type, content)


@router.get("/{ticket_id}/live")
def live(
    visit: Support,
    ticket_id: UUID,
    after: int = 0,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """What comes behind a version, as it comes; meanwhile the patient sees that somebody is there."""
    session = visit.signed_in()
    with refusals():
        number = tickets.load_ticket(visit.ledger, ticket_id).number
    reader = Reader(
        ledger=visit.ledger,
        by=visit.by(),
        side=Side.SUPPORT,
        is_open=lambda: visit.door.is_open(session, Role.SUPPORT),
        locale=visit.locale,
        time_zone=visit.door.settings.time_zone,
        href=f"{LIST}/{ticket_id}",
        handle=session.member.handle,
    )
    after = version_of(last_event_id, after)
    return visit.request.app.state.chat.open(reader.viewer(number), after=after)  # type: ignore[no-any-return]


def _row(visit: StaffVisit, ticket_id: UUID) -> TicketRow:
    row = view.ticket_row(visit.ledger, ticket_id)
    if row is None:
        raise ProblemError("not-found")
    return row


def _written(form: Mapping[str, str]) -> Written:
    try:
        message_id = UUID(form.get("message_id", ""))
    except ValueError:
        message_id = uuid4()
    return Written(message_id=message_id, text=form.get("text", ""))


def _done(visit: StaffVisit, ticket_id: UUID, *, notice: str | None = None) -> Response:
    visit.follow(TICKETS)
    return go(f"{LIST}/{ticket_id}", notice=notice)


def _again(visit: StaffVisit, ticket_id: UUID, error: ProblemError, form: Mapping[str, str]) -> Response:
    if error.code == "not-found":
        raise error
    status, errors = explain(error.code).status, told(error, visit.locale)
    return _page(visit, ticket_id, status=status, errors=errors, values=form)


def _listed(row: TicketRow, now: datetime) -> dict[str, Any]:
    waited = int((now - row.owed_since).total_seconds() // 3600) if row.owed_since else None
    return {
        "href": f"{LIST}/{row.ticket_id}",
        "number": row.number,
        "topic": row.topic,
        "way": row.way,
        "status": row.status,
        "priority": row.priority,
        "handle": row.handle,
        "is_escalated": row.escalated_at is not None,
        "changed_at": row.changed_at,
        "opened_at": row.opened_at,
        "hours": waited,
    }


def _page(
    visit: StaffVisit,
    ticket_id: UUID,
    *,
    status: int = 200,
    errors: dict[str, dict[str, str]] | None = None,
    values: Mapping[str, str] | None = None,
) -> Response:
    with refusals():
        shown = tickets.show(visit.ledger, ticket_id, visit.by(), purpose=ReadingPurpose.OPERATION)
    handle, state = visit.signed_in().member.handle, shown.ticket
    ticket_presence.come(visit.ledger, ticket_id, handle)
    entries = thread(shown.events, side=Side.SUPPORT)
    return visit.page(
        "staff_ticket.html",
        status=status,
        path=f"{LIST}/{ticket_id}",
        ticket={
            "href": f"{LIST}/{ticket_id}",
            "number": state.number,
            "kind": state.kind.value,
            "topic": state.topic.value,
            "priority": state.priority.value,
            "status": state.status.value,
            "is_escalated": state.is_escalated,
            "is_owed": state.is_owed,
            "is_closed": state.status is TicketStatus.CLOSED,
            "answer_due": state.answer_due,
            "handle": state.handle,
            "is_mine": state.handle == handle,
            "is_others": state.handle is not None and state.handle != handle,
            "subject": subject_of(entries),
        },
        entries=entries,
        version=shown.version,
        account=_account(visit, state.patient_id),
        members=_members(visit),
        canned=CANNED,
        message_id=str(uuid4()),
        text_max=TEXT_MAX,
        errors=errors or {},
        values=values or {},
    )


def _account(visit: StaffVisit, patient_id: PatientId) -> list[dict[str, str]]:
    """What is not in order with the account, by its checks: neither numbers nor names nor results."""
    facts = facts_of(visit.ledger, visit.door.settings, patient_id, counts_waiting=False)
    return [
        {"check": one.check.value, "code": one.code, "verdict": one.verdict.value}
        for one in diagnose(facts)
        if one.verdict not in (Verdict.OK, Verdict.HINT)
    ]


def _members(visit: StaffVisit) -> list[str]:
    return [one.handle for one in staff.members(visit.ledger) if one.is_admitted and one.may(Role.SUPPORT)]
