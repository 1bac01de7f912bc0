"""A patient's data is destroyed by the append that says so; whatever comes meanwhile is seen, whatever comes later
finds nobody."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from threading import Thread
from uuid import uuid4

import psycopg
import pytest

from api.consent_documents import current
from domain.consent import ConsentKind
from domain.erasure import (
    AlreadyErasedError,
    ErasureHeldError,
    ErasureNotOrderedError,
    HoldReason,
    PatientErased,
)
from domain.identity import ScanKind
from domain.ticket_events import TicketOpened
from domain.values import OrganisationId, PatientId
from ledger import commands, erasure, key_epochs, scans, takeover
from ledger.belongings import belongings_of
from ledger.codec import Erased
from ledger.commands import by_patient
from ledger.consents import grant_consent, withdraw_consent
from ledger.insertion import Erasure
from ledger.keys import KeyErasedError
from ledger.permissions import permissions_of_all
from ledger.receiving import receiving_stream
from ledger.recorder import StreamConflictError
from ledger.store import Ledger, Write
from tests.examples import EXAMPLES, MATCHED, PROFILE, READ, RECEIVED, REVISED, WARD
from tests.ledger.test_append import append_lock_held, batched
from tests.ledger.test_takeover import DESCRIBED, PHONE, kept, newcomer
from tests.scenario import TESTER, erasure_ordered

TODAY = date(2026, 11, 26)


def person(ledger: Ledger, phone: str = "+79021112233") -> PatientId:
    patient_id = PatientId(uuid4())
    commands.register_patient(ledger, patient_id=patient_id, phone=phone, locale="ru")
    commands.state_profile(ledger, patient_id, PROFILE, by_patient(patient_id))
    return patient_id


def ordered(ledger: Ledger, patient_id: PatientId) -> None:
    erasure_ordered(ledger, patient_id, TODAY)


def with_report(ledger: Ledger, patient_id: PatientId) -> None:
    report_id = uuid4()
    ledger.append(
        Write(report_id, 0, (RECEIVED, replace(MATCHED, patient_id=patient_id), REVISED), report_id),
        circumstances=TESTER,
    )


def live_keys(ledger: Ledger) -> int:
    with ledger.pool.connection() as connection:
        row = connection.execute("SELECT count(*) FROM ledger.data_keys WHERE wrapped IS NOT NULL").fetchone()
    return int(row[0]) if row else 0


def test_everything_of_the_patient_goes_and_nothing_of_others(ledger: Ledger) -> None:
    anna = person(ledger)
    boris = PatientId(uuid4())
    commands.register_patient(ledger, patient_id=boris, phone="+79024445566", locale="ru")
    with_report(ledger, anna)
    scan_id = scans.add(
        ledger,
        anna,
        b"%PDF-1.7",
        by_patient(anna),
        kind=ScanKind.IDENTITY_DOCUMENT,
        media_type="application/pdf",
    )
    found = belongings_of(ledger, anna)
    assert {anna, scan_id} <= found.subjects
    assert len(found.documents) == 1
    ordered(ledger, anna)
    erased = erasure.erase(ledger, anna, TESTER, today=TODAY)
    assert (erased.destroyed.reports, erased.destroyed.documents) == (1, 1)
    assert erased.destroyed.marks == 2
    assert ledger.find("phone", "+79021112233") is None
    assert ledger.find("phone", "+79024445566") == boris
    assert live_keys(ledger) == 1
    left = belongings_of(ledger, anna)
    assert not left.keys and not left.documents and not left.marks
    texts = [one.event for one in ledger.read(anna)]
    assert sum(isinstance(one, Erased) for one in texts) == 2
    assert commands.load_patient(ledger, boris).phone == "+79024445566"


def test_only_what_is_ordered_and_not_held_is_destroyed_and_once(ledger: Ledger) -> None:
    anna = person(ledger)
    with pytest.raises(ErasureNotOrderedError):
        erasure.erase(ledger, anna, TESTER, today=TODAY)
    ordered(ledger, anna)
    hold_id = erasure.hold(ledger, anna, TESTER, reason=HoldReason.LEGAL_CLAIM, until=TODAY)
    with pytest.raises(ErasureHeldError):
        erasure.erase(ledger, anna, TESTER, today=TODAY)
    erasure.release_hold(ledger, anna, hold_id, TESTER)
    erasure.erase(ledger, anna, TESTER, today=TODAY)
    with pytest.raises(AlreadyErasedError):
        erasure.erase(ledger, anna, TESTER, today=TODAY)


def test_nothing_is_stored_for_who_was_erased(ledger: Ledger) -> None:
    anna = person(ledger)
    ordered(ledger, anna)
    with_key = ledger.keys.key_of(anna, "contacts")
    erasure.erase(ledger, anna, TESTER, today=TODAY)
    ledger.keys.forget()
    with pytest.raises(KeyErasedError):
        ledger.keys.key_of(anna, "contacts")
    with pytest.raises(KeyErasedError):
        ledger.keys.key_of(anna, "results")
    # Another process remembers the key for a minute.
    ledger.keys._by_subject[anna, "contacts"] = (1e18, with_key)
    with pytest.raises(StreamConflictError):
        commands.state_email(ledger, anna, "anna@example.org", by_patient(anna))
    # A stream of its own, with a key of its own.
    opened = EXAMPLES["TicketOpened"][0]
    assert isinstance(opened, TicketOpened)
    ticket_id = uuid4()
    written = EXAMPLES["TicketTextWritten"][0]
    with pytest.raises(StreamConflictError):
        ledger.append(
            Write(ticket_id, 0, (replace(opened, patient_id=anna), written), ticket_id), circumstances=TESTER
        )
    with pytest.raises(StreamConflictError):
        with_report(ledger, anna)


def test_whatever_comes_while_it_looks_makes_it_look_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = person(ledger)
    ordered(ledger, anna)
    looked: list[int] = []

    def interrupted(opened: Ledger, patient_id: PatientId) -> object:
        found = belongings_of(opened, patient_id)
        looked.append(len(found.reports))
        if len(looked) == 1:
            with_report(opened, patient_id)
        return found

    monkeypatch.setattr("ledger.erasure.belongings_of", interrupted)
    assert erasure.erase(ledger, anna, TESTER, today=TODAY).destroyed.reports == 1
    assert looked == [0, 1]


def test_a_scan_that_comes_while_it_looks_goes_too(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a key of its own, and the event that says so names nobody."""
    anna = person(ledger)
    ordered(ledger, anna)
    looked: list[int] = []

    def interrupted(opened: Ledger, patient_id: PatientId) -> object:
        found = belongings_of(opened, patient_id)
        looked.append(len(found.documents))
        if len(looked) == 1:
            kind, media_type = ScanKind.IDENTITY_DOCUMENT, "application/pdf"
            scans.add(opened, anna, b"%PDF-1.7", by_patient(anna), kind=kind, media_type=media_type)
        return found

    monkeypatch.setattr("ledger.erasure.belongings_of", interrupted)
    assert erasure.erase(ledger, anna, TESTER, today=TODAY).destroyed.documents == 1
    assert looked == [0, 1]
    assert live_keys(ledger) == 0


def test_an_epoch_that_begins_while_it_looks_is_named_too(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The patient's keys may have been wrapped by it before they were destroyed: a copy of then opens by it."""
    anna = person(ledger)
    ordered(ledger, anna)
    plain, looked = key_epochs.living_now, list[tuple[int, ...]]()

    def interrupted(opened: Ledger) -> object:
        found = plain(opened)
        looked.append(found[0])
        if len(looked) == 1:
            key_epochs.begin(opened, by=TESTER)
        return found

    monkeypatch.setattr(key_epochs, "living_now", interrupted)
    assert erasure.erase(ledger, anna, TESTER, today=TODAY).epochs == (1, 2)
    assert looked == [(1,), (1, 2)]


def test_erasing_races_with_storing(ledger: Ledger) -> None:
    """Reports are given to the patient by threads while the patient is erased: each is destroyed or was refused."""
    anna = person(ledger)
    ordered(ledger, anna)
    refused: list[int] = []

    def give() -> None:
        for _ in range(15):
            try:
                with_report(ledger, anna)
            except StreamConflictError:
                refused.append(1)

    threads = [Thread(target=give) for _ in range(3)]
    for thread in threads:
        thread.start()
    while True:
        try:
            erased = erasure.erase(ledger, anna, TESTER, today=TODAY)
        except StreamConflictError:
            continue
        break
    for thread in threads:
        thread.join()
    assert erased.destroyed.reports + len(refused) == 45
    assert live_keys(ledger) == 0


@pytest.mark.parametrize("erases_first", [True, False])
def test_an_erasure_and_what_came_in_the_same_batch_see_each_other(
    ledger: Ledger, database: str, erases_first: bool
) -> None:
    """Of callers that wait together, whoever is behind the erasure finds nobody, and it misses nobody before it."""
    anna = person(ledger)
    ordered(ledger, anna)
    version = max(one.version for one in ledger.read(anna))
    stated = EXAMPLES["EmailStated"][0]
    calls: list[Callable[[], object]] = [
        lambda: erasure.erase(ledger, anna, TESTER, today=TODAY),
        lambda: with_report(ledger, anna),
        lambda: ledger.append(Write(anna, version, (stated,), anna), circumstances=TESTER),
    ]
    calls = calls if erases_first else [*calls[1:], calls[0]]
    found = batched(ledger, database, calls)  # type: ignore[arg-type]
    refused = [isinstance(one.exception(), StreamConflictError) for one in found]
    assert refused == ([False, True, True] if erases_first else [False, False, False])
    assert live_keys(ledger) == 0
    (erased,) = [one for one in ledger.read_all() if isinstance(one.event, PatientErased)]
    sealed = [one for one in ledger.read_all() if isinstance(one.event, Erased)]
    assert erased.position is not None
    assert all(one.position is not None and one.position < erased.position for one in sealed)


def test_a_key_that_was_made_while_an_erasure_waits_goes_too(ledger: Ledger, sql: psycopg.Connection) -> None:
    """It looks for keys when its turn has come, not when it was asked for."""
    anna = person(ledger)
    append = partial(ledger.append, circumstances=TESTER, erased=[Erasure(anna)])
    erasing = Thread(target=append, args=(Write(uuid4(), 0, (READ,)),))
    with append_lock_held(sql):
        erasing.start()
        erasing.join(timeout=0.3)
        sql.execute(
            "INSERT INTO ledger.data_keys (key_id, subject, purpose, epoch, wrapped) VALUES (%s, %s, 'results', 1, '')",
            (uuid4(), anna),
        )
    erasing.join(timeout=60)
    assert live_keys(ledger) == 0


def test_no_key_is_made_while_an_erasure_is_under_way(ledger: Ledger, sql: psycopg.Connection) -> None:
    """Whether the keys are gone is looked at when the erasure has ended, whichever way."""
    anna, refused = person(ledger), list[str]()

    def make() -> None:
        try:
            ledger.keys.key_of(anna, "results")
        except KeyErasedError:
            refused.append("erased")

    making = Thread(target=make)
    with append_lock_held(sql):
        sql.execute(
            "UPDATE ledger.data_keys SET wrapped = NULL, erased_at = now() WHERE subject = %s", (anna,)
        )
        making.start()
        making.join(timeout=0.3)
        assert making.is_alive()
    making.join(timeout=60)
    assert refused == ["erased"]
    assert live_keys(ledger) == 0


def test_the_application_destroys_only_the_documents_whose_keys_it_destroys_and_says_so(
    ledger: Ledger,
) -> None:
    anna, boris = person(ledger), PatientId(uuid4())
    commands.register_patient(ledger, patient_id=boris, phone="+79024445566", locale="ru")
    kind, media_type = ScanKind.IDENTITY_DOCUMENT, "application/pdf"
    scan_id = scans.add(ledger, anna, b"%PDF-1.7", by_patient(anna), kind=kind, media_type=media_type)
    ordered(ledger, boris)
    erasure.erase(ledger, boris, TESTER, today=TODAY)
    destroy = "SELECT ledger.destroy_documents(%s, %s)"
    with ledger.pool.connection() as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DELETE FROM ledger.documents")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(destroy, ([scan_id], erasure.stream_of(ledger, anna)))
        assert connection.execute(destroy, ([scan_id], erasure.stream_of(ledger, boris))).fetchone() == (0,)


def test_a_withdrawal_orders_it_and_a_new_consent_calls_it_off(ledger: Ledger) -> None:
    anna = person(ledger)
    by, document = by_patient(anna), current(ConsentKind.PERSONAL_DATA, "ru").document
    grant_consent(ledger, anna, agreed=document, current=document, by=by)
    withdraw_consent(ledger, anna, ConsentKind.PERSONAL_DATA, by)
    state = erasure.load(ledger, anna)
    assert state is not None and state.by_consent is not None
    assert state.by_consent.due == datetime.now(UTC).date() + timedelta(days=30)
    assert state.by_consent.obligation_id is not None
    grant_consent(ledger, anna, agreed=document, current=document, by=by)
    state = erasure.load(ledger, anna)
    assert state is not None and not state.is_ordered


def test_who_was_erased_permits_nothing_and_hinders_nobody(ledger: Ledger) -> None:
    anna, boris = person(ledger), PatientId(uuid4())
    commands.register_patient(ledger, patient_id=boris, phone="+79024445566", locale="ru")
    # A stream that begins with what was sealed can't be folded any more.
    hours = EXAMPLES["NoticeHoursChosen"][0]
    ledger.append(Write(receiving_stream(ledger, anna), 0, (hours,), anna), circumstances=TESTER)
    ordered(ledger, anna)
    erasure.erase(ledger, anna, TESTER, today=TODAY)
    found = permissions_of_all(ledger, [anna, boris], OrganisationId(uuid4()), at=datetime.now(UTC))
    assert [one.patient_id for one in found] == [anna, boris]
    assert all(one.barrier(frozenset()) for one in found)


def test_the_account_left_for_a_guardians_cabinet_goes_with_it(ledger: Ledger) -> None:
    ward_id, claimant_id = kept(ledger), newcomer(ledger)
    takeover.claim(ledger, claimant_id, DESCRIBED, TESTER)
    takeover.hand_over(ledger, takeover.claim_stream(ledger, claimant_id), TESTER)
    before = live_keys(ledger)
    assert belongings_of(ledger, ward_id).patients == {ward_id, claimant_id}
    ordered(ledger, ward_id)
    destroyed = erasure.erase(ledger, ward_id, TESTER, today=TODAY).destroyed
    left = erasure.load(ledger, claimant_id)
    assert left is not None and left.erased is not None
    # The guardian's own are there as before.
    assert 0 < live_keys(ledger) == before - destroyed.keys
    assert ledger.find("phone", PHONE) is None
    assert ledger.find("snils", WARD.snils) is None
