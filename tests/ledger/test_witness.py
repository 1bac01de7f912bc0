"""What a witness must say to each request, by the table of C2SP tlog-witness."""

import pytest

from ledger import checkpoint, note, witness
from ledger.checkpoint import Checkpoint
from ledger.merkle import EMPTY_ROOT
from ledger.note import Signer, encode_base64
from ledger.witness import (
    InconsistentError,
    NotSignedByLogError,
    OldSizeDiffersError,
    OldSizeTooLargeError,
    Request,
    RequestMalformedError,
    UnknownLogError,
)
from tests.small_log import LOG, LOG_ML_DSA, ORIGIN, SmallLog

TREE = SmallLog(20)
FORK = SmallLog(20, forked_at=6)


def take(body: bytes, held: Checkpoint | None) -> Checkpoint:
    """What a witness does with a request, but for its disk."""
    request = witness.parse(body)
    found = witness.submitted(request, [LOG.verifier, LOG_ML_DSA.verifier])
    witness.check_extends(found.checkpoint, request, held)
    return found.checkpoint


def test_the_first_tree_is_taken_as_it_is() -> None:
    assert take(TREE.request(0, 7), None) == TREE.checkpoint(7)


@pytest.mark.parametrize("old_size", range(1, 21))
def test_a_tree_that_begins_with_the_one_before_is_taken(old_size: int) -> None:
    for size in range(old_size, 21):
        assert take(TREE.request(old_size, size), TREE.checkpoint(old_size)) == TREE.checkpoint(size)


def test_an_empty_tree_may_be_the_first() -> None:
    empty = SmallLog(0)
    assert take(empty.request(0), None).root_hash == EMPTY_ROOT
    assert take(TREE.request(0, 7), empty.checkpoint()) == TREE.checkpoint(7)


def test_an_empty_tree_with_another_root_is_refused_once_its_log_signed_it() -> None:
    text = f"{ORIGIN}\n0\n{encode_base64(bytes(32))}\n"
    with pytest.raises(InconsistentError):
        take(witness.to_bytes(Request(0, (), note.sign(text, LOG))), None)
    with pytest.raises(NotSignedByLogError):
        take(witness.to_bytes(Request(0, (), note.sign(text, Signer(ORIGIN, bytes(32))))), None)
    elsewhere = note.sign(text.replace("analyses", "other"), Signer("ledger.example/other", LOG.seed))
    with pytest.raises(UnknownLogError):
        take(witness.to_bytes(Request(0, (), elsewhere)), None)


@pytest.mark.parametrize("size", range(7, 21))
def test_a_fork_is_refused(size: int) -> None:
    with pytest.raises(InconsistentError):
        take(FORK.request(7, size), TREE.checkpoint(7))


def test_a_tree_that_was_not_cosigned_last_is_no_beginning_and_the_size_is_said() -> None:
    for old_size in (0, 5, 9):
        with pytest.raises(OldSizeDiffersError) as refusal:
            take(TREE.request(old_size, 20), TREE.checkpoint(7))
        assert refusal.value.held_size == 7
    with pytest.raises(OldSizeDiffersError) as refusal:
        take(TREE.request(7), None)
    assert refusal.value.held_size == 0


def test_an_old_tree_larger_than_the_new_one_is_refused_before_what_is_held() -> None:
    with pytest.raises(OldSizeTooLargeError):
        take(TREE.request(8, 7), TREE.checkpoint(8))


def test_a_first_tree_with_a_proof_is_refused() -> None:
    with pytest.raises(InconsistentError):
        take(witness.to_bytes(Request(0, (bytes(32),), TREE.signed(7))), None)


def test_a_missing_a_longer_and_a_changed_proof_are_refused() -> None:
    proof = TREE.consistency(7, 20)
    for spoilt in ((), proof[:-1], (*proof, proof[0]), proof[::-1], (bytes(32), *proof[1:])):
        with pytest.raises(InconsistentError):
            take(witness.to_bytes(Request(7, spoilt, TREE.signed(20))), TREE.checkpoint(7))


def test_another_origin_is_unknown_and_another_key_is_forbidden() -> None:
    other = Signer("ledger.example/other", LOG.seed)
    tree = Checkpoint(other.name, 7, TREE.checkpoint(7).root_hash)
    with pytest.raises(UnknownLogError):
        take(witness.to_bytes(Request(0, (), checkpoint.sign(tree, other))), None)
    thief = Signer(ORIGIN, bytes(32))
    with pytest.raises(NotSignedByLogError):
        take(witness.to_bytes(Request(0, (), checkpoint.sign(TREE.checkpoint(7), thief))), None)
    with pytest.raises(NotSignedByLogError):
        take(TREE.request(0, 7).replace(b"\n7\n", b"\n8\n"), None)


def test_lines_of_unknown_keys_are_ignored_and_not_kept() -> None:
    signed = TREE.signed(7, at=1_700_000_000) + "— stranger.example AAAAAAAA\n".encode()
    found = witness.submitted(witness.parse(witness.to_bytes(Request(0, (), signed))), [LOG.verifier])
    assert [(line.name, line.key_id) for line in found.log_lines] == [(ORIGIN, LOG.verifier.key_id)]


SOUND = TREE.request(7, 20)
HASH = encode_base64(bytes(32)).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n\n",
        SOUND.replace(b"old 7", b"old 07"),
        SOUND.replace(b"old 7", b"old +7"),
        SOUND.replace(b"old 7", b"old  7"),
        SOUND.replace(b"old 7", b"OLD 7"),
        SOUND.replace(b"old 7", b"7"),
        SOUND.replace(b"old 7", b"old 7\r"),
        SOUND.replace(b"\n", b"\r\n"),
        SOUND.replace(b"old 7\n", b"old 7\n" + HASH[:-4] + b"\n"),
        SOUND.replace(b"old 7\n", b"old 7\n" + HASH[:-2] + b"B=\n"),
        SOUND.replace(b"old 7\n", b"old 7\n\xff\n"),
        b"old 7\n" + (HASH + b"\n") * 64 + b"\n" + TREE.signed(20),
        SOUND.partition(b"\n\n")[0] + b"\n\n",
        SOUND[:-1],
        SOUND.replace(b"\n20\n", b"\n020\n"),
        SOUND + b"\n" * 2**17,
        b"old 0\n\nledger.example/analyses\n0\n"
        + HASH[:-4]
        + b"\n\n"
        + TREE.signed(7).rpartition(b"\n\n")[2],
    ],
)
def test_what_is_not_a_request_is_refused(body: bytes) -> None:
    with pytest.raises(RequestMalformedError):
        take(body, TREE.checkpoint(7))


def test_a_request_is_the_same_after_it_was_written_and_read() -> None:
    assert witness.to_bytes(witness.parse(SOUND)) == SOUND
