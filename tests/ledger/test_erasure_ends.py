"""With a patient's data ends what is open for them, and goes the envelope in which a laboratory sent it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from domain.session import SessionClosed
from domain.sharing import ShareRevoked
from domain.submission import ReportOutcome, SubmissionAccepted, SubmittedReport
from domain.values import Purpose
from ledger import erasure
from ledger.belongings import belongings_of
from ledger.store import Ledger
from tests.examples import EXAMPLES, MATCHED, RECEIVED, REVISED, SUBMITTED
from tests.ledger.test_erasure import TODAY, ordered, person
from tests.scenario import TESTER, recorded, rows

ALIVE = "SELECT count(*) FROM ledger.data_keys WHERE subject = %s AND wrapped IS NOT NULL"


def last_of(ledger: Ledger, stream_id: UUID) -> object:
    return list(ledger.read(stream_id))[-1].event


def test_links_and_sessions_end_in_the_append(ledger: Ledger) -> None:
    anna = person(ledger)
    share_id, session_id = uuid4(), uuid4()
    shared = replace(
        EXAMPLES["ReportsShared"][0], patient_id=anna, until=datetime.now(UTC) + timedelta(days=9)
    )
    recorded(ledger, share_id, shared)
    recorded(ledger, session_id, replace(EXAMPLES["SessionOpened"][0], patient_id=anna))
    ordered(ledger, anna)
    erasure.erase(ledger, anna, TESTER, today=TODAY)
    assert last_of(ledger, share_id) == ShareRevoked()
    assert isinstance(last_of(ledger, session_id), SessionClosed)


def test_the_envelope_goes_with_the_report_that_it_brought(ledger: Ledger) -> None:
    anna, report_id, submission_id, other_id = person(ledger), uuid4(), uuid4(), uuid4()
    recorded(ledger, report_id, RECEIVED, replace(MATCHED, patient_id=anna), REVISED)
    for stream_id, brought in ((submission_id, report_id), (other_id, uuid4())):
        ledger.keys.key_of(stream_id, Purpose.RESULTS)
        accepted = SubmittedReport(report_id=brought, version=1, outcome=ReportOutcome.RECORDED, held=None)
        recorded(ledger, stream_id, SUBMITTED, SubmissionAccepted(reports=(accepted,)))
    assert submission_id in belongings_of(ledger, anna).submissions
    ordered(ledger, anna)
    erasure.erase(ledger, anna, TESTER, today=TODAY)
    assert rows(ledger, ALIVE, (submission_id,)) == [(0,)]
    assert rows(ledger, ALIVE, (other_id,)) == [(1,)]
