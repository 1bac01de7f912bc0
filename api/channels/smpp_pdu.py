"""The few PDUs of SMPP 3.4 that we speak: written by smpplib, read here.

smpplib's own reader takes as many octets as the other side names, refuses a PDU for an optional parameter that it does
not expect there, and cuts the last letter of one that does not end with NUL. Nothing that a centre sends may end the
connection as long as its head can be read: an answer to what was submitted could come next.
"""

import re
import struct
from asyncio import StreamReader
from dataclasses import dataclass, field
from typing import Any, Final

from smpplib import consts  # type: ignore[import-untyped]
from smpplib.command_codes import get_command_name  # type: ignore[import-untyped]
from smpplib.exceptions import UnknownCommandError  # type: ignore[import-untyped]
from smpplib.smpp import make_pdu  # type: ignore[import-untyped]

from api.channels.short_message import NUMBER_UNKNOWN, Receipt

OK: Final = 0x00
MESSAGE_TOO_LONG: Final = 0x01
NO_SUCH_NUMBER: Final = 0x0B  # ESME_RINVDSTADR
QUEUE_FULL: Final = 0x14
THROTTLED: Final = 0x58
TRY_LATER: Final = 0x64  # ESME_RX_T_APPN: the centre keeps its receipt and tells it again

_HEAD: Final = struct.Struct(">IIII")
_LENGTH_LIMIT: Final = 65_536
_RECEIPTED_MESSAGE_ID, _MESSAGE_PAYLOAD, _NETWORK_ERROR, _MESSAGE_STATE = 0x1E, 0x424, 0x423, 0x427
_IS_RECEIPT: Final = 0x04  # of esm_class, bits 5 to 2 (SMPP 3.4, 5.2.12)
_STATES: Final = {2: "DELIVRD", 3: "EXPIRED", 4: "DELETED", 5: "UNDELIV", 8: "REJECTD"}  # 5.2.28
_UNKNOWN_SUBSCRIBER: Final = b"\x03\x00\x01"  # of a GSM network, the error 1 of MAP (3GPP TS 29.002)


class PduMalformedError(Exception):
    """The head of a PDU names a length that it can't have: what follows can't be told apart any more."""


@dataclass(frozen=True, slots=True)
class Pdu:
    """`command` is empty if it is none that SMPP 3.4 has."""

    command: str
    status: int
    sequence: int
    body: bytes = field(repr=False, default=b"")


# Writing.


def write(command: str, sequence: int, *, status: int = OK, **fields: Any) -> bytes:
    pdu = make_pdu(command, sequence=sequence, status=status, **fields)
    pdu.sequence = sequence
    written: bytes = pdu.generate()
    return written


# Reading.


async def read(reader: StreamReader) -> Pdu:
    """The next one. IncompleteReadError if the connection ends before it does."""
    length, code, status, sequence = _HEAD.unpack(await reader.readexactly(_HEAD.size))
    if not _HEAD.size <= length <= _LENGTH_LIMIT:
        raise PduMalformedError
    body = await reader.readexactly(length - _HEAD.size)
    try:
        command: str = get_command_name(code)
    except UnknownCommandError:
        command = ""
    return Pdu(command, status, sequence, body)


def message_id_of(answer: Pdu) -> str:
    """The centre's number for what it took; empty if it gave none."""
    return _text(answer.body.partition(b"\0")[0])


def receipt_of(pdu: Pdu) -> Receipt | None:
    """The receipt that a deliver_sm is; None of what a person has sent, and of a state that is not the last one.

    The optional parameters say it best. Where a centre has none, the text does (SMPP 3.4, appendix B)."""
    try:
        esm_class, text, parameters = _delivered(pdu.body)
    except (IndexError, ValueError, struct.error):
        return None
    if esm_class & 0x3C != _IS_RECEIPT:
        return None
    text = text or parameters.get(_MESSAGE_PAYLOAD, b"")
    written = {
        name.lower(): _text(value)
        for name, value in re.findall(rb"\b(id|stat|err):([\w.-]+)", text, re.IGNORECASE)
    }
    given = _text(parameters.get(_RECEIPTED_MESSAGE_ID, b"").rstrip(b"\0"))
    state = _STATES.get((parameters.get(_MESSAGE_STATE) or b"\0")[0]) or written.get(b"stat", "").upper()
    if state not in _STATES.values() or not (given or b"id" in written):
        return None
    is_unknown = parameters.get(_NETWORK_ERROR) == _UNKNOWN_SUBSCRIBER
    reason = NUMBER_UNKNOWN if is_unknown else f"smpp-{state.lower()}"
    return Receipt(
        remote_id=given or written[b"id"],
        is_as_answered=bool(given),
        is_delivered=state == "DELIVRD",
        reason="" if state == "DELIVRD" else reason,
    )


def _delivered(body: bytes) -> tuple[int, bytes, dict[int, bytes]]:
    """esm_class, short_message and the optional parameters of a deliver_sm (SMPP 3.4, 4.6.1)."""
    at = _after_text(body, 0) + 2  # service_type; kind of the number
    at = _after_text(body, at) + 2
    at = _after_text(body, at)
    esm_class = body[at]
    at = _after_text(body, at + 3)  # protocol_id, priority_flag; schedule_delivery_time
    at = _after_text(body, at) + 4  # validity_period; four octets that say nothing here
    length, at = body[at], at + 1
    text, at = body[at : at + length], at + length
    parameters = {}
    while at < len(body):
        tag, size = struct.unpack_from(">HH", body, at)
        parameters[tag] = body[at + 4 : at + 4 + size]
        at += 4 + size
    return esm_class, text, parameters


def _after_text(body: bytes, at: int) -> int:
    return body.index(b"\0", at) + 1


def _text(octets: bytes) -> str:
    return octets.decode("ascii", "replace").strip()


# What smpplib names, and we use.
GSM_7: Final[int] = consts.SMPP_ENCODING_DEFAULT
UCS_2: Final[int] = consts.SMPP_ENCODING_ISO10646
HAS_HEADER: Final[int] = consts.SMPP_GSMFEAT_UDHI
