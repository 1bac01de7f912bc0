"""The document of a result: a PDF for people, or XML for programs; and the file of it that may go by e-mail.

It is of the version that its patient sees now: what was corrected since a notice was asked for goes out corrected.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from api.channels.notice import Attachment
from api.fhir.writing import fhir_document, fhir_json_document
from api.file_kinds import ending_of, media_type_of
from api.formats import CDA_TYPES, content_of, content_type_of
from api.pages import Locale
from api.pdf_signing import Signatory, signatory_of
from api.receipt_page import ReceiptPage
from api.release import RELEASE
from api.report_attachments import bytes_of
from api.result_pdf import result_pdf
from api.result_receipts import latest_tree, receipt_of
from api.result_sheet import DocumentUnavailableError, ResultSheet, sheet_of
from api.sealed_files import password_of, sealed_pdf, sealed_zip
from domain import submission
from domain.notification import Notification
from domain.reading import Medium
from domain.receiving import DocumentFormat
from domain.report_content import Attachment as AttachedFile
from domain.values import PatientId
from ledger.custody import Custody
from ledger.keys import KeyErasedError
from ledger.store import Ledger

# The file as it is attached; base64 makes a third more of it.
DOCUMENT_BYTES_MAX = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultDocument:
    """A file of a result, not sealed. `position` and `tree_size` are of what it is made of: with both, the same release
    makes the same bytes. `receipt` goes beside those that can't hold it."""

    file_name: str
    media_type: str
    content: bytes
    version: int
    received_at: datetime
    position: int
    tree_size: int | None = None
    receipt: bytes = b""


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
        # A password changes every byte of the file: a signature would not hold in it.
        is_signed=False,
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


@dataclass(frozen=True, slots=True)
class _Original:
    """What the laboratory itself wrote; `is_only`: this report and no other."""

    content: bytes
    is_only: bool


def document_of(
    ledger: Ledger,
    report_id: UUID,
    patient_id: PatientId,
    form: DocumentFormat | Medium,
    *,
    locale: Locale,
    time_zone: str,
    as_of: int | None = None,
    tree_size: int | None = None,
    version: int | None = None,
    is_signed: bool = True,
) -> ResultDocument:
    """The version that the patient sees, or saw when the ledger ended at `as_of`, or an earlier `version`; a PDF with its receipt
    under the checkpoint of `tree_size` (0: a promise). Without them, as it stands now. The same arguments give the
    same bytes, signature and all. DocumentUnavailableError if the report is not theirs."""
    if as_of is None and tree_size is None:
        # Who sends letters waits for nothing; who asks for a file themselves would rather have the proof in it.
        tree_size = latest_tree(ledger, report_id, waits=is_signed)
    position = ledger.last_position() if as_of is None else as_of
    sheet = sheet_of(ledger, report_id, patient_id, as_of=position, version=version)
    made = _Made(ledger, sheet, position, f"rezultat-{_day(sheet.shown.received_at, time_zone)}")
    match Medium(form.value):
        case Medium.PDF:
            return made.pdf(locale, time_zone, tree_size, is_signed=is_signed)
        case Medium.XML:
            return made.xml()
        case Medium.FHIR_JSON:
            return made.file("json", "application/fhir+json", fhir_json_document(**_recorded(sheet)))
        case _:
            raise DocumentUnavailableError("document-gone")


@dataclass(frozen=True, slots=True)
class _Made:
    """The files of one sheet."""

    ledger: Ledger
    sheet: ResultSheet
    position: int
    name: str

    def pdf(
        self, locale: Locale, time_zone: str, tree_size: int | None, *, is_signed: bool
    ) -> ResultDocument:
        sheet = self.sheet
        receipt = receipt_of(
            self.ledger, sheet.report_id, sheet.version, as_of=self.position, tree_size=tree_size
        )
        signatory = _signatory(self.ledger) if is_signed else None
        page = ReceiptPage(receipt=receipt, signatory=signatory, signed_at=sheet.shown.received_at)
        original = self.original() if sheet.content.attachments else None
        files = tuple(_pdf_of(one, original) for one in sheet.content.attachments)
        content = result_pdf(replace(sheet, files=files), locale=locale, time_zone=time_zone, page=page)
        made = self.file("pdf", "application/pdf", content)
        return replace(made, tree_size=receipt.tree_size, receipt=receipt.content)

    def xml(self) -> ResultDocument:
        """The laboratory's own document if it is a CDA of this result alone; otherwise FHIR."""
        original = self.original() if is_sent_alone(self.ledger, self.sheet) else None
        if original is not None and content_type_of(original.content) in CDA_TYPES:
            return self.file("xml", CDA_TYPES[0], original.content)
        return self.file("xml", "application/fhir+xml", fhir_document(**_recorded(self.sheet)))

    def original(self) -> _Original | None:
        return _original(self.ledger, self.sheet.submission_id) if self.sheet.submission_id else None

    def file(self, ending: str, media_type: str, content: bytes) -> ResultDocument:
        return ResultDocument(
            file_name=f"{self.name}.{ending}",
            media_type=media_type,
            content=content,
            version=self.sheet.version,
            received_at=self.sheet.shown.received_at,
            position=self.position,
        )


def original_of(
    ledger: Ledger,
    report_id: UUID,
    patient_id: PatientId,
    number: int,
    *,
    time_zone: str,
    as_of: int | None = None,
) -> ResultDocument:
    """What the laboratory itself sent: its attached file of this number from 1, or with 0 all that it sent, if that is
    this result alone. DocumentUnavailableError if there is no such file."""
    position = ledger.last_position() if as_of is None else as_of
    sheet = sheet_of(ledger, report_id, patient_id, as_of=position)
    made = _Made(ledger, sheet, position, f"laboratoriya-{_day(sheet.shown.received_at, time_zone)}")
    found = _file_of(sheet, made.original(), number)
    if found is None:
        raise DocumentUnavailableError("document-gone")
    media_type, content = found
    suffix = f"-{number}" if number else ""
    document = replace(made, name=f"{made.name}{suffix}")
    return document.file(ending_of(media_type), media_type, content)


def is_sent_alone(ledger: Ledger, sheet: ResultSheet) -> bool:
    """Whether what the laboratory sent is this result and no other: then it may be taken away as it was sent."""
    if sheet.submission_id is None:
        return False
    submitted, _ = ledger.load(sheet.submission_id, submission.evolve)
    return submitted is not None and len(submitted.accepted) == 1


def _file_of(sheet: ResultSheet, original: _Original | None, number: int) -> tuple[str, bytes] | None:
    if original is None:
        return None
    if number == 0:
        # With others in it, it would show other people's results.
        return (content_type_of(original.content), original.content) if original.is_only else None
    if not 1 <= number <= len(sheet.content.attachments):
        return None
    attachment = sheet.content.attachments[number - 1]
    content = bytes_of(attachment, original.content)
    return None if content is None else (media_type_of(attachment.content_type, content), content)


def release_of_form(ledger: Ledger, form: Medium) -> str:
    """What made a file of this form: the release, and of what is signed the certificate. Another key makes other bytes."""
    if form is not Medium.PDF:
        return RELEASE
    return f"{RELEASE}+{_signatory(ledger).fingerprint.replace(' ', '')[:16].lower()}"


def _signatory(ledger: Ledger) -> Signatory:
    return signatory_of(ledger.custody.folder, name=f"Letopis {ledger.origin}")


def _day(moment: datetime, time_zone: str) -> date:
    return moment.astimezone(ZoneInfo(time_zone)).date()


def _recorded(sheet: ResultSheet) -> dict[str, Any]:
    """What a FHIR document is written from."""
    return {
        "content": sheet.content,
        "report_id": sheet.report_id,
        "version": sheet.version,
        "recorded_at": sheet.shown.received_at,
        "status": sheet.status,
    }


def _original(ledger: Ledger, submission_id: UUID) -> _Original | None:
    """None if its key is gone: then there is only what was recorded of it."""
    submitted, _ = ledger.load(submission_id, submission.evolve)
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
