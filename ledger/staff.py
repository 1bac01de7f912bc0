"""Staff in the ledger: who may work here and in which roles, and their sessions."""

from collections.abc import Collection, Sequence
from typing import Final
from uuid import UUID, uuid4

from domain import staff, staff_session
from domain.staff import Role, StaffMember
from domain.values import OrganisationId, StaffMemberId
from ledger.codec import Circumstances
from ledger.commands import change
from ledger.store import Ledger, Position, Write

_BY_MEMBER: Final = "staff:"


def member_id_of(ledger: Ledger, handle: str) -> StaffMemberId:
    """The id that a handle has, admitted or not."""
    return StaffMemberId(ledger.stream_id("staff", handle))


def load_member(ledger: Ledger, member_id: StaffMemberId) -> StaffMember | None:
    return ledger.load(member_id, staff.evolve)[0]


# When a member was last admitted, and whether a stream began since, in SQL with the columns that name both. What patients
# give, they give to who works where they work: who was dismissed and comes back, perhaps to another clinic, begins anew.
ADMITTED_AT: Final = """
(SELECT max(notification_id) FROM ledger.events WHERE originator_id = {member} AND topic = 'StaffMemberAdmitted')
"""
BEGUN_SINCE_ADMITTED: Final = f"""
(SELECT notification_id FROM ledger.events WHERE originator_id = {{stream}} AND originator_version = 1) > {ADMITTED_AT}
"""


def has_begun_since_admitted(ledger: Ledger, member_id: StaffMemberId, stream_id: UUID) -> bool:
    """Whether this consultation, or share, is of the member's present time here. False if there is no such stream."""
    asked = BEGUN_SINCE_ADMITTED.format(stream="%s::uuid", member="%s::uuid")
    with ledger.pool.connection() as connection:
        found = connection.execute(f"SELECT coalesce({asked}, false)", (stream_id, member_id)).fetchone()
    return found is not None and bool(found[0])


def members(ledger: Ledger) -> list[StaffMember]:
    """Everybody who was ever admitted, by handle."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT DISTINCT originator_id FROM ledger.events WHERE topic = 'StaffMemberAdmitted'"
        ).fetchall()
    states = (load_member(ledger, StaffMemberId(row[0])) for row in found)
    return sorted((state for state in states if state is not None), key=lambda state: state.handle)


def by_member(handle: str, *, session_id: UUID | None = None) -> Circumstances:
    """A member of staff acts, under their working name; a session is the conversation."""
    return Circumstances(actor=f"{_BY_MEMBER}{handle}", correlation_id=session_id)


def handle_in(actor: str) -> str | None:
    """The working name of the member of staff who acted; None if it was somebody else."""
    return actor.removeprefix(_BY_MEMBER) if actor.startswith(_BY_MEMBER) else None


# Members


def admit(
    ledger: Ledger,
    handle: str,
    roles: Collection[Role],
    by: Circumstances,
    *,
    organisation_id: OrganisationId | None = None,
) -> StaffMemberId:
    member_id = member_id_of(ledger, handle)
    change(
        ledger,
        member_id,
        staff.evolve,
        lambda state: (staff.admit(state, handle=handle, roles=roles, organisation_id=organisation_id),),
        by,
    )
    return member_id


def enrol(
    ledger: Ledger, member_id: StaffMemberId, *, factors: tuple[str, ...], by: Circumstances
) -> Position:
    return change(ledger, member_id, staff.evolve, lambda state: staff.enrol(state, factors=factors), by)


def reset(ledger: Ledger, member_id: StaffMemberId, by: Circumstances) -> Position:
    return change(ledger, member_id, staff.evolve, lambda state: (staff.reset(state),), by)


def dismiss(ledger: Ledger, member_id: StaffMemberId, by: Circumstances) -> Position:
    return change(ledger, member_id, staff.evolve, lambda state: (staff.dismiss(state),), by)


# Sessions


def open_session(ledger: Ledger, member_id: StaffMemberId, *, handle: str, factors: tuple[str, ...]) -> UUID:
    session_id = uuid4()
    opened = staff_session.StaffSessionOpened(member_id=member_id, factors=factors)
    by = by_member(handle, session_id=session_id)
    ledger.append(Write(session_id, 0, (opened,)), circumstances=by)
    return session_id


def close_sessions(ledger: Ledger, session_ids: Sequence[UUID], *, reason: str, by: Circumstances) -> None:
    for session_id in session_ids:
        change(
            ledger,
            session_id,
            staff_session.evolve,
            lambda state: staff_session.close(state, reason=reason),
            by,
        )


def refuse_sign_in(ledger: Ledger, member_id: StaffMemberId, *, reason: str) -> Position:
    refused = staff_session.StaffSignInRefused(member_id=member_id, reason=reason)
    anonymous = Circumstances(actor="anonymous")
    return ledger.append(Write(uuid4(), 0, (refused,)), circumstances=anonymous)
