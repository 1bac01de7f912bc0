"""HL7 times as FHIR text: digits as sent, dashes and colons between, a zone only where one was sent."""

import re
from datetime import date, time

_TIMESTAMP = re.compile(
    r"(?P<year>\d{4})(?:(?P<month>\d\d)(?:(?P<day>\d\d)(?P<clock>\d\d(?:\d\d(?:\d\d(?:\.?\d{1,9})?)?)?)?)?)?"
    r"(?P<zone>Z|[+-]\d{4})?",
    re.ASCII,
)
# As ISO 8601 and much of Europe write it, and so programs that pass a time on as they have it. What begins with
# the month in some countries and with the day in others is no time.
_WRITTEN_OUT = re.compile(
    r"(?:(\d{4})([-/]?)(\d\d)\2(\d\d)|(\d\d)\.(\d\d)\.(\d{4}))"
    r"(?:[T ](\d\d:?\d\d(?::?\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)
_COLONS = re.compile(r"\d\d:\d\d(?::\d\d.*)?", re.ASCII)
# Milliseconds are often sent without the point before them.
_CLOCK = re.compile(r"(\d\d)(?:(\d\d)(?:(\d\d)(?:\.?(\d{1,9}))?)?)?", re.ASCII)
_TIME = re.compile(r"(\d\d(?:\d\d(?:\d\d(?:\.?\d{1,9})?)?)?)(Z|[+-]\d{4})?", re.ASCII)


def date_time(sent: str | None) -> str | None:
    """A DT, DTM or TS as FHIR dateTime, None if it is no time. Minutes and seconds that were not sent are
    zero, for FHIR has no time without them.

    >>> date_time("20240403101500.12+0300")
    '2024-04-03T10:15:00.12+03:00'
    """
    sent = sent or ""
    found = _TIMESTAMP.fullmatch(sent) or _TIMESTAMP.fullmatch(_digits(sent))
    if found is None:
        return None
    day = [part for part in found.group("year", "month", "day") if part]
    if not _is_day(day):
        return None
    clock = found["clock"]
    # Systems that know no hour send midnight without zone; that is still what they sent.
    if clock is None:
        return "-".join(day)
    shown, zone = clock_text(clock), zone_text(found["zone"])
    return f"{'-'.join(day)}T{shown}{zone}" if shown and zone is not None else None


def _digits(sent: str) -> str:
    found = _WRITTEN_OUT.fullmatch(sent)
    if found is None:
        return sent
    year, _, month, day, *european, clock, zone = found.groups("")
    return f"{year}{month}{day}{''.join(reversed(european))}{clock}{zone}".replace(":", "")


def time_of_day(sent: str | None) -> str | None:
    """A TM as FHIR time, with the zone that was sent."""
    sent = sent or ""
    found = _TIME.fullmatch(sent.replace(":", "") if _COLONS.fullmatch(sent) else sent)
    if found is None:
        return None
    shown, zone = clock_text(found[1]), zone_text(found[2])
    return f"{shown}{zone}" if shown and zone is not None else None


def birth_date(sent: str | None) -> str | None:
    """The date of a time of birth."""
    found = date_time(sent)
    return found.partition("T")[0] if found else None


def _is_day(day: list[str]) -> bool:
    try:
        date(*[int(part) for part in (*day, "01", "01")[:3]])
    except ValueError:
        return False
    return True


def clock_text(clock: str) -> str | None:
    found = _CLOCK.fullmatch(clock)
    if found is None:
        return None
    hour, minute, second, fraction = found[1], found[2] or "00", found[3] or "00", found[4]
    try:
        time(int(hour), int(minute), min(int(second), 59) if second == "60" else int(second))
    except ValueError:
        return None
    return f"{hour}:{minute}:{second}.{fraction}" if fraction else f"{hour}:{minute}:{second}"


def zone_text(zone: str | None) -> str | None:
    """An offset with a colon; empty if none was sent, None if it is none."""
    if zone is None or zone == "Z":
        return zone or ""
    if int(zone[1:3]) > 14 or int(zone[3:]) > 59:
        return None
    return f"{zone[:3]}:{zone[3:]}"
