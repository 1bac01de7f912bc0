"""Values, quantities and reference ranges of CDA (HL7 V3 datatypes R1) in the words of the domain."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from api.cda.codes import UCUM, concept, label_of, system_of
from api.cda.elements import (
    Element,
    Narrative,
    attribute,
    child,
    children,
    is_true,
    local_name,
    own_text,
    type_of,
)
from api.cda.times import date_time
from domain.report_content import ReferenceRange, Value, ValueKind
from domain.values import Concept, Quantity

_DECIMAL = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_DIGITS_LIMIT = 256
_CODED = frozenset({"CD", "CE", "CV", "CO", "CS", "SC", "EIVL"})
_INTERVALS = frozenset({"IVL_PQ", "IVL_INT", "IVL_REAL", "IVL_MO"})
_TEXTS = frozenset({"ST", "ED"})
_TIMES = frozenset({"TS", "IVL_TS", "PIVL_TS"})


class Interval(NamedTuple):
    """The ends of an interval; an end that is infinite or not sent is None. It is broken if an end was
    sent that is no number."""

    low: Quantity | None
    high: Quantity | None
    is_low_open: bool
    is_high_open: bool
    is_broken: bool = False


def decimal(text: str | None) -> str | None:
    """The decimal as sent, if it is one that can be compared."""
    is_one = text is not None and len(text) <= _DIGITS_LIMIT and _DECIMAL.fullmatch(text)
    return text if is_one else None


def quantity(sent: Element | None, narrative: Narrative) -> Quantity | None:
    """PQ, INT or REAL. The unit is the code; what the laboratory prints for it is in a translation with
    the same value. Without a value of its own the first translation speaks (a unit outside of UCUM)."""
    if sent is None or _denied_by(sent):
        return None
    value, unit = decimal(attribute(sent, "value")), attribute(sent, "unit")
    translations = list(children(sent, "translation"))
    if value is None and attribute(sent, "value"):
        return None
    if value is None:
        values = ((decimal(attribute(one, "value")), one) for one in translations)
        value, spoken = next((pair for pair in values if pair[0]), (None, None))
        return None if spoken is None else _translated(value, spoken, narrative)
    same = [one for one in translations if _is_same(attribute(one, "value"), value)]
    printed = next((text for one in same if (text := _printed(one, narrative))), None)
    if unit is None and same:
        return _translated(value, same[0], narrative)
    shown = printed or (unit if unit != "1" else None)
    return Quantity(value=value, unit=shown, system=UCUM if unit else None, code=unit)


def _denied_by(sent: Element) -> str | None:
    """The null flavor of an amount that stands there all the same: there is none, or it is not known. Only OTH, of a unit
    outside of UCUM, says nothing against it."""
    flavor = attribute(sent, "nullFlavor")
    return flavor if flavor != "OTH" and attribute(sent, "value") else None


def _translated(value: str | None, sent: Element, narrative: Narrative) -> Quantity:
    code, system = attribute(sent, "code"), system_of(attribute(sent, "codeSystem"))
    return Quantity(value=value, unit=_printed(sent, narrative), system=system if code else None, code=code)


def _printed(sent: Element, narrative: Narrative) -> str | None:
    original = narrative.text(child(sent, "originalText"))
    return attribute(sent, "displayName") or original or attribute(sent, "unit") or attribute(sent, "code")


def _is_same(text: str | None, value: str) -> bool:
    return text is None or text == value or (decimal(text) is not None and Decimal(text) == Decimal(value))


def other_quantities(sent: Element, narrative: Narrative) -> Iterator[str]:
    """The same amount in other units, which the domain has no place for."""
    value = decimal(attribute(sent, "value"))
    for one in children(sent, "translation") if value else ():
        text = attribute(one, "value")
        if text and not _is_same(text, value or ""):
            yield "= " + " ".join(filter(None, (text, _printed(one, narrative))))


def interval(sent: Element, narrative: Narrative) -> Interval:
    low, high = child(sent, "low"), child(sent, "high")
    found = Interval(quantity(low, narrative), quantity(high, narrative), _is_open(low), _is_open(high))
    lost = [
        end for end, read in ((low, found.low), (high, found.high)) if attribute(end, "value") and not read
    ]
    # The domain has no place for a width, and without it one end says another thing.
    is_wide = attribute(child(sent, "width"), "value") is not None and not (found.low and found.high)
    return found._replace(is_broken=bool(lost) or is_wide)


def _is_open(end: Element | None) -> bool:
    """Ends belong to an interval unless it is said that they don't (IVL.lowClosed, highClosed)."""
    return is_true(end, "inclusive") is False


def value(sent: Element, narrative: Narrative) -> Value | None:
    """One observation value. What does not fit its type, or has an unknown type, stays as text."""
    read = None if _denied_by(sent) else _read(sent, narrative)
    if read is not None:
        return read
    text = raw_text(sent, narrative)
    return Value(kind=ValueKind.TEXT, text=text) if text else None


def _read(sent: Element, narrative: Narrative) -> Value | None:
    kind = type_of(sent) or _guessed(sent)
    if kind in _CODED:
        return _coded(sent, narrative)
    if kind in {"PQ", "REAL", "PPD_PQ"}:
        found = quantity(sent, narrative)
        return Value(kind=ValueKind.QUANTITY, quantity=found) if found else None
    if kind in _INTERVALS:
        return _interval_value(sent, narrative)
    if kind.startswith("RTO"):
        return _ratio(sent, narrative)
    if kind in _TIMES:
        return _time(sent)
    text = attribute(sent, "value")
    if kind == "INT" and text and _INTEGER.fullmatch(text):
        if attribute(sent, "unit"):
            return Value(kind=ValueKind.QUANTITY, quantity=quantity(sent, narrative))
        return Value(kind=ValueKind.INTEGER, text=text)
    if kind in _TEXTS and not text and (said := narrative.text(sent)):
        return Value(kind=ValueKind.TEXT, text=said)
    truth = is_true(sent, "value") if kind in {"BL", "BN"} else None
    if truth is not None:
        return Value(kind=ValueKind.BOOLEAN, text="true" if truth else "false")
    return None


def _guessed(sent: Element) -> str:
    """xsi:type is required, and forgotten."""
    if child(sent, "low") is not None or child(sent, "high") is not None:
        return "IVL_PQ"
    if attribute(sent, "code") or child(sent, "translation") is not None:
        return "PQ" if attribute(sent, "value") else "CD"
    return "PQ" if attribute(sent, "value") else "ST"


def _coded(sent: Element, narrative: Narrative) -> Value | None:
    found = concept(sent, narrative)
    said = own_text(sent) if not len(sent) else None  # SC: a text with a code
    if said:
        found = Concept(codings=found.codings if found else (), text=said)
    return Value(kind=ValueKind.CONCEPT, concept=found) if found else None


def _interval_value(sent: Element, narrative: Narrative) -> Value | None:
    found = interval(sent, narrative)
    if found.is_broken:
        return None
    if found.low and found.high:
        low = _compared(found.low, ">") if found.is_low_open else found.low
        high = _compared(found.high, "<") if found.is_high_open else found.high
        return Value(kind=ValueKind.RANGE, low=low, high=high)
    if found.low:
        sign = ">" if found.is_low_open else ">="
        return Value(kind=ValueKind.QUANTITY, quantity=_compared(found.low, sign))
    if found.high:
        sign = "<" if found.is_high_open else "<="
        return Value(kind=ValueKind.QUANTITY, quantity=_compared(found.high, sign))
    single = quantity(sent, narrative) or quantity(child(sent, "center"), narrative)
    return Value(kind=ValueKind.QUANTITY, quantity=single) if single else None


def _compared(sent: Quantity, sign: str) -> Quantity:
    return Quantity(value=sent.value, unit=sent.unit, comparator=sign, system=sent.system, code=sent.code)


def _ratio(sent: Element, narrative: Narrative) -> Value | None:
    top, bottom = (quantity(child(sent, name), narrative) for name in ("numerator", "denominator"))
    is_whole = top and (bottom or child(sent, "denominator") is None)
    return Value(kind=ValueKind.RATIO, numerator=top, denominator=bottom) if is_whole else None


def _time(sent: Element) -> Value | None:
    if found := date_time(attribute(sent, "value")):
        return Value(kind=ValueKind.DATE_TIME, text=found)
    low, high = (date_time(attribute(child(sent, name), "value")) for name in ("low", "high"))
    return Value(kind=ValueKind.PERIOD, text=f"{low or ''}/{high or ''}") if low or high else None


def raw_text(sent: Element, narrative: Narrative) -> str | None:
    """Everything that a value says, in the order sent, when no type of the domain can hold it. A unit
    without an amount says nothing."""
    amount = attribute(sent, "value")
    names = ("unit", "displayName", "code") if amount else ("displayName", "code")
    denied = _denied_by(sent)
    said = [amount, *(attribute(sent, name) for name in names), f"({denied})" if denied else None]
    if not len(sent) or child(sent, "reference") is not None:
        said.append(narrative.text(sent))
        return " ".join(filter(None, said)) or None
    said.append((sent.text or "").strip())
    parts = [" ".join(filter(None, said))]
    for inner in sent:
        if text := raw_text(inner, narrative):
            parts.append(f"{local_name(inner)} {text}")
        parts.append((inner.tail or "").strip())
    return "; ".join(filter(None, parts)) or None


def shown(found: Value | None) -> str | None:
    """A value in a line of text, for notes about it."""
    if found is None:
        return None
    if found.concept:
        return label_of(found.concept)
    if found.kind is ValueKind.RANGE:
        return f"{_amount(found.low)}\u2013{_amount(found.high)}"
    if found.kind is ValueKind.RATIO:
        return f"{_amount(found.numerator)}:{_amount(found.denominator)}"
    return _amount(found.quantity) if found.quantity else found.text


def _amount(sent: Quantity | None) -> str:
    parts = (sent.comparator, sent.value, sent.unit or sent.code) if sent else ()
    return " ".join(filter(None, parts))


def reference_range(sent: Element, narrative: Narrative) -> ReferenceRange | None:
    criteria = child(sent, "observationRange")
    found = child(criteria, "value")
    ends, texts = Interval(None, None, is_low_open=False, is_high_open=False), []
    if (text := narrative.text(child(criteria, "text"))) is not None:
        texts.append(text)
    if found is not None and _is_interval(found):
        ends = interval(found, narrative)
        texts += [] if texts else _open_ends(ends)
    if ends.is_broken:  # one end alone says another thing
        ends = ends._replace(low=None, high=None)
    if found is not None and not (ends.low or ends.high):
        texts += filter(None, [shown(value(found, narrative))])
    whom = [child(one, "criterion") for one in children(criteria, "precondition")]
    applies, conditions = _conditions([one for one in whom if one is not None], narrative)
    kind = concept(child(criteria, "interpretationCode"), narrative)
    said = "; ".join(dict.fromkeys((*texts, *conditions))) or None
    if not (ends.low or ends.high or said):
        return None
    return ReferenceRange(low=ends.low, high=ends.high, kind=kind, applies_to=applies, text=said)


def _is_interval(sent: Element) -> bool:
    return (type_of(sent) or _guessed(sent)).startswith("IVL")


def _open_ends(ends: Interval) -> list[str]:
    """The domain's ends belong to the range; where they don't, the text says so."""
    low = f"> {_amount(ends.low)}" if ends.low and ends.is_low_open else None
    high = f"< {_amount(ends.high)}" if ends.high and ends.is_high_open else None
    return [text for text in (low, high) if text]


def _conditions(criteria: list[Element], narrative: Narrative) -> tuple[tuple[Concept, ...], list[str]]:
    """Whom a range is for: codes apart, ages and the rest as text."""
    applies, texts = [], []
    for criterion in criteria:
        found = child(criterion, "value")
        said = value(found, narrative) if found is not None else None
        if said and said.concept:
            applies.append(said.concept)
            continue
        name = label_of(concept(child(criterion, "code"), narrative))
        rest = shown(said) or narrative.text(child(criterion, "text"))
        texts += [text for text in (" ".join(filter(None, (name, rest))),) if text]
    return tuple(applies), texts
