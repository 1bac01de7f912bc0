"""What a delivery status notification says (RFC 3464): whether a letter reached its mailbox, or never will.

Only its machine-readable part is believed. A report of a delay is none yet; one that another server has it says
nothing of the mailbox. Servers write the status in full, or in general ("5.0.0") and the true one in the words of
the server that refused (Exim): then that is taken.
"""

import re
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser, HeaderParser
from email.policy import compat32
from typing import Final

_STATUS: Final = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?!\S)")
_DIAGNOSTIC: Final = re.compile(r"(?<![\d.])([45]\d\d)[ -](?:#?([45]\.\d{1,3}\.\d{1,3})(?![\w.]))?")
# What a server writes that knows no better.
_UNKNOWN: Final = "5.0.0"
_PARTS_MAX: Final = 100
# What is longer, or deeper, than any server writes is made to keep us busy: the library's parser takes time that
# grows with the square of it. The machine-readable part comes before the letter that it is about.
_BYTES_MAX: Final = 128_000
_BOUNDARIES_MAX: Final = 20
_CONTENT_TYPE: Final = re.compile(rb"(?i)(?<![^\r\n])content-type:[^\r\n]*(?:(?:\r\n|\r|\n)[ \t][^\r\n]*)*")
_CONTENT_TYPE_MAX: Final = 1000
_BEYOND_ASCII: Final = "message/global-delivery-status"  # RFC 6533


@dataclass(frozen=True, slots=True)
class Reported:
    """`status` is the number of RFC 3463 for what failed, or that of RFC 5321 where only it is known."""

    delivered: bool
    status: str = ""


def read(content: bytes) -> Reported | None:
    """None where the message reports nothing final. If it speaks of several recipients, which a forwarded letter
    has, one that it reached counts."""
    begin = content[:_BYTES_MAX]
    if _is_beyond_reason(begin):
        return None
    try:
        message = BytesParser(policy=compat32).parsebytes(begin)
        said = [one for part in _reports(message) for one in _recipients(part)]
    except (
        ValueError,
        LookupError,
        RecursionError,
    ):  # what the library's parser raises for what is no message
        return None
    return next((one for one in said if one.delivered), said[0] if said else None)


def _is_beyond_reason(content: bytes) -> bool:
    is_deep = content.lower().count(b"boundary") > _BOUNDARIES_MAX
    return is_deep or any(len(found[0]) > _CONTENT_TYPE_MAX for found in _CONTENT_TYPE.finditer(content))


def _reports(message: Message) -> list[Message]:
    """The machine-readable part: the second of a multipart/report (RFC 6522)."""
    parts = message.get_payload()
    if message.get_content_type() != "multipart/report" or not isinstance(parts, list):
        return []
    return [
        part
        for part in parts[:_PARTS_MAX]
        if isinstance(part, Message) and part.get_content_type() in ("message/delivery-status", _BEYOND_ASCII)
    ]


def _recipients(report: Message) -> list[Reported]:
    """Its blocks of fields: the first is about the message, each other about a recipient."""
    blocks = report.get_payload()
    if not isinstance(blocks, list):
        return []
    if report.get_content_type() == _BEYOND_ASCII:
        # The library takes it for a message: the first block for its header, the others for its text.
        rest = blocks[0].get_payload() if isinstance(blocks[0], Message) else ""
        blocks = [HeaderParser().parsestr(block) for block in re.split(r"\r?\n\r?\n", str(rest))]
    found = [_reported(block) for block in blocks[:_PARTS_MAX] if isinstance(block, Message)]
    return [one for one in found if one is not None]


def _reported(block: Message) -> Reported | None:
    match _field(block, "Action").lower():
        case "delivered":
            return Reported(delivered=True)
        case "failed":
            return Reported(delivered=False, status=_status(block))
        case _:  # delayed, relayed, expanded; or the block that is about the message
            return None


def _status(block: Message) -> str:
    stated = _STATUS.match(_field(block, "Status"))
    status = stated[0] if stated is not None and stated[1] != "2" else _UNKNOWN
    if status.endswith(".0.0"):
        diagnosed = _DIAGNOSTIC.search(_field(block, "Diagnostic-Code"))
        return status if diagnosed is None else diagnosed[2] or diagnosed[1]
    return status


def _field(block: Message, name: str) -> str:
    """On one line."""
    return " ".join(str(block.get(name, "")).split())
