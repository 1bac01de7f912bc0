"""Code maps: a laboratory's local codes are mapped, unmapped, and read."""

from collections.abc import Sequence
from uuid import UUID

from domain import code_map
from domain.code_map import CodeMap, LocalCode, MappedCode
from domain.values import LaboratoryId
from ledger.codec import Circumstances
from ledger.commands import decide_again
from ledger.store import Ledger, Write


def load(ledger: Ledger, laboratory_id: UUID, *, as_of: int | None = None) -> CodeMap:
    """The map in force, or that was at that position; empty if nobody mapped anything."""
    state, _ = ledger.load(_stream(ledger, laboratory_id), code_map.evolve, as_of=as_of)
    return state or code_map.NO_MAP


def map_codes(
    ledger: Ledger, laboratory_id: LaboratoryId, codes: Sequence[MappedCode], by: Circumstances
) -> int:
    """How many of the codes were new or have changed."""

    def act() -> int:
        stream = _stream(ledger, laboratory_id)
        state, version = ledger.load(stream, code_map.evolve)
        events = code_map.map_codes(state, laboratory_id=laboratory_id, codes=codes)
        if events:
            ledger.append(Write(stream, version, events), circumstances=by)
        return sum(len(event.codes) for event in events)

    return decide_again(act)


def unmap_codes(
    ledger: Ledger, laboratory_id: LaboratoryId, codes: Sequence[LocalCode], by: Circumstances
) -> None:
    """LocalCodeNotMappedError if one of them is not mapped: then none is unmapped."""

    def act() -> None:
        stream = _stream(ledger, laboratory_id)
        state, version = ledger.load(stream, code_map.evolve)
        unmapped = code_map.unmap_codes(state, laboratory_id=laboratory_id, codes=codes)
        ledger.append(Write(stream, version, (unmapped,)), circumstances=by)

    decide_again(act)


def _stream(ledger: Ledger, laboratory_id: UUID) -> UUID:
    return ledger.stream_id("code-map", str(laboratory_id))
