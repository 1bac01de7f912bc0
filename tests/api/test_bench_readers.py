"""The benchmark of readers: they walk through the cabinet as patients do, and what fails is counted."""

from api.bench_readers import Effort, read
from api.portal.sign_in import Door
from tests.api.cast import ANNA, Laboratory, Portal, bundle, settled


def test_readers_walk_from_the_list_to_a_result_and_its_trend(portal: Portal, laboratory: Laboratory) -> None:
    patient_id = settled(portal.opened, ANNA, laboratory.laboratory_id)
    assert portal.submit(laboratory.seal(bundle("1"))).status_code == 201
    portal.catch_up()
    token = Door(portal.opened.ledger, portal.opened.settings).open_session(patient_id, factors=("password",))
    port = portal.opened.settings.port
    found = read(port, [token, "a stranger's"], Effort(seconds=2.0))
    assert {"list", "report", "trends", "trend"} <= found["kinds"].keys()
    assert 2 <= found["failures"] <= found["requests"] - 4
    assert all(figures["p99_ms"] >= figures["p50_ms"] > 0 for figures in found["kinds"].values())
