"""Which of a patient's reports wait for a talk with a doctor, as the patient wished: asked by whatever shows them."""

from collections.abc import Sequence
from uuid import UUID

from domain.admission import section_of
from domain.laboratory import Laboratory
from domain.study_type import StudyType
from domain.values import PatientId
from ledger import onboarding
from ledger.store import Ledger
from ledger.talk_first import load_talk_first
from projections.cabinet import ReportRow, report_of


def kept_reports(ledger: Ledger, patient_id: PatientId, rows: Sequence[ReportRow]) -> frozenset[UUID]:
    """Those of the rows that wait. Most patients keep nothing, and for them no laboratory is looked up."""
    wish = load_talk_first(ledger, patient_id)
    if not wish.is_on:
        return frozenset()
    unread = [row for row in rows if not row.was_read and row.summary is not None]
    issuers = {row.laboratory_id for row in unread}
    laboratories = {one: onboarding.laboratory_of_id(ledger, one) for one in issuers}
    return frozenset(
        row.report_id
        for row in unread
        if wish.keeps(row.report_id, sections_of(laboratories[row.laboratory_id], row), is_read=False)
    )


def is_kept(ledger: Ledger, patient_id: PatientId, report_id: UUID) -> bool:
    """Whether this report of the patient waits; False for one that is not in their cabinet."""
    found = report_of(ledger, patient_id, report_id)
    return found is not None and bool(kept_reports(ledger, patient_id, [found[0]]))


def sections_of(laboratory: Laboratory | None, row: ReportRow) -> frozenset[StudyType]:
    """Where the report belongs by its codes, and where a department files it: either may be what is meant."""
    if row.summary is None:
        return frozenset()
    section = section_of(laboratory, row.summary.filing) if laboratory else None
    return frozenset(row.summary.filing.study_types) | ({section} if section else frozenset())
