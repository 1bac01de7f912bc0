"""Sampling in the ledger: an organisation's points and their hours, and which times are still free."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from domain import sampling
from domain.sampling import Sampling, SamplingPointStated
from domain.values import OrganisationId
from ledger.codec import Circumstances
from ledger.commands import change
from ledger.recorder import Mark
from ledger.store import Ledger, Position

# In the blind index: a time at a point that somebody has. The index has it once, whoever races for it.
SLOT_MARK = "sampling-slot"


def sampling_stream(ledger: Ledger, organisation_id: OrganisationId) -> UUID:
    return ledger.stream_id("sampling", str(organisation_id))


def load_sampling(ledger: Ledger, organisation_id: OrganisationId) -> Sampling:
    return ledger.load(sampling_stream(ledger, organisation_id), sampling.evolve)[0] or Sampling()


def state_point(ledger: Ledger, point: SamplingPointStated, by: Circumstances) -> Position:
    return change(
        ledger,
        sampling_stream(ledger, point.organisation_id),
        sampling.evolve,
        lambda state: sampling.state_point(state, point),
        by,
    )


def close_point(ledger: Ledger, organisation_id: OrganisationId, code: str, by: Circumstances) -> Position:
    return change(
        ledger,
        sampling_stream(ledger, organisation_id),
        sampling.evolve,
        lambda state: (sampling.close_point(state, code),),
        by,
    )


def free_slots(ledger: Ledger, point: SamplingPointStated, *, now: datetime, days: int) -> Sequence[datetime]:
    """The times of the point that nobody has yet."""
    every = sampling.slots(point, now=now, days=days)
    texts = {at: _slot_text(point.organisation_id, point.code, at) for at in every}
    taken = ledger.find_all([(SLOT_MARK, text) for text in texts.values()])
    return [at for at in every if (SLOT_MARK, texts[at]) not in taken]


def slot_mark(
    ledger: Ledger, organisation_id: OrganisationId, point: str, starts_at: datetime, request_id: UUID
) -> Mark:
    return ledger.mark(SLOT_MARK, _slot_text(organisation_id, point, starts_at), request_id)


def _slot_text(organisation_id: OrganisationId, point: str, starts_at: datetime) -> str:
    return f"{organisation_id}|{point}|{starts_at.astimezone(UTC).isoformat()}"
