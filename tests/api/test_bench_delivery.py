"""The benchmark of delivery at its smallest, at the peers of the tests: what it measures really happens."""

import io
from dataclasses import replace
from typing import Any

from rich.console import Console

from api import bench_delivery
from api.bench_delivery import QUICK, RESULTS_EACH
from api.bench_load import post_at_pace
from domain.channel import Channel
from domain.notification import NotificationHandedOver
from tests.api.cast import ANNA, Laboratory, Portal, bundle, settled

SMALLEST = replace(QUICK, notices=4, rounds=1)


def test_notices_are_handed_over_with_the_ledger_and_without(portal: Portal) -> None:
    found = bench_delivery._throughput(portal.opened, Channel.EMAIL, SMALLEST)
    each_way = SMALLEST.notices * (SMALLEST.rounds + 1)
    assert len(portal.mail.accepted) == 2 * each_way
    assert len(portal.events(NotificationHandedOver)) == each_way
    assert found["ratio"] == found["ours"]["median"] / found["baseline"]["median"]
    assert found["workers_ms_per_notice"] > 0


def test_on_a_monday_each_patient_gets_one_digest(portal: Portal) -> None:
    found = bench_delivery._digest(portal.opened, 3)
    assert found["results"] == 3 * RESULTS_EACH and len(portal.mail.accepted) == 3
    assert found["memory_peak_mib"] >= found["memory_before_mib"] > 0


def test_results_come_at_a_pace_and_their_notices_are_timed(portal: Portal, laboratory: Laboratory) -> None:
    settled(portal.opened, ANNA, laboratory.laboratory_id)
    after = portal.opened.ledger.last_position()
    settings = portal.opened.settings
    envelopes = [laboratory.seal(bundle(f"{number}")) for number in range(4)]
    load = post_at_pace(settings.host, settings.port, envelopes, clients=2, per_second=10.0)
    assert load.seconds >= 0.3 and len(load.latencies) == 4
    portal.notify()
    waits = bench_delivery._waits(portal.opened.ledger, after=after, number=4)
    assert len(waits) == 4 and all(wait > 0 for wait in waits)


def test_the_figures_are_shown_with_what_was_wanted() -> None:
    rate = {"median": 600.0, "spread_percent": 1.0}
    line: dict[str, Any] = {
        "ours": rate,
        "baseline": rate,
        "ratio": 1.0,
        "workers_ms_per_notice": 1.0,
        "postgresql_ms_per_notice": 1.0,
    }
    found: dict[str, Any] = {
        "channels": {str(channel): line for channel in Channel},
        "waiting": {"p50_ms": 1200.0, "p99_ms": 2000.0},
        "digests": {},
    }
    found["targets"] = bench_delivery._targets(found)
    assert [target["is_met"] for target in found["targets"]] == [True, True, False, True]
    shown = io.StringIO()
    Console(file=shown, width=120).print(*bench_delivery.tables(found))
    assert "missed" in shown.getvalue() and "600 ± 1 %" in shown.getvalue()
