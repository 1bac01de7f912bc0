"""What is taken as the scan of a document: its content says what it is, never its name (S20)."""

import re
import warnings
from io import BytesIO
from threading import BoundedSemaphore

from PIL import Image, UnidentifiedImageError

from api.problems import ProblemError
from api.settings import Settings
from api.virus_scanner import ScannerAwayError, VirusScanner

SCAN_BYTES_MAX = 10_000_000
# A small file may unfold into a huge picture: this is looked up before anything unfolds.
PIXELS_MAX = 50_000_000
_PDF = re.compile(rb"%PDF-[12]\.\d")
_PDF_END = b"%%EOF"
_PDF_END_WITHIN = 1024
_FORMATS = ("JPEG", "PNG")
# MPO is what Pillow calls a JPEG with further pictures behind the first, as many phones write them.
_IMAGES = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png"}
PDF = "application/pdf"
# A picture of the largest size takes 200 MB while it is looked at: so many at once, whoever sends.
UNFOLDING = BoundedSemaphore(2)
ENDINGS = {PDF: "pdf", "image/jpeg": "jpg", "image/png": "png"}


def checked_scan(content: bytes, settings: Settings) -> str:
    """The media type of a scan that may be kept. ProblemError with what is wrong with it."""
    if not content:
        raise ProblemError("scan-missing", "scan")
    if len(content) > SCAN_BYTES_MAX:
        raise ProblemError("scan-too-large", "scan")
    media_type = _media_type(content)
    if settings.virus_scanner is not None:
        _require_clean(content, VirusScanner(settings.virus_scanner))
    return media_type


def _media_type(content: bytes) -> str:
    if _PDF.match(content):
        if _PDF_END not in content[-_PDF_END_WITHIN:]:
            raise ProblemError("scan-damaged", "scan")
        return PDF
    return _image_type(content)


def _image_type(content: bytes) -> str:
    try:
        with warnings.catch_warnings():
            # Pillow warns of many pixels; our own limit refuses them.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(BytesIO(content), formats=_FORMATS)
    except UnidentifiedImageError:
        raise ProblemError("scan-type-unknown", "scan") from None
    except Image.DecompressionBombError:
        raise ProblemError("scan-too-large", "scan") from None
    except (OSError, SyntaxError, ValueError):
        raise ProblemError("scan-damaged", "scan") from None
    with image:
        if image.width * image.height > PIXELS_MAX:
            raise ProblemError("scan-too-large", "scan")
        try:
            # An eighth of the size is enough to see that a JPEG is whole, and takes a sixty-fourth of the memory.
            image.draft("L", (max(1, image.width // 8), max(1, image.height // 8)))
            with UNFOLDING:
                image.load()
        except (OSError, SyntaxError, ValueError):
            raise ProblemError("scan-damaged", "scan") from None
        return _IMAGES[str(image.format)]


def _require_clean(content: bytes, scanner: VirusScanner) -> None:
    try:
        found = scanner.finds(content)
    except ScannerAwayError:
        raise ProblemError("scan-not-checked", "scan", retry_after=300) from None
    if found is not None:
        raise ProblemError("scan-infected", "scan")
