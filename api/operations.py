"""What operators and machines ask: is it alive, is it ready, how does it go."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from api.certificate_gauges import certificate_gauges
from api.delivery_gauges import delivery_gauges
from api.log_alarms import health_of, log_gauges
from api.metrics import exposition, gauge
from api.node import Node
from projections import PROJECTIONS, corrections_overview, intake, obligations, tickets, transparency
from projections.follow import parked, position_of
from projections.patient_chains import uncommitted

router = APIRouter(tags=["operations"])


@router.get("/healthz", summary="The process is alive")
def healthz() -> dict[str, str]:
    return {"status": "alive"}


@router.get("/readyz", summary="The database answers and the views follow")
def readyz(request: Request) -> Response:
    """200 when the views are near the ledger's end, nothing is parked, and the log is signed and published; 503 names
    what is not so."""
    node: Node = request.app.state.node
    last = node.ledger.last_position()
    behind = {view.name: last - position_of(node.ledger, view.name) for view in PROJECTIONS}
    aside = parked(node.ledger, PROJECTIONS)
    alarms = health_of(node.ledger, now=datetime.now(UTC)).alarms
    ready = max(behind.values()) < 10_000 and not aside and not alarms
    body = {"status": "ready" if ready else "degraded", "behind": behind, "parked": aside, "log": alarms}
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
        gauge(
            "letopis_chain_events_uncommitted",
            "Events of patients' chains that no commitment covers yet: for some minutes at most",
            [((), uncommitted(ledger))],
        ),
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
        *certificate_gauges(ledger, now=now),
        *delivery_gauges(request.app.state.node, now=now),
        *log_gauges(ledger, now=now),
    )
    return Response(exposition(gauges), media_type=CONTENT_TYPE_LATEST)
