"""Nothing that was acknowledged is lost, and nothing is there by halves, whatever is killed and whenever.

The real `letopis serve` on a PostgreSQL of its own, fsync on, under load; `kill -9` of the server, and of
PostgreSQL with all its children. What the driver was told it keeps in a journal of its own, and a judge
compares the two.
"""

import random
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Event as Signal
from threading import Thread
from time import monotonic, sleep
from typing import Self
from uuid import UUID, uuid4

import httpx2
import psycopg
import pytest

from api import laboratories
from api.node import Node, node
from api.settings import Settings
from domain.report import ReportReceived
from domain.submission import SubmissionAccepted, SubmissionReceived
from domain.values import LaboratoryId
from ledger.store import Ledger
from projections import PROJECTIONS, rebuild, transparency, verify
from projections.follow import Follower
from tests.api.cast import Laboratory, Portal, bundle
from tests.api.command import letopis, started
from tests.api.conftest import REGISTERED
from tests.api.ports import free_port
from tests.api.process_tree import kill_postgres
from tests.forgery import change_history

ROUNDS = 8
SENDERS = 3
LOAD_SECONDS = (0.15, 0.6)
START_SECONDS = 60


# The journal of the driver, and the judge.


@dataclass(slots=True)
class Sent:
    """One envelope, and the body of the answer if there was one: then it is acknowledged."""

    envelope_id: str
    envelope: bytes
    answer: bytes | None = None
    reports: tuple[UUID, ...] = ()


@dataclass(slots=True)
class Found:
    """What the ledger has of submissions and reports."""

    received: Counter[UUID] = field(default_factory=Counter)
    accepted: dict[UUID, list[SubmissionAccepted]] = field(default_factory=dict)
    reports: Counter[UUID] = field(default_factory=Counter)
    with_reports: set[UUID] = field(default_factory=set)

    @classmethod
    def of(cls, ledger: Ledger) -> Self:
        found, position = cls(), 0
        while page := ledger.read_all(after=position, limit=5000):
            position = page[-1].position or 0
            for recorded in page:
                match recorded.event:
                    case SubmissionReceived():
                        found.received[recorded.stream_id] += 1
                    case SubmissionAccepted():
                        found.accepted.setdefault(recorded.stream_id, []).append(recorded.event)
                    case ReportReceived():
                        found.reports[recorded.stream_id] += 1
                        found.with_reports.add(recorded.event.submission_id)
        return found

    def fault(self, submission_id: UUID, sent: Sent) -> str | None:
        """What is wrong with one submission, given what the driver knows of it."""
        accepted = self.accepted.get(submission_id, [])
        named = [one.report_id for event in accepted for one in event.reports]
        if not self.received[submission_id] and not accepted:
            if sent.answer is not None:
                return "acknowledged, and lost"
            return "a report without its submission" if submission_id in self.with_reports else None
        if self.received[submission_id] != 1 or len(accepted) != 1:
            return "there by halves or twice"
        if any(self.reports[report_id] != 1 for report_id in named):
            return "a report of it is missing or doubled"
        return None if set(sent.reports) <= set(named) else "not the report that was acknowledged"


def judge(ledger: Ledger, laboratory_id: LaboratoryId, journal: Sequence[Sent]) -> list[str]:
    """What is wrong with the ledger, given what the driver knows; nothing if all is well."""
    found, faults = Found.of(ledger), []
    for sent in journal:
        submission_id = ledger.stream_id("submission", str(laboratory_id), sent.envelope_id)
        fault = found.fault(submission_id, sent)
        if fault is not None:
            faults.append(f"{sent.envelope_id}: {fault}")
    return faults


# The driver.


@dataclass(slots=True)
class Driver:
    """A laboratory that sends without rest, and writes down what it was told."""

    laboratory: Laboratory
    journal: list[Sent] = field(default_factory=list)

    @contextmanager
    def sending(self) -> Iterator[None]:
        stop = Signal()
        threads = [Thread(target=self._send, args=(stop,)) for _ in range(SENDERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join(timeout=90)
        assert not any(thread.is_alive() for thread in threads)

    def _send(self, stop: Signal) -> None:
        with self._client() as client:
            while not stop.is_set():
                envelope_id = str(uuid4())
                envelope = self.laboratory.seal(bundle(envelope_id), envelope_id=envelope_id)
                sent = Sent(envelope_id, envelope)
                self.journal.append(sent)
                self.post(client, sent)

    def post(self, client: httpx2.Client, sent: Sent) -> bool:
        """Only a whole answer of success is an acknowledgement."""
        try:
            answer = client.post("/v1/submissions", content=sent.envelope)
        except httpx2.HTTPError:
            sleep(0.01)
            return False
        if answer.status_code != 201:
            assert answer.status_code == 503, answer.text
            return False
        assert sent.answer in (None, answer.content), "a repeat is answered as the first time"
        sent.answer = answer.content
        sent.reports = tuple(UUID(report["id"]) for report in answer.json()["reports"])
        return True

    def repeat(self, unanswered: Sequence[Sent]) -> None:
        with self._client() as client:
            for sent in unanswered:
                assert self.post(client, sent), sent.envelope_id

    def _client(self) -> httpx2.Client:
        return httpx2.Client(base_url=self.laboratory.opened.settings.public_url, timeout=60)


# The house that is killed.


@dataclass(slots=True)
class House:
    """`letopis serve` and its PostgreSQL."""

    settings: Settings
    server: BaseProcess | None = None

    def start(self) -> None:
        self.server = started(self.settings, ["serve"], output=self.settings.home / "serve")
        give_up = monotonic() + START_SECONDS
        while not self._is_up():
            assert self.server.is_alive(), (self.settings.home / "serve.err").read_text()
            assert monotonic() < give_up, "the server does not start"
            sleep(0.02)

    def _is_up(self) -> bool:
        """It listens only when everything behind it is ready."""
        with suppress(OSError), socket.create_connection((self.settings.host, self.settings.port), timeout=5):
            return True
        return False

    def kill_server(self) -> None:
        assert self.server is not None
        self.server.kill()
        self.server.join(timeout=60)
        assert not self.server.is_alive()

    def kill_postgres(self) -> None:
        """The postmaster and every child of it, with no chance to write anything more."""
        kill_postgres(self.settings.home)
        # Long enough for the server to say what it must not: yes, to what it could not store.
        sleep(0.2)
        self.kill_server()

    def stop(self) -> None:
        """As an operator does."""
        if self.server is not None and self.server.is_alive():
            self.server.terminate()
            self.server.join(timeout=60)
            assert not self.server.is_alive(), "the server does not stop"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    port = free_port()
    settings = Settings(home=tmp_path / "house", port=port, public_url=f"http://127.0.0.1:{port}")
    # Its own PostgreSQL, whatever DATABASE_URL the tests run with.
    settings = settings.model_copy(update={"database_url": None})
    found = House(settings)
    try:
        yield found
    finally:
        found.stop()


@pytest.mark.parametrize("victim", ["server", "postgres"])
def test_nothing_acknowledged_is_lost_when_it_is_killed(house: House, victim: str) -> None:
    with node(house.settings) as opened:
        laboratory_id, sender = laboratories.add(opened.ledger, house.settings.home, REGISTERED)
        driver = Driver(Laboratory(laboratory_id, sender, opened))
    chance = random.Random(f"20261123 {victim}")
    kill: Callable[[], None] = house.kill_server if victim == "server" else house.kill_postgres
    house.start()
    for _ in range(ROUNDS):
        with driver.sending():
            sleep(chance.uniform(*LOAD_SECONDS))
            kill()
        house.start()
        with node(house.settings) as opened:
            assert judge(opened.ledger, laboratory_id, driver.journal) == []
            driver.repeat([sent for sent in driver.journal if sent.answer is None])
            assert judge(opened.ledger, laboratory_id, driver.journal) == []
    assert len(driver.journal) > ROUNDS, "there was something to lose"
    with node(house.settings) as opened:
        looks_well(opened)
    checked = letopis(house.settings, "verify", installed=True)
    assert checked.returncode == 0 and checked.stdout.startswith("verify: OK"), checked.stdout
    house.stop()
    assert not (house.settings.home / "postgres" / "socket").exists(), "PostgreSQL was stopped with it"


def looks_well(opened: Node) -> None:
    """The views reach the end, the log verifies, and the views are what the events make."""
    last, give_up = opened.ledger.last_position(), monotonic() + 60
    while httpx2.get(f"{opened.settings.public_url}/readyz", timeout=60).json()["behind"] != {
        view.name: 0 for view in PROJECTIONS
    }:
        assert monotonic() < give_up, "the views do not follow"
        sleep(0.05)
    assert opened.ledger.last_position() == last
    result = verify.verify(opened.conninfo, log=transparency.log_verifier(opened.ledger))
    assert result.finding is None and result.events > 0
    with opened.as_owner() as owner:
        for view in PROJECTIONS:
            assert rebuild.check(owner, view).is_equal, view.name


# The judge is not blind.


@pytest.fixture
def judged(portal: Portal, laboratory: Laboratory) -> Driver:
    driver = Driver(laboratory)
    for number in range(3):
        envelope_id = f"sent-{number}"
        envelope = laboratory.seal(bundle(envelope_id), envelope_id=envelope_id)
        driver.journal.append(Sent(envelope_id, envelope))
    driver.repeat(driver.journal)
    portal.catch_up()
    assert judge(portal.opened.ledger, laboratory.laboratory_id, driver.journal) == []
    return driver


@pytest.mark.parametrize(
    ("planted", "seen"),
    [
        ("originator_id = %(submission)s", "acknowledged, and lost"),
        ("originator_id = %(submission)s AND topic LIKE 'SubmissionAccepted%%'", "there by halves or twice"),
        ("originator_id = %(submission)s AND topic LIKE 'SubmissionReceived%%'", "there by halves or twice"),
        ("originator_id = %(report)s", "a report of it is missing or doubled"),
    ],
    ids=["a loss", "no end", "no beginning", "no report"],
)
def test_the_judge_sees_what_is_planted(
    portal: Portal,
    laboratory: Laboratory,
    judged: Driver,
    sql: psycopg.Connection,
    *,
    planted: str,
    seen: str,
) -> None:
    ledger, sent = portal.opened.ledger, judged.journal[1]
    submission_id = ledger.stream_id("submission", str(laboratory.laboratory_id), sent.envelope_id)
    places = {"submission": submission_id, "report": sent.reports[0]}
    change_history(sql, (f"DELETE FROM ledger.events WHERE {planted}", places))
    assert judge(ledger, laboratory.laboratory_id, judged.journal) == [f"{sent.envelope_id}: {seen}"]
    Follower(ledger, PROJECTIONS).catch_up()
    found = verify.verify(portal.opened.conninfo, log=transparency.log_verifier(ledger)).finding
    assert found is not None, "and the auditor sees it too"
