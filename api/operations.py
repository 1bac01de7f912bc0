"""What operators and machines ask: is it alive, is it ready, how does it go, what does the log say."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.delivery_gauges import delivery_gauges
from api.metrics import exposition, gauge
from api.node import Node
from api.problems import ProblemError
from projections import PROJECTIONS, corrections_overview, intake, obligations, tickets, transparency
from projections.follow import parked, position_of

router = APIRouter(tags=["operations"])


@router.get("/healthz", summary="The process is alive")
def healthz() -> dict[str, str]:
    return {"status": "alive"}


@router.get("/readyz", summary="The database answers and the views follow")
def readyz(request: Request) -> Response:
    """200 when the views are near the ledger's end and nothing is parked; 503 names what is not so."""
    node: Node = request.app.state.node
    last = node.ledger.last_position()
    behind = {view.name: last - position_of(node.ledger, view.name) for view in PROJECTIONS}
    aside = parked(node.ledger, PROJECTIONS)
    ready = max(behind.values()) < 10_000 and not aside
    body = {"status": "ready" if ready else "degraded", "behind": behind, "parked": aside}
    return JSONResponse(body, 200 if ready else 503)


@router.get("/metrics", summary="Prometheus metrics")
def metrics(request: Request) -> Response:
    ledger = request.app.state.node.ledger
    aside = parked(ledger, PROJECTIONS)
    reached = [((view.name,), position_of(ledger, view.name)) for view in PROJECTIONS]
    waiting = [((view.name,), aside.get(view.name, 0)) for view in PROJECTIONS]
    quarantined = intake.counts(ledger).items()
    now = datetime.now(UTC)
    overdue = obligations.count_overdue(ledger, today=now.date())
    aged = [((age,), count) for age, count in tickets.count_by_age(ledger, now=now).items()]
    escalated = tickets.count_escalated(ledger)
    oldest = corrections_overview.oldest_open(ledger)
    signed = transparency.latest(ledger)
    size = signed.tree_size if signed else 0
    alarm = "Events that a view could not take: any is an alarm"
    gauges = (
        gauge("letopis_position", "Last position of the ledger", [((), ledger.last_position())]),
        gauge("letopis_view_position", "Position that a view has reached", reached, ("projection",)),
        gauge("letopis_parked_events", alarm, waiting, ("projection",)),
        gauge("letopis_tree_size", "Size of the last signed checkpoint", [((), size)]),
        gauge("letopis_quarantined", "Submissions in quarantine", quarantined, ("laboratory", "code")),
        gauge(
            "letopis_corrections_open",
            "Corrections of results that a party was not told of and has not seen",
            [((kind,), count) for kind, count in corrections_overview.counts_open(ledger).items()],
            ("party",),
        ),
        gauge(
            "letopis_corrections_oldest_seconds",
            "For how long the oldest open correction waits",
            [((), (now - oldest).total_seconds() if oldest else 0)],
        ),
        gauge("letopis_obligations_overdue", "What the law asked for by a day that is over", [((), overdue)]),
        gauge("letopis_tickets_open", "Requests for help that wait for an answer", aged, ("age",)),
        gauge("letopis_tickets_escalated", "Requests without an answer in time", [((), escalated)]),
        *delivery_gauges(request.app.state.node, now=now),
    )
    return Response(exposition(gauges), media_type=CONTENT_TYPE_LATEST)


@router.get("/v1/log/checkpoint", summary="The latest signed checkpoint")
def checkpoint(request: Request) -> Response:
    """A C2SP signed note: origin, tree size, root."""
    node: Node = request.app.state.node
    signed = transparency.latest(node.ledger)
    if signed is None:
        raise ProblemError("not-found")
    return Response(
        signed.note, media_type="text/plain; charset=utf-8", headers={"Cache-Control": "no-store"}
    )


@router.get("/v1/log/key", summary="The log's public key")
def log_key(request: Request) -> dict[str, Any]:
    """The vkey (C2SP signed-note) to pin."""
    node: Node = request.app.state.node
    return {"origin": node.ledger.origin, "vkey": transparency.log_signer(node.ledger).verifier.vkey}
