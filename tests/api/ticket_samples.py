"""What the pages of help and of tickets are shown with in tests: the patient's and support's."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from api.portal.help_questions import QUESTIONS
from api.ticket_thread import Entry
from api.ticket_words import CANNED
from domain.ticket_events import Side, TicketFileAttached, TicketKind, TicketPriority, TicketTopic
from projections.tickets import Queue
from tests.api.staff_samples import INSIDE, error
from tests.examples import SUBMITTED

AT = datetime(2026, 11, 23, 5, 15, tzinfo=UTC)
LATER = datetime(2026, 11, 25, 5, 15, tzinfo=UTC)
NUMBER = "261123-7KQ4M-X"
STATUSES = ("new", "taken", "asked", "answered", "closed", "reopened")
FILE = TicketFileAttached(
    message_id=UUID(int=1), file_id=UUID(int=2), media_type="image/png", document=SUBMITTED.document
)
ENTRIES = [
    Entry(2, "message", AT, Side.PATIENT, text="Сдала кровь 20 ноября,\nрезультата нет.", files=(FILE,)),
    Entry(3, "taken", AT, handle="vera"),
    Entry(5, "note", AT, Side.SUPPORT, handle="vera", text="Спросить лабораторию"),
    Entry(7, "answer", LATER, Side.SUPPORT, handle="vera", text="В какой лаборатории?", asks=True),
    Entry(9, "message", LATER, Side.PATIENT, text=None, subject="Повторно", is_again=True),
    Entry(10, "escalated", LATER),
    Entry(11, "closed", LATER, Side.PATIENT),
]
SEEN = [one for one in ENTRIES if one.what != "note"]


def listed(status: str, **changed: Any) -> dict[str, Any]:
    plain = {
        "href": f"/help/{NUMBER}", "number": NUMBER, "topic": "automatic-delivery", "way": "form",
        "status": status, "is_escalated": False, "is_unread": status == "answered", "opened_at": AT,
        "changed_at": LATER, "answer_due": LATER, "priority": "medium", "handle": None, "hours": 5,
    }  # fmt: skip
    return plain | changed


def described(status: str, **changed: Any) -> dict[str, Any]:
    is_owed = status in ("new", "taken", "reopened")
    plain = {
        "href": f"/help/{NUMBER}", "number": NUMBER, "kind": "technical-support", "topic": "own-words",
        "priority": "high", "is_chat": False, "status": status, "is_owed": is_owed, "is_escalated": False,
        "answer_due": LATER, "is_closed": status == "closed", "may_repeat": status == "closed",
        "is_overdue": False, "subject": None, "opened_at": AT, "handle": "vera", "is_mine": True,
        "is_others": False,
    }  # fmt: skip
    return plain | changed


FORM: dict[str, Any] = {
    "kinds": list(TicketKind), "topics": list(TicketTopic), "priorities": list(TicketPriority),
    "message_id": "0190", "text_max": 4000, "subject_max": 200, "errors": {}, "values": {},
}  # fmt: skip
TALK: dict[str, Any] = {
    "entries": SEEN, "version": 11, "is_here": False, "message_id": "0190", "text_max": 4000,
    "errors": {}, "values": {},
}  # fmt: skip
HELP: dict[str, Any] = {
    "questions": [{"check": one.value, "href": "/services"} for one in QUESTIONS],
    "contact": "8 800 000-00-00", "tickets": [], "count": 0,
}  # fmt: skip
STAFF: dict[str, Any] = INSIDE | TALK | {
    "entries": ENTRIES, "members": ["oleg", "vera"], "canned": CANNED,
    "account": [{"check": "policy", "code": "policy-missing", "verdict": "needs-you"}],
}  # fmt: skip
QUEUES = [{"name": one.value, "count": count} for one, count in zip(Queue, (3, 0, 1, 2, None), strict=True)]

TICKET_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "help": ("help.html", HELP | {"tickets": [listed("answered")], "count": 4}),
    "help-stranger": ("help.html", HELP | {"nav": [], "signed_in": False}),
    "help_tickets": ("help_tickets.html", {"tickets": [
        *(listed(status) for status in STATUSES), listed("new", is_escalated=True, way="chat")]}),
    "help_tickets-none": ("help_tickets.html", {"tickets": []}),
    "help_new": ("help_new.html", FORM | {"values": {"topic": "automatic-delivery"}}),
    "help_new-wrong": ("help_new.html", FORM | {"values": {"text": " ", "topic": "own-words"}, "errors":
        error("ticket-text-missing", "text") | error("ticket-subject-missing", "subject")
        | error("scan-too-large", "scan") | error("ticket-choice-missing", "priority")}),
    "help_chat": ("help_chat.html", FORM),
    "help_chat-wrong": ("help_chat.html", FORM | {"errors": error("ticket-text-missing", "text")}),
    "ticket": ("ticket.html", TALK | {"ticket": described("asked"), "is_here": True}),
    "ticket-new": ("ticket.html", TALK | {"ticket": described("new"), "entries": SEEN[:1]}),
    "ticket-late": ("ticket.html", TALK | {"ticket": described("new", is_escalated=True, is_overdue=True,
        may_repeat=True), "errors": error("ticket-text-missing", "text")}),
    "ticket-closed": ("ticket.html", TALK | {"ticket": described("closed")}),
    "staff_tickets": ("staff_tickets.html", INSIDE | {"chosen": "new", "queues": QUEUES, "tickets": [
        listed("new", priority="high", is_escalated=True), listed("taken", handle="vera", way="chat")]}),
    "staff_tickets-none": ("staff_tickets.html",
        INSIDE | {"chosen": "closed", "queues": QUEUES, "tickets": []}),
    "staff_ticket": ("staff_ticket.html", STAFF | {"ticket": described("taken")}),
    "staff_ticket-new": ("staff_ticket.html",
        STAFF | {"ticket": described("new", handle=None), "account": [], "entries": ENTRIES[:1]}),
    "staff_ticket-wrong": ("staff_ticket.html", STAFF | {"ticket": described("answered"), "errors":
        error("ticket-text-missing", "text") | error("ticket-member-unknown", "handle")}),
    "staff_ticket-closed": ("staff_ticket.html", STAFF | {"ticket": described("closed")}),
}  # fmt: skip
