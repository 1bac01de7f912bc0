"""The door for envelopes: `POST /v1/submissions`, and the key to encrypt them to."""

import json
from typing import Any

import structlog
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from api.answers import form_of, respond
from api.arrivals import gate_of, read_body
from api.envelope_keys import public_jwk
from api.intake import rejected, submit
from api.node import Node
from api.problems import ProblemError
from ledger.intake import Problem

router = APIRouter(tags=["laboratories"])
log = structlog.get_logger()


@router.post(
    "/v1/submissions",
    status_code=201,
    summary="Submit reports in an envelope",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/jose": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def post_submission(request: Request) -> Response:
    """A compact JWE (ECDH-ES+A256KW, A256GCM) around a compact JWS (Ed25519) around the content.

    201: recorded; the body names each report and, if it waits for its patient, why. A repeat of the same
    envelope gets the same body. 422: kept in quarantine, with the reason. 4xx: refused, with the reason.
    `Accept: application/fhir+json` or `application/fhir+xml` asks for an OperationOutcome.
    """
    node: Node = request.app.state.node
    gate = gate_of(request)
    limit = 2 * node.settings.submission_limit_bytes + 65536
    try:
        envelope = await read_body(request, limit=limit, field="envelope")
    except ClientDisconnect:
        log.info("submission.broken-off")
        return Response(status_code=400)
    except ProblemError as error:
        problem = Problem(error.code, error.field)
        answer = await run_in_threadpool(rejected, node, problem, size_bytes=limit, claimed=None, gate=gate)
    else:
        answer = await run_in_threadpool(submit, node, envelope, gate)
    return respond(answer, form_of(request.headers.get("accept")))


@router.get("/v1/keys", summary="The key to encrypt submissions to")
def get_keys(request: Request) -> dict[str, Any]:
    """A JWK set (RFC 7517) with the current X25519 key of the intake, and the audience to sign for."""
    node: Node = request.app.state.node
    return {"audience": node.settings.public_url, "keys": [json.loads(public_jwk(node.intake_key))]}
