"""The formats in which laboratories send reports: each media type has one reader."""

import re
from collections.abc import Callable, Mapping, Sequence

from api.cda.reading import read_cda
from api.compact_form import decoded
from api.content import ContentError
from api.fhir.reading import read_fhir
from api.fhir.xml import read_fhir_xml
from api.hl7 import reading as hl7
from api.pdf_content import PDF_CONTENT_TYPE, read_pdf
from domain.report import ReportContent
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
# Types that say only that it is XML: how the content begins says the rest.
_ANY_XML = ("application/xml", "text/xml")


# What stands before the first character of a file: byte order marks, blanks, MLLP's start.
_BEFORE = b"\xef\xbb\xbf\xff\xfe\x00\x0b \t\r\n"
_BEGINNING_BYTES = 4096
# A file of messages may begin with lines of somebody's own.
_HL7_HEADER = re.compile(rb"(?:^|[\r\n])(?:MSH|FHS|BHS)[^A-Za-z0-9\s]")


def content_type_of(content: bytes) -> str:
    """The media type of a file, by how it begins: for senders that name none."""
    beginning = content[:_BEGINNING_BYTES].lstrip(_BEFORE).replace(b"\x00", b"")
    if beginning.startswith(b"%PDF-"):
        return "application/pdf"
    if _HL7_HEADER.search(beginning):
        return hl7.CONTENT_TYPES[0]
    if beginning.startswith(b"<"):
        return "application/fhir+xml" if b"http://hl7.org/fhir" in beginning else CDA_TYPES[0]
    if b'"header"' in beginning and b'"resourceType"' not in beginning:
        return PDF_CONTENT_TYPE
    return "application/fhir+json"


def read(content_type: str, content: bytes) -> Sequence[ReportContent] | Problem:
    """The reports in the content, or why there are none."""
    media_type = content_type.partition(";")[0].strip().lower()
    reader = READERS.get(content_type_of(content) if media_type in _ANY_XML else media_type)
    if reader is None:
        return Problem("content-type-unknown", "jws.cty")
    try:
        return reader(content)
    except ContentError as error:
        return Problem(error.code, error.field)


def read_received(received: SubmissionReceived, document: bytes) -> Sequence[ReportContent] | Problem:
    """As `read`, of a submission that was kept."""
    return read(received.content_type, content_of(document))


def content_of(document: bytes) -> bytes:
    """What a kept document carries: the payload of the laboratory's JWS, or the message that came without
    one. A JWS begins with base64url of `{"`, as no format does."""
    if not document.startswith(b"eyJ"):
        return document
    return decoded(document.split(b".", 2)[1], "jws")
