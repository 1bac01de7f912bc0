"""Onboarding: what makes a laboratory known, what it may send, its keys and its senders."""

from uuid import UUID

from domain import laboratory
from domain.laboratory import Laboratory, LaboratoryKeyAdded, LaboratoryRegistered, Statement
from domain.values import LaboratoryId
from ledger.codec import Circumstances
from ledger.commands import LaboratoryNotFoundError, change
from ledger.recorder import Mark
from ledger.store import Ledger, Position


def laboratory_id(ledger: Ledger, handle: str) -> LaboratoryId:
    """The id that a handle has, registered or not."""
    return LaboratoryId(ledger.stream_id("laboratory", handle))


def register_laboratory(
    ledger: Ledger,
    registered: LaboratoryRegistered,
    *stated: Statement | LaboratoryKeyAdded,
    by: Circumstances,
) -> LaboratoryId:
    """A new laboratory, with all that is stated of it or nothing."""
    found = laboratory_id(ledger, registered.handle)
    change(
        ledger,
        found,
        laboratory.evolve,
        lambda state: laboratory.register(state, registered, *stated),
        by,
    )
    return found


def state_laboratory(ledger: Ledger, handle: str, stated: Statement, by: Circumstances) -> Position:
    return change(
        ledger,
        laboratory_id(ledger, handle),
        laboratory.evolve,
        lambda state: laboratory.state(_registered(state), stated),
        by,
    )


def remove_department(ledger: Ledger, handle: str, *, code: str, by: Circumstances) -> Position:
    return change(
        ledger,
        laboratory_id(ledger, handle),
        laboratory.evolve,
        lambda state: (laboratory.remove_department(_registered(state), code=code),),
        by,
    )


def load_laboratory(ledger: Ledger, handle: str) -> tuple[LaboratoryId, Laboratory]:
    found = laboratory_id(ledger, handle)
    return found, laboratory_of_id(ledger, found)


def laboratory_of_key(ledger: Ledger, handle: str, key_id: str) -> tuple[LaboratoryId, Laboratory]:
    """As `load_laboratory`, to verify a signature with this key: if it was known a moment ago, the database is not
    asked. Whether the key is in force where something is recorded, `intake.accept` looks again."""
    found = laboratory_id(ledger, handle)
    state: Laboratory | None
    state, _ = ledger.states.of(found, laboratory.evolve)
    if state is None or state.key(key_id) is None:
        state = laboratory_of_id(ledger, found)
    return found, state


def laboratory_of_id(ledger: Ledger, found: UUID) -> Laboratory:
    ((state, _),) = ledger.load_all((found, laboratory.evolve))
    return _registered(state)


def add_laboratory_key(
    ledger: Ledger, handle: str, *, key_id: str, public_key: str, by: Circumstances
) -> Position:
    return change(
        ledger,
        laboratory_id(ledger, handle),
        laboratory.evolve,
        lambda state: laboratory.add_key(_registered(state), key_id=key_id, public_key=public_key),
        by,
    )


def revoke_laboratory_key(
    ledger: Ledger, handle: str, *, key_id: str, reason: str, by: Circumstances
) -> Position:
    return change(
        ledger,
        laboratory_id(ledger, handle),
        laboratory.evolve,
        lambda state: (laboratory.revoke_key(_registered(state), key_id=key_id, reason=reason),),
        by,
    )


def add_laboratory_sender(
    ledger: Ledger, handle: str, added: laboratory.LaboratorySenderAdded, by: Circumstances
) -> Position:
    """MarkTakenError if another laboratory has this sender."""
    found, state = load_laboratory(ledger, handle)
    mark = _sender_mark(ledger, added.application, added.facility, found)
    is_known = state.sender(added.application, added.facility) is not None
    return change(
        ledger,
        found,
        laboratory.evolve,
        lambda state: laboratory.add_sender(_registered(state), added),
        by,
        marks=() if is_known else (mark,),
    )


def revoke_laboratory_sender(
    ledger: Ledger, handle: str, *, application: str, facility: str, by: Circumstances
) -> Position:
    found = laboratory_id(ledger, handle)
    return change(
        ledger,
        found,
        laboratory.evolve,
        lambda state: (
            laboratory.revoke_sender(_registered(state), application=application, facility=facility),
        ),
        by,
        released=(_sender_mark(ledger, application, facility, found),),
    )


def laboratory_of_sender(
    ledger: Ledger, *, application: str, facility: str
) -> tuple[LaboratoryId, Laboratory]:
    """Whose HL7 v2 messages these are; LaboratoryNotFoundError if nobody's."""
    found = ledger.find(_SENDER, _sender_name(application, facility))
    if found is None:
        raise LaboratoryNotFoundError
    return LaboratoryId(found), laboratory_of_id(ledger, found)


_SENDER = "hl7-sender"


def _sender_name(application: str, facility: str) -> str:
    return f"{application}|{facility}"


def _sender_mark(ledger: Ledger, application: str, facility: str, owner: UUID) -> Mark:
    return ledger.mark(_SENDER, _sender_name(application, facility), owner)


def _registered(state: Laboratory | None) -> Laboratory:
    if state is None:
        raise LaboratoryNotFoundError
    return state
