"""A scan on its way to a browser: it can run nothing there, and is nothing but what its content says."""

from fastapi.responses import Response

from api.scans import ENDINGS, PDF
from domain.identity import ScanAdded


def scan_response(scan: ScanAdded, content: bytes) -> Response:
    return file_response(scan.kind, scan.media_type, content)


def file_response(name: str, media_type: str, content: bytes) -> Response:
    """A picture is shown, a PDF is downloaded: what opens it then is not the page of a signed-in person."""
    kind = "attachment" if media_type == PDF else "inline"
    return Response(
        content,
        media_type=media_type,
        headers={
            "Content-Disposition": f'{kind}; filename="{name}.{ENDINGS[media_type]}"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "no-store",
        },
    )
