"""A monitor takes nobody's word for the past, and what convicts a log is kept."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from random import Random
from uuid import uuid4

import httpx2
import pytest
from typer.testing import CliRunner

from api.__main__ import cli
from api.observing.log_source import FolderSource, HttpSource, LogSource
from api.observing.monitor import Look, Monitor, Verdict, What
from api.observing.monitor_memory import (
    MonitorFolderBusyError,
    MonitorMemory,
    MonitorMemoryDamagedError,
    opened_monitor,
)
from api.observing.witness_memory import make_keys, opened_memory
from ledger import checkpoint, cosignature, fork_evidence, note, witness_policy
from ledger.note import Signer
from ledger.store import Ledger, Write
from projections import transparency
from projections.export import export_log
from projections.follow import Follower
from tests.api.test_witness import served
from tests.examples import READ
from tests.scenario import TESTER
from tests.small_log import LOG, LOG_ML_DSA, ORIGIN, WITNESS, SmallLog

NOW = 1_700_000_000
PAIRS = 60
POLICY = witness_policy.parse(
    f"log {LOG.verifier.vkey}\nwitness w1 {WITNESS.verifier.vkey}\nquorum w1\n".encode()
)


class Watched:
    """A log in a folder and its monitor in another."""

    def __init__(self, folder: Path, memory: MonitorMemory, **how: object) -> None:
        self.log, self.state = folder / "log", folder / "state"
        self.monitor = Monitor(FolderSource(self.log), memory, [LOG.verifier, LOG_ML_DSA.verifier])
        self.monitor = replace(self.monitor, **how)  # type: ignore[arg-type]

    def look(self, tree: SmallLog | None = None, signed: bytes | None = None, *, now: int = NOW) -> Look:
        """At this tree, if the log goes on to it."""
        if tree is not None:
            tree.write(self.log, signed)
        return self.monitor.look(now=now)

    def found(
        self, tree: SmallLog | None = None, signed: bytes | None = None, *, now: int = NOW
    ) -> list[What]:
        return [finding.what for finding in self.look(tree, signed, now=now).findings]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with opened_monitor(tmp_path / "state") as memory:
        yield Watched(tmp_path, memory, reads_entries=True)


# One log.


def test_refused_notes_of_anybody_do_not_take_the_place_of_what_convicts(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.observing.monitor_memory.EVIDENCE_FILES_MAX", 3)
    watched.look(SmallLog(600))
    for number in range(5):
        assert watched.found(SmallLog(600), f"noise {number}\n".encode()) == [What.NOT_SIGNED]
    (finding,) = watched.look(SmallLog(600, forked_at=3)).findings
    assert finding.what is What.FORK
    fork_evidence.verify(Path(finding.evidence).read_bytes(), [LOG.verifier])


def test_a_log_that_grows_is_well_at_every_size(watched: Watched) -> None:
    entries = 0
    for size in (0, 1, 2, 255, 256, 257, 600, 600, 3000):
        look = watched.look(SmallLog(size))
        assert (look.findings, look.verdict) == ([], Verdict.WELL)
        entries += look.entries
        assert entries == size  # each is read once
    assert note.parse((watched.state / "checkpoint").read_bytes()).text.split("\n")[1] == "3000"


def test_partial_tiles_that_are_gone_are_read_from_the_full_ones(watched: Watched) -> None:
    SmallLog(600).write(watched.log)
    smaller = SmallLog(300)
    assert watched.found(smaller) == []
    SmallLog(600).write(watched.log, smaller.signed())
    gone = [watched.log / path for path in ("tile/0/001.p/44", "tile/entries/001.p/44")]
    for path in gone:
        path.unlink()
    assert watched.found() == []


def test_a_fork_is_found_with_evidence_and_the_memory_stays_where_it_was(watched: Watched) -> None:
    watched.look(SmallLog(300))
    for size in (300, 301, 600):
        look = watched.look(SmallLog(size, forked_at=299))
        [finding] = look.findings
        assert (finding.what, look.verdict) == (What.FORK, Verdict.ALARM)
        first, second = fork_evidence.verify(Path(finding.evidence).read_bytes(), [LOG.verifier])
        assert (first.tree_size, second.tree_size) == (300, size)
    assert watched.found(SmallLog(601)) == []  # it comes back: only the evidence stays


def test_a_smaller_tree_is_a_rollback_and_a_contradiction_of_it_a_fork(watched: Watched) -> None:
    watched.look(SmallLog(300))
    assert watched.found(signed=None, tree=SmallLog(299)) == [What.ROLLED_BACK]
    watched.look(SmallLog(300))
    # The tiles of the larger tree are still there, and a signed note of another small tree beside them.
    [finding] = watched.look(SmallLog(300), SmallLog(200, forked_at=100).signed()).findings
    assert finding.what is What.FORK
    fork_evidence.verify(Path(finding.evidence).read_bytes(), [LOG.verifier])


def test_a_checkpoint_that_is_not_the_log_s_is_no_checkpoint(watched: Watched) -> None:
    tree = SmallLog(20)
    thief = checkpoint.sign(tree.checkpoint(), Signer(ORIGIN, bytes(32)))
    other = Signer("ledger.example/other", LOG.seed)
    elsewhere = checkpoint.sign(replace(tree.checkpoint(), origin=other.name), other)
    for signed in (thief, elsewhere, b"", tree.signed()[:-2], tree.signed().replace(b"\n20\n", b"\n020\n")):
        look = watched.look(tree, signed)
        assert ([one.what for one in look.findings], look.verdict) == ([What.NOT_SIGNED], Verdict.ALARM)
    assert not (watched.state / "checkpoint").exists()


@pytest.mark.parametrize(
    ("path", "place"),
    [("tile/0/000", 5), ("tile/0/001", 8000), ("tile/0/002.p/88", 7), ("tile/1/000.p/2", 3)],
)
def test_a_changed_tile_is_found(watched: Watched, path: str, place: int) -> None:
    SmallLog(600).write(watched.log)
    spoilt = bytearray((watched.log / path).read_bytes())
    spoilt[place] ^= 1
    (watched.log / path).write_bytes(spoilt)
    look = watched.look()
    assert look.verdict is Verdict.ALARM
    assert [one.what for one in look.findings] in ([What.TREE_WRONG], [What.ENTRY_WRONG])


@pytest.mark.parametrize(("path", "index"), [("tile/entries/000", 0), ("tile/entries/002.p/88", 512)])
def test_a_changed_entry_is_found_and_named(watched: Watched, path: str, index: int) -> None:
    SmallLog(600).write(watched.log)
    spoilt = (watched.log / path).read_bytes().replace(b"ReportReceived", b"ReportReturned", 1)
    (watched.log / path).write_bytes(spoilt)
    [finding] = watched.look().findings
    assert (finding.what, finding.detail) == (What.ENTRY_WRONG, f"the entry of index {index}")
    assert not (watched.state / "checkpoint").exists()


def test_an_entry_that_is_no_leaf_of_this_log_is_found(watched: Watched) -> None:
    tree = SmallLog(20)
    tree.entries[7] = b"anything else"
    assert watched.found(tree) == [What.ENTRY_WRONG]


def test_a_missing_tile_or_log_is_away_and_not_a_lie(watched: Watched) -> None:
    look = watched.look()
    assert ([one.what for one in look.findings], look.verdict) == ([What.AWAY], Verdict.UNSURE)
    SmallLog(600).write(watched.log)
    (watched.log / "tile/0/000").unlink()
    assert watched.found() == [What.AWAY]


def test_freshness_is_by_signed_times_and_a_clock_ahead_is_found(watched: Watched) -> None:
    tree = SmallLog(20)
    assert watched.found(tree, tree.signed(at=NOW), now=NOW + 20 * 60) == []
    assert watched.found(tree, tree.signed(at=NOW), now=NOW + 20 * 60 + 1) == [What.STALE]
    assert watched.found(tree, tree.signed(at=NOW), now=NOW - 301) == [What.CLOCK]
    assert watched.found(tree, tree.signed(), now=NOW * 2) == []  # it bears no time


def test_a_quorum_that_is_missing_is_found_and_a_false_cosignature_is_a_lie(watched: Watched) -> None:
    watched.monitor = replace(watched.monitor, policy=POLICY)
    tree = SmallLog(20)
    look = watched.look(tree, tree.signed(at=NOW, by=(WITNESS,)))
    assert (look.findings, look.cosigned, look.newest) == ([], {"w1": NOW}, NOW)
    look = watched.look(tree, tree.signed(at=NOW))
    assert ([one.what for one in look.findings], look.verdict) == ([What.QUORUM_NOT_MET], Verdict.UNSURE)
    forged = note.Signature(WITNESS.name, WITNESS.verifier.key_id, NOW.to_bytes(8) + bytes(64))
    assert watched.found(tree, cosignature.with_lines(tree.signed(), [forged])) == [What.NOT_SIGNED]


def test_a_memory_that_cannot_be_read_stops_it(watched: Watched) -> None:
    watched.look(SmallLog(20))
    (watched.state / "entries.json").write_text('{"size": 21, "hashes": []}')
    with pytest.raises(MonitorMemoryDamagedError):
        watched.look(SmallLog(22))
    (watched.state / "checkpoint").write_bytes(b"")
    with pytest.raises(MonitorMemoryDamagedError):
        watched.look()
    with pytest.raises(MonitorFolderBusyError), opened_monitor(watched.state):
        pass


def test_the_log_of_a_ledger_is_well_and_its_entries_are_read(
    ledger: Ledger, follower: Follower, tmp_path: Path
) -> None:
    keys = [transparency.log_verifier(ledger), transparency.log_cosigner(ledger)]
    with opened_monitor(tmp_path / "state") as memory:
        watch = Monitor(FolderSource(tmp_path / "log"), memory, keys, reads_entries=True)
        for size in (3, 260, 300):
            count = size - len(list(ledger.read_stored(limit=1000)))
            ledger.append(Write(uuid4(), 0, [READ] * count), circumstances=TESTER)
            follower.catch_up()
            export_log(ledger, tmp_path / "log")
            look = watch.look(now=int(time.time()))
            assert (look.findings, look.entries) == ([], count)
            assert look.newest is not None  # the log's own line of ML-DSA-44
        entry = tmp_path / "log/tile/entries/000"
        entry.write_bytes(entry.read_bytes().replace(b"@1", b"@2", 1))
    with opened_monitor(tmp_path / "newcomer") as memory:
        watch = replace(watch, memory=memory)
        assert [finding.what for finding in watch.look(now=0).findings][-1] is What.ENTRY_WRONG


# Compared with others.


def compared(folder: Path, here: SmallLog, there: SmallLog, *, compares: bool = True) -> list[Look]:
    """Two monitors, each shown its own tree; each then looks at what the other kept."""
    with ExitStack() as stack:
        monitors = [
            Watched(folder / name, stack.enter_context(opened_monitor(folder / name / "state")))
            for name in ("here", "there")
        ]
        for watched, tree in zip(monitors, (here, there), strict=True):
            assert watched.found(tree) == []
        for watched, other in zip(monitors, reversed(monitors), strict=True):
            others = (("other", FolderSource(other.state)),) if compares else ()
            watched.monitor = replace(watched.monitor, others=others)
        return [watched.look() for watched in monitors]


def pairs() -> Iterator[tuple[int, SmallLog, SmallLog]]:
    """Two trees that are one up to somewhere, and end where they like after it."""
    random = Random(20261126)
    for number in range(PAIRS):
        size = random.randint(1, 700)
        forked_at = random.randint(0, size - 1)
        other = SmallLog(random.randint(forked_at + 1, 700), forked_at=forked_at, branch=number + 1)
        yield number, SmallLog(size), other


def test_every_split_view_is_found_by_comparing_two_monitors(tmp_path: Path) -> None:
    for number, here, there in pairs():
        looks = compared(tmp_path / str(number), here, there)
        found = [one for look in looks for one in look.findings if one.what is What.SPLIT_VIEW]
        assert found, (here, there)
        for one in found:
            first, second = fork_evidence.verify(Path(one.evidence).read_bytes(), [LOG.verifier])
            assert sorted([here.size, there.size]) == [first.tree_size, second.tree_size]


def test_monitors_that_do_not_compare_find_nothing(tmp_path: Path) -> None:
    """The campaign can fail: without the comparison a split view is not seen."""
    for number, here, there in pairs():
        looks = compared(tmp_path / str(number), here, there, compares=False)
        assert not any(look.findings for look in looks)


def test_two_views_of_one_history_are_no_alarm(tmp_path: Path) -> None:
    for number, here, there in pairs():
        looks = compared(tmp_path / str(number), here, SmallLog(there.size))
        assert all(look.verdict is not Verdict.ALARM for look in looks)
        behind = [one.what for look in looks for one in look.findings]
        assert behind == [What.WITHHELD] * (here.size != there.size)


def test_a_mirror_shows_which_of_two_trees_is_a_lie_even_if_it_is_larger(
    watched: Watched, tmp_path: Path
) -> None:
    SmallLog(400, forked_at=100).write(tmp_path / "mirror")
    watched.monitor = replace(watched.monitor, others=(("mirror", FolderSource(tmp_path / "mirror")),))
    assert watched.found(SmallLog(300)) == [What.SPLIT_VIEW]


def test_what_others_show_without_the_log_s_signature_convicts_nobody(
    watched: Watched, tmp_path: Path
) -> None:
    thief = checkpoint.sign(SmallLog(20, forked_at=3).checkpoint(), Signer(ORIGIN, bytes(32)))
    SmallLog(20).write(tmp_path / "other", thief)
    others = (("other", FolderSource(tmp_path / "other")), ("nobody", FolderSource(tmp_path / "nobody")))
    watched.monitor = replace(watched.monitor, others=others)
    look = watched.look(SmallLog(20))
    assert [one.what for one in look.findings] == [What.OTHER_NOT_SIGNED, What.OTHER_AWAY]
    assert look.verdict is Verdict.UNSURE


def test_a_witness_is_compared_with_over_http(watched: Watched, tmp_path: Path) -> None:
    make_keys(tmp_path / "witness", "witness.example/w1", lambda size: bytes(size))
    fork = SmallLog(30, forked_at=9)
    with opened_memory(tmp_path / "witness", [LOG.verifier]) as memory, served(memory, "/w") as url:
        memory.add(fork.request(0))
        SmallLog(40).write(watched.log)
        run = CliRunner().invoke(
            cli,
            [
                *("monitor", "--log", str(watched.log), "--vkey", LOG.verifier.vkey, "--once", "--json"),
                *("--state", str(tmp_path / "other"), "--compare", url, "--entries"),
            ],
        )
    look = json.loads(run.stdout)
    [finding] = look["findings"]
    assert (run.exit_code, look["verdict"], look["tree_size"], look["entries_read"]) == (1, "alarm", 40, 40)
    assert finding["what"] == "split-view"
    check = ["monitor", "--check-evidence", finding["evidence"], "--vkey"]
    assert CliRunner().invoke(cli, [*check, LOG.verifier.vkey]).exit_code == 0
    assert CliRunner().invoke(cli, [*check, Signer(ORIGIN, bytes(32)).verifier.vkey]).exit_code == 1


def test_a_log_is_read_over_http_with_limits() -> None:
    answers = {"/log/checkpoint": 200, "/log/away": 404, "/log/moved": 302, "/log/broken": 500}

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(answers[request.url.path], content=b"content")

    source: LogSource = HttpSource("http://log/log/", httpx2.Client(transport=httpx2.MockTransport(answer)))
    assert source.read("checkpoint", 7) == b"content"
    for path, limit in (("checkpoint", 6), ("away", 7), ("moved", 7), ("broken", 7)):
        with pytest.raises(Exception, match="/log/"):
            source.read(path, limit)


# The commands.


def test_keys_are_made_shown_and_taken_into_a_policy(tmp_path: Path) -> None:
    folder = str(tmp_path / "w")
    made = CliRunner().invoke(
        cli, ["witness", "keygen", "--folder", folder, "--name", "witness.example/region"]
    )
    shown = CliRunner().invoke(cli, ["witness", "show", "--folder", folder])
    assert made.exit_code == 0
    assert shown.stdout == made.stdout
    policy = witness_policy.parse(f"{made.stdout}quorum witness.example/region/ed25519\n".encode())
    assert {one.key.name for one in policy.witnesses} == {"witness.example/region"}
    (tmp_path / "policy").write_text(f"{made.stdout}quorum witness.example/region/ed25519\n")
    judged = CliRunner().invoke(cli, ["witness", "policy", str(tmp_path / "policy")])
    assert (judged.exit_code, "any two quorums share a witness" in judged.stdout) == (0, True)
    (tmp_path / "policy").write_text(f"{made.stdout}quorum none\n")
    assert CliRunner().invoke(cli, ["witness", "policy", str(tmp_path / "policy")]).exit_code == 3
    again = CliRunner().invoke(
        cli, ["witness", "keygen", "--folder", folder, "--name", "witness.example/region"]
    )
    assert again.exit_code == 1
    assert (
        CliRunner().invoke(cli, ["witness", "serve", "--folder", folder, "--log", "nonsense"]).exit_code == 1
    )


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--vkey", LOG.verifier.vkey), 3),
        (("--vkey", "nonsense"), 2),
        ((), 2),
        (("--policy", "/nowhere"), 2),
        (("--vkey", LOG.verifier.vkey, "--vkey", Signer("other.example", bytes(32)).verifier.vkey), 2),
    ],
)
def test_a_monitor_that_was_set_up_wrongly_says_so(
    tmp_path: Path, options: tuple[str, ...], code: int
) -> None:
    places = ["--log", str(tmp_path / "log"), "--state", str(tmp_path / "state"), "--once"]
    assert CliRunner().invoke(cli, ["monitor", *places, *options]).exit_code == code
