"""The parts of a report as FHIR R4 elements: concepts, quantities, values, ranges, times. None or empty is left out."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from api.fhir.absent import URL as DATA_ABSENT_URL
from domain.report_content import Component, Observation, ReferenceRange, Value, ValueKind
from domain.values import Concept, Identifier, Quantity

# FHIR R4 datatypes: dateTime and date; a time of day needs its seconds and its zone.
_DAY = r"\d{4}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)?"
_INSTANT = (
    r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)"
)
_IS_DAY, _IS_INSTANT = re.compile(_DAY, re.ASCII), re.compile(_INSTANT, re.ASCII)
_IS_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?", re.ASCII)
# XML 1.0, 2.2: what no document may contain, escaped or not.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MINUTES = re.compile(r"(T\d\d:\d\d)(Z|[+-]\d\d:\d\d)$", re.ASCII)
_IS_DECIMAL = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_SPARE_ZEROS = re.compile(r"^(-?)\+?0+(?=\d)", re.ASCII)
_OWN = "urn:letopis:fhir:extension"
_INTEGER_MAX = 1 << 31


def says_anything(one: object) -> bool:
    """Whether anything would stand in the element: FHIR has no empty ones."""
    if isinstance(one, dict):
        return any(says_anything(inner) for name, inner in one.items() if name != "url")
    if isinstance(one, list):
        return any(map(says_anything, one))
    return one is not None and str(one).strip() != ""


def text_of(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def day(text: str | None) -> str | None:
    return text if text and _IS_DAY.fullmatch(text) else None


def instant(text: str | None) -> str | None:
    """With its seconds: R4 wants them, zeros where they are not known (datatypes, dateTime)."""
    filled = _MINUTES.sub(r"\1:00\2", text) if text else ""
    return filled if _IS_INSTANT.fullmatch(filled) else None


def date_time(text: str | None) -> str | None:
    return day(text) or instant(text)


def times_that_do_not_fit(effective_at: str | None, issued_at: str | None) -> list[dict[str, Any]]:
    """Times as sent that R4 would refuse: a time without its zone, or a report issued on a day."""
    found = []
    if effective_at and not date_time(effective_at):
        found.append({"url": f"{_OWN}:effective", "valueString": effective_at})
    if issued_at and not instant(issued_at):
        found.append({"url": f"{_OWN}:issued", "valueString": issued_at})
    return found


def concept(one: Concept | None) -> dict[str, Any] | None:
    if one is None:
        return None
    codings = [
        {"system": _uri(coding.system), "code": _code(coding.code), "display": coding.display}
        for coding in one.codings
        if coding.code or coding.display
    ]
    return {"coding": codings, "text": one.text} if codings or one.text else None


def required_concept(one: Concept | None) -> dict[str, Any]:
    return concept(one) or {"extension": [{"url": DATA_ABSENT_URL, "valueCode": "unknown"}]}


def concepts(several: Iterable[Concept]) -> list[dict[str, Any]]:
    return [found for one in several if (found := concept(one))]


def _uri(text: str | None) -> str | None:
    return re.sub(r"\s", "%20", text.strip()) or None if text else None


def _code(text: str | None) -> str | None:
    return " ".join(text.split()) or None if text else None


def identifier(one: Identifier) -> dict[str, Any]:
    kind = {"coding": [{"code": _code(one.kind)}]} if one.kind else None
    return {"type": kind, "system": _uri(one.system), "value": one.value}


def quantity(one: Quantity | None, *, is_simple: bool = False) -> dict[str, Any] | None:
    """R4 has no code of a unit without its system (qty-3), and no comparator in a simple one (sqty-1)."""
    if one is None:
        return None
    system = _uri(one.system)
    written = {
        "value": _decimal(one.value),
        "comparator": None if is_simple else one.comparator,
        "unit": one.unit or (None if system else one.code),
        "system": system if one.code else None,
        "code": _code(one.code) if system else None,
    }
    return written if any(written.values()) else None


def _decimal(text: str | None) -> str | None:
    """The digits as sent, without zeros before them that R4 forbids: how exact it is stays."""
    bare = _SPARE_ZEROS.sub(r"\1", text) if text else ""
    return bare if _IS_DECIMAL.fullmatch(bare) else None


def value(one: Value | None) -> dict[str, Any]:
    """value[x], as one member or none."""
    if one is None:
        return {}
    match one.kind:
        case ValueKind.QUANTITY:
            sent = one.quantity.value if one.quantity else None
            return (
                {"valueString": sent}
                if sent and not _decimal(sent)
                else {"valueQuantity": quantity(one.quantity)}
            )
        case ValueKind.CONCEPT:
            return {"valueCodeableConcept": concept(one.concept)}
        case ValueKind.RANGE:
            ends = {"low": one.low, "high": one.high}
            return {"valueRange": {name: quantity(end, is_simple=True) for name, end in ends.items()}}
        case ValueKind.RATIO:
            parts = {"numerator": one.numerator, "denominator": one.denominator}
            return {"valueRatio": {name: quantity(part) for name, part in parts.items()}}
        case ValueKind.PERIOD:
            start, _, end = (one.text or "").partition("/")
            period = {"start": date_time(start), "end": date_time(end)}
            return {"valuePeriod": period} if any(period.values()) else {"valueString": one.text}
        case _:
            return _value_in_text(one)


def _value_in_text(one: Value) -> dict[str, Any]:
    """Where the text is what its kind says; otherwise it is a text."""
    text = one.text or ""
    if one.kind is ValueKind.BOOLEAN and text in ("true", "false"):
        return {"valueBoolean": text}
    if one.kind is ValueKind.INTEGER and re.fullmatch(r"-?(?:0|[1-9]\d{0,9})", text, re.ASCII):
        return {"valueInteger": text} if -_INTEGER_MAX <= int(text) < _INTEGER_MAX else {"valueString": text}
    if one.kind is ValueKind.TIME and _IS_TIME.fullmatch(text):
        return {"valueTime": text}
    if one.kind is ValueKind.DATE_TIME and date_time(text):
        return {"valueDateTime": text}
    return {"valueString": text if text.strip() else None}


def absent_reason(one: Observation | Component) -> dict[str, Any] | None:
    """R4 has it only where there is no value (obs-6)."""
    return concept(one.data_absent_reason) if one.value is None else None


def ranges(several: Sequence[ReferenceRange]) -> list[dict[str, Any]]:
    """R4 has no range that says nothing (obs-3)."""
    written = (
        {
            "low": quantity(one.low, is_simple=True),
            "high": quantity(one.high, is_simple=True),
            "type": concept(one.kind),
            "appliesTo": concepts(one.applies_to),
            "text": "; ".join(filter(None, (one.text, *map(_compared, one.ends)))),
        }
        for one in several
    )
    return [one for one in written if one["low"] or one["high"] or one["text"]]


def _compared(end: Quantity | None) -> str | None:
    """An end with a comparator, which R4 has no place for but in words."""
    return f"{end.comparator} {end.value}" if end and end.comparator and end.value else None
