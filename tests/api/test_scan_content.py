"""Scans: what they are by their content, their limits, and the virus scanner, asked as clamd is asked."""

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer, ThreadingUnixStreamServer
from threading import Thread
from typing import Any

import pytest
from PIL import Image

from api import scans
from api.problems import ProblemError
from api.scans import checked_scan
from api.settings import Settings
from api.virus_scanner import ScannerAwayError, VirusScanner

# The test file of EICAR, in two parts so that no scanner takes this file for it.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\nstartxref\n9\n%%EOF\n"


def picture(kind: str, *, size: tuple[int, int] = (60, 40)) -> bytes:
    out = BytesIO()
    made = Image.new("RGB", size, (200, 180, 150))
    more: dict[str, Any] = {"save_all": True, "append_images": [made]} if kind == "MPO" else {}
    made.save(out, kind, **more)
    return out.getvalue()


def code_of(content: bytes, settings: Settings | None = None) -> str:
    with pytest.raises(ProblemError) as refused:
        checked_scan(content, settings or Settings())
    assert refused.value.field == "scan"
    return refused.value.code


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (PDF, "application/pdf"),
        (picture("JPEG"), "image/jpeg"),
        (picture("PNG"), "image/png"),
        # Phones put a second picture, a depth or a light map, behind the first.
        (picture("MPO"), "image/jpeg"),
        (picture("JPEG", size=(5, 3)), "image/jpeg"),
    ],
)
def test_the_content_says_what_it_is(content: bytes, media_type: str) -> None:
    assert checked_scan(content, Settings()) == media_type


@pytest.mark.parametrize(
    "content",
    [
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<!doctype html><script>alert(1)</script>",
        b"PK\x03\x04" + b"\0" * 100,
        b"MZ" + b"\0" * 100,
        picture("GIF"),
        picture("TIFF"),
        picture("BMP"),
        b" " + PDF,
    ],
)
def test_what_is_no_pdf_jpeg_or_png_is_refused(content: bytes) -> None:
    assert code_of(content) == "scan-type-unknown"


@pytest.mark.parametrize(
    "content",
    [PDF[:-20], picture("JPEG", size=(600, 400))[:-400], picture("PNG", size=(600, 400))[:-40]],
)
def test_what_is_cut_off_is_refused(content: bytes) -> None:
    assert code_of(content) == "scan-damaged"


def test_nothing_and_too_much_are_refused() -> None:
    assert code_of(b"") == "scan-missing"
    assert code_of(b"%PDF-1.7" + b"\0" * scans.SCAN_BYTES_MAX) == "scan-too-large"


def test_a_small_file_that_unfolds_into_a_huge_picture_is_refused_before_it_does() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack("!L", len(data)) + kind + data + struct.pack("!L", zlib.crc32(kind + data))

    for side in (8_000, 100_000):
        head = struct.pack("!LLBBBBB", side, side, 8, 0, 0, 0, 0)
        bomb = (
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", head)
            + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
            + chunk(b"IEND", b"")
        )
        assert code_of(bomb) == "scan-too-large"


# The virus scanner.


class Clamd(StreamRequestHandler):
    """Speaks INSTREAM as clamd(8) describes it, over a real socket."""

    def handle(self) -> None:
        if self.rfile.read(10) != b"zINSTREAM\0":
            self.wfile.write(b"UNKNOWN COMMAND\0")
            return
        content = b""
        while size := struct.unpack("!L", self.rfile.read(4))[0]:
            content += self.rfile.read(size)
        found = b"Eicar-Signature FOUND" if EICAR in content else b"OK"
        self.wfile.write(b"stream: " + found + b"\0")


class Silent(StreamRequestHandler):
    def handle(self) -> None:
        self.rfile.read(10)


class Full(Clamd):
    """What clamd says beyond its StreamMaxLength."""

    def handle(self) -> None:
        self.rfile.read(10)
        self.wfile.write(b"INSTREAM size limit exceeded. ERROR\0")


@contextmanager
def scanner(
    handler: type[StreamRequestHandler], server: Callable[..., Any] = ThreadingTCPServer, *, at: Any = None
) -> Iterator[str]:
    with server(at or ("127.0.0.1", 0), handler) as running:
        thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield f"unix:{at}" if at else f"127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


def test_a_scanner_is_asked_over_tcp_and_over_a_socket(tmp_path: Path) -> None:
    long = b"a" * 200_000
    with scanner(Clamd) as address:
        assert VirusScanner(address).finds(long) is None
        assert VirusScanner(address).finds(long + EICAR) == "Eicar-Signature"
    with scanner(Clamd, ThreadingUnixStreamServer, at=str(tmp_path / "clamd")) as address:
        assert VirusScanner(address).finds(EICAR) == "Eicar-Signature"


def test_what_the_scanner_finds_is_not_kept() -> None:
    with scanner(Clamd) as address:
        settings = Settings(virus_scanner=address)
        assert checked_scan(PDF, settings) == "application/pdf"
        assert code_of(PDF.replace(b"<<>>", EICAR), settings) == "scan-infected"


@pytest.mark.parametrize("handler", [Silent, Full])
def test_without_a_verdict_nothing_is_kept_for_now(handler: type[StreamRequestHandler]) -> None:
    with scanner(handler) as address:
        assert code_of(PDF, Settings(virus_scanner=address)) == "scan-not-checked"


@pytest.mark.parametrize("address", ["127.0.0.1:1", "unix:/nowhere", "nonsense"])
def test_a_scanner_that_is_not_there_is_away(address: str) -> None:
    with pytest.raises(ScannerAwayError):
        VirusScanner(address).finds(PDF)
    assert code_of(PDF, Settings(virus_scanner=address)) == "scan-not-checked"
