"""The formats in which laboratories send reports: each media type has one reader."""

from collections.abc import Callable, Mapping, Sequence

from api.compact_form import decoded
from api.content import ContentError
from api.fhir.reading import read_fhir
from domain.report import ReportContent
from domain.submission import SubmissionReceived
from ledger.intake import Problem

Reader = Callable[[bytes], tuple[ReportContent, ...]]

READERS: Mapping[str, Reader] = {
    "application/fhir+json": read_fhir,
    "application/json": read_fhir,
}


def read(content_type: str, content: bytes) -> Sequence[ReportContent] | Problem:
    """The reports in the content, or why there are none."""
    reader = READERS.get(content_type.partition(";")[0].strip().lower())
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
    """What a kept document carries: the payload of the laboratory's JWS."""
    return decoded(document.split(b".", 2)[1], "jws")
