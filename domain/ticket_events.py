"""What happens to a ticket: a patient asks for help, support answers, until one of them closes it (S102-S111).

What people wrote is in sealed events of its own, so that a ticket can be found, counted and escalated without a key.
Who of support holds it is said by their working name.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.submission import StoredDocument
from domain.values import PatientId

# Events: what happened.


class TicketKind(StrEnum):
    """«Тип обращения» (S103)."""

    TECHNICAL = "technical-support"
    RESULTS = "results"
    ACCOUNT = "account"
    PERSONAL_DATA = "personal-data"
    OTHER = "other"


class TicketTopic(StrEnum):
    """«Тема» (S104): of these, or in own words."""

    DELIVERY = "automatic-delivery"
    RESULT_MISSING = "result-missing"
    RESULT_WRONG = "result-wrong"
    SIGN_IN = "sign-in"
    LINKING = "linking"
    NOTICES = "notices"
    OWN_WORDS = "own-words"


class TicketPriority(StrEnum):
    """«Приоритет» (S107)."""

    MEDIUM = "medium"
    HIGH = "high"


class TicketWay(StrEnum):
    """How the conversation began."""

    FORM = "form"
    CHAT = "chat"


class Side(StrEnum):
    """Who of the two."""

    PATIENT = "patient"
    SUPPORT = "support"


class Telling(StrEnum):
    """Of what the patient is told by mail; never what was written."""

    ANSWERED = "answered"
    ESCALATED = "escalated"


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketOpened:
    """The patient asked for help and is to be answered until `answer_due`. `number` is what people call the ticket,
    `message_id` what was written with it."""

    patient_id: PatientId
    number: str
    kind: TicketKind
    topic: TicketTopic
    priority: TicketPriority
    way: TicketWay
    message_id: UUID
    answer_due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketTextWritten:
    """The words of a message, an answer or a note: of the event right before. `subject` is in own words."""

    message_id: UUID
    text: str
    subject: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketFileAttached:
    """A file went along with the message. It is sealed under a key of its own."""

    message_id: UUID
    file_id: UUID
    media_type: str
    document: StoredDocument


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketMessageAdded:
    """The patient wrote more. `answer_due` is said where nobody owed them an answer before."""

    message_id: UUID
    answer_due: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketTaken:
    """This member of support works on it. That is no answer, and the time goes on."""

    handle: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketHandedOver:
    """From now on this member of support works on it; whoever takes it, if nobody is named."""

    handle: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketAnswered:
    """Support answered; with `asks` it now waits for what the patient says."""

    message_id: UUID
    asks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketNoted:
    """Support wrote a note for itself: the patient doesn't see it."""

    message_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketClosed:
    """There is nothing more to say."""

    closed_by: Side


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketReopened:
    """The patient asks again: after the ticket was closed, or because nobody answered in time (S111)."""

    message_id: UUID
    priority: TicketPriority
    answer_due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketEscalated:
    """The time for an answer is over: the ticket goes to the head of the queue, and operators see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketPatientTold:
    """The patient was told by mail, or could not be: `outcome` is `handed-over` or the code of what was in the way."""

    telling: Telling
    outcome: str


TicketEvent = (
    TicketOpened
    | TicketTextWritten
    | TicketFileAttached
    | TicketMessageAdded
    | TicketTaken
    | TicketHandedOver
    | TicketAnswered
    | TicketNoted
    | TicketClosed
    | TicketReopened
    | TicketEscalated
    | TicketPatientTold
)
