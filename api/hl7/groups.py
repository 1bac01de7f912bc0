"""The segments of a message sorted into patients and their orders, by what stands before what."""

from collections.abc import Callable
from dataclasses import dataclass, field

from api.content import ContentError
from api.hl7.batch import Message
from api.hl7.datatypes import organisation
from api.hl7.observations import SentObservation
from api.hl7.patients import subject_of
from api.hl7.syntax import Segment
from api.hl7.times import date_time
from domain.report_content import Subject

ORDERS_MAX = 1_000  # each repeats its patient: a short message must not become a long record


@dataclass(slots=True)
class Order:
    """An OBR with what belongs to it. `common` is the ORC before it, `sender` MSH-4, `sent_at` MSH-7."""

    request: Segment
    subject: Subject
    sender: str | None
    sent_at: str | None
    common: Segment | None = None
    notes: list[str] = field(default_factory=list)
    observations: list[SentObservation] = field(default_factory=list)
    specimens: list[Segment] = field(default_factory=list)


@dataclass(slots=True)
class _Reading:
    """What was read last, so where the next segment belongs."""

    sender: str | None
    sent_at: str | None
    subject: Subject | None = None  # read once, for it may have many orders
    common: Segment | None = None
    orders: list[Order] = field(default_factory=list)
    # What came before the OBR of its patient: comments, observations about the patient (since 2.7), and
    # specimens, which analysers name first.
    notes: list[str] = field(default_factory=list)
    observations: list[SentObservation] = field(default_factory=list)
    specimens: list[Segment] = field(default_factory=list)
    note_target: list[str] | None = None
    is_in_order: bool = False

    def patient_begins(self, segment: Segment) -> None:
        is_first = self.subject is None and not self.orders
        if not is_first:  # what stands before the first patient is of the whole message
            self.patient_ends()
        self.subject = subject_of(segment)
        self.common, self.is_in_order, self.note_target = None, False, None

    def patient_ends(self) -> None:
        """Comments behind the last order stay with it; nobody else's report may take them."""
        if self.observations:
            raise ContentError("segment-order", self.observations[0].segment.place)
        if self.orders and self.orders[-1].subject is self.subject:
            self.orders[-1].notes.extend(self.notes)
        self.notes, self.specimens = [], []

    def order_begins(self, segment: Segment) -> None:
        self.common, self.is_in_order, self.note_target = segment, False, None

    def request(self, segment: Segment) -> None:
        if len(self.orders) == ORDERS_MAX:
            raise ContentError("content-too-complex", segment.place)
        if self.subject is None:
            self.subject = Subject()
        order = Order(segment, self.subject, self.sender, self.sent_at, self.common)
        order.notes, order.observations, order.specimens = self.notes, self.observations, self.specimens
        self.orders.append(order)
        self.common, self.is_in_order = None, True
        self.notes, self.observations, self.specimens, self.note_target = [], [], [], order.notes

    def observation(self, segment: Segment) -> None:
        if self.common and self.orders and self.orders[-1].subject is self.subject:
            self._order_was_behind(segment)
        sent = SentObservation(segment)
        (self.orders[-1].observations if self.is_in_order else self.observations).append(sent)
        self.note_target = sent.notes

    def _order_was_behind(self, segment: Segment) -> None:
        """An ORC with a result right behind it is of the request before it, if that has neither yet: the next
        request must not get the result."""
        last = self.orders[-1]
        if last.common or last.observations:
            raise ContentError("segment-order", segment.place)
        last.common, self.common, self.is_in_order = self.common, None, True
        last.notes += self.notes
        last.specimens += self.specimens
        self.notes, self.specimens = [], []

    def specimen(self, segment: Segment) -> None:
        (self.orders[-1].specimens if self.is_in_order else self.specimens).append(segment)
        self.note_target = self.orders[-1].notes if self.is_in_order else None

    def note(self, segment: Segment) -> None:
        text = segment.lines(3)
        if text and not text.isspace():
            (self.notes if self.note_target is None else self.note_target).append(text)


_STEPS: dict[str, Callable[[_Reading, Segment], None]] = {
    "PID": _Reading.patient_begins,
    "ORC": _Reading.order_begins,
    "OBR": _Reading.request,
    "OBX": _Reading.observation,
    "SPM": _Reading.specimen,
    "NTE": _Reading.note,
}


def orders_of(message: Message) -> list[Order]:
    """Each OBR with the patient before it. An observation before the first OBR of its patient goes to that
    OBR; one whose patient has no OBR to come is refused, for no report is about it."""
    reading = _Reading(organisation(message.header.first(4)), date_time(message.header.code(7)))
    for segment in message.segments:
        if step := _STEPS.get(segment.name):
            step(reading, segment)
    reading.patient_ends()
    return reading.orders
