"""Sharing: a patient gives chosen results to somebody else for a while, by a link or to a doctor who has an account here.

What is given is the version that stands when it is opened, so that a correction reaches whoever looks again. Who
opened it is in the envelope of the reading; what they called themselves is in a sealed event of its own.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.values import PatientId, StaffMemberId

REPORTS_MAX = 20
OPENINGS_MAX = 100
TERM_MAX = timedelta(days=90)
# SMART Health Links, "Construct a SMART Health Link Payload".
LABEL_MAX = 80
MESSAGE_MAX = 1000
PASSCODE_TRIES = 10
# The patient is told of an opening at most so often for each share.
TOLD_EACH = timedelta(days=1)

# Events: what happened.


class ShareKind(StrEnum):
    """To whom: whoever holds the link (a SMART Health Link), or one doctor."""

    LINK = "link"
    DOCTOR = "doctor"


class ShareEnd(StrEnum):
    """Why nobody opens it any more."""

    REVOKED = "revoked"
    EXPIRED = "expired"
    USED_UP = "used-up"
    PASSCODE_TRIES = "passcode-tries"
    # The doctor works here no more: whoever comes back begins anew, and perhaps elsewhere.
    DOCTOR_LEFT = "doctor-left"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportsShared:
    """The patient shares these reports until a moment; by a link for so many openings, where they are counted."""

    patient_id: PatientId
    kind: ShareKind
    report_ids: tuple[UUID, ...]
    until: datetime
    member_id: StaffMemberId | None = None
    needs_passcode: bool = False
    openings_max: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareDescribed:
    """What the patient calls the share, and wrote to the doctor. `token` is the secret part of a link's address, `key`
    what its files are encrypted under; both are 32 random bytes in base64url."""

    label: str | None = None
    message: str | None = None
    token: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedVersion:
    """Which version of a report was given."""

    report_id: UUID
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareOpened:
    """Somebody was given these versions. `is_told`: the patient is told of it, which happens once a day."""

    opened_at: datetime
    versions: tuple[OpenedVersion, ...]
    is_told: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareOpeningTold:
    """The patient was told that somebody opened it, or has nowhere to be told: `outcome` says which."""

    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareRecipientStated:
    """What who opened a link calls themselves, and their network, coarsely."""

    recipient: str
    network: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SharePasscodeRefused:
    """A wrong passcode was tried; so many tries are left for as long as the link lives."""

    tries_left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareExtended:
    """The patient gave it a later end."""

    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareRevoked:
    """The patient took it back: nobody opens it from now on. What was seen can't be called back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareClosed:
    """It came to its end by itself."""

    reason: ShareEnd


SharingEvent = (
    ReportsShared
    | ShareDescribed
    | ShareOpened
    | ShareOpeningTold
    | ShareRecipientStated
    | SharePasscodeRefused
    | ShareExtended
    | ShareRevoked
    | ShareClosed
)

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """`told_at` is the opening of which the patient was last told, or is to be while `is_untold`. `description` is None
    once its key is erased."""

    patient_id: PatientId
    kind: ShareKind
    report_ids: tuple[UUID, ...]
    until: datetime
    member_id: StaffMemberId | None = None
    needs_passcode: bool = False
    openings_max: int | None = None
    description: ShareDescribed | None = None
    openings: int = 0
    refused: int = 0
    told_at: datetime | None = None
    is_untold: bool = False
    end: ShareEnd | None = None

    def is_active(self, now: datetime) -> bool:
        return self.end is None and now < self.until

    def end_at(self, now: datetime) -> ShareEnd | None:
        """Why it is over; its term ends it also before anybody has said so."""
        return self.end or (ShareEnd.EXPIRED if now >= self.until else None)

    @property
    def openings_left(self) -> int | None:
        return None if self.openings_max is None else max(0, self.openings_max - self.openings)


def evolve(share: Share | None, event: SharingEvent) -> Share:
    """Replay one event. Never refuses."""
    if isinstance(event, ReportsShared):
        return Share(
            patient_id=event.patient_id,
            kind=event.kind,
            report_ids=event.report_ids,
            until=event.until,
            member_id=event.member_id,
            needs_passcode=event.needs_passcode,
            openings_max=event.openings_max,
        )
    assert share is not None
    match event:
        case ShareDescribed():
            return replace(share, description=event)
        case ShareOpened():
            opened = replace(share, openings=share.openings + 1)
            return replace(opened, told_at=event.opened_at, is_untold=True) if event.is_told else opened
        case ShareOpeningTold():
            return replace(share, is_untold=False)
        case SharePasscodeRefused():
            return replace(share, refused=share.refused + 1)
        case ShareExtended():
            return replace(share, until=event.until)
        case ShareRevoked():
            return replace(share, end=ShareEnd.REVOKED)
        case ShareClosed():
            return replace(share, end=event.reason)
        case ShareRecipientStated():
            return share
        case _:
            assert_never(event)


# Decisions.


class NothingSharedError(Exception):
    """At least one report is shared."""


class SharedTooMuchError(Exception):
    """One share holds so many reports and no more: REPORTS_MAX."""


class ShareTermError(Exception):
    """A share ends in the future, and within TERM_MAX."""


class ShareOpeningsError(Exception):
    """A link may be opened at least once, and at most OPENINGS_MAX times where they are counted."""


class ShareTextTooLongError(Exception):
    """The label or the message is too long. `field` says which."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class ShareNotActiveError(Exception):
    """There is no such share for who asks, or it is over: both look alike."""


def share(
    *,
    patient_id: PatientId,
    kind: ShareKind,
    report_ids: tuple[UUID, ...],
    until: datetime,
    now: datetime,
    described: ShareDescribed,
    member_id: StaffMemberId | None = None,
    needs_passcode: bool = False,
    openings_max: int | None = None,
) -> tuple[ReportsShared, ShareDescribed]:
    """Give these reports. Whether they are the patient's is known to who asks."""
    chosen = tuple(dict.fromkeys(report_ids))
    if not chosen:
        raise NothingSharedError
    if len(chosen) > REPORTS_MAX:
        raise SharedTooMuchError
    require_term(until, now=now)
    if openings_max is not None and not 1 <= openings_max <= OPENINGS_MAX:
        raise ShareOpeningsError
    for field, text, length in (
        ("label", described.label, LABEL_MAX),
        ("message", described.message, MESSAGE_MAX),
    ):
        if text is not None and len(text) > length:
            raise ShareTextTooLongError(field)
    shared = ReportsShared(
        patient_id=patient_id,
        kind=kind,
        report_ids=chosen,
        until=until,
        member_id=member_id,
        needs_passcode=needs_passcode,
        openings_max=openings_max,
    )
    return shared, described


def require_term(until: datetime, *, now: datetime) -> None:
    if not now < until <= now + TERM_MAX:
        raise ShareTermError


def require_active(share: Share | None, *, now: datetime, member_id: StaffMemberId | None = None) -> Share:
    """The share, if who asks may open it now: the doctor to whom it was given, or, without one, who holds the link."""
    if share is None or share.member_id != member_id or not share.is_active(now):
        raise ShareNotActiveError
    return share


def open_share(
    share: Share | None,
    *,
    versions: tuple[OpenedVersion, ...],
    now: datetime,
    member_id: StaffMemberId | None = None,
    recipient: ShareRecipientStated | None = None,
) -> tuple[SharingEvent, ...]:
    """Somebody is given these versions; the last of the counted openings closes it. ShareNotActiveError if it is
    over, or nothing of it is the patient's any more."""
    active = require_active(share, now=now, member_id=member_id)
    if not versions:
        raise ShareNotActiveError
    is_told = active.told_at is None or now - active.told_at >= TOLD_EACH
    opened = ShareOpened(opened_at=now, versions=versions, is_told=is_told)
    is_last = active.openings_left == 1
    return (
        opened,
        *((recipient,) if recipient else ()),
        *((ShareClosed(reason=ShareEnd.USED_UP),) if is_last else ()),
    )


def tell_opening(share: Share, *, outcome: str) -> tuple[ShareOpeningTold, ...]:
    """Said once for each opening of which the patient is to be told."""
    return (ShareOpeningTold(outcome=outcome),) if share.is_untold else ()


def refuse_passcode(share: Share, *, tries_left: int) -> tuple[SharingEvent, ...]:
    """A wrong passcode; the last try closes the link. Tries are counted elsewhere, and are a limited number, so each is
    an event, also one that was judged while another closed it."""
    refused = SharePasscodeRefused(tries_left=tries_left)
    is_last = tries_left == 0 and share.end is None
    return (refused, ShareClosed(reason=ShareEnd.PASSCODE_TRIES)) if is_last else (refused,)


def extend(share: Share, *, until: datetime, now: datetime) -> tuple[ShareExtended, ...]:
    """A later end, or an earlier one. What is over stays over: a new share is a new decision."""
    if not share.is_active(now):
        raise ShareNotActiveError
    require_term(until, now=now)
    return () if until == share.until else (ShareExtended(until=until),)


def revoke(share: Share) -> tuple[ShareRevoked, ...]:
    """At once. Also of one whose term is over, so that a second click is no mistake."""
    return () if share.end is not None else (ShareRevoked(),)


def expire(share: Share, *, now: datetime) -> tuple[ShareClosed, ...]:
    """Its term is over: said once."""
    is_due = share.end is None and now >= share.until
    return (ShareClosed(reason=ShareEnd.EXPIRED),) if is_due else ()


def leave(share: Share) -> tuple[ShareClosed, ...]:
    """Its doctor has left: said once."""
    return () if share.end is not None else (ShareClosed(reason=ShareEnd.DOCTOR_LEFT),)
