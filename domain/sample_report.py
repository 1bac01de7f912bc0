"""Sample report: a patient sees that the way from an organisation to the cabinet works, by a report that is no
result (S51). The system itself sends it, signed with a key of its own, by the door that laboratories use.

The stream is of one patient and one organisation.
"""

from dataclasses import dataclass, replace
from typing import assert_never
from uuid import UUID

from domain.laboratory import LaboratoryRegistered
from domain.values import OrganisationId, PatientId

# Whoever sends samples. It is no organisation: it has no numbers, and nobody links it.
SENDER = LaboratoryRegistered(
    handle="letopis-sample", name="Летопись: образец анализа", inn="0" * 10, ogrn="0" * 13
)

# Events: what happened.


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleReportRequested:
    """The patient asked for a sample report, as if this organisation had sent it; nothing kept it back then."""

    patient_id: PatientId
    organisation_id: OrganisationId


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleReportArrived:
    """The sample was filed: in the cabinet, unless `held` says what kept it back meanwhile."""

    report_id: UUID
    held: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleReportRemoved:
    """The patient has seen it, and wants it out of the cabinet."""

    report_id: UUID


SampleReportEvent = SampleReportRequested | SampleReportArrived | SampleReportRemoved

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleReport:
    """`number` counts the requests; `is_awaited` from the request to the arrival. `report_id` is of the one that is in
    the cabinet now."""

    patient_id: PatientId
    organisation_id: OrganisationId
    number: int = 0
    is_awaited: bool = False
    report_id: UUID | None = None
    held: str | None = None


def evolve(sample: SampleReport | None, event: SampleReportEvent) -> SampleReport:
    """Replay one event. Never refuses."""
    if isinstance(event, SampleReportRequested):
        known = sample or SampleReport(patient_id=event.patient_id, organisation_id=event.organisation_id)
        return replace(known, number=known.number + 1, is_awaited=True, held=None)
    assert sample is not None
    match event:
        case SampleReportArrived():
            arrived = None if event.held else event.report_id
            return replace(sample, is_awaited=False, report_id=arrived, held=event.held)
        case SampleReportRemoved():
            return replace(sample, report_id=None)
        case _:
            assert_never(event)


# Decisions.


class SampleReportBarredError(Exception):
    """A report of this organisation would not reach the patient now; `code` says why (domain/permission)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class SampleReportThereError(Exception):
    """The cabinet has a sample of this organisation already: look at it, or remove it first."""


def request(
    sample: SampleReport | None,
    *,
    patient_id: PatientId,
    organisation_id: OrganisationId,
    barrier: str | None,
) -> tuple[SampleReportRequested, ...]:
    """Ask for one. Nothing if it is awaited: then it only has to be sent."""
    if sample is not None and sample.is_awaited:
        return ()
    if sample is not None and sample.report_id is not None:
        raise SampleReportThereError
    if barrier is not None:
        raise SampleReportBarredError(barrier)
    return (SampleReportRequested(patient_id=patient_id, organisation_id=organisation_id),)


def arrive(
    sample: SampleReport | None, *, report_id: UUID, held: str | None
) -> tuple[SampleReportArrived, ...]:
    """Nothing if it was said before: who sends may die after sending, and sends again."""
    if sample is None or not sample.is_awaited:
        return ()
    return (SampleReportArrived(report_id=report_id, held=held),)


def remove(sample: SampleReport | None) -> tuple[SampleReportRemoved, ...]:
    if sample is None or sample.report_id is None:
        return ()
    return (SampleReportRemoved(report_id=sample.report_id),)
