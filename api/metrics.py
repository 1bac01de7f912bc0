"""Counters and gauges for operators; no label ever names a person."""

from prometheus_client import Counter, Gauge

SUBMISSIONS = Counter("letopis_submissions", "Submissions by outcome", ["outcome"])
NOTIFICATIONS = Counter("letopis_notifications", "Attempts to notify by outcome", ["outcome"])
POSITION = Gauge("letopis_position", "Last position of the ledger")
VIEW_POSITION = Gauge("letopis_view_position", "Position that a view has reached", ["projection"])
PARKED = Gauge("letopis_parked_events", "Events that a view could not take: any is an alarm", ["projection"])
TREE_SIZE = Gauge("letopis_tree_size", "Size of the last signed checkpoint")
QUARANTINED = Gauge("letopis_quarantined", "Submissions in quarantine", ["laboratory", "code"])
