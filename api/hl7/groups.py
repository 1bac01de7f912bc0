"""The segments of a message sorted into patients and their orders, by what stands before what."""

from collections.abc import Callable
from dataclasses import dataclass, field

from api.content import ContentError
from api.hl7.batch import Message
from api.hl7.datatypes import organisation
from api.hl7.observations import SentObservation
from api.hl7.patients import subject_of
from api.hl7.syntax import Segment
from api.hl7.tables import CONTROLS
from api.hl7.times import date_time
from domain.report_content import Subject

# Each order repeats its patient and its specimens: a short message must not become a long record.
ORDERS_MAX = 1_000
REPEATED_CHARACTERS_MAX = 1 << 21  # of specimens, in all orders
_SPECIMEN_CHARACTERS = 500  # of a record, for a specimen that says nothing


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
    repeated: int = 0  # characters of specimens
    note_target: list[str] | None = None
    is_in_order: bool = False
    has_result: bool = False  # since the last request
    # As the messages by specimen (OUL) are built: a specimen is that of each request up to the next specimen, an
    # order stands behind its request.
    is_specimen_first: bool = False
    is_request_first: bool = False

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
        if self.is_request_first and self.is_in_order:
            last = self.orders[-1]
            if not (last.common or self.has_result):
                last.common = segment
                return
        self.common, self.is_in_order, self.note_target = segment, False, None

    def request(self, segment: Segment) -> None:
        if len(self.orders) == ORDERS_MAX:
            raise ContentError("content-too-complex", segment.place)
        if self.subject is None:
            self.subject = Subject()
        order = Order(segment, self.subject, self.sender, self.sent_at, self.common)
        order.notes, order.observations, order.specimens = self.notes, self.observations, self.specimens
        self.orders.append(order)
        self.common, self.is_in_order, self.has_result = None, True, False
        self.notes, self.observations, self.note_target = [], [], order.notes
        if self.is_specimen_first:  # the next request of the specimen has the same list
            self._repeat_specimens()
        else:
            self.specimens = []

    def _repeat_specimens(self) -> None:
        for specimen in self.specimens:
            self.repeated += _SPECIMEN_CHARACTERS + sum(map(len, specimen.fields))
            if self.repeated > REPEATED_CHARACTERS_MAX:
                raise ContentError("content-too-complex", specimen.place)

    def observation(self, segment: Segment) -> None:
        if self.common and self.orders and self.orders[-1].subject is self.subject:
            self._order_was_behind(segment)
        sent = SentObservation(segment)
        (self.orders[-1].observations if self.is_in_order else self.observations).append(sent)
        self.note_target, self.has_result = sent.notes, True

    def _order_was_behind(self, segment: Segment) -> None:
        """An ORC with a result right behind it is of the request before it, if that has neither yet: the next
        request must not get the result."""
        last = self.orders[-1]
        if last.common or self.has_result or self.is_specimen_first:
            raise ContentError("segment-order", segment.place)
        last.common, self.common, self.is_in_order = self.common, None, True
        last.notes += self.notes
        last.specimens += self.specimens
        self.notes, self.specimens = [], []

    def specimen(self, segment: Segment) -> None:
        if self.is_specimen_first:
            self._specimen_begins()
        (self.orders[-1].specimens if self.is_in_order else self.specimens).append(segment)
        self.note_target = self.orders[-1].notes if self.is_in_order else None

    def _specimen_begins(self) -> None:
        if self.orders and self.orders[-1].specimens is self.specimens:
            self.specimens = []
        elif self.specimens and self.observations:  # about a specimen that has no request
            raise ContentError("segment-order", self.observations[0].segment.place)
        self.is_in_order = False

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


def orders_of(message: Message, *, by_specimen: bool = False) -> list[Order]:
    """Each OBR with the patient before it. An observation before the first OBR of its patient goes to that
    OBR; one whose patient has no OBR to come is refused, for no report is about it.

    `by_specimen` is a message of the OUL family. What stands first in its groups is seen in the message, for
    senders mix the structures up."""
    reading = _Reading(organisation(message.header.first(4)), date_time(message.header.code(7)))
    if by_specimen:
        reading.is_specimen_first = _first(message, "SPM", "OBR") == "SPM"
        reading.is_request_first = _first(message, "ORC", "OBR") == "OBR"
    for segment in message.segments:
        if step := _STEPS.get(segment.name):
            step(reading, segment)
    reading.patient_ends()
    return reading.orders


def control_of(order: Order) -> str | None:
    """Where the message says that the specimen is none of a patient's: its result tells how good the analyser
    is. Of a control and of a patient no result is: either may be meant."""
    controls = [f"{one.place}-11" for one in order.specimens if _is_control(one)]
    if 0 < len(controls) < len(order.specimens):
        raise ContentError("patients-mixed", controls[0])
    return controls[0] if controls else None


def _is_control(specimen: Segment) -> bool:
    role = specimen.first(11)
    code, system = role.code(1), role.code(3)
    is_of_table = system is None or system.upper() in {"HL70369", "0369"}
    return code is not None and code.upper() in CONTROLS and is_of_table


def _first(message: Message, *names: str) -> str | None:
    return next((segment.name for segment in message.segments if segment.name in names), None)
