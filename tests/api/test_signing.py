"""The signer as it runs: it signs and publishes by itself, alarms when it can't, and goes on when it can again."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from time import monotonic, sleep
from uuid import uuid4

import psycopg
import pytest

from api import log_alarms, signing_witnesses
from api.log_mirror import LogMirror
from api.node import Node
from api.observing.witness_memory import make_keys, opened_memory, read_keys
from api.serving import signing_beside
from api.signing import Signer, signer_pool
from api.signing_witnesses import Witnesses
from ledger import checkpoint, note, tiles
from ledger.custody import load_log_keys
from ledger.note import Verifier
from ledger.store import Ledger, Write
from ledger.witness_policy import parse, satisfied
from projections import transparency
from projections.export import export_log
from projections.follow import Follower
from projections.publishing import seconds_to_publish, state_of
from projections.signing import Signing
from projections.transparency import TRANSPARENCY
from tests.api.cast import Portal
from tests.api.command import environment_of
from tests.api.process_tree import children_of
from tests.api.test_witness import served
from tests.examples import READ
from tests.forgery import change_history
from tests.scenario import TESTER, rows

PATIENCE_SECONDS = 60


def until(holds: Callable[[], object]) -> None:
    give_up = monotonic() + PATIENCE_SECONDS
    while not holds():
        assert monotonic() < give_up
        sleep(0.02)


def grow(ledger: Ledger, count: int = 1) -> None:
    """Events with their leaves, unsigned."""
    ledger.append(Write(uuid4(), 0, [READ] * count), circumstances=TESTER)
    follower = Follower(ledger, (TRANSPARENCY,))
    while follower.step():
        pass


def published_size(ledger: Ledger) -> int:
    found = transparency.latest_published(ledger)
    return found.tree_size if found else 0


@pytest.fixture
def signing(ledger: Ledger, database: str) -> Iterator[Signing]:
    """As the process has it: its own role, its own folder, and no ledger."""
    assert ledger.custody.signer is not None
    with signer_pool(database) as pool:
        yield Signing(pool, load_log_keys(ledger.custody.signer), ledger.origin)


@contextmanager
def running(signer: Signer) -> Iterator[None]:
    stop = Event()
    thread = Thread(target=signer.run, args=(stop,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=60)
        assert not thread.is_alive()


def test_what_is_recorded_is_published_within_a_second_by_a_signer_of_its_own(
    ledger: Ledger, signing: Signing
) -> None:
    before, size = datetime.now(UTC), 0

    def soon() -> bool:
        nonlocal size
        grow(ledger)
        size += 1
        until(lambda: published_size(ledger) == size)
        took = seconds_to_publish(ledger, since=before)
        assert len(took) == size
        return size >= 3 and min(took) <= 1.5

    # Half of the promise is measured by `make bench` on a quiet machine; here others work beside.
    with running(Signer(signing)):
        until(soon)
    state = state_of(ledger)
    assert state is not None and (state.alarm, state.witnesses) == (None, 0)


def test_of_two_signers_one_works_and_the_other_takes_over(ledger: Ledger, signing: Signing) -> None:
    with running(Signer(signing)):
        with running(Signer(signing)):
            grow(ledger)
            until(lambda: published_size(ledger) == 1)
        grow(ledger)
        until(lambda: published_size(ledger) == 2)
    assert rows(ledger, "SELECT tree_size FROM log.checkpoints ORDER BY 1") == [(1,), (2,)]
    assert rows(ledger, "SELECT count(*) FROM log.published") == [(2,)]


def alarms(ledger: Ledger, *, after: timedelta = timedelta()) -> list[str]:
    return list(log_alarms.health_of(ledger, now=datetime.now(UTC) + after).alarms)


def test_a_forked_database_is_not_signed_and_is_alarmed_until_it_is_right_again(
    ledger: Ledger, signing: Signing, sql: psycopg.Connection
) -> None:
    signer = Signer(signing)
    grow(ledger, 3)
    assert signer.sign() and signer.publish()
    row = sql.execute("SELECT * FROM transparency.leaves WHERE leaf_index = 2").fetchone()
    assert row is not None
    sql.execute("DELETE FROM transparency.leaves WHERE leaf_index = 2")
    assert not signer.sign()
    assert alarms(ledger) == ["fork"]
    found = {metric.name: metric.samples for metric in log_alarms.log_gauges(ledger, now=datetime.now(UTC))}
    assert found["letopis_log_fork"][0].value == 1
    sql.execute("INSERT INTO transparency.leaves VALUES (%s, %s, %s)", row)
    assert signer.sign()
    assert alarms(ledger) == []
    grow(ledger)
    assert signer.sign() and signer.publish() and published_size(ledger) == 4


def test_a_full_disk_is_an_alarm_and_nothing_is_signed_that_is_not_remembered(
    ledger: Ledger, signing: Signing, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = Signer(signing)
    grow(ledger)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        assert not signer.sign()
    assert alarms(ledger) == ["storage"]
    assert transparency.latest(ledger) is None
    assert signer.sign()
    assert alarms(ledger) == [] and transparency.latest(ledger) is not None


def test_a_signer_that_stops_is_alarmed_in_half_a_minute(
    ledger: Ledger, signing: Signing, portal: Portal
) -> None:
    signer = Signer(signing)
    grow(ledger)
    signer.sign()
    signer.publish()
    assert alarms(ledger) == []
    assert portal.machine.get("/readyz").json()["log"] == []
    assert alarms(ledger, after=timedelta(seconds=31)) == ["signer-silent"]
    grow(ledger)
    assert alarms(ledger, after=timedelta(seconds=31)) == ["signer-silent", "unpublished"]
    assert alarms(ledger, after=timedelta(minutes=11)) == ["signer-silent", "stale", "unpublished"]


def test_without_its_quorum_nothing_is_published_and_signing_goes_on(
    ledger: Ledger, signing: Signing, sql: psycopg.Connection, tmp_path: Path
) -> None:
    policy = tmp_path / "policy"
    # Nobody listens there.
    policy.write_text(f"witness w {WITNESS} http://127.0.0.1:9\nquorum w\n")
    with Witnesses.of_file(policy, signing) as witnesses:
        signer = Signer(signing, witnesses)
        grow(ledger)
        assert signer.sign()
        assert not signer.publish()
        assert signer.sign()
    assert alarms(ledger) == ["quorum"]
    assert published_size(ledger) == 0 and transparency.latest(ledger) is not None


WITNESS = "witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"


@pytest.fixture
def witnessed(
    ledger: Ledger, signing: Signing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Path, Signer]]:
    """A witness that really serves, and a policy by which both of its keys must sign."""
    # On a busy machine it may need more than the second that it has.
    monkeypatch.setattr(signing_witnesses, "DEADLINE_SECONDS", 60.0)
    keys = tmp_path / "witness"
    make_keys(keys, "witness.example/region", lambda size: bytes(range(size)))
    logs = [transparency.log_verifier(ledger), transparency.log_cosigner(ledger)]
    with opened_memory(keys, logs) as memory, served(memory) as url:
        names = [one.kind.name for one in read_keys(keys)]
        lines = [f"witness {one.kind.name} {one.verifier.vkey} {url}" for one in read_keys(keys)]
        policy = tmp_path / "policy"
        policy.write_text("\n".join([*lines, f"group both all {' '.join(names)}", "quorum both", ""]))
        with Witnesses.of_file(policy, signing) as witnesses:
            yield policy, Signer(signing, witnesses)


def test_what_is_published_meets_the_policy_of_its_witnesses(
    ledger: Ledger, witnessed: tuple[Path, Signer]
) -> None:
    policy, signer = witnessed
    for count in (1, 5, 300):
        grow(ledger, count)
        assert signer.sign() and signer.publish()
    found = transparency.latest_published(ledger)
    assert found is not None and found.tree_size == 306
    standing = satisfied(found.note, parse(policy.read_bytes()), logs=[transparency.log_verifier(ledger)])
    assert set(standing.cosigned) == {"ED25519", "ML_DSA_44"}
    assert len(note.parse(found.note).signatures) == 4
    state = state_of(ledger)
    assert state is not None and (state.alarm, state.witnesses) == (None, 2)


def test_a_copied_key_signs_a_second_history_and_the_witness_stops_it(
    ledger: Ledger, witnessed: tuple[Path, Signer], sql: psycopg.Connection
) -> None:
    """The database was restored, and the signer's memory with it: from inside nothing is wrong."""
    _, signer = witnessed
    grow(ledger, 3)
    assert signer.sign()
    older = signer.signing.memory.read()
    grow(ledger, 3)
    assert signer.sign() and signer.publish()
    assert older is not None
    signer.signing.memory.path.write_bytes(older)
    change_history(
        sql,
        ("DELETE FROM ledger.events WHERE notification_id > 3", ()),
        ("DELETE FROM log.checkpoints WHERE tree_size > 3", ()),
        ("DELETE FROM log.published", ()),
        ("DELETE FROM transparency.leaves", ()),
        ("DELETE FROM transparency.tiles", ()),
        ("UPDATE transparency.tracking SET position = 0", ()),
    )
    grow(ledger, 9)
    assert signer.sign(), "the signer can't know"
    assert not signer.publish()
    assert signer.sign() and alarms(ledger) == ["witness"]
    assert published_size(ledger) == 0


# As a process.


def test_the_signer_is_a_process_that_is_started_again_when_it_is_killed(opened: Node) -> None:
    before = set(children_of(os.getpid()))
    with signing_beside(opened.settings):
        grow(opened.ledger)
        until(lambda: published_size(opened.ledger) == 1)
        (killed,) = signers(before)
        os.kill(killed, signal.SIGKILL)
        grow(opened.ledger)
        until(lambda: published_size(opened.ledger) == 2)
        assert killed not in signers(before)
    assert not signers(before)


# Told to stop in the midst of a query, whose connection ends in the same moment.
_STOPPED_WITH_THE_DATABASE = """
import os, signal, time, psycopg
from api import process, signing
from api.settings import Settings
from projections.signing import Signing

def sign(self):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.5)
    finally:
        raise psycopg.OperationalError("the connection is lost")

Signing.sign = sign
process.prepare()
signing.run(Settings())
"""


def test_a_signer_that_is_told_to_stop_stops_also_when_the_database_ends_at_that_moment(
    opened: Node,
) -> None:
    environment = environment_of(opened.settings) | {"DATABASE_URL": opened.conninfo}
    command = [sys.executable, "-c", _STOPPED_WITH_THE_DATABASE]
    ended = subprocess.run(command, env=environment, timeout=120, check=False, capture_output=True)
    assert ended.returncode == 143, ended.stderr.decode()


def signers(before: set[int]) -> list[int]:
    found = []
    for pid in set(children_of(os.getpid())) - before:
        with suppress(OSError):
            if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


# The log by HTTP.


def test_the_log_by_http_is_the_log_as_files(portal: Portal, tmp_path: Path) -> None:
    ledger = portal.opened.ledger
    assert portal.machine.get("/log/checkpoint").status_code == 404
    grow(ledger, 300)
    Follower(ledger, (TRANSPARENCY,)).catch_up()
    folder = tmp_path / "log"
    export_log(ledger, folder)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == 6
    for path in files:
        answer = portal.machine.get(
            f"/log/{path.relative_to(folder)}", headers={"Accept-Encoding": "identity"}
        )
        assert (answer.status_code, answer.content) == (200, path.read_bytes())
        is_checkpoint = path.name == "checkpoint"
        kind = "text/plain; charset=utf-8" if is_checkpoint else "application/octet-stream"
        assert answer.headers["content-type"] == kind
        assert ("immutable" in answer.headers["cache-control"]) is not is_checkpoint
        assert "content-encoding" not in answer.headers
    entries = portal.machine.get("/log/tile/entries/000")
    assert entries.headers["content-encoding"] == "gzip"
    assert entries.content == (folder / "tile/entries/000").read_bytes()


def test_a_folder_is_kept_like_the_published_log(portal: Portal, tmp_path: Path) -> None:
    ledger, folder, stop = portal.opened.ledger, tmp_path / "log", Event()
    mirror = Thread(target=LogMirror(ledger, folder).run, args=(stop,), daemon=True)
    mirror.start()
    try:
        for size in (3, 260):
            grow(ledger, size - len(ledger.read_stored()))
            Follower(ledger, (TRANSPARENCY,)).catch_up()
            published = transparency.latest_published(ledger)
            assert published is not None and published.tree_size == size
            until(lambda note=published.note: content(folder / "checkpoint") == note)  # type: ignore[misc]
            assert (folder / tiles.TileId(0, (size - 1) // 256, (size - 1) % 256 + 1).path).exists()
    finally:
        stop.set()
        mirror.join(timeout=60)
    assert not mirror.is_alive()


def content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


# Wider than the published tree, beyond it, of no row; and other spellings of what is there.
ABSENT = """
0/001.p/45 0/001 0/002.p/1 1/000 1/001.p/1 2/000.p/1 0/000.p/256 0/0 0/000.p/0 0/x000/000 0/000.p/044
entries/001.p/45 entries/001 64/000 -1/000 00/000 0/%2e%2e/000
"""


def test_a_file_that_the_published_tree_has_not_is_not_there(portal: Portal) -> None:
    """The tree has 300 leaves that are published, and more that are not."""
    ledger = portal.opened.ledger
    grow(ledger, 300)
    Follower(ledger, (TRANSPARENCY,)).catch_up()
    grow(ledger, 20)
    for path in ABSENT.split():
        answer = portal.machine.get(f"/log/tile/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found"), path
    for path in ("0/001.p/44", "0/000.p/7", "entries/001.p/44"):
        assert portal.machine.get(f"/log/tile/{path}").status_code == 200, path


def test_keys_and_policy_say_how_to_verify_what_is_published(portal: Portal) -> None:
    ledger = portal.opened.ledger
    grow(ledger, 2)
    Follower(ledger, (TRANSPARENCY,)).catch_up()
    keys = portal.machine.get("/v1/log/key").json()
    policy = parse(portal.machine.get("/log/policy").content)
    assert [one.key.vkey for one in policy.logs] == [keys["vkey"], keys["mldsa_vkey"]]
    assert policy.quorum is None and keys["witnesses"] == []
    published = portal.machine.get("/log/checkpoint").content
    found = checkpoint.verify(published, Verifier.from_vkey(keys["vkey"]))
    hashes = portal.machine.get("/log/tile/0/000.p/2").content
    assert transparency.root_at(ledger, 2) == found.root_hash and len(hashes) == 64
    assert tiles.parse_path("tile/0/000.p/2").width == 2
    assert note.parse(published).text.startswith(f"{keys['origin']}\n2\n")
