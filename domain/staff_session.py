"""Session of staff: a member is let in after every factor, or refused, and leaves."""

from dataclasses import dataclass, replace
from typing import assert_never

from domain.values import StaffMemberId

# Events: what happened.


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffSessionOpened:
    """The member proved who they are by these factors, in order."""

    member_id: StaffMemberId
    factors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffSessionClosed:
    """The session ended: `reason` is signed-out, replaced, reset or dismissed."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffSignInRefused:
    """Somebody failed to prove that they are this member; `reason` is a stable code."""

    member_id: StaffMemberId
    reason: str


StaffSessionEvent = StaffSessionOpened | StaffSessionClosed | StaffSignInRefused

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffSession:
    member_id: StaffMemberId
    is_open: bool


def evolve(session: StaffSession | None, event: StaffSessionEvent) -> StaffSession:
    """Replay one event. Never refuses."""
    match event:
        case StaffSessionOpened():
            return StaffSession(member_id=event.member_id, is_open=True)
        case StaffSignInRefused():
            return StaffSession(member_id=event.member_id, is_open=False)
        case StaffSessionClosed():
            assert session is not None
            return replace(session, is_open=False)
        case _:
            assert_never(event)


# Decisions.


def close(session: StaffSession | None, *, reason: str) -> tuple[StaffSessionClosed, ...]:
    """Leaving twice changes nothing."""
    return (StaffSessionClosed(reason=reason),) if session is not None and session.is_open else ()
