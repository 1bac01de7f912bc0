"""Files that are known by how they begin, whatever their sender calls them."""

_BEGINNINGS = {b"%PDF-": "application/pdf", b"\x89PNG\r\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


def media_type_by_beginning(content: bytes) -> str | None:
    """The media type if it is one of those that begin as nothing else does."""
    return next((kind for beginning, kind in _BEGINNINGS.items() if content.startswith(beginning)), None)
