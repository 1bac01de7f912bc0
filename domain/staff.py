"""Staff: somebody is let work here under a handle, in named roles, until they are dismissed."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from domain.values import OrganisationId

# Events: what happened.


class Role(StrEnum):
    """What a member of staff may do; each section of the staff's pages asks for one."""

    OPERATOR = "operator"
    REGISTRAR = "registrar"
    # Sees what patients give them, and holds consultations.
    DOCTOR = "doctor"
    # Answers for what its laboratory submits.
    LABORATORY = "laboratory"
    # Answers patients' requests for help.
    SUPPORT = "support"
    # Reads the history by pseudonyms, and changes nothing.
    AUDITOR = "auditor"
    # Answers for consents, obligations and exports.
    COMPLIANCE = "compliance"


# Who has one of these works for one organisation, and sees what is addressed to it.
ORGANISATION_ROLES = frozenset({Role.REGISTRAR, Role.DOCTOR, Role.LABORATORY})


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffMemberAdmitted:
    """Somebody may work here in these roles. The handle is what they are called in history: a working
    name, not the name of a person. A registrar, a doctor and a laboratory's member work for the organisation."""

    handle: str
    roles: tuple[Role, ...]
    organisation_id: OrganisationId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffMemberEnrolled:
    """The member used the link that they were given, and set up these factors."""

    factors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffMemberReset:
    """What the member signed in with counts no more; a new link was given out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffMemberDismissed:
    """The member works here no more."""


StaffEvent = StaffMemberAdmitted | StaffMemberEnrolled | StaffMemberReset | StaffMemberDismissed

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffMember:
    handle: str
    roles: frozenset[Role]
    organisation_id: OrganisationId | None = None
    is_admitted: bool = True
    is_enrolled: bool = False

    def may(self, role: Role) -> bool:
        return self.is_admitted and role in self.roles


def evolve(member: StaffMember | None, event: StaffEvent) -> StaffMember:
    """Replay one event. Never refuses."""
    if isinstance(event, StaffMemberAdmitted):
        return StaffMember(
            handle=event.handle, roles=frozenset(event.roles), organisation_id=event.organisation_id
        )
    assert member is not None
    match event:
        case StaffMemberEnrolled():
            return replace(member, is_enrolled=True)
        case StaffMemberReset():
            return replace(member, is_enrolled=False)
        case StaffMemberDismissed():
            return replace(member, is_admitted=False, is_enrolled=False)
        case _:
            assert_never(event)


# Decisions.


class StaffHandleMalformedError(Exception):
    """A handle is 2 to 32 small Latin letters, digits and dashes, and begins with a letter."""


class StaffRoleMissingError(Exception):
    """A member of staff has at least one role."""


class StaffOrganisationMissingError(Exception):
    """Who has such a role works for an organisation: name it."""


class StaffOrganisationNotForRoleError(Exception):
    """Who works for an organisation has no other roles: those see everybody's things."""


class StaffAuditorNotAloneError(Exception):
    """Who audits has no other role: nobody audits what they do themselves."""


class StaffMemberAlreadyAdmittedError(Exception):
    """A member of staff with this handle works here already."""


class StaffMemberUnknownError(Exception):
    """Nobody works here under this handle."""


_HANDLE = re.compile(r"[a-z][a-z0-9-]{1,31}")


def admit(
    member: StaffMember | None,
    *,
    handle: str,
    roles: Collection[Role],
    organisation_id: OrganisationId | None = None,
) -> StaffMemberAdmitted:
    """Who was dismissed may come back, and begins anew."""
    if not _HANDLE.fullmatch(handle):
        raise StaffHandleMalformedError
    if not roles:
        raise StaffRoleMissingError
    if Role.AUDITOR in roles and set(roles) != {Role.AUDITOR}:
        raise StaffAuditorNotAloneError
    if organisation_id is None and ORGANISATION_ROLES & set(roles):
        raise StaffOrganisationMissingError
    if organisation_id is not None and not set(roles) <= ORGANISATION_ROLES:
        raise StaffOrganisationNotForRoleError
    if member is not None and member.is_admitted:
        raise StaffMemberAlreadyAdmittedError
    return StaffMemberAdmitted(
        handle=handle, roles=tuple(sorted(set(roles))), organisation_id=organisation_id
    )


def enrol(member: StaffMember | None, *, factors: tuple[str, ...]) -> tuple[StaffMemberEnrolled, ...]:
    """Said once: a repeat after a lost reply changes nothing."""
    return () if admitted(member).is_enrolled else (StaffMemberEnrolled(factors=factors),)


def reset(member: StaffMember | None) -> StaffMemberReset:
    admitted(member)
    return StaffMemberReset()


def dismiss(member: StaffMember | None) -> StaffMemberDismissed:
    admitted(member)
    return StaffMemberDismissed()


def admitted(member: StaffMember | None) -> StaffMember:
    """The member, if they work here; StaffMemberUnknownError if not."""
    if member is None or not member.is_admitted:
        raise StaffMemberUnknownError
    return member
