"""Erasure in the ledger: keys, marks and documents of a patient are destroyed in the very append that says so."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from domain import erasure
from domain.erasure import Destroyed, PatientErased
from domain.values import PatientId
from ledger import insertion, key_epochs
from ledger.belongings import Belongings, belongings_of
from ledger.closing import closing
from ledger.codec import Circumstances
from ledger.commands import decide_again
from ledger.erasure_orders import call_off, confirm, hold, load, order, person_of, release_hold, stream_of
from ledger.naming import NAMING
from ledger.store import Ledger, Write
from ledger.wiping import Wipe


def erase(ledger: Ledger, patient_id: PatientId, by: Circumstances, *, today: date) -> PatientErased:
    """Destroy everything that is the patient's. ErasureNotOrderedError, ErasureNotConfirmedError, ErasureHeldError or
    AlreadyErasedError if it is not to be.

    Whatever comes to the patient while this looks makes it look again; what comes after it finds nobody."""
    return decide_again(lambda: _erase(ledger, patient_id, by, today))


def _erase(ledger: Ledger, patient_id: PatientId, by: Circumstances, today: date) -> PatientErased:
    stream_id = stream_of(ledger, patient_id)
    state, version = ledger.load(stream_id, erasure.evolve)
    # Refused before everything is looked for.
    erasure.erase(state, destroyed=Destroyed(keys=0, documents=0, marks=0, reports=0), epochs=(), today=today)
    found = belongings_of(ledger, patient_id)
    epochs, no_epoch_begun = key_epochs.living_now(ledger)
    erased = erasure.erase(state, destroyed=_counted(found), epochs=epochs, today=today)
    ledger.append(
        Write(stream_id, version, (erased,)),
        *_left_behind(ledger, erased, found.patients - {patient_id}, today),
        *closing(ledger, found),
        circumstances=by,
        guards=(no_epoch_begun,),
        erased=[insertion.Erasure(subject) for subject in sorted(found.subjects)],
        wiped=Wipe(
            subjects=found.subjects,
            said_by=stream_id,
            after=found.position,
            streams=frozenset(found.streams),
            topics=frozenset(NAMING),
            names=frozenset(found.patients),
        ),
    )
    return erased


def _left_behind(
    ledger: Ledger, erased: PatientErased, accounts: frozenset[PatientId], due: date
) -> Iterator[Write]:
    """Accounts that were left for the patient's cabinet are the same person's, and go with it."""
    for account_id in sorted(accounts):
        stream_id = stream_of(ledger, account_id)
        state, version = ledger.load(stream_id, erasure.evolve)
        if state is not None and state.erased is not None:
            continue
        ordered = erasure.ErasureOrdered(patient_id=account_id, ground=erased.ground, due=due)
        nothing = Destroyed(keys=0, documents=0, marks=0, reports=0)
        yield Write(stream_id, version, (ordered, replace(erased, patient_id=account_id, destroyed=nothing)))


def _counted(found: Belongings) -> Destroyed:
    return Destroyed(
        keys=len(found.keys),
        documents=len(found.documents),
        marks=found.marks,
        reports=len(found.reports),
    )


__all__ = ["call_off", "confirm", "erase", "hold", "load", "order", "person_of", "release_hold", "stream_of"]
