"""Rendered forms and pictures inside a CDA document: pointed at and measured; unpacked, but never looked into."""

import base64
import binascii
import contextlib
import re
import zlib
from collections import Counter

from api.cda.elements import Element, attribute, child, children, inner_text, local_name, own_text, shown_text
from api.cda.refusal import ContentNotCdaError
from api.content import ContentError
from api.file_beginnings import media_type_by_beginning
from api.xml_content import SIZE_LIMIT_BYTES
from domain.report_content import Attachment

ATTACHMENTS_LIMIT = 200
# Of text are, among the kinds that are called applications, XML, JSON and RTF; pictures but for SVG are not.
_BINARY_TYPES = re.compile(r"(?:application|audio|image|video)/(?!.*(?:xml|json|rtf)\b)", re.IGNORECASE)
_COMPRESSIONS = frozenset({"DF", "GZ", "ZL"})  # deflate, gzip, zlib (HL7 V3 datatypes R1, ED.compression)
_COMPRESSED_WINDOWS = (47, -15)  # what begins as zlib or gzip does; deflate without a beginning
_PDF = "application/pdf"
_PIECE_BYTES = 1 << 16
# Of an ED, but no part of its file.
_BESIDE_THE_FILE = frozenset({"reference", "thumbnail"})
_PREFIX = re.compile(r"(?<=/)\w+:")
_STEP = re.compile(r"(?P<name>[\w.-]+)(?:\[(?P<place>\d{1,9})\])?")


class Unpacked:
    """How much is unpacked of one document: all together no more than a document may be, what turns out broken too."""

    def __init__(self) -> None:
        self._left = SIZE_LIMIT_BYTES

    def count(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise ContentError("content-too-complex", None)


def path_of(element: Element) -> str:
    """Where an element stands, by the names that the document uses."""
    return _PREFIX.sub("", str(element.getroottree().getpath(element)))


def is_binary(sent: Element) -> bool:
    """An ED in base64: it says so, or is of a kind that cannot be text."""
    is_said = (attribute(sent, "representation") or "").upper() == "B64" or _is_compressed(sent)
    return is_said or _BINARY_TYPES.match(attribute(sent, "mediaType") or "") is not None


def _is_compressed(sent: Element) -> bool:
    return (attribute(sent, "compression") or "").upper() in _COMPRESSIONS


def attachment(sent: Element, title: str | None, unpacked: Unpacked) -> Attachment | None:
    """An ED with bytes or text in it, or a reference to where they are; nothing if it has neither. `size_bytes` stays
    empty if what should be base64 is not, or was not packed as it says."""
    kind, text = attribute(sent, "mediaType"), _text_in(sent)
    if text is None:
        address = attribute(child(sent, "reference"), "value")
        title = ": ".join(filter(None, (title, address)))
        return Attachment(content_type=kind, title=title) if address else None
    content = _content(sent, text, unpacked)
    if content is not None and media_type_by_beginning(content) == _PDF:
        kind = _PDF
    elif not is_binary(sent) and _marked_up(sent):
        kind = "text/plain"
    size = None if content is None else len(content)
    return Attachment(content_type=kind, title=title, size_bytes=size, source=path_of(sent))


def _text_in(sent: Element) -> str | None:
    """What an ED holds itself. Markup that is no text (HTML in elements) is read as a narrative block is."""
    inside = _marked_up(sent)
    if inside and not is_binary(sent):
        return shown_text(sent, between_cells=" | ")
    texts = [sent.text or "", *(inner_text(one) for one in inside), *(one.tail or "" for one in sent)]
    return "".join(texts).strip() or None


def _marked_up(sent: Element) -> list[Element]:
    return [one for one in sent if local_name(one) not in _BESIDE_THE_FILE]


def _content(sent: Element, text: str, unpacked: Unpacked) -> bytes | None:
    if not is_binary(sent):
        return text.encode()
    try:
        content = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    return _unpack(content, unpacked) if _is_compressed(sent) else content


def _unpack(packed: bytes, unpacked: Unpacked) -> bytes | None:
    """The file as it was before; programs call one what is another of the three, or packed what is not."""
    if media_type_by_beginning(packed):
        return packed
    for window in _COMPRESSED_WINDOWS:
        with contextlib.suppress(zlib.error):
            return _inflate(packed, window, unpacked)
    return None


def _inflate(packed: bytes, window: int, unpacked: Unpacked) -> bytes | None:
    """In pieces, so that each is counted before the next one; None if the end is missing."""
    unpacking, pieces = zlib.decompressobj(window), list[bytes]()
    while not unpacking.eof:
        piece = unpacking.decompress(packed, _PIECE_BYTES)
        if not piece and not unpacking.eof:
            return None
        unpacked.count(len(piece))
        pieces.append(piece)
        packed = unpacking.unconsumed_tail
    return b"".join(pieces)


def file_at(document: Element, source: str) -> bytes | None:
    """The bytes that an attachment of this document points to; None if it points nowhere in it."""
    sent: Element | None = document
    for step in source.split("/")[2:]:  # the first is the document itself
        sent = None if sent is None else _inside(sent, step)
    text = _text_in(sent) if sent is not None and local_name(sent) in {"text", "value"} else None
    return None if sent is None or text is None else _content(sent, text, Unpacked())


def _inside(whole: Element, step: str) -> Element | None:
    """The element that one step of a path leads to: `entry[2]` is the second of its full name. Asking every element for
    its path would cost the square of their number."""
    found = _STEP.fullmatch(step)
    if found is None:
        return None
    seen: Counter[object] = Counter()
    for inner in children(whole, found["name"]):
        seen[inner.tag] += 1
        if seen[inner.tag] == int(found["place"] or 1):
            return inner
    return None


def non_xml_body(document: Element, unpacked: Unpacked) -> tuple[Attachment, ...]:
    """The whole document as a file. It is all there is, so it must be whole."""
    sent = child(document, "component", "nonXMLBody", "text")
    found = attachment(sent, own_text(child(document, "title")), unpacked) if sent is not None else None
    if sent is None or found is None:
        return ()
    if found.source and found.size_bytes is None:
        raise ContentNotCdaError(field=path_of(sent))
    return (found,)


def check_count(count: int) -> None:
    if count > ATTACHMENTS_LIMIT:
        raise ContentError("content-too-complex", None)
