"""Closing: what is open for a patient when their data is destroyed ends by events of its own, in the same append, so
that everybody who follows hears it in the words that they know."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import UUID

from domain import (
    Event,
    appeal,
    consultation,
    dead_letter,
    guardianship,
    linkage,
    notification,
    obligation,
    session,
    sharing,
    study_request,
    takeover,
    ticket,
)
from domain.appeal import AppealSubmitted, AppealWithdrawn
from domain.consultation import CancelReason, ConsultationBooked, ConsultationCancelled, ConsultationStatus
from domain.guardianship import (
    GuardianshipEnd,
    GuardianshipEnded,
    GuardianshipRefusal,
    GuardianshipRefused,
    GuardianshipRequested,
    GuardianshipStatus,
)
from domain.linkage import OrganisationAwaited, OrganisationLinked
from domain.notification import NotificationRequested, NotificationStatus
from domain.obligation import Duty, ObligationArose, ObligationMet, Proof
from domain.report import DestructionReason, ReportDestroyed
from domain.session import SessionOpened
from domain.sharing import ReportsShared, ShareRevoked
from domain.study_request import StudyRequestCancelled, StudyRequested
from domain.takeover import CabinetClaimed, CabinetClaimRefused, ClaimRefusal
from domain.ticket import TicketStatus
from domain.ticket_events import Side, TicketClosed, TicketOpened
from ledger.belongings import Belongings
from ledger.codec import RecordedEvent
from ledger.store import Ledger, Write
from ledger.taking import ERASED

REASON = "patient-erased"


def closing(ledger: Ledger, belongings: Belongings) -> Iterator[Write]:
    """What the erasure of these belongings adds to its append."""
    destroyed = ReportDestroyed(reason=DestructionReason.PATIENT_ERASED)
    ends: dict[UUID, tuple[Event, ...]] = dict.fromkeys(belongings.reports, (destroyed,))
    for stream_id, events in belongings.streams.items():
        if stream_id not in ends and events:
            ends[stream_id] = _ends(events)
    said = sorted(stream_id for stream_id, events in ends.items() if events)
    versions = _versions(ledger, said)
    for stream_id in said:
        yield Write(stream_id, versions[stream_id], ends[stream_id])


def _versions(ledger: Ledger, stream_ids: Sequence[UUID]) -> dict[UUID, int]:
    with ledger.pool.connection() as connection:
        rows = connection.execute(
            "SELECT originator_id, max(originator_version) FROM ledger.events WHERE originator_id = ANY(%s)"
            " GROUP BY originator_id",
            (list(stream_ids),),
        ).fetchall()
    return {row[0]: row[1] for row in rows}


def _ends(events: Sequence[RecordedEvent]) -> tuple[Event, ...]:
    """How what began with the first of these ends; nothing, if it has ended. By the clear events alone: what was
    sealed does not decide it."""
    began = events[0].event
    for event_class, evolve, end in _ENDS:
        if isinstance(began, event_class):
            state = None
            for recorded in events:
                state = evolve(state, recorded.event)
            return end(state)
    return ()


def _share(state: Any) -> tuple[Event, ...]:
    return () if state.end else (ShareRevoked(),)


def _consultation(state: Any) -> tuple[Event, ...]:
    is_booked = state.status is ConsultationStatus.BOOKED
    return (ConsultationCancelled(reason=CancelReason.PATIENT),) if is_booked else ()


def _ticket(state: Any) -> tuple[Event, ...]:
    return () if state.status is TicketStatus.CLOSED else (TicketClosed(closed_by=Side.SUPPORT),)


def _session(state: Any) -> tuple[Event, ...]:
    return session.close(state, reason=REASON)


def _appeal(state: Any) -> tuple[Event, ...]:
    return (AppealWithdrawn(),) if state.status in appeal.OPEN else ()


def _study_request(state: Any) -> tuple[Event, ...]:
    return (StudyRequestCancelled(reason=REASON),) if state.status in study_request.OPEN else ()


def _claim(state: Any) -> tuple[Event, ...]:
    refused = CabinetClaimRefused(claimant_id=state.claimant_id, reason=ClaimRefusal.DETAILS_DIFFER)
    return (refused,) if state.is_waiting else ()


def _notification(state: Any) -> tuple[Event, ...]:
    """One that somebody is sending at this moment is ended by whoever sends it."""
    is_waiting = state.status in (
        NotificationStatus.REQUESTED,
        NotificationStatus.POSTPONED,
        NotificationStatus.WAITING,
    )
    return (dead_letter.abandon(state, reason=ERASED),) if is_waiting else ()


def _obligation(state: Any) -> tuple[Event, ...]:
    is_to_destroy = state.is_open and state.duty is Duty.DESTROY_DATA
    return (ObligationMet(proof=Proof.DATA_DESTROYED),) if is_to_destroy else ()


def _guardianship(state: guardianship.Guardianship) -> tuple[Event, ...]:
    if state.status is GuardianshipStatus.REQUESTED:
        reason = GuardianshipRefusal.DETAILS_DIFFER
        return (GuardianshipRefused(guardian_id=state.guardian_id, reason=reason),)
    if state.status is GuardianshipStatus.CONFIRMED and state.ward_id is not None:
        return (
            GuardianshipEnded(
                guardian_id=state.guardian_id, ward_id=state.ward_id, reason=GuardianshipEnd.PATIENT_ERASED
            ),
        )
    return ()


# What an aggregate begins with, what folds it, and how it ends.
_ENDS: tuple[tuple[Any, Callable[[Any, Any], Any], Callable[[Any], tuple[Event, ...]]], ...] = (
    (GuardianshipRequested, guardianship.evolve, _guardianship),
    (ReportsShared, sharing.evolve, _share),
    (ConsultationBooked, consultation.evolve, _consultation),
    (TicketOpened, ticket.evolve, _ticket),
    (SessionOpened, session.evolve, _session),
    (AppealSubmitted, appeal.evolve, _appeal),
    (StudyRequested, study_request.evolve, _study_request),
    (OrganisationLinked | OrganisationAwaited, linkage.evolve, linkage.unlink),
    (CabinetClaimed, takeover.evolve, _claim),
    (ObligationArose, obligation.evolve, _obligation),
    (NotificationRequested, notification.evolve, _notification),
)
