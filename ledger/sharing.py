"""Sharing in the ledger: a patient gives results by a link or to a doctor, takes them back; somebody opens them.

What is opened is decided on the reports as they stand: each is a guard of the append that records who is given it, so
that nothing leaves which was taken from the patient a moment before.
"""

import secrets
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from domain import report, sharing
from domain.reading import ReportRead
from domain.report import Report
from domain.sharing import (
    OpenedVersion,
    ReportsShared,
    Share,
    ShareDescribed,
    ShareEnd,
    ShareKind,
    ShareNotActiveError,
    ShareOpened,
    ShareRecipientStated,
    SharingEvent,
)
from domain.values import PatientId, StaffMemberId
from ledger.codec import Circumstances
from ledger.commands import decide_again
from ledger.recorder import Guard
from ledger.staff import has_begun_since_admitted
from ledger.store import Ledger, StreamErasedError, Write

CLOCK = Circumstances(actor="system:clockwork")
# In the blind index: the secret part of a link's address.
LINK = "share-link"
TOKEN_BYTES = 32


class ShareUnknownError(Exception):
    """There is no such share."""


class NotSharedError(Exception):
    """A report that is not the patient's can't be shared by them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTerms:
    """What a patient chose for a link."""

    until: datetime
    label: str | None = None
    openings_max: int | None = None
    needs_passcode: bool = True


def share_of_doctor(ledger: Ledger, member_id: StaffMemberId, share_id: UUID, *, now: datetime) -> Share:
    """ShareNotActiveError if it is over, another's, or was given before the doctor was dismissed and came back."""
    state, _ = _load(ledger, share_id)
    return _require_open(ledger, share_id, state, member_id=member_id, now=now)


def _require_open(
    ledger: Ledger, share_id: UUID, state: Share | None, *, member_id: StaffMemberId | None, now: datetime
) -> Share:
    active = sharing.require_active(state, now=now, member_id=member_id)
    if member_id is not None and not has_begun_since_admitted(ledger, member_id, share_id):
        raise ShareNotActiveError
    return active


def share_stream(ledger: Ledger, patient_id: PatientId, nonce: str) -> UUID:
    """The share that a form makes: sent twice, it makes one."""
    return ledger.stream_id("share", str(patient_id), nonce)


def find_link(ledger: Ledger, token: str) -> UUID | None:
    """The share whose link has this secret part."""
    return ledger.find(LINK, token)


def load_share(ledger: Ledger, share_id: UUID) -> Share:
    state, _ = _load(ledger, share_id)
    if state is None:
        raise ShareUnknownError
    return state


def _load(ledger: Ledger, share_id: UUID, *, as_of: int | None = None) -> tuple[Share | None, int]:
    """None for the id of something else too: it stands in an address, and may be anything."""
    first = next(iter(ledger.read(share_id, as_of=as_of)), None)
    if first is None or not isinstance(first.event, ReportsShared):
        return None, 0
    return ledger.load(share_id, sharing.evolve, as_of=as_of)


# What a patient does


def share_by_link(
    ledger: Ledger,
    patient_id: PatientId,
    share_id: UUID,
    report_ids: Sequence[UUID],
    *,
    terms: LinkTerms,
    by: Circumstances,
    now: datetime,
) -> None:
    """StreamConflictError if it is made already; NotSharedError if a report is not the patient's."""
    token, key = secrets.token_urlsafe(TOKEN_BYTES), secrets.token_urlsafe(TOKEN_BYTES)
    events = sharing.share(
        patient_id=patient_id,
        kind=ShareKind.LINK,
        report_ids=tuple(report_ids),
        until=terms.until,
        now=now,
        described=ShareDescribed(label=terms.label, token=token, key=key),
        needs_passcode=terms.needs_passcode,
        openings_max=terms.openings_max,
    )
    guards = _guards_of_own(ledger, patient_id, report_ids)
    ledger.append(
        Write(share_id, 0, events, patient_id),
        circumstances=by,
        marks=(ledger.mark(LINK, token, share_id),),
        guards=guards,
    )


def share_with_doctor(
    ledger: Ledger,
    patient_id: PatientId,
    member_id: StaffMemberId,
    report_ids: Sequence[UUID],
    *,
    until: datetime,
    by: Circumstances,
    now: datetime,
    message: str | None = None,
    share_id: UUID | None = None,
) -> UUID:
    """The share's id. As `share_by_link`; whether the member is a doctor here is known to who asks."""
    made = share_id or uuid4()
    write, guards = given_to_doctor(
        ledger, patient_id, member_id, report_ids, until=until, now=now, message=message, share_id=made
    )
    ledger.append(write, circumstances=by, guards=guards)
    return made


def given_to_doctor(
    ledger: Ledger,
    patient_id: PatientId,
    member_id: StaffMemberId,
    report_ids: Sequence[UUID],
    *,
    until: datetime,
    now: datetime,
    share_id: UUID,
    message: str | None = None,
) -> tuple[Write, tuple[Guard, ...]]:
    """What `share_with_doctor` writes, to be stored with what it is shared for."""
    events = sharing.share(
        patient_id=patient_id,
        kind=ShareKind.DOCTOR,
        report_ids=tuple(report_ids),
        until=until,
        now=now,
        described=ShareDescribed(message=message),
        member_id=member_id,
    )
    return Write(share_id, 0, events, patient_id), _guards_of_own(ledger, patient_id, report_ids)


def _guards_of_own(ledger: Ledger, patient_id: PatientId, report_ids: Sequence[UUID]) -> tuple[Guard, ...]:
    owned = _owned(ledger, patient_id, report_ids)
    if set(owned) != set(report_ids):
        raise NotSharedError
    return tuple(Guard(report_id, version) for report_id, (_, version) in owned.items())


def extend(ledger: Ledger, share_id: UUID, *, until: datetime, by: Circumstances, now: datetime) -> None:
    _change(ledger, share_id, lambda state: sharing.extend(state, until=until, now=now), by)


def revoke(ledger: Ledger, share_id: UUID, by: Circumstances) -> None:
    _change(ledger, share_id, sharing.revoke, by)


# Several shares at once, to be stored with what ends or moves what they were given for.


def revocations(ledger: Ledger, share_ids: Iterable[UUID]) -> list[Write]:
    return _changes(ledger, share_ids, sharing.revoke)


def extensions(ledger: Ledger, share_ids: Iterable[UUID], *, until: datetime, now: datetime) -> list[Write]:
    """Of those that are not over, and end earlier."""

    def decide(state: Share) -> tuple[SharingEvent, ...]:
        is_short = state.is_active(now) and state.until < until
        return sharing.extend(state, until=until, now=now) if is_short else ()

    return _changes(ledger, share_ids, decide)


def _changes(
    ledger: Ledger, share_ids: Iterable[UUID], decide: Callable[[Share], tuple[SharingEvent, ...]]
) -> list[Write]:
    writes = []
    for share_id in share_ids:
        state, version = _load(ledger, share_id)
        if state is not None and (events := decide(state)):
            writes.append(Write(share_id, version, events, state.patient_id))
    return writes


# What others do with it


@dataclass(frozen=True, slots=True)
class Opened:
    """What somebody is given. `position` is where the ledger ended when it was looked at: the versions are made from
    the streams up to it. `is_told`: the patient is to be told."""

    share: Share
    position: int
    versions: tuple[OpenedVersion, ...]
    is_told: bool


def reports_of(ledger: Ledger, share: Share) -> dict[UUID, Report]:
    """Which reports of the share are the patient's still."""
    return {one: state for one, (state, _) in _owned(ledger, share.patient_id, share.report_ids).items()}


def fetch_file(
    ledger: Ledger,
    share_id: UUID,
    report_id: UUID,
    by: Circumstances,
    *,
    now: datetime,
    reading: Callable[[Share, int], ReportRead],
    may_be_given: Callable[[Share, UUID], bool],
) -> None:
    """Record that a file leaves which an opening named: `reading` makes it as of a position. The last of the counted
    openings closed the link behind itself; its files may still be fetched.

    ShareNotActiveError if the share ended otherwise, or the report may not be given any more."""

    def act() -> None:
        position = ledger.last_position()
        state, version = _load(ledger, share_id, as_of=position)
        if state is None or state.end_at(now) not in (None, ShareEnd.USED_UP):
            raise ShareNotActiveError
        owned = _owned(ledger, state.patient_id, [report_id], as_of=position)
        if report_id not in owned or not may_be_given(state, report_id):
            raise ShareNotActiveError
        ledger.append(
            Write(uuid4(), 0, (reading(state, position),)),
            circumstances=by,
            guards=(Guard(share_id, version), Guard(report_id, owned[report_id][1])),
        )

    decide_again(act)


def open_share(
    ledger: Ledger,
    share_id: UUID,
    by: Circumstances,
    *,
    now: datetime,
    readings: Callable[[Share, int, Sequence[OpenedVersion]], Iterable[ReportRead]],
    may_be_given: Callable[[Share, UUID], bool] = lambda *_: True,
    member_id: StaffMemberId | None = None,
    only: Collection[UUID] | None = None,
    at_version: int | None = None,
    recipient: ShareRecipientStated | None = None,
) -> Opened:
    """Record that somebody is given the versions that stand, and what of it leaves: `readings` are made from them, and
    stored with it or not at all. `only` these of the reports; in an earlier version `at_version`, where it is one.

    ShareNotActiveError if the share is over, another's, or nothing of it may be given."""

    def act() -> Opened:
        position = ledger.last_position()
        state, version = _load(ledger, share_id, as_of=position)
        active = _require_open(ledger, share_id, state, member_id=member_id, now=now)
        wanted = [one for one in active.report_ids if only is None or one in only]
        owned = {
            one: found
            for one, found in _owned(ledger, active.patient_id, wanted, as_of=position).items()
            if may_be_given(active, one)
        }
        given = tuple(
            OpenedVersion(report_id=one, version=_version(state, at_version))
            for one, (state, _) in owned.items()
        )
        events = sharing.open_share(active, versions=given, now=now, member_id=member_id, recipient=recipient)
        ledger.append(
            Write(share_id, version, events, active.patient_id),
            *(Write(uuid4(), 0, (read,)) for read in readings(active, position, given)),
            circumstances=by,
            guards=tuple(Guard(one, stream_version) for one, (_, stream_version) in owned.items()),
        )
        opened = events[0]
        assert isinstance(opened, ShareOpened)
        return Opened(active, position, given, opened.is_told)

    return decide_again(act)


def _version(state: Report, asked: int | None) -> int:
    """The version that the patient sees, or an earlier one; what is held is nobody's to see."""
    shown = state.held_at or state.current_version
    last = state.held_at or len(state.versions)
    if asked is None:
        return shown
    if not 1 <= asked <= last:
        raise ShareNotActiveError
    return asked


def record_telling(ledger: Ledger, share_id: UUID, *, outcome: str) -> bool:
    """Whether it is said now what became of telling the patient of an opening."""
    return _change(ledger, share_id, lambda state: sharing.tell_opening(state, outcome=outcome), CLOCK)


def refuse_passcode(ledger: Ledger, share_id: UUID, *, tries_left: int, by: Circumstances) -> None:
    _change(ledger, share_id, lambda state: sharing.refuse_passcode(state, tries_left=tries_left), by)


def expire(ledger: Ledger, share_id: UUID, *, now: datetime) -> bool:
    """Whether its term is said to be over now."""
    return _change(ledger, share_id, lambda state: sharing.expire(state, now=now), CLOCK)


def leave(ledger: Ledger, share_id: UUID) -> bool:
    """Whether it is closed now because its doctor has left."""
    return _change(ledger, share_id, sharing.leave, CLOCK)


def _change(
    ledger: Ledger,
    share_id: UUID,
    decide: Callable[[Share], tuple[SharingEvent, ...]],
    by: Circumstances,
) -> bool:
    def act() -> bool:
        state, version = _load(ledger, share_id)
        if state is None:
            raise ShareUnknownError
        events = decide(state)
        ledger.append(Write(share_id, version, events, state.patient_id), circumstances=by)
        return bool(events)

    return decide_again(act)


def _owned(
    ledger: Ledger, patient_id: PatientId, report_ids: Sequence[UUID], *, as_of: int | None = None
) -> dict[UUID, tuple[Report, int]]:
    """Those of the reports that are the patient's, with the length of their streams."""
    found: dict[UUID, tuple[Report, int]] = {}
    for report_id in report_ids:
        try:
            state, version = ledger.load(report_id, report.evolve, as_of=as_of)
        except StreamErasedError:
            continue
        if state is not None and state.patient_id == patient_id:
            found[report_id] = (state, version)
    return found
