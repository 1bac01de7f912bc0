"""HL7 v2 messages that come without an envelope: their sender and, over TLS, its certificate stand for it."""

import hashlib
from datetime import UTC, datetime
from uuid import uuid4

import structlog

from api.client_certificates import address_of
from api.content import ContentError
from api.formats import read
from api.hl7.acknowledgement import ACCEPT_CODES, acknowledge, header_of, is_wanted
from api.hl7.reading import CONTENT_TYPES
from api.hl7.syntax import Segment
from api.metrics import SUBMISSIONS
from api.mllp import HangUpError, Listener, Tls
from api.node import DATABASE_AWAY, Node
from api.problems import ProblemError
from api.refusals import TOO_MANY_REFUSED, Gate, Refusals, open_gate
from domain.laboratory import CERTIFICATE, HL7_SENDER, TrustEndedError
from domain.organisation import Format
from domain.values import LaboratoryId
from ledger import commands, intake, onboarding
from ledger.intake import Accepted, Envelope, Problem

CONTENT_TYPE = CONTENT_TYPES[0]
UNKNOWN_SENDER = Problem("laboratory-unknown", "MSH-3")
CERTIFICATE_NEEDED = Problem("sender-not-authenticated", "MSH-3")
# What the acknowledgement must look like when there is no header to answer to.
_ANONYMOUS = b"MSH|^~\\&|||||||ACK|0|P|2.5\r"

log = structlog.get_logger()


class _RefusedError(Exception):
    """Nobody stands behind the message."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem


def receive(node: Node, message: bytes, certificate: str | None, gate: Gate = open_gate) -> bytes:
    """Store the message and give its acknowledgement: AA only when it is stored and its reports are
    recorded, AE when it is stored in quarantine or must be sent again later, AR when it is not kept.

    `certificate` is the SHA-256 (hex) of the sender's client certificate. Empty if the sender wants no
    answer of this kind (MSH-15, MSH-16). HangUpError once too many messages were refused."""
    try:
        header = header_of(message)
    except ContentError as error:
        return _refused(node, message, header_of(_ANONYMOUS), Problem(error.code, error.field), gate)
    try:
        accepted = _accept(node, message, header, certificate)
    except _RefusedError as error:
        return _refused(node, message, header, error.problem, gate)
    except DATABASE_AWAY as error:
        # Not known to be stored, so never AA: the sender sends it again, and then it is known.
        log.warning("hl7.database-away", error=type(error).__name__)
        return _answer(header, "AE", Problem("not-ready"))
    SUBMISSIONS.labels("quarantined" if accepted.problem else "recorded").inc()
    return _answer(header, "AE" if accepted.problem else "AA", accepted.problem)


def too_large(node: Node, gate: Gate = open_gate) -> bytes:
    """The answer to a message over the limit, of which nothing is kept."""
    problem = Problem("submission-too-large")
    return _refused(node, b"", header_of(_ANONYMOUS), problem, gate)


def message_id(message: bytes) -> str:
    """By what a message without an id of its sender's making is known again: its sender, control id and bytes. Not by
    the control id alone: systems begin to count anew, and a result must not be lost to that."""
    try:
        header = header_of(message)
    except ContentError:
        raise ProblemError("message-header-invalid", "idempotency-key") from None
    names = (header.code(number) or "" for number in (3, 4, 10))
    return "|".join(("hl7", *names, hashlib.sha256(message).hexdigest()))


def hl7_listener(node: Node, refusals: Refusals) -> Listener:
    """The MLLP listener of these settings, in front of `receive`."""
    settings = node.settings
    tls = None
    if settings.mllp_certificate is not None and settings.mllp_key is not None:
        tls = Tls(settings.mllp_certificate, settings.mllp_key, settings.mllp_client_authorities)
    return Listener(
        lambda message, certificate, peer: receive(
            node, message, certificate, refusals.gate(address_of(peer))
        ),
        lambda peer: too_large(node, refusals.gate(address_of(peer))),
        limit_bytes=settings.submission_limit_bytes,
        tls=tls,
    )


def _accept(node: Node, message: bytes, header: Segment, certificate: str | None) -> Accepted:
    application, facility = (header.code(number) or "" for number in (3, 4))
    try:
        laboratory_id, laboratory = onboarding.laboratory_of_sender(
            node.ledger, application=application, facility=facility
        )
    except commands.LaboratoryNotFoundError:
        raise _RefusedError(UNKNOWN_SENDER) from None
    sender = laboratory.sender(application, facility)
    if sender is None or sender.certificate_sha256 not in (None, certificate):
        raise _RefusedError(CERTIFICATE_NEEDED)
    envelope = Envelope(
        laboratory_id=LaboratoryId(laboratory_id),
        envelope_id=message_id(message),
        key_id=f"{CERTIFICATE}{certificate}" if sender.certificate_sha256 else HL7_SENDER,
        content_type=CONTENT_TYPE,
        content=message,
        signed=message,
        sent_as=Format.HL7_V2,
    )
    try:
        return intake.accept(node.ledger, envelope, read(CONTENT_TYPE, message))
    except TrustEndedError:
        raise _RefusedError(UNKNOWN_SENDER) from None


def _refused(node: Node, message: bytes, header: Segment, problem: Problem, gate: Gate) -> bytes:
    SUBMISSIONS.labels("rejected").inc()
    if gate(len(message)) is not None:
        raise HangUpError(_answer(header, "AR", Problem(TOO_MANY_REFUSED)))
    intake.refuse(node.ledger, problem, size_bytes=len(message), claimed=None)
    return _answer(header, "AR", problem)


def _answer(header: Segment, code: str, problem: Problem | None) -> bytes:
    """Empty if the sender wants neither an accept nor an application acknowledgement of this kind. We give
    one answer, after storage: so where both are wanted, it is the accept acknowledgement."""
    if not (is_wanted(header, ACCEPT_CODES[code]) or is_wanted(header, code)):
        return b""
    return acknowledge(
        header,
        code,
        control_id=uuid4().hex[:20],
        sent_at=datetime.now(UTC),
        problem=ContentError(problem.code, problem.field) if problem else None,
    )
