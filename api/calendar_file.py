"""A consultation as a file for calendars (RFC 5545): when and where to look, and nothing of health."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

MEDIA_TYPE = "text/calendar; charset=utf-8"
# A line is at most so many bytes before its end (3.1).
_LINE_BYTES = 75


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """`sequence` grows with every change, so that a calendar knows which of two files is the later."""

    uid: UUID
    host: str
    starts_at: datetime
    ends_at: datetime
    summary: str
    description: str
    url: str
    stamped_at: datetime
    sequence: int
    is_cancelled: bool = False


def calendar_file(appointment: Appointment) -> bytes:
    """The same appointment gives the same bytes."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Letopis//Letopis//RU",
        "CALSCALE:GREGORIAN",
        "METHOD:CANCEL" if appointment.is_cancelled else "METHOD:PUBLISH",
        "BEGIN:VEVENT",
        f"UID:{appointment.uid}@{appointment.host}",
        f"DTSTAMP:{_moment(appointment.stamped_at)}",
        f"SEQUENCE:{appointment.sequence}",
        f"DTSTART:{_moment(appointment.starts_at)}",
        f"DTEND:{_moment(appointment.ends_at)}",
        f"SUMMARY:{_text(appointment.summary)}",
        f"DESCRIPTION:{_text(appointment.description)}",
        f"URL:{appointment.url}",
        "CLASS:PRIVATE",
        "STATUS:CANCELLED" if appointment.is_cancelled else "STATUS:CONFIRMED",
        *(() if appointment.is_cancelled else _alarm(appointment.summary, timedelta(hours=1))),
        "END:VEVENT",
        "END:VCALENDAR",
    ]
    return b"".join(_folded(line) for line in lines)


def _alarm(summary: str, before: timedelta) -> tuple[str, ...]:
    minutes = int(before.total_seconds()) // 60
    return (
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        f"TRIGGER:-PT{minutes}M",
        f"DESCRIPTION:{_text(summary)}",
        "END:VALARM",
    )


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _text(text: str) -> str:
    """TEXT of 3.3.11."""
    escaped = text.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return escaped.replace("\r\n", "\\n").replace("\n", "\\n")


def _folded(line: str) -> bytes:
    """The line in pieces of at most 75 bytes, none of which breaks a letter; continued by a space (3.1)."""
    pieces, piece = [], b""
    for letter in line:
        encoded = letter.encode()
        if len(piece) + len(encoded) > _LINE_BYTES:
            pieces.append(piece)
            piece = b" "
        piece += encoded
    return b"\r\n".join((*pieces, piece)) + b"\r\n"
