"""Measurements as the person who looks may see them: of reports that they may see, each reading recorded before the
page leaves."""

from collections.abc import Collection, Iterable
from uuid import UUID

from api.portal.seen_reports import purpose_of, seen_reports, sees_everything
from api.portal.web import Visit
from domain.reading import Medium, ReportRead
from domain.trend import Measurement
from ledger import onboarding
from ledger.commands import load_patient
from ledger.readings import record_readings
from ledger.store import Ledger
from ledger.talk_first import load_talk_first
from projections import analytes
from projections.analytes import ListedAnalyte, Sighted

REPORTS_MAX = 10_000


def sighted(person: Visit) -> Sighted:
    """Of which reports the person may know that they are there, and what they measured: all of the cabinet for most,
    else those that `seen_reports` gives."""
    if sees_everything(person) and not load_talk_first(person.ledger, person.patient_id).is_on:
        return analytes.ALL
    return Sighted(only=frozenset(row.report_id for row in seen_reports(person, limit=REPORTS_MAX)))


def seen_analytes(person: Visit, of: Sighted) -> list[ListedAnalyte]:
    return analytes.analytes_of(person.ledger, person.patient_id, of)


def record_shown(person: Visit, shown: Iterable[Measurement], medium: Medium) -> None:
    """One reading for each report whose values the page shows, all in one append."""
    reports = {one.report_id: one.report_version for one in shown}
    record_reports_shown(person, reports, medium)


def record_reports_shown(person: Visit, reports: dict[UUID, int], medium: Medium) -> None:
    """`reports` are those of which anything is shown, each with its version."""
    if reports:
        record_readings(
            person.ledger,
            (
                ReportRead(
                    patient_id=person.patient_id,
                    report_id=report_id,
                    report_version=version,
                    purpose=purpose_of(person),
                    medium=medium,
                )
                for report_id, version in reports.items()
            ),
            person.by(),
        )


def patient_of(person: Visit) -> dict[str, str] | None:
    """Whose the page is, for the printed sheet."""
    profile = load_patient(person.ledger, person.patient_id).profile
    if profile is None:
        return None
    return {"name": profile.full_name, "birth_date": profile.birth_date}


def laboratory_names(ledger: Ledger, laboratory_ids: Collection[UUID]) -> dict[UUID, str]:
    return {one: onboarding.laboratory_of_id(ledger, one).name for one in set(laboratory_ids)}
