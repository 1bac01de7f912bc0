"""Reports as the person who looks may see them: all of them to the patient; to a guardian, what the law and the
ward let. Every page that shows anything of reports asks here, and records by what right it was shown.

What the patient wished to see only after a talk with a doctor is left out, unless a page asks for it and says
nothing of what it holds."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from api.portal.web import Visit
from api.problems import ProblemError
from domain.guardian_sight import Sight
from domain.guardianship import ALL_SECTIONS
from domain.laboratory import Laboratory
from domain.reading import ReadingPurpose
from ledger import onboarding
from projections import cabinet
from projections.cabinet import ReportRow
from projections.cabinet_kept import kept_reports, sections_of


def seen_reports(
    person: Visit, *, limit: int = 100, even_kept: bool = False, only: Sequence[UUID] | None = None
) -> list[ReportRow]:
    """The reports of the cabinet that is looked at, new ones first; `only` these, where they are named.

    What a guardian may not see is not counted either: that there is such a study is the ward's secret too
    (323-ФЗ art. 13). With `even_kept` those that wait for a talk are there too, without a summary."""
    rows = cabinet.reports_of(
        person.ledger, person.patient_id, only=None if only is None else list(only), limit=limit
    )
    if person.acting is not None:
        issuers = {row.laboratory_id for row in rows}
        known = {issuer: onboarding.laboratory_of_id(person.ledger, issuer) for issuer in issuers}
        rows = [row for row in rows if covers(person.acting.sight, known[row.laboratory_id], row)]
    kept = kept_from(person, rows)
    if even_kept:
        return [replace(row, summary=None) if row.report_id in kept else row for row in rows]
    return [row for row in rows if row.report_id not in kept]


def own_reports(person: Visit, *, limit: int) -> tuple[list[ReportRow], int]:
    """The reports of the visitor's own cabinet, and how many more wait for a talk with a doctor, as they wished."""
    assert person.acting is None
    rows = cabinet.reports_of(person.ledger, person.patient_id, limit=limit)
    kept = kept_from(person, rows)
    return [row for row in rows if row.report_id not in kept], len(kept)


def titles_of(person: Visit, report_ids: Sequence[UUID]) -> dict[UUID, str | None]:
    """What those of the reports are called that are in the visitor's own cabinet, and do not wait for a talk."""
    assert person.acting is None
    rows = cabinet.reports_of(person.ledger, person.patient_id, only=list(report_ids), limit=len(report_ids))
    kept = kept_from(person, rows)
    return {
        row.report_id: row.summary.title
        for row in rows
        if row.summary is not None and row.report_id not in kept
    }


def seen_report(person: Visit, report_id: UUID, *, even_kept: bool = False) -> tuple[ReportRow, int] | None:
    """One report, and the position of its current version; None if it is not there for this person.

    `report-kept` of one that waits for a talk; with `even_kept` it is given, and the page must say nothing of what
    it holds."""
    found = cabinet.report_of(person.ledger, person.patient_id, report_id)
    if found is not None and person.acting is not None:
        laboratory = onboarding.laboratory_of_id(person.ledger, found[0].laboratory_id)
        found = found if covers(person.acting.sight, laboratory, found[0]) else None
    if found is not None and not even_kept and kept_from(person, [found[0]]):
        raise ProblemError("report-kept")
    return found


def kept_from(person: Visit, rows: Sequence[ReportRow]) -> frozenset[UUID]:
    """Which of the rows wait for a talk. Not from a guardian who decides by law: the wish is the ward's own."""
    if person.acting is not None and person.acting.sight.may_act:
        return frozenset()
    return kept_reports(person.ledger, person.patient_id, rows)


def sees_everything(person: Visit) -> bool:
    """Whether nothing of the cabinet is kept from the person: what is counted without being looked at may be
    told to them."""
    return person.acting is None or person.acting.sight.sections == ALL_SECTIONS


def purpose_of(person: Visit) -> ReadingPurpose:
    """By what right the person reads."""
    return ReadingPurpose.LEGAL_REPRESENTATIVE if person.acting else ReadingPurpose.OWN_CABINET


def covers(sight: Sight, laboratory: Laboratory | None, row: ReportRow) -> bool:
    """Whether a guardian of this sight may see the report."""
    if row.summary is None:
        return False
    # A department may file a report in another section than its codes say: both must be open.
    return sight.covers(sections_of(laboratory, row))
