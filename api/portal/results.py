"""Pages where a patient reads: reports, one report, who looked. Each reading is recorded before the page leaves."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from api.pages import phrase
from api.portal.report_view import patient_name, shown_observations, text_of
from api.portal.seen_reports import purpose_of, seen_report, seen_reports
from api.portal.web import Person, Visit
from api.problems import ProblemError
from domain.admission import section_of
from domain.laboratory import Laboratory
from domain.reading import AccessLogRead, ReadingPurpose, ReportRead, ReportsListed
from domain.report import ReportReceived, ReportRevised
from domain.report_content import ReportContent
from domain.values import PatientId
from ledger import code_maps, commands, guardianship, onboarding, staff
from ledger.codec import RecordedEvent
from projections import audit, cabinet, transparency
from projections import guardianship as guardianships
from projections.cabinet import ReportRow
from projections.summary import summarise, title_of

router = APIRouter(include_in_schema=False)
_ACTIONS = {
    "ReportRead": "viewed",
    "ReportsListed": "listed",
    "AccessLogRead": "access-log-viewed",
    "ProposalRead": "compared",
    "IdentityRead": "identity-viewed",
    "ScanRead": "scan-viewed",
    "AppealRead": "appeal-read",
    "DocumentPasswordRead": "password-viewed",
    "CardNumberRead": "card-viewed",
}


@router.get("/reports")
def reports_page(person: Person) -> Response:
    rows = [row for row in seen_reports(person) if row.summary is not None]
    reading = ReportsListed(patient_id=person.patient_id, count=len(rows), purpose=purpose_of(person))
    commands.record_reading(person.ledger, reading, person.by())
    names = _laboratory_names(person)
    issuers = {row.laboratory_id for row in rows}
    laboratories = {found: onboarding.laboratory_of_id(person.ledger, found) for found in issuers}
    return person.page(
        "reports.html",
        new_count=sum(row.is_new for row in rows),
        reports=[_listed(row, names, laboratories[row.laboratory_id]) for row in rows],
        next_step_href="/services",
    )


def _listed(row: ReportRow, names: dict[UUID, str], laboratory: Laboratory) -> dict[str, Any]:
    summary = row.summary
    assert summary is not None
    return {
        "id": str(row.report_id),
        "title": summary.title or "—",
        "laboratory": names.get(row.laboratory_id) or summary.laboratory or "—",
        "section": section_of(laboratory, summary.filing),
        "status": row.status,
        "issued_at": summary.issued_at,
        "collected_at": summary.collected_at,
        "received_at": row.received_at,
        "is_new": row.is_new,
        "flagged": summary.flagged,
        "critical": summary.critical,
        "observations": summary.observations,
    }


@router.get("/reports/{report_id}")
def report_page(person: Person, report_id: UUID) -> Response:
    patient_id = person.patient_id
    found = seen_report(person, report_id)
    if found is None:
        raise ProblemError("not-found")
    row, position = found
    recorded = person.ledger.read_all(after=position - 1, limit=1)[0]
    if not isinstance(recorded.event, ReportReceived | ReportRevised):
        raise ProblemError("not-found")
    content = recorded.event.content
    reading = ReportRead(
        patient_id=patient_id, report_id=report_id, report_version=row.version, purpose=purpose_of(person)
    )
    commands.record_reading(person.ledger, reading, person.by())
    return person.page(
        "report.html",
        report=_report(person, row, content),
        observations=shown_observations(
            content, person.locale, code_maps.load(person.ledger, row.laboratory_id)
        ),
        leaf=_leaf(person, recorded),
    )


def _report(person: Visit, row: ReportRow, content: ReportContent) -> dict[str, Any]:
    names = _laboratory_names(person)
    summary = summarise(content)
    kinds = [title_of(specimen.kind) for specimen in content.specimens]
    return {
        "id": str(row.report_id),
        "title": summary.title or "—",
        "laboratory": names.get(row.laboratory_id) or content.performer or "—",
        "section": section_of(onboarding.laboratory_of_id(person.ledger, row.laboratory_id), summary.filing),
        "status": row.status,
        "issued_at": content.issued_at,
        "collected_at": summary.collected_at,
        "received_at": row.received_at,
        "specimen": ", ".join(dict.fromkeys(kind for kind in kinds if kind)) or None,
        "conclusion": content.conclusion or text_of(content.conclusion_codes),
        "notes": list(content.notes),
        "version": row.version,
        "can_send": person.acting is None,
        "held": cabinet.held_reason(person.ledger, person.patient_id, row.report_id),
        "versions": [
            {"version": version.version, "status": version.status, "received_at": version.received_at}
            for version in cabinet.versions_of(person.ledger, person.patient_id, row.report_id)
        ],
        "patient": {"name": patient_name(content.subject), "birth_date": content.subject.birth_date},
        "attachments": [
            {"title": found.title, "content_type": found.content_type, "size_bytes": found.size_bytes}
            for found in content.attachments
        ],
    }


def _leaf(person: Visit, recorded: RecordedEvent) -> dict[str, Any] | None:
    signed = transparency.latest(person.ledger)
    index = transparency.leaf_index_of(person.ledger, recorded.event_id)
    if signed is None or index is None or index >= signed.tree_size:
        return None
    return {"index": index, "tree_size": signed.tree_size, "event_id": str(recorded.event_id)}


@router.get("/access")
def access_page(person: Person) -> Response:
    patient_id = person.patient_id
    reading = AccessLogRead(patient_id=patient_id, purpose=purpose_of(person))
    commands.record_reading(person.ledger, reading, person.by())
    titles = _titles(person)
    patient = commands.load_patient(person.ledger, patient_id)
    own_name = ""
    if patient.profile is not None:
        own_name = f"{patient.profile.family} {patient.profile.given}"
    found = audit.readings_of(person.ledger, patient_id)
    registrars = _registrars(person, {entry.actor for entry in found})
    known_names = _guardians(person, patient_id) | registrars
    entries = [
        {
            "at": entry.recorded_at,
            "who": own_name
            if entry.actor == f"patient:{patient_id}"
            else known_names.get(entry.actor, entry.actor),
            "role_id": f"access.role.{'registrar' if entry.actor in registrars else _role_of(entry)}",
            "action_id": f"access.action.{_ACTIONS[entry.name]}",
            "what": (titles.get(entry.report_id) if entry.report_id else None) or "—",
            "purpose_id": f"access.purpose.{entry.detail['purpose']}",
            "consent_version": None,
        }
        for entry in found
        if person.acting is None or entry.report_id is None or entry.report_id in titles
    ]
    return person.page("access.html", entries=entries)


def _titles(person: Visit) -> dict[UUID, str | None]:
    """What the reports that the person may see are called."""
    rows = seen_reports(person, limit=1000)
    return {row.report_id: row.summary.title for row in rows if row.summary is not None}


def _role_of(entry: audit.Entry) -> str:
    is_guardian = entry.detail["purpose"] == ReadingPurpose.LEGAL_REPRESENTATIVE
    return "guardian" if is_guardian else entry.actor.partition(":")[0]


def _registrars(person: Visit, actors: set[str]) -> dict[str, str]:
    """The organisation of each who works for one: a registrar is no member of the service's staff."""
    handles = (actor.removeprefix("staff:") for actor in actors if actor.startswith("staff:"))
    members = (staff.load_member(person.ledger, staff.member_id_of(person.ledger, one)) for one in handles)
    return {
        f"staff:{one.handle}": onboarding.laboratory_of_id(person.ledger, one.organisation_id).name
        for one in members
        if one is not None and one.organisation_id is not None
    }


def _guardians(person: Visit, patient_id: PatientId) -> dict[str, str]:
    """What each who represents the patient, or did, is to them."""
    found = guardianships.relations_of_ward(person.ledger, patient_id)
    kinds = {
        row.guardian_id: guardianship.look(person.ledger, row.guardianship_id).state.kind for row in found
    }
    return {
        f"patient:{guardian_id}": phrase(f"guardianship.kind.{kind}", locale=person.locale)
        for guardian_id, kind in kinds.items()
    }


def _laboratory_names(person: Visit) -> dict[UUID, str]:
    return {row.laboratory_id: row.name for row in cabinet.laboratories(person.ledger, limit=1000)}
