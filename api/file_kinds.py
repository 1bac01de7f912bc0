"""What a file that a laboratory sent is called when a patient takes it away: its media type, and how its name ends."""

from typing import Final

from api.file_beginnings import media_type_by_beginning
from api.formats import CDA_TYPES
from api.pdf_content import PDF_CONTENT_TYPE

UNKNOWN: Final = "application/octet-stream"
# What browsers may be told; whatever could run in one, HTML and SVG, is not among them.
_ENDINGS = {
    "application/pdf": "pdf",
    "application/fhir+json": "json",
    "application/fhir+xml": "xml",
    PDF_CONTENT_TYPE: "json",
    "application/hl7-v2": "hl7",
    **dict.fromkeys(CDA_TYPES, "xml"),
    "application/dicom": "dcm",
    "application/msword": "doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    **dict.fromkeys(("application/rtf", "text/rtf"), "rtf"),
    "image/bmp": "bmp",
    "image/gif": "gif",
    **dict.fromkeys(("image/jpeg", "image/jpg"), "jpg"),
    "image/png": "png",
    "image/tiff": "tif",
    "text/csv": "csv",
    "text/plain": "txt",
}


def media_type_of(stated: str | None, content: bytes) -> str:
    """By what the file begins with, else as the laboratory called it; UNKNOWN where that is no type we give."""
    if known := media_type_by_beginning(content):
        return known  # senders leave the type out or name another one
    plain = (stated or "").partition(";")[0].strip().lower()
    return plain if plain in _ENDINGS else UNKNOWN


def ending_of(media_type: str) -> str:
    return _ENDINGS.get(media_type, "bin")
