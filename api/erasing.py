"""Erasures that are due are carried out: a step of the clockwork. What the tables of access know of the patient goes
after the keys, and again each round, so that a crash in between leaves nothing."""

from datetime import date, datetime
from functools import partial

from api.settings import Settings
from domain.erasure import (
    AlreadyErasedError,
    ErasureHeldError,
    ErasureNotConfirmedError,
    ErasureNotOrderedError,
    HoldReason,
    PatientErased,
)
from domain.values import PatientId
from ledger import erasure
from ledger.belongings import belongings_of
from ledger.codec import Circumstances
from ledger.store import Ledger
from projections import erasure as view

BY = Circumstances(actor="system:erasure")
# Where the ways in lie, and what belongs to a sign-in that is under way.
_OF_PATIENT = (
    "credentials",
    "sessions",
    "half_sign_ins",
    "factor_tries",
    "totp",
    "totp_offers",
    "recovery_codes",
    "passkeys",
    "recoveries",
    "confirmations",
)
_GONE = "(SELECT patient_id FROM erasure.erasures)"
# The view may be a moment behind the decision.
_NOT_NOW = (ErasureHeldError, ErasureNotConfirmedError, AlreadyErasedError, ErasureNotOrderedError)


def erase_due(ledger: Ledger, now: datetime, *, medical_years: int | None = None) -> int:
    """Destroy what is due and not held; how many patients that were. With `medical_years`, who has reports is held as
    long first: the operator keeps medical records."""
    today = now.date()
    done = 0
    for patient_id in view.due(ledger, today=today):
        if medical_years is not None and _hold_records(ledger, patient_id, today, medical_years):
            continue
        try:
            erasure.erase(ledger, patient_id, BY, today=today)
        except _NOT_NOW:
            continue
        done += 1
    sweep(ledger)
    return done


def erase_now(ledger: Ledger, patient_id: PatientId, by: Circumstances, *, today: date) -> PatientErased:
    """As the step does it, for one patient, before the day that is due."""
    erased = erasure.erase(ledger, patient_id, by, today=today)
    _close_ways_in(ledger, patient_id)
    return erased


def sweep(ledger: Ledger) -> None:
    """Take away what is left of erased patients in the tables of access."""
    with ledger.pool.connection() as connection, connection.transaction():
        for table in _OF_PATIENT:
            connection.execute(f"DELETE FROM access.{table} WHERE patient_id IN {_GONE}".encode())
        connection.execute(f"DELETE FROM access.challenges WHERE subject IN {_GONE}".encode())
        for table in ("share_passcodes", "share_files"):
            connection.execute(
                f"DELETE FROM access.{table} WHERE share_id IN"
                f" (SELECT share_id FROM sharing.shares WHERE patient_id IN {_GONE})".encode()
            )


def _close_ways_in(ledger: Ledger, patient_id: PatientId) -> None:
    """At once, also where the views are behind."""
    with ledger.pool.connection() as connection, connection.transaction():
        for table in _OF_PATIENT:
            connection.execute(f"DELETE FROM access.{table} WHERE patient_id = %s".encode(), (patient_id,))


def _hold_records(ledger: Ledger, patient_id: PatientId, today: date, years: int) -> bool:
    """Hold who has reports, once: an officer who released it is not contradicted. Whether they are held now."""
    known = erasure.load(ledger, patient_id)
    if known is None or HoldReason.MEDICAL_RECORDS in known.reasons:
        return False
    if not belongings_of(ledger, patient_id).reports:
        return False
    until = _later(today, years)
    erasure.hold(ledger, patient_id, BY, reason=HoldReason.MEDICAL_RECORDS, until=until)
    return True


def _later(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February
        return date(day.year + years, 3, 1)


def steps_of(settings: Settings) -> tuple[partial[int], ...]:
    return (partial(erase_due, medical_years=settings.medical_records_years),)
