"""The tampering campaign (G6): whatever single thing is edited in the database is found, and its place is named right;
what can be seen in the exported log is found there by the stand-alone verifier too.

In the suite each edit is made once; `LETOPIS_CAMPAIGN=1` (make campaign) makes more than five hundred, and fifty clean
runs. What else can be edited and who finds that is in docs/evidence/verifier.md.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from uuid import UUID

import psycopg
import pytest

from ledger.cosignature import CosignatureVerifier
from ledger.custody import load, load_log_keys, signer_beside
from ledger.note import Signer
from ledger.store import Ledger
from projections import PROJECTIONS, transparency
from projections.export import export_log
from projections.follow import Follower
from projections.verify import Finding, verify
from projections.verify_keys import verify_keys
from tests.conftest import ORIGIN, Server
from tests.examples import ANNA, RECEIVED, REPORT
from tests.projections.tampering import EDITS, KEY_EDITS, Edit, fits, keep_copies, restored
from tests.projections.test_verify import FIRST_SIGNED, SIZE, Log, small, submit
from tests.scenario import recorded
from tests.verifier.standalone import asked

ROUNDS = 15 if "LETOPIS_CAMPAIGN" in os.environ else 1
CLEAN = 50 if "LETOPIS_CAMPAIGN" in os.environ else 2


@dataclass(frozen=True, slots=True)
class House:
    """A finished log with everything that its auditor holds outside: the keys, and the last checkpoint."""

    log: Log
    ledger: Ledger
    kept: bytes
    cosigner: CosignatureVerifier
    folder: Path

    def found(self) -> Finding | None:
        result = verify(self.log.conninfo, log=self.log.key, kept=[self.kept], cosigners=[self.cosigner])
        return result.finding

    def exported(self, name: str) -> Path | None:
        """The log as files, from what stands in the database now; None if it refuses to be exported."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        try:
            export_log(self.ledger, folder)
        except Exception:  # whatever is wrong, nothing was handed out
            return None
        return folder


@pytest.fixture(scope="module")
def house(server: Server, made_secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    name = server.clone()
    home = tmp_path_factory.mktemp("house")
    shutil.copytree(signer_beside(made_secrets), home / "signer")
    custody = load(shutil.copytree(made_secrets, home / "secrets"))
    conninfo = server.conninfo_of(name)
    with Ledger(conninfo, custody) as ledger, psycopg.connect(conninfo, autocommit=True) as sql:
        follower = Follower(ledger, PROJECTIONS)
        submit(ledger, UUID(int=76))
        recorded(ledger, REPORT, RECEIVED, subject=ANNA)
        small(ledger, FIRST_SIGNED - 2)
        follower.catch_up()
        small(ledger, SIZE - FIRST_SIGNED - 1)
        submit(ledger, UUID(int=77))
        follower.catch_up()
        assert custody.signer is not None
        signer = Signer(ORIGIN, load_log_keys(custody.signer).seed)
        latest = transparency.latest(ledger)
        assert latest is not None and latest.tree_size == SIZE
        log = Log(conninfo, sql, signer.verifier, signer)
        keep_copies(log)
        yield House(log, ledger, latest.note, transparency.log_cosigner(ledger), home)
    server.drop(name)


EXPORTED = "clean"


@pytest.fixture(scope="module")
def clean(house: House) -> dict[str, bytes]:
    """What an honest export holds."""
    folder = house.exported(EXPORTED)
    assert folder is not None
    return contents(folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_clean_house_gives_no_alarm(house: House, clean: dict[str, bytes]) -> None:
    for _ in range(CLEAN):
        assert house.found() is None
        house.ledger.keys.forget()
        assert verify_keys(house.ledger) is None
        assert asked(house.folder / EXPORTED, "--vkey", house.log.key.vkey)[0] == 0
    assert len(clean) == 8


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_is_found_and_its_first_leaf_named(house: House, clean: dict[str, bytes], name: str) -> None:
    for seed in range(ROUNDS):
        expected, found, code = edited(house, clean, EDITS[name], seed)
        assert found is not None, (name, seed, "escaped")
        assert fits(expected, found.leaf_index), (name, seed, expected, found)
        assert code != "escaped", (
            name,
            seed,
            "the exported log differs, and the stand-alone verifier took it",
        )


def edited(
    house: House, clean: dict[str, bytes], edit: Edit, seed: int
) -> tuple[object, Finding | None, str]:
    """What the edit should be found by, what it was found by, and what became of the export."""
    with restored(house.log):
        expected = edit(house.log, Random(seed))
        found = house.found()
        folder = house.exported("edited")
    if folder is None:
        return expected, found, "refused"
    state = house.folder / "state.json"
    state.unlink(missing_ok=True)
    kept = house.folder / "kept"
    kept.write_bytes(house.kept)
    assert asked("checkpoint", kept, "--vkey", house.log.key.vkey, "--state", state)[0] == 0
    code, _ = asked(folder, "--vkey", house.log.key.vkey, "--state", state)
    now = contents(folder)
    # Lines under the log's own, of keys that are not pinned here, are nobody's word: they may be another.
    differs = any(signed(now.get(name, b"")) != signed(content) for name, content in clean.items())
    verdict = "found" if code else "taken"
    return (
        expected,
        found,
        {(True, "taken"): "escaped", (False, "found"): "false alarm"}.get((differs, verdict), verdict),
    )


def signed(content: bytes) -> bytes:
    """Of a checkpoint the text and the first signature; of other files everything."""
    text, gap, lines = content.partition(b"\n\n")
    return text + gap + lines.split(b"\n")[0] if content.startswith(ORIGIN.encode()) else content


@pytest.mark.parametrize("name", KEY_EDITS)
def test_an_edit_of_the_key_table_is_found_by_whom_may_open_keys(house: House, name: str) -> None:
    for seed in range(ROUNDS):
        with restored(house.log):
            expected = KEY_EDITS[name](house.log, Random(seed))
            house.ledger.keys.forget()
            found = verify_keys(house.ledger)
        house.ledger.keys.forget()
        assert found is not None, (name, seed, "escaped")
        assert found.leaf_index == expected, (name, seed)


def test_the_campaign_can_fail(house: House) -> None:
    """Without what somebody kept outside, a rollback and a thief's history agree with themselves."""
    for name in (
        "tail: cut, and the checkpoints too: a rollback",
        "everything made anew by a thief of the log's key",
    ):
        with restored(house.log):
            EDITS[name](house.log, Random(0))
            blind = verify(house.log.conninfo, log=house.log.key)
        assert blind.finding is None
