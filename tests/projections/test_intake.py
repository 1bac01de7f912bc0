"""The intake view says what became of each submission, and why some lie in quarantine."""

from uuid import UUID

from domain.laboratory import LaboratoryRegistered
from domain.submission import ReleaseReason, SubmissionDestroyed, SubmissionQuarantined, SubmissionReleased
from ledger.store import Ledger
from projections import intake
from projections.follow import Follower
from tests.domain.test_submission import ACCEPTED, QUARANTINED
from tests.examples import INVITRO, SUBMITTED
from tests.scenario import recorded, rows

REGISTERED = LaboratoryRegistered(handle="invitro", name="Инвитро", inn="7830002293", ogrn="1027739054420")
RELEASED = SubmissionReleased(reason=ReleaseReason.SENT_AGAIN)
OTHER = SubmissionQuarantined(code="value-not-allowed", field="Bundle.type")
HISTORIES = {
    "accepted": (SUBMITTED, ACCEPTED),
    "quarantined": (SUBMITTED, QUARANTINED),
    "quarantined for another reason": (SUBMITTED, QUARANTINED, OTHER),
    "read again": (SUBMITTED, QUARANTINED, ACCEPTED),
    "released": (SUBMITTED, QUARANTINED, RELEASED),
    "destroyed": (SUBMITTED, QUARANTINED, SubmissionDestroyed()),
}


def followed(ledger: Ledger, follower: Follower) -> None:
    recorded(ledger, INVITRO, REGISTERED)
    for number, events in enumerate(HISTORIES.values(), 1):
        recorded(ledger, UUID(int=number), *events)
    follower.catch_up()


def test_each_submission_has_one_row_with_its_latest_state(ledger: Ledger, follower: Follower) -> None:
    followed(ledger, follower)
    found = rows(ledger, "SELECT status, reports, code, field FROM intake.submissions ORDER BY position")
    assert found == [
        ("accepted", 1, None, None),
        ("quarantined", 0, "not-json", None),
        ("quarantined", 0, "value-not-allowed", "Bundle.type"),
        ("accepted", 1, "not-json", None),
        ("released", 0, "not-json", None),
        ("destroyed", 0, "not-json", None),
    ]


def test_quarantine_has_what_waits_in_order_of_arrival_and_page_by_page(
    ledger: Ledger, follower: Follower
) -> None:
    followed(ledger, follower)
    found = intake.quarantine(ledger)
    assert [entry.submission_id.int for entry in found] == [2, 3]
    assert [entry.code for entry in found] == ["not-json", "value-not-allowed"]
    assert {entry.handle for entry in found} == {"invitro"}
    assert intake.quarantine(ledger, after=found[0].position) == found[1:]
    assert intake.quarantine(ledger, limit=1) == found[:1]
    assert intake.quarantine(ledger, laboratory_id=UUID(int=99)) == []


def test_quarantine_is_counted_by_laboratory_and_reason(ledger: Ledger, follower: Follower) -> None:
    followed(ledger, follower)
    assert intake.counts(ledger) == {("invitro", "not-json"): 1, ("invitro", "value-not-allowed"): 1}
