"""Where each expected result is: a way of five steps, of which one is the next."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.portal.expected import steps_of
from api.portal.waiting import mended_at
from domain.permission import BARRIERS
from domain.study_request import RequestStatus, StudyRequest
from domain.values import OrganisationId
from tests.examples import ANNA, CLINIC

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def way(status: RequestStatus, *, is_waiting: bool = False, **changed: Any) -> list[str]:
    request = StudyRequest(
        patient_id=ANNA, organisation_id=OrganisationId(CLINIC), is_urgent=False, status=status, **changed
    )
    return [step["state"] for step in steps_of(request, is_waiting=is_waiting, now=NOW)]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (RequestStatus.REQUESTED, ["done", "now", "todo", "todo", "todo"]),
        (RequestStatus.SCHEDULED, ["done", "now", "todo", "todo", "todo"]),
        (RequestStatus.SAMPLED, ["done", "done", "now", "todo", "todo"]),
        (RequestStatus.AT_LABORATORY, ["done", "done", "done", "now", "todo"]),
        (RequestStatus.FULFILLED, ["done"] * 5),
        (RequestStatus.CANCELLED, []),
    ],
)
def test_each_state_is_a_place_on_the_way(status: RequestStatus, expected: list[str]) -> None:
    assert way(status) == expected


def test_what_has_come_and_waits_lacks_only_the_last_step() -> None:
    assert way(RequestStatus.SAMPLED, is_waiting=True) == ["done", "done", "done", "done", "late"]


def test_what_is_late_is_said_where_it_is() -> None:
    long_ago = NOW - timedelta(days=90)
    late = way(RequestStatus.AT_LABORATORY, code="3016-3", taken_at=long_ago)
    assert late == ["done", "done", "done", "late", "todo"]


def test_every_reason_has_a_page_that_mends_it() -> None:
    assert all(mended_at(reason).startswith(("/services/", "/consents")) for reason in BARRIERS)
