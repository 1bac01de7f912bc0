"""HL7 data types as values of the domain: CE and CWE, EI, CX, HD, and the names in XON."""

import re

from api.hl7.syntax import Element, Segment
from api.hl7.tables import IDENTIFIER_KINDS, is_oid, system_of
from domain.values import Coding, Concept, Identifier

_TRIPLETS = ((1, 14), (4, 17), (10, 20))  # where a code stands, and the OID of its system
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def concept(element: Element) -> Concept | None:
    """A CE, CWE or CNE with each of its codes. A name without a code is its text, where no text was sent."""
    sent = len(element.parts())
    places = ((place, oid) for place, oid in _TRIPLETS if place <= sent)
    codings = tuple(coding for place, oid in places if (coding := _coding(element, place, oid)))
    text = element.text(9)
    if text is None and element.code(1) is None:
        text = element.text(2) or (None if codings else element.text(5))
    return Concept(codings=codings, text=text) if codings or text else None


def _coding(element: Element, place: int, oid: int) -> Coding | None:
    code = element.code(place)
    if code is None:
        return None
    system = element.code(place + 2) or element.code(oid)
    return Coding(system=system_of(system), code=code, display=element.text(place + 1))


def concepts(segment: Segment, number: int) -> tuple[Concept, ...]:
    found = (concept(one) for one in segment.repetitions(number))
    return tuple(one for one in found if one)


def words(found: Concept) -> str | None:
    """What a concept says to a reader."""
    displays = (coding.display for coding in found.codings if coding.display)
    codes = (coding.code for coding in found.codings)
    return found.text or next(displays, None) or next(codes, None)


def authority(namespace: str | None, universal: str | None, kind: str | None) -> str | None:
    """Who assigned a number (HD), as a URI where it has one, else the name that was sent."""
    if universal is None:
        return f"urn:oid:{namespace}" if namespace and is_oid(namespace) else namespace
    name = universal.removeprefix("urn:oid:").removeprefix("urn:uuid:")
    if is_oid(name):
        return f"urn:oid:{name}"
    if _UUID.fullmatch(name):
        return f"urn:uuid:{name.lower()}"
    if kind in {"URI", "URL"} or ":" in universal:
        return universal
    return namespace or universal


def entity_identifier(element: Element, kind: str) -> Identifier | None:
    """An EI: a number and who assigned it."""
    value = element.code(1)
    if value is None:
        return None
    system = authority(element.code(2), element.code(3), element.code(4))
    return Identifier(system=system, value=value, kind=kind)


def patient_identifier(element: Element) -> Identifier | None:
    """A CX: a number of a person, who assigned it, and what it is."""
    value = element.code(1)
    if value is None:
        return None
    kind, assigner = element.code(5), element.part(4)
    system = authority(assigner.code(1), assigner.code(2), assigner.code(3))
    if system is None or ":" not in system:  # a name; the type says better what it is
        system = IDENTIFIER_KINDS.get((kind or "").upper(), system)
    return Identifier(system=system, value=value, kind=kind)


def organisation(element: Element) -> str | None:
    """The name of an organisation (XON, HD): its text, else its number."""
    return element.text(1) or element.text(2) or element.text(10) or element.text(3)
