"""Ways to spoil a submission: each takes a source of chance and bytes, and gives other bytes."""

import base64
import copy
import gzip
import json
import re
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from lxml import etree

Mutator = Callable[[Random, bytes], bytes]

SIZE_MAX = 8_000_000  # what an envelope may carry
NUMBERS = (
    "1e400",
    "-0",
    "NaN",
    "Infinity",
    "-1e-400",
    "1e99999999999",
    "0x1F",
    "1_000",
    "١٢٣",
    "1,5",
    "00.10",
    "+5",
    ".5",
    "5.",
    "72.500000",
    "9" * 300,
    "9" * 100_000,
    "1" + "0" * 20 + ".5",
    "--1",
    "½",
    "",
)
TEXTS = (
    "",
    " ",
    "\u202eтсет\u202c",
    "e\u0301",
    "\u200b",
    "\ufeff",
    "\u2028",
    "\x7f\x85",
    "ё" * 5000,
    "\U0001f9ea",
    "\ufffd",
    "\uffff",
    "<b>&amp;",
    "]]>",
    "{{7*7}}",
    "'; DROP TABLE--",
    "../../etc/passwd",
    "%s%n",
    "0",
    "null",
    "2024-02-30",
    "9999-12-31T23:59:60Z",
    "20240403101500+1460",
    "0000",
    "#",
    "urn:uuid:00000000-0000-0000-0000-000000000000",
)
HOSTILE_BYTES = (
    b"\x00",
    b"\xe2\x80\xae",
    b"\xed\xa0\x80",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xc0\x80",
    b"\x1b",
    b"\x0b",
    b"\x1c\r",
    b"\x1a",
    b"\r",
    b"\n\n",
    b"\xe2\x80\xa8",
    b"\xf4\x90\x80\x80",
)
_NUMBER = re.compile(rb"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.])")


def _place(chance: Random, content: bytes) -> int:
    return chance.randrange(len(content) + 1)


def _slice(chance: Random, content: bytes, longest: int = 2000) -> tuple[int, int]:
    start = _place(chance, content)
    return start, min(len(content), start + chance.randint(1, longest))


# Any bytes.


def flip_bits(chance: Random, content: bytes) -> bytes:
    changed = bytearray(content or b"\0")
    for _ in range(chance.choice((1, 1, 2, 5, 50))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut(chance: Random, content: bytes) -> bytes:
    place = _place(chance, content)
    return content[:place] if chance.random() < 0.8 else content[place:]


def leave_out(chance: Random, content: bytes) -> bytes:
    start, end = _slice(chance, content)
    return content[:start] + content[end:]


def double(chance: Random, content: bytes) -> bytes:
    start, end = _slice(chance, content)
    return content[:end] + content[start:end] + content[end:]


def flood(chance: Random, content: bytes) -> bytes:
    start, end = _slice(chance, content, 60)
    times = chance.choice((10, 100, 1000, 10_000))
    return content[:end] + content[start:end] * times + content[end:]


def swap(chance: Random, content: bytes) -> bytes:
    (a, b), (c, d) = sorted((_slice(chance, content), _slice(chance, content)))
    return content if b > c else content[:a] + content[c:d] + content[b:c] + content[a:b] + content[d:]


def insert(chance: Random, content: bytes) -> bytes:
    place = _place(chance, content)
    return content[:place] + chance.choice(HOSTILE_BYTES) + content[place:]


def other_number(chance: Random, content: bytes) -> bytes:
    found = list(_NUMBER.finditer(content))
    if not found:
        return content
    start, end = chance.choice(found).span()
    return content[:start] + chance.choice(NUMBERS).encode() + content[end:]


def other_encoding(chance: Random, content: bytes) -> bytes:
    text = content.decode("utf-8", "replace")
    codec = chance.choice(
        (
            "utf-16",
            "utf-16-be",
            "utf-32",
            "utf-8-sig",
            "cp1251",
            "latin-1",
            "koi8-r",
            "iso8859-5",
            "cp866",
            "utf-7",
        )
    )
    return text.encode(codec, "replace")


def packed(chance: Random, content: bytes) -> bytes:
    return gzip.compress(content, 1) if chance.random() < 0.5 else base64.b64encode(content)


ANY: tuple[Mutator, ...] = (
    flip_bits,
    cut,
    leave_out,
    double,
    flood,
    swap,
    insert,
    other_number,
    other_encoding,
    packed,
)

# JSON.


def _tree(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(node) if isinstance(node, dict) else range(len(node))
    for key in keys:
        yield node, key
        if isinstance(node[key], dict | list):
            yield from _places(node[key])


def _anything(chance: Random) -> Any:
    return chance.choice(
        (
            None,
            True,
            0,
            -1.5,
            10**30,
            "",
            chance.choice(TEXTS),
            [],
            {},
            [[]],
            [None],
            {"": None},
            ["a", {}],
            1e308,
        )
    )


def _on_tree(change: Callable[[Random, Any, list[tuple[Any, Any]]], None]) -> Mutator:
    def mutate(chance: Random, content: bytes) -> bytes:
        tree = _tree(content)
        places = list(_places(tree)) if isinstance(tree, dict | list) else []
        if not places:
            return flip_bits(chance, content)
        change(chance, tree, places)
        return json.dumps(tree, ensure_ascii=chance.random() < 0.2).encode("utf-8", "surrogatepass")

    mutate.__name__ = change.__name__.removeprefix("_")
    return mutate


def _confuse_types(chance: Random, _: Any, places: list[tuple[Any, Any]]) -> None:
    owner, key = chance.choice(places)
    owner[key] = _anything(chance)


def _swap_nodes(chance: Random, _: Any, places: list[tuple[Any, Any]]) -> None:
    (one, here), (other, there) = chance.choice(places), chance.choice(places)
    copies = json.dumps(one[here]), json.dumps(other[there])
    one[here], other[there] = json.loads(copies[1]), json.loads(copies[0])


def _drop_node(chance: Random, _: Any, places: list[tuple[Any, Any]]) -> None:
    owner, key = chance.choice(places)
    del owner[key]


def _repeat_node(chance: Random, _: Any, places: list[tuple[Any, Any]]) -> None:
    lists = [owner[key] for owner, key in places if isinstance(owner[key], list) and owner[key]]
    if lists:
        chosen = chance.choice(lists)
        one = chosen[-1]
        chosen.extend(
            [one] * min(chance.choice((1, 10, 1000, 20_000)), 2_000_000 // (1 + len(json.dumps(one))))
        )


def _deepen(chance: Random, _: Any, places: list[tuple[Any, Any]]) -> None:
    owner, key = chance.choice(places)
    name = chance.choice(("extension", "contained", "entry", "hasMember", "x"))
    for _ in range(chance.choice((1, 5, 70))):
        owner[key] = [owner[key]] if chance.random() < 0.5 else {name: [owner[key]]}


def _rename(chance: Random, _: Any, places: list[tuple[Any, Any]]) -> None:
    dicts = [(owner, key) for owner, key in places if isinstance(owner, dict)]
    owner, key = chance.choice(dicts or [({"a": 1}, "a")])
    other = chance.choice(
        ("valueDecimal", "valueString", "status", "resourceType", "__proto__", key + " ", key.upper())
    )
    owner[other] = owner.pop(key)


def _other_text(chance: Random, _: Any, places: list[tuple[Any, Any]]) -> None:
    texts = [(owner, key) for owner, key in places if isinstance(owner[key], str)]
    if texts:
        owner, key = chance.choice(texts)
        owner[key] = chance.choice((*TEXTS, "\ud800", "a\x00b", owner[key] + "\u202e", owner[key] * 50))


def _resources(tree: Any) -> list[dict[str, Any]]:
    entries = tree.get("entry", ()) if isinstance(tree, dict) else ()
    found = (
        [one.get("resource") for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    )
    return [one for one in found if isinstance(one, dict)]


def _circle(chance: Random, tree: Any, places: list[tuple[Any, Any]]) -> None:
    """References that go round: members of each other, reports as results, patients as observations."""
    found = _resources(tree)
    names = [f"{one.get('resourceType')}/{one.get('id')}" for one in found] or ["#a", "Observation/a"]
    for one in found:
        field = chance.choice(("hasMember", "result", "subject", "performer", "specimen", "derivedFrom"))
        references = [{"reference": chance.choice(names)} for _ in range(chance.randint(1, 20))]
        one[field] = references[0] if field == "subject" else references


def _other_patient(chance: Random, tree: Any, places: list[tuple[Any, Any]]) -> None:
    """A second patient, of whom some of the resources are."""
    found = _resources(tree)
    if not found:
        return
    tree["entry"].append(
        {"resource": {"resourceType": "Patient", "id": "stranger", "name": [{"family": "Чужой"}]}}
    )
    for one in found:
        if one.get("resourceType") in ("Observation", "DiagnosticReport") and chance.random() < 0.3:
            one["subject"] = {"reference": "Patient/stranger"}


def number_in_json(chance: Random, content: bytes) -> bytes:
    """As other_number, but only where a number stands in JSON."""
    found = list(re.finditer(rb'":\s*(-?\d[\d.eE+-]*)', content))
    if not found:
        return content
    start, end = chance.choice(found).span(1)
    return content[:start] + chance.choice(NUMBERS).encode() + content[end:]


def name_twice(chance: Random, content: bytes) -> bytes:
    found = list(re.finditer(rb'"(status|value|code|resourceType|id)"\s*:', content))
    if not found:
        return content
    one = chance.choice(found)
    return content[: one.start()] + one[0] + b'"final",' + content[one.start() :]


def bracket_flood(chance: Random, content: bytes) -> bytes:
    place = content.find(b"[", _place(chance, content)) + 1
    opening = chance.choice((b"[", b'{"a":', b'[{"extension":'))
    return content[:place] + opening * chance.choice((65, 1000, 100_000)) + content[place:]


JSON: tuple[Mutator, ...] = (
    _on_tree(_confuse_types),
    _on_tree(_confuse_types),
    _on_tree(_swap_nodes),
    _on_tree(_drop_node),
    _on_tree(_drop_node),
    _on_tree(_repeat_node),
    _on_tree(_deepen),
    _on_tree(_rename),
    _on_tree(_other_text),
    _on_tree(_circle),
    _on_tree(_other_patient),
    number_in_json,
    name_twice,
    bracket_flood,
)

# XML.

_BOMB = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' if n else '<!ENTITY l0 "lol">' for n in range(10))
_DOCTYPES = (
    f"<!DOCTYPE a [{_BOMB}]>",
    '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]>',
    f'<!DOCTYPE a [<!ENTITY q "{"q" * 50_000}">]>',
    '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd">',
    "<!DOCTYPE a>",
)


def doctype(chance: Random, content: bytes) -> bytes:
    start = content.find(b"<", content.find(b"?>") + 2) if b"?>" in content[:200] else content.find(b"<")
    start = max(start, 0)
    entity = chance.choice((b"", b"&l9;", b"&x;", b"&q;" * 10_000))
    return (
        content[:start]
        + chance.choice(_DOCTYPES).encode()
        + content[start:].replace(b"</", entity + b"</", 1)
    )


def _on_elements(change: Callable[[Random, list[Any]], None]) -> Mutator:
    def mutate(chance: Random, content: bytes) -> bytes:
        try:
            root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
        except (etree.XMLSyntaxError, ValueError):
            return flip_bits(chance, content)
        elements = [one for one in root.iter() if isinstance(one.tag, str)]
        change(chance, elements)
        return etree.tostring(root)

    mutate.__name__ = change.__name__.removeprefix("_")
    return mutate


def _copy(element: Any) -> Any:
    return copy.deepcopy(element)


def _repeat_element(chance: Random, elements: list[Any]) -> None:
    one = chance.choice(elements[1:] or elements)
    parent = one.getparent()
    size = len(etree.tostring(one))
    if parent is not None:
        for _ in range(min(chance.choice((1, 3, 100, 3000)), 1 + 2_000_000 // size)):
            parent.append(_copy(one))


def _move_element(chance: Random, elements: list[Any]) -> None:
    chance.choice(elements).append(_copy(chance.choice(elements)))


def _drop_element(chance: Random, elements: list[Any]) -> None:
    one = chance.choice(elements[1:] or elements)
    if one.getparent() is not None:
        one.getparent().remove(one)


def _other_attribute(chance: Random, elements: list[Any]) -> None:
    one = chance.choice([one for one in elements if one.attrib] or elements)
    name = chance.choice([*one.attrib, "value", "unit", "nullFlavor", "code", "moodCode", "typeCode", "ID"])
    value = chance.choice(
        (*TEXTS, *NUMBERS, *one.attrib.values(), *chance.choice(elements).attrib.values(), "NI")
    )
    one.set(name, re.sub(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]", "", value))


def _other_type(chance: Random, elements: list[Any]) -> None:
    values = [one for one in elements if etree.QName(one).localname == "value"]
    kinds = ("PQ", "ST", "CD", "ED", "IVL_PQ", "RTO", "TS", "INT", "BL", "SC", "GLIST_PQ", "x:y:z")
    chance.choice(values or elements).set(
        "{http://www.w3.org/2001/XMLSchema-instance}type", chance.choice(kinds)
    )


def _attribute_flood(chance: Random, elements: list[Any]) -> None:
    one = chance.choice(elements)
    for number in range(chance.choice((10, 70, 5000))):
        one.set(f"a{number}", "x")


def _text_inside(chance: Random, elements: list[Any]) -> None:
    text = re.sub(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]", "", chance.choice(TEXTS))
    chance.choice(elements).text = text


def _nest(chance: Random, elements: list[Any]) -> None:
    one = chance.choice(elements)
    parts = list(one)
    for _ in range(chance.choice((2, 20, 80, 240))):
        one = etree.SubElement(one, chance.choice(elements).tag)
    one.extend(parts)


def other_namespace(chance: Random, content: bytes) -> bytes:
    return content.replace(
        chance.choice((b"urn:hl7-org:v3", b"http://hl7.org/fhir")),
        chance.choice((b"", b"urn:x", b"urn:hl7-org:v4")),
    )


def other_declaration(chance: Random, content: bytes) -> bytes:
    codec = chance.choice(
        ("utf-16", "windows-1251", "us-ascii", "utf-7", "shift_jis", "x", "utf-8", "koi8-r")
    )
    declared = f'<?xml version="1.0" encoding="{codec}"?>'.encode()
    return declared + re.sub(rb"^[^<]*<\?xml[^>]*\?>", b"", content)


def comments(chance: Random, content: bytes) -> bytes:
    inside = chance.choice((b"<!-- -->", b"<?pi x?>", b"<![CDATA[<x>]]>", b"<!-- - - -->" * 1000))
    return content.replace(b"><", b">" + inside + b"<", chance.choice((1, 20)))


XML: tuple[Mutator, ...] = (
    doctype,
    _on_elements(_repeat_element),
    _on_elements(_repeat_element),
    _on_elements(_move_element),
    _on_elements(_drop_element),
    _on_elements(_drop_element),
    _on_elements(_other_attribute),
    _on_elements(_other_attribute),
    _on_elements(_other_type),
    _on_elements(_attribute_flood),
    _on_elements(_text_inside),
    _on_elements(_nest),
    other_namespace,
    other_declaration,
    comments,
)

# HL7 v2.

_ESCAPES = (
    rb"\F\ ",
    rb"\X0D\ ",
    rb"\X\ ",
    rb"\Xzz\ ",
    rb"\.br\ ",
    rb"\.sp99999999\ ",
    rb"\M1234\ ",
    rb"\C1B2842\ ",
    b"\\" * 999,
    rb"\X" + b"41" * 50_000 + b"\\",
    rb"\H\ ",
    b'""',
)


def _segments(content: bytes) -> list[bytes]:
    return re.split(rb"[\r\n]+", content)


def swap_segments(chance: Random, content: bytes) -> bytes:
    lines = _segments(content)
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\r".join(lines)


def repeat_segment(chance: Random, content: bytes) -> bytes:
    lines = _segments(content)
    place = chance.randrange(len(lines))
    times = min(
        chance.choice((1, 2, 5, 5, 20, 1000, 1000, 120_000)), 1 + 3_000_000 // (1 + len(lines[place]))
    )
    return b"\r".join((*lines[:place], *[lines[place]] * times, *lines[place:]))


def drop_segment(chance: Random, content: bytes) -> bytes:
    lines = _segments(content)
    del lines[chance.randrange(len(lines))]
    return b"\r".join(lines)


def other_field(chance: Random, content: bytes) -> bytes:
    """One field of one segment becomes something else, or another field of the message."""
    lines = _segments(content)
    place = chance.randrange(len(lines))
    fields = lines[place].split(b"|")
    number = chance.randrange(len(fields))
    others = chance.choice(lines).split(b"|")
    options = (
        chance.choice(TEXTS).encode(),
        chance.choice(NUMBERS).encode(),
        chance.choice(others),
        *_ESCAPES,
    )
    fields[number] = chance.choice(options)
    lines[place] = b"|".join(fields)
    return b"\r".join(lines)


def field_flood(chance: Random, content: bytes) -> bytes:
    separator = chance.choice((b"|", b"^", b"~", b"&", b"^~&"))
    place = content.find(b"|", _place(chance, content)) + 1
    return content[:place] + separator * chance.choice((5, 999, 20_000, 400_000)) + content[place:]


def other_delimiters(chance: Random, content: bytes) -> bytes:
    declared = chance.choice(
        (rb"^~\&", b"^", b"", b"^~", b"^^^^", b"abcd", b"#$%@", rb"|~\&", b"\xff\xfe\xfd\xfc", b"    ")
    )
    if chance.random() < 0.5:
        return content.replace(rb"^~\&", declared, 1)
    return content.replace(b"|", chance.choice((b"!", b"^", b"A", b"\xe2\x80\xa2", b"\x00", b"\r")))


def observation_fields(chance: Random, content: bytes) -> bytes:
    """The type, value, unit, range, flag or status of some observations becomes another's."""
    lines = _segments(content)
    for place, line in enumerate(lines):
        fields = line.split(b"|")
        if fields[0] == b"OBX" and len(fields) > 11 and chance.random() < 0.4:
            fields[2] = chance.choice(
                (b"NM", b"SN", b"ED", b"CE", b"TS", b"DR", b"RP", b"XX", b"FT", fields[2])
            )
            fields[5] = chance.choice(
                (b">^5", b"^1^:^128", b"^PDF^^Base64^JVBE", b"1~2~3", b'""', b"20240230", fields[5])
            )
            fields[11] = chance.choice((*(bytes([one]) for one in b"ABCDFINOPRSUVWXZ"), b"", b"final"))
            lines[place] = b"|".join(fields)
    return b"\r".join(lines)


def character_set(chance: Random, content: bytes) -> bytes:
    sets = (
        b"8859/5",
        b"UNICODE UTF-8",
        b"UNICODE",
        b"ISO IR87",
        b"GB 18030-2000",
        b"x",
        b"WINDOWS-1251",
        b"ASCII~8859/5",
    )
    lines = _segments(content)
    fields = lines[0].split(b"|")
    fields += [b""] * (18 - len(fields))
    fields[17] = chance.choice(sets)
    lines[0] = b"|".join(fields)
    return b"\r".join(lines)


def frames(chance: Random, content: bytes) -> bytes:
    wrapped = chance.choice(
        (b"\x0b%b\x1c\r", b"FHS|^~\\&\rBHS|^~\\&\r%b\rBTS|1\rFTS|1", b"BHS|^~\\&\r%b", b"%b\rADD|more")
    )
    return wrapped.replace(b"%b", content)


def another_patient(chance: Random, content: bytes) -> bytes:
    lines = _segments(content)
    lines.insert(chance.randint(1, len(lines)), "PID|2||77^^^LAB||Чужой^Пётр".encode())
    return b"\r".join(lines)


HL7: tuple[Mutator, ...] = (
    swap_segments,
    repeat_segment,
    drop_segment,
    drop_segment,
    other_field,
    other_field,
    other_field,
    field_flood,
    other_delimiters,
    observation_fields,
    observation_fields,
    character_set,
    frames,
    another_patient,
)

# A document inside: base64 in ED, nonXMLBody and the PDF with a header.


def spoil_base64(chance: Random, content: bytes) -> bytes:
    found = list(re.finditer(rb"[A-Za-z0-9+/]{60,}={0,2}", content))
    if not found:
        return flip_bits(chance, content)
    start, end = chance.choice(found).span()
    whole = base64.b64encode(base64.b64decode(content[start:end][: (end - start) // 4 * 4]))
    other = chance.choice(
        (
            b"",
            b"=",
            b"!!!",
            whole[:-1],
            whole + b"=",
            b"A" * 1_000_001,
            b"\n ".join((whole[:40], whole[40:])),
            whole * 3,
        )
    )
    active = base64.b64encode(b"%PDF-1.4\n/#4aavaScript (app.alert(1))\n%%EOF")
    return content[:start] + chance.choice((other, active)) + content[end:]


BY_FORMAT: dict[str, tuple[Mutator, ...]] = {
    "json": (*JSON, spoil_base64),
    "xml": (*XML, spoil_base64),
    "hl7": (*HL7, spoil_base64),
    "pdf": (*JSON, spoil_base64, spoil_base64, spoil_base64),
}
