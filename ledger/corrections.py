"""Corrections: deciding what a change of a report owes to whoever had the older version, and how that ends.

Each party of each change has a stream, which begins once: looking twice, or with two workers, owes nothing twice.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from domain import correction
from domain.channel import Channel
from domain.correction import (
    Acknowledgement,
    Changed,
    Correction,
    CorrectionEvent,
    LapseReason,
    Party,
)
from domain.report import ReportReceived, ReportRevised
from domain.report_content import ReportContent
from ledger.codec import Circumstances
from ledger.commands import change, decide_again
from ledger.store import Ledger, Position, Write

BY = Circumstances(actor="system:corrections")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyOfChange:
    """A party, and the latest version that they had of what changed."""

    party: Party
    seen_version: int


def correction_stream(ledger: Ledger, report_id: UUID, report_version: int | None, party: str) -> UUID:
    """Where it is recorded what one party is owed since a version came; None: since the report left the cabinet."""
    return ledger.stream_id("correction", str(report_id), str(report_version or "gone"), party)


def owe(
    ledger: Ledger,
    report_id: UUID,
    parties: Sequence[PartyOfChange],
    *,
    report_version: int | None,
    position: int,
) -> int:
    """Decide what each party is owed since the version came at that position; for how many it was not decided before."""
    contents = _contents(ledger, report_id) if report_version is not None else {}

    def act() -> int:
        writes = []
        for one in parties:
            stream_id = correction_stream(ledger, report_id, report_version, one.party.party)
            state, version = ledger.load(stream_id, correction.evolve)
            changed = Changed(
                report_version=report_version,
                position=position,
                seen=contents.get(one.seen_version),
                now=contents.get(report_version or 0),
            )
            events = correction.owe(state, one.party, changed)
            if events:
                writes.append(Write(stream_id, version, events))
        if writes:
            ledger.append(*writes, circumstances=BY)
        return len(writes)

    return decide_again(act)


def _contents(ledger: Ledger, report_id: UUID) -> dict[int, ReportContent]:
    """Each version by its number; none, if they were destroyed."""
    events = (recorded.event for recorded in ledger.read(report_id))
    said = [event.content for event in events if isinstance(event, ReportReceived | ReportRevised)]
    return dict(enumerate(said, 1))


def tell(ledger: Ledger, correction_id: UUID, *, notification_id: UUID, channel: Channel) -> Position:
    """A notice of it was delivered."""
    return _decided(
        ledger,
        correction_id,
        lambda state: correction.tell(state, notification_id=notification_id, channel=channel),
        BY,
    )


def acknowledge(
    ledger: Ledger,
    correction_id: UUID,
    *,
    how: Acknowledgement,
    report_version: int | None = None,
    by: Circumstances = BY,
) -> Position:
    """The party knows of it. `domain.correction.CorrectionNotOwedError` if it is none of theirs."""
    return _decided(
        ledger,
        correction_id,
        lambda state: correction.acknowledge(state, how=how, report_version=report_version),
        by,
    )


def lapse(ledger: Ledger, correction_id: UUID, *, reason: LapseReason) -> Position:
    """The party can't be reached any more."""
    return _decided(ledger, correction_id, lambda state: correction.lapse(state, reason=reason), BY)


def _decided(
    ledger: Ledger,
    correction_id: UUID,
    decide: Callable[[Correction | None], Iterable[CorrectionEvent]],
    by: Circumstances,
) -> Position:
    return change(ledger, correction_id, correction.evolve, decide, by)
