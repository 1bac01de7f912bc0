"""Verification finds every single edit of the log, and names the first leaf that is wrong."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent

from domain.submission import StoredDocument
from ledger import checkpoint, leaf, merkle, note
from ledger.checkpoint import Checkpoint
from ledger.custody import Custody, load, load_log_keys, signer_beside
from ledger.note import Signer, Verifier
from ledger.store import Ledger, Write
from projections import PROJECTIONS, transparency, verify_stretches
from projections.follow import Follower
from projections.verify import Verification, verify
from tests.conftest import ORIGIN, Server
from tests.examples import ANNA, READ, RECEIVED, REPORT, SUBMITTED
from tests.forgery import change_history, insert, rewritten
from tests.scenario import TESTER, recorded

# Two full tiles, one partial tile of 90, and a row above them.
SIZE = 602
FIRST_SIGNED = 300
# One event in a full tile, one in the partial tile at the edge.
MIDDLE, EDGE = 290, 550
SUBMISSION = UUID(int=42)


@dataclass(frozen=True, slots=True)
class Log:
    """A finished log: where it is, and the key that its readers hold."""

    conninfo: str
    sql: psycopg.Connection
    key: note.Verifier
    signer: Signer

    def verify(self, *, processes: int = 1) -> Verification:
        return verify(self.conninfo, log=self.key, processes=processes)

    def stored(self, leaf_index: int) -> StoredEvent:
        row = self.one(
            "SELECT originator_id, originator_version, topic, state FROM ledger.events"
            " WHERE notification_id = %s",
            self.position(leaf_index),
        )
        return StoredEvent(row[0], row[1], row[2], row[3])

    def position(self, leaf_index: int) -> int:
        return int(self.one("SELECT position FROM transparency.leaves WHERE leaf_index = %s", leaf_index)[0])

    def one(self, query: str, *parameters: Any) -> tuple[Any, ...]:
        row = self.sql.execute(query.encode(), parameters).fetchone()
        assert row is not None
        return tuple(row)

    def change(self, statement: str, *parameters: Any) -> None:
        change_history(self.sql, (statement, parameters))

    def put(self, leaf_index: int, stored: StoredEvent) -> None:
        """Overwrite a row, columns and all."""
        self.change(
            "UPDATE ledger.events SET originator_id = %s, originator_version = %s, topic = %s, state = %s"
            " WHERE notification_id = %s",
            stored.originator_id,
            stored.originator_version,
            stored.topic,
            stored.state,
            self.position(leaf_index),
        )


@pytest.fixture(scope="module")
def finished(server: Server, made_secrets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A log of 602 events, two of them submissions with documents, signed twice: made once, cloned."""
    name = server.clone()
    home = tmp_path_factory.mktemp("finished")
    shutil.copytree(signer_beside(made_secrets), home / "signer")
    folder = shutil.copytree(made_secrets, home / "secrets")
    with Ledger(server.conninfo_of(name), load(folder)) as ledger:
        follower = Follower(ledger, PROJECTIONS)
        submit(ledger, SUBMISSION)
        recorded(ledger, REPORT, RECEIVED, subject=ANNA)
        small(ledger, FIRST_SIGNED - 2)
        follower.catch_up()
        small(ledger, SIZE - FIRST_SIGNED - 1)
        submit(ledger, uuid4())
        follower.catch_up()
    yield name
    server.drop(name)


def small(ledger: Ledger, count: int) -> None:
    """Streams of two events each, so that a stream can miss one."""
    writes = [Write(uuid4(), 0, (READ, READ)) for _ in range(count // 2)]
    ledger.append(*writes, *[Write(uuid4(), 0, (READ,))] * (count % 2), circumstances=TESTER)


def submit(ledger: Ledger, stream_id: UUID) -> None:
    keys = ledger.new_keys(Write(stream_id, 0, (), stream_id))
    document = ledger.seal_document(stream_id, b"signed envelope", keys)
    named = StoredDocument(
        document_id=document.document_id,
        key_id=document.key_id,
        sealed_sha256=document.sha256,
        commitment=document.commitment.hex(),
        size_bytes=document.size_bytes,
    )
    submitted = replace(SUBMITTED, document=named)
    ledger.append(Write(stream_id, 0, (submitted,)), circumstances=TESTER, documents=[document], keys=keys)


@pytest.fixture
def log(finished: str, server: Server, custody: Custody) -> Iterator[Log]:
    name = f"{finished}_copy"
    server.connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{finished}"'.encode())
    conninfo = server.conninfo_of(name)
    assert custody.signer is not None
    signer = Signer(ORIGIN, load_log_keys(custody.signer).seed)
    with psycopg.connect(conninfo, autocommit=True) as sql:
        yield Log(conninfo, sql, signer.verifier, signer)
    server.drop(name)


def test_a_clean_log_has_no_finding(log: Log) -> None:
    seen: list[int] = []
    found = verify(log.conninfo, log=log.key, seen=seen.append)
    assert found.finding is None
    assert (found.events, found.tree_size, found.checkpoints, found.documents) == (SIZE, SIZE, 2, 2)
    assert seen[-1] == SIZE
    assert log.one("SELECT max(level), count(*) FROM transparency.tiles") == (1, 4)


def test_an_empty_log_has_no_finding(database: str, custody: Custody) -> None:
    found = verify(database, log=Verifier(ORIGIN, custody.log_public_key))
    assert found == Verification(0, 0, merkle.EMPTY_ROOT, 0, 0, None)


def test_events_that_wait_for_their_leaf_are_no_finding(log: Log, custody: Custody) -> None:
    with Ledger(log.conninfo, custody) as ledger:
        small(ledger, 3)
    found = log.verify()
    assert (found.finding, found.events, found.tree_size) == (None, SIZE + 3, SIZE)


def test_a_leaf_that_no_checkpoint_covers_yet_is_no_finding(log: Log, custody: Custody) -> None:
    with Ledger(log.conninfo, custody) as ledger:
        small(ledger, 3)
        follower = Follower(ledger, PROJECTIONS)
        while follower.step():
            pass
        assert transparency.latest(ledger) is not None
    assert log.one("SELECT count(*) FROM transparency.leaves") == (SIZE + 3,)
    assert log.verify().finding is None


# Edits. Each takes the log and returns the leaf index that must be named, None if no leaf is wrong.

Edit = Callable[[Log], int | None]
EDITS: dict[str, Edit] = {}


def edit(name: str) -> Callable[[Edit], Edit]:
    def add(made: Edit) -> Edit:
        EDITS[name] = made
        return made

    return add


def spoil(log: Log, leaf_index: int, word: bytes, offset: int = 0) -> int:
    """Change one byte of a row: at the first place of a word in its stored bytes."""
    place = log.stored(leaf_index).state.index(word) + offset
    log.change(
        "UPDATE ledger.events SET state = set_byte(state, %s, get_byte(state, %s) # 1) WHERE notification_id = %s",
        place,
        place,
        log.position(leaf_index),
    )
    return leaf_index


LEAF_BYTES = {
    "first line": (b"letopis", 3),
    "origin": (b"letopis.test/log", 4),
    "event id": (b"letopis.test/log\n", 20),
    "time": (b"Z\n", -1),
    "separator": (b"\n\n", 1),
}
for _name, (_word, _offset) in LEAF_BYTES.items():
    EDITS[f"a byte of a leaf: {_name}"] = lambda log, w=_word, o=_offset: spoil(log, MIDDLE, w, o)  # type: ignore[misc]
for _index in (0, MIDDLE, EDGE, SIZE - 1):
    EDITS[f"a byte of the circumstances of leaf {_index}"] = lambda log, i=_index: spoil(
        log, i, b"system:test"
    )  # type: ignore[misc]
    EDITS[f"the last byte of leaf {_index}"] = (
        lambda log, i=_index: spoil(  # type: ignore[misc]
            log, i, log.stored(i).state[-6:], 5
        )
    )
EDITS["a byte of a sealed body"] = lambda log: spoil(log, 1, log.stored(1).state[-20:])


@edit("a leaf rewritten with its digest, in a full tile")
def _(log: Log) -> int:
    return rewrite_time(log, MIDDLE)


@edit("a leaf rewritten with its digest, at the edge")
def _(log: Log) -> int:
    return rewrite_time(log, EDGE)


def rewrite_time(log: Log, leaf_index: int) -> int:
    """A consistent lie: the row agrees with itself, and only the tree tells."""
    before = log.stored(leaf_index)
    recorded_at = leaf.parse(leaf.split(before.state)[0]).recorded_at - timedelta(days=1)
    log.put(leaf_index, rewritten(before, recorded_at=recorded_at))
    return leaf_index


@edit("a body rewritten with its digest")
def _(log: Log) -> int:
    before = log.stored(MIDDLE)
    rest = leaf.split(before.state)[1].replace(b'"own-cabinet"', b'"operation"')
    assert rest not in before.state
    log.put(MIDDLE, rewritten(before, rest=rest))
    return MIDDLE


@edit("a submission rewritten so that it names no document")
def _(log: Log) -> int:
    before = log.stored(0)
    rest = leaf.split(before.state)[1].replace(b'"document"', b'"dokument"')
    log.put(0, rewritten(before, rest=rest))
    return 0


@edit("the topic")
def _(log: Log) -> int:
    log.change(
        "UPDATE ledger.events SET topic = 'ReportsListed' WHERE notification_id = %s", log.position(MIDDLE)
    )
    return MIDDLE


@edit("the version")
def _(log: Log) -> int:
    log.change(
        "UPDATE ledger.events SET originator_version = 9 WHERE notification_id = %s", log.position(MIDDLE)
    )
    return MIDDLE


@edit("the stream")
def _(log: Log) -> int:
    log.change(
        "UPDATE ledger.events SET originator_id = gen_random_uuid() WHERE notification_id = %s",
        log.position(MIDDLE),
    )
    return MIDDLE


@edit("a row deleted")
def _(log: Log) -> int:
    log.change("DELETE FROM ledger.events WHERE notification_id = %s", log.position(MIDDLE))
    return MIDDLE


@edit("the last version of a stream deleted")
def _(log: Log) -> int:
    assert log.stored(MIDDLE + 1).originator_version == 2
    log.change("DELETE FROM ledger.events WHERE notification_id = %s", log.position(MIDDLE + 1))
    return MIDDLE + 1


@edit("the first row deleted")
def _(log: Log) -> int:
    log.change("DELETE FROM ledger.events WHERE notification_id = %s", log.position(0))
    return 0


@edit("a row inserted in the middle")
def _(log: Log) -> int:
    """A gap in the positions is the place for it: one event is moved out of the way."""
    added = rewritten(log.stored(MIDDLE), stream_id=uuid4(), version=1, event_id=uuid4())
    insert(log.sql, added)
    place = log.position(MIDDLE)
    log.change(
        "UPDATE ledger.events SET notification_id = notification_id + 100000 WHERE notification_id >= %s",
        place,
    )
    log.change("UPDATE transparency.leaves SET position = position + 100000 WHERE position >= %s", place)
    log.change(
        "UPDATE ledger.events SET notification_id = %s WHERE originator_id = %s", place, added.originator_id
    )
    return MIDDLE


@edit("two rows swapped")
def _(log: Log) -> int:
    first, second = log.position(MIDDLE), log.position(EDGE)
    for old, new in ((first, -1), (second, first), (-1, second)):
        log.change("UPDATE ledger.events SET notification_id = %s WHERE notification_id = %s", new, old)
    return MIDDLE


@edit("two rows swapped, and the leaf index table with them")
def _(log: Log) -> int:
    first, second = log.position(MIDDLE + 1), log.position(MIDDLE + 2)
    for table, column in (("ledger.events", "notification_id"), ("transparency.leaves", "position")):
        for old, new in ((first, -1), (second, first), (-1, second)):
            log.change(f"UPDATE {table} SET {column} = %s WHERE {column} = %s", new, old)
    return MIDDLE + 1


@edit("the bytes of two rows swapped")
def _(log: Log) -> int:
    first, second = log.stored(MIDDLE), log.stored(MIDDLE + 1)
    for leaf_index, stored in ((MIDDLE, second), (MIDDLE + 1, first)):
        log.change(
            "UPDATE ledger.events SET state = %s WHERE notification_id = %s",
            stored.state,
            log.position(leaf_index),
        )
    return MIDDLE


@edit("the tail cut")
def _(log: Log) -> int:
    document(log, "DELETE FROM ledger.documents WHERE document_id = %s")
    log.change("DELETE FROM ledger.events WHERE notification_id >= %s", log.position(500))
    return 500


@edit("the tail cut, with leaves and tiles made anew to fit")
def _(log: Log) -> int:
    """Everything agrees with itself, but a larger tree was signed."""
    place = log.position(600)
    document(log, "DELETE FROM ledger.documents WHERE document_id = %s")
    log.change("DELETE FROM ledger.events WHERE notification_id >= %s", place)
    log.change("DELETE FROM transparency.leaves WHERE leaf_index >= 600")
    log.change(
        "UPDATE transparency.tiles SET hashes = substring(hashes FOR 88 * 32) WHERE (level, tile_index) = (0, 2)"
    )
    return 600


@edit("leaf index: an event id")
def _(log: Log) -> int:
    log.change("UPDATE transparency.leaves SET event_id = gen_random_uuid() WHERE leaf_index = %s", MIDDLE)
    return MIDDLE


@edit("leaf index: a number")
def _(log: Log) -> int:
    log.change("UPDATE transparency.leaves SET leaf_index = 9999 WHERE leaf_index = %s", MIDDLE)
    return MIDDLE


@edit("leaf index: a position")
def _(log: Log) -> int:
    log.change("UPDATE transparency.leaves SET position = 99999 WHERE leaf_index = %s", MIDDLE)
    return MIDDLE


@edit("leaf index: a row deleted")
def _(log: Log) -> int:
    log.change("DELETE FROM transparency.leaves WHERE leaf_index = %s", MIDDLE)
    return MIDDLE


@edit("leaf index: the last row deleted")
def _(log: Log) -> int:
    log.change("DELETE FROM transparency.leaves WHERE leaf_index = %s", SIZE - 1)
    return SIZE - 1


@edit("leaf index: a row too many")
def _(log: Log) -> int:
    log.change("INSERT INTO transparency.leaves VALUES (%s, 99999, gen_random_uuid())", SIZE)
    return SIZE


def spoil_hash(log: Log, level: int, tile_index: int, place: int) -> None:
    log.change(
        "UPDATE transparency.tiles SET hashes = set_byte(hashes, %s, get_byte(hashes, %s) # 1)"
        " WHERE (level, tile_index) = (%s, %s)",
        place * 32 + 7,
        place * 32 + 7,
        level,
        tile_index,
    )


@edit("a hash of a full tile")
def _(log: Log) -> int:
    spoil_hash(log, 0, 1, 34)
    return 256 + 34


@edit("a hash of the partial tile")
def _(log: Log) -> int:
    spoil_hash(log, 0, 2, 5)
    return 512 + 5


@edit("a hash of the row above")
def _(log: Log) -> int:
    spoil_hash(log, 1, 0, 1)
    return 256


@edit("a tile deleted")
def _(log: Log) -> int:
    log.change("DELETE FROM transparency.tiles WHERE (level, tile_index) = (0, 1)")
    return 256


@edit("a tile cut short")
def _(log: Log) -> int:
    log.change(
        "UPDATE transparency.tiles SET hashes = substring(hashes FOR 320) WHERE (level, tile_index) = (0, 1)"
    )
    return 266


@edit("a tile too many")
def _(log: Log) -> None:
    log.change("INSERT INTO transparency.tiles VALUES (2, 0, %s)", bytes(32))


@edit("the root of a checkpoint")
def _(log: Log) -> None:
    log.change("UPDATE log.checkpoints SET root_hash = sha256('x') WHERE tree_size = %s", FIRST_SIGNED)


@edit("a byte of a checkpoint's signature")
def _(log: Log) -> None:
    log.change(
        "UPDATE log.checkpoints SET note = set_byte(note, length(note) - 20, 66) WHERE tree_size = %s", SIZE
    )


@edit("a byte of a checkpoint's text")
def _(log: Log) -> None:
    log.change(
        "UPDATE log.checkpoints SET note = set_byte(note, length('letopis.test/log\n3'), 57) WHERE tree_size = %s",
        FIRST_SIGNED,
    )


@edit("the size of a checkpoint")
def _(log: Log) -> None:
    log.change("UPDATE log.checkpoints SET tree_size = 301 WHERE tree_size = %s", FIRST_SIGNED)


@edit("a checkpoint signed by another key")
def _(log: Log) -> None:
    other = Signer(ORIGIN, bytes(32))
    root = log.one("SELECT root_hash FROM log.checkpoints WHERE tree_size = %s", SIZE)[0]
    forged = checkpoint.sign(Checkpoint(ORIGIN, SIZE, root), other)
    log.change("UPDATE log.checkpoints SET note = %s WHERE tree_size = %s", forged, SIZE)


@edit("a checkpoint of another tree, signed by the log itself")
def _(log: Log) -> int:
    root = merkle.leaf_hash(b"another tree")
    forged = checkpoint.sign(Checkpoint(ORIGIN, 450, root), log.signer)
    log.sql.execute(
        "INSERT INTO log.checkpoints (tree_size, root_hash, note) VALUES (450, %s, %s)", (root, forged)
    )
    return FIRST_SIGNED


@edit("a document changed")
def _(log: Log) -> int:
    return document(log, "UPDATE ledger.documents SET sealed = set_byte(sealed, 3, 0) WHERE document_id = %s")


@edit("a document under another key")
def _(log: Log) -> int:
    return document(log, "UPDATE ledger.documents SET key_id = gen_random_uuid() WHERE document_id = %s")


@edit("a document removed")
def _(log: Log) -> int:
    return document(log, "DELETE FROM ledger.documents WHERE document_id = %s")


def document(log: Log, statement: str) -> int:
    last = log.stored(SIZE - 1)
    log.change(statement, last.state.split(b'"document_id":"')[1][:36].decode())
    return SIZE - 1


@edit("a document too many")
def _(log: Log) -> None:
    log.change("INSERT INTO ledger.documents VALUES (gen_random_uuid(), gen_random_uuid(), 'x')")


@contextmanager
def small_stretches() -> Iterator[None]:
    """So that even this log has two whole ones and a rest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify_stretches, "ROWS", 1)
        patch.setattr(verify_stretches, "FEWEST", 0)
        yield


@pytest.mark.parametrize("name", EDITS)
def test_a_single_edit_is_found_at_its_first_leaf(log: Log, name: str) -> None:
    expected = EDITS[name](log)
    verified = log.verify()
    assert verified.finding is not None
    assert verified.finding.leaf_index == expected, verified.finding
    with small_stretches():
        assert log.verify(processes=0) == verified


def test_another_logs_key_finds_nothing_right(log: Log) -> None:
    for other in (Signer("letopis.other/log", bytes(32)), Signer(ORIGIN, bytes(32))):
        assert verify(log.conninfo, log=other.verifier).finding is not None


def test_a_finding_says_nothing_of_the_data(log: Log) -> None:
    spoil(log, 1, b"system:test")
    finding = log.verify().finding
    assert finding is not None
    assert finding.position == log.position(1)
    assert "Соколова" not in finding.what
    assert str(ANNA) not in finding.what
