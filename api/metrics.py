"""Counters and gauges for operators; no label ever names a person."""

import os
from collections.abc import Iterable

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

# Where several processes count together. prometheus_client reads it when it is imported.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"

SUBMISSIONS = Counter("letopis_submissions", "Submissions by outcome", ["outcome"])
REFUSALS_LIMITED = Counter(
    "letopis_refusals_limited", "Refusals over the limit: answered, not recorded one by one"
)
NOTIFICATIONS = Counter("letopis_notifications", "Attempts to notify by outcome", ["outcome"])
# Of what was to be sent at once: what waits for a digest or for the morning would say nothing of us.
HANDED_OVER_SECONDS = Histogram(
    "letopis_notification_handed_over_seconds",
    "From the request of a notification that waits for nothing to the provider's yes",
    ["channel"],
    buckets=(0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 300, 1800, 7200, 86400),
)
PUSH_SERVICE_RESTS = Counter(
    "letopis_push_service_rests", "Times that a push service was left alone for a while", ["service"]
)
BOUNCES = Counter("letopis_bounces", "Mail that came to our return addresses, by what it said", ["said"])
TICKET_FIRST_ANSWER_SECONDS = Histogram(
    "letopis_ticket_first_answer_seconds",
    "From a request for help to the first answer",
    buckets=(60, 300, 900, 3600, 4 * 3600, 8 * 3600, 24 * 3600, 48 * 3600, 96 * 3600),
)
SMS_SEGMENTS = Counter("letopis_sms_segments", "Segments of the SMS that a gateway took: what is paid for")
SMS_RECEIPTS = Counter(
    "letopis_sms_receipts", "What providers of SMS said later, by what was done with it", ["taken"]
)


def gauge(
    name: str, words: str, values: Iterable[tuple[tuple[str, ...], float]], labels: tuple[str, ...] = ()
) -> Metric:
    """What stands in the database now, by labels: the same whichever process is asked."""
    family = GaugeMetricFamily(name, words, labels=labels)
    for of, value in values:
        family.add_metric(of, value)
    return family


def exposition(gauges: Iterable[Metric]) -> bytes:
    """In Prometheus' words: what all processes have counted, and these gauges."""
    counted = REGISTRY
    if SHARED_FOLDER in os.environ:
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    now = CollectorRegistry()
    now.register(_Given(gauges))
    return generate_latest(counted) + generate_latest(now)


class _Given(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics
