"""What waits for a talk with a doctor, in the ledger: a stream of the patient's own."""

from collections.abc import Callable, Iterable
from uuid import UUID

from domain import talk_first
from domain.study_type import StudyType
from domain.talk_first import NOTHING_KEPT, TalkFirst, TalkFirstEvent
from domain.values import PatientId
from ledger.codec import Circumstances
from ledger.commands import decide_again
from ledger.misfiling import ReportNotFoundError, load_report
from ledger.recorder import Guard
from ledger.store import Ledger, Position, Write


def talk_first_stream(ledger: Ledger, patient_id: PatientId) -> UUID:
    return ledger.stream_id("talk-first", str(patient_id))


def load_talk_first(ledger: Ledger, patient_id: PatientId) -> TalkFirst:
    """What the patient chose; nothing waits for who never chose anything."""
    ((state, _),) = ledger.load_all((talk_first_stream(ledger, patient_id), talk_first.evolve))
    return state or NOTHING_KEPT


def choose(
    ledger: Ledger,
    patient_id: PatientId,
    sections: frozenset[StudyType],
    by: Circumstances,
    *,
    includes_others: bool = False,
) -> Position:
    return _decide(
        ledger,
        patient_id,
        lambda state: talk_first.choose(
            state, patient_id=patient_id, sections=sections, includes_others=includes_others
        ),
        by,
    )


def show(ledger: Ledger, patient_id: PatientId, report_id: UUID, by: Circumstances) -> Position:
    """The patient has it shown without waiting. ReportNotFoundError if the report is not theirs."""
    return _decide(
        ledger,
        patient_id,
        lambda state: talk_first.show(state, patient_id=patient_id, report_id=report_id),
        by,
        report_id=report_id,
    )


def release(ledger: Ledger, patient_id: PatientId, report_id: UUID, by: Circumstances) -> Position:
    """A doctor releases it after the talk. ReportNotFoundError if the report is not the patient's."""
    return _decide(
        ledger,
        patient_id,
        lambda state: talk_first.release(state, patient_id=patient_id, report_id=report_id),
        by,
        report_id=report_id,
    )


def _decide(
    ledger: Ledger,
    patient_id: PatientId,
    decide: Callable[[TalkFirst | None], Iterable[TalkFirstEvent]],
    by: Circumstances,
    *,
    report_id: UUID | None = None,
) -> Position:
    """One decision; a report that it is about must still be the patient's at its position."""
    stream_id = talk_first_stream(ledger, patient_id)

    def act() -> Position:
        guards: tuple[Guard, ...] = ()
        if report_id is not None:
            report, report_version = load_report(ledger, report_id)
            if report.patient_id != patient_id:
                raise ReportNotFoundError
            guards = (Guard(report_id, report_version),)
        ((state, version),) = ledger.load_all((stream_id, talk_first.evolve))
        events = tuple(decide(state))
        if not events:
            return Position(0, ())
        return ledger.append(Write(stream_id, version, events, patient_id), circumstances=by, guards=guards)

    return decide_again(act)
