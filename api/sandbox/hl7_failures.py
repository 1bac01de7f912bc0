"""The failures of a sandbox for HL7 v2 by MLLP: MSH-5 (receiving application) asks for one, as SANDBOX-DROP."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from api.content import ContentError
from api.hl7.acknowledgement import acknowledge, header_of
from api.hl7.syntax import Segment
from api.hl7_intake import receive, too_large
from api.mllp import HangUpError, Listener
from api.node import Node
from api.sandbox.failures import SLOW_SECONDS, Failure, Strikes

PREFIX = "SANDBOX-"
# Read by MSH-9 as a message that is no result: so it is quarantined.
_OTHER_KIND = "ADT^A01^ADT_A01"
_STRANGER = "SANDBOX-STRANGER"


@dataclass(frozen=True, slots=True)
class FailingIntake:
    """Takes messages as the program does, with failures for those that ask for one."""

    node: Node
    slow_seconds: float = SLOW_SECONDS
    strikes: Strikes = field(default_factory=Strikes)

    def receive(self, message: bytes, certificate: str | None, _peer: str | None) -> bytes:
        header = _header(message)
        failure = _asked(header)
        if header is None or failure is None or not self.strikes.strikes(failure, message):
            return receive(self.node, message, certificate)
        match failure:
            case Failure.NOT_READY:
                return _not_ready(header)
            case Failure.TOO_LARGE:
                return too_large(self.node)
            case Failure.QUARANTINE:
                return receive(self.node, _changed(message, header, 9, _OTHER_KIND), certificate)
            case Failure.UNKNOWN_KEY:
                return receive(self.node, _changed(message, header, 3, _STRANGER), certificate)
        answer = receive(self.node, message, certificate)
        if failure is Failure.DROP:
            raise HangUpError(b"")
        time.sleep(self.slow_seconds)
        return answer


def listener(node: Node) -> Listener:
    """The listener of a sandbox. It refuses strangers without counting how many."""
    return Listener(
        FailingIntake(node).receive,
        lambda _peer: too_large(node),
        limit_bytes=node.settings.submission_limit_bytes,
    )


def _header(message: bytes) -> Segment | None:
    try:
        return header_of(message)
    except ContentError:
        return None


def _asked(header: Segment | None) -> Failure | None:
    receiver = header.code(5) if header else None
    if receiver is None or not receiver.upper().startswith(PREFIX):
        return None
    name = receiver[len(PREFIX) :].lower()
    return Failure(name) if name in list(Failure) else None


def _not_ready(header: Segment) -> bytes:
    return acknowledge(
        header,
        "AE",
        control_id=uuid4().hex[:20],
        sent_at=datetime.now(UTC),
        problem=ContentError("not-ready", None),
    )


def _changed(message: bytes, header: Segment, number: int, text: str) -> bytes:
    """The message with another text in a field of its MSH; MSH-1 is the separator itself."""
    separator = header.delimiters.field.encode()
    first, ending, rest = message.partition(b"\r")
    fields = first.split(separator)
    fields[number - 1] = text.encode()
    return separator.join(fields) + ending + rest
