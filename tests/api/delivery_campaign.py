"""The campaign of delivery: rounds of `kill -9` of the server, of a provider or of all of PostgreSQL, then the judge.

In the suite a few rounds run; by hand as many as one likes:

    python -m tests.api.delivery_campaign --rounds 1000 --seed 1

Whatever happens, each version of a report ends with one state for each channel, nothing is lost, and nobody is shown
anything twice (reliability.md, section 10, and rows 7 and 53 of section 11).
"""

import argparse
import random
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import time, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Self
from uuid import UUID, uuid4

import httpx2

from api import laboratories
from api.node import Node, node
from domain.channel import Channel
from domain.notice_hours import NoticeHours
from domain.receiving import Periodicity, ReceivingSettings
from ledger.commands import by_patient
from ledger.push_subscriptions import subscribe
from ledger.receiving import choose_hours, save_settings
from tests.api.cast import Laboratory, Who, bundle, settled, who
from tests.api.conftest import REGISTERED
from tests.api.delivery_house import House, house
from tests.api.delivery_judge import OPEN, Accepted, Resident, Verdict, judge
from tests.api.push_peer import PushPeer

PATIENTS = 20
REPORTS_IN_A_ROUND = (3, 8)
# One of so many reports corrects one that was sent before.
CORRECTIONS = 0.15
SENDERS = 3
KILLED_AFTER = (0.05, 1.5)
AWAY_SECONDS = 0.5
VICTIMS = {"server": 45, "provider": 35, "postgres": 20}
# By so much the senders' clock is put forward in a round; now and then by more than an unknown outcome waits.
FORWARD = timedelta(minutes=2)
FAR_FORWARD, OFTEN = timedelta(minutes=11), 0.08
QUIET_SECONDS = 300
_HANDED_OVER = "NotificationHandedOver%"


@dataclass(slots=True)
class Sent:
    """One envelope of one report, until it is answered."""

    number: str
    person: Who
    envelope: bytes
    reports: tuple[UUID, ...] | None = None


@dataclass(slots=True)
class Driver:
    """A laboratory that sends, and repeats what it got no answer to."""

    laboratory: Laboratory
    people: Sequence[Who]
    chance: random.Random
    journal: list[Sent] = field(default_factory=list)
    _client: httpx2.Client = field(init=False)

    def __post_init__(self) -> None:
        self._client = httpx2.Client(base_url=self.laboratory.opened.settings.public_url, timeout=60)

    def made(self) -> list[Sent]:
        """What is sent in a round: new reports, and corrections of those that are acknowledged."""
        number = self.chance.randint(*REPORTS_IN_A_ROUND)
        known = [sent for sent in self.journal if sent.reports]
        made = [self._made(known) for _ in range(number)]
        self.journal += made
        return made

    def _made(self, known: Sequence[Sent]) -> Sent:
        envelope_id, value = str(uuid4()), f"{self.chance.randint(4000, 9000) / 100:.2f}"
        if known and self.chance.random() < CORRECTIONS:
            corrected = self.chance.choice(known)
            number, person = corrected.number, corrected.person
            content = bundle(number, person, value=value, status="corrected")
        else:
            number, person = f"report-{len(self.journal)}-{envelope_id[:8]}", self.chance.choice(self.people)
            content = bundle(number, person, value=value)
        return Sent(number, person, self.laboratory.seal(content, envelope_id=envelope_id))

    def post(self, sent: Sent) -> None:
        """Only a whole answer of success acknowledges it."""
        try:
            answer = self._client.post("/v1/submissions", content=sent.envelope)
        except httpx2.HTTPError:
            return
        assert answer.status_code in (201, 503), answer.text
        if answer.status_code == 201:
            sent.reports = tuple(UUID(report["id"]) for report in answer.json()["reports"])

    @property
    def unanswered(self) -> list[Sent]:
        return [sent for sent in self.journal if sent.reports is None]

    @property
    def acknowledged(self) -> set[UUID]:
        return {report_id for sent in self.journal for report_id in sent.reports or ()}


@dataclass(slots=True)
class Campaign:
    """Rounds in a house; `killed` counts them by victim."""

    house: House
    driver: Driver
    residents: Sequence[Resident]
    chance: random.Random
    ahead: timedelta = timedelta(0)
    killed: Counter[str] = field(default_factory=Counter)

    @classmethod
    def in_house(cls, found: House, *, seed: int, patients: int = PATIENTS) -> Self:
        people = [who(number) for number in range(1, patients + 1)]
        with node(found.settings) as opened:
            laboratory_id, sender = laboratories.add(opened.ledger, found.settings.home, REGISTERED)
            laboratory = Laboratory(laboratory_id, sender, opened)
            residents = [_resident(opened, person, laboratory, found.push_origin) for person in people]
        chance = random.Random(seed)
        return cls(found, Driver(laboratory, people, chance), residents, chance)

    def run(self, rounds: int) -> Iterator[int]:
        """The number of each round that is over."""
        if self.house.server is None:
            self.house.start_server()
        with ThreadPoolExecutor(SENDERS) as senders:
            for number in range(1, rounds + 1):
                self._round(senders)
                yield number

    def _round(self, senders: ThreadPoolExecutor) -> None:
        is_far = self.chance.random() < OFTEN
        self.forward(FAR_FORWARD if is_far else FORWARD * self.chance.random())
        again = self.driver.unanswered
        posted = [senders.submit(self.driver.post, sent) for sent in (*again, *self.driver.made())]
        sleep(self.chance.uniform(*KILLED_AFTER))
        (victim,) = self.chance.choices(list(VICTIMS), weights=list(VICTIMS.values()))
        self._kill(victim)
        for one in posted:
            one.result()

    def _kill(self, victim: str) -> None:
        match victim:
            case "provider":
                channel = self.chance.choice(list(Channel))
                self.house.kill_provider(channel)
                sleep(self.chance.uniform(0, AWAY_SECONDS))
                self.house.start_provider(channel)
                victim = f"provider of {channel}"
            case "server":
                self.house.kill_server()
                self.house.start_server()
            case _:
                self.house.kill_postgres()
                self.house.start_server()
        self.killed[victim] += 1

    def send(self) -> None:
        """What is sent in a round, without a kill."""
        for sent in self.driver.made():
            self.driver.post(sent)

    def handed_over(self) -> int:
        """How many notifications the ledger says to be handed over."""
        with node(self.house.settings) as opened, opened.as_owner() as owner, owner.pool.connection() as read:
            row = read.execute(
                "SELECT count(*) FROM ledger.events WHERE topic LIKE %s", (_HANDED_OVER,)
            ).fetchone()
        assert row is not None
        return int(row[0])

    def forward(self, by: timedelta) -> None:
        self.ahead += by
        self.house.put_clock(self.ahead)

    def come_to_rest(self) -> None:
        """Everything is answered, and time goes on until nothing waits."""
        give_up = monotonic() + QUIET_SECONDS
        while self.driver.unanswered:
            for sent in self.driver.unanswered:
                self.driver.post(sent)
            assert monotonic() < give_up, "the laboratory gets no answer"
        with node(self.house.settings) as opened:
            while self._open(opened) and monotonic() < give_up:
                self.forward(FAR_FORWARD)
                sleep(1.0)

    def _open(self, opened: Node) -> int:
        """Whether to wait longer; how it stands the judge sees by himself."""
        with opened.as_owner() as owner, owner.pool.connection() as connection:
            row = connection.execute(
                "SELECT (SELECT count(*) FROM delivery.notifications WHERE status = ANY(%s)),"
                " (SELECT max(notification_id) FROM ledger.events) - (SELECT position FROM delivery.tracking)",
                (list(OPEN),),
            ).fetchone()
        assert row is not None
        return int(row[0]) + int(row[1])

    def judged_on_the_way(self) -> Verdict:
        """The server is down meanwhile: else providers would go on taking what the ledger was not read for."""
        self.house.kill_server()
        verdict = self.judged(at_rest=False)
        self.house.start_server()
        return verdict

    def judged(self, *, at_rest: bool = True) -> Verdict:
        with node(self.house.settings) as opened:
            return judge(
                opened.ledger,
                Accepted.of(self.house.journals),
                residents=self.residents,
                acknowledged=self.driver.acknowledged,
                at_rest=at_rest,
            )


def _resident(opened: Node, person: Who, laboratory: Laboratory, origin: str) -> Resident:
    """Told by every channel, as soon as a report is ready, at any hour."""
    ledger, patient_id = opened.ledger, settled(opened, person, laboratory.laboratory_id)
    by, browser = by_patient(patient_id), PushPeer(origin).browser()
    address = browser.address
    subscribe(
        ledger,
        patient_id,
        endpoint=address.endpoint,
        p256dh=address.p256dh,
        auth=address.auth,
        label=None,
        by=by,
    )
    choose_hours(ledger, patient_id, NoticeHours(quiet_from=time.min, quiet_until=time.min), by)
    settings = ReceivingSettings(channels=tuple(Channel), periodicity=Periodicity.AS_READY)
    save_settings(ledger, patient_id, settings, by)
    return Resident(patient_id, person.email, person.phone, browser)


def main(arguments: Sequence[str] | None = None) -> int:
    """1 if the judge finds a fault; then the folder stays."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--patients", type=int, default=PATIENTS)
    parser.add_argument("--judge-every", type=int, default=100)
    chosen = parser.parse_args(arguments)
    # An orderly end, so that nothing that was started stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    home = Path(tempfile.mkdtemp(prefix="letopis-delivery-"))
    print(f"seed {chosen.seed}, {chosen.rounds} rounds, in {home}", flush=True)
    with house(home) as found:
        campaign = Campaign.in_house(found, seed=chosen.seed, patients=chosen.patients)
        start, faults = monotonic(), []
        for number in campaign.run(chosen.rounds):
            if number % 20 == 0:
                _say(number, start, campaign)
            if number % chosen.judge_every == 0 and (faults := campaign.judged_on_the_way().faults):
                break
        campaign.come_to_rest()
        verdict = campaign.judged()
        _say(sum(campaign.killed.values()), start, campaign)
    for victim, times in sorted(campaign.killed.items()):
        print(f"{times:8}  kills of the {victim}")
    for what, times in sorted(verdict.counts.items()):
        print(f"{times:8}  {what}")
    faults += [fault for fault in verdict.faults if fault not in faults]
    print(f"{len(faults):8}  FAULTS", *faults[:50], sep="\n", flush=True)
    if not faults:
        # A child of a server that was killed may still be on its way to its end.
        shutil.rmtree(home, ignore_errors=True)
    return 1 if faults else 0


def _say(number: int, start: float, campaign: Campaign) -> None:
    taken = len(Accepted.of(campaign.house.journals))
    sent = len(campaign.driver.journal)
    print(f"{monotonic() - start:7.0f} s, round {number}: {sent} sent, {taken} taken", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
