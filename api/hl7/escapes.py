"""Escape sequences of a field, replaced by what they stand for (HL7 v2, chapter 2.7)."""

import re
from functools import lru_cache

_SPACES_MAX = 100  # \.sp9999\ would otherwise grow without measure
_BREAKS = {".br", ".sp", ".ce", ".sk", ".in", ".ti"}
_FORMAT = re.compile(r"(\.[a-z]{2})\s*([+-]?\d{0,4})")


@lru_cache(maxsize=64)
def _sequences(escape: str) -> re.Pattern[str]:
    mark = re.escape(escape)
    # The closing mark is only looked at: after an unknown sequence it may open the next one.
    return re.compile(f"{mark}([^{mark}]*)(?={mark})")


def unescape(text: str, escape: str, characters: dict[str, str], codec: str) -> str:
    """The text without escape sequences; what is not known as one (a path with backslashes) stays as sent."""
    pattern, parts, place = _sequences(escape), [], 0
    while found := pattern.search(text, place):
        parts.append(text[place : found.start()])
        meant = _meaning(found[1], characters, codec)
        if meant is None:
            parts.append(found[0])
            place = found.end()
        else:
            parts.append(meant)
            place = found.end() + 1
    return "".join([*parts, text[place:]])


def _meaning(sequence: str, characters: dict[str, str], codec: str) -> str | None:
    """What a sequence stands for; an empty text for highlighting, character set shifts and local ones."""
    if sequence in characters:
        return characters[sequence]
    match sequence[:1]:
        case ".":
            return _formatting(sequence.lower())
        case "X":
            return _bytes(sequence[1:], codec)
        case "C" | "M" if re.fullmatch(r"[CM](?:[0-9A-Fa-f]{2}){2,3}", sequence):
            return ""
        case "Z" if re.fullmatch(r"Z[A-Za-z0-9.]{0,32}", sequence):
            return ""
    return "" if sequence in {"H", "N"} else None


def _formatting(sequence: str) -> str | None:
    found = _FORMAT.fullmatch(sequence)
    if found is None:
        return None
    command, number = found[1], abs(int(found[2])) if found[2].strip("+-") else 1
    if command == ".sk":
        return " " * min(number, _SPACES_MAX)
    if command == ".sp":
        return "\n" * min(number, _SPACES_MAX)
    if command in _BREAKS:
        return "\n" if command in {".br", ".ce"} else ""
    return "" if command in {".fi", ".nf"} else None


def _bytes(digits: str, codec: str) -> str | None:
    try:
        text = bytes.fromhex(digits).decode(codec)
    except ValueError:
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
