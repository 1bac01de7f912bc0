"""Words that the pages and the document of a result choose at run time."""

from api.take_away_words import TAKE_AWAY_FAMILIES
from domain.notification import NotificationStatus
from domain.permission import EMAIL_MISSING, EMAIL_UNCONFIRMED, EMAIL_UNREACHABLE
from domain.receiving import DocumentFormat
from domain.report_content import ReportStatus

_FORMATS = tuple(DocumentFormat)

DOCUMENT_FAMILIES: dict[str, tuple[str, ...]] = {
    **TAKE_AWAY_FAMILIES,
    "document": (
        "untitled",
        "number",
        "closing",
        "footer",
        "page",
        "has_newer",
        "file_follows",
        "file_left_out",
    ),
    "document.explained": tuple(status for status in ReportStatus if status is not ReportStatus.FINAL),
    "sending.barrier": (EMAIL_MISSING, EMAIL_UNCONFIRMED, EMAIL_UNREACHABLE),
    "sending.file": _FORMATS,
    "sending.format": _FORMATS,
    "sending.open": _FORMATS,
    "sending.state": tuple(NotificationStatus),
}
