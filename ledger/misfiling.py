"""A report that was given to the wrong patient is taken back by events, and goes on under another key.

The wrong patient never had the data key, so nothing that they hold opens anything; but the report's id and
what left the house under it are known to them. So the versions are recorded again in another stream under
a new key, and the old key is destroyed in the same append. Proofs of the old events still verify.
"""

from uuid import UUID

from domain import report
from domain.report import (
    Report,
    ReportEvent,
    ReportMatched,
    ReportReceived,
    ReportRekeyed,
    ReportRevised,
    ReportUnmatched,
    UnmatchReason,
)
from domain.values import OrganisationId
from ledger.announcing import announcement_of, withdrawal_notices
from ledger.codec import Circumstances
from ledger.commands import decide_again, is_of_another
from ledger.filing import successor_of
from ledger.insertion import Erasure
from ledger.matching import match_of
from ledger.sight import Sight
from ledger.store import Ledger, StreamErasedError, Write


class ReportNotFoundError(Exception):
    """There is no such report, or its content was destroyed."""


class ReportMovedError(ReportNotFoundError):
    """The report had been given to the wrong patient, and goes on under another id."""

    def __init__(self, successor_id: UUID) -> None:
        super().__init__(successor_id)
        self.successor_id = successor_id


def undo(ledger: Ledger, report_id: UUID, by: Circumstances) -> UUID:
    """Take the report from its patient and give it to whom its numbers name, if that is somebody else; else
    it waits. The id under which it goes on.

    ReportNotFoundError, or ReportHasNoPatientError if it is nobody's."""
    return decide_again(lambda: _undo(ledger, report_id, by))


def _undo(ledger: Ledger, report_id: UUID, by: Circumstances) -> UUID:
    state, version = load_report(ledger, report_id)
    undone = report.undo_match(state)
    assert undone.patient_id is not None
    sight = Sight(ledger, OrganisationId(state.laboratory_id))
    successor_id = successor_of(sight, report_id, state)
    taken_from = {*state.not_of, undone.patient_id}
    reason = UnmatchReason.MATCHED_BY_MISTAKE
    goes_on: list[ReportEvent] = [*_versions(ledger, report_id)]
    goes_on += [ReportUnmatched(patient_id=one, reason=reason) for one in sorted(taken_from)]
    permitted = sight.permitted(undone.patient_id)
    writes = [*withdrawal_notices(ledger, permitted, report_id, state.current_version)]
    guards = [*permitted.notice_guards]
    match = match_of(sight, state.current)
    if match.permitted is not None and match.patient_id not in {None, *taken_from}:
        owner = match.permitted.patient_id
        basis = match.permitted.report_basis
        goes_on.append(ReportMatched(patient_id=owner, matched_by=match.matched_by, basis=basis))
        writes += announcement_of(ledger, match.permitted, successor_id, state)
        guards += [*match.guards, *match.permitted.notice_guards]
    ledger.append(
        Write(report_id, version, (undone, ReportRekeyed(successor_id=successor_id)), report_id),
        Write(successor_id, 0, goes_on, successor_id),
        *writes,
        circumstances=by,
        guards=guards,
        erased=(Erasure(report_id),),
    )
    return successor_id


def load_report(ledger: Ledger, report_id: UUID) -> tuple[Report, int]:
    """The report and its stream's version. ReportMovedError if it goes on under another id; ReportNotFoundError too
    if the id is of something else."""
    if is_of_another(ledger, report_id, ReportReceived):
        raise ReportNotFoundError
    try:
        state, version = ledger.load(report_id, report.evolve)
    except StreamErasedError:
        last = list(ledger.read(report_id))[-1].event
        if isinstance(last, ReportRekeyed):
            raise ReportMovedError(last.successor_id) from None
        raise ReportNotFoundError from None
    if state is None:
        raise ReportNotFoundError
    return state, version


def _versions(ledger: Ledger, report_id: UUID) -> list[report.ReportEvent]:
    """What the laboratory sent, in order of arrival, as it was recorded."""
    events = (recorded.event for recorded in ledger.read(report_id))
    return [event for event in events if isinstance(event, ReportReceived | ReportRevised)]
