"""The view of identities: who waits, whose document ends on a day; and what the clock does of it."""

from datetime import UTC, date, datetime

import psycopg
import pytest

from api.identity_expiry import expire_documents
from domain.identity import Cause, IdentityExpired, Proof, ScanKind, SuspensionReason
from domain.identity_document import DocumentKind, IdentityDocument
from domain.patient import ProfileStated
from domain.values import PatientId
from ledger import identity as identities
from ledger import scans
from ledger.commands import by_patient, register_patient, state_profile
from ledger.identity import look
from ledger.store import Ledger
from projections import IDENTITY, PROJECTIONS, identity, transparency, verify
from projections.follow import Follower
from projections.rebuild import check
from tests.api.cast import ANNA as WHO
from tests.api.cast import BORIS as OTHER
from tests.api.cast import Who
from tests.examples import ANNA, BORIS
from tests.scenario import TESTER, recorded, rows

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def follower(ledger: Ledger) -> Follower:
    return Follower(ledger, (IDENTITY,))


def stated(ledger: Ledger, patient_id: PatientId, person: Who, *, until: date | None = None) -> None:
    """A patient with a foreign passport, which ends when it says so."""
    if ledger.find("phone", person.phone) is None:
        register_patient(ledger, patient_id=patient_id, phone=person.phone, locale="ru")
    document = IdentityDocument(
        kind=DocumentKind.FOREIGN_PASSPORT,
        number="AB1",
        issued_on=date(2020, 1, 1),
        valid_until=until,
    )
    profile = ProfileStated(
        family=person.family,
        given=person.given,
        patronymic=None,
        birth_date=person.birth_date,
        sex="female",
        snils=person.snils,
        document=document,
    )
    state_profile(ledger, patient_id, profile, by_patient(patient_id))


def asks(ledger: Ledger, patient_id: PatientId) -> None:
    number = look(ledger, patient_id).patient.profile_number
    asked = identities.identity.IdentityCheckRequested(patient_id=patient_id, profile_number=number)
    recorded(ledger, identities.identity_stream(ledger, patient_id), asked)


def waiting(ledger: Ledger) -> list[PatientId]:
    return [row.patient_id for row in identity.waiting(ledger)]


def test_who_came_first_waits_first_until_it_is_decided(ledger: Ledger, follower: Follower) -> None:
    for patient_id, person in ((BORIS, OTHER), (ANNA, WHO)):
        stated(ledger, patient_id, person)
        asks(ledger, patient_id)
    follower.catch_up()
    assert waiting(ledger) == [BORIS, ANNA] and identity.count_waiting(ledger) == 2
    identities.confirm(ledger, BORIS, TESTER, proof=Proof.OPERATOR)
    identities.refuse(ledger, ANNA, TESTER, reason=Cause.SCAN_UNREADABLE)
    follower.catch_up()
    assert waiting(ledger) == []


def test_a_technical_fault_takes_nobody_out_of_the_queue(
    ledger: Ledger, owner: Ledger, follower: Follower
) -> None:
    for patient_id, person in ((BORIS, OTHER), (ANNA, WHO)):
        stated(ledger, patient_id, person)
        asks(ledger, patient_id)
    identities.fail_proof(ledger, BORIS, TESTER)
    follower.catch_up()
    assert waiting(ledger) == [BORIS, ANNA]
    identities.confirm(ledger, BORIS, TESTER, proof=Proof.OPERATOR)
    follower.catch_up()
    assert waiting(ledger) == [ANNA] and check(owner, IDENTITY).is_equal


def test_who_changes_the_profile_waits_no_more(ledger: Ledger, follower: Follower) -> None:
    stated(ledger, ANNA, WHO)
    asks(ledger, ANNA)
    stated(ledger, ANNA, WHO, until=date(2030, 1, 1))
    follower.catch_up()
    assert waiting(ledger) == []


def test_a_suspension_stands_beside_whatever_else_is_known(ledger: Ledger, follower: Follower) -> None:
    stated(ledger, ANNA, WHO)
    asks(ledger, ANNA)
    identities.suspend(ledger, ANNA, TESTER, reason=SuspensionReason.UNPAID_FINES)
    follower.catch_up()
    assert waiting(ledger) == [ANNA]
    assert [row.suspended for row in identity.suspended(ledger)] == ["unpaid-fines"]
    identities.restore(ledger, ANNA, TESTER)
    follower.catch_up()
    assert identity.suspended(ledger) == [] and waiting(ledger) == [ANNA]


@pytest.mark.parametrize(
    ("until", "is_over"),
    [(date(2026, 11, 24), True), (date(2026, 1, 1), True), (date(2026, 11, 25), False), (None, False)],
)
def test_the_clock_ends_what_an_ended_document_stood_for(
    ledger: Ledger, follower: Follower, until: date | None, is_over: bool
) -> None:
    stated(ledger, ANNA, WHO, until=until)
    before = datetime(2025, 12, 1, tzinfo=UTC)
    identities.confirm(ledger, ANNA, TESTER, proof=Proof.IN_PERSON, now=before)
    follower.catch_up()
    assert expire_documents(ledger, NOW) == int(is_over)
    known = look(ledger, ANNA)
    assert known.so_far.is_confirmed_for(known.patient) == (not is_over)
    assert expire_documents(ledger, NOW) == 0, "said once"
    follower.catch_up()
    assert expire_documents(ledger, NOW) == 0
    events = [one for one in ledger.read_all() if isinstance(one.event, IdentityExpired)]
    assert len(events) == int(is_over)


def test_the_view_is_made_anew_to_the_same_bytes_and_holds_no_date(
    ledger: Ledger, owner: Ledger, follower: Follower
) -> None:
    for patient_id, person in ((ANNA, WHO), (BORIS, OTHER)):
        stated(ledger, patient_id, person, until=date(2030, 5, 30))
        asks(ledger, patient_id)
    identities.confirm(ledger, ANNA, TESTER, proof=Proof.OPERATOR)
    stated(ledger, BORIS, OTHER, until=date(2031, 5, 30))
    follower.catch_up()
    assert check(owner, IDENTITY).is_equal
    assert not any("2030" in row[0] for row in rows(ledger, "SELECT d::text FROM identity.documents d"))


def test_a_scan_that_is_gone_from_the_database_is_found_by_who_verifies(
    ledger: Ledger, database: str, sql: psycopg.Connection
) -> None:
    register_patient(ledger, patient_id=ANNA, phone=WHO.phone, locale="ru")
    scans.add(ledger, ANNA, b"%PDF-1.7", TESTER, kind=ScanKind.SNILS, media_type="application/pdf")
    assert Follower(ledger, PROJECTIONS).catch_up()
    log = transparency.log_verifier(ledger)
    assert verify.verify(database, log=log).finding is None
    sql.execute("ALTER TABLE ledger.documents DISABLE TRIGGER ALL")
    sql.execute("DELETE FROM ledger.documents")
    found = verify.verify(database, log=log).finding
    assert found is not None and found.what == "a stored document is missing or was changed"
