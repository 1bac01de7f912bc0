"""HL7 times as FHIR dateTime text: the same precision, the same zone, nothing added but punctuation."""

import re
from datetime import date

from api.cda.elements import Element, attribute, child

# HL7 V3 datatypes R1, TS. An hour without minutes gets the minutes that FHIR asks for. Some write a T before it, and
# some thousandths without their point.
_HL7 = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:[T ]?([01]\d|2[0-3])(?:([0-5]\d)(?:([0-5]\d|60)(\.\d{1,12}|\d{3})?)?)?)?)?)?"
    r"(Z|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)?",
    re.ASCII,
)
# Some senders write the XML form into @value, or the database's, with a blank for the T.
_ISO = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ]((?:[01]\d|2[0-3]):[0-5]\d(?::(?:[0-5]\d|60)(?:\.\d{1,12})?)?)"
    r"(Z|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)?)?)?)?",
    re.ASCII,
)

# Much of Europe writes the day first with points between. With strokes it may be the month, so that is none.
_DAY_FIRST = re.compile(r"^(\d\d)\.(\d\d)\.(\d{4})(?![\d.])", re.ASCII)


def date_time(text: str | None) -> str | None:
    """FHIR dateTime text, or nothing if the text is no time.

    >>> date_time("201812201155+0300")
    '2018-12-20T11:55+03:00'
    """
    if text is None:
        return None
    text = _DAY_FIRST.sub(r"\3-\2-\1", text, count=1)
    if (iso := _ISO.fullmatch(text)) and _is_in_calendar(iso[1], iso[2], iso[3]):
        return text if iso[4] is None else f"{text[:10]}T{iso[4]}{_zone(iso[5])}"
    sent = _HL7.fullmatch(text)
    if sent is None or not _is_in_calendar(sent[1], sent[2], sent[3]):
        return None
    year, month, day, hour, minute, second, fraction, zone = sent.groups()
    written = "-".join(part for part in (year, month, day) if part)
    if hour is None:
        return written
    clock = f"T{hour}:{minute or '00'}" + (f":{second}{_fraction(fraction)}" if second else "")
    return written + clock + _zone(zone)


def _fraction(sent: str | None) -> str:
    return f".{sent.removeprefix('.')}" if sent else ""


def _zone(sent: str | None) -> str:
    if sent is None or sent == "Z":
        return sent or ""
    digits = sent[1:].replace(":", "")
    return f"{sent[0]}{digits[:2]}:{digits[2:] or '00'}"


def _is_in_calendar(year: str, month: str | None, day: str | None) -> bool:
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return False
    return True


def date_only(text: str | None) -> str | None:
    """A FHIR date; the hour of a birth is no part of it."""
    found = date_time(text)
    return found.partition("T")[0] if found else None


def time_of(element: Element | None) -> str | None:
    """TS or IVL_TS. The domain has one time where CDA allows a period; the start is when it was done."""
    places = (element, *(child(element, name) for name in ("low", "center", "high")))
    return next((found for place in places if (found := date_time(attribute(place, "value")))), None)


def unread_times(element: Element | None) -> list[str]:
    """What stands where a time should, and is none: kept to be shown as it came."""
    places = (element, child(element, "low"), child(element, "high"))
    sent = (attribute(place, "value") for place in places)
    return [text for text in sent if text is not None and date_time(text) is None]
