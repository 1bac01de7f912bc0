"""Content cut into messages: one, several, or a batch file with FHS, BHS, BTS and FTS around them."""

import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from api.content import ContentError
from api.hl7.encoding import decode, without_mark
from api.hl7.syntax import Segment, delimiters_of, segment_of

MESSAGES_MAX = 10_000
SEGMENTS_MAX = 100_000
_HEADER_BYTES_MAX = 1 << 16
_ENVELOPE = (b"FHS", b"BHS", b"BTS", b"FTS")
_FRAMING = b"\x0b\x1c\x1a"  # MLLP's, and the end of file of old systems
_LINE_END = re.compile(rb"[\r\n]+")
_SEGMENT_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
# Blanks around a name are overlooked where the segment would be lost in the text before it: another patient,
# another order. Files put together keep their marks.
_PADDED_NAME = re.compile(r"[\s\ufeff]*(PID|ORC|OBR|OBX|SPM)\s*")


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `prefix` tells it from the other messages of the content in a refusal."""

    segments: tuple[Segment, ...]
    prefix: str = ""

    @property
    def header(self) -> Segment:
        return self.segments[0]


def messages_of(raw: bytes) -> Iterator[Message]:
    """The messages of the content, one after another, so that only one is held in its parts."""
    content, encoding = without_mark(raw)
    content = content.rstrip(b"\0")  # the rest of a buffer
    if b"\0" in content:
        raise ContentError("content-not-hl7", None)
    sent = _lines_of_messages(content)
    for number, lines in enumerate(sent, 1):
        yield _message(lines, encoding, f"MSH[{number}]/" if number > 1 else "")


def _lines_of_messages(content: bytes) -> list[list[bytes]]:
    messages: list[list[bytes]] = []
    count, place, is_inside, indent = 0, 0, False, b""
    while place < len(content):
        found = _LINE_END.search(content, place)
        line = content[place : found.start() if found else len(content)].strip(_FRAMING)
        place = found.end() if found else len(content)
        header = line.removeprefix(BOM_UTF8).lstrip(b" \t")  # files put one after another keep their marks
        if _begins(header, b"MSH") or (header == b"MSH" and not messages):
            indent = line.partition(header)[0].removeprefix(BOM_UTF8)
            line = header
            messages.append([])
            is_inside = True
        elif any(_begins(line, name) for name in _ENVELOPE):
            is_inside = False
        count += 1
        if count > SEGMENTS_MAX or len(messages) > MESSAGES_MAX:
            raise ContentError("content-too-complex", "MSH" if len(messages) > MESSAGES_MAX else None)
        if is_inside and line.strip():
            messages[-1].append(line.removeprefix(indent))  # what stands before each line of it
    if not messages:
        raise ContentError("content-not-hl7", "MSH")
    return messages


def _begins(line: bytes, name: bytes) -> bool:
    """Whether the line is such a segment, and no text that begins with the same letters."""
    return line.startswith(name) and len(line) > 3 and not (line[3:4].isalnum() or line[3:4].isspace())


def _message(lines: list[bytes], encoding: str | None, prefix: str) -> Message:
    header = lines[0].split(lines[0][3:4] or b"|", 18)
    # MSH-1 is the separator itself, so MSH-18 comes 17th. Its first repetition is the set of the message; where it is
    # empty, that is ASCII, and the next one what it is shifted to.
    sent = re.split(rb"[~^]", header[17]) if len(header) > 17 else []
    names = (name.decode("ascii", "replace").strip().strip('"') for name in sent)
    declared = encoding or next(filter(None, names), None)
    text, codec = decode(b"\n".join(lines), declared, f"{prefix}MSH-18")
    delimiters = delimiters_of(text, codec, f"{prefix}MSH")
    counts: Counter[str] = Counter()
    segments = []
    for line in _whole_lines(text.split("\n"), delimiters.field):
        name = line[:3]
        counts[name] += 1
        place = f"{prefix}MSH" if name == "MSH" else f"{prefix}{name}[{counts[name]}]"
        segments.append(segment_of(line, delimiters, place))
    _check_header(segments[0])
    return Message(tuple(segments), prefix)


def _check_header(header: Segment) -> None:
    if len(header.fields) < 10:  # neither type nor number: a line that only begins like a header
        raise ContentError("content-not-hl7", header.place)


def unread_header(raw: bytes) -> Segment:
    """The header of a message that cannot be read, so that its sender can be told. Its bytes stand for
    letters one by one, and come out again as they came in."""
    content, _ = without_mark(raw)
    lines = (line.strip(_FRAMING) for line in re.split(rb"[\r\n]", content[:_HEADER_BYTES_MAX]))
    line = next((line for line in lines if line.startswith(b"MSH")), None)
    if line is None:
        raise ContentError("content-not-hl7", "MSH")
    text = line.decode("latin-1")
    header = segment_of(text, delimiters_of(text, "latin-1", "MSH"), "MSH")
    _check_header(header)
    return header


def _whole_lines(lines: list[str], separator: str) -> Iterator[str]:
    """The segments. A line that begins like none is the rest of a text whose line break was not escaped;
    ADD is the rest of a segment that was too long."""
    parts: list[str] = []
    for line in lines:
        if line.startswith(f"ADD{separator}") and parts:
            parts.append(line[4:])
        elif segment := _as_segment(line, separator):
            if parts:
                yield "".join(parts)
            parts = [segment]
        else:
            parts += ["\n", line]
    yield "".join(parts)


def _as_segment(line: str, separator: str) -> str | None:
    if _SEGMENT_NAME.match(line) and line[3:4] in ("", separator):
        return line
    padded = _PADDED_NAME.match(line)
    return padded[1] + line[padded.end() :] if padded and line.startswith(separator, padded.end()) else None
