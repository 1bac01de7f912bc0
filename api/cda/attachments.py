"""Rendered forms and pictures inside a CDA document: pointed at and measured, never opened."""

import base64
import binascii
import re
from collections import Counter

from api.cda.elements import Element, attribute, child, children, local_name, own_text
from api.cda.refusal import ContentNotCdaError
from api.content import ContentError
from domain.report_content import Attachment

ATTACHMENTS_LIMIT = 200
_BINARY_TYPES = frozenset(
    {"application/pdf", *(f"image/{kind}" for kind in ("png", "jpeg", "jpg", "gif", "tiff", "bmp"))}
)
_PREFIX = re.compile(r"(?<=/)\w+:")
_STEP = re.compile(r"(?P<name>[\w.-]+)(?:\[(?P<place>\d{1,9})\])?")


def path_of(element: Element) -> str:
    """Where an element stands, by the names that the document uses."""
    return _PREFIX.sub("", str(element.getroottree().getpath(element)))


def is_binary(sent: Element) -> bool:
    """An ED in base64: it says so, or is of a kind that cannot be text."""
    is_said = (attribute(sent, "representation") or "").upper() == "B64"
    return is_said or (attribute(sent, "mediaType") or "").lower() in _BINARY_TYPES


def attachment(sent: Element, title: str | None) -> Attachment:
    """An ED with bytes or text in it, or a reference to where they are; `size_bytes` stays empty if
    what should be base64 is not."""
    kind, text = attribute(sent, "mediaType"), own_text(sent)
    if text is None:
        address = attribute(child(sent, "reference"), "value")
        return Attachment(content_type=kind, title=": ".join(filter(None, (title, address))) or None)
    content = _content(sent, text)
    size = None if content is None else len(content)
    return Attachment(content_type=kind, title=title, size_bytes=size, source=path_of(sent))


def _content(sent: Element, text: str) -> bytes | None:
    if not is_binary(sent):
        return text.encode()
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def file_at(document: Element, source: str) -> bytes | None:
    """The bytes that an attachment of this document points to; None if it points nowhere in it."""
    sent: Element | None = document
    for step in source.split("/")[2:]:  # the first is the document itself
        sent = None if sent is None else _inside(sent, step)
    text = own_text(sent) if sent is not None and local_name(sent) in {"text", "value"} else None
    return None if sent is None or text is None else _content(sent, text)


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


def non_xml_body(document: Element) -> tuple[Attachment, ...]:
    """The whole document as a file. It is all there is, so it must be whole."""
    sent = child(document, "component", "nonXMLBody", "text")
    if sent is None:
        return ()
    found = attachment(sent, own_text(child(document, "title")))
    if found.source and found.size_bytes is None:
        raise ContentNotCdaError(field=path_of(sent))
    return (found,) if found.source or found.title else ()


def check_count(count: int) -> None:
    if count > ATTACHMENTS_LIMIT:
        raise ContentError("content-too-complex", None)
