"""Measurements: the values that a patient's reports have of what was measured, opened from the reports themselves."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from domain import report as reports
from domain.analyte import SentCode, measured
from domain.comparison import Measured
from domain.report import Report
from domain.report_content import (
    Component,
    Observation,
    ObservationStatus,
    ReportContent,
    ReportStatus,
    Value,
)
from domain.trend import Measurement
from domain.values import PatientId
from ledger.store import Ledger
from projections.analytes import digest_of
from projections.summary import flag_word, stated_word

_VOID = frozenset({ObservationStatus.CANCELLED, ObservationStatus.ENTERED_IN_ERROR})
_VOID_REPORTS = frozenset({ReportStatus.CANCELLED, ReportStatus.ENTERED_IN_ERROR})
_EARLY = frozenset({ObservationStatus.REGISTERED, ObservationStatus.PRELIMINARY})
_CORRECTED = frozenset({ObservationStatus.CORRECTED, ObservationStatus.AMENDED})


@dataclass(frozen=True, slots=True)
class Opened:
    """A report of the patient's, and what the version that they have measured."""

    report_id: UUID
    report: Report
    measured: tuple[Measured, ...]

    @property
    def version(self) -> int:
        return self.report.held_at or self.report.current_version

    @property
    def content(self) -> ReportContent:
        return self.report.shown


def opened_reports(ledger: Ledger, patient_id: PatientId, report_ids: Collection[UUID]) -> list[Opened]:
    """The patient's reports among these, by one query; those that were erased or taken away are left out."""
    asked = list(report_ids)
    found = ledger.load_unerased(*((report_id, reports.evolve) for report_id in asked)) if asked else []
    states = [
        (report_id, folded[0]) for report_id, folded in zip(asked, found, strict=True) if folded is not None
    ]
    return [
        Opened(report_id, state, tuple(_measured(report_id, state)))
        for report_id, state in states
        if isinstance(state, Report) and state.patient_id == patient_id
    ]


def by_digest(
    ledger: Ledger, patient_id: PatientId, opened: Sequence[Opened]
) -> Mapping[UUID, list[Measurement]]:
    """The measurements under the digests that the view has of them, each report's in its order."""
    found: dict[UUID, list[Measurement]] = {}
    known: dict[tuple[UUID, SentCode], UUID] = {}
    for one in opened:
        for code, measurement in one.measured:
            place = (measurement.laboratory_id, code)
            if place not in known:
                known[place] = digest_of(ledger, patient_id, measurement.laboratory_id, code)
            found.setdefault(known[place], []).append(measurement)
    return found


def _measured(report_id: UUID, report: Report) -> Iterator[Measured]:
    content = report.shown
    version = report.held_at or report.current_version
    before = [_values(measured(earlier)) for earlier in report.versions[: version - 1]]
    parts = list(measured(content))
    shown = _values(parts)
    for code, observation, component in parts:
        at, is_issue_time = _time_of(content, observation)
        part = component or observation
        assert part.value is not None
        former = _former(code, part.value, before) if shown[code] is not None else None
        yield Measured(
            code,
            Measurement(
                report_id=report_id,
                report_version=version,
                laboratory_id=report.laboratory_id,
                code=code,
                value=part.value,
                ranges=part.reference_ranges,
                flag=_flag(observation, component),
                measured_at=at,
                is_issue_time=is_issue_time,
                is_preliminary=observation.status in _EARLY,
                is_void=observation.status in _VOID or report.status in _VOID_REPORTS,
                is_corrected=observation.status in _CORRECTED or former is not None,
                former=former,
            ),
        )


def _values(
    parts: Iterable[tuple[SentCode, Observation, Component | None]],
) -> dict[SentCode, Value | None]:
    """The value under each code; None under one that stands twice, for nobody can tell which is which."""
    found: dict[SentCode, Value | None] = {}
    for code, observation, component in parts:
        found[code] = None if code in found else (component or observation).value
    return found


def _former(code: SentCode, value: Value, before: Sequence[Mapping[SentCode, Value | None]]) -> Value | None:
    """What the report said last, before it said this."""
    said = (earlier.get(code) for earlier in reversed(before))
    return next((one for one in said if one is not None and one != value), None)


def _flag(observation: Observation, component: Component | None) -> str | None:
    if component is None:
        return flag_word(observation)
    return stated_word(component.interpretation)


def _time_of(content: ReportContent, observation: Observation) -> tuple[str | None, bool]:
    """When the specimen was taken; where that is not said, when the result was issued, which is said then."""
    taken = {specimen.collected_at for specimen in content.specimens if specimen.collected_at}
    found = observation.effective_at or (next(iter(taken)) if len(taken) == 1 else content.effective_at)
    if found is not None:
        return found, False
    issued = observation.issued_at or content.issued_at
    return issued, issued is not None
