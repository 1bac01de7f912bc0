"""«Помощь»: answers to frequent questions for everybody, and requests for help, «Мои обращения» (S102-S109).

It is the signed-in person's own, whatever cabinet they look into: who asks for help asks for themselves.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter
from fastapi.responses import Response

from api import limits
from api.portal.diagnosis import LINKS
from api.portal.help_questions import QUESTIONS
from api.portal.uploads import Uploaded
from api.portal.web import Actor, Form, Person, Visit, go, told
from api.problems import ProblemError, explain
from api.scans import checked_scan
from api.ticket_refusals import refusals
from domain.diagnosis import Check
from domain.ticket import SUBJECT_MAX, TEXT_MAX, TicketStatus
from domain.ticket_events import TicketKind, TicketPriority, TicketTopic, TicketWay
from domain.values import PatientId
from ledger import tickets
from ledger.tickets import NewFile, Request
from projections import tickets as view
from projections.tickets import TICKETS, TicketRow

router = APIRouter(include_in_schema=False, prefix="/help")
_LINKS: Mapping[Check, str] = MappingProxyType({**LINKS, Check.RESULTS: "/services/diagnosis"})


@router.get("")
def help_page(person: Person) -> Response:
    mine = view.tickets_of(person.ledger, own(person)) if person.session else []
    return person.page(
        "help.html",
        questions=[{"check": one.value, "href": _LINKS[one]} for one in QUESTIONS],
        contact=person.settings.support_contact,
        tickets=[listed(row) for row in mine if row.status != TicketStatus.CLOSED or row.is_unread][:3],
        count=len(mine),
    )


@router.get("/tickets")
def list_page(person: Person) -> Response:
    """«Мои обращения» (S109)."""
    rows = view.tickets_of(person.ledger, own(person))
    return person.page("help_tickets.html", tickets=[listed(row) for row in rows])


@router.get("/new")
def new_page(person: Person, topic: str = "") -> Response:
    person.signed_in()
    known = topic if topic in tuple(TicketTopic) else TicketTopic.DELIVERY
    return _form(person, {"topic": known, "kind": TicketKind.TECHNICAL, "priority": TicketPriority.MEDIUM})


@router.post("/new")
def submit(upload: Uploaded) -> Response:
    """«Отправить» (S108)."""
    person, form = upload.person, upload.form
    try:
        request = _request(form, TicketWay.FORM, files_of(upload))
        number = _opened(person, request)
    except ProblemError as error:
        return _form(person, form, status=explain(error.code).status, errors=told(error, person.locale))
    return go(f"/help/{number}", notice="ticket-sent")


@router.get("/chat")
def chat_page(person: Person) -> Response:
    """The chat that the person is in; to begin one, if there is none (S110)."""
    going_on = view.open_chat(person.ledger, own(person))
    if going_on is not None:
        return go(f"/help/{going_on.number}")
    return person.page(
        "help_chat.html", topics=list(TicketTopic), message_id=str(uuid4()), errors={}, values={}
    )


@router.post("/chat")
def begin_chat(person: Actor, form: Form) -> Response:
    try:
        asked = {"kind": TicketKind.TECHNICAL.value, "priority": TicketPriority.MEDIUM.value} | form
        number = _opened(person, _request(asked, TicketWay.CHAT, ()))
    except ProblemError as error:
        return person.page(
            "help_chat.html",
            status=explain(error.code).status,
            topics=list(TicketTopic),
            message_id=str(uuid4()),
            errors=told(error, person.locale),
            values=form,
        )
    return go(f"/help/{number}")


def own(person: Visit) -> PatientId:
    return person.signed_in().patient_id


def listed(row: TicketRow) -> dict[str, Any]:
    return {
        "href": f"/help/{row.number}",
        "number": row.number,
        "topic": row.topic,
        "way": row.way,
        "status": row.status,
        "is_escalated": row.escalated_at is not None,
        "is_unread": row.is_unread,
        "opened_at": row.opened_at,
        "changed_at": row.changed_at,
        "answer_due": row.answer_due,
    }


def files_of(upload: Uploaded) -> tuple[NewFile, ...]:
    """The file that went along, if one did and it may be kept (S106)."""
    if not upload.content:
        return ()
    limits.take(upload.person.ledger, "scan", str(own(upload.person)))
    return (NewFile(upload.content, checked_scan(upload.content, upload.person.settings)),)


def message_id_of(form: Mapping[str, str]) -> UUID:
    """What the form is known by when it comes twice."""
    try:
        return UUID(form.get("message_id", ""))
    except ValueError:
        return uuid4()


def _request(form: Mapping[str, str], way: TicketWay, files: tuple[NewFile, ...]) -> Request:
    for field, words in (("kind", TicketKind), ("topic", TicketTopic), ("priority", TicketPriority)):
        if form.get(field) not in tuple(words):
            raise ProblemError("ticket-choice-missing", field)
    topic = TicketTopic(form["topic"])
    return Request(
        message_id=message_id_of(form),
        kind=TicketKind(form["kind"]),
        topic=topic,
        text=form.get("text", ""),
        subject=form.get("subject", "") if topic is TicketTopic.OWN_WORDS else None,
        priority=TicketPriority(form["priority"]),
        way=way,
        files=files,
    )


def _opened(person: Visit, request: Request) -> str:
    limits.take(person.ledger, "ticket", str(own(person)))
    with refusals():
        number = tickets.open_ticket(person.ledger, own(person), request, person.by(), now=datetime.now(UTC))
    person.follow(TICKETS)
    return number


def _form(
    person: Visit,
    values: Mapping[str, str],
    *,
    status: int = 200,
    errors: dict[str, dict[str, str]] | None = None,
) -> Response:
    return person.page(
        "help_new.html",
        status=status,
        path="/help/new",
        kinds=list(TicketKind),
        topics=list(TicketTopic),
        priorities=list(TicketPriority),
        message_id=str(message_id_of(values)),
        text_max=TEXT_MAX,
        subject_max=SUBJECT_MAX,
        errors=errors or {},
        values=values,
    )
