"""A message's segments, fields, repetitions, components: cut when asked for, never copied before."""

from dataclasses import dataclass

from api.content import ContentError
from api.hl7.escapes import unescape

FIELDS_MAX = 1_000
PARTS_MAX = 10_000
FIELD_CHARACTERS_MAX = 1 << 20
VALUE_CHARACTERS_MAX = 64 << 20  # OBX-5 may hold a document
# What is said once and kept in every report of a message.
SHARED_CHARACTERS_MAX = 1 << 14
NULL = '""'


@dataclass(frozen=True, slots=True)
class Delimiters:
    """MSH-1 and MSH-2; a character that was not sent is empty. `codec` is for `\\X..\\`."""

    field: str
    component: str
    repetition: str = ""
    escape: str = ""
    subcomponent: str = ""
    truncation: str = ""
    codec: str = "utf-8"

    def unescaped(self, text: str) -> str:
        if not self.escape or self.escape not in text:
            return text
        characters = {
            "F": self.field,
            "S": self.component,
            "R": self.repetition or "~",
            "E": self.escape,
            "T": self.subcomponent or "&",
            "P": self.truncation or "#",
        }
        return unescape(text, self.escape, characters, self.codec)


def delimiters_of(header: str, codec: str, field: str) -> Delimiters:
    """The characters that the first segment of a message declares; `field` names it in a refusal."""
    separator = header[3:4]
    if not separator or separator.isalnum() or separator.isspace():
        raise ContentError("content-not-hl7", f"{field}-1")
    # Each once: where a backslash was doubled on the way, the next character is still the subcomponent's. And
    # where it was lost, so it is too: `^~&` of a program that meant `^~\\&` declares no escape.
    unique = list(dict.fromkeys(header[4:].partition(separator)[0][:6]))[:5]
    if unique[2:] == ["&"]:
        unique.insert(2, "")
    elif unique[2:3] == [" "]:
        unique[2] = ""
    if not unique or any(one.isalnum() or one.isspace() for one in unique):
        raise ContentError("content-not-hl7", f"{field}-2")
    component, repetition, escape, subcomponent, truncation = (*unique, "", "", "", "")[:5]
    return Delimiters(separator, component, repetition, escape, subcomponent, truncation, codec)


@dataclass(frozen=True, slots=True)
class Element:
    """A repetition of a field, or a component of one with its own parts."""

    raw: str
    delimiters: Delimiters
    is_component: bool = False

    def parts(self) -> list[str]:
        separator = self.delimiters.subcomponent if self.is_component else self.delimiters.component
        if not separator or separator not in self.raw:
            return [self.raw]
        parts = self.raw.split(separator, PARTS_MAX + 1)
        if len(parts) > PARTS_MAX + 1:
            raise ContentError("content-too-complex", None)
        return parts

    def part(self, number: int) -> "Element":
        """A component (from 1) whose own parts are its subcomponents."""
        return Element(self._raw(number), self.delimiters, is_component=True)

    def _raw(self, number: int) -> str:
        parts = self.parts()
        return parts[number - 1] if number <= len(parts) else ""

    def text(self, number: int | None = None) -> str | None:
        """What a part, or the whole, says, as sent; None if nothing or the null value."""
        raw = self.raw if number is None else self._raw(number)
        return self.delimiters.unescaped(raw) if raw and not raw.isspace() and raw != NULL else None

    def code(self, number: int | None = None) -> str | None:
        """As `text`, without the blanks around, which are no part of a code, a number or a time."""
        text = self.text(number)
        return text.strip() if text else None


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment; `place` names it in a refusal (`OBX[3]`: the third OBX of its message)."""

    name: str
    fields: tuple[str, ...]
    delimiters: Delimiters
    place: str

    def raw(self, number: int) -> str:
        return self.fields[number] if number < len(self.fields) else ""

    def repetitions(self, number: int) -> tuple[Element, ...]:
        """The repetitions of a field that say anything."""
        raw, separator = self.raw(number), self.delimiters.repetition
        if not raw:
            return ()
        if not separator or separator not in raw:
            return () if raw.isspace() else (Element(raw, self.delimiters),)
        sent = raw.split(separator, PARTS_MAX + 1)
        if len(sent) > PARTS_MAX + 1:
            raise ContentError("content-too-complex", f"{self.place}-{number}")
        return tuple(Element(one, self.delimiters) for one in sent if one and not one.isspace())

    def lines(self, number: int) -> str:
        """The field as text, its repetitions as lines, empty ones too. Component separators at an end separate
        nothing; elsewhere they are the text's own."""
        separator, component = self.delimiters.repetition, self.delimiters.component
        raw = self.raw(number)
        sent = raw.split(separator) if separator else [raw]
        return "\n".join(Element(one.rstrip(component), self.delimiters).text() or "" for one in sent)

    def first(self, number: int) -> Element:
        return next(iter(self.repetitions(number)), Element("", self.delimiters))

    def whole(self, number: int) -> Element:
        """The field with its repetitions, for text in which the characters mean themselves."""
        return Element(self.raw(number), self.delimiters)

    def code(self, number: int) -> str | None:
        return self.first(number).code(1)


def segment_of(line: str, delimiters: Delimiters, place: str) -> Segment:
    """A line as a segment. Of the header, the separator itself is field 1."""
    separator = delimiters.field
    if line.count(separator) > FIELDS_MAX:
        raise ContentError("content-too-complex", place)
    fields = line.split(separator)
    if fields[0] in {"MSH", "FHS", "BHS"}:
        fields.insert(1, separator)
    usual = SHARED_CHARACTERS_MAX if fields[0] in {"MSH", "PID"} else FIELD_CHARACTERS_MAX
    for number, field in enumerate(fields):
        is_value = fields[0] == "OBX" and number == 5
        if len(field) > (VALUE_CHARACTERS_MAX if is_value else usual):
            raise ContentError("content-too-complex", f"{place}-{number}")
    return Segment(fields[0], tuple(fields), delimiters, place)
