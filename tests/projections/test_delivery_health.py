"""What operators are told of delivery: counted right, and quickly when there is a lot of it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import perf_counter
from uuid import UUID

import psycopg
import pytest

from domain.values import PatientId
from ledger.store import Ledger
from projections import delivery_health, delivery_overview
from projections.delivery_health import DAY, HOUR

NOW = datetime.now(UTC)
ROWS = 200_000
# One of the patients has this many; the others two each.
MANY = 1_000
ANNA = PatientId(UUID(int=1))
# Most are at their end; one in fifty is not, one in a hundred is dead. Three quarters are older than a day.
_FILL = """
INSERT INTO delivery.notifications (notification_id, patient_id, report_id, report_version, channel, status, attempt,
    due_at, reason, requested_at, changed_at, is_urgent, lives_since)
SELECT md5('n' || n)::uuid,
    CASE WHEN n < %(many)s THEN %(anna)s::uuid ELSE md5('p' || n / 2)::uuid END, md5('r' || n / 3)::uuid, 1,
    (ARRAY['email', 'sms', 'push'])[1 + n %% 3],
    CASE WHEN n %% 50 = 7 THEN 'waiting' WHEN n %% 100 = 11 THEN 'failed' WHEN n %% 100 = 12 THEN 'suppressed'
        ELSE 'handed-over' END,
    1, CASE WHEN n %% 50 = 7 THEN at.at + interval '1 hour' END,
    CASE WHEN n %% 100 = 11 THEN '55' || n %% 7 END, at.at, at.at, false, at.at
FROM generate_series(1, %(rows)s) AS n,
LATERAL (SELECT %(now)s::timestamptz - (n %% 5760) * interval '1 minute' AS at) AS at
"""


@pytest.fixture(scope="module")
def asked() -> dict[str, Callable[[Ledger], object]]:
    """Each question of the pages and of the metrics."""
    first = delivery_health.dead_letters
    return {
        "open": delivery_health.open_counts,
        "oldest": lambda ledger: delivery_health.oldest_due(ledger, now=NOW),
        "rates of a day": lambda ledger: delivery_health.rates(ledger, since=NOW - DAY),
        "rates of an hour": lambda ledger: delivery_health.rates(ledger, since=NOW - HOUR),
        "dead by reason": delivery_health.dead_counts,
        "dead": delivery_health.count_dead,
        "dead letters": first,
        "dead letters of a reason": lambda ledger: first(ledger, channel="email", reason="553"),
        "next page": lambda ledger: first(ledger, after=first(ledger)[-1].notification_id),
        "a patient's": lambda ledger: delivery_overview.announced_to(ledger, ANNA, limit=21),
        "a patient's by channel": lambda ledger: delivery_overview.announced_to(
            ledger, ANNA, channel="sms", statuses=["handed-over"], offset=20
        ),
    }


@pytest.fixture
def full(ledger: Ledger, sql: psycopg.Connection) -> Ledger:
    sql.execute(_FILL.encode(), {"many": MANY, "anna": ANNA, "rows": ROWS, "now": NOW})
    sql.commit()
    sql.autocommit = True
    sql.execute("VACUUM ANALYZE delivery.notifications")
    return ledger


def test_two_hundred_thousand_are_asked_about_in_a_moment(
    full: Ledger, asked: dict[str, Callable[[Ledger], object]]
) -> None:
    took = {}
    for name, ask in asked.items():
        started = perf_counter()
        assert ask(full), name
        took[name] = perf_counter() - started
    print({name: f"{seconds * 1000:.0f} ms" for name, seconds in took.items()})
    # The machine is shared: what is held to is the order of magnitude.
    assert max(took.values()) < 2, took
    assert sum(one.count for one in delivery_health.dead_counts(full)) == ROWS // 100
    assert sum(count for _, _, count in delivery_health.open_counts(full)) == ROWS // 50
    assert sum(
        one.taken + one.failed for one in delivery_health.rates(full, since=NOW - timedelta(days=9))
    ) == (ROWS - ROWS // 50 - ROWS // 100)
