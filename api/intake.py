"""Submissions: a laboratory's envelope comes in by HTTP or from the command line, and is answered."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from joserfc.jwk import OKPKey
from orjson import OPT_SORT_KEYS, dumps

from api.compact_form import EnvelopeError
from api.envelope import OpenedEnvelope, SignedContent, unseal, verify
from api.envelope_keys import load_key, public_jwk
from api.formats import read
from api.metrics import SUBMISSIONS
from api.node import Node
from api.problems import ProblemError, problem_document
from domain.laboratory import Laboratory
from domain.submission import EnvelopeReplayedError, ReportOutcome
from domain.values import LaboratoryId
from ledger import commands, intake
from ledger.intake import Accepted, Envelope, Problem

router = APIRouter(tags=["laboratories"])


@dataclass(frozen=True, slots=True)
class Answer:
    """What the laboratory is told. `outcome` is recorded, duplicate, quarantined or rejected."""

    outcome: str
    reports: tuple[str, ...]
    problem: Problem | None
    body: dict[str, Any]


def submit(node: Node, envelope: bytes) -> Answer:
    """Open, verify, read, record. Whatever arrived leaves an event; a ProblemError never leaves here."""
    laboratory_id = None
    try:
        signed = unseal(
            envelope,
            recipient_keys={node.intake_key.thumbprint(): node.intake_key},
            size_limit=node.settings.submission_limit_bytes,
        )
        laboratory_id, laboratory = _laboratory(node, signed)
        opened = verify(
            signed,
            key=_key(laboratory, signed),
            issuer=laboratory.handle,
            audience=node.settings.public_url,
            now=datetime.now(UTC),
        )
        accepted = intake.accept(
            node.ledger, _envelope(laboratory_id, signed, opened), read(opened.content_type, opened.content)
        )
    except (EnvelopeError, ProblemError) as error:
        problem = Problem(error.code, error.field)
    except EnvelopeReplayedError:
        problem = Problem("envelope-replayed", "jws.jti")
    else:
        return _answer(accepted)
    return _rejected(node, problem, size_bytes=len(envelope), claimed=laboratory_id)


def _rejected(node: Node, problem: Problem, *, size_bytes: int, claimed: LaboratoryId | None) -> Answer:
    """Not kept, for nobody stands behind it; that it came is recorded."""
    submission_id = intake.refuse(node.ledger, problem, size_bytes=size_bytes, claimed=claimed)
    SUBMISSIONS.labels("rejected").inc()
    body = problem_document(problem.code, problem.field) | {"submission_id": str(submission_id)}
    return Answer("rejected", (), problem, body)


def _laboratory(node: Node, signed: SignedContent) -> tuple[LaboratoryId, Laboratory]:
    try:
        return commands.load_laboratory(node.ledger, signed.issuer)
    except commands.LaboratoryNotFoundError:
        raise ProblemError("laboratory-unknown", "jws.iss") from None


def _key(laboratory: Laboratory, signed: SignedContent) -> OKPKey:
    public_key = laboratory.key(signed.key_id)
    if public_key is None:
        raise ProblemError("laboratory-key-unknown", "jws.kid")
    jwk = json.dumps({"kty": "OKP", "crv": "Ed25519", "x": public_key})
    return load_key(jwk, "Ed25519", private=False)


def _envelope(laboratory_id: LaboratoryId, signed: SignedContent, opened: OpenedEnvelope) -> Envelope:
    return Envelope(
        laboratory_id=laboratory_id,
        envelope_id=opened.envelope_id,
        key_id=opened.key_id,
        content_type=opened.content_type,
        content=opened.content,
        signed=signed.compact,
    )


def _answer(accepted: Accepted) -> Answer:
    """The same submission is answered with the same body, however often it comes."""
    reports = [
        {
            "id": str(report.report_id),
            "version": report.version,
            "outcome": report.outcome,
            "held": problem_document(report.held) if report.held else None,
        }
        for report in accepted.reports
    ]
    ids = tuple(str(report.report_id) for report in accepted.reports)
    if accepted.problem is not None:
        problem = accepted.problem
        body = problem_document(problem.code, problem.field) | {"submission_id": str(accepted.submission_id)}
        outcome = "quarantined"
    else:
        held = next((report.held for report in accepted.reports if report.held), None)
        problem = Problem(held, "subject.identifier") if held else None  # type: ignore[assignment]
        body = {"submission_id": str(accepted.submission_id), "reports": reports}
        known = all(report.outcome is ReportOutcome.DUPLICATE for report in accepted.reports)
        outcome = "duplicate" if accepted.is_repeat or known else "recorded"
    SUBMISSIONS.labels(outcome).inc()
    return Answer(outcome, ids, problem, body)


@router.post(
    "/v1/submissions",
    status_code=201,
    summary="Submit reports",
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
    """
    node: Node = request.app.state.node
    limit = 2 * node.settings.submission_limit_bytes + 65536
    envelope = await _body(request, limit=limit)
    if envelope is None:
        too_large = Problem("submission-too-large", "envelope")
        answer = await run_in_threadpool(_rejected, node, too_large, size_bytes=limit, claimed=None)
    else:
        answer = await run_in_threadpool(submit, node, envelope)
    if answer.outcome in ("recorded", "duplicate"):
        return Response(dumps(answer.body, option=OPT_SORT_KEYS), 201, media_type="application/json")
    return Response(
        dumps(answer.body, option=OPT_SORT_KEYS), answer.body["status"], media_type="application/problem+json"
    )


@router.get("/v1/keys", summary="The key to encrypt submissions to")
def get_keys(request: Request) -> dict[str, Any]:
    """A JWK set (RFC 7517) with the current X25519 key of the intake, and the audience to sign for."""
    node: Node = request.app.state.node
    return {"audience": node.settings.public_url, "keys": [json.loads(public_jwk(node.intake_key))]}


async def _body(request: Request, *, limit: int) -> bytes | None:
    """The body, read no further than the limit; None if there is more."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            return None
        parts.append(part)
    return b"".join(parts)
