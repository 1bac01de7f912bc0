"""What could not be used is kept, shown, read again once it can be, or closed."""

import json
from uuid import uuid4

import pytest

from api import formats
from api.fhir.reading import read_fhir
from api.laboratories import OPERATOR
from domain.reading import SubmissionRead
from domain.report import ReportReceived
from domain.submission import (
    NotInQuarantineError,
    ReleaseReason,
    SubmissionAccepted,
    SubmissionQuarantined,
    SubmissionReleased,
)
from ledger import quarantine
from projections import cabinet, intake
from tests.api.cast import ANNA, Laboratory, Portal, bundle, settled
from tests.api.command import letopis

TYPE = "application/vnd.example.later+json"


@pytest.fixture
def submission_id(portal: Portal, laboratory: Laboratory) -> str:
    """A good report in a format that nobody reads yet."""
    answer = portal.submit(laboratory.seal(bundle("1"), content_type=TYPE))
    assert answer.status_code == 422, answer.text
    portal.catch_up()
    return str(answer.json()["submission_id"])


def test_what_lies_in_quarantine_is_listed_with_its_reason(portal: Portal, submission_id: str) -> None:
    listed = letopis(portal.opened, "quarantine", "list", "--json")
    (line,) = map(json.loads, listed.stdout.splitlines())
    assert line["submission"] == submission_id and line["content_type"] == TYPE
    assert line["problem"]["code"] == "content-type-unknown" and line["problem"]["detail"]
    assert submission_id in letopis(portal.opened, "quarantine", "list", "--lab", line["laboratory"]).stdout
    assert letopis(portal.opened, "quarantine", "list", "--lab", "nobody").returncode == 1


def test_quarantine_is_a_metric_by_laboratory_and_reason(
    portal: Portal, laboratory: Laboratory, submission_id: str
) -> None:
    line = f'letopis_quarantined{{code="content-type-unknown",laboratory="{laboratory.sender.handle}"}} 1.0'
    assert submission_id and line in portal.machine.get("/metrics").text


def test_the_bytes_are_shown_as_they_were_sent_and_that_is_recorded(
    portal: Portal, submission_id: str
) -> None:
    shown = letopis(portal.opened, "quarantine", "show", submission_id)
    assert shown.stdout.encode() == bundle("1")
    (read,) = portal.events(SubmissionRead)
    assert str(read.event.submission_id) == submission_id
    assert read.circumstances.actor == OPERATOR.actor


def test_read_again_the_report_reaches_its_patient(
    portal: Portal, laboratory: Laboratory, submission_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    monkeypatch.setattr(formats, "READERS", {**formats.READERS, TYPE: read_fhir})
    (entry,) = intake.quarantine(portal.opened.ledger)
    found = quarantine.read_again(portal.opened.ledger, entry.submission_id, formats.read_received, OPERATOR)
    assert found.problem is None
    portal.catch_up()
    (report,) = cabinet.reports_of(portal.opened.ledger, anna)
    assert report.report_id == found.reports[0].report_id
    assert not intake.quarantine(portal.opened.ledger)
    (accepted,) = portal.events(SubmissionAccepted)
    assert accepted.circumstances.actor == OPERATOR.actor
    with pytest.raises(NotInQuarantineError):
        quarantine.read_again(portal.opened.ledger, entry.submission_id, formats.read_received, OPERATOR)


def test_the_laboratory_that_repeats_the_envelope_learns_what_became_of_it(
    portal: Portal, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = {"content_type": TYPE, "envelope_id": "once"}
    assert portal.submit(laboratory.seal(bundle("1"), **sealed)).status_code == 422
    monkeypatch.setattr(formats, "READERS", {**formats.READERS, TYPE: read_fhir})
    portal.catch_up()
    (entry,) = intake.quarantine(portal.opened.ledger)
    quarantine.read_again(portal.opened.ledger, entry.submission_id, formats.read_received, OPERATOR)
    again = portal.submit(laboratory.seal(bundle("1"), **sealed))
    assert again.status_code == 201 and len(again.json()["reports"]) == 1
    assert len(portal.events(ReportReceived)) == 1


def test_read_again_in_vain_it_stays_and_leaves_no_event(portal: Portal, submission_id: str) -> None:
    before = portal.opened.ledger.last_position()
    tried = letopis(portal.opened, "quarantine", "retry", "--all", "--json")
    (line,) = map(json.loads, tried.stdout.splitlines())
    assert (line["submission"], line["outcome"]) == (submission_id, "quarantined")
    assert line["problem"] == "content-type-unknown"
    assert portal.opened.ledger.last_position() == before
    assert len(portal.events(SubmissionQuarantined)) == 1


def test_what_is_released_is_closed_and_no_longer_listed(portal: Portal, submission_id: str) -> None:
    arguments = ("quarantine", "release", submission_id, "--reason")
    assert letopis(portal.opened, *arguments, "test-message").returncode == 0
    (released,) = portal.events(SubmissionReleased)
    assert released.event.reason is ReleaseReason.TEST_MESSAGE
    assert not letopis(portal.opened, "quarantine", "list").stdout
    again = letopis(portal.opened, *arguments, "sent-again")
    assert again.returncode == 1 and "quarantine" in again.stderr
    assert letopis(portal.opened, *arguments, "because").returncode == 2
    assert letopis(portal.opened, "quarantine", "show", str(uuid4())).returncode == 1


def test_an_id_of_something_else_is_told_as_one_that_is_not_in_quarantine(
    portal: Portal, laboratory: Laboratory
) -> None:
    (report,) = portal.submit(laboratory.seal(bundle("1"))).json()["reports"]
    for other in (report["id"], str(laboratory.laboratory_id), str(uuid4())):
        for act in (["show"], ["retry"], ["release", "--reason", "not-a-report"]):
            refused = letopis(portal.opened, "quarantine", *act, other)
            assert refused.returncode == 1 and "does not lie in quarantine" in refused.stderr, refused.stderr
