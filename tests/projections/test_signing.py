"""What was signed is never contradicted: not by another signer, a restored database, a lost reply, or a copied folder."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from uuid import uuid4

import psycopg
import pytest

from ledger import checkpoint, cosignature, note
from ledger.checkpoint import Checkpoint
from ledger.checkpoint_memory import CheckpointMemory, MemoryMovedError
from ledger.custody import load_log_keys
from ledger.note import Signature
from ledger.store import Ledger, Write
from projections import transparency
from projections.follow import Follower
from projections.publishing import Cosigned, QuorumMissedError, seconds_to_publish, unpublished_since
from projections.signing import Signing, sign_at_hand
from projections.transparency import TRANSPARENCY, ForkError, Signed
from tests.examples import READ
from tests.forgery import change_history
from tests.scenario import TESTER, rows


@pytest.fixture
def followed(ledger: Ledger) -> Callable[[int], None]:
    """Appends events and gives them their leaves, and signs nothing."""
    follower = Follower(ledger, (TRANSPARENCY,))

    def grow(count: int) -> None:
        ledger.append(Write(uuid4(), 0, [READ] * count), circumstances=TESTER)
        while follower.step():
            pass

    return grow


def signing_of(ledger: Ledger, folder: Path | None = None) -> Signing:
    signer = folder or ledger.custody.signer
    assert signer is not None
    return Signing(ledger.pool, load_log_keys(signer), ledger.origin)


@pytest.fixture
def signing(ledger: Ledger) -> Signing:
    return signing_of(ledger)


Grow = Callable[[int], None]


def sizes(ledger: Ledger) -> list[int]:
    return [row[0] for row in rows(ledger, "SELECT tree_size FROM log.checkpoints ORDER BY tree_size")]


def test_the_application_may_not_sign(ledger: Ledger) -> None:
    with ledger.pool.connection() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(
            "INSERT INTO log.checkpoints (tree_size, root_hash, note) VALUES (1, sha256('a'), '')"
        )
    with ledger.pool.connection() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("INSERT INTO log.published (tree_size, published_at, note) VALUES (1, now(), '')")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT state FROM ledger.events",
        "SELECT wrapped FROM ledger.data_keys",
        "SELECT * FROM ledger.documents",
        "SELECT * FROM cabinet.reports",
        "UPDATE transparency.tiles SET hashes = ''",
        "DELETE FROM transparency.leaves",
        "UPDATE log.checkpoints SET note = ''",
        "DELETE FROM log.checkpoints",
        "UPDATE log.published SET note = ''",
    ],
)
def test_the_signer_sees_hashes_and_changes_nothing(sql: psycopg.Connection, statement: str) -> None:
    sql.execute("SET ROLE letopis_signer")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        sql.execute(statement.encode())


def test_a_user_for_the_signer_alone_can_be_nothing_else(sql: psycopg.Connection) -> None:
    """As docs/evidence/log.md has the operator make one."""
    sql.execute("CREATE ROLE letopis_test_signs LOGIN IN ROLE letopis_signer")
    try:
        sql.execute("SET SESSION AUTHORIZATION letopis_test_signs")
        for role in ("letopis_app", "letopis_auditor", "letopis_patient"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                sql.execute(f"SET ROLE {role}".encode())
        sql.execute("SET ROLE letopis_signer")
        assert sql.execute("SELECT count(*) FROM transparency.leaves").fetchone() == (0,)
    finally:
        sql.execute("RESET SESSION AUTHORIZATION")
        sql.execute("DROP ROLE letopis_test_signs")


def test_a_signer_signs_what_it_remembers_at_each_size_once(
    ledger: Ledger, signing: Signing, followed: Grow
) -> None:
    for count in (1, 2, 300):
        followed(count)
        signed = signing.sign()
        assert signed is not None and signing.sign() is None
        assert signing.memory.read() == transparency.latest(ledger).note  # type: ignore[union-attr]
    assert sizes(ledger) == [1, 3, 303]


def test_two_signers_of_one_folder_never_both_win(ledger: Ledger, followed: Grow) -> None:
    """Each looks at the memory, both wait for each other, then both write."""
    signers = [signing_of(ledger) for _ in range(2)]
    for _ in range(6):
        followed(2)
        ready = Barrier(2)

        def sign(one: Signing, ready: Barrier = ready) -> bool:
            ready.wait()
            return one.sign() is not None

        with ThreadPoolExecutor(2) as threads:
            won = list(threads.map(sign, signers))
        assert won.count(True) >= 1
    assert signing_of(ledger).memory.read() == transparency.latest(ledger).note  # type: ignore[union-attr]
    assert sizes(ledger) == [2, 4, 6, 8, 10, 12]


def test_a_signer_that_was_overtaken_leaves_what_the_other_signed(
    ledger: Ledger, signing: Signing, followed: Grow, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed(3)
    other = signing_of(ledger)
    plain = CheckpointMemory.replace

    def overtaken(memory: CheckpointMemory, expected: bytes | None, signed: bytes) -> None:
        monkeypatch.setattr(CheckpointMemory, "replace", plain)
        followed(2)
        assert other.sign() is not None
        with pytest.raises(MemoryMovedError):
            memory.replace(expected, signed)
        raise MemoryMovedError

    monkeypatch.setattr(CheckpointMemory, "replace", overtaken)
    assert signing.sign() is None
    assert sizes(ledger) == [5]


def test_a_reply_that_was_lost_is_no_second_tree(
    ledger: Ledger, signing: Signing, followed: Grow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Remembered, but the database does not answer: the log grows meanwhile, and what was signed is stored then."""
    followed(3)
    with monkeypatch.context() as away:
        away.setattr(Signing, "_store", lambda *_: (_ for _ in ()).throw(psycopg.OperationalError))
        with pytest.raises(psycopg.OperationalError):
            signing.sign()
    assert sizes(ledger) == []
    followed(2)
    signing.sign()
    assert sizes(ledger) == [3, 5]


def test_a_restored_database_is_refused_until_it_is_right_again(
    ledger: Ledger, signing: Signing, followed: Grow, sql: psycopg.Connection
) -> None:
    followed(5)
    signing.sign()
    kept = sql.execute("SELECT level, tile_index, hashes FROM transparency.tiles").fetchall()
    leaf = sql.execute("SELECT leaf_index, position, event_id FROM transparency.leaves WHERE leaf_index = 4")
    (cut,) = leaf.fetchall()
    change_history(
        sql,
        ("DELETE FROM transparency.leaves WHERE leaf_index = 4", ()),
        ("DELETE FROM log.checkpoints", ()),
        ("UPDATE transparency.tiles SET hashes = substring(hashes FOR 128) WHERE level = 0", ()),
    )
    with pytest.raises(ForkError):
        signing.sign()
    sql.execute("INSERT INTO transparency.leaves VALUES (%s, %s, %s)", cut)
    sql.execute("UPDATE transparency.tiles SET hashes = %s WHERE level = 0", (kept[0][2],))
    assert signing.sign() is not None
    assert sizes(ledger) == [5]


def test_a_folder_that_was_restored_without_its_memory_takes_it_from_the_checkpoints(
    ledger: Ledger, signing: Signing, followed: Grow
) -> None:
    followed(5)
    signing.sign()
    signing.memory.path.unlink()
    assert signing.sign() is None
    assert signing.memory.read() == transparency.latest(ledger).note  # type: ignore[union-attr]


def test_a_key_of_another_log_signs_nothing(
    ledger: Ledger, signing: Signing, followed: Grow, tmp_path: Path
) -> None:
    followed(5)
    signing.sign()
    other = shutil.copytree(signing.keys.folder, tmp_path / "other")
    (other / "log.key").write_bytes(b"x" * 32)
    (other / "last-checkpoint").unlink()
    followed(1)
    with pytest.raises(ForkError):
        signing_of(ledger, other).sign()


# Publishing.


def published(ledger: Ledger) -> transparency.Published:
    found = transparency.latest_published(ledger)
    assert found is not None
    return found


def test_what_is_published_is_the_note_with_a_line_that_outlives_ed25519(
    ledger: Ledger, signing: Signing, followed: Grow
) -> None:
    followed(3)
    signing.sign()
    assert transparency.latest_published(ledger) is None
    found = signing.publishing.publish()
    assert found == published(ledger)
    core = transparency.latest(ledger)
    assert core is not None and found is not None and found.note.startswith(core.note)
    assert checkpoint.verify(found.note, transparency.log_verifier(ledger)).tree_size == 3
    opened = note.parse(found.note)
    cosigned = cosignature.verify_all(opened, [transparency.log_cosigner(ledger)])
    assert list(cosigned.values()) == [int(found.published_at.timestamp())]
    assert len(opened.signatures) == 2


def published_ago(sql: psycopg.Connection, ago: timedelta) -> datetime:
    at = datetime.now(UTC) - ago
    change_history(sql, ("UPDATE log.published SET published_at = %s", (at,)))
    return at


def test_what_is_published_is_renewed_before_it_is_ten_minutes_old(
    ledger: Ledger, signing: Signing, followed: Grow, sql: psycopg.Connection
) -> None:
    followed(3)
    signing.sign()
    signing.publishing.publish()
    published_ago(sql, timedelta(minutes=8))
    assert signing.publishing.publish() is None
    published_ago(sql, timedelta(minutes=9, seconds=1))
    renewed = signing.publishing.publish()
    assert renewed is not None and renewed == published(ledger) and renewed.tree_size == 3


def test_what_the_signer_does_not_remember_is_never_published(
    ledger: Ledger, signing: Signing, followed: Grow, sql: psycopg.Connection
) -> None:
    """A database that was rolled back shows an old checkpoint, and a thief's one that nobody signed: neither gets the
    log's second signature, which says that this is the largest tree by now."""
    followed(3)
    signing.sign()
    first = signing.memory.read()
    followed(2)
    signing.sign()
    change_history(sql, ("DELETE FROM log.checkpoints WHERE tree_size = 5", ()))
    assert signing.publishing.publish() is None
    forged = Checkpoint(ledger.origin, 6, b"x" * 32)
    content = checkpoint.sign(forged, note.Signer(ledger.origin, b"y" * 32))
    sql.execute("INSERT INTO log.checkpoints VALUES (6, %s, %s)", (forged.root_hash, content))
    assert signing.publishing.publish() is None
    assert transparency.latest_published(ledger) is None
    change_history(sql, ("DELETE FROM log.checkpoints WHERE tree_size = 6", ()))
    signing.sign()
    found = signing.publishing.publish()
    assert found is not None and found.tree_size == 5 and signing.memory.read() != first


def test_a_clock_that_was_set_back_does_not_set_the_log_back(
    ledger: Ledger, signing: Signing, followed: Grow, sql: psycopg.Connection
) -> None:
    followed(3)
    signing.sign()
    signing.publishing.publish()
    ahead = published_ago(sql, timedelta(days=-400))
    assert signing.publishing.publish() is None
    followed(1)
    signing.sign()
    found = signing.publishing.publish()
    assert found is not None and found.published_at > ahead
    cosigned = cosignature.verify_all(note.parse(found.note), [transparency.log_cosigner(ledger)])
    assert list(cosigned.values()) == [int(ahead.timestamp())]


def test_nothing_is_published_without_the_quorum(ledger: Ledger, signing: Signing, followed: Grow) -> None:
    followed(3)
    signing.sign()
    seen: list[Signed] = []

    def ask(signed: Signed) -> Cosigned:
        seen.append(signed)
        return Cosigned([Signature("witness.example/w", b"\1\2\3\4", b"\0" * 72)], len(seen) > 1)

    with pytest.raises(QuorumMissedError):
        signing.publishing.publish(ask)
    assert transparency.latest_published(ledger) is None
    found = signing.publishing.publish(ask)
    assert found is not None
    assert [line.name for line in note.parse(found.note).signatures][2:] == ["witness.example/w"]
    assert len(note.parse(seen[0].note).signatures) == 2


def test_a_command_publishes_only_where_no_witness_is_asked(
    ledger: Ledger, signing: Signing, followed: Grow, sql: psycopg.Connection
) -> None:
    sql.execute("INSERT INTO log.signer (seen_at, witnesses, cosigned) VALUES (now(), 1, 0)")
    followed(3)
    assert sign_at_hand(ledger) is not None
    assert transparency.latest_published(ledger) is None
    sql.execute("UPDATE log.signer SET witnesses = 0")
    sign_at_hand(ledger)
    assert published(ledger).tree_size == 3


def test_of_past_days_one_an_hour_is_kept_and_of_this_day_all(
    ledger: Ledger, signing: Signing, sql: psycopg.Connection
) -> None:
    midday = (datetime.now(UTC) - timedelta(days=3)).replace(hour=12, minute=0)
    old = [midday + timedelta(minutes=minutes) for minutes in (0, 20, 40, 60, 65)]
    fresh = [datetime.now(UTC) - timedelta(minutes=minutes) for minutes in (2, 1)]
    for size, at in enumerate([*old, *fresh], 1):
        sql.execute("INSERT INTO log.published VALUES (%s, %s, '')", (size, at))
    assert signing.publishing.thin() == 3
    assert rows(ledger, "SELECT tree_size FROM log.published ORDER BY 1") == [(3,), (5,), (6,), (7,)]
    sql.execute("SET ROLE letopis_signer")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        sql.execute("DELETE FROM log.published WHERE tree_size = 7")


def test_how_long_an_event_waits_is_known(ledger: Ledger, signing: Signing, followed: Grow) -> None:
    before = datetime.now(UTC)
    assert unpublished_since(ledger) is None
    for _ in range(2):
        followed(2)
        waiting = unpublished_since(ledger)
        assert waiting is not None and before <= waiting <= datetime.now(UTC)
        signing.sign()
        signing.publishing.publish()
        assert unpublished_since(ledger) is None
    took = seconds_to_publish(ledger, since=before)
    assert len(took) == 2 and all(0 <= one < 60 for one in took)
