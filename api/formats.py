"""The formats in which laboratories send reports: each media type has one reader."""

import re
from collections.abc import Callable, Mapping, Sequence

from api.cda.reading import read_cda
from api.compact_form import decoded
from api.content import ContentError
from api.fhir.reading import read_fhir
from api.fhir.xml import read_fhir_xml
from api.hl7 import reading as hl7
from api.kept_message import is_message, message_in
from api.pdf_content import PDF_CONTENT_TYPE, read_pdf
from domain.organisation import Format
from domain.report_content import ReportContent
from domain.submission import SubmissionReceived
from ledger.intake import Problem

Reader = Callable[[bytes], tuple[ReportContent, ...]]

CDA_TYPES = ("application/hl7-cda+xml", "application/cda+xml")

READERS: Mapping[str, Reader] = {
    "application/fhir+json": read_fhir,
    "application/json": read_fhir,
    "application/fhir+xml": read_fhir_xml,
    PDF_CONTENT_TYPE: read_pdf,
    **dict.fromkeys(CDA_TYPES, read_cda),
    **dict.fromkeys(hl7.CONTENT_TYPES, hl7.read_hl7),
}
_FORMATS: Mapping[Reader, Format] = {
    read_fhir: Format.FHIR,
    read_fhir_xml: Format.FHIR,
    read_pdf: Format.PDF,
    read_cda: Format.CDA,
    hl7.read_hl7: Format.HL7_V2,
}
# Types that say only that it is XML: how the content begins says the rest.
_ANY_XML = ("application/xml", "text/xml")


# What stands before the first character of a file: byte order marks, blanks, MLLP's start.
_BEFORE = b"\xef\xbb\xbf\xff\xfe\x00\x0b \t\r\n"
_BEGINNING_BYTES = 4096
# A file of messages may begin with lines of somebody's own.
_HL7_HEADER = re.compile(rb"(?:^|[\r\n])(?:MSH|FHS|BHS)[^A-Za-z0-9\s]")
# A document may name FHIR's namespace too, for an extension or in a comment.
_CDA_ROOT = re.compile(rb"<(?:[\w.-]+:)?ClinicalDocument[\s/>]")
# Members of JSON stand in any order, and no resource begins with this one.
_PDF_FIRST = re.compile(rb'\{\s*"pdf"\s*:')


def content_type_of(content: bytes) -> str:
    """The media type of a file, by how it begins: for senders that name none."""
    beginning = content[:_BEGINNING_BYTES].lstrip(_BEFORE).replace(b"\x00", b"")
    if beginning.startswith(b"%PDF-"):
        return "application/pdf"
    if _HL7_HEADER.search(beginning):
        return hl7.CONTENT_TYPES[0]
    if beginning.startswith(b"<"):
        is_fhir = b"http://hl7.org/fhir" in beginning and not _CDA_ROOT.search(beginning)
        return "application/fhir+xml" if is_fhir else CDA_TYPES[0]
    if _PDF_FIRST.match(beginning) or (b'"header"' in beginning and b'"resourceType"' not in beginning):
        return PDF_CONTENT_TYPE
    return "application/fhir+json"


def read(content_type: str, content: bytes, *, named: str = "jws.cty") -> Sequence[ReportContent] | Problem:
    """The reports in the content, or why there are none. `named` is where the sender names the type."""
    reader = _reader_of(content_type, content)
    if reader is None:
        return Problem("content-type-unknown", named)
    try:
        reports = reader(content)
    except ContentError as error:
        return Problem(error.code, error.field)
    return reports if all(map(_says_anything, reports)) else Problem("no-report-in-content")


def _says_anything(report: ReportContent) -> bool:
    """A status and a patient alone are no report: what was in it was lost on the way."""
    said = (report.code, report.observations, report.attachments, report.conclusion, report.identifiers)
    return any(said) or bool(report.notes or report.conclusion_codes)


def format_of(content_type: str, content: bytes) -> Format | None:
    """The format of the content, whether or not it can be read; None if nobody reads the type."""
    reader = _reader_of(content_type, content)
    return _FORMATS.get(reader) if reader else None


def _reader_of(content_type: str, content: bytes) -> Reader | None:
    media_type = content_type.partition(";")[0].strip().lower()
    return READERS.get(content_type_of(content) if media_type in _ANY_XML else media_type)


def read_received(
    received: SubmissionReceived, document: bytes
) -> tuple[Format | None, Sequence[ReportContent] | Problem]:
    """Format and reports of a submission that was kept."""
    named = "content-type" if is_message(document) else "jws.cty"
    content = content_of(document)
    return format_of(received.content_type, content), read(received.content_type, content, named=named)


def content_of(document: bytes) -> bytes:
    """What a kept document carries: a message that came over HTTP with what proves its sender; the payload of
    the laboratory's JWS; or the message of MLLP as it is. A JWS begins with base64url of `{"`, as no format does."""
    if is_message(document):
        return message_in(document)
    if not document.startswith(b"eyJ"):
        return document
    return decoded(document.split(b".", 2)[1], "jws")
