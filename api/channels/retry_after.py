"""Retry-After (RFC 9110, 10.2.3): when the other side wants to be asked again."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

# Nobody may hold a notice back for longer than it lives.
_LONGEST: Final = 72 * 3600.0


def seconds_of(header: str | None) -> float | None:
    """In how many seconds, if that was said in one of the two forms that there are."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdecimal():
        return min(float(text), _LONGEST)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    if at.tzinfo is None:  # "-0000": a time of no zone, which HTTP does not have
        at = at.replace(tzinfo=UTC)
    return min(max((at - datetime.now(UTC)).total_seconds(), 0.0), _LONGEST)
