"""The nightly certificate and the auditor's commands, over what a real intake leaves behind."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from api.certifying import NightlyReplay, certify, certify_alone, due_since, replay_history
from domain.erasure import ErasureGround
from domain.reading import DecisionsTried, EvidenceTaken, HistoryRead, StreamReplayed
from domain.replay_certificate import is_clean
from domain.report import ReportMatched, ReportReceived
from ledger import erasure, erasure_orders, leaf, merkle, replay_certificate
from ledger.insertion import Erasure
from ledger.receipt import signer_of
from ledger.store import Write
from tests.api.cast import ANNA, Laboratory, Portal, bundle, settled
from tests.api.command import letopis
from tests.examples import EXAMPLES
from tests.scenario import TESTER, recorded

Sql = psycopg.Connection


@pytest.fixture
def sent(portal: Portal, laboratory: Laboratory) -> Portal:
    """A report that has reached its patient."""
    settled(portal.opened, ANNA, laboratory.laboratory_id)
    portal.submit(laboratory.seal(bundle("1")))
    portal.catch_up()
    return portal


def test_a_clean_history_is_certified_and_the_certificate_is_served(sent: Portal) -> None:
    assert sent.machine.get("/v1/certificates/latest").status_code == 404
    given = certify(sent.opened)
    replayed = given.replayed
    assert is_clean(replayed), replay_certificate.to_text(given)
    assert replayed.decisions.same >= 4 and replayed.tree_size > 0
    served = sent.machine.get("/v1/certificates/latest")
    key = signer_of(sent.opened.ledger).verifier
    assert replay_certificate.verify(served.content, key) == given
    by_id = sent.machine.get(f"/v1/certificates/{given.event_id}")
    assert by_id.content == served.content
    entry, rest = leaf.split(sent.machine.get(f"/v1/certificates/{given.event_id}/event").content)
    assert merkle.leaf_hash(entry) == given.leaf_hash
    assert json.loads(rest.rpartition(b"\n")[2])["release"] == replayed.release
    assert sent.machine.get(f"/v1/certificates/{UUID(int=1)}").status_code == 404
    with sent.opened.ledger.pool.connection() as connection:
        limited = connection.execute(
            "SELECT count(*) FROM access.limits WHERE act = 'certificate'"
        ).fetchone()
    assert limited == (1,), "anybody may ask, but not all the time"
    metrics = sent.machine.get("/metrics").text
    assert "letopis_certificate_clean 1.0" in metrics and "letopis_certificate_age_seconds " in metrics
    # The certificate is a part of the history that the next one is made of.
    sent.catch_up()
    again = certify(sent.opened)
    assert again.number == given.number + 1 and is_clean(again.replayed)


def test_an_edited_row_and_a_decision_that_nobody_would_make_again_are_named(sent: Portal, sql: Sql) -> None:
    ledger = sent.opened.ledger
    matched = next(one for one in sent.events(ReportMatched))
    assert isinstance(matched.event, ReportMatched) and matched.event.basis is not None
    # A report that was given to its patient before they had permitted anything.
    looked_at = tuple(replace(one, version=0) for one in matched.event.basis.looked_at)
    rash = replace(matched.event, basis=replace(matched.event.basis, looked_at=looked_at))
    place = recorded(ledger, matched.stream_id, rash).last
    sent.catch_up()
    sql.execute("UPDATE cabinet.reports SET status = 'registered'")
    received = next(one.position for one in sent.events(ReportReceived))
    given = certify(sent.opened)
    assert not is_clean(given.replayed)
    differing = {view.name: view.differs_at for view in given.replayed.views if view.rebuilt_sha256}
    assert differing == {"cabinet": received}
    assert (given.replayed.decisions.differing, given.replayed.decisions.differs_at) == (1, place)
    assert "verdict differs\n" in replay_certificate.to_text(given)


def test_an_event_that_was_changed_is_the_finding(sent: Portal, sql: Sql) -> None:
    with sql.transaction():
        sql.execute("SET LOCAL session_replication_role = replica")
        sql.execute(
            "UPDATE ledger.events SET originator_version = originator_version + 7"
            " WHERE topic = 'ReportReceived'"
        )
    replayed = replay_history(sent.opened)
    assert replayed.finding and "leaf" in replayed.finding and replayed.finding_index is not None
    assert not is_clean(replayed)
    # The log can't be made of it at all, and the others have to set it aside.
    received = next(view for view in replayed.views if view.name == "transparency").differs_at
    assert (
        received
        and {"cabinet": received}.items()
        <= {view.name: view.differs_at for view in replayed.views if view.rebuilt_sha256}.items()
    )


def test_what_rested_on_an_erased_patient_is_counted_apart(sent: Portal) -> None:
    ledger = sent.opened.ledger
    before = replay_history(sent.opened).decisions
    patient_id = next(one.event.patient_id for one in sent.events(ReportMatched))  # type: ignore[union-attr]
    ended = Write(UUID(int=77), 0, (EXAMPLES["SubmissionRefused"][0],))
    ledger.append(ended, circumstances=TESTER, erased=(Erasure(patient_id),))
    sent.catch_up()
    after = replay_history(sent.opened).decisions
    assert (after.same, after.differing, after.erased) == (0, 0, before.same)


def test_a_patient_who_was_erased_leaves_views_that_are_made_again_the_same(sent: Portal) -> None:
    ledger, today = sent.opened.ledger, datetime.now(UTC).date()
    patient_id = next(one.event.patient_id for one in sent.events(ReportMatched))  # type: ignore[union-attr]
    erasure_orders.order(ledger, patient_id, TESTER, ground=ErasureGround.WITHDRAWAL, due=today)
    erasure.erase(ledger, patient_id, TESTER, today=today)
    sent.catch_up()
    replayed = replay_history(sent.opened)
    assert is_clean(replayed), replayed
    assert replayed.decisions.erased > 0


# By the clock


def test_a_certificate_is_due_once_a_night_and_not_before_the_first(sent: Portal) -> None:
    ledger = sent.opened.ledger
    at: dict[str, Any] = {"at": "03:00", "time_zone": "Europe/Moscow"}
    first = ledger.read_all(limit=1)[0].recorded_at
    hour = datetime(first.year, first.month, first.day, tzinfo=UTC)
    hour += timedelta(days=1)
    assert due_since(ledger, hour - timedelta(seconds=1), **at) is None
    assert due_since(ledger, hour, **at) == hour
    assert due_since(ledger, hour, at="", time_zone="Europe/Moscow") is None
    certify(sent.opened)
    now = ledger.read_all(limit=10_000)[-1].recorded_at
    assert due_since(ledger, now, **at) is None
    assert due_since(ledger, now + timedelta(days=1), **at) is not None


def test_the_step_begins_a_process_of_its_own_and_does_not_wait(
    sent: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process itself is what certify_alone does; it is not begun twice."""
    begun: list[Any] = []

    class Process:
        def __init__(self, **given: Any) -> None:
            begun.append((given["target"], given["args"]))

        def start(self) -> None: ...

        def is_alive(self) -> bool:
            return True

    class Context:
        Process = staticmethod(lambda **given: Process(**given))

    monkeypatch.setattr("api.certifying.multiprocessing.get_context", lambda _: Context)
    settings, ledger = sent.opened.settings, sent.opened.ledger
    step = NightlyReplay(settings)
    later = datetime.now(UTC) + timedelta(days=1)
    assert (step.begin(ledger, later), step.begin(ledger, later)) == (0, 0)
    assert begun == [(certify_alone, (settings,))]
    assert NightlyReplay(settings.model_copy(update={"certify_at": ""})).begin(ledger, later) == 0
    assert len(begun) == 1


# The commands


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_certify_and_audit_by_commands(sent: Portal) -> None:
    checked = letopis(sent.opened, "certify", "--check")
    assert checked.returncode == 0 and "cabinet: equal" in checked.stdout, checked.stderr + checked.stdout
    assert letopis(sent.opened, "audit", "certificate").returncode == 1
    made = letopis(sent.opened, "certify")
    assert made.returncode == 0 and "verdict clean" in made.stdout, made.stderr
    assert letopis(sent.opened, "audit", "certificate").stdout == made.stdout
    assert len(sent.events(EvidenceTaken)) == 1


def test_the_history_is_shown_by_filters_and_each_look_is_recorded(sent: Portal) -> None:
    matched = next(one for one in sent.events(ReportMatched))
    run = letopis(sent.opened, "audit", "history", "--stream", matched.stream_id, "--json")
    assert run.returncode == 0, run.stderr
    found = lines_of(run.stdout)
    assert [one["kind"] for one in found] == ["ReportMatched", "ReportReceived"]
    assert [one["sealed"] for one in found] == [False, True] and not any(one["erased"] for one in found)
    assert all(one["leaf_index"] is not None for one in found)
    assert len(sent.events(HistoryRead)) == 1
    page = letopis(sent.opened, "audit", "history", "--kind", "ReportReceived", "--last", matched.position)
    assert "ReportReceived by " in page.stdout and "(sealed)" in page.stdout
    for word in (ANNA.family, "72.50"):
        assert word not in run.stdout + page.stdout


def test_a_stream_is_shown_as_it_stood_and_what_is_sealed_stays_sealed(sent: Portal) -> None:
    matched = next(one for one in sent.events(ReportMatched))
    received = next(one.position for one in sent.events(ReportReceived))
    at = letopis(sent.opened, "audit", "replay", "--stream", matched.stream_id, "--at", received, "--json")
    assert at.returncode == 0, at.stderr
    (shown,) = lines_of(at.stdout)
    assert shown["version"] == 1 and shown["state"]["ReportReceived.content"] == "sealed"
    both = letopis(
        sent.opened,
        "audit",
        "replay",
        "--stream",
        matched.stream_id,
        "--at",
        received,
        "--and",
        matched.position,
    )
    assert f"ReportMatched.patient_id: - -> {matched.event.patient_id}" in both.stdout  # type: ignore[union-attr]
    looks = [one.event for one in sent.events(StreamReplayed)]
    assert [one.position for one in looks] == [received, received, matched.position]  # type: ignore[union-attr]
    assert {one.patient_id for one in looks} == {matched.event.patient_id}  # type: ignore[union-attr]
    assert letopis(sent.opened, "audit", "replay", "--stream", UUID(int=5), "--at", 1).returncode == 1
    assert not sent.events(HistoryRead)
    view = letopis(sent.opened, "audit", "replay", "--view", "cabinet", "--at", received, "--json")
    assert len(sent.events(HistoryRead)) == 1
    tables = {one["table"]: one for one in lines_of(view.stdout)}
    assert tables["reports"]["rows_now"] == 1
    assert tables["laboratories"]["sha256_then"] == tables["laboratories"]["sha256_now"]
    assert tables["reports"]["sha256_then"] != tables["reports"]["sha256_now"]


def test_another_policy_lists_what_it_would_change(sent: Portal, tmp_path: Path) -> None:
    assert letopis(sent.opened, "audit", "decisions").returncode == 0
    policy = tmp_path / "editions.json"
    policy.write_text(
        json.dumps(
            {
                "format": "letopis/decision-policy@v1",
                "name": "editions",
                "document_versions": {"results-transfer": 99},
            }
        )
    )
    run = letopis(sent.opened, "audit", "decisions", "--policy", policy, "--json")
    assert run.returncode == 0, run.stderr
    matched = next(one for one in sent.events(ReportMatched))
    assert [(one["position"], one["again"]) for one in lines_of(run.stdout)] == [
        (matched.position, "consent-outdated")
    ]
    looks = [one.event for one in sent.events(DecisionsTried)]
    assert [(one.policy, one.differing) for one in looks] == [(None, 0), ("editions", 1)]  # type: ignore[union-attr]
    policy.write_text("{}")
    assert letopis(sent.opened, "audit", "decisions", "--policy", policy).returncode == 2
    assert letopis(sent.opened, "audit", "decisions", "--policy", "none-such").returncode == 2
