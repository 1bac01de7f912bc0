"""Every event gets a leaf, the tree only grows, and what was signed is never contradicted."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from ledger import checkpoint, merkle, proof, tiles
from ledger.checkpoint import Checkpoint
from ledger.custody import load_log_keys
from ledger.leaf import split
from ledger.merkle import InvalidProofError
from ledger.note import InvalidNoteError, Signer, Verifier
from ledger.recorder import StreamConflictError
from ledger.store import Ledger, Write
from projections import transparency
from projections.export import export_log
from projections.follow import Follower
from projections.signing import sign_at_hand
from projections.transparency import ForkError, NotIntegratedError
from tests.conftest import ORIGIN
from tests.examples import ANNA, READ, RECEIVED, REGISTERED, REPORT
from tests.forgery import change_history
from tests.scenario import TESTER, recorded, rows

SMALL = READ


def log_of(ledger: Ledger) -> Verifier:
    return transparency.log_verifier(ledger)


def append_small(ledger: Ledger, count: int) -> None:
    ledger.append(Write(uuid4(), 0, [SMALL] * count), circumstances=TESTER)


def burn_positions(ledger: Ledger) -> None:
    """Refused appends draw positions and leave gaps."""
    recorded(ledger, stream_id := uuid4(), SMALL)
    for _ in range(3):
        with pytest.raises(StreamConflictError):
            ledger.append(Write(stream_id, 0, (SMALL,)), circumstances=TESTER)


def leaves(ledger: Ledger) -> list[bytes]:
    return [split(stored.state)[0] for _, stored in ledger.read_stored(limit=10_000)]


def test_leaf_indexes_are_dense_although_positions_have_gaps(ledger: Ledger, follower: Follower) -> None:
    for _ in range(4):
        burn_positions(ledger)
        follower.catch_up()
    positions = [position for position, _ in ledger.read_stored()]
    assert positions[-1] > len(positions)
    found = rows(ledger, "SELECT leaf_index, position FROM transparency.leaves ORDER BY leaf_index")
    assert found == list(enumerate(positions))


def test_the_signed_root_is_that_of_the_leaves_as_they_are_stored(ledger: Ledger, follower: Follower) -> None:
    recorded(ledger, REPORT, RECEIVED, subject=ANNA)
    append_small(ledger, 7)
    follower.catch_up()
    signed = transparency.latest(ledger)
    assert signed is not None
    found = checkpoint.verify(signed.note, log_of(ledger))
    assert (found.origin, found.tree_size) == (ORIGIN, 8)
    assert found.root_hash == merkle.root_hash(map(merkle.leaf_hash, leaves(ledger)))


def test_an_empty_log_is_not_signed(ledger: Ledger) -> None:
    assert sign_at_hand(ledger) is None
    assert transparency.latest(ledger) is None


def test_a_log_that_did_not_grow_is_not_signed_again(ledger: Ledger, follower: Follower) -> None:
    append_small(ledger, 3)
    follower.catch_up()
    assert sign_at_hand(ledger) is None
    follower.catch_up()
    assert rows(ledger, "SELECT tree_size FROM log.checkpoints") == [(3,)]


def test_each_checkpoint_extends_the_one_before(ledger: Ledger, follower: Follower) -> None:
    for count in (1, 2, 5, 300, 1):
        append_small(ledger, count)
        follower.catch_up()
    found = rows(ledger, "SELECT tree_size, root_hash FROM log.checkpoints ORDER BY tree_size")
    assert [size for size, _ in found] == [1, 3, 8, 308, 309]
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves(ledger)]
    read = lambda level, index: merkle.root_hash(hashes[index << level : (index + 1) << level])  # noqa: E731
    for (old_size, old_root), (new_size, new_root) in pairwise(found):
        steps = merkle.prove_consistency(old_size, new_size, read)
        merkle.check_consistency(
            steps, old_size=old_size, old_root=old_root, new_size=new_size, new_root=new_root
        )


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM transparency.leaves WHERE leaf_index >= 3",
        "UPDATE transparency.tiles SET hashes = overlay(hashes PLACING '\\x00'::bytea FROM 40)",
    ],
    ids=["the tail was cut", "a hash was changed"],
)
def test_a_tree_that_does_not_extend_what_was_signed_is_never_signed(
    ledger: Ledger, follower: Follower, sql: psycopg.Connection, damage: str
) -> None:
    append_small(ledger, 5)
    follower.catch_up()
    sql.execute(damage.encode())
    with pytest.raises(ForkError):
        sign_at_hand(ledger)
    assert rows(ledger, "SELECT tree_size FROM log.checkpoints") == [(5,)]


def test_a_log_that_was_rolled_back_and_grew_again_is_never_signed(
    ledger: Ledger, follower: Follower, sql: psycopg.Connection
) -> None:
    """The database was restored from yesterday's backup, but the checkpoints are today's."""
    append_small(ledger, 5)
    follower.catch_up()
    change_history(
        sql,
        ("DELETE FROM ledger.events WHERE notification_id > 3", ()),
        ("DELETE FROM transparency.leaves", ()),
        ("DELETE FROM transparency.tiles", ()),
        ("UPDATE transparency.tracking SET position = 0", ()),
    )
    append_small(ledger, 9)
    follower.catch_up()
    assert rows(ledger, "SELECT count(*) FROM transparency.leaves") == [(12,)]
    assert rows(ledger, "SELECT tree_size FROM log.checkpoints") == [(5,)]


def test_a_database_that_was_restored_with_its_checkpoints_is_not_signed(
    ledger: Ledger, follower: Follower, sql: psycopg.Connection
) -> None:
    """Backup and checkpoints are of one age, and agree: only the memory beside the secrets is newer."""
    append_small(ledger, 5)
    follower.catch_up()
    append_small(ledger, 4)
    follower.catch_up()
    change_history(
        sql,
        ("DELETE FROM ledger.events WHERE notification_id > 5", ()),
        ("DELETE FROM log.checkpoints WHERE tree_size > 5", ()),
        ("DELETE FROM transparency.leaves", ()),
        ("DELETE FROM transparency.tiles", ()),
        ("UPDATE transparency.tracking SET position = 0", ()),
    )
    for _ in range(2):
        append_small(ledger, 6)
        follower.catch_up()
        with pytest.raises(ForkError):
            sign_at_hand(ledger)
    assert rows(ledger, "SELECT tree_size FROM log.checkpoints") == [(5,)]


def test_a_crash_between_remembering_and_storing_signs_the_same_tree_again(
    ledger: Ledger, follower: Follower, sql: psycopg.Connection
) -> None:
    append_small(ledger, 5)
    follower.catch_up()
    before = transparency.latest(ledger)
    change_history(sql, ("DELETE FROM log.checkpoints", ()))
    follower.catch_up()
    assert transparency.latest(ledger) == before


def test_publishers_take_turns(
    ledger: Ledger, open_ledger: Callable[..., Ledger], follower: Follower
) -> None:
    """A program that publishes by itself beside the follower: no two checkpoints contradict."""
    append_small(ledger, 3)
    follower.step()
    ledgers = [open_ledger() for _ in range(3)]
    with ThreadPoolExecutor(4) as threads:
        published = [threads.submit(sign_at_hand, one) for one in ledgers]
        for _ in range(10):
            append_small(ledger, 2)
            follower.step()
            published += [threads.submit(sign_at_hand, one) for one in ledgers]
        for future in published:
            future.result()
    follower.catch_up()
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves(ledger)]
    for size, root in rows(ledger, "SELECT tree_size, root_hash FROM log.checkpoints"):
        assert merkle.root_hash(hashes[:size]) == root


# Proofs.


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 300])
def test_every_event_is_proven_to_be_in_the_log(ledger: Ledger, follower: Follower, size: int) -> None:
    append_small(ledger, size - 1)
    (last,) = recorded(ledger, REPORT, RECEIVED, subject=ANNA).event_ids
    follower.catch_up()
    log = log_of(ledger)
    events = ledger.read_all(limit=1000)
    for one in events if size < 5 else [*events[::60], events[-1]]:
        file, leaf = transparency.prove(ledger, one.event_id)
        assert leaf == one.leaf
        assert proof.verify(file, leaf, log).tree_size == size
    assert transparency.leaf_index_of(ledger, last) == size - 1


def test_a_proof_does_not_fit_another_event_or_another_log(ledger: Ledger, follower: Follower) -> None:
    append_small(ledger, 3)
    follower.catch_up()
    first, second, _ = ledger.read_all()
    file, _ = transparency.prove(ledger, first.event_id)
    with pytest.raises(InvalidProofError):
        proof.verify(file, second.leaf, log_of(ledger))
    with pytest.raises(InvalidNoteError):
        proof.verify(file, first.leaf, Signer(ORIGIN, bytes(32)).verifier)


def test_an_event_that_no_checkpoint_covers_is_not_proven(ledger: Ledger, follower: Follower) -> None:
    with pytest.raises(NotIntegratedError):
        transparency.prove(ledger, uuid4())
    append_small(ledger, 2)
    follower.catch_up()
    (late,) = recorded(ledger, uuid4(), SMALL).event_ids
    assert transparency.leaf_index_of(ledger, late) is None
    with pytest.raises(NotIntegratedError):
        transparency.prove(ledger, late)
    follower.catch_up()
    transparency.prove(ledger, late)


def test_a_proof_outlives_the_data(ledger: Ledger, follower: Follower, sql: psycopg.Connection) -> None:
    (event_id,) = recorded(ledger, REPORT, RECEIVED, subject=ANNA).event_ids
    follower.catch_up()
    sql.execute("UPDATE ledger.data_keys SET wrapped = NULL, erased_at = now()")
    ledger.keys.forget()
    file, leaf = transparency.prove(ledger, event_id)
    proof.verify(file, leaf, log_of(ledger))


# The log as files.


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("size", [1, 256, 300, 600])
def test_the_exported_log_is_the_log(ledger: Ledger, follower: Follower, tmp_path: Path, size: int) -> None:
    append_small(ledger, size)
    follower.catch_up()
    assert export_log(ledger, tmp_path) == size
    found = files(tmp_path)
    entries = leaves(ledger)
    hashes = [merkle.leaf_hash(entry) for entry in entries]
    expected = {tile.path: content for tile, content in tiles.changed_tiles(0, hashes, lambda *_: b"")} | {
        bundle.path: tiles.encode_entries(entries[bundle.index * 256 :][: bundle.width])
        for bundle in tiles.bundles_of(size)
    }
    signed = found.pop("checkpoint")
    assert found == expected
    assert checkpoint.verify(signed, log_of(ledger)).root_hash == merkle.root_hash(hashes)


def test_an_export_does_not_go_on_from_another_history(
    ledger: Ledger, follower: Follower, tmp_path: Path
) -> None:
    append_small(ledger, 5)
    follower.catch_up()
    assert ledger.custody.signer is not None
    signer = Signer(ledger.origin, load_log_keys(ledger.custody.signer).seed)
    other = checkpoint.sign(Checkpoint(ledger.origin, 3, merkle.leaf_hash(b"another")), signer)
    (tmp_path / "checkpoint").write_bytes(other)
    with pytest.raises(ForkError):
        export_log(ledger, tmp_path)
    assert files(tmp_path) == {"checkpoint": other}


def test_an_export_holds_no_more_than_the_checkpoint_covers(
    ledger: Ledger, follower: Follower, tmp_path: Path
) -> None:
    """The log grew since it was signed: the files are those of the signed tree."""
    append_small(ledger, 3)
    follower.catch_up()
    append_small(ledger, 4)
    follower.step()
    assert rows(ledger, "SELECT count(*) FROM transparency.leaves") == [(7,)]
    assert export_log(ledger, tmp_path) == 3
    assert files(tmp_path).keys() == {"checkpoint", "tile/0/000.p/3", "tile/entries/000.p/3"}


def test_an_export_goes_on_where_the_last_one_ended(
    ledger: Ledger, follower: Follower, tmp_path: Path
) -> None:
    for count in (3, 300):
        append_small(ledger, count)
        follower.catch_up()
        export_log(ledger, tmp_path)
    found = files(tmp_path)
    assert found["tile/0/000"].startswith(found["tile/0/000.p/3"])
    assert found["tile/0/001.p/47"]
    assert not [name for name in found if name.endswith(".draft")]


def test_an_export_holds_no_personal_data(ledger: Ledger, follower: Follower, tmp_path: Path) -> None:
    recorded(ledger, REPORT, RECEIVED, subject=ANNA)
    recorded(ledger, uuid4(), REGISTERED)
    follower.catch_up()
    export_log(ledger, tmp_path)
    text = b"".join(files(tmp_path).values())
    for word in (str(ANNA), "Соколова", "actor", "Инвитро", "system:test"):
        assert word.encode() not in text


def test_a_log_without_a_checkpoint_is_not_exported(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(NotIntegratedError):
        export_log(ledger, tmp_path)
