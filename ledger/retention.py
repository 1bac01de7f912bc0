"""Retention: what waits for a patient, or lies unused, longer than it may be kept is destroyed, by an event."""

from datetime import datetime, timedelta
from uuid import UUID

from domain import report, submission
from domain.report import DestructionReason
from ledger.codec import Circumstances
from ledger.commands import decide_again
from ledger.filing import content_mark_of
from ledger.insertion import Erasure
from ledger.misfiling import ReportMovedError, ReportNotFoundError, load_report
from ledger.store import Ledger, Write


def destroy_waiting(
    ledger: Ledger, report_id: UUID, *, now: datetime, kept_for: timedelta, by: Circumstances
) -> bool:
    """Destroy the report's data key if it has waited so long since its last version; whether it was.

    The key of a submission goes with the last of its reports: the bytes that the laboratory sent hold the
    same data, and those of its other reports."""

    def act() -> bool:
        try:
            state, version = load_report(ledger, report_id)
        except ReportNotFoundError:
            return False
        arrived = max(recorded.recorded_at for recorded in ledger.read(report_id))
        if state.patient_id is not None or now - arrived < kept_for:
            return False
        destroyed = report.destroy(state, reason=DestructionReason.RETENTION_ENDED)
        ended = [one for one in set(state.submissions) if _ends(ledger, one, report_id)]
        ledger.append(
            Write(report_id, version, (destroyed,)),
            circumstances=by,
            released=content_mark_of(ledger, report_id, state),
            erased=[Erasure(subject) for subject in (report_id, *ended)],
        )
        return True

    return decide_again(act)


def destroy_unused(
    ledger: Ledger, submission_id: UUID, *, now: datetime, kept_for: timedelta, by: Circumstances
) -> bool:
    """Destroy the key of a submission that arrived so long ago and of which nothing was recorded; whether it was. What
    can't be read can't be searched for a patient who is erased, so nothing of the kind is kept for longer."""

    def act() -> bool:
        state, version = ledger.load(submission_id, submission.evolve)
        arrived = next(ledger.read(submission_id)).recorded_at
        events = submission.destroy(state, age=now - arrived, kept_for=kept_for)
        erased = [Erasure(submission_id)] if events else []
        ledger.append(Write(submission_id, version, events), circumstances=by, erased=erased)
        return bool(events)

    return decide_again(act)


def _ends(ledger: Ledger, submission_id: UUID, report_id: UUID) -> bool:
    """Whether nothing is left of the submission's reports once this one is destroyed."""
    state, _ = ledger.load(submission_id, submission.evolve)
    reports = {found.report_id for found in state.accepted} if state else set()
    return {_goes_on_as(ledger, one) for one in reports} <= {report_id, None}


def _goes_on_as(ledger: Ledger, report_id: UUID) -> UUID | None:
    """The id under which the report goes on, if it does."""
    while True:
        try:
            load_report(ledger, report_id)
        except ReportMovedError as error:
            report_id = error.successor_id
        except ReportNotFoundError:
            return None
        else:
            return report_id
