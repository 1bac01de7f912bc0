"""The view of study requests follows each one, and is the same when it is made anew."""

from uuid import UUID, uuid4

from domain.study_request import (
    RequestStatus,
    SampleReachedLaboratory,
    SampleTaken,
    SamplingScheduled,
    StudyRequestCancelled,
    StudyRequested,
    StudyRequestFulfilled,
)
from domain.values import OrganisationId
from ledger.store import Ledger
from projections.follow import Follower
from projections.rebuild import check
from projections.study_requests import STUDY_REQUESTS, open_requests, open_requests_of, requests_of
from tests.examples import ANNA, BORIS, CLINIC, LATER, NOON, REPORT
from tests.scenario import recorded

NIL = UUID(int=0)
OTHER_CLINIC = OrganisationId(REPORT)


def requested(
    ledger: Ledger, *events: object, patient_id: UUID = ANNA, organisation_id: UUID = CLINIC
) -> UUID:
    request_id = uuid4()
    first = StudyRequested(patient_id=patient_id, organisation_id=organisation_id, is_urgent=True)  # type: ignore[arg-type]
    recorded(ledger, request_id, first, *events)  # type: ignore[arg-type]
    return request_id


def test_a_request_is_followed_to_its_report(ledger: Ledger, follower: Follower) -> None:
    steps = [
        (SamplingScheduled(point="П-1", starts_at=NOON), RequestStatus.SCHEDULED),
        (SampleTaken(taken_at=NOON), RequestStatus.SAMPLED),
        (SampleReachedLaboratory(reached_at=LATER), RequestStatus.AT_LABORATORY),
        (StudyRequestFulfilled(report_id=REPORT, found_by="code"), RequestStatus.FULFILLED),
    ]
    request_id = requested(ledger)
    for event, status in steps:
        assert follower.catch_up()
        assert [row.request_id for row in open_requests(ledger, after=NIL)] == [request_id]
        recorded(ledger, request_id, event)
        assert follower.catch_up()
        (row,) = requests_of(ledger, ANNA)
        assert row.status is status
    assert (row.starts_at, row.taken_at, row.report_id, row.is_urgent) == (NOON, NOON, REPORT, True)
    assert open_requests(ledger, after=NIL) == []


def test_each_patient_and_organisation_has_its_own(ledger: Ledger, follower: Follower) -> None:
    hers, elsewhere = requested(ledger), requested(ledger, organisation_id=OTHER_CLINIC)
    requested(ledger, StudyRequestCancelled(reason="patient"))
    his = requested(ledger, patient_id=BORIS)
    assert follower.catch_up()
    assert [row.request_id for row in open_requests_of(ledger, ANNA, CLINIC)] == [hers]
    assert [row.request_id for row in open_requests_of(ledger, ANNA, OTHER_CLINIC)] == [elsewhere]
    assert [row.request_id for row in requests_of(ledger, BORIS)] == [his]
    assert len(requests_of(ledger, ANNA)) == 3, "what was cancelled is shown too"


def test_made_anew_it_is_the_same(ledger: Ledger, owner: Ledger, follower: Follower) -> None:
    requested(ledger, SampleTaken(taken_at=NOON))
    requested(ledger, SamplingScheduled(point="П-1", starts_at=NOON), StudyRequestCancelled(reason="patient"))
    assert follower.catch_up()
    assert check(owner, STUDY_REQUESTS).is_equal
