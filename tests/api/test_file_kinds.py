"""How a laboratory's file is called when it is taken away."""

import pytest

from api.file_kinds import ending_of, media_type_of


@pytest.mark.parametrize(
    ("stated", "content", "media_type", "ending"),
    [
        ("application/pdf", b"%PDF-1.7", "application/pdf", "pdf"),
        (None, b"%PDF-1.7", "application/pdf", "pdf"),
        ("text/html", b"%PDF-1.7", "application/pdf", "pdf"),
        ("image/tiff", b"\x89PNG\r\n\x1a\n", "image/png", "png"),
        ("application/octet-stream", b"\xff\xd8\xff\xe0", "image/jpeg", "jpg"),
        ("image/jpg", b"", "image/jpg", "jpg"),
        ("Text/Plain; charset=windows-1251", b"x", "text/plain", "txt"),
        ("application/rtf", b"{\\rtf1", "application/rtf", "rtf"),
        ("text/rtf", b"{\\rtf1", "text/rtf", "rtf"),
    ],
)
def test_a_file_is_called_what_it_is(
    stated: str | None, content: bytes, media_type: str, ending: str
) -> None:
    assert media_type_of(stated, content) == media_type
    assert ending_of(media_type) == ending


@pytest.mark.parametrize("stated", [None, "", "text/html", "image/svg+xml", "application/xhtml+xml", "pdf"])
def test_what_could_run_in_a_browser_or_is_not_known_is_only_bytes(stated: str | None) -> None:
    found = media_type_of(stated, b"<script>")
    assert (found, ending_of(found)) == ("application/octet-stream", "bin")
