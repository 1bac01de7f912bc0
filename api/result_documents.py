"""The document of a result: a PDF for people, or XML for programs; and the file of it that may go by e-mail.

It is of the version that its patient sees now: what was corrected since a notice was asked for goes out corrected.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from api.channels.notice import Attachment
from api.fhir.writing import fhir_document
from api.formats import CDA_TYPES, content_of, content_type_of
from api.pages import Locale
from api.report_attachments import bytes_of
from api.result_pdf import ResultSheet, ShownVersion, result_pdf
from api.sealed_files import password_of, sealed_pdf, sealed_zip
from domain import submission
from domain.notification import Notification
from domain.receiving import DocumentFormat
from domain.report import Report, ReportReceived, ReportRevised
from domain.report_content import Attachment as AttachedFile
from domain.values import PatientId
from ledger import code_maps, onboarding
from ledger.custody import Custody
from ledger.keys import KeyErasedError
from ledger.misfiling import ReportNotFoundError, load_report
from ledger.store import Ledger

# The file as it is attached; base64 makes a third more of it.
DOCUMENT_BYTES_MAX = 10 * 1024 * 1024


class DocumentUnavailableError(Exception):
    """There is no document to send: the report is the patient's no more, or the file is larger than mail takes.
    `code` says which."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultDocument:
    """A file of a result, not sealed."""

    file_name: str
    media_type: str
    content: bytes
    version: int


def attachment_of(
    ledger: Ledger,
    notification: Notification,
    *,
    notification_id: UUID,
    custody: Custody,
    locale: Locale,
    time_zone: str,
    bytes_max: int = DOCUMENT_BYTES_MAX,
) -> tuple[Attachment, str]:
    """The file that goes along with a notification, and its password, which is the same at every try.
    DocumentUnavailableError if the notice is to go without one."""
    document = document_of(
        ledger,
        notification.report_id,
        notification.patient_id,
        notification.carries or DocumentFormat.PDF,
        locale=locale,
        time_zone=time_zone,
    )
    password = password_of(custody, notification_id)
    attachment = _sealed(document, password)
    if len(attachment.content) > bytes_max:
        raise DocumentUnavailableError("document-too-large")
    return attachment, password


def _sealed(document: ResultDocument, password: str) -> Attachment:
    if document.media_type == "application/pdf":
        content = sealed_pdf(document.content, password)
        return Attachment(file_name=document.file_name, media_type=document.media_type, content=content)
    content = sealed_zip(document.file_name, document.content, password)
    file_name = f"{document.file_name.rpartition('.')[0]}.zip"
    return Attachment(file_name=file_name, media_type="application/zip", content=content)


def document_of(
    ledger: Ledger,
    report_id: UUID,
    patient_id: PatientId,
    form: DocumentFormat,
    *,
    locale: Locale,
    time_zone: str,
) -> ResultDocument:
    """The version that the patient sees, in this form. DocumentUnavailableError if the report is not theirs."""
    sheet, report = _sheet(ledger, report_id, patient_id)
    shown = next(one for one in sheet.versions if one.number == sheet.version)
    name = f"rezultat-{_day(shown.received_at, time_zone)}"
    needs_original = form is DocumentFormat.XML or bool(sheet.content.attachments)
    original = _original(ledger, report, sheet.version) if needs_original else None
    if form is DocumentFormat.PDF:
        files = tuple(_pdf_of(one, original) for one in sheet.content.attachments)
        content = result_pdf(replace(sheet, files=files), locale=locale, time_zone=time_zone)
        return ResultDocument(
            file_name=f"{name}.pdf", media_type="application/pdf", content=content, version=sheet.version
        )
    is_cda = original is not None and original.is_only and content_type_of(original.content) in CDA_TYPES
    if original is not None and is_cda:
        content, media_type = original.content, CDA_TYPES[0]
    else:
        content, media_type = _as_fhir(sheet, shown), "application/fhir+xml"
    return ResultDocument(
        file_name=f"{name}.xml", media_type=media_type, content=content, version=sheet.version
    )


def _day(moment: datetime, time_zone: str) -> date:
    return moment.astimezone(ZoneInfo(time_zone)).date()


def _sheet(ledger: Ledger, report_id: UUID, patient_id: PatientId) -> tuple[ResultSheet, Report]:
    try:
        report, _ = load_report(ledger, report_id)
    except ReportNotFoundError:
        raise DocumentUnavailableError("document-gone") from None
    if report.patient_id != patient_id:
        raise DocumentUnavailableError("document-gone")
    version = report.held_at or report.current_version
    received = [
        recorded.recorded_at
        for recorded in ledger.read(report_id)
        if isinstance(recorded.event, ReportReceived | ReportRevised)
    ]
    # Of what is held not even the status is the patient's to see.
    seen = range(version if report.is_held else len(report.versions))
    name = onboarding.laboratory_of_id(ledger, report.laboratory_id).name
    sheet = ResultSheet(
        report_id=report_id,
        content=report.shown,
        status=report.shown.status if report.is_held else report.status,
        laboratory=name or report.shown.performer or "—",
        code_map=code_maps.load(ledger, report.laboratory_id),
        version=version,
        versions=tuple(
            ShownVersion(number=place + 1, status=report.versions[place].status, received_at=received[place])
            for place in seen
        ),
        has_newer=report.is_held and len(report.versions) > version,
    )
    return sheet, report


def _as_fhir(sheet: ResultSheet, shown: ShownVersion) -> bytes:
    return fhir_document(
        sheet.content,
        report_id=sheet.report_id,
        version=sheet.version,
        recorded_at=shown.received_at,
        status=sheet.status,
    )


@dataclass(frozen=True, slots=True)
class _Original:
    """What the laboratory itself wrote; `is_only`: this report and no other."""

    content: bytes
    is_only: bool


def _original(ledger: Ledger, report: Report, version: int) -> _Original | None:
    """None if its key is gone: then there is only what was recorded of it."""
    submitted, _ = ledger.load(report.submissions[version - 1], submission.evolve)
    if submitted is None or submitted.received is None:
        return None
    try:
        content = content_of(ledger.read_document(submitted.received.document.document_id))
    except KeyErasedError:
        return None
    return _Original(content, is_only=len(submitted.accepted) == 1)


def _pdf_of(attachment: AttachedFile, original: _Original | None) -> bytes | None:
    """The laboratory's own PDF of the result, which may be all that it sent."""
    is_pdf = attachment.content_type == "application/pdf"
    return bytes_of(attachment, original.content) if is_pdf and original is not None else None
