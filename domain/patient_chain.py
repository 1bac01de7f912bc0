"""Patient chains: how many events each patient's results are made of, and which was the last, is committed to for
all patients at once, so that whoever holds the older commitment finds out what was hidden, dropped or reordered.

A chain holds whole streams: of each report from when it is the patient's until it is taken back, of their consents,
of their links to organisations, of what they receive, and of the erasure of their data. A stream joins with all of its
events at the first that says in clear whose it is, so that a gap in it can be seen by whoever looks at the chain alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, assert_never, get_args

from domain.consent import ConsentEvent, ConsentExpired, ConsentGranted, ConsentWithdrawn
from domain.erasure import ErasureEvent
from domain.linkage import (
    LinkageEvent,
    OrganisationAwaited,
    OrganisationConnected,
    OrganisationLinked,
    OrganisationUnlinked,
)
from domain.receiving import (
    AutomaticTransferTurnedOff,
    AutomaticTransferTurnedOn,
    ReceivingEvent,
    ReceivingSettingsChanged,
)
from domain.report import ReportEvent, ReportMatched, ReportUnmatched
from domain.values import PatientId

# Events: what happened.


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainsCommitted:
    """The chains of all patients, as they stood at `position` of the ledger, have this root (SHA-256, hex) of the
    map that holds length and head of each. `patients` is how many have a chain."""

    position: int
    root: str
    patients: int


ChainEvent = ChainsCommitted

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """The latest commitment."""

    position: int
    root: str


def evolve(_: Committed | None, event: ChainEvent) -> Committed:
    """Replay one event. Never refuses."""
    match event:
        case ChainsCommitted():
            return Committed(position=event.position, root=event.root)
        case _:
            assert_never(event)


# Decisions: the rules.


def commit(
    committed: Committed | None, *, position: int, root: str, patients: int
) -> tuple[ChainsCommitted, ...]:
    """Nothing is committed to twice: a root that has not changed needs no new event."""
    if committed is not None and committed.root == root:
        return ()
    return (ChainsCommitted(position=position, root=root, patients=patients),)


# Which events make links, and of whose chain. Decided by what is in clear: it must come out the same when what is
# sealed was erased.


class Family(StrEnum):
    """What a stream is of that a chain holds."""

    REPORT = "report"
    CONSENT = "consent"
    LINKAGE = "linkage"
    RECEIVING = "receiving"
    ERASURE = "erasure"


FAMILIES: Mapping[str, Family] = {
    kind.__name__: family
    for family, events in (
        (Family.REPORT, ReportEvent),
        (Family.CONSENT, ConsentEvent),
        (Family.LINKAGE, LinkageEvent),
        (Family.RECEIVING, ReceivingEvent),
        (Family.ERASURE, ErasureEvent),
    )
    for kind in get_args(events)
}
_NAMING = (
    ReportMatched
    | ConsentGranted
    | ConsentWithdrawn
    | ConsentExpired
    | OrganisationLinked
    | OrganisationAwaited
    | OrganisationConnected
    | OrganisationUnlinked
    | ReceivingSettingsChanged
    | AutomaticTransferTurnedOff
    | AutomaticTransferTurnedOn
    | ErasureEvent
)


def named_owner(event: Any) -> PatientId | None:
    """Whose stream it is, if the event says it. None: it goes on with whoever has it."""
    return event.patient_id if isinstance(event, _NAMING) else None


def is_taken_back(event: Any) -> bool:
    """Whether the stream is in the chain up to this event, and no further."""
    return isinstance(event, ReportUnmatched)
