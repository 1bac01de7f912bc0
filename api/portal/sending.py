"""«Отправить на электронную почту»: a result's document, sealed, to the patient's own address (S128); and its password,
for whom the SMS did not reach."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from api.portal.masks import masked_email, masked_phone
from api.portal.seen_reports import purpose_of, seen_report
from api.portal.web import Actor, Form, Person, Visit, go, told
from api.problems import ProblemError, explain
from api.sealed_files import password_of
from domain import document_sending
from domain.channel import Channel
from domain.consent import ConsentKind
from domain.permission import address_barrier, document_barrier
from domain.reading import DocumentPasswordRead
from domain.receiving import DocumentFormat
from domain.values import PatientId
from ledger import commands
from ledger.document_sending import SentDocument, ask_for_document, sent_documents
from ledger.misfiling import ReportNotFoundError
from ledger.permissions import notices_permitted
from ledger.receiving import load_receiving
from projections import cabinet
from projections.cabinet import ReportRow

router = APIRouter(include_in_schema=False)
CONSENT = ConsentKind.RESULTS_BY_EMAIL


@router.get("/reports/{report_id}/send")
def sending_page(person: Person, report_id: UUID) -> Response:
    """What goes where, before anything goes."""
    row = _report(person, report_id)
    person.require_step_up()
    return _page(person, row)


@router.post("/reports/{report_id}/send")
def send(person: Actor, form: Form, report_id: UUID) -> Response:
    row = _report(person, report_id)
    person.require_step_up()
    try:
        chosen = _format(form)
        ask_for_document(person.ledger, _patient(person), report_id, form=chosen, by=person.by())
    except ReportNotFoundError:
        raise ProblemError("not-found") from None
    except document_sending.DocumentNotPermittedError as refused:
        is_consent = refused.reason.startswith("documents-consent")
        return _page(person, row, "document-consent-missing" if is_consent else "document-not-permitted")
    except document_sending.DocumentJustSentError:
        return _page(person, row, "document-just-sent")
    except document_sending.DocumentSentOftenError:
        return _page(person, row, "document-sent-often")
    return go(f"/reports/{report_id}/send", notice="document-asked")


@router.get("/reports/{report_id}/documents/{notification_id}")
def password_page(person: Person, report_id: UUID, notification_id: UUID) -> Response:
    """The password, shown once more; that it was is recorded before."""
    row = _report(person, report_id)
    person.require_step_up()
    found = next((one for one in _documents(person, row) if one.notification_id == notification_id), None)
    if found is None:
        raise ProblemError("not-found")
    shown = DocumentPasswordRead(
        patient_id=person.patient_id,
        report_id=report_id,
        report_version=found.report_version,
        notification_id=notification_id,
        purpose=purpose_of(person),
    )
    commands.record_reading(person.ledger, shown, person.by())
    return person.page(
        "document_password.html",
        report={"id": str(report_id), "title": _title(row)},
        document=_shown(found),
        password=password_of(person.ledger.custody, notification_id),
    )


def _patient(person: Visit) -> PatientId:
    """The document is nobody's but the patient's: a guardian sees the result in the ward's cabinet."""
    if person.acting is not None:
        raise ProblemError("not-for-a-ward")
    return person.patient_id


def _report(person: Visit, report_id: UUID) -> ReportRow:
    _patient(person)
    found = seen_report(person, report_id)
    if found is None or found[0].summary is None:
        raise ProblemError("not-found")
    return found[0]


def _title(row: ReportRow) -> str:
    return (row.summary.title if row.summary else None) or "—"


def _format(form: dict[str, str]) -> DocumentFormat:
    try:
        return DocumentFormat(form.get("format", ""))
    except ValueError:
        raise ProblemError("request-malformed", "format") from None


def _documents(person: Visit, row: ReportRow) -> list[SentDocument]:
    seen = cabinet.versions_of(person.ledger, person.patient_id, row.report_id)
    return sent_documents(
        person.ledger, person.patient_id, row.report_id, *(version.version for version in seen)
    )


def _shown(one: SentDocument) -> dict[str, Any]:
    return {
        "id": str(one.notification_id),
        "version": one.report_version,
        "format": one.form.value,
        "status": one.status.value,
        "asked_at": one.asked_at,
        "is_by_hand": one.is_by_hand,
    }


def _page(person: Visit, row: ReportRow, problem: str | None = None) -> Response:
    grounds, _ = notices_permitted(person.ledger, person.patient_id, at=datetime.now(UTC))
    patient = grounds.patient
    chosen = load_receiving(person.ledger, person.patient_id).settings.document_format
    return person.page(
        "sending.html",
        status=explain(problem).status if problem else 200,
        errors=told(ProblemError(problem, "form"), person.locale) if problem else {},
        report={"id": str(row.report_id), "title": _title(row), "version": row.version},
        consent_href=None
        if document_barrier(grounds) is None
        else f"/consents/{CONSENT}?report={row.report_id}",
        email=masked_email(patient.email) if patient is not None and patient.email else None,
        email_barrier=address_barrier(grounds, Channel.EMAIL),
        phone=masked_phone(patient.phone) if patient is not None and patient.phone else None,
        phone_barrier=address_barrier(grounds, Channel.SMS),
        formats=[one.value for one in DocumentFormat],
        chosen=chosen.value,
        documents=[_shown(one) for one in reversed(_documents(person, row))],
    )
