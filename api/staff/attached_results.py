"""What a patient attached to a consultation, as its doctor sees it: names and how much is outside of the range."""

from datetime import datetime
from typing import Any

from api.result_article import title_of_result
from api.result_sheet import DocumentUnavailableError, sheet_of
from api.staff.web import StaffVisit
from domain.consultation import Consultation
from domain.reading import ReadingPurpose, ReportsListed
from domain.values import PatientId
from ledger import commands, sharing
from projections.cabinet_kept import is_kept
from projections.summary import flag_word


def attached_results(visit: StaffVisit, state: Consultation, now: datetime) -> list[dict[str, Any]]:
    """The reports that the patient still gives, by name; that they were listed is recorded before. Each opens on the
    page of its share, which records it too. What the patient wished to see after a talk can be shown to them now."""
    ledger, found = visit.ledger, []
    for share_id in state.preparation.shares:
        share = sharing.load_share(ledger, share_id)
        if not share.is_active(now):
            continue
        for report_id in sharing.reports_of(ledger, share):
            try:
                sheet = sheet_of(ledger, report_id, state.patient_id)
            except DocumentUnavailableError:
                continue  # it left the cabinet a moment ago
            found.append(
                {
                    "id": str(report_id),
                    "href": f"/staff/shared/{share_id}/reports/{report_id}",
                    "trends": f"/staff/shared/{share_id}/trends",
                    "title": title_of_result(sheet.content),
                    "at": sheet.content.effective_at or sheet.content.issued_at or sheet.shown.received_at,
                    "flagged": sum(
                        flag_word(one) not in (None, "normal") for one in sheet.content.observations
                    ),
                    "may_release": is_kept(ledger, state.patient_id, report_id),
                }
            )
    if found:
        commands.record_reading(ledger, _listed(state.patient_id, len(found)), visit.by())
    return found


def _listed(patient_id: PatientId, count: int) -> ReportsListed:
    return ReportsListed(patient_id=patient_id, count=count, purpose=ReadingPurpose.TREATMENT)
