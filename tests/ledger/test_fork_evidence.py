"""A file that shows that a log contradicted itself convicts it, and nothing else does."""

import json
from pathlib import Path

import pytest

from ledger import fork_evidence, merkle
from ledger.fork_evidence import Fork, NotEvidenceError
from ledger.note import Signer
from tests.small_log import LOG, ORIGIN, SmallLog

TREE = SmallLog(20)
FORK = SmallLog(33, forked_at=6)


def fork(old_size: int, new_size: int, first: SmallLog = TREE, second: SmallLog = FORK) -> Fork:
    return Fork(
        first.signed(old_size),
        second.signed(new_size),
        merkle.root_hash(second.hashes[:old_size]),
        second.consistency(old_size, new_size),
    )


@pytest.mark.parametrize(("old_size", "new_size"), [(7, 33), (8, 9), (20, 20), (20, 33)])
def test_two_trees_that_contradict_each_other_convict_the_log(old_size: int, new_size: int) -> None:
    content = fork_evidence.to_bytes(fork(old_size, new_size))
    assert fork_evidence.verify(content, [LOG.verifier]) == (
        TREE.checkpoint(old_size),
        FORK.checkpoint(new_size),
    )


def test_the_evidence_of_the_documentation_is_this_file() -> None:
    """Ed25519 is deterministic: the file is made again to the byte."""
    kept = (Path(__file__).parents[1] / "golden/evidence/fork.json").read_bytes()
    assert kept == fork_evidence.to_bytes(fork(7, 33))


@pytest.mark.parametrize(
    "innocent",
    [
        fork(7, 20, TREE, TREE),
        fork(6, 33),  # up to there they are one
        fork(0, 33),
        Fork(TREE.signed(7), TREE.signed(20), bytes(32), TREE.consistency(7, 20)),
        Fork(TREE.signed(7), FORK.signed(33), merkle.root_hash(FORK.hashes[:7]), ()),
        Fork(FORK.signed(33), TREE.signed(7), bytes(32), ()),
    ],
)
def test_an_honest_log_is_not_convicted(innocent: Fork) -> None:
    with pytest.raises(NotEvidenceError):
        fork_evidence.verify(fork_evidence.to_bytes(innocent), [LOG.verifier])


def test_what_the_log_did_not_sign_convicts_nobody() -> None:
    content = fork_evidence.to_bytes(fork(7, 33))
    for key in (Signer(ORIGIN, bytes(32)), Signer("ledger.example/other", LOG.seed)):
        with pytest.raises(NotEvidenceError):
            fork_evidence.verify(content, [key.verifier])


FIELDS = json.loads(fork_evidence.to_bytes(fork(7, 33)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{" * 100_000,
        json.dumps(FIELDS | {"format": "letopis/fork@v2"}).encode(),
        json.dumps(FIELDS | {"more": 1}).encode(),
        json.dumps({name: FIELDS[name] for name in FIELDS if name != "root"}).encode(),
        json.dumps(FIELDS | {"first": None}).encode(),
        json.dumps(FIELDS | {"root": FIELDS["root"][:-2] + "B="}).encode(),
        json.dumps(FIELDS | {"root": ""}).encode(),
        json.dumps(FIELDS | {"consistency": 5}).encode(),
        json.dumps(FIELDS | {"consistency": FIELDS["consistency"][1:]}).encode(),
        json.dumps(FIELDS).encode() + b" " * 4_000_001,
    ],
)
def test_a_file_in_another_form_is_refused(content: bytes) -> None:
    with pytest.raises(NotEvidenceError):
        fork_evidence.verify(content, [LOG.verifier])
