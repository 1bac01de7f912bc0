"""From the erasure to its act: what older copies open, that the keys which they need go, and the act that says so."""

import io
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pikepdf
import psycopg
import pytest

from api.destruction_act import act_pdf
from api.key_rotation import end_erasures
from domain.values import PatientId
from ledger import burial, checkpoint, commands, erasure, merkle, note, tombstones
from ledger.codec import Erased
from ledger.custody import SecretMissingError
from ledger.insertion import TAKE_LOCK
from ledger.keys import DataKeys, KeyErasedError
from ledger.receipt import signer_of
from ledger.recorder import StreamConflictError
from ledger.store import Ledger
from projections import destruction, transparency
from projections.destruction import ActNotDrawnError
from projections.follow import Follower
from tests.examples import PROFILE
from tests.scenario import TESTER, erasure_ordered

DAY = timedelta(days=1)
KEYS = "SELECT key_id, subject, purpose, epoch, wrapped FROM ledger.data_keys WHERE wrapped IS NOT NULL"


def person(ledger: Ledger, phone: str, *, has_profile: bool = False) -> PatientId:
    patient_id = PatientId(uuid4())
    commands.register_patient(ledger, patient_id=patient_id, phone=phone, locale="ru")
    if has_profile:
        commands.state_profile(ledger, patient_id, PROFILE, TESTER)
    return patient_id


def erase(ledger: Ledger, patient_id: PatientId) -> None:
    today = date(2026, 11, 26)
    erasure_ordered(ledger, patient_id, today)
    erasure.erase(ledger, patient_id, TESTER, today=today)


def round_of(ledger: Ledger, now: datetime) -> int:
    return end_erasures(
        ledger, now, kept_for=DAY, operator_name="ГБУЗ «Летопись»", operator_address="Москва, Тестовая ул., 1"
    )


def opened(ledger: Ledger, copy: list[tuple[UUID, UUID, str, int, bytes]]) -> int:
    """How many of the keys of a copy of the key table open with the secrets that are left."""
    count = 0
    for row in copy:
        try:
            DataKeys(ledger.pool, ledger.custody)._unwrap(*row)
            count += 1
        except SecretMissingError:
            pass
    return count


def test_an_erasure_is_complete_once_no_older_copy_opens_it_and_has_its_act(
    ledger: Ledger, follower: Follower, sql: psycopg.Connection
) -> None:
    anna, boris = person(ledger, "+79021112233", has_profile=True), person(ledger, "+79024445566")
    copy = sql.execute(KEYS).fetchall()
    erase(ledger, anna)
    now = datetime.now(UTC)
    assert round_of(ledger, now) == 0
    assert opened(ledger, copy) == len(copy)
    with pytest.raises(ActNotDrawnError):
        destruction.act_of(ledger, anna)

    assert round_of(ledger, now + 2 * DAY) == 3
    assert round_of(ledger, now + 2 * DAY) == 0
    assert opened(ledger, copy) == 0
    assert ledger.load(erasure.stream_of(ledger, anna), lambda _, event: event)[1] == 5
    assert all(not isinstance(one.event, Erased) for one in ledger.read(boris))

    assert json.loads(destruction.act_of(ledger, anna)[2])["checkpoint"] == ""
    follower.catch_up()
    recorded, drawn, file = destruction.act_of(ledger, anna)
    check(ledger, file)
    follower.catch_up()
    assert destruction.act_of(ledger, anna)[2] == file
    assert (recorded.keep_until.year, drawn.purposes) == (now.year + 3, recorded.purposes)

    for locale in ("ru", "en"):
        pdf = act_pdf(recorded, drawn, file, locale=locale, time_zone="Europe/Moscow")
        assert pdf == act_pdf(recorded, drawn, file, locale=locale, time_zone="Europe/Moscow")
        with pikepdf.open(io.BytesIO(pdf)) as document:
            assert document.attachments["destruction-act.json"].get_file().read_bytes() == file


def check(ledger: Ledger, file: bytes) -> None:
    """That the log holds every event of the file, by its keys alone."""
    found = json.loads(file)
    note.open(found["statement"].encode(), [signer_of(ledger).verifier])
    tree = checkpoint.verify(found["checkpoint"].encode(), transparency.log_verifier(ledger))
    for one in found["events"]:
        merkle.check_inclusion(
            [note.decode_base64(value) for value in one["hashes"]],
            index=one["index"],
            tree_size=tree.tree_size,
            leaf=merkle.leaf_hash(one["leaf"].encode()),
            root=tree.root_hash,
        )
    names = [one["leaf"].split("\n")[5].partition("@")[0] for one in found["events"]]
    assert names[:2] == ["ErasureOrdered", "PatientErased"]
    assert names[-2:] == ["ErasureCompleted", "DestructionActDrawn"]


def test_a_restored_database_forgets_what_the_tombstones_name(
    ledger: Ledger, sql: psycopg.Connection
) -> None:
    """As if the backup were older than the erasure, and the WAL between them lost."""
    anna, boris = person(ledger, "+79021112233", has_profile=True), person(ledger, "+79024445566")
    copy = sql.execute(KEYS).fetchall()
    erase(ledger, anna)
    for key_id, _, _, epoch, wrapped in copy:
        sql.execute(
            "UPDATE ledger.data_keys SET epoch = %s, wrapped = %s, erased_at = NULL WHERE key_id = %s",
            (epoch, wrapped, key_id),
        )
    ledger.keys.forget()
    keys = {row[0]: row[1] for row in copy}
    assert ledger.keys.find_all(list(keys))
    assert burial.bury(ledger) > 0
    assert burial.bury(ledger) == 0
    for key_id, subject in keys.items():
        if subject == anna:
            with pytest.raises(KeyErasedError):
                ledger.keys.open(key_id)
        elif subject == boris:
            assert ledger.keys.open(key_id)


def test_an_erasure_that_was_refused_leaves_no_tombstone(ledger: Ledger) -> None:
    anna = person(ledger, "+79021112233")
    with pytest.raises(StreamConflictError), tombstones.written(ledger.custody, [anna]):
        raise StreamConflictError("somebody was faster")
    assert not tombstones.read(ledger.custody).digests


def test_what_a_lost_commit_decides_comes_before_what_is_settled(ledger: Ledger, database: str) -> None:
    """The process died, the server is still at its COMMIT: void would bring back who is about to be erased."""
    anna = person(ledger, "+79021112233")
    tombstones.written(ledger.custody, [anna]).__enter__()
    with psycopg.connect(database) as pending, ThreadPoolExecutor() as pool:
        pending.execute(TAKE_LOCK)
        pending.execute(
            "UPDATE ledger.data_keys SET wrapped = NULL, erased_at = now() WHERE subject = %s", (anna,)
        )
        settling = pool.submit(burial.settle, ledger)
        with pytest.raises(TimeoutError):
            settling.result(timeout=0.3)
        pending.commit()
        assert settling.result(timeout=60) == 1
    assert tombstones.digest_of(ledger.custody, anna) in tombstones.read(ledger.custody).digests


def test_only_what_came_since_is_read_of_the_tombstones(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    take_in = tombstones._take_in_line

    def counted(found: tombstones.Tombstones, line: str) -> None:
        lines.append(line)
        take_in(found, line)

    monkeypatch.setattr(tombstones, "_take_in_line", counted)
    for number in range(3):
        with tombstones.written(ledger.custody, [UUID(int=number)]):
            pass
    assert len(tombstones.read(ledger.custody).digests) == 3
    assert len(lines) == 7, "each line once: the first, then two for each"
    path = ledger.custody.folder / "erased"
    # A torn line means nothing, and is read once it is whole.
    with path.open("ab") as file:
        file.write(b"void 3")
    assert len(tombstones.read(ledger.custody).digests) == 3
    with path.open("ab") as file:
        file.write(b"\n")
    assert len(tombstones.read(ledger.custody).digests) == 2
    # Another file in its place is read anew, longer or shorter.
    path.write_text(f"{tombstones.FIRST_LINE}\nbegin 1 {'0' * 64}\n")
    assert tombstones.read(ledger.custody).digests == {"0" * 64}
    path.write_text("damaged\n")
    with pytest.raises(tombstones.TombstonesUnreadableError):
        tombstones.read(ledger.custody)


def test_an_erasure_whose_process_died_is_settled_by_the_database(ledger: Ledger) -> None:
    anna, boris = person(ledger, "+79021112233", has_profile=True), person(ledger, "+79024445566")
    for patient_id in (anna, boris):
        # The process is gone in the middle of the block.
        tombstones.written(ledger.custody, [patient_id]).__enter__()
    assert len(tombstones.read(ledger.custody).open) == 2
    erase(ledger, anna)
    assert burial.settle(ledger) == 2
    found = tombstones.read(ledger.custody)
    assert not found.open
    assert tombstones.digest_of(ledger.custody, anna) in found.digests
    assert tombstones.digest_of(ledger.custody, boris) not in found.digests
