"""Submissions: a laboratory's envelope is opened, verified, read and recorded, and answered."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from joserfc.jwk import OKPKey

from api.compact_form import EnvelopeError
from api.envelope import OpenedEnvelope, SignedContent, unseal, verify
from api.envelope_keys import load_key
from api.formats import format_of, read
from api.metrics import SUBMISSIONS
from api.node import Node
from api.problems import ProblemError, problem_document
from api.refusals import TOO_MANY_REFUSED, Gate, open_gate
from domain.laboratory import Laboratory, TrustEndedError
from domain.submission import EnvelopeReplayedError, ReportOutcome
from domain.values import LaboratoryId, OrganisationId
from ledger import commands, intake, onboarding
from ledger.intake import Accepted, Envelope, Problem


@dataclass(frozen=True, slots=True)
class Answer:
    """What the laboratory is told. `outcome` is recorded, duplicate, quarantined or rejected."""

    outcome: str
    reports: tuple[str, ...]
    problem: Problem | None
    body: dict[str, Any]
    retry_after: int | None = None


def submit(
    node: Node, envelope: bytes, gate: Gate = open_gate, *, as_of: OrganisationId | None = None
) -> Answer:
    """Open, verify, read, record. Whatever arrived leaves an event, but for what the gate turns away; a
    ProblemError never leaves here. `as_of` is whose permission a sample report asks (`ledger.intake.Envelope`)."""
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
        kept = replace(_envelope(laboratory_id, signed, opened), as_of=as_of)
        accepted = intake.accept(node.ledger, kept, read(opened.content_type, opened.content))
    except (EnvelopeError, ProblemError) as error:
        problem = Problem(error.code, error.field)
    except EnvelopeReplayedError:
        problem = Problem("envelope-replayed", "jws.jti")
    except TrustEndedError:
        problem = Problem("laboratory-key-unknown", "jws.kid")
    else:
        return answer_of(accepted)
    return rejected(node, problem, size_bytes=len(envelope), claimed=laboratory_id, gate=gate)


def rejected(
    node: Node, problem: Problem, *, size_bytes: int, claimed: LaboratoryId | None, gate: Gate = open_gate
) -> Answer:
    """Not kept, for nobody stands behind it; that it came is recorded, unless too many came."""
    SUBMISSIONS.labels("rejected").inc()
    retry_after = gate(size_bytes)
    if retry_after is not None:
        problem = Problem(TOO_MANY_REFUSED)
        return Answer("rejected", (), problem, problem_document(problem.code), retry_after)
    submission_id = intake.refuse(node.ledger, problem, size_bytes=size_bytes, claimed=claimed)
    body = problem_document(problem.code, problem.field) | {"submission_id": str(submission_id)}
    return Answer("rejected", (), problem, body)


def _laboratory(node: Node, signed: SignedContent) -> tuple[LaboratoryId, Laboratory]:
    try:
        return onboarding.laboratory_of_key(node.ledger, signed.issuer, signed.key_id)
    except commands.LaboratoryNotFoundError:
        raise ProblemError("laboratory-unknown", "jws.iss") from None


def _key(laboratory: Laboratory, signed: SignedContent) -> OKPKey:
    public_key = laboratory.key(signed.key_id)
    if public_key is None:
        raise ProblemError("laboratory-key-unknown", "jws.kid")
    return _loaded(public_key)


@lru_cache(maxsize=1024)
def _loaded(public_key: str) -> OKPKey:
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
        sent_as=format_of(opened.content_type, opened.content),
    )


def answer_of(accepted: Accepted) -> Answer:
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
    if accepted.receipt:
        body["receipt"] = accepted.receipt.decode()
    SUBMISSIONS.labels(outcome).inc()
    return Answer(outcome, ids, problem, body)
