"""Refusals are limited: strangers can't fill the ledger, and no laboratory is kept out by what strangers do."""

import socket
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_address

import httpx2
import pytest

from api.node import Node
from api.refusals import SUMMARY_SECONDS, Refusals
from api.settings import Settings
from domain.submission import RefusalsSummarised, SubmissionReceived, SubmissionRefused
from ledger.recorder import OutcomeUnknownError
from tests.api.cast import Laboratory, Portal, bundle, whole
from tests.api.signed_messages import Signing, outcome_code
from tests.api.test_mllp import code_of, exchanged, listening, message, sender, sent

__all__ = ["sender"]

OF_ONE, OF_ALL = 3, 5
PROXY = "127.0.0.3"
STRANGER = ip_address("198.51.100.7")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "refusals_per_minute_of_one": OF_ONE,
            "refusals_per_minute": OF_ALL,
            "client_cert_from": (ip_address(PROXY),),
        }
    )


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def refusals(opened: Node, clock: Clock) -> Refusals:
    return Refusals(opened, clock=clock)


def summaries(opened: Node) -> list[RefusalsSummarised]:
    found = opened.ledger.read_all(limit=1000)
    return [one.event for one in found if isinstance(one.event, RefusalsSummarised)]


# The limits.


def test_so_many_may_be_refused_in_a_minute_and_then_one_waits(refusals: Refusals, clock: Clock) -> None:
    gate = refusals.gate(STRANGER)
    assert [gate(10) for _ in range(OF_ONE + 1)] == [None] * OF_ONE + [20]
    clock.now += 19
    assert gate(10) == 1
    clock.now += 1
    assert gate(10) is None and gate(10) == 20


def test_one_stranger_uses_up_no_other_ones_share_until_all_do(refusals: Refusals) -> None:
    first, second = refusals.gate(STRANGER), refusals.gate(ip_address("198.51.100.8"))
    assert [first(1) for _ in range(OF_ONE + 3)].count(None) == OF_ONE
    assert [second(1) for _ in range(OF_ONE)].count(None) == OF_ALL - OF_ONE
    assert refusals.gate(ip_address("198.51.100.9"))(1) is not None


def test_a_household_of_ipv6_has_one_share(refusals: Refusals) -> None:
    gates = [refusals.gate(ip_address(f"2001:db8::{number:x}")) for number in range(1, OF_ONE + 2)]
    assert [gate(1) for gate in gates].count(None) == OF_ONE


def test_what_is_over_the_limit_is_summarised_once_a_minute(
    opened: Node, refusals: Refusals, clock: Clock
) -> None:
    gate = refusals.gate(STRANGER)
    for _ in range(OF_ONE + 7):
        gate(100)
    assert summaries(opened) == []
    clock.now += SUMMARY_SECONDS
    gate(100)
    assert summaries(opened) == [RefusalsSummarised(count=7, size_bytes=700)]
    refusals.summarise()
    assert len(summaries(opened)) == 1, "there is nothing more to say"


def test_a_summary_that_the_database_did_not_take_is_not_lost(
    opened: Node, refusals: Refusals, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = refusals.gate(STRANGER)
    for _ in range(OF_ONE + 2):
        gate(50)

    def away(*_: object, **__: object) -> None:
        raise OutcomeUnknownError

    with monkeypatch.context() as broken:
        broken.setattr("api.refusals.summarise", away)
        refusals.summarise()
    refusals.summarise()
    assert summaries(opened) == [RefusalsSummarised(count=2, size_bytes=100)]


def test_addresses_are_forgotten_before_they_fill_the_memory(
    refusals: Refusals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.refusals._PEERS_MAX", 10)
    for number in range(100):
        refusals.gate(ip_address(number))(1)
    assert len(refusals._peers) == 10


# Over HTTP.


def refused(client: httpx2.Client, **headers: str) -> httpx2.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/v1/submissions", content=b"no envelope", headers=named)


def test_too_many_are_answered_with_the_time_to_wait_and_leave_no_event_each(
    portal: Portal, laboratory: Laboratory
) -> None:
    before = limited(portal)
    answers = [refused(portal.machine) for _ in range(OF_ONE + 4)]
    assert [answer.status_code for answer in answers] == [400] * OF_ONE + [429] * 4
    last = answers[-1]
    assert whole(last.json())["code"] == "too-many-refused"
    assert 1 <= int(last.headers["retry-after"]) <= 20
    assert "submission_id" not in last.json()
    assert len(portal.events(SubmissionRefused)) == OF_ONE
    assert limited(portal) - before == 4
    unproven = portal.machine.post(
        "/v1/messages", content=b"x", headers={"content-type": "application/fhir+json"}
    )
    assert outcome_code(unproven) == (429, "too-many-refused")


def limited(portal: Portal) -> float:
    lines = portal.machine.get("/metrics").text.splitlines()
    (value,) = [line.split()[1] for line in lines if line.startswith("letopis_refusals_limited_total ")]
    return float(value)


def test_a_laboratory_is_heard_from_an_address_that_is_over_its_limit(
    portal: Portal, laboratory: Laboratory
) -> None:
    for _ in range(OF_ALL + 3):
        refused(portal.machine)
    assert portal.submit(laboratory.seal(bundle("1"))).status_code == 201
    content = bundle("2")
    signed = Signing(laboratory).headers(content)
    assert portal.machine.post("/v1/messages", content=content, headers=signed).status_code == 201
    # What is wrong with the content is no refusal: the laboratory is known, and its bytes are kept.
    for number in range(OF_ALL + 3):
        assert portal.submit(laboratory.seal(f"not json {number}".encode())).status_code == 422
    assert len(portal.events(SubmissionReceived)) == OF_ALL + 5


@pytest.fixture
def proxy(portal: Portal) -> Iterator[httpx2.Client]:
    url = portal.opened.settings.public_url
    with httpx2.Client(
        base_url=url, transport=httpx2.HTTPTransport(local_address=PROXY), timeout=60
    ) as client:
        yield client


def test_behind_our_proxy_each_sender_has_a_share_and_cannot_borrow_anothers(
    portal: Portal, proxy: httpx2.Client
) -> None:
    for _ in range(OF_ONE):
        assert refused(proxy, x_forwarded_for="203.0.113.1").status_code == 400
    assert refused(proxy, x_forwarded_for="203.0.113.1").status_code == 429
    assert refused(proxy, x_forwarded_for="203.0.113.99, 203.0.113.1").status_code == 429
    assert refused(proxy, x_forwarded_for="203.0.113.2").status_code == 400


def test_who_is_not_our_proxy_cannot_say_to_be_somebody_else(portal: Portal) -> None:
    answers = [refused(portal.machine, x_forwarded_for=f"203.0.113.{number}") for number in range(OF_ONE + 1)]
    assert [answer.status_code for answer in answers] == [400] * OF_ONE + [429]


# Over MLLP.


def test_the_listener_hangs_up_on_who_is_refused_too_often(portal: Portal, opened: Node) -> None:
    with (
        listening(opened, refusals=Refusals(opened)) as port,
        closing(socket.create_connection(("127.0.0.1", port), timeout=60)) as connection,
    ):
        for _ in range(OF_ONE):
            answer = exchanged(connection, message("1"))
            assert code_of(answer)[0] == "AR" and "laboratory-unknown" in answer[-1]
        answer = exchanged(connection, message("1"))
        assert code_of(answer)[0] == "AR" and "too-many-refused" in answer[-1]
        assert connection.recv(1) == b"", "the line is still open"
        assert sent(port, b"x" * 200_000)[0][-1].endswith("too-many-refused")
    assert len(portal.events(SubmissionRefused)) == OF_ONE


def test_a_known_sender_is_not_hung_up_on(portal: Portal, opened: Node, sender: Laboratory) -> None:
    refusals = Refusals(opened)
    with listening(opened, refusals=refusals) as port:
        for number in range(OF_ONE + 2):
            sent(port, b"hello %d" % number)
        answers = sent(port, *(message(str(number)) for number in range(3)))
        assert [code_of(answer)[0] for answer in answers] == ["AA"] * 3
    assert len(portal.events(SubmissionReceived)) == 3
