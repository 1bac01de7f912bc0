"""Results as FHIR R4 resources, one version of each report: the one that stood at the end of what is exported.

Patients are pseudonyms, and what a laboratory wrote of its subject stays here: who may know a person's name takes it from
their identity. Reports that are no patient's, those that were erased, and those that were taken back since do not leave. Before a patient's results leave with
those of others, it is recorded in their own trail.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from api.exports.plan import Plan
from api.exports.rows import Batch, Row
from api.fhir.writing import fhir_resources
from domain import report as reports
from domain.reading import ReadingPurpose, RecordsExported
from domain.report import Report
from domain.values import PatientId
from ledger.codec import Circumstances
from ledger.readings import record_readings
from ledger.store import Ledger, StreamErasedError
from projections import records

TYPES = ("Patient", "DiagnosticReport", "Observation", "Specimen")
_BATCH = 100
_VERSIONS = """
SELECT a.position, a.name, a.stream_id, a.recorded_at FROM audit.entries a
WHERE a.name IN ('PatientRegistered', 'ReportReceived', 'ReportRevised') AND a.position > %s AND a.position <= %s
  AND (%s::uuid IS NULL OR a.stream_id = %s OR a.report_id IN (
      SELECT report_id FROM audit.entries own WHERE own.patient_id = %s AND own.report_id IS NOT NULL))
  AND NOT EXISTS (
      SELECT FROM audit.entries later WHERE later.report_id = a.report_id AND later.name = 'ReportRevised'
        AND later.position > a.position AND later.position <= %s)
  AND NOT EXISTS (
      SELECT FROM audit.entries gone WHERE gone.report_id = a.report_id AND gone.name = 'ReportUnmatched'
        AND gone.position > %s)
ORDER BY a.position LIMIT %s
"""


def read(ledger: Ledger, plan: Plan, *, after: int, limit: int) -> Iterator[Batch]:
    for batch in read_unrecorded(ledger, plan, after=after, limit=limit):
        _record(ledger, plan, batch.rows)
        yield batch


def read_unrecorded(ledger: Ledger, plan: Plan, *, after: int, limit: int) -> Iterator[Batch]:
    """As `read`, for who only counts: none of it may leave."""
    of = plan.patient_id
    parameters = (after, plan.until, of, of, of, plan.until, plan.until, limit)
    with records.streamed(ledger, _VERSIONS, parameters) as rows:
        while batch := list(islice(rows, _BATCH)):
            found = [(position, one) for position, *what in batch for one in _resources(ledger, plan, *what)]
            wanted = [row for row in found if not plan.types or row[1]["resourceType"] in plan.types]
            yield Batch(batch[-1][0], wanted)


def _resources(
    ledger: Ledger, plan: Plan, name: str, stream_id: UUID, recorded_at: datetime
) -> list[dict[str, Any]]:
    if name == "PatientRegistered":
        return [] if plan.patient_id not in (None, stream_id) else [_patient(stream_id, recorded_at)]
    try:
        report, _ = ledger.load(stream_id, reports.evolve, as_of=plan.until)
    except StreamErasedError:
        return []
    if not _is_wanted(report, plan):
        return []
    assert report is not None and report.patient_id is not None
    return fhir_resources(
        report.current,
        report_id=stream_id,
        version=report.current_version,
        patient_id=report.patient_id,
        recorded_at=recorded_at,
        status=report.status,
    )


def _is_wanted(report: Report | None, plan: Plan) -> bool:
    if report is None or report.patient_id is None:
        return False
    return plan.patient_id in (None, report.patient_id)


def _patient(patient_id: UUID, recorded_at: datetime) -> dict[str, Any]:
    pseudonymised = {
        "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
        "code": "PSEUDED",
    }
    return {
        "resourceType": "Patient",
        "id": str(patient_id),
        "meta": {"lastUpdated": recorded_at.isoformat(), "security": [pseudonymised]},
    }


def _record(ledger: Ledger, plan: Plan, rows: list[Row]) -> None:
    """In the trail of each whose results are about to leave."""
    if plan.patient_id is not None:  # recorded with the plan, and by `record_taken` where it is taken again
        return
    references = {one["subject"]["reference"] for _, one in rows if "subject" in one}
    record_taken(ledger, plan, [PatientId(UUID(one.removeprefix("Patient/"))) for one in sorted(references)])


def record_taken(ledger: Ledger, plan: Plan, patient_ids: Iterable[PatientId]) -> None:
    """That results of these patients are about to leave, once more."""
    readings = [
        RecordsExported(
            patient_id=patient_id,
            records=plan.records,
            form=plan.form,
            after=plan.after,
            until=plan.until,
            purpose=ReadingPurpose.COMPLIANCE,
        )
        for patient_id in patient_ids
    ]
    if readings:
        record_readings(ledger, readings, Circumstances(actor=plan.actor, correlation_id=plan.export_id))
