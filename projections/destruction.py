"""Destruction: which erasures are complete everywhere, and the act of each with the log's proof of it."""

from collections.abc import Iterator, Sequence
from datetime import date
from uuid import UUID

from domain import erasure
from domain.erasure import DestructionActDrawn, ErasureCompleted, ErasureOrdered, PatientErased
from domain.key_epoch import KeyEpochDestroyed
from domain.values import PatientId, Purpose
from ledger import destruction_act, key_epochs, leaf
from ledger.belongings import belongings_of
from ledger.codec import Circumstances, RecordedEvent, name_of
from ledger.commands import decide_again
from ledger.destruction_act import Drawn, Entry
from ledger.erasure import stream_of
from ledger.receipt import signer_of
from ledger.store import Ledger, Write
from projections import transparency
from projections.transparency import Signed

# Point 7 of the order.
KEPT_YEARS = 3


class ActNotDrawnError(Exception):
    """There is no act of destruction of this patient: nothing was erased, or older copies still open it."""


def complete(ledger: Ledger, *, by: Circumstances) -> int:
    """Say of every erasure whose epochs are all destroyed that it is complete; how many those were."""
    epochs, _ = key_epochs.load(ledger)
    return sum(
        _complete(ledger, stream, epochs.destroyed, by) for stream in list(_open(ledger, "ErasureCompleted"))
    )


def _complete(ledger: Ledger, stream: UUID, destroyed: frozenset[int], by: Circumstances) -> bool:
    def act() -> bool:
        state, version = ledger.load(stream, erasure.evolve)
        events = erasure.complete(state, destroyed_epochs=destroyed)
        ledger.append(Write(stream, version, events), circumstances=by)
        return bool(events)

    return decide_again(act)


def draw_acts(ledger: Ledger, *, operator_name: str, operator_address: str, by: Circumstances) -> int:
    """Draw the acts of what was completed and has none; how many."""
    count = 0
    for stream in list(_open(ledger, "DestructionActDrawn", needed="ErasureCompleted")):
        count += _draw(ledger, stream, operator_name, operator_address, by)
    return count


def _draw(ledger: Ledger, stream: UUID, operator_name: str, operator_address: str, by: Circumstances) -> bool:
    def act() -> bool:
        state, version = ledger.load(stream, erasure.evolve)
        assert state is not None and state.erased is not None
        patient_id = state.erased.patient_id
        drawn = _gathered(ledger, stream, operator_name, operator_address, _purposes_of(ledger, state.erased))
        events = erasure.draw_act(state, drawn=_recorded(drawn, patient_id))
        ledger.append(Write(stream, version, events), circumstances=by)
        return bool(events)

    return decide_again(act)


def _recorded(drawn: Drawn, patient_id: PatientId) -> DestructionActDrawn:
    return DestructionActDrawn(
        patient_id=patient_id,
        number=drawn.number,
        operator_name=drawn.operator_name,
        operator_address=drawn.operator_address,
        purposes=drawn.purposes,
        act_sha256=destruction_act.sha256_of(destruction_act.act_of(drawn)),
        extract_sha256=destruction_act.sha256_of(destruction_act.extract_of(drawn)),
        keep_until=_years_later(drawn.erased.recorded_at.date(), KEPT_YEARS),
    )


def act_of(ledger: Ledger, patient_id: PatientId) -> tuple[DestructionActDrawn, Drawn, bytes]:
    """The act as it was recorded, what it says, and its file (letopis/destruction-act@v1), made anew."""
    stream = stream_of(ledger, patient_id)
    events = list(ledger.read(stream))
    acts = [one for one in events if isinstance(one.event, DestructionActDrawn)]
    if not acts:
        raise ActNotDrawnError
    recorded = acts[-1].event
    assert isinstance(recorded, DestructionActDrawn)
    drawn = _gathered(ledger, stream, recorded.operator_name, recorded.operator_address, recorded.purposes)
    assert destruction_act.matches(drawn, recorded)
    entries, signed = _proven(ledger, sorted((*drawn.events, acts[-1]), key=_position))
    signed_note = signed.note if signed else b""
    return recorded, drawn, destruction_act.to_bytes(drawn, entries, signed_note, signer_of(ledger))


# What it is made from.


def _open(ledger: Ledger, lacking: str, *, needed: str = "PatientErased") -> Iterator[UUID]:
    """The streams of erasures that have the one event and lack the other."""
    with ledger.pool.connection() as connection:
        rows = connection.execute(
            "SELECT e.originator_id FROM ledger.events e"
            " WHERE e.topic IN ('PatientErased', 'ErasureCompleted', 'DestructionActDrawn') AND e.topic = %s"
            " AND NOT EXISTS (SELECT FROM ledger.events l WHERE l.topic = %s"
            " AND l.originator_id = e.originator_id) ORDER BY e.notification_id",
            (needed, lacking),
        ).fetchall()
    return (row[0] for row in rows)


def _gathered(
    ledger: Ledger,
    stream: UUID,
    operator_name: str,
    operator_address: str,
    purposes: tuple[Purpose, ...],
) -> Drawn:
    events = list(ledger.read(stream))
    erased = next(one for one in events if isinstance(one.event, PatientErased))
    assert isinstance(erased.event, PatientErased)
    ordered = [
        one
        for one in events
        if isinstance(one.event, ErasureOrdered)
        and one.version < erased.version
        and one.event.ground is erased.event.ground
    ]
    return Drawn(
        ordered=ordered[-1],
        erased=erased,
        epochs=tuple(_destroyed(ledger, erased.event.epochs)),
        completed=next(one for one in events if isinstance(one.event, ErasureCompleted)),
        operator_name=operator_name,
        operator_address=operator_address,
        purposes=purposes,
        origin=ledger.origin,
    )


def _destroyed(ledger: Ledger, epochs: Sequence[int]) -> Iterator[RecordedEvent]:
    for one in ledger.read(key_epochs.stream_of(ledger)):
        if isinstance(one.event, KeyEpochDestroyed) and one.event.epoch in epochs:
            yield one


def _purposes_of(ledger: Ledger, erased: PatientErased) -> tuple[Purpose, ...]:
    """Reports have ended by now, and belong to nobody: that there were some, the event says."""
    subjects = belongings_of(ledger, erased.patient_id).subjects
    with ledger.pool.connection() as connection:
        rows = connection.execute(
            "SELECT DISTINCT purpose FROM ledger.data_keys WHERE subject = ANY(%s) AND wrapped IS NULL",
            (list(subjects),),
        ).fetchall()
    found = {Purpose(row[0]) for row in rows}
    return tuple(sorted(found | ({Purpose.RESULTS} if erased.destroyed.reports else set())))


def _proven(ledger: Ledger, events: Sequence[RecordedEvent]) -> tuple[list[Entry], Signed | None]:
    """Under the earliest checkpoint that all of them are under: the same for ever, once there is one."""
    indexes = transparency.leaf_indexes(ledger, [one.event_id for one in events])
    signed = None
    if len(indexes) == len(events):
        signed = transparency.first_covering(ledger, max(indexes.values()))
    places = [indexes[one.event_id] for one in events] if signed else []
    hashes = transparency.inclusion(ledger, places, signed.tree_size) if signed else []
    rests = _rests(ledger, events)
    entries = [
        Entry(
            name=name_of(one.event),
            leaf=one.leaf,
            rest=rests[_position(one)],
            index=places[number] if signed else None,
            hashes=hashes[number] if signed else (),
        )
        for number, one in enumerate(events)
    ]
    return entries, signed


def _rests(ledger: Ledger, events: Sequence[RecordedEvent]) -> dict[int, bytes]:
    with ledger.pool.connection() as connection:
        rows = connection.execute(
            "SELECT notification_id, state FROM ledger.events WHERE notification_id = ANY(%s)",
            ([_position(one) for one in events],),
        ).fetchall()
    return {row[0]: leaf.split(bytes(row[1]))[1] for row in rows}


def _position(recorded: RecordedEvent) -> int:
    assert recorded.position is not None
    return recorded.position


def _years_later(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February
        return date(day.year + years, 3, 1)
