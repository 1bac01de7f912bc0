"""Bytes that stand in a text of a submission: base64, in lines as encoders break it, and behind the beginning of a data:
URL, as programs of browsers give it (RFC 2397)."""

import base64
import re

_DATA_URL = re.compile(r"\s*data:([^;,]{0,100})(?:;[^;,]{0,100}){0,4};base64,", re.IGNORECASE)


def packed(text: str) -> str:
    """The base64 alone."""
    url = _DATA_URL.match(text)
    return "".join((text[url.end() :] if url else text).split())


def unpacked(text: str) -> bytes:
    """ValueError for what is none."""
    return base64.b64decode(packed(text), validate=True)


def is_data_url(text: str) -> bool:
    return _DATA_URL.match(text) is not None


def media_type(text: str) -> str | None:
    """The type that a data: URL says."""
    url = _DATA_URL.match(text)
    return (url[1].strip() or None) if url else None
