"""What waits for a patient too long is destroyed by an event; nothing of it can be opened any more."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from api.retention import BY, end_unused, end_waiting
from domain import submission
from domain.report import ReportDestroyed
from domain.submission import NotInQuarantineError, ReleaseReason, SubmissionDestroyed
from ledger import quarantine
from ledger.codec import Erased
from ledger.keys import KeyErasedError
from ledger.retention import destroy_waiting
from projections import cabinet, intake
from tests.api.cast import ANNA, BORIS, Laboratory, Portal, bundle, settled
from tests.api.command import letopis

YEAR = timedelta(days=365)


def step(portal: Portal, *, days: int) -> int:
    """What the worker destroys when so many days have gone by."""
    portal.catch_up()
    found = end_waiting(portal.opened.ledger, datetime.now(UTC) + timedelta(days=days), kept_for=YEAR)
    portal.opened.ledger.keys.forget()
    portal.catch_up()
    return found


def sent(portal: Portal, laboratory: Laboratory, content: bytes) -> tuple[UUID, UUID]:
    body = portal.submit(laboratory.seal(content)).json()
    return UUID(body["submission_id"]), UUID(body["reports"][0]["id"])


def test_a_report_waits_for_its_time_and_no_longer(portal: Portal, laboratory: Laboratory) -> None:
    ledger = portal.opened.ledger
    submission_id, report_id = sent(portal, laboratory, bundle("1"))
    assert step(portal, days=364) == 0
    assert step(portal, days=366) == 1
    assert step(portal, days=366) == 0
    assert [recorded.stream_id for recorded in portal.events(ReportDestroyed)] == [report_id]
    assert isinstance(next(iter(ledger.read(report_id))).event, Erased)
    received = next(iter(ledger.read(submission_id))).event
    with pytest.raises(KeyErasedError):
        ledger.read_document(received.document.document_id)  # type: ignore[union-attr]
    # Who comes later finds nothing.
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    portal.notify()
    assert cabinet.reports_of(ledger, anna) == []
    for command in (("verify",), ("rebuild", "--check")):
        assert letopis(portal.opened, *command).returncode == 0


def test_what_has_a_patient_is_kept(portal: Portal, laboratory: Laboratory) -> None:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    _, report_id = sent(portal, laboratory, bundle("1"))
    assert step(portal, days=4000) == 0
    assert not destroy_waiting(
        portal.opened.ledger, report_id, now=datetime.now(UTC) + 2 * YEAR, kept_for=YEAR, by=BY
    )
    assert len(cabinet.reports_of(portal.opened.ledger, anna)) == 1


def test_a_new_version_begins_the_waiting_anew(portal: Portal, laboratory: Laboratory) -> None:
    _, report_id = sent(portal, laboratory, bundle("1"))
    sent(portal, laboratory, bundle("1", value="73.0", status="corrected"))
    now = datetime.now(UTC)
    last = max(recorded.recorded_at for recorded in portal.opened.ledger.read(report_id))
    keep = last - now + YEAR
    assert not destroy_waiting(portal.opened.ledger, report_id, now=now, kept_for=keep, by=BY)


def test_a_report_that_comes_again_after_its_end_is_a_new_one(portal: Portal, laboratory: Laboratory) -> None:
    _, report_id = sent(portal, laboratory, bundle("1"))
    assert step(portal, days=366) == 1
    _, again = sent(portal, laboratory, bundle("1"))
    assert again != report_id


def test_what_lies_in_quarantine_is_kept_for_its_term_and_names_nobody_afterwards(
    portal: Portal, laboratory: Laboratory
) -> None:
    ledger = portal.opened.ledger
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    sent(portal, laboratory, bundle("1"))
    sealed = laboratory.seal(ANNA.family.encode())
    unread = [UUID(portal.submit(one).json()["submission_id"]) for one in (sealed, laboratory.seal(b"{}"))]
    quarantine.release(ledger, unread[1], ReleaseReason.TEST_MESSAGE, BY)
    portal.catch_up()
    document = submission.received_in_quarantine(ledger.load(unread[0], submission.evolve)[0]).document
    kept_for, now = timedelta(days=90), datetime.now(UTC)
    assert end_unused(ledger, now + timedelta(days=89), kept_for=kept_for) == 0
    assert ledger.read_document(document.document_id) == quarantine.show(ledger, unread[0], BY)
    assert end_unused(ledger, now + timedelta(days=91), kept_for=kept_for) == 2
    portal.catch_up()
    assert end_unused(ledger, now + timedelta(days=91), kept_for=kept_for) == 0
    assert {one.stream_id for one in portal.events(SubmissionDestroyed)} == set(unread)
    ledger.keys.forget()
    with pytest.raises(KeyErasedError):
        ledger.read_document(document.document_id)
    with pytest.raises(NotInQuarantineError):
        quarantine.show(ledger, unread[0], BY)
    assert intake.quarantine(ledger) == []
    assert len(cabinet.reports_of(ledger, anna)) == 1, "what was accepted has a term of its own"
    # The laboratory that repeats the envelope learns what it did at first.
    assert portal.submit(sealed).json()["submission_id"] == str(unread[0])
    for command in (("verify",), ("rebuild", "--check")):
        run = letopis(portal.opened, *command)
        assert run.returncode == 0, run.stdout


def test_the_command_destroys_nothing_that_is_young(portal: Portal, laboratory: Laboratory) -> None:
    sent(portal, laboratory, bundle("1", person=BORIS))
    run = letopis(portal.opened, "retention")
    assert (run.returncode, run.stdout.strip()) == (0, "destroyed: 0")
