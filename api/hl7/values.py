"""OBX-5 by its type in OBX-2. What is not what its type says is kept as text, and a note says so."""

from collections.abc import Callable
from dataclasses import dataclass

from api.hl7.attachments import attachments_of, is_document
from api.hl7.datatypes import concept
from api.hl7.quantities import amount, is_ucum, number_of, sent_unit, structured_numeric
from api.hl7.syntax import NULL, Element, Segment
from api.hl7.times import date_time, time_of_day
from domain.report_content import Attachment, Component, Value, ValueKind
from domain.values import Coding, Concept, Quantity

ABSENT_SYSTEM = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_TEXTS = frozenset({"ST", "TX", "FT"})
_CODED = frozenset({"CE", "CWE", "CNE", "CF", "IS", "ID"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What OBX-5 says; `notes` tell what the value could not hold."""

    value: Value | None = None
    components: tuple[Component, ...] = ()
    data_absent_reason: Concept | None = None
    attachments: tuple[Attachment, ...] = ()
    notes: tuple[str, ...] = ()


_UNKNOWN = Measured(
    data_absent_reason=Concept(codings=(Coding(system=ABSENT_SYSTEM, code="unknown", display="Unknown"),))
)


def measured(observation: Segment, code: Concept, unit: Quantity | None) -> Measured:
    """The value of an observation: one, several as components, a document, or none."""
    kind = (observation.code(2) or "").upper()
    if _is_null(observation):
        return _UNKNOWN
    if is_document(observation, kind):
        attachments, notes = attachments_of(observation, kind, _name(code))
        return Measured(attachments=attachments, notes=notes)
    sent = tuple(one for one in observation.repetitions(5) if one.raw != NULL)
    notes = _unit_notes(observation, unit)
    if kind in _TEXTS:
        value = _text(observation, unit)
        return Measured(value=value, notes=(*notes, *_lost_unit(value, unit)))
    read = (_value(one, kind, unit) for one in sent if one.raw.strip(one.delimiters.component))
    values = [(value, note) for value, note in read if value]
    notes += tuple(note for _, note in values if note)
    if not values and NULL in observation.raw(5):
        return _UNKNOWN
    if len(values) > 1:
        return _several(values, sent, code, (*notes, *_lost_unit(values[0][0], unit)))
    only = values[0][0] if values else None
    return Measured(value=only, notes=(*notes, *_lost_unit(only, unit)))


def _name(code: Concept) -> str | None:
    return code.text or next((coding.display for coding in code.codings if coding.display), None)


def _is_null(observation: Segment) -> bool:
    """Whether the field is the null value, or each of its components is."""
    raw, sent = observation.raw(5), observation.delimiters
    if NULL not in raw:
        return False
    return not raw.replace(NULL, "").strip(f"{sent.component}{sent.repetition}{sent.subcomponent} ")


def _several(
    values: list[tuple[Value, str | None]], sent: tuple[Element, ...], code: Concept, notes: tuple[str, ...]
) -> Measured:
    """An observation has one value: repetitions are its components, and simple ones its text too."""
    components = tuple(Component(code=code, value=value) for value, _ in values)
    if any(value.kind in {ValueKind.CONCEPT, ValueKind.RATIO, ValueKind.RANGE} for value, _ in values):
        return Measured(components=components, notes=notes)
    separator = sent[0].delimiters.repetition
    text = separator.join(one.text() or "" for one in sent)
    return Measured(value=Value(kind=ValueKind.TEXT, text=text), components=components, notes=notes)


def _text(observation: Segment, unit: Quantity | None) -> Value | None:
    """Text; repetitions are its lines."""
    text = observation.lines(5)
    if not text or text.isspace():
        return None
    # An analyser that sends text and number as components leaves one of them empty.
    alone = observation.raw(5).strip(observation.delimiters.component)
    return _measured_number(alone, unit) or Value(kind=ValueKind.TEXT, text=text)


def _measured_number(text: str, unit: Quantity | None) -> Value | None:
    """A number with a unit is a number, whatever the sender calls it: text, a code, nothing."""
    number = number_of(text.strip()) if unit else None
    return Value(kind=ValueKind.QUANTITY, quantity=amount(number, unit)) if number else None


def _value(sent: Element, kind: str, unit: Quantity | None) -> tuple[Value | None, str | None]:
    if kind != "SN" and kind not in _READERS and (number := _measured_number(sent.text() or "", unit)):
        return number, None
    if kind in _CODED:
        # Of a code that is not there, analysers send the system.
        found = concept(sent)
        return (Value(kind=ValueKind.CONCEPT, concept=found) if found else None), None
    if kind == "SN":
        return structured_numeric(sent, unit)
    if read := _READERS.get(kind):
        value = read(sent, unit)
        if value:
            return value, None
        return _as_text(sent), f"OBX-5: not a value of type {kind}"
    return _as_text(sent), None


def _as_text(sent: Element) -> Value:
    return Value(kind=ValueKind.TEXT, text=sent.text() or "")


def _number(sent: Element, unit: Quantity | None) -> Value | None:
    number = number_of(sent.code())
    return Value(kind=ValueKind.QUANTITY, quantity=amount(number, unit)) if number else None


def _numeric_range(sent: Element, unit: Quantity | None) -> Value | None:
    are_sent = [bool(sent.code(place)) for place in (1, 2)]
    ends = [number_of(sent.code(place)) for place in (1, 2)]
    if not any(are_sent) or are_sent != list(map(bool, ends)):
        return None
    low, high = (amount(end, unit) if end else None for end in ends)
    return Value(kind=ValueKind.RANGE, low=low, high=high)


def _moment(sent: Element, _: Quantity | None) -> Value | None:
    found = date_time(sent.code(1))
    return Value(kind=ValueKind.DATE_TIME, text=found) if found else None


def _time(sent: Element, _: Quantity | None) -> Value | None:
    found = time_of_day(sent.code(1))
    return Value(kind=ValueKind.TIME, text=found) if found else None


def _period(sent: Element, _: Quantity | None) -> Value | None:
    start, end = date_time(sent.part(1).code(1)), date_time(sent.part(2).code(1))
    return Value(kind=ValueKind.PERIOD, text=f"{start or ''}/{end or ''}") if start or end else None


_READERS: dict[str, Callable[[Element, Quantity | None], Value | None]] = {
    "NM": _number,
    "NR": _numeric_range,
    "DT": _moment,
    "DTM": _moment,
    "TS": _moment,
    "TM": _time,
    "DR": _period,
}


def _unit_notes(observation: Segment, unit: Quantity | None) -> tuple[str, ...]:
    """A unit's name where its code is printed and does not say it: a code of UCUM does."""
    sent = sent_unit(observation)
    code, name = sent.code(1), sent.code(2)
    if code is None or name is None or name.lower() == code.lower() or is_ucum(sent):
        return ()
    return (f"OBX-6: {code} ({name})",) if unit and unit.unit == code else ()


def _lost_unit(value: Value | None, unit: Quantity | None) -> tuple[str, ...]:
    """A unit whose value is no amount."""
    numeric = {ValueKind.QUANTITY, ValueKind.RANGE, ValueKind.RATIO}
    if value is None or unit is None or value.kind in numeric:
        return ()
    return (f"OBX-6: {unit.unit}",)
