"""ED and RP of OBX-5: a document that came along, or a pointer to one; never read, only pointed at."""

import re

from api.hl7.syntax import Element
from domain.report_content import Attachment

_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}", re.ASCII)
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+", re.ASCII)
_BLANKS = str.maketrans("", "", " \t\n")
# Tables 0191 and 0291, in media types.
_MEDIA_TYPES = {
    "PDF": "application/pdf",
    "RTF": "application/rtf",
    "XML": "application/xml",
    "MSWORD": "application/msword",
    "JSON": "application/json",
    "OCTET-STREAM": "application/octet-stream",
    "HTML": "text/html",
    "PLAIN": "text/plain",
    "JPEG": "image/jpeg",
    "JPG": "image/jpeg",
    "PNG": "image/png",
    "GIF": "image/gif",
    "TIFF": "image/tiff",
    "TIF": "image/tiff",
    "DICOM": "application/dicom",
}


def encapsulated(sent: Element, source: str) -> Attachment:
    """An ED: application, type, subtype, encoding, data."""
    kind, subtype, encoding, data = (sent.part(place) for place in (2, 3, 4, 5))
    return Attachment(
        content_type=_media_type(kind.code(), subtype.code()),
        title=_title(kind.code(), subtype.code()),
        size_bytes=_size(data, (encoding.code() or "").upper()),
        source=source,
    )


def referenced(sent: Element, source: str) -> Attachment:
    """An RP: pointer, application, type, subtype. Without a pointer, the place in the message."""
    kind, subtype = sent.code(3), sent.code(4)
    return Attachment(
        content_type=_media_type(kind, subtype),
        title=sent.text(2) or _title(kind, subtype),
        source=sent.code(1) or source,
    )


def _media_type(kind: str | None, subtype: str | None) -> str | None:
    """The media type, or None where none is meant for certain."""
    for name in (subtype, kind):
        if name and name.upper() in _MEDIA_TYPES:
            return _MEDIA_TYPES[name.upper()]
        if name and re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", name.lower()):
            return name.lower()
    return None


def _title(kind: str | None, subtype: str | None) -> str | None:
    return "/".join(part for part in (kind, subtype) if part) or None


def _size(data: Element, encoding: str) -> int | None:
    """How many bytes the data are, where they are what the encoding says."""
    if encoding == "BASE64":
        # Long data are sent in lines, and the breaks between them as an escape.
        text = data.raw if data.raw.isalnum() else (data.text() or "").translate(_BLANKS)
        is_whole = len(text) % 4 == 0 and _BASE64.fullmatch(text) is not None
        return len(text) // 4 * 3 - text.count("=") if is_whole else None
    text = data.text() or ""
    if encoding == "HEX":
        return len(text) // 2 if _HEX.fullmatch(text) else None
    return len(text.encode()) if encoding == "A" and text else None
