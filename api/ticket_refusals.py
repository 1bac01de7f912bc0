"""What a ticket refuses, as problems that both sides are told."""

from collections.abc import Iterator
from contextlib import contextmanager

from api.problems import ProblemError
from domain import ticket
from domain.staff import StaffMemberUnknownError

_REFUSALS: dict[type[Exception], tuple[str, str | None]] = {
    ticket.TicketUnknownError: ("not-found", None),
    ticket.TicketTextMissingError: ("ticket-text-missing", "text"),
    ticket.TicketTextTooLongError: ("ticket-text-too-long", "text"),
    ticket.TicketSubjectMissingError: ("ticket-subject-missing", "subject"),
    ticket.TicketFilesTooManyError: ("ticket-files-too-many", "scan"),
    ticket.TicketClosedError: ("ticket-closed", "form"),
    ticket.TicketNotOverdueError: ("ticket-not-overdue", "form"),
    ticket.TicketNotAnsweredError: ("ticket-not-answered", "form"),
    ticket.TicketHeldByOtherError: ("ticket-held-by-other", "form"),
    StaffMemberUnknownError: ("ticket-member-unknown", "handle"),
}


@contextmanager
def refusals() -> Iterator[None]:
    try:
        yield
    except tuple(_REFUSALS) as error:
        code, field = _REFUSALS[type(error)]
        raise ProblemError(code, field) from None
