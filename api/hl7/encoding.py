"""Bytes of a message as text, by MSH-18 (HL7 table 0211): never guessed where a guess could be wrong."""

import codecs
import re
from contextlib import suppress

from api.content import ContentError

# JIS X 0208 and its kin between escape sequences, as hospitals in Japan send it.
_JAPANESE = "iso2022_jp_ext"
# The names of table 0211, and those that senders write instead; letters and digits alone.
_CODECS = {
    "ASCII": "ascii",
    "UNICODE": "utf-8",
    "UTF8": "utf-8",
    "UTF16": "utf-16",
    "UTF32": "utf-32",
    "KOI8R": "koi8-r",
    "CP866": "cp866",
    "IBM866": "cp866",
    **{
        f"{name}{page}": f"cp{page}"
        for page in (1250, 1251, 1252, 1254, 1257)
        for name in ("WINDOWS", "WIN", "CP", "")
    },
    **{
        f"{name}8859{part}": f"iso8859-{part}"
        for part in (*range(1, 11), *range(13, 17))
        for name in ("ISO", "")
    },
    # By their numbers in the register of ISO, as DICOM names them.
    "ISOIR6": "ascii",
    "ISOIR101": "iso8859-2",
    "ISOIR144": "iso8859-5",
    "ISOIR192": "utf-8",
    **dict.fromkeys(("ISOIR13", "ISOIR14", "ISOIR87", "ISOIR159"), _JAPANESE),
    # What is called so has dashes and quotes of Windows where the standard has nothing, so browsers take the
    # one for the other.
    **dict.fromkeys(("88591", "ISO88591", "ISOIR100"), "cp1252"),
}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CYRILLIC_CODECS = ("cp1251", "iso8859-5", "koi8-r", "cp866")
_LETTERS = "абвгдежзийклмнопрстуфхцчшщъыьэюяАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ"
_FREQUENT = "оеаинтсрвлОЕАИНТСРВЛ"  # two thirds of the letters of any Russian text
_LETTER_BYTES = {codec: _LETTERS.encode(codec) for codec in _CYRILLIC_CODECS}
_FREQUENT_BYTES = {codec: _FREQUENT.encode(codec) for codec in _CYRILLIC_CODECS}
# What else a laboratory writes in Russian: Ё, letters of the neighbours, signs.
_SIGNS = "ёЁіІїЇєЄґҐўЎ«»“”„’‘–—…№°±µ§·•\u00a0®©™‰€"
_MIXED_WORD = re.compile("[A-Za-z]{2}[\u0400-\u04ff]|[\u0400-\u04ff][A-Za-z]{2}")
_SHIFT = re.compile(rb"\x1b[$()-/]")
_CONTROL = re.compile("[\x80-\x9f]")
# No language has as many letters with marks in a row; Russian text under the name of a Latin set has.
_LATIN_GIBBERISH = re.compile("[\u00c0-\u00ff]{4}|[\u00c0-\u024f]{5}")


def without_mark(raw: bytes) -> tuple[bytes, str | None]:
    """The content as bytes that can be cut into lines, and its encoding if the bytes themselves tell it."""
    for mark, name in _MARKS:
        if raw.startswith(mark):
            return (raw[len(mark) :] if name == "utf-8" else _as_utf8(raw, name)), "utf-8"
    if raw[:2] in (b"M\0", b"F\0", b"B\0"):
        return _as_utf8(raw, "utf-16-le"), "utf-8"
    if raw[:1] == b"\0" and raw[1:2] in (b"M", b"F", b"B"):
        return _as_utf8(raw, "utf-16-be"), "utf-8"
    return raw, None


def _as_utf8(raw: bytes, name: str) -> bytes:
    try:
        return raw.decode(name).encode()
    except UnicodeError:
        raise ContentError("content-not-decodable", "MSH-18") from None


def codec_of(declared: str) -> str | None:
    """The codec for a name in MSH-18, or None where the name is not known."""
    name = re.sub(r"[^A-Z0-9]", "", declared.upper())
    return _CODECS.get(name) or _CODECS.get(name.removeprefix("UNICODE"))


def decode(raw: bytes, declared: str | None, field: str) -> tuple[str, str]:
    """The text of one message and its codec; `declared` is its MSH-18, or what the byte order mark said."""
    codec = codec_of(declared) if declared else None
    if (
        raw.isascii() and b"\x1b" not in raw
    ):  # an escape begins ISO 2022, which is not the ASCII it looks like
        return raw.decode("ascii"), codec or "utf-8"
    if declared and codec is None:
        raise ContentError("content-encoding-unknown", field)
    if raw.isascii() and _SHIFT.search(raw):
        return _japanese(raw, codec, field)
    if codec in {"utf-16", "utf-32"}:  # in two or four bytes it would not have come so far
        codec = "utf-8"
    try:
        # Text of another set that happens to be strict UTF-8 does not occur; UTF-8 under the name of
        # another set does.
        return raw.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        text = _single_byte(raw, codec or "cp1251", is_declared=codec is not None)
    if text is None:
        raise ContentError("content-not-decodable", field)
    return text, codec or "cp1251"


def _japanese(raw: bytes, codec: str | None, field: str) -> tuple[str, str]:
    """Text with escape sequences, which name their set themselves: the bytes after them are no ASCII."""
    if codec in {None, "ascii", _JAPANESE}:
        with suppress(UnicodeDecodeError):
            return raw.decode(_JAPANESE), _JAPANESE
    raise ContentError("content-not-decodable", field)


def _single_byte(raw: bytes, codec: str, *, is_declared: bool) -> str | None:
    """The text, or None where it would be gibberish."""
    if codec in {"utf-8", "ascii"}:
        return None
    try:
        text = raw.decode(codec)
    except UnicodeDecodeError:
        return None
    if codec not in _CYRILLIC_CODECS:
        return None if _CONTROL.search(text) or _LATIN_GIBBERISH.search(text) else text
    is_plausible = _is_russian(raw, codec) if is_declared else _is_surely_cp1251(raw, text)
    return text if is_plausible and _CONTROL.search(text) is None else None


def _count(raw: bytes, wanted: bytes) -> int:
    return len(raw) - len(raw.translate(None, wanted))


def _is_russian(raw: bytes, codec: str) -> bool:
    """Whether no other Cyrillic set makes more sense of the bytes: in text of another set, what is `о`
    there is a rare letter or none here. A few letters say nothing, and then the declaration is believed."""
    scores = {name: _count(raw, wanted) for name, wanted in _FREQUENT_BYTES.items()}
    return max(scores.values()) < 12 or scores[codec] == max(scores.values())


def _is_surely_cp1251(raw: bytes, text: str) -> bool:
    """Where no set was declared, the text must be Russian in this one and in no other."""
    letters, frequent = _count(raw, _LETTER_BYTES["cp1251"]), _count(raw, _FREQUENT_BYTES["cp1251"])
    signs = sum(map(text.count, _SIGNS))
    is_all_known = letters + signs == len(text) - _count(raw, bytes(range(128)))
    rivals = (_count(raw, wanted) for name, wanted in _FREQUENT_BYTES.items() if name != "cp1251")
    return (
        is_all_known
        and frequent >= 0.4 * letters > 0
        and frequent > max(rivals)
        and _MIXED_WORD.search(text) is None
    )
