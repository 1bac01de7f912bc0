"""Files that a laboratory sent inside of a report: their bytes lie in the submission, where `source` points."""

from typing import Any

from api.cda.attachments import file_at
from api.cda.elements import local_name
from api.content import ContentError
from api.fhir.xml import xml_to_json_value
from api.hl7 import attachments as hl7
from api.json_content import parse_json
from api.packed_text import unpacked
from api.xml_content import parse_xml
from domain.report_content import Attachment


def bytes_of(attachment: Attachment, content: bytes) -> bytes | None:
    """The file, by the JSON pointer (RFC 6901) of FHIR and of reports that are a PDF, by the path of elements of
    CDA, which begins with the document's own, or by the place in an HL7 v2 message; None if it is not there."""
    if attachment.source is None:
        return None
    try:
        if not attachment.source.startswith("/"):
            return hl7.file_at(content, attachment.source)
        root = parse_xml(content) if _is_xml(content) else None
        if root is not None and attachment.source.split("/")[1] == local_name(root):
            return file_at(root, attachment.source)
        found = parse_json(content) if root is None else xml_to_json_value(root)
    except ContentError:
        return None
    for step in attachment.source.split("/")[1:]:
        found = _member(found, step.replace("~1", "/").replace("~0", "~"))
    if not isinstance(found, str):
        return None
    try:
        return unpacked(found)
    except ValueError:
        return None


def _is_xml(content: bytes) -> bool:
    return content.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith(b"<")


def _member(whole: object, step: str) -> Any:
    if isinstance(whole, dict):
        return whole.get(step)
    is_place = isinstance(whole, list) and step.isascii() and step.isdecimal() and int(step) < len(whole)
    return whole[int(step)] if is_place and isinstance(whole, list) else None
