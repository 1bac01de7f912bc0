"""FHIR R4 primitive types as Pydantic types: text exactly as sent, checked to be what it claims."""

import re
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Annotated

from jiter import LosslessFloat
from pydantic import AfterValidator, PlainValidator
from pydantic_core import PydanticCustomError

from api.json_content import number_text

# The range of IEEE 754 decimal128: whoever prints a larger exponent in digits fills the memory.
_EXPONENT_LIMIT = 6144
_DIGITS_LIMIT = 256
_LONGEST_UNSIGNED = 10
# FHIR R4 datatypes, decimal: as in JSON. Python's Decimal would take NaN, 1_000 and digits of any script.
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
# FHIR R4 datatypes, dateTime; minutes without seconds and times without a zone are taken as well.
_DATE_TIME = re.compile(
    r"(\d{4})(?:-(0[1-9]|1[0-2])(?:-(0[1-9]|[12]\d|3[01])"
    r"(?:T(?:[01]\d|2[0-3]):[0-5]\d(?::(?:[0-5]\d|60)(?:\.\d+)?)?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)?)?)?)?",
    re.ASCII,
)
# What else is written of ISO 8601: a blank for the T, no colon in the offset.
_BLANK = re.compile(r"(?<=\d{4}-\d\d-\d\d) (?=\d\d:)", re.ASCII)
_OFFSET = re.compile(r"(?<=\d)([+-]\d\d)(\d\d)$", re.ASCII)
# PostgreSQL writes no minutes of an offset that has none.
_HOURS = re.compile(r"(?<=\d)([+-]\d\d)$", re.ASCII)
_MIDNIGHT = re.compile(r"[T ]00:00:00(?:\.0+)?")
_DAY_LENGTH = 10
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d(?::(?:[0-5]\d|60)(?:\.\d+)?)?", re.ASCII)


def _number(value: object) -> str:
    """Some senders put their numbers between quotes: what is written there is a number or refused."""
    text = value if isinstance(value, str) and NUMBER.fullmatch(value) else number_text(value)
    if text is None:
        raise PydanticCustomError("number_type", "not a number")
    return text


def _decimal(value: object) -> str | None:
    if value == "":  # a template that was not filled in
        return None
    # Nearly all are of this type, and the calls cost more than the look.
    text = str(value) if type(value) is LosslessFloat else _number(value)
    # Without an exponent the digits bound it.
    if len(text) > _DIGITS_LIMIT or (("e" in text or "E" in text) and not _is_in_range(text)):
        raise PydanticCustomError("value_not_allowed", "number out of range")
    return text


def _is_in_range(text: str) -> bool:
    try:
        return abs(Decimal(text).adjusted()) <= _EXPONENT_LIMIT
    except InvalidOperation:
        return False


def _integer(value: object) -> str:
    text = _number(value)
    if not text.removeprefix("-").isdigit() or len(text) > _DIGITS_LIMIT:
        raise PydanticCustomError("integer_type", "not an integer")
    return text


def _size(value: object) -> int:
    """FHIR R4 unsignedInt: 31 bits."""
    text = _number(value)
    if not (text.isdigit() and len(text) <= _LONGEST_UNSIGNED and int(text) < 1 << 31):
        raise PydanticCustomError("unsigned_int_type", "not an unsignedInt")
    return int(text)


def _date_time(text: str) -> str:
    match = _DATE_TIME.fullmatch(text)
    if match is None or not _is_in_calendar(int(match[1]), int(match[2] or 1), int(match[3] or 1)):
        raise PydanticCustomError("date_time_format", "not a FHIR dateTime")
    return text


@lru_cache(maxsize=1024)  # a report says the same few times again and again
def _sent_date_time(text: str) -> str | None:
    if not text:  # a template that was not filled in
        return None
    if _DATE_TIME.fullmatch(text):
        return _date_time(text)
    day, mark, time = _BLANK.sub("T", text.strip()).partition("T")
    return _date_time(day + mark + _HOURS.sub(r"\1:00", _OFFSET.sub(r"\1:\2", time)))


def _is_in_calendar(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _date(text: str) -> str:
    if "T" in text:
        raise PydanticCustomError("date_format", "not a FHIR date")
    return _date_time(text)


def _sent_date(text: str) -> str | None:
    """Midnight of no zone is how some systems write a day; of a zone it may be the day before elsewhere."""
    is_day = _MIDNIGHT.fullmatch(text[_DAY_LENGTH:])
    return _date(text[:_DAY_LENGTH] if is_day else text) if text else None


def _time(text: str) -> str | None:
    if text and not _TIME.fullmatch(text):
        raise PydanticCustomError("time_format", "not a FHIR time")
    return text or None


DecimalText = Annotated[str, PlainValidator(_decimal)]
IntegerText = Annotated[str, PlainValidator(_integer)]
SizeInBytes = Annotated[int, PlainValidator(_size)]
# As laboratories write them: None if nothing stands there.
SentDateTime = Annotated[str, AfterValidator(_sent_date_time)]
SentDate = Annotated[str, AfterValidator(_sent_date)]
SentTime = Annotated[str, AfterValidator(_time)]
