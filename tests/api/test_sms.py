"""A short message handed to a gateway of our form of JSON: an honest outcome of each attempt."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from api.channels.short_message import ShortMessage
from api.channels.sms_json import JsonGateway
from api.demo_peers import Fault, SmsPeer
from api.outcome import HandedOver, Outcome, RefusedForGood, RefusedForNow, Unknown

TOKEN = "gateway-token"
TEXT = "В кабинете готов новый документ"


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[SmsPeer]:
    with SmsPeer(tmp_path / "sms.jsonl", token=TOKEN, stall_seconds=6) as peer:
        yield peer


def sent(
    url: str, *, token: str = TOKEN, reference: str = "notification-1", seconds: float = 10.0
) -> Outcome:
    async def send() -> Outcome:
        gateway = JsonGateway(url=url, token=token, timeout_seconds=seconds)
        try:
            return await gateway.submit(ShortMessage(phone="+79990000001", text=TEXT, reference=reference))
        finally:
            await gateway.close()

    return asyncio.run(send())


def test_an_accepted_message_is_kept_by_the_gateway_under_our_reference(
    peer: SmsPeer, tmp_path: Path
) -> None:
    first, second = sent(peer.url), sent(peer.url, reference="notification-2")
    assert first == HandedOver(peer.accepted[0].remote_id)
    assert second == HandedOver(peer.accepted[1].remote_id)
    lines = [json.loads(line) for line in (tmp_path / "sms.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["reference"] for line in lines] == ["notification-1", "notification-2"]
    assert lines[0]["text"] == TEXT
    assert lines[0]["to"] == "+79990000001"


@pytest.mark.parametrize(
    ("fault", "outcome", "was_accepted"),
    [
        (Fault.DROP_BEFORE, Unknown("connection-lost-after-request"), False),
        (Fault.DROP_AFTER, Unknown("connection-lost-after-request"), True),
        (Fault.REFUSE_FOR_NOW, RefusedForNow("503"), False),
        (Fault.REFUSE_FOR_GOOD, RefusedForGood("400"), False),
    ],
)
def test_the_outcome_says_what_the_gateway_did(
    peer: SmsPeer, fault: Fault, outcome: Outcome, *, was_accepted: bool
) -> None:
    """A drop before looks like a drop after: with HTTP both are unknown, and rightly so."""
    peer.fault = fault
    assert sent(peer.url) == outcome
    assert bool(peer.accepted) is was_accepted


@pytest.mark.parametrize("fault", [Fault.STALL_BEFORE, Fault.STALL_AFTER])
def test_silence_after_the_request_is_unknown(peer: SmsPeer, fault: Fault) -> None:
    peer.fault = fault
    assert sent(peer.url, seconds=1.0) == Unknown("timeout-after-request")


def test_a_wrong_token_is_our_mistake_and_not_the_end_of_the_message(peer: SmsPeer) -> None:
    assert sent(peer.url, token="wrong") == RefusedForNow("401")
    assert not peer.accepted


def test_a_gateway_that_is_not_there_refuses_for_now() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert sent(f"http://127.0.0.1:{unused.getsockname()[1]}/") == RefusedForNow("connection")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, RefusedForGood("400")),
        (403, RefusedForNow("403")),
        (404, RefusedForGood("404")),
        (408, RefusedForNow("408")),
        (422, RefusedForGood("422")),
        (429, RefusedForNow("429")),
        (500, RefusedForNow("500")),
        (502, RefusedForNow("502")),
        (504, Unknown("504")),
    ],
)
def test_each_status_has_its_outcome(status: int, outcome: Outcome) -> None:
    with scripted(status, b"{}") as (url, _):
        assert sent(url) == outcome


@pytest.mark.parametrize(
    ("body", "remote_id"),
    [
        (b'{"id": "a-1"}', "a-1"),
        (b'{"id": 17}', "17"),
        (b'{"id": "+79990000001"}', None),
        (b'{"id": "' + b"x" * 65 + b'"}', None),
        (b'{"id": ["a"]}', None),
        (b"[]", None),
        (b"accepted", None),
        (b"\xff", None),
        (b"", None),
        (b"[" * 60_000, None),
        (b" " * 200_000, None),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_accepted_stays_accepted_whatever_the_answer_holds(
    body: bytes, remote_id: str | None
) -> None:
    with scripted(202, body) as (url, _):
        assert sent(url) == HandedOver(remote_id)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"error": "number-unknown"}', "number-unknown"),
        (b'{"error": "+79990000001 is no phone"}', "422"),
        (b'{"error": ["number-unknown"]}', "422"),
        (b"number-unknown", "422"),
    ],
)
def test_a_gateway_may_say_that_there_is_no_such_number_and_nothing_in_words_of_its_own(
    body: bytes, code: str
) -> None:
    with scripted(422, body) as (url, _):
        assert sent(url) == RefusedForGood(code)


def test_a_gateway_that_says_when_to_come_again_is_heard() -> None:
    with scripted(429, b"", retry_after="17") as (url, _):
        assert sent(url) == RefusedForNow("429", 17.0)


@pytest.mark.parametrize("url", ["", "gateway", "ftp://127.0.0.1/"])
def test_an_address_that_is_none_is_our_mistake_and_not_the_end_of_the_message(url: str) -> None:
    assert sent(url) == RefusedForNow("connection")


def test_a_token_that_is_none_is_our_mistake_too(peer: SmsPeer) -> None:
    assert sent(peer.url, token="") == RefusedForNow("401")
    assert sent(peer.url, token="two\nlines") == RefusedForNow("connection")


def test_many_go_at_once(peer: SmsPeer) -> None:
    async def send() -> list[Outcome]:
        gateway = JsonGateway(url=peer.url, token=TOKEN)
        messages = [ShortMessage(phone="+79990000001", text=TEXT, reference=str(n)) for n in range(50)]
        try:
            return await asyncio.gather(*(gateway.submit(message) for message in messages))
        finally:
            await gateway.close()

    outcomes = asyncio.run(send())
    assert all(isinstance(outcome, HandedOver) for outcome in outcomes)
    assert sorted(int(one.reference) for one in peer.accepted) == list(range(50))


def test_a_redirect_is_not_followed(peer: SmsPeer) -> None:
    with scripted(307, b"", location=peer.url) as (url, seen):
        assert sent(url) == RefusedForNow("307")
    assert len(seen) == 1
    assert not peer.accepted


@contextmanager
def scripted(
    status: int, body: bytes, *, location: str | None = None, retry_after: str | None = None
) -> Iterator[tuple[str, list[bytes]]]:
    """A gateway with one answer to everything."""
    seen: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if location is not None:
                self.send_header("Location", location)
            if retry_after is not None:
                self.send_header("Retry-After", retry_after)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", seen
        finally:
            server.shutdown()
            thread.join()
