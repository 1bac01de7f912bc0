"""How delivery stands now, as gauges: what is open, since when it is owed, what reached nobody, who is left alone.

Labels are channels, states and reasons: of reasons as many as there are stable ones, for a provider may invent codes.
"""

from collections import Counter
from datetime import datetime

from prometheus_client import Metric

from api.metrics import gauge
from api.node import Node
from api.sending import breaker
from api.sending.senders import is_set_up
from domain.channel import Channel
from domain.notification import OPEN
from ledger.store import Ledger
from projections import delivery_health

# So many reasons of each channel are told apart, the most frequent; the others are "other".
REASONS_MAX = 20


def delivery_gauges(node: Node, *, now: datetime) -> tuple[Metric, ...]:
    ledger = node.ledger
    counts = {(channel, status): count for channel, status, count in delivery_health.open_counts(ledger)}
    oldest = delivery_health.oldest_due(ledger, now=now)
    return (
        gauge(
            "letopis_notifications_open",
            "Notifications that have not come to their end",
            [
                ((channel.value, status.value), counts.get((channel, status), 0))
                for channel in Channel
                for status in sorted(OPEN)
            ],
            ("channel", "status"),
        ),
        gauge(
            "letopis_notification_oldest_due_seconds",
            "For how long the notification that is owed longest is owed, by channels that are set up; 0 when none is",
            [
                ((channel.value,), (now - oldest[channel]).total_seconds() if channel in oldest else 0)
                for channel in Channel
                if is_set_up(node.settings, channel)
            ],
            ("channel",),
        ),
        gauge(
            "letopis_dead_letters",
            "Notifications that reached nobody, or of which nobody knows",
            dead_letters(ledger),
            ("channel", "reason"),
        ),
        gauge(
            "letopis_channel_paused",
            "1 while a channel's provider is left alone because it refused too often in a row",
            [((one.channel.value,), float(one.is_open)) for one in breaker.standings(ledger)],
            ("channel",),
        ),
    )


def dead_letters(ledger: Ledger) -> list[tuple[tuple[str, str], float]]:
    """Of each channel, how many for each reason; 0 for a channel that has none, so that an alert can end."""
    found: list[tuple[tuple[str, str], float]] = []
    counts = delivery_health.dead_counts(ledger)
    for channel in Channel:
        reasons = Counter[str]()
        for one in counts:
            if one.channel == channel:
                reasons[one.reason or "none"] += one.count
        told_apart = reasons.most_common(REASONS_MAX)
        others = reasons.total() - sum(count for _, count in told_apart)
        found += [((channel.value, reason), count) for reason, count in told_apart]
        found.append(((channel.value, "other"), others))
    return found
