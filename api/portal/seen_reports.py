"""Reports as the person who looks may see them: all of them to the patient; to a guardian, what the law and the
ward let. Every page that shows anything of reports asks here, and records by what right it was shown."""

from collections.abc import Sequence
from uuid import UUID

from api.portal.web import Visit
from domain.admission import section_of
from domain.guardian_sight import Sight
from domain.guardianship import ALL_SECTIONS
from domain.laboratory import Laboratory
from domain.reading import ReadingPurpose
from ledger import onboarding
from projections import cabinet
from projections.cabinet import ReportRow


def seen_reports(person: Visit, *, limit: int = 100) -> list[ReportRow]:
    """The reports of the cabinet that is looked at, new ones first.

    What a guardian may not see is not counted either: that there is such a study is the ward's secret too
    (323-ФЗ art. 13)."""
    rows = cabinet.reports_of(person.ledger, person.patient_id, limit=limit)
    if person.acting is None:
        return rows
    issuers = {row.laboratory_id for row in rows}
    known = {issuer: onboarding.laboratory_of_id(person.ledger, issuer) for issuer in issuers}
    return [row for row in rows if _is_covered(person.acting.sight, known[row.laboratory_id], row)]


def titles_of(person: Visit, report_ids: Sequence[UUID]) -> dict[UUID, str | None]:
    """What those of the reports are called that are in the visitor's own cabinet."""
    assert person.acting is None
    rows = cabinet.reports_of(person.ledger, person.patient_id, only=list(report_ids), limit=len(report_ids))
    return {row.report_id: row.summary.title for row in rows if row.summary is not None}


def seen_report(person: Visit, report_id: UUID) -> tuple[ReportRow, int] | None:
    """One report, and the position of its current version; None if it is not there for this person."""
    found = cabinet.report_of(person.ledger, person.patient_id, report_id)
    if found is None or person.acting is None:
        return found
    laboratory = onboarding.laboratory_of_id(person.ledger, found[0].laboratory_id)
    return found if _is_covered(person.acting.sight, laboratory, found[0]) else None


def sees_everything(person: Visit) -> bool:
    """Whether nothing of the cabinet is kept from the person: what is counted without being looked at may be
    told to them."""
    return person.acting is None or person.acting.sight.sections == ALL_SECTIONS


def purpose_of(person: Visit) -> ReadingPurpose:
    """By what right the person reads."""
    return ReadingPurpose.LEGAL_REPRESENTATIVE if person.acting else ReadingPurpose.OWN_CABINET


def _is_covered(sight: Sight, laboratory: Laboratory, row: ReportRow) -> bool:
    if row.summary is None:
        return False
    # A department may file a report in another section than its codes say: both must be open.
    section = section_of(laboratory, row.summary.filing)
    return sight.covers(frozenset(row.summary.filing.study_types) | ({section} if section else frozenset()))
