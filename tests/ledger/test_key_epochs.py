"""Key epochs: every live key opens under exactly one, whatever is killed; what an older copy holds opens no more."""

import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any
from unittest.mock import patch
from uuid import UUID

import psycopg
import pytest

from domain.key_epoch import EpochInUseError, KeyEpochs
from domain.patient import PhoneStated
from domain.values import PatientId, Purpose
from ledger import custody as secrets
from ledger import erasure, key_epochs
from ledger.custody import Custody, SecretMissingError
from ledger.insertion import Erasure
from ledger.key_epochs import KeysLeftError
from ledger.keys import PAST_EPOCH, DataKeys, KeyErasedError
from ledger.store import Ledger, Write
from tests.examples import ANNA, BORIS
from tests.scenario import TESTER, erasure_ordered

RESULTS = Purpose.RESULTS
SUBJECTS = [UUID(int=number) for number in range(1, 8)]
PHONE = PhoneStated(phone="+79001234567")
OPENS = "SELECT key_id, subject, purpose, epoch, wrapped FROM ledger.data_keys WHERE wrapped IS NOT NULL"


class KilledError(BaseException):
    """Stands for the end of the process: nothing after it is done, no transaction is committed."""


def fill(ledger: Ledger) -> dict[UUID, bytes]:
    made = [ledger.keys.key_of(subject, RESULTS) for subject in SUBJECTS]
    return {key.key_id: key.secret for key in made}


def in_another_process(ledger: Ledger) -> DataKeys:
    """What another process makes of the key table with the secrets that are left."""
    return DataKeys(ledger.pool, secrets.load(ledger.custody.folder))


def test_a_rotation_leaves_every_key_open_and_the_old_epoch_gone(ledger: Ledger) -> None:
    before = fill(ledger)
    assert key_epochs.rotate(ledger, by=TESTER) == (1,)
    assert key_epochs.living(ledger) == (2,)
    assert key_epochs.live_keys(ledger) == {2: len(before)}
    assert in_another_process(ledger).open_all(list(before)) == before
    state, _ = key_epochs.load(ledger)
    assert state == KeyEpochs(latest=2, emptied=frozenset({1}), destroyed=frozenset({1}))
    assert not (ledger.custody.folder / "kek-1.key").exists()


def test_a_copy_from_before_opens_until_the_epoch_is_destroyed(
    ledger: Ledger, sql: psycopg.Connection, custody: Custody
) -> None:
    fill(ledger)
    copy = sql.execute(OPENS).fetchall()
    key_epochs.begin(ledger, by=TESTER)
    key_epochs.rewrap(ledger, by=TESTER)

    def opened() -> int:
        found = 0
        for row in copy:
            try:
                in_another_process(ledger)._unwrap(*row)
                found += 1
            except SecretMissingError:
                pass
        return found

    assert opened() == len(copy)
    key_epochs.destroy(ledger, 1, by=TESTER)
    assert opened() == 0


# Whatever changes something outside of this process, in the order of a rotation.
STEPS = (
    (secrets, "add_epoch"),
    (Ledger, "append"),
    (key_epochs, "_take"),
    (key_epochs, "_put"),
    (secrets, "destroy_epoch"),
)


def test_killed_at_each_step_every_key_opens_under_one_living_epoch(ledger: Ledger) -> None:
    """The kill comes before a step, or when it was done and nobody heard of it; after each the keys open, and the next
    rotation ends what was begun."""
    before = fill(ledger)
    moments, deadly = count(1), 0

    def live() -> None:
        if next(moments) == deadly:
            raise KilledError

    def mortal(step: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **named: Any) -> Any:
            live()
            done = step(*args, **named)
            live()
            return done

        return run

    def is_killed() -> bool:
        try:
            key_epochs.rotate(ledger, by=TESTER)
        except KilledError:
            return True
        return False

    with ExitStack() as stack:
        for place, name in STEPS:
            stack.enter_context(patch.object(place, name, mortal(getattr(place, name))))
        stack.enter_context(patch.object(key_epochs, "BATCH", 3))
        for number in count(1):
            moments, deadly = count(1), number
            if not is_killed():
                break
            assert in_another_process(ledger).open_all(list(before)) == before
            deadly = 0
            assert not is_killed()
            assert in_another_process(ledger).open_all(list(before)) == before
            assert len(key_epochs.living(ledger)) == len(key_epochs.live_keys(ledger)) == 1
            assert not key_epochs.unfinished(ledger)
    assert number > 15


def test_a_process_that_has_not_heard_of_the_epoch_stores_under_it(
    ledger: Ledger, open_ledger: Callable[..., Ledger], custody: Custody, database: str
) -> None:
    """Else its key would be lost with the epoch that it still believes in."""
    with Ledger(database, secrets.load(custody.folder)) as other:
        key_epochs.begin(ledger, by=TESTER)
        other.append(Write(ANNA, 0, (PHONE,), subject=ANNA), circumstances=TESTER)
        made = other.keys.key_of(BORIS, RESULTS)
    with Ledger(database, secrets.load(custody.folder)) as late:
        key_epochs.rotate(ledger, by=TESTER)
        key_epochs.rotate(ledger, by=TESTER)
        # The epoch that it believes in is gone by now.
        late.append(Write(SUBJECTS[0], 0, (PHONE,), subject=SUBJECTS[0]), circumstances=TESTER)
    assert key_epochs.live_keys(ledger) == {3: 3}
    assert in_another_process(ledger).open(made.key_id) == made.secret
    (found,) = ledger.read(ANNA)
    assert found.event == PHONE


def test_keys_are_made_and_erased_while_they_are_rewrapped(
    ledger: Ledger, custody: Custody, database: str
) -> None:
    fill(ledger)
    stop = threading.Event()
    made: dict[UUID, bytes] = {}

    def go_on() -> None:
        with Ledger(database, secrets.load(custody.folder)) as other:
            for number in count(100):
                if stop.is_set():
                    return
                key = other.keys.key_of(UUID(int=number), RESULTS)
                made[key.key_id] = key.secret
                if number % 5 == 0:
                    with other.pool.connection() as connection:
                        connection.execute(
                            "UPDATE ledger.data_keys SET wrapped = NULL, erased_at = now() WHERE key_id = %s",
                            (key.key_id,),
                        )
                    del made[key.key_id]

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        with patch.object(key_epochs, "BATCH", 5):
            for _ in range(5):
                key_epochs.rotate(ledger, by=TESTER)
    finally:
        stop.set()
        thread.join()
    assert len(key_epochs.living(ledger)) == 1
    assert in_another_process(ledger).open_all(list(made)) == made


def test_an_epoch_with_keys_is_not_destroyed(ledger: Ledger) -> None:
    fill(ledger)
    key_epochs.begin(ledger, by=TESTER)
    with pytest.raises(EpochInUseError):
        key_epochs.destroy(ledger, 1, by=TESTER)
    assert (ledger.custody.folder / "kek-1.key").exists()


def test_what_was_erased_makes_a_rotation_due_after_its_time(ledger: Ledger) -> None:
    ledger.append(Write(ANNA, 0, (PHONE,), subject=ANNA), circumstances=TESTER)
    now, day = datetime.now(UTC), timedelta(days=1)
    assert not key_epochs.has_due(ledger, now + 2 * day, kept_for=day)
    ledger.append(Write(BORIS, 0, (PHONE,), subject=BORIS), circumstances=TESTER, erased=[Erasure(ANNA)])
    assert not key_epochs.has_due(ledger, now, kept_for=day)
    assert key_epochs.has_due(ledger, now + 2 * day, kept_for=day)
    key_epochs.rotate(ledger, by=TESTER)
    assert not key_epochs.has_due(ledger, now + 2 * day, kept_for=day)


def test_an_erasure_waits_for_no_epoch_for_ever(ledger: Ledger) -> None:
    """It came between the begin of an epoch and the wrapping anew: it names the new epoch, which has none of its keys."""
    anna = PatientId(ANNA)
    ledger.append(Write(anna, 0, (PHONE,), subject=anna), circumstances=TESTER)
    key_epochs.begin(ledger, by=TESTER)
    now, day = datetime.now(UTC), timedelta(days=1)
    erasure_ordered(ledger, anna, now.date())
    assert erasure.erase(ledger, anna, TESTER, today=now.date()).epochs == (1, 2)
    while key_epochs.has_due(ledger, now + 2 * day, kept_for=day):
        assert key_epochs.rotate(ledger, by=TESTER)
    state, _ = key_epochs.load(ledger)
    assert state.destroyed == {1, 2}


def test_a_destroyed_epoch_that_a_restored_folder_brings_back_is_destroyed_again(ledger: Ledger) -> None:
    before = fill(ledger)
    file = ledger.custody.folder / "kek-1.key"
    content = file.read_bytes()
    key_epochs.rotate(ledger, by=TESTER)
    assert key_epochs.destroy_again(ledger) == 0
    file.write_bytes(content)
    assert key_epochs.destroy_again(ledger) == 1
    assert key_epochs.living(ledger) == (2,) and not file.exists()
    assert in_another_process(ledger).open_all(list(before)) == before


def test_a_key_that_is_erased_between_reading_and_wrapping_stays_erased(ledger: Ledger) -> None:
    fill(ledger)
    plain, erasing = ledger.keys.rewrap, list[threading.Thread]()

    def interrupted(rows: Any) -> Any:
        if not erasing:
            gone = [Erasure(SUBJECTS[0])]
            append = partial(ledger.append, circumstances=TESTER, erased=gone)
            erasing.append(threading.Thread(target=append, args=(Write(BORIS, 0, (PHONE,), subject=BORIS),)))
            erasing[0].start()
            erasing[0].join(timeout=0.5)
        return plain(rows)

    key_epochs.begin(ledger, by=TESTER)
    with patch.object(ledger.keys, "rewrap", interrupted):
        key_epochs.rewrap(ledger, by=TESTER)
    erasing[0].join(timeout=60)
    with pytest.raises(KeyErasedError):
        in_another_process(ledger).key_of(SUBJECTS[0], RESULTS)


KEY = "INSERT INTO ledger.data_keys (key_id, subject, purpose, epoch, wrapped) VALUES (%s, %s, 'results', 1, '')"


def test_an_epoch_begins_after_the_keys_that_are_being_stored_under_the_last(
    ledger: Ledger, sql: psycopg.Connection
) -> None:
    """Else one would come to light under the old epoch when all were wrapped anew, and be lost with it."""
    beginning = threading.Thread(target=key_epochs.begin, args=(ledger,), kwargs={"by": TESTER})
    with sql.transaction():
        sql.execute(KEY, (UUID(int=1), UUID(int=2)))
        beginning.start()
        beginning.join(timeout=0.5)
        assert beginning.is_alive()
    beginning.join(timeout=60)
    assert not beginning.is_alive()
    assert key_epochs.load(ledger)[0].latest == 2
    with pytest.raises(psycopg.Error) as refused:
        sql.execute(KEY, (UUID(int=3), UUID(int=4)))
    assert refused.value.sqlstate == PAST_EPOCH


def test_a_key_that_was_put_under_an_emptied_epoch_keeps_it_alive(
    ledger: Ledger, sql: psycopg.Connection
) -> None:
    key_epochs.rotate(ledger, by=TESTER, keeps=True)
    sql.execute("SET session_replication_role = replica")
    sql.execute(KEY, (UUID(int=1), UUID(int=2)))
    sql.execute("RESET session_replication_role")
    with pytest.raises(KeysLeftError):
        key_epochs.destroy(ledger, 1, by=TESTER)
    assert (ledger.custody.folder / "kek-1.key").exists()
