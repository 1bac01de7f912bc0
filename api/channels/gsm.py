"""How a text becomes SMS: in the 7-bit alphabet of GSM 03.38 (3GPP TS 23.038) if it has all the letters, else in UCS-2.

A text that is too long for one goes in several that the phone joins, each behind a header that says which of them
it is (TS 23.040 9.2.3.24.1). What is paid for is the number of them. No letter is cut in two: neither the two
septets of one that is escaped, nor the two halves of an emoji.
"""

from dataclasses import dataclass
from typing import Final

_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPE: Final = 0x1B
_ESCAPED: Final = {
    "\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40, "€": 0x65,
}  # fmt: skip
_SEPTETS: Final = {letter: bytes((code,)) for code, letter in enumerate(_BASIC) if code != _ESCAPE} | {
    letter: bytes((_ESCAPE, code)) for letter, code in _ESCAPED.items()
}
# Units that one SMS holds, and that each of several holds behind the header: septets, or octets of UTF-16.
_SEPTETS_ALONE, _SEPTETS_EACH = 160, 153
_OCTETS_ALONE, _OCTETS_EACH = 140, 134


@dataclass(frozen=True, slots=True)
class Segments:
    """The user data of each SMS, an unpacked septet in an octet or UTF-16; `is_joined` if each begins with the header."""

    parts: tuple[bytes, ...]
    is_ucs2: bool

    @property
    def is_joined(self) -> bool:
        return len(self.parts) > 1

    def with_headers(self, number: int) -> tuple[bytes, ...]:
        """As they go out. The number is common to the parts of one text; its last octet is used."""
        if not self.is_joined:
            return self.parts
        head = bytes((5, 0, 3, number & 0xFF, len(self.parts)))
        return tuple(head + bytes((place,)) + part for place, part in enumerate(self.parts, start=1))


def segments_of(text: str) -> Segments:
    """The text cut into as few as it takes."""
    if all(letter in _SEPTETS for letter in text):
        letters = [_SEPTETS[letter] for letter in text]
        return Segments(_cut(letters, _SEPTETS_ALONE, _SEPTETS_EACH), is_ucs2=False)
    letters = [letter.encode("utf-16-be", "replace") for letter in text]
    return Segments(_cut(letters, _OCTETS_ALONE, _OCTETS_EACH), is_ucs2=True)


def _cut(letters: list[bytes], alone: int, each: int) -> tuple[bytes, ...]:
    if sum(map(len, letters)) <= alone:
        return (b"".join(letters),)
    parts = [b""]
    for letter in letters:
        if len(parts[-1]) + len(letter) > each:
            parts.append(b"")
        parts[-1] += letter
    return tuple(parts)
