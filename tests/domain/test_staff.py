"""Who may work here: admitted in roles, enrolled by a link, reset, dismissed, and admitted again."""

import pytest

from domain import staff, staff_session
from domain.staff import (
    Role,
    StaffAuditorNotAloneError,
    StaffHandleMalformedError,
    StaffMemberAdmitted,
    StaffMemberAlreadyAdmittedError,
    StaffMemberDismissed,
    StaffMemberEnrolled,
    StaffMemberReset,
    StaffMemberUnknownError,
    StaffOrganisationMissingError,
    StaffOrganisationNotForRoleError,
    StaffRoleMissingError,
)
from domain.staff_session import StaffSessionClosed, StaffSessionOpened, StaffSignInRefused
from tests.examples import CLINIC, IVAN
from tests.scenario import Given, given

ADMITTED = StaffMemberAdmitted(handle="ivan", roles=(Role.OPERATOR,))
FACTORS = ("password", "totp")
ENROLLED = StaffMemberEnrolled(factors=FACTORS)
NOBODY = [given(), given(ADMITTED, ENROLLED, StaffMemberDismissed())]


@pytest.mark.parametrize("before", NOBODY, ids=["never admitted", "dismissed"])
def test_who_does_not_work_here_is_admitted(before: Given) -> None:
    before.when(staff.admit, handle="ivan", roles=[Role.OPERATOR, Role.OPERATOR]).then(ADMITTED)


def test_who_works_here_is_not_admitted_again() -> None:
    given(ADMITTED).when(staff.admit, handle="ivan", roles=[Role.OPERATOR]).then_refused(
        StaffMemberAlreadyAdmittedError
    )


@pytest.mark.parametrize("handle", ["", "i", "Ivan", "иван", "1ivan", "ivan petrov", "i" * 33, "ivan\n"])
def test_a_handle_is_a_short_plain_word(handle: str) -> None:
    given().when(staff.admit, handle=handle, roles=[Role.OPERATOR]).then_refused(StaffHandleMalformedError)


def test_nobody_is_admitted_without_a_role() -> None:
    given().when(staff.admit, handle="ivan", roles=[]).then_refused(StaffRoleMissingError)


def test_a_registrar_works_for_one_organisation_and_is_nothing_else() -> None:
    admitted = StaffMemberAdmitted(handle="maria", roles=(Role.REGISTRAR,), organisation_id=CLINIC)
    given().when(staff.admit, handle="maria", roles=[Role.REGISTRAR], organisation_id=CLINIC).then(admitted)
    assert staff.evolve(None, admitted).organisation_id == CLINIC
    given().when(staff.admit, handle="maria", roles=[Role.REGISTRAR]).then_refused(
        StaffOrganisationMissingError
    )
    for roles in ([Role.OPERATOR], [Role.OPERATOR, Role.REGISTRAR]):
        given().when(staff.admit, handle="maria", roles=roles, organisation_id=CLINIC).then_refused(
            StaffOrganisationNotForRoleError
        )


def test_who_audits_does_nothing_else() -> None:
    alone = StaffMemberAdmitted(handle="olga", roles=(Role.AUDITOR,))
    given().when(staff.admit, handle="olga", roles=[Role.AUDITOR]).then(alone)
    both = [Role.AUDITOR, Role.COMPLIANCE]
    given().when(staff.admit, handle="olga", roles=both).then_refused(StaffAuditorNotAloneError)


def test_a_member_enrols_once_until_they_are_reset() -> None:
    given(ADMITTED).when(staff.enrol, factors=FACTORS).then(ENROLLED)
    given(ADMITTED, ENROLLED).when(staff.enrol, factors=FACTORS).then_nothing()
    given(ADMITTED, ENROLLED).when(staff.reset).then(StaffMemberReset())
    given(ADMITTED, ENROLLED, StaffMemberReset()).when(staff.enrol, factors=FACTORS).then(ENROLLED)


def test_a_member_is_dismissed_and_then_can_do_nothing() -> None:
    given(ADMITTED, ENROLLED).when(staff.dismiss).then(StaffMemberDismissed())
    gone = staff.evolve(staff.evolve(None, ADMITTED), StaffMemberDismissed())
    assert not gone.may(Role.OPERATOR)
    assert staff.evolve(gone, ADMITTED).may(Role.OPERATOR)


@pytest.mark.parametrize("before", NOBODY, ids=["never admitted", "dismissed"])
def test_who_does_not_work_here_is_neither_enrolled_nor_reset_nor_dismissed(before: Given) -> None:
    before.when(staff.enrol, factors=FACTORS).then_refused(StaffMemberUnknownError)
    before.when(staff.reset).then_refused(StaffMemberUnknownError)
    before.when(staff.dismiss).then_refused(StaffMemberUnknownError)


def test_a_session_is_closed_once() -> None:
    opened, closed = (
        StaffSessionOpened(member_id=IVAN, factors=FACTORS),
        StaffSessionClosed(reason="signed-out"),
    )
    given(opened).when(staff_session.close, reason="signed-out").then(closed)
    given(opened, closed).when(staff_session.close, reason="replaced").then_nothing()
    given().when(staff_session.close, reason="dismissed").then_nothing()
    given(StaffSignInRefused(member_id=IVAN, reason="code-wrong")).when(
        staff_session.close, reason="dismissed"
    ).then_nothing()
