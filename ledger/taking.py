"""Taking: what is due by a channel becomes the attempt of one worker, if it may still be sent.

That is asked again in the append that takes it: what was withdrawn, switched off or changed before that position is
obeyed, and the addresses that are used are those of that position.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from domain import announcement, dead_letter, dispatch, guardianship, identity, notification, report
from domain.announcement import About
from domain.digest import gather, join
from domain.dispatch import ASKED_FOR, UNKNOWN_WAIT, Looked
from domain.notice_hours import has_come
from domain.notification import (
    FREE,
    Notification,
    NotificationEvent,
    NotificationStatus,
)
from domain.patient import Patient
from domain.permission import GUARDIANSHIP, Grounds, document_barrier
from domain.receiving import DocumentFormat
from domain.report import Report
from domain.study_type import StudyType, study_types_of
from domain.superseding import is_superseded
from domain.values import PatientId
from ledger.codec import Circumstances
from ledger.guardianship import EASTERNMOST
from ledger.guardianship_streams import guardianship_stream
from ledger.identity import identity_stream
from ledger.permissions import (
    DOCUMENTS,
    IDENTITY,
    NOTICES,
    basis_of,
    looked_at_for_notices,
    notices_permitted_of_all,
    of_ward,
)
from ledger.recorder import Guard, StreamConflictError
from ledger.store import Ledger, StreamErasedError, Write

BY = Circumstances(actor="system:sender")
# More than that nobody reads in one message; the rest goes with the next one.
MEMBERS_MAX = 100
# Why nobody is told: the keys of whom it tells, or of whom it speaks, were destroyed.
ERASED = "erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What the view says of a notification that a worker is to look at."""

    notification_id: UUID
    requested_at: datetime
    lives_since: datetime
    superseded_by: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """An attempt that is this worker's: `state` is after it, `version` its place. `grounds` are of whom it tells, as
    they stood at that position, `carries` the document that goes along this time by the consent of
    `documents_version`; `count` and `corrections` are what its message speaks of."""

    notification_id: UUID
    state: Notification
    version: int
    requested_at: datetime
    life_until: datetime
    grounds: Grounds
    documents_version: int = 0
    carries: DocumentFormat | None = None
    count: int = 1
    corrections: int = 0


@dataclass(frozen=True, slots=True)
class _Step:
    """What is appended together for one notification, or for those of one digest."""

    writes: tuple[Write, ...]
    guards: tuple[Guard, ...] = ()
    taken: Taken | None = None


@dataclass(frozen=True, slots=True)
class Taking:
    """Who takes, by when the attempts must have ended, and by whose clock people are told. Without `is_on` nobody
    hands over to the channel: then only what must not be sent, or waited too long, is settled. `rests` says of whom it
    tells whether what hands over to them is left alone now: then nothing is recorded, and it is looked at again."""

    now: datetime
    lease_until: datetime
    zone_of: Callable[[Patient | None], str]
    is_on: bool = True
    rests: Callable[[Grounds], bool] = lambda _: False


@dataclass(frozen=True, slots=True)
class Round:
    """What was taken, the notifications that anything was recorded of, the position of the last of it, and those that
    were left because what hands over to their recipients rests."""

    taken: tuple[Taken, ...] = ()
    touched: tuple[UUID, ...] = ()
    last: int = 0
    rested: tuple[UUID, ...] = ()

    def __add__(self, other: "Round") -> "Round":
        return Round(
            self.taken + other.taken,
            self.touched + other.touched,
            max(self.last, other.last),
            self.rested + other.rested,
        )


def take(ledger: Ledger, due: Sequence[Due], taking: Taking) -> Round:
    """The attempts that are now this worker's. Who was faster has the others. Some five queries and one append,
    however many are due."""
    looked = _look(ledger, due)
    lost = [one for one in looked if _is_lost(one, taking.now)]
    free = [one for one in looked if one.state.status in FREE]
    permitted = _permitted(ledger, [*lost, *free], at=taking.now)
    steps = [_lost(one, permitted, taking) for one in lost]
    steps += [_nobodys(one) for one in free if not _people(one) <= permitted.keys()]
    free = [one for one in free if _people(one) <= permitted.keys()]
    sights = {one.notification_id: _sight(ledger, one.state, permitted, taking.now) for one in free}
    ready: list[Looked] = []
    for one in free:
        step = _refused(one, permitted, sights[one.notification_id], taking)
        if step is not None:
            steps.append(step)
        elif taking.is_on:
            ready.append(one)
    told = dict.fromkeys(one.state.told for one in ready)
    resting = {person for person in told if taking.rests(permitted[person][0])}
    rested = tuple(one.notification_id for one in ready if one.state.told in resting)
    ready = [one for one in ready if one.state.told not in resting]
    told_of = _members(ledger, ready)
    for group in dispatch.gathered(ready):
        steps += _taken(group, told_of, permitted, sights, taking)
    return _append(ledger, steps) + Round(rested=rested)


_Permitted = Mapping[PatientId, tuple[Grounds, Mapping[str, Guard]]]
# Why a guardian must not be told any more of a report of their ward's, and what that rests on, of both.
_Sight = tuple[str | None, Mapping[str, Guard]]


def _look(ledger: Ledger, due: Sequence[Due]) -> list[Looked]:
    """The notifications as they stand, and those that would make them idle, by one query."""
    newer = {one.superseded_by for one in due if one.superseded_by is not None}
    asked = [one.notification_id for one in due] + list(newer)
    folded = dict(
        zip(asked, ledger.load_all(*((found, notification.evolve) for found in asked)), strict=True)
    )
    looked = []
    for one in due:
        state, version = folded[one.notification_id]
        if state is None:
            continue
        later = folded[one.superseded_by][0] if one.superseded_by is not None else None
        looked.append(
            Looked(
                notification_id=one.notification_id,
                version=version,
                state=state,
                requested_at=one.requested_at,
                lives_since=one.lives_since,
                is_superseded=later is not None and is_superseded(state, later),
            )
        )
    return looked


def _permitted(ledger: Ledger, looked: Sequence[Looked], *, at: datetime) -> _Permitted:
    """Who was erased is not in it."""
    people = dict.fromkeys(person for one in looked for person in sorted(_people(one)))
    try:
        return notices_permitted_of_all(ledger, list(people), at=at)
    except StreamErasedError:
        found: dict[PatientId, tuple[Grounds, Mapping[str, Guard]]] = {}
        for person in people:
            with suppress(StreamErasedError):
                found |= notices_permitted_of_all(ledger, [person], at=at)
        return found


def _people(looked: Looked) -> set[PatientId]:
    """Whom it tells, and of whom it speaks."""
    return {looked.state.told, looked.state.patient_id}


def _nobodys(looked: Looked) -> _Step:
    """One of the two is nobody any more."""
    given_up = dead_letter.abandon(looked.state, reason=ERASED)
    return _Step((Write(looked.notification_id, looked.version, (given_up,)),))


def _is_lost(looked: Looked, now: datetime) -> bool:
    state = looked.state
    return state.status is NotificationStatus.ATTEMPTED and has_come(state.due_at, now)


def _lost(looked: Looked, permitted: _Permitted, taking: Taking) -> _Step:
    """Its worker died: nobody knows whether it was sent."""
    now = taking.now
    lost = notification.give_up_lease(looked.state, now=now, retry_at=now + UNKNOWN_WAIT)
    if looked.state.told in permitted:
        grounds, _ = permitted[looked.state.told]
        zone = taking.zone_of(grounds.patient)
        lost = dispatch.within_life(lost, dispatch.life_until(looked, grounds, default_zone=zone))
    return _Step((Write(looked.notification_id, looked.version, (lost,)),))


def _refused(looked: Looked, permitted: _Permitted, sight: _Sight, taking: Taking) -> _Step | None:
    """What is recorded of one that is not to be sent now; None if it is."""
    state, now = looked.state, taking.now
    if state.status is not NotificationStatus.POSTPONED and not has_come(state.due_at, now):
        return _Step(())  # the view is behind
    grounds, guards = permitted[state.told]
    of_patient, _ = permitted[state.patient_id]
    zone = taking.zone_of(grounds.patient)
    reason, also = sight
    reason = reason or dispatch.barrier_of(state, grounds, of_patient)
    event: NotificationEvent | None
    if reason is not None:
        rests_on = (*looked_at_for_notices(grounds), *also)
        event = notification.suppress(
            state,
            reason=reason,
            consent_version=guards[_consent_of(state)].version,
            basis=None if state.about in ASKED_FOR else basis_of({**guards, **also}, rests_on, at=now),
        )
    elif not taking.is_on:
        is_over = now > dispatch.life_until(looked, grounds, default_zone=zone)
        event = dead_letter.abandon(state, reason=dispatch.LIFE_OVER) if is_over else None
    else:
        event = dispatch.put_aside(looked, grounds, now=now, default_zone=zone)
    if event is None:
        return None
    write = Write(looked.notification_id, looked.version, (event,))
    return _Step((write,), (*guards.values(), *also.values()))


def _consent_of(state: Notification) -> str:
    """By which consent it is sent."""
    return DOCUMENTS if state.about in ASKED_FOR else NOTICES


def _sight(ledger: Ledger, state: Notification, permitted: _Permitted, now: datetime) -> _Sight:
    """Few notices are to guardians, so each asks for itself."""
    if state.recipient_id is None:
        return None, {}
    grounds, _ = permitted[state.recipient_id]
    ward_grounds, ward_guards = permitted[state.patient_id]
    ward = ward_grounds.patient
    if ward is None or ward.profile is None:
        return announcement.GUARDIANSHIP_OVER, of_ward(ward_guards)
    # By what the request rests on: the ward's number may have been mended since.
    guardianship_id = state.guardianship_id or guardianship_stream(
        ledger, state.recipient_id, ward.profile.snils
    )
    identity_id = identity_stream(ledger, state.recipient_id)
    (represented, version), (known, known_version) = ledger.load_all(
        (guardianship_id, guardianship.evolve), (identity_id, identity.evolve)
    )
    reason = announcement.representation_barrier(
        represented,
        replace(grounds, identity=known),
        ward_grounds,
        study_types=_study_types(ledger, state),
        on_date=(now + EASTERNMOST).date(),
    )
    return reason, {
        IDENTITY: Guard(identity_id, known_version),
        **of_ward(ward_guards),
        GUARDIANSHIP: Guard(guardianship_id, version),
    }


def _study_types(ledger: Ledger, state: Notification) -> frozenset[StudyType] | None:
    """Of the version that is told of; None if the report left the ward's cabinet."""
    (folded,) = ledger.load_unerased((state.report_id, report.evolve))
    found: Report | None = folded[0] if folded is not None else None
    if found is None or state.about is About.WITHDRAWN or found.patient_id != state.patient_id:
        return None
    return study_types_of(found.versions[state.report_version - 1])


def _members(ledger: Ledger, ready: Sequence[Looked]) -> dict[UUID, Notification]:
    """What digests that are tried once more tell of."""
    asked = [member for one in ready for member in one.state.members]
    folded = ledger.load_all(*((member, notification.evolve) for member in asked)) if asked else []
    return {member: state for member, (state, _) in zip(asked, folded, strict=True)}


def _taken(
    group: Sequence[Looked],
    told_of: Mapping[UUID, Notification],
    permitted: _Permitted,
    sights: Mapping[UUID, _Sight],
    taking: Taking,
) -> Iterator[_Step]:
    """The first of the group is tried, and tells of the others; of too many, in several messages."""
    for start in range(0, len(group), MEMBERS_MAX):
        part = group[start : start + MEMBERS_MAX]
        first, others = part[0], part[1:]
        taken, step = _attempt(first, others, permitted, taking)
        told = [one.state for one in (first, *others)] + [told_of[one] for one in first.state.members]
        corrections = sum(one.about is About.CORRECTED for one in told)
        guards = (*step.guards, *(guard for one in part for guard in sights[one.notification_id][1].values()))
        yield _Step(step.writes, guards, replace(taken, count=len(told), corrections=corrections))


def _attempt(
    first: Looked, others: Sequence[Looked], permitted: _Permitted, taking: Taking
) -> tuple[Taken, _Step]:
    state, now = first.state, taking.now
    grounds, guards = permitted[state.told]
    attempted = notification.attempt(
        state,
        now=now,
        lease_until=taking.lease_until,
        consent_version=guards[_consent_of(state)].version,
        carries=state.carries if document_barrier(grounds) is None else None,
    )
    events: tuple[NotificationEvent, ...] = (attempted,)
    if others:
        members = tuple(one.notification_id for one in others)
        events = (gather(state, now=now, members=members), attempted)
    after = state
    for event in events:
        after = notification.evolve(after, event)
    writes = [
        Write(one.notification_id, one.version, (join(one.state, now=now, digest_id=first.notification_id),))
        for one in others
    ]
    # The members after their digest: the view gives them its state.
    writes.insert(0, Write(first.notification_id, first.version, events))
    taken = Taken(
        notification_id=first.notification_id,
        state=after,
        version=first.version + len(events),
        requested_at=first.requested_at,
        life_until=dispatch.life_until(first, grounds, default_zone=taking.zone_of(grounds.patient)),
        grounds=grounds,
        documents_version=guards[DOCUMENTS].version,
        carries=attempted.carries,
    )
    return taken, _Step(tuple(writes), tuple(guards.values()))


def _append(ledger: Ledger, steps: Sequence[_Step]) -> Round:
    """All together; where somebody was faster, the halves apart, so that only what moved on is left out."""
    writes = [write for step in steps for write in step.writes]
    if not writes:
        return Round()
    guards = dict.fromkeys(guard for step in steps for guard in step.guards)
    try:
        position = ledger.append(*writes, circumstances=BY, guards=tuple(guards))
    except StreamConflictError:
        if len(steps) == 1:
            return Round()
        half = len(steps) // 2
        return _append(ledger, steps[:half]) + _append(ledger, steps[half:])
    return Round(
        tuple(step.taken for step in steps if step.taken is not None),
        tuple(write.stream_id for write in writes),
        position.last,
    )
