"""Whether the log is signed and published as it should be: what `readyz` and the metrics say of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import Metric

from api.metrics import gauge
from ledger.store import Ledger
from projections import transparency
from projections.publishing import SignerState, seconds_to_publish, state_of, unpublished_since

# The signer tells of itself every five seconds, and publishes what is new within one.
SILENT = timedelta(seconds=30)
# An idle log is published every ten minutes; half of one more is given to a slow witness.
IDLE = timedelta(minutes=10, seconds=30)
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class LogHealth:
    """How the log stands at a moment; `alarms` are what is wrong, empty if nothing is."""

    state: SignerState | None
    published_at: datetime | None
    unpublished_since: datetime | None
    alarms: Sequence[str]


def health_of(ledger: Ledger, *, now: datetime) -> LogHealth:
    """fork, storage, quorum, witness: what the signer says of itself. signer-silent: it shows no life.
    unpublished: an event waits too long. stale: nothing was published for too long."""
    state = state_of(ledger)
    published = transparency.latest_published(ledger)
    waiting = unpublished_since(ledger)
    alarms = []
    if state is not None:
        if state.alarm is not None:
            alarms.append(state.alarm)
        if now - state.seen_at > SILENT:
            alarms.append("signer-silent")
        if published is not None and now - published.published_at > IDLE:
            alarms.append("stale")
    if waiting is not None and now - waiting > SILENT:
        alarms.append("unpublished")
    return LogHealth(state, published.published_at if published else None, waiting, alarms)


def log_gauges(ledger: Ledger, *, now: datetime) -> Iterable[Metric]:
    health = health_of(ledger, now=now)
    state = health.state
    is_fork = state is not None and state.alarm == "fork"
    took = seconds_to_publish(ledger, since=now - _MINUTE)
    yield gauge(
        "letopis_log_alarm",
        "What is wrong with signing and publishing: any is an alarm",
        [((alarm,), 1) for alarm in health.alarms],
        ("alarm",),
    )
    yield gauge(
        "letopis_log_fork", "The database contradicts what was signed: it is not signed", [((), int(is_fork))]
    )
    if state is not None:
        seen = (now - state.seen_at).total_seconds()
        yield gauge("letopis_signer_seen_seconds", "Since the signer was seen last", [((), seen)])
        yield gauge("letopis_witnesses", "Witnesses that are asked", [((), state.witnesses)])
        yield gauge("letopis_witnesses_cosigned", "Of them, those that signed last", [((), state.cosigned)])
        missed = int(state.alarm == "quorum")
        yield gauge("letopis_log_quorum_missed", "Too few witnesses signed", [((), missed)])
    if health.published_at is not None:
        age = (now - health.published_at).total_seconds()
        yield gauge(
            "letopis_log_published_age_seconds", "Age of the newest published checkpoint", [((), age)]
        )
    waiting = (now - health.unpublished_since).total_seconds() if health.unpublished_since else 0
    yield gauge(
        "letopis_log_unpublished_seconds", "How long the oldest unpublished event waits", [((), waiting)]
    )
    if took:
        yield gauge(
            "letopis_log_publish_seconds",
            "From recording an event to its published checkpoint, in the last minute",
            [(("max",), max(took)), (("mean",), sum(took) / len(took))],
            ("of",),
        )
