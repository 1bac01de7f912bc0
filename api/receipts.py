"""What a laboratory checks a receipt with: the key that signs receipts, and the proof that the log kept the
promise of one."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api.node import Node
from api.problems import ProblemError
from domain.submission import SubmissionReceived
from ledger.receipt import signer_of
from projections import transparency

router = APIRouter(tags=["laboratories"])


@router.get("/v1/receipts/key", summary="The public key of receipts")
def receipt_key(request: Request) -> dict[str, Any]:
    """The vkey (C2SP signed-note) under which every receipt is signed."""
    node: Node = request.app.state.node
    return {"origin": node.ledger.origin, "vkey": signer_of(node.ledger).verifier.vkey}


@router.get("/v1/submissions/{submission_id}/proof", summary="The proof that a submission is in the log")
def submission_proof(request: Request, submission_id: UUID) -> Response:
    """A proof file (c2sp.org/tlog-proof@v1) of the leaf that the receipt promised: leaf index, inclusion
    proof, signed checkpoint. 404 with Retry-After until a checkpoint covers it, about a second."""
    node: Node = request.app.state.node
    first = next(iter(node.ledger.read(submission_id)), None)
    if first is None or not isinstance(first.event, SubmissionReceived):
        raise ProblemError("not-found")
    try:
        proof, _ = transparency.prove(node.ledger, first.event_id)
    except transparency.NotIntegratedError:
        raise ProblemError("not-integrated", retry_after=1) from None
    return Response(proof, media_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"})
