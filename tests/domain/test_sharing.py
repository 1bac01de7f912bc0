"""A patient shares results for a while; whoever may opens them, until it is over or taken back."""

from dataclasses import replace
from datetime import timedelta

import pytest

from domain import sharing
from domain.sharing import (
    NothingSharedError,
    OpenedVersion,
    ReportsShared,
    ShareClosed,
    ShareDescribed,
    SharedTooMuchError,
    ShareEnd,
    ShareExtended,
    ShareKind,
    ShareNotActiveError,
    ShareOpened,
    ShareOpeningsError,
    ShareOpeningTold,
    SharePasscodeRefused,
    ShareRecipientStated,
    ShareRevoked,
    ShareTermError,
    ShareTextTooLongError,
)
from domain.values import StaffMemberId
from tests.examples import ANNA, IVAN, NOON, OTHER_REPORT, REPORT
from tests.scenario import given

WEEK = NOON + timedelta(days=7)
SHARED = ReportsShared(
    patient_id=ANNA,
    kind=ShareKind.LINK,
    report_ids=(REPORT,),
    until=WEEK,
    needs_passcode=True,
    openings_max=2,
)
WITH_DOCTOR = ReportsShared(
    patient_id=ANNA, kind=ShareKind.DOCTOR, report_ids=(REPORT,), until=WEEK, member_id=IVAN
)
GIVEN = (OpenedVersion(report_id=REPORT, version=2),)
OPENED = ShareOpened(opened_at=NOON, versions=GIVEN, is_told=True)
CLINIC = ShareRecipientStated(recipient="Поликлиника № 7")
DESCRIBED = ShareDescribed(label="Для кардиолога")
TERMS = {
    "patient_id": ANNA,
    "kind": ShareKind.LINK,
    "report_ids": (REPORT,),
    "until": WEEK,
    "now": NOON,
    "described": DESCRIBED,
    "needs_passcode": True,
    "openings_max": 2,
}


def decided(**changed: object) -> tuple[object, ...]:
    return sharing.share(**TERMS | changed)  # type: ignore[arg-type]  # named as the decision's


def test_chosen_reports_are_shared_each_once() -> None:
    assert decided(report_ids=(REPORT, REPORT)) == (SHARED, DESCRIBED)
    both = decided(report_ids=(REPORT, OTHER_REPORT))
    assert both == (replace(SHARED, report_ids=(REPORT, OTHER_REPORT)), DESCRIBED)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"report_ids": ()}, NothingSharedError),
        ({"until": NOON}, ShareTermError),
        ({"until": NOON + timedelta(days=90, seconds=1)}, ShareTermError),
        ({"openings_max": 0}, ShareOpeningsError),
        ({"openings_max": 101}, ShareOpeningsError),
        ({"described": ShareDescribed(label="я" * 81)}, ShareTextTooLongError),
        ({"described": ShareDescribed(message="я" * 1001)}, ShareTextTooLongError),
    ],
)
def test_what_goes_beyond_the_limits_is_refused(changed: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        decided(**changed)


def test_a_share_holds_a_limited_number_of_reports() -> None:
    many = tuple(type(REPORT)(int=number) for number in range(sharing.REPORTS_MAX + 1))
    assert decided(report_ids=many[1:])
    with pytest.raises(SharedTooMuchError):
        decided(report_ids=many)


def test_it_is_opened_until_its_openings_are_used_up() -> None:
    opening = {"versions": GIVEN, "now": NOON}
    later = replace(OPENED, is_told=False)
    given(SHARED).when(sharing.open_share, **opening, recipient=CLINIC).then(OPENED, CLINIC)
    given(SHARED, OPENED, CLINIC).when(sharing.open_share, **opening).then(
        later, ShareClosed(reason=ShareEnd.USED_UP)
    )
    over = (SHARED, OPENED, later, ShareClosed(reason=ShareEnd.USED_UP))
    given(*over).when(sharing.open_share, **opening).then_refused(ShareNotActiveError)


def test_the_patient_is_told_once_a_day() -> None:
    endless = replace(SHARED, openings_max=None)
    almost, day = NOON + timedelta(hours=23), NOON + timedelta(days=1)
    given(endless, OPENED).when(sharing.open_share, versions=GIVEN, now=almost).then(
        ShareOpened(opened_at=almost, versions=GIVEN)
    )
    given(endless, OPENED, ShareOpened(opened_at=almost, versions=GIVEN)).when(
        sharing.open_share, versions=GIVEN, now=day
    ).then(ShareOpened(opened_at=day, versions=GIVEN, is_told=True))


@pytest.mark.parametrize(
    ("history", "now"),
    [
        ((), NOON),
        ((SHARED, ShareRevoked()), NOON),
        ((SHARED, ShareClosed(reason=ShareEnd.PASSCODE_TRIES)), NOON),
        ((SHARED,), WEEK),
        # A doctor's share is opened by no link.
        ((WITH_DOCTOR,), NOON),
    ],
)
def test_what_is_over_or_not_there_is_refused_alike(history: tuple[object, ...], now: object) -> None:
    given(*history).when(sharing.open_share, versions=GIVEN, now=now).then_refused(ShareNotActiveError)  # type: ignore[arg-type]  # events


def test_nothing_left_of_it_is_as_nothing_shared() -> None:
    given(SHARED).when(sharing.open_share, versions=(), now=NOON).then_refused(ShareNotActiveError)


def test_a_doctor_opens_what_was_given_to_them_and_no_other_doctor_does() -> None:
    opening = {"versions": GIVEN, "now": NOON}
    another = StaffMemberId(REPORT)
    given(WITH_DOCTOR).when(sharing.open_share, **opening, member_id=IVAN).then(OPENED)
    for stranger in (another, None):
        given(WITH_DOCTOR).when(sharing.open_share, **opening, member_id=stranger).then_refused(
            ShareNotActiveError
        )
    given(SHARED).when(sharing.open_share, **opening, member_id=IVAN).then_refused(ShareNotActiveError)


def test_the_last_try_closes_the_link_once_and_each_try_is_an_event() -> None:
    given(SHARED).when(sharing.refuse_passcode, tries_left=1).then(SharePasscodeRefused(tries_left=1))
    closed = (SharePasscodeRefused(tries_left=0), ShareClosed(reason=ShareEnd.PASSCODE_TRIES))
    given(SHARED).when(sharing.refuse_passcode, tries_left=0).then(*closed)
    # It was judged beside the last one, and is recorded after it.
    given(SHARED, *closed).when(sharing.refuse_passcode, tries_left=3).then(
        SharePasscodeRefused(tries_left=3)
    )


def test_its_end_is_moved_while_it_lasts() -> None:
    later = WEEK + timedelta(days=7)
    given(SHARED).when(sharing.extend, until=later, now=NOON).then(ShareExtended(until=later))
    given(SHARED, ShareExtended(until=later)).when(sharing.open_share, versions=GIVEN, now=WEEK).then(
        ShareOpened(opened_at=WEEK, versions=GIVEN, is_told=True)
    )
    given(SHARED).when(sharing.extend, until=WEEK, now=NOON).then_nothing()
    for history, now in (((SHARED,), WEEK), ((SHARED, ShareRevoked()), NOON)):
        given(*history).when(sharing.extend, until=later, now=now).then_refused(ShareNotActiveError)
    given(SHARED).when(sharing.extend, until=NOON + timedelta(days=91), now=NOON).then_refused(ShareTermError)


def test_it_is_taken_back_once_and_expires_once() -> None:
    given(SHARED).when(sharing.revoke).then(ShareRevoked())
    given(SHARED, ShareRevoked()).when(sharing.revoke).then_nothing()
    given(SHARED).when(sharing.expire, now=NOON).then_nothing()
    given(SHARED).when(sharing.expire, now=WEEK).then(ShareClosed(reason=ShareEnd.EXPIRED))
    given(SHARED, ShareRevoked()).when(sharing.expire, now=WEEK).then_nothing()
    given(SHARED).when(sharing.leave).then(ShareClosed(reason=ShareEnd.DOCTOR_LEFT))
    given(SHARED, ShareRevoked()).when(sharing.leave).then_nothing()


def test_that_the_patient_was_told_of_an_opening_is_said_once() -> None:
    opened = ShareOpened(opened_at=NOON, versions=GIVEN, is_told=True)
    told = ShareOpeningTold(outcome="handed-over")
    given(SHARED, opened).when(sharing.tell_opening, outcome="handed-over").then(told)
    given(SHARED, opened, told).when(sharing.tell_opening, outcome="handed-over").then_nothing()
    again = ShareOpened(opened_at=NOON, versions=GIVEN)
    given(SHARED, opened, told, again).when(sharing.tell_opening, outcome="handed-over").then_nothing()
