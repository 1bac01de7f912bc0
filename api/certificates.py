"""Replay certificates for whoever asks: a machine that watches, an auditor from outside. They name nobody."""

from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api import limits
from api.node import Node
from api.problems import ProblemError
from ledger import replay_certificate
from ledger.replay_certificate import Certificate, CertificateNotFoundError

router = APIRouter(tags=["evidence"], prefix="/v1/certificates")
_AS_TEXT = "text/plain; charset=utf-8"


@router.get("/latest", summary="The newest replay certificate")
def latest(request: Request) -> Response:
    """A signed note: docs/evidence/certificate.md."""
    node = _node(request)
    given = replay_certificate.latest(node.ledger)
    if given is None:
        raise ProblemError("not-found")
    return _note(node, given, {"Cache-Control": "no-store"})


@router.get("/{event_id:uuid}", summary="A replay certificate by its event")
def certificate(request: Request, event_id: UUID) -> Response:
    """The same bytes each time."""
    node = _node(request)
    return _note(node, _found(node, event_id), {})


@router.get("/{event_id:uuid}/event", summary="The stored bytes that a certificate's leaf commits to")
def event(request: Request, event_id: UUID) -> Response:
    """The leaf, an empty line, and the rest, whose digest stands in the leaf. Nobody's data is in it."""
    node = _node(request)
    stored = replay_certificate.stored_bytes(node.ledger, _found(node, event_id))
    return Response(stored, media_type=_AS_TEXT)


def _node(request: Request) -> Node:
    """Anybody may ask, but not all the time."""
    node: Node = request.app.state.node
    limits.take_from_address(request, node.ledger, node.settings, "certificate")
    return node


def _found(node: Node, event_id: UUID) -> Certificate:
    try:
        return replay_certificate.certificate(node.ledger, event_id)
    except CertificateNotFoundError:
        raise ProblemError("not-found") from None


def _note(node: Node, given: Certificate, headers: dict[str, str]) -> Response:
    return Response(replay_certificate.sign(node.ledger, given), media_type=_AS_TEXT, headers=headers)
