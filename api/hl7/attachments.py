"""Documents in OBX-5: files that came along (ED, or a PDF under any name) and pointers to files (RP). Their bytes
stay in the message, where `source` points, until somebody opens one."""

import base64
import re
from collections.abc import Iterator
from dataclasses import replace

from api.hl7.batch import messages_of
from api.hl7.syntax import NULL, Element, Segment
from domain.report_content import Attachment

_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}", re.ASCII)
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+", re.ASCII)
_BLANKS = str.maketrans("", "", " \t\n")
_PDF = "JVBERi0"  # %PDF- in base64
_END_CHARACTERS = 1_368  # the last 1,024 bytes, in which a PDF has its %%EOF
_SOURCE = re.compile(r"((?:MSH\[\d+\]/)?OBX\[\d+\])-5(?:\[(\d+)\])?", re.ASCII)
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


def is_document(observation: Segment, kind: str) -> bool:
    """Whether OBX-5 is a document: by its type, or a PDF that was sent as text. That must be a whole one: of one in
    pieces each is a text of its own."""
    if kind in {"ED", "RP"}:
        return True
    sent = observation.whole(5)
    if not sent.raw.startswith(_PDF):
        return False
    text = _base64(sent)
    return _is_whole(text) and b"%%EOF" in base64.b64decode(text[-_END_CHARACTERS:])


def attachments_of(
    observation: Segment, kind: str, name: str | None
) -> tuple[tuple[Attachment, ...], tuple[str, ...]]:
    """The documents of OBX-5, called as the observation is, and a note for each that cannot be opened."""
    found: list[Attachment] = []
    notes: list[str] = []
    for place, sent in _sent(observation):
        attachment = _referenced(sent) if kind == "RP" else _encapsulated(sent, place)
        found.append(replace(attachment, title=name or attachment.title))
        pointer = sent.text(1) if kind == "RP" else "no file can be read here"
        if attachment.source is None and pointer:
            notes.append(f"OBX-5: {pointer}")
    return tuple(found), tuple(notes)


def file_at(content: bytes, source: str) -> bytes | None:
    """The file to which the source of an attachment points; None if there is none."""
    asked = _SOURCE.fullmatch(source)
    if asked is None:
        return None
    for message in messages_of(content):
        for segment in message.segments:
            if segment.place == asked[1]:
                return next((_decoded(sent) for place, sent in _sent(segment) if place == source), None)
    return None


def _sent(observation: Segment) -> Iterator[tuple[str, Element]]:
    """The repetitions that hold something, and the place of each."""
    place = f"{observation.place}-5"
    sent = (one for one in observation.repetitions(5) if one.raw != NULL)
    for number, one in enumerate((one for one in sent if one.raw.strip(one.delimiters.component)), 1):
        yield (place if number == 1 else f"{place}[{number}]"), one


def _encapsulated(sent: Element, source: str) -> Attachment:
    """An ED: application, type, subtype, encoding, data."""
    application, kind, subtype = (sent.code(place) for place in (1, 2, 3))
    data, encoding = _data(sent)
    size = _size(data, encoding)
    is_pdf = encoding == "BASE64" and data.raw.startswith(_PDF)
    return Attachment(
        content_type="application/pdf" if is_pdf else _media_type(subtype, kind, application),
        title=_title(kind, subtype),
        size_bytes=size,
        source=source if size is not None else None,
    )


def _referenced(sent: Element) -> Attachment:
    """An RP: pointer, application, type, subtype. What it points to did not come along."""
    kind, subtype = sent.code(3), sent.code(4)
    return Attachment(content_type=_media_type(subtype, kind), title=sent.text(2) or _title(kind, subtype))


def _data(sent: Element) -> tuple[Element, str]:
    """The data and their encoding. A PDF in base64 is known by how it begins, for some senders leave components
    out, so that it stands in another place, or call it text."""
    data, encoding = sent.part(5), (sent.code(4) or "").upper()
    if encoding in {"BASE64", "HEX"} or (encoding == "A" and not data.raw.startswith(_PDF)):
        return data, encoding
    places = (place for place, raw in enumerate(sent.parts(), 1) if raw.startswith(_PDF))
    return next(((sent.part(place), "BASE64") for place in places), (data, encoding))


def _media_type(*names: str | None) -> str | None:
    """The media type by the first name that is one, or None where none is meant for certain."""
    for name in names:
        if name and name.upper() in _MEDIA_TYPES:
            return _MEDIA_TYPES[name.upper()]
        if name and re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", name.lower()):
            return name.lower()
    return None


def _title(kind: str | None, subtype: str | None) -> str | None:
    names = (
        name for name in (kind, subtype) if name and name.upper() != "BASE64" and not name.startswith(_PDF)
    )
    return "/".join(names) or None


def _size(data: Element, encoding: str) -> int | None:
    """How many bytes the data are, where they are what the encoding says."""
    if encoding == "BASE64":
        text = _base64(data)
        return len(text) // 4 * 3 - text.count("=") if _is_whole(text) else None
    text = data.text() or ""
    if encoding == "HEX":
        return len(text) // 2 if _HEX.fullmatch(text) else None
    return len(text.encode()) if encoding == "A" and text else None


def _decoded(sent: Element) -> bytes | None:
    data, encoding = _data(sent)
    if _size(data, encoding) is None:
        return None
    if encoding == "BASE64":
        return base64.b64decode(_base64(data))
    text = data.text() or ""
    return bytes.fromhex(text) if encoding == "HEX" else text.encode()


def _base64(data: Element) -> str:
    """Long data are sent in lines, and the breaks between them as an escape."""
    return data.raw if data.raw.isalnum() else (data.text() or "").translate(_BLANKS)


def _is_whole(text: str) -> bool:
    return len(text) % 4 == 0 and _BASE64.fullmatch(text) is not None
