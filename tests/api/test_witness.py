"""A witness over HTTP, asked by the log's own client; killed, forked, and attacked."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from unittest.mock import patch

import httpx2
import pytest
import uvicorn

from api.observing import witness_memory
from api.observing.witness_memory import (
    WitnessClockError,
    WitnessFolderBusyError,
    WitnessKeysExistError,
    WitnessKeysMissingError,
    WitnessMemory,
    WitnessMemoryDamagedError,
    make_keys,
    opened_memory,
    origin_hash,
    read_keys,
)
from api.observing.witness_server import WitnessApp
from api.witness_client import Outcome, WitnessClient, lines_of
from ledger import cosignature, note, witness, witness_policy
from ledger.cosignature import Kind
from ledger.witness_policy import Policy, Witness
from tests.small_log import LOG, LOG_ML_DSA, ORIGIN, SmallLog

NAME = "witness.example/region"
TREE = SmallLog(40)
FORK = SmallLog(40, forked_at=9)
FORKS = 60
LATEST = f"/{origin_hash(ORIGIN)}/checkpoint"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_keys(tmp_path / "witness", NAME, lambda size: bytes(range(size)))
    return tmp_path / "witness"


@contextmanager
def served(memory: WitnessMemory, prefix: str = "") -> Iterator[str]:
    """The address of this witness."""
    config = uvicorn.Config(WitnessApp(memory, prefix=prefix), port=0, lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    listening = config.bind_socket()
    listening.listen()  # who asks before the thread runs waits, and is not refused
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}{prefix}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture
def memory(folder: Path) -> Iterator[WitnessMemory]:
    with opened_memory(folder, [LOG.verifier, LOG_ML_DSA.verifier]) as opened:
        yield opened


@pytest.fixture
def address(memory: WitnessMemory) -> Iterator[str]:
    with served(memory) as url:
        yield url


def witnesses(folder: Path, url: str) -> list[Witness]:
    return [Witness(one.kind.name, one.verifier, url) for one in read_keys(folder)]


# Over HTTP.


def test_each_answer_is_the_one_of_the_specification(address: str) -> None:
    def post(body: bytes) -> tuple[int, str, bytes]:
        answer = httpx2.post(f"{address}/add-checkpoint", content=body, timeout=60)
        return answer.status_code, answer.headers["content-type"], answer.content

    assert httpx2.get(address + LATEST, timeout=60).status_code == 404
    assert post(TREE.request(0, 7))[0] == 200
    assert post(TREE.request(0, 7)) == (409, "text/x.tlog.size", b"7\n")
    assert post(TREE.request(7, 7))[0] == 200
    assert post(TREE.request(7, 20))[0] == 200
    assert post(FORK.request(20, 20))[0] == 422
    assert post(FORK.request(20, 30))[0] == 422
    assert post(TREE.request(20, 7))[0] == 400
    assert post(b"old")[0] == 400
    assert post(TREE.request(20, 30).replace(b"\n30\n", b"\n31\n"))[0] == 403
    assert post(TREE.request(20, 30).replace(b"ledger.example", b"ledger.exampel"))[0] == 404
    assert post(b" " * (witness.REQUEST_SIZE_BYTES_MAX + 1))[0] == 413
    assert httpx2.get(f"{address}/add-checkpoint", timeout=60).status_code == 405
    assert httpx2.post(address + LATEST, timeout=60).status_code == 405
    for path in ("/", "/x", f"/{'0' * 64}/checkpoint", LATEST.upper(), f"/..{LATEST}/", "/witness.key"):
        assert httpx2.get(address + path, timeout=60).status_code == 404
    latest = httpx2.get(address + LATEST, timeout=60)
    assert latest.headers["content-type"].startswith("text/plain")
    assert note.parse(latest.content).text == note.parse(TREE.signed(20)).text


def test_the_log_s_client_brings_both_cosignatures_and_they_meet_the_policy(
    folder: Path, address: str
) -> None:
    asked = witnesses(folder, address)
    policy = Policy((), tuple(asked), (), Kind.ML_DSA_44.name)
    client = WitnessClient(asked)
    for size in (5, 5, 20, 33):
        signed = TREE.signed(size)
        [answer] = client.ask(signed, lambda old: TREE.consistency(old, size))  # noqa: B023 - called at once
        assert answer.outcome is Outcome.COSIGNED
        cosigned = cosignature.with_lines(signed, lines_of([answer]))
        standing = witness_policy.satisfied(cosigned, policy, logs=[LOG.verifier])
        assert set(standing.cosigned) == {"ED25519", "ML_DSA_44"}
    client.close()


def test_a_client_that_knows_no_size_is_told_and_one_behind_is_alarmed(folder: Path, address: str) -> None:
    def ask(tree: SmallLog, size: int, url: str = address) -> Outcome:
        client = WitnessClient(witnesses(folder, url))
        [answer] = client.ask(tree.signed(size), lambda old: tree.consistency(old, size))
        client.close()
        return answer.outcome

    assert ask(TREE, 20) is Outcome.COSIGNED
    assert ask(TREE, 33) is Outcome.COSIGNED  # old 0, then 409 with 20
    assert ask(TREE, 21) is Outcome.AHEAD
    assert ask(FORK, 33) is Outcome.INCONSISTENT
    assert ask(FORK, 40) is Outcome.INCONSISTENT
    assert ask(TREE, 33, f"{address}/elsewhere") is Outcome.REFUSED
    assert ask(TREE, 33, "http://127.0.0.1:9") is Outcome.AWAY


@contextmanager
def impostor(answer: Callable[[bytes], tuple[int, bytes]]) -> Iterator[str]:
    """Somebody who answers as he likes."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = answer(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(status)
            self.send_header("Content-Type", "text/x.tlog.size")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_what_the_witness_did_not_sign_is_not_taken(folder: Path) -> None:
    signed = TREE.signed(20)
    stranger = [one.__class__("stranger.example", bytes(32), one.kind) for one in read_keys(folder)]
    own = read_keys(folder)

    def lines(cosigners: list[cosignature.Cosigner], text: str = note.parse(signed).text) -> bytes:
        made = [cosignature.cosign(text, cosigner=one, at=1) for one in cosigners]
        return "".join(line.line for line in made).encode()

    lies = [
        (200, b""),
        (200, lines(stranger)),
        (200, lines(own, note.parse(TREE.signed(21)).text)),
        (200, lines(own) + lines(own)),
        (200, b"extension\n\n" + lines(own)),
        (200, b"x" * 200_000),
        (409, b"twenty\n"),
        (409, b"7\n"),
        (500, b""),
        (302, b""),
    ]
    for lie in lies:
        with impostor(lambda _, lie=lie: lie) as url:
            client = WitnessClient(witnesses(folder, url))
            [answer] = client.ask(signed, lambda old: TREE.consistency(old, 20))
            client.close()
            assert (answer.outcome, answer.lines) == (Outcome.AWAY, ()), lie
    with impostor(lambda _: (200, lines(stranger) + lines(own))) as url:
        client = WitnessClient(witnesses(folder, url))
        [answer] = client.ask(signed, lambda old: TREE.consistency(old, 20))
        client.close()
        assert [line.name for line in answer.lines] == [NAME, NAME]


def test_a_slow_witness_holds_up_nobody(folder: Path, address: str, tmp_path: Path) -> None:
    released = threading.Event()
    make_keys(tmp_path / "other", "witness.example/slow", lambda size: bytes(size))
    with impostor(lambda _: (released.wait(60), (200, b""))[1]) as url:
        client = WitnessClient(
            [*witnesses(folder, address), *witnesses(tmp_path / "other", url)], deadline_seconds=2.0
        )
        for _ in range(2):  # the second time it is not even asked
            answers = client.ask(TREE.signed(20), lambda old: TREE.consistency(old, 20))
            assert [answer.outcome for answer in answers] == [Outcome.COSIGNED, Outcome.AWAY]
        released.set()
        client.close()


# The folder.


def test_keys_are_made_once_and_are_for_the_owner_only(folder: Path) -> None:
    assert (folder / "witness.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(WitnessKeysExistError):
        make_keys(folder, NAME, lambda size: bytes(size))
    (folder / "witness.key").write_text("no key\n")
    with pytest.raises(WitnessKeysMissingError), opened_memory(folder, [LOG.verifier]):
        pass


def test_two_processes_do_not_share_a_folder(folder: Path, memory: WitnessMemory) -> None:
    with pytest.raises(WitnessFolderBusyError), opened_memory(folder, [LOG.verifier]):
        pass


def test_a_memory_that_is_not_its_own_stops_it(folder: Path) -> None:
    with opened_memory(folder, [LOG.verifier]) as memory:
        memory.add(TREE.request(0, 20))
    kept = folder / origin_hash(ORIGIN) / "checkpoint"
    for spoilt in (
        b"",
        kept.read_bytes()[:-4],
        TREE.signed(7),
        kept.read_bytes().replace(b"\n20\n", b"\n7\n"),
    ):
        kept.write_bytes(spoilt)
        with pytest.raises(WitnessMemoryDamagedError), opened_memory(folder, [LOG.verifier]):
            pass


def test_the_time_never_goes_back(folder: Path) -> None:
    clock = [2_000_000_000.0]

    def at(memory: WitnessMemory, old_size: int, size: int) -> int:
        [line, _] = memory.add(TREE.request(old_size, size))
        return int.from_bytes(line.signature[:8])

    with opened_memory(folder, [LOG.verifier], now=lambda: clock[0]) as memory:
        assert at(memory, 0, 7) == 2_000_000_000
        clock[0] -= 5
        assert at(memory, 7, 8) == 2_000_000_000
    with opened_memory(folder, [LOG.verifier], now=lambda: clock[0]) as memory:
        clock[0] -= 400 * 86_400
        with pytest.raises(WitnessClockError):
            memory.add(TREE.request(8, 20))
        clock[0] += 401 * 86_400
        assert at(memory, 8, 20) == int(clock[0])


def test_a_disk_that_fails_is_an_honest_503_and_nothing_is_cosigned(
    memory: WitnessMemory, address: str
) -> None:
    with patch.object(witness_memory, "write_durably", side_effect=OSError(28, "No space left on device")):
        answer = httpx2.post(f"{address}/add-checkpoint", content=TREE.request(0, 7), timeout=60)
    assert (answer.status_code, b"\xe2\x80\x94" in answer.content) == (503, False)
    assert memory.latest(origin_hash(ORIGIN)) is None
    assert httpx2.post(f"{address}/add-checkpoint", content=TREE.request(0, 7), timeout=60).status_code == 200


def test_a_witness_killed_at_any_step_forgets_nothing_that_it_gave_out(tmp_path: Path) -> None:
    def killed(*options: str) -> dict[str, int]:
        command = [sys.executable, "-m", "tests.api.witness_crashes", *options]
        run = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
        return json.loads(run.stdout.splitlines()[-1])

    found = killed(str(tmp_path / "sound"), "200")
    assert found["forgotten"] == 0
    assert 20 < found["given_out"] < 200
    assert killed(str(tmp_path / "forgetful"), "40", "--forgetful")["forgotten"] > 0


def test_a_witness_and_a_monitor_need_nothing_else_of_letopis() -> None:
    """Who runs one should have to trust, and to install, as little as can be."""
    code = "import sys, api.observing.__main__; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    loaded = set(run.stdout.split())
    assert "ledger.witness" in loaded
    assert not loaded & {"domain", "projections", "psycopg", "eventsourcing", "fastapi", "pydantic"}
    own = {name for name in loaded if name.startswith("api.")}
    assert {name for name in own if not name.startswith("api.observing")} == {"api.process"}


# Forks (G7).


def cosigned_forks(folder: Path) -> list[int]:
    """How often each of so many forks is cosigned, of all the ways in which it can be shown to the witness."""
    random = Random(20261126)
    cosigned = []
    for number in range(FORKS):
        held_size = random.randint(2, 300)
        forked_at = random.randint(0, held_size - 1)
        # Larger than where it parts: up to there it would be the same tree.
        size = random.randint(forked_at + 1, 400)
        tree, fork = SmallLog(held_size), SmallLog(size, forked_at=forked_at, branch=number + 1)
        make_keys(folder / str(number), NAME, random.randbytes)
        with opened_memory(folder / str(number), [LOG.verifier]) as memory:
            memory.add(tree.request(0))
            ways = [fork.request(old) for old in {held_size, 0, forked_at, random.randint(0, fork.size)}]
            # The right old size with the tree's own proof, or with none, or with a made-up one.
            proofs = [(), fork.consistency(1) if fork.size > 1 else (), (random.randbytes(32),) * 3]
            ways += [witness.to_bytes(witness.Request(held_size, proof, fork.signed())) for proof in proofs]
            cosigned.append(sum(_is_cosigned(memory, way) for way in ways))
    return cosigned


def _is_cosigned(memory: WitnessMemory, body: bytes) -> bool:
    try:
        memory.add(body)
    except (witness.OldSizeDiffersError, witness.InconsistentError, witness.OldSizeTooLargeError):
        return False
    return True


def test_every_fork_is_refused(tmp_path: Path) -> None:
    cosigned = cosigned_forks(tmp_path)
    assert (len(cosigned), sum(cosigned)) == (FORKS, 0)
    # Of those that are not smaller than the held tree the evidence is kept.
    assert len(list(tmp_path.glob("*/*/refused/*.refused"))) > FORKS / 2


def test_a_witness_without_the_check_cosigns_forks(tmp_path: Path) -> None:
    """The campaign can fail: it finds what it looks for where it is."""
    with patch.object(witness, "check_extends"):
        assert all(cosigned_forks(tmp_path))
