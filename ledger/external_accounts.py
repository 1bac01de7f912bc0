"""External accounts in the ledger: a patient links what identity providers call them, and is found by it."""

from uuid import UUID

from domain import external_account
from domain.external_account import ExternalAccounts
from domain.values import PatientId
from ledger.codec import Circumstances
from ledger.commands import decide_again
from ledger.recorder import Mark
from ledger.store import Ledger, Position, Write


def external_stream(ledger: Ledger, patient_id: PatientId) -> UUID:
    return ledger.stream_id("external-accounts", str(patient_id))


def load_external(ledger: Ledger, patient_id: PatientId) -> ExternalAccounts:
    found, _ = ledger.load(external_stream(ledger, patient_id), external_account.evolve)
    return found or ExternalAccounts()


def find_linked(ledger: Ledger, provider: str, account: str) -> PatientId | None:
    """Whose account this is. The provider is part of what is looked up: another one may call a stranger so."""
    found = ledger.find("external-account", f"{provider}\n{account}")
    return PatientId(found) if found is not None else None


def link(
    ledger: Ledger, patient_id: PatientId, *, provider: str, account: str, by: Circumstances
) -> Position:
    """MarkTakenError with kind `external-account` if it opens another cabinet."""

    def act() -> Position:
        stream_id = external_stream(ledger, patient_id)
        state, version = ledger.load(stream_id, external_account.evolve)
        events = external_account.link(state, patient_id=patient_id, provider=provider, account=account)
        if not events:
            return Position(0, ())
        mark = _mark(ledger, patient_id, provider, account)
        return ledger.append(Write(stream_id, version, events, patient_id), circumstances=by, marks=(mark,))

    return decide_again(act)


def unlink(ledger: Ledger, patient_id: PatientId, *, provider: str, by: Circumstances) -> Position:
    def act() -> Position:
        stream_id = external_stream(ledger, patient_id)
        state, version = ledger.load(stream_id, external_account.evolve)
        events = external_account.unlink(state, patient_id=patient_id, provider=provider)
        account = state.at(provider) if state is not None else None
        if not events or account is None:
            return Position(0, ())
        mark = _mark(ledger, patient_id, provider, account)
        return ledger.append(
            Write(stream_id, version, events, patient_id), circumstances=by, released=(mark,)
        )

    return decide_again(act)


def unlinking_all(ledger: Ledger, patient_id: PatientId) -> tuple[Write, tuple[Mark, ...]]:
    """What an append adds after which none of the patient's accounts elsewhere opens this cabinet, and the marks
    that it releases."""
    stream_id = external_stream(ledger, patient_id)
    state, version = ledger.load(stream_id, external_account.evolve)
    linked = state.linked if state is not None else ()
    events = [
        event
        for provider, _ in linked
        for event in external_account.unlink(state, patient_id=patient_id, provider=provider)
    ]
    marks = tuple(_mark(ledger, patient_id, provider, account) for provider, account in linked)
    return Write(stream_id, version, events, patient_id), marks


def _mark(ledger: Ledger, patient_id: PatientId, provider: str, account: str) -> Mark:
    return ledger.mark("external-account", f"{provider}\n{account}", patient_id)
