"""Bytes for an operator's eyes: as text where they are text, as hexadecimal where they are not."""

import codecs
import re
from typing import Literal

SHOWN_BYTES = 200_000
_LINE_BYTES = 16
# Text has no control characters but tab, line ends, form feed, and the frame of MLLP.
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1b\x1d-\x1f\x7f]")

Form = Literal["utf-8", "windows-1251", "hexadecimal"]


def shown(content: bytes) -> tuple[str, Form]:
    """The beginning of the content, and how it was made readable. Laboratories that do not write UTF-8
    write windows-1251; other bytes of a single-byte set are legible in part, which is better than not."""
    beginning = content[:SHOWN_BYTES]
    if _NOT_TEXT.search(beginning):
        return _hexadecimal(beginning), "hexadecimal"
    try:
        # The cut may go through a character.
        text = codecs.getincrementaldecoder("utf-8")().decode(beginning, final=len(content) <= SHOWN_BYTES)
    except UnicodeDecodeError:
        return beginning.decode("windows-1251", errors="replace"), "windows-1251"
    return text, "utf-8"


def _hexadecimal(raw: bytes) -> str:
    """Offset, sixteen bytes, and what of them is ASCII: as `hexdump -C` shows them."""
    lines = (raw[start : start + _LINE_BYTES] for start in range(0, len(raw), _LINE_BYTES))
    return "\n".join(
        f"{number * _LINE_BYTES:08x}  {line.hex(' '):<47}  {_ascii(line)}"
        for number, line in enumerate(lines)
    )


def _ascii(line: bytes) -> str:
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in line)
