"""The door for content without an envelope: `POST /v1/messages`.

Who sent it is proven by an HTTP Message Signature, by the client certificate that our own proxy hands on, or by
both; each proof that is shown must hold.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from api.answers import Form, form_of, respond
from api.arrivals import gate_of, peer_of, read_body
from api.client_certificates import Address, fingerprint, handed_on
from api.formats import READERS, format_of, read
from api.hl7_intake import message_id
from api.intake import Answer, answer_of, rejected
from api.kept_message import kept_certified, kept_signed
from api.message_signatures import (
    COVERED,
    KEY_FIELD,
    LABORATORY_FIELD,
    HeaderLines,
    SignatureClaims,
    SignedRequest,
    is_signed,
    only,
    read_claims,
    verify_signature,
)
from api.node import DATABASE_AWAY, Node
from api.problems import ProblemError, problem_document
from api.refusals import Gate
from domain.laboratory import CERTIFICATE, Laboratory, TrustEndedError
from domain.submission import EnvelopeReplayedError
from domain.values import LaboratoryId
from ledger import certificates, intake, onboarding
from ledger.commands import LaboratoryNotFoundError
from ledger.intake import Envelope, Problem

router = APIRouter(tags=["laboratories"])
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Message:
    """A request as it came; `peer` is who was at the other end of the connection."""

    request: SignedRequest
    content: bytes = field(repr=False)
    peer: Address | None


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the sender shows, nothing of it proven yet."""

    content_type: str
    idempotency_key: str | None
    certificate: x509.Certificate | None
    claims: SignatureClaims | None


@router.post(
    "/v1/messages",
    status_code=201,
    summary="Submit reports as they are",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {name: {"schema": {"type": "string", "format": "binary"}} for name in READERS},
        }
    },
)
async def post_message(request: Request) -> Response:
    """The content as the body under its own Content-Type, with an HTTP Message Signature (RFC 9421, Ed25519) or a
    client certificate that the operator's proxy hands on.

    FHIR is answered with an OperationOutcome, HL7 v2 with an acknowledgement, everything else with JSON; `Accept`
    asks for another form. 201: recorded. The same Idempotency-Key with the same content is a repeat, and gets the
    same answer. 422: kept in quarantine, with the reason. 4xx: refused, with the reason.
    """
    node: Node = request.app.state.node
    gate, limit, content = gate_of(request), node.settings.submission_limit_bytes, b""
    try:
        content = await read_body(request, limit=limit, field="content")
    except ClientDisconnect:
        log.info("message.broken-off")
        return Response(status_code=400)
    except ProblemError as error:
        problem = Problem(error.code, error.field)
        answer = await run_in_threadpool(_rejected, node, problem, limit, None, gate)
    else:
        message = Message(_signed_request(node, request), content, peer_of(request))
        answer = await run_in_threadpool(take, node, message, gate)
    form = form_of(request.headers.get("accept"), request.headers.get("content-type"))
    answered_at = await run_in_threadpool(_recorded_at, node, answer) if form is Form.HL7 else None
    return respond(answer, form, message=content, answered_at=answered_at)


def take(node: Node, message: Message, gate: Gate) -> Answer:
    """Prove, read, record. Whatever arrived leaves an event, but for what the gate turns away."""
    claimed = None
    try:
        shown = _shown(node, message)
        claimed, laboratory = _laboratory(node, message, shown)
        key_id, document = _proof(message, shown, laboratory)
        envelope = Envelope(
            laboratory_id=claimed,
            envelope_id=shown.idempotency_key or message_id(message.content),
            key_id=key_id,
            content_type=shown.content_type,
            content=message.content,
            signed=document,
            sent_as=format_of(shown.content_type, message.content),
        )
        found = read(shown.content_type, message.content, named="content-type")
        accepted = intake.accept(node.ledger, envelope, found)
    except ProblemError as error:
        problem = Problem(error.code, error.field)
    except EnvelopeReplayedError:
        problem = Problem("envelope-replayed", KEY_FIELD)
    except TrustEndedError:
        problem = Problem("sender-not-proven")
    except DATABASE_AWAY as error:
        return _not_ready(error)
    else:
        return answer_of(accepted)
    return _rejected(node, problem, len(message.content), claimed, gate)


def _rejected(
    node: Node, problem: Problem, size_bytes: int, claimed: LaboratoryId | None, gate: Gate
) -> Answer:
    try:
        return rejected(node, problem, size_bytes=size_bytes, claimed=claimed, gate=gate)
    except DATABASE_AWAY as error:
        return _not_ready(error)


def _not_ready(error: Exception) -> Answer:
    """Not known to be stored, and said in the sender's own words: the same is sent again, and then it is known."""
    log.warning("message.database-away", error=type(error).__name__)
    return Answer("rejected", (), Problem("not-ready"), problem_document("not-ready"), retry_after=5)


def _signed_request(node: Node, request: Request) -> SignedRequest:
    """The request as its sender saw it: the address is the public one, whatever a proxy made of it."""
    query = f"?{request.url.query}" if request.url.query else ""
    url = f"{node.settings.public_url.rstrip('/')}{request.url.path}{query}"
    headers = HeaderLines((name.lower(), value) for name, value in request.headers.items())
    return SignedRequest(request.method, url, headers)


def _shown(node: Node, message: Message) -> _Shown:
    headers = message.request.headers
    if headers.values_of("content-encoding"):
        raise ProblemError("message-header-invalid", "content-encoding")
    certificate = handed_on(
        headers, peer=message.peer, believed=node.settings.client_cert_from, now=datetime.now(UTC)
    )
    if certificate is None and not is_signed(headers):
        raise ProblemError("sender-not-proven")
    content_type = only(headers, "content-type", code="message-header-invalid")
    key = None
    # Only HL7 v2 has a number of its own to be known again by.
    if headers.values_of(KEY_FIELD) or form_of(None, content_type) is not Form.HL7:
        key = only(headers, KEY_FIELD, code="message-header-invalid")
    claims = None
    if is_signed(headers):
        claims = read_claims(message.request, needed=(*COVERED, KEY_FIELD) if key else COVERED)
    return _Shown(content_type, key, certificate, claims)


def _laboratory(node: Node, message: Message, shown: _Shown) -> tuple[LaboratoryId, Laboratory]:
    """Whom the message is from, by what is shown: the certificate names its laboratory, a signature needs the
    handle beside it."""
    named = None
    if shown.claims is not None or message.request.headers.values_of(LABORATORY_FIELD):
        handle = only(message.request.headers, LABORATORY_FIELD, code="message-header-invalid")
        try:
            named = onboarding.load_laboratory(node.ledger, handle)
        except LaboratoryNotFoundError:
            raise ProblemError("laboratory-unknown", LABORATORY_FIELD) from None
    if shown.certificate is None:
        assert named is not None
        return named
    try:
        certified = certificates.laboratory_of(node.ledger, fingerprint(shown.certificate))
    except LaboratoryNotFoundError:
        raise ProblemError("client-certificate-unknown", "client-cert") from None
    if named is not None and named[0] != certified[0]:
        raise ProblemError("issuer-mismatch", LABORATORY_FIELD)
    return certified


def _proof(message: Message, shown: _Shown, laboratory: Laboratory) -> tuple[str, bytes]:
    """What stands for the message, seen to hold: its name, and what is kept of it with the content."""
    if shown.claims is not None:
        public_key = laboratory.key(shown.claims.key_id)
        if public_key is None:
            raise ProblemError("laboratory-key-unknown", "signature-input.keyid")
        base = verify_signature(
            message.request, message.content, shown.claims, public_key=public_key, now=datetime.now(UTC)
        )
        return shown.claims.key_id, kept_signed(base, shown.claims.signature, message.content)
    assert shown.certificate is not None
    document = kept_certified(
        shown.certificate.public_bytes(Encoding.DER),
        message.content,
        content_type=shown.content_type,
        idempotency_key=shown.idempotency_key,
    )
    return f"{CERTIFICATE}{fingerprint(shown.certificate)}", document


def _recorded_at(node: Node, answer: Answer) -> datetime | None:
    """When the submission was recorded: the time that its acknowledgement names, today and at each repeat."""
    if "submission_id" not in answer.body:
        return None
    first = next(node.ledger.read(UUID(answer.body["submission_id"])), None)
    return first.recorded_at if first is not None else None
