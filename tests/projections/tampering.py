"""Single edits of a finished log by somebody who owns the database: each from a seed, each with the leaf that must be
named. What is edited is put back afterwards, so that one database serves for hundreds of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from random import Random
from uuid import UUID

from ledger import checkpoint, leaf, merkle, tiles
from ledger.checkpoint import Checkpoint
from tests.conftest import ORIGIN
from tests.forgery import change_history, insert, rewritten
from tests.projections.test_verify import Log

# The leaf that must be named; None where no leaf is wrong; a range where only the first checkpoint that lies is known.
Expected = int | range | None
Edit = Callable[[Log, Random], Expected]
EDITS: dict[str, Edit] = {}
TABLES = (
    "ledger.events",
    "ledger.documents",
    "ledger.numbers",
    "ledger.data_keys",
    "ledger.identity",
    "transparency.leaves",
    "transparency.tiles",
    "transparency.tracking",
    "log.checkpoints",
    "log.published",
)


def edit(name: str) -> Callable[[Edit], Edit]:
    def add(made: Edit) -> Edit:
        EDITS[name] = made
        return made

    return add


def keep_copies(log: Log) -> None:
    log.sql.execute("CREATE SCHEMA IF NOT EXISTS kept")
    for table in TABLES:
        log.sql.execute(f"CREATE TABLE kept.{table.split('.')[1]} AS TABLE {table}".encode())


@contextmanager
def restored(log: Log) -> Iterator[None]:
    """Whatever is edited inside is put back at the end."""
    try:
        yield
    finally:
        with log.sql.transaction():
            log.sql.execute("SET LOCAL session_replication_role = replica")
            for table in TABLES:
                log.sql.execute(f"DELETE FROM {table}".encode())
                log.sql.execute(f"INSERT INTO {table} SELECT * FROM kept.{table.split('.')[1]}".encode())


def size_of(log: Log) -> int:
    return int(log.one("SELECT count(*) FROM transparency.leaves")[0])


def any_leaf(log: Log, chance: Random) -> int:
    return chance.randrange(size_of(log))


def row(log: Log, leaf_index: int, change: str, *values: object) -> int:
    """One change of one row."""
    statement = f"UPDATE ledger.events SET {change} WHERE notification_id = %s"
    log.change(statement, *values, log.position(leaf_index))
    return leaf_index


# Rows.


@edit("row: a byte")
def _(log: Log, chance: Random) -> Expected:
    at = any_leaf(log, chance)
    place = chance.randrange(len(log.stored(at).state))
    return row(
        log,
        at,
        "state = set_byte(state, %s, get_byte(state, %s) # %s)",
        place,
        place,
        1 << chance.randrange(8),
    )


@edit("row: bytes cut off")
def _(log: Log, chance: Random) -> Expected:
    at = any_leaf(log, chance)
    return row(log, at, "state = substring(state FOR %s)", chance.randrange(len(log.stored(at).state)))


@edit("row: bytes added")
def _(log: Log, chance: Random) -> Expected:
    return row(log, any_leaf(log, chance), "state = state || %s", chance.randbytes(chance.randrange(1, 9)))


@edit("row: its name")
def _(log: Log, chance: Random) -> Expected:
    return row(
        log, any_leaf(log, chance), "topic = %s", chance.choice(("ReportMatched", "ConsentGranted", "x"))
    )


@edit("row: its version")
def _(log: Log, chance: Random) -> Expected:
    return row(log, any_leaf(log, chance), "originator_version = %s", chance.randrange(100, 1000))


@edit("row: given to another stream")
def _(log: Log, chance: Random) -> Expected:
    at = any_leaf(log, chance)
    other = log.stored((at + chance.randrange(2, 200)) % size_of(log)).originator_id
    return row(log, at, "originator_id = %s, originator_version = 77", other)


@edit("row: given to another patient, consistently")
def _(log: Log, chance: Random) -> Expected:
    """The leaf says the other stream too, and its digest is right: only the tree contradicts."""
    at = any_leaf(log, chance)
    other = log.stored((at + chance.randrange(2, 200)) % size_of(log)).originator_id
    assert isinstance(other, UUID)
    log.put(at, rewritten(log.stored(at), stream_id=other, version=3))
    return at


@edit("row: another time, consistently")
def _(log: Log, chance: Random) -> Expected:
    at = any_leaf(log, chance)
    stored = log.stored(at)
    before = leaf.parse(leaf.split(stored.state)[0]).recorded_at
    log.put(at, rewritten(stored, recorded_at=before - timedelta(seconds=chance.randrange(1, 10**6))))
    return at


@edit("row: other words, consistently")
def _(log: Log, chance: Random) -> Expected:
    at = any_leaf(log, chance)
    stored = log.stored(at)
    rest = leaf.split(stored.state)[1]
    log.put(at, rewritten(stored, rest=rest.replace(b'"actor":"system:test"', b'"actor":"staff:root0"')))
    return at


@edit("row: deleted")
def _(log: Log, chance: Random) -> Expected:
    at = any_leaf(log, chance)
    log.change("DELETE FROM ledger.events WHERE notification_id = %s", log.position(at))
    return at


@edit("rows: one put in")
def _(log: Log, chance: Random) -> Expected:
    at = any_leaf(log, chance)
    added = rewritten(
        log.stored(at),
        stream_id=UUID(int=chance.getrandbits(128)),
        version=1,
        event_id=UUID(int=chance.getrandbits(128)),
    )
    insert(log.sql, added)
    place = log.position(at)
    change_history(
        log.sql,
        (
            "UPDATE ledger.events SET notification_id = notification_id + 100000 WHERE notification_id >= %s",
            (place,),
        ),
        ("UPDATE transparency.leaves SET position = position + 100000 WHERE position >= %s", (place,)),
        (
            "UPDATE ledger.events SET notification_id = %s WHERE originator_id = %s",
            (place, added.originator_id),
        ),
    )
    return at


@edit("rows: two swapped")
def _(log: Log, chance: Random) -> Expected:
    first, second = sorted(chance.sample(range(size_of(log)), 2))
    places = log.position(first), log.position(second)
    for old, new in ((places[0], -1), (places[1], places[0]), (-1, places[1])):
        log.change("UPDATE ledger.events SET notification_id = %s WHERE notification_id = %s", new, old)
    return first


@edit("rows: the bytes of two swapped")
def _(log: Log, chance: Random) -> Expected:
    first, second = sorted(chance.sample(range(size_of(log)), 2))
    states = log.stored(first).state, log.stored(second).state
    row(log, first, "state = %s", states[1])
    row(log, second, "state = %s", states[0])
    return first


# The tail.


def without_documents(log: Log, size: int) -> None:
    """The documents and numbers of what is cut go with it."""
    place = log.position(size)
    log.change(
        "DELETE FROM ledger.documents WHERE EXISTS (SELECT FROM ledger.events e WHERE e.notification_id >= %s"
        " AND position(document_id::text::bytea IN e.state) > 0)",
        place,
    )
    log.change(
        "DELETE FROM ledger.numbers WHERE subject IN (SELECT originator_id FROM ledger.events WHERE notification_id >= %s)",
        place,
    )
    log.change("DELETE FROM ledger.events WHERE notification_id >= %s", place)


@edit("tail: cut")
def _(log: Log, chance: Random) -> Expected:
    size = chance.randrange(1, size_of(log))
    without_documents(log, size)
    return size


@edit("tail: cut, leaf indexes and tiles made anew")
def _(log: Log, chance: Random) -> Expected:
    size = chance.randrange(1, size_of(log))
    without_documents(log, size)
    log.change("DELETE FROM transparency.leaves WHERE leaf_index >= %s", size)
    lay_tiles(log, size)
    return size


def lay_tiles(log: Log, size: int) -> list[bytes]:
    """The tiles that the first leaves make, and no others; the leaf hashes."""
    states = log.sql.execute(
        "SELECT state FROM ledger.events ORDER BY notification_id LIMIT %s", (size,)
    ).fetchall()
    hashes = [merkle.leaf_hash(leaf.split(bytes(one[0]))[0]) for one in states]
    log.change("DELETE FROM transparency.tiles")
    for tile, content in tiles.changed_tiles(0, hashes, lambda *_: b""):
        log.change("INSERT INTO transparency.tiles VALUES (%s, %s, %s)", tile.level, tile.index, content)
    return hashes


@edit("tail: cut, and the checkpoints too: a rollback")
def _(log: Log, chance: Random) -> Expected:
    """As a copy of the database from before: nothing in it is wrong. What somebody kept is larger."""
    size = chance.randrange(301, size_of(log))
    without_documents(log, 300)
    log.change("DELETE FROM transparency.leaves WHERE leaf_index >= 300")
    lay_tiles(log, 300)
    log.change("DELETE FROM log.checkpoints WHERE tree_size > %s", size)
    log.change("DELETE FROM log.published WHERE tree_size > %s", size)
    log.change(
        "UPDATE transparency.tracking SET position = %s",
        log.one("SELECT max(notification_id) FROM ledger.events")[0],
    )
    return 300


@edit("everything made anew by a thief of the log's key")
def _(log: Log, chance: Random) -> Expected:
    """Rows, leaf indexes, tiles, checkpoints: all agree, all are signed. What somebody kept is of another history."""
    at = any_leaf(log, chance)
    stored = log.stored(at)
    log.put(at, rewritten(stored, rest=leaf.split(stored.state)[1].replace(b"system:test", b"staff:root0")))
    hashes = lay_tiles(log, size_of(log))
    log.change("DELETE FROM log.published")
    log.change("DELETE FROM log.checkpoints")
    for size in (300, len(hashes)):
        made = Checkpoint(ORIGIN, size, merkle.root_hash(hashes[:size]))
        signed = checkpoint.sign(made, log.signer)
        log.change(
            "INSERT INTO log.checkpoints (tree_size, root_hash, note) VALUES (%s, %s, %s)",
            size,
            made.root_hash,
            signed,
        )
    return range(at + 1)


# Leaf indexes and tiles.


def indexed(log: Log, chance: Random, change: str, *values: object) -> int:
    at = any_leaf(log, chance)
    log.change(f"UPDATE transparency.leaves SET {change} WHERE leaf_index = %s", *values, at)
    return at


@edit("leaf index: its event")
def _(log: Log, chance: Random) -> Expected:
    return indexed(log, chance, "event_id = gen_random_uuid()")


@edit("leaf index: its number")
def _(log: Log, chance: Random) -> Expected:
    return indexed(log, chance, "leaf_index = %s", chance.randrange(5000, 9000))


@edit("leaf index: its position")
def _(log: Log, chance: Random) -> Expected:
    return indexed(log, chance, "position = 99999")


@edit("leaf index: deleted")
def _(log: Log, chance: Random) -> Expected:
    at = any_leaf(log, chance)
    log.change("DELETE FROM transparency.leaves WHERE leaf_index = %s", at)
    return at


@edit("leaf index: one too many")
def _(log: Log, chance: Random) -> Expected:
    size = size_of(log)
    log.change(
        "INSERT INTO transparency.leaves VALUES (%s, 99999, gen_random_uuid())", size + chance.randrange(9)
    )
    return size


@edit("leaf indexes: how far they came")
def _(log: Log, chance: Random) -> Expected:
    log.change(
        "UPDATE transparency.tracking SET position = %s", chance.randrange(log.position(size_of(log) - 1))
    )
    return size_of(log)


def any_hash(log: Log, chance: Random) -> tuple[int, int, int]:
    """Level, tile and place of a hash."""
    level, index, length = chance.choice(
        log.sql.execute(
            "SELECT level, tile_index, length(hashes) / 32 FROM transparency.tiles ORDER BY 1, 2"
        ).fetchall()
    )
    return level, index, chance.randrange(length)


@edit("tile: a bit")
def _(log: Log, chance: Random) -> Expected:
    level, index, place = any_hash(log, chance)
    at = place * 32 + chance.randrange(32)
    log.change(
        "UPDATE transparency.tiles SET hashes = set_byte(hashes, %s, get_byte(hashes, %s) # %s) WHERE (level, tile_index) = (%s, %s)",
        at, at, 1 << chance.randrange(8), level, index,
    )  # fmt: skip
    return (index * 256 + place) * 256**level


@edit("tile: deleted")
def _(log: Log, chance: Random) -> Expected:
    level, index, _ = any_hash(log, chance)
    log.change("DELETE FROM transparency.tiles WHERE (level, tile_index) = (%s, %s)", level, index)
    return index * 256 ** (level + 1)


@edit("tile: cut short")
def _(log: Log, chance: Random) -> Expected:
    level, index, place = any_hash(log, chance)
    log.change(
        "UPDATE transparency.tiles SET hashes = substring(hashes FOR %s) WHERE (level, tile_index) = (%s, %s)",
        place * 32, level, index,
    )  # fmt: skip
    return (index * 256 + place) * 256**level


@edit("tile: one too many")
def _(log: Log, chance: Random) -> Expected:
    log.change(
        "INSERT INTO transparency.tiles VALUES (%s, %s, %s)", 3, chance.randrange(9), chance.randbytes(32)
    )
    return None


# Checkpoints, and what was published.


def any_checkpoint(log: Log, chance: Random, table: str) -> tuple[int, bytes]:
    found = log.sql.execute(f"SELECT tree_size, note FROM log.{table} ORDER BY 1".encode()).fetchall()
    size, content = chance.choice(found)
    return size, bytes(content)


def flip(content: bytes, at: int, chance: Random) -> bytes:
    return content[:at] + bytes([content[at] ^ 1 << chance.randrange(7)]) + content[at + 1 :]


@edit("checkpoint: a bit of its note")
def _(log: Log, chance: Random) -> Expected:
    size, content = any_checkpoint(log, chance, "checkpoints")
    spoilt = flip(content, chance.randrange(len(content)), chance)
    log.change("UPDATE log.checkpoints SET note = %s WHERE tree_size = %s", spoilt, size)
    return None


@edit("checkpoint: its root")
def _(log: Log, chance: Random) -> Expected:
    size, _ = any_checkpoint(log, chance, "checkpoints")
    log.change("UPDATE log.checkpoints SET root_hash = %s WHERE tree_size = %s", chance.randbytes(32), size)
    return None


@edit("checkpoint: its size")
def _(log: Log, chance: Random) -> Expected:
    size, _ = any_checkpoint(log, chance, "checkpoints")
    log.change(
        "UPDATE log.checkpoints SET tree_size = tree_size + %s WHERE tree_size = %s",
        chance.randrange(1, 99),
        size,
    )
    return None


@edit("checkpoint: one of another tree, signed by a thief")
def _(log: Log, chance: Random) -> Expected:
    size = chance.choice([one for one in range(1, size_of(log)) if one != 300])
    made = Checkpoint(ORIGIN, size, chance.randbytes(32))
    signed = checkpoint.sign(made, log.signer)
    log.change(
        "INSERT INTO log.checkpoints (tree_size, root_hash, note) VALUES (%s, %s, %s)",
        size,
        made.root_hash,
        signed,
    )
    return 0 if size < 300 else 300


@edit("published: a bit")
def _(log: Log, chance: Random) -> Expected:
    size, content = any_checkpoint(log, chance, "published")
    spoilt = flip(content, chance.randrange(len(content)), chance)
    log.change("UPDATE log.published SET note = %s WHERE tree_size = %s", spoilt, size)
    return None


@edit("published: its time")
def _(log: Log, chance: Random) -> Expected:
    size, _ = any_checkpoint(log, chance, "published")
    log.change(
        "UPDATE log.published SET published_at = published_at - make_interval(secs => %s) WHERE tree_size = %s",
        chance.randrange(2, 10**6), size,
    )  # fmt: skip
    return None


@edit("published: of another size")
def _(log: Log, chance: Random) -> Expected:
    size, _ = any_checkpoint(log, chance, "published")
    log.change(
        "UPDATE log.published SET tree_size = tree_size + %s WHERE tree_size = %s",
        chance.randrange(1, 9),
        size,
    )
    return None


# Documents, numbers, keys.


def documented(log: Log, chance: Random) -> tuple[int, UUID, UUID]:
    """A document: the leaf that names it, its id, and its submission."""
    found = log.sql.execute(
        "SELECT l.leaf_index, d.document_id, e.originator_id FROM ledger.documents d JOIN ledger.events e"
        " ON position(d.document_id::text::bytea IN e.state) > 0 JOIN transparency.leaves l ON l.position = e.notification_id"
        " ORDER BY 1"
    ).fetchall()
    one = chance.choice(found)
    return one[0], one[1], one[2]


@edit("document: a byte")
def _(log: Log, chance: Random) -> Expected:
    at, document_id, _ = documented(log, chance)
    log.change(
        "UPDATE ledger.documents SET sealed = set_byte(sealed, 5, get_byte(sealed, 5) # 1) WHERE document_id = %s",
        document_id,
    )
    return at


@edit("document: its key")
def _(log: Log, chance: Random) -> Expected:
    at, document_id, _ = documented(log, chance)
    log.change("UPDATE ledger.documents SET key_id = gen_random_uuid() WHERE document_id = %s", document_id)
    return at


@edit("document: deleted")
def _(log: Log, chance: Random) -> Expected:
    at, document_id, _ = documented(log, chance)
    log.change("DELETE FROM ledger.documents WHERE document_id = %s", document_id)
    return at


@edit("document: one too many")
def _(log: Log, chance: Random) -> Expected:
    log.change(
        "INSERT INTO ledger.documents VALUES (gen_random_uuid(), gen_random_uuid(), %s)", chance.randbytes(9)
    )
    return None


@edit("number: another")
def _(log: Log, chance: Random) -> Expected:
    at, _, submission = documented(log, chance)
    log.change(
        "UPDATE ledger.numbers SET number = number + %s WHERE subject = %s",
        chance.randrange(5, 99),
        submission,
    )
    return at


@edit("number: deleted")
def _(log: Log, chance: Random) -> Expected:
    at, _, submission = documented(log, chance)
    log.change("DELETE FROM ledger.numbers WHERE subject = %s", submission)
    return at


# The key table is looked at by whom may open keys.
KEY_EDITS: dict[str, Edit] = {}


def keyed(name: str, statement: str) -> None:
    def change(log: Log, chance: Random) -> Expected:
        keys = log.sql.execute("SELECT key_id FROM ledger.data_keys ORDER BY key_id").fetchall()
        key_id = chance.choice(keys)[0]
        named = log.sql.execute(
            "SELECT l.leaf_index FROM ledger.events e JOIN transparency.leaves l ON l.position = e.notification_id"
            " WHERE split_part(encode(substring(e.state FOR 900), 'escape'), E'\\n', 8) = %s ORDER BY 1 LIMIT 1",
            (str(key_id),),
        ).fetchone()
        log.change(statement, key_id)
        return named[0] if named else None

    KEY_EDITS[name] = change


keyed(
    "key: a bit",
    "UPDATE ledger.data_keys SET wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1) WHERE key_id = %s",
)
keyed("key: cut short", "UPDATE ledger.data_keys SET wrapped = substring(wrapped FOR 30) WHERE key_id = %s")
keyed("key: its subject", "UPDATE ledger.data_keys SET subject = gen_random_uuid() WHERE key_id = %s")
keyed("key: its purpose", "UPDATE ledger.data_keys SET purpose = 'other' WHERE key_id = %s")
keyed("key: its epoch", "UPDATE ledger.data_keys SET epoch = epoch + 1 WHERE key_id = %s")
keyed("key: deleted", "DELETE FROM ledger.data_keys WHERE key_id = %s")


def fits(expected: Expected, found: int | None) -> bool:
    return found in expected if isinstance(expected, range) else found == expected
