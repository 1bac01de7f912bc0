"""Sample reports in the ledger: asked for where a real report would arrive, and sent by the door that reports use."""

from datetime import UTC, datetime
from uuid import UUID

from domain import report, sample_report
from domain.report import UnmatchReason
from domain.sample_report import SENDER, SampleReport, SampleReportRequested
from domain.study_type import StudyType
from domain.values import LaboratoryId, OrganisationId, PatientId
from ledger.announcing import News, called_off
from ledger.codec import Circumstances
from ledger.commands import decide_again
from ledger.onboarding import laboratory_id
from ledger.permissions import permissions_of_all
from ledger.store import Ledger, Position, Write

# Why nobody is told of it any more.
SAMPLE_REMOVED = "sample-removed"


def sample_stream(ledger: Ledger, patient_id: PatientId, organisation_id: OrganisationId) -> UUID:
    return ledger.stream_id("sample-report", str(patient_id), str(organisation_id))


def sender_id(ledger: Ledger) -> LaboratoryId:
    """The id of whoever sends samples: by it a report is known for one."""
    return laboratory_id(ledger, SENDER.handle)


def load_sample(
    ledger: Ledger, patient_id: PatientId, organisation_id: OrganisationId
) -> SampleReport | None:
    return ledger.load(sample_stream(ledger, patient_id, organisation_id), sample_report.evolve)[0]


def request_sample(
    ledger: Ledger,
    patient_id: PatientId,
    organisation_id: OrganisationId,
    study_types: frozenset[StudyType],
    by: Circumstances,
) -> tuple[SampleReport, datetime]:
    """The request and when it was made. SampleReportBarredError with what would keep a report of these types back,
    SampleReportThereError. It rests on all that the permission rests on, at this very position."""
    stream_id = sample_stream(ledger, patient_id, organisation_id)

    def act() -> None:
        (permitted,) = permissions_of_all(ledger, [patient_id], organisation_id, at=datetime.now(UTC))
        state, version = ledger.load(stream_id, sample_report.evolve)
        events = sample_report.request(
            state,
            patient_id=patient_id,
            organisation_id=organisation_id,
            barrier=permitted.barrier(study_types),
        )
        if events:
            guards = permitted.report_guards
            ledger.append(Write(stream_id, version, events), circumstances=by, guards=guards)

    decide_again(act)
    sample, asked_at = None, None
    for recorded in ledger.read(stream_id):
        sample = sample_report.evolve(sample, recorded.event)  # type: ignore[arg-type]
        if isinstance(recorded.event, SampleReportRequested):
            asked_at = recorded.recorded_at
    assert sample is not None and asked_at is not None
    return sample, asked_at


def record_arrival(
    ledger: Ledger, sample: SampleReport, report_id: UUID, *, held: str | None, by: Circumstances
) -> None:
    stream_id = sample_stream(ledger, sample.patient_id, sample.organisation_id)

    def act() -> None:
        state, version = ledger.load(stream_id, sample_report.evolve)
        events = sample_report.arrive(state, report_id=report_id, held=held)
        if events:
            ledger.append(Write(stream_id, version, events), circumstances=by)

    decide_again(act)


def remove_sample(
    ledger: Ledger, patient_id: PatientId, organisation_id: OrganisationId, by: Circumstances
) -> Position | None:
    """The sample leaves the cabinet, and its history stays; None if there is none. Notices that wait are called off."""
    stream_id = sample_stream(ledger, patient_id, organisation_id)

    def act() -> Position | None:
        state, version = ledger.load(stream_id, sample_report.evolve)
        events = sample_report.remove(state)
        if not events or state is None or state.report_id is None:
            return None
        filed, filed_version = ledger.load(state.report_id, report.evolve)
        writes = [Write(stream_id, version, events)]
        if filed is not None and filed.patient_id == patient_id:
            gone = report.withdraw(filed, reason=UnmatchReason.SAMPLE_REMOVED)
            writes.append(Write(state.report_id, filed_version, gone, state.report_id))
            news = News(patient_id=patient_id, report_id=state.report_id, report_version=1)
            writes += called_off(ledger, news, reason=SAMPLE_REMOVED)
        return ledger.append(*writes, circumstances=by)

    return decide_again(act)
