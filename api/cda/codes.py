"""Codes and identifiers of CDA in the words of the domain, with the names that FHIR gives code systems."""

import re
from collections.abc import Iterable, Iterator

from api.cda.elements import Element, Narrative, attribute, child, children
from domain.values import Coding, Concept, Identifier

_OID = re.compile(r"[0-2](?:\.(?:0|[1-9]\d*))+", re.ASCII)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
NULL_FLAVOR = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
_SYSTEMS = {
    "2.16.840.1.113883.6.1": LOINC,
    "2.16.840.1.113883.6.96": "http://snomed.info/sct",
    "2.16.840.1.113883.6.8": UCUM,
}
# A few senders name the system and leave its OID out.
_NAMED_SYSTEMS = {"LOINC": LOINC, "SNOMEDCT": "http://snomed.info/sct", "UCUM": UCUM}


def system_of(oid: str | None) -> str | None:
    """An OID or UUID as the URI that FHIR writes for it; anything else as it was sent."""
    if oid is None or oid in _SYSTEMS:
        return _SYSTEMS.get(oid or "")
    if _OID.fullmatch(oid):
        return f"urn:oid:{oid}"
    return f"urn:uuid:{oid.lower()}" if _UUID.fullmatch(oid) else oid


def coding(sent: Element) -> Coding | None:
    code, display = attribute(sent, "code"), attribute(sent, "displayName")
    if code is None and display is None:
        return None
    name = (attribute(sent, "codeSystemName") or "").upper().replace(" ", "").replace("-", "")
    system = system_of(attribute(sent, "codeSystem")) or _NAMED_SYSTEMS.get(name)
    return Coding(system=system, code=code, display=display)


def concept(sent: Element | None, narrative: Narrative) -> Concept | None:
    """A coded element with its translations, theirs included; nothing if it says nothing."""
    if sent is None:
        return None
    codings = dict.fromkeys(_codings(sent))
    texts = (narrative.text(child(one, "originalText")) for one in (sent, *children(sent, "translation")))
    said = next((text for text in texts if text), None)
    qualified = [text for one in children(sent, "qualifier") if (text := _qualifier(one))]
    if qualified:
        names = (said, *(c.display for c in codings), *(c.code for c in codings))
        said = "; ".join((*[name for name in names if name][:1], *qualified))
    return Concept(codings=tuple(codings), text=said) if codings or said else None


def _codings(sent: Element) -> Iterator[Coding]:
    if found := coding(sent):
        yield found
    for translation in children(sent, "translation"):
        yield from _codings(translation)


def _qualifier(sent: Element) -> str | None:
    parts = (child(sent, "name"), child(sent, "value"))
    return ": ".join(text for part in parts if (text := _label(part))) or None


def _label(sent: Element | None) -> str | None:
    return attribute(sent, "displayName") or attribute(sent, "code")


def concepts(sent: Iterable[Element], narrative: Narrative) -> tuple[Concept, ...]:
    return tuple(found for one in sent if (found := concept(one, narrative)))


def label_of(found: Concept | None) -> str | None:
    """The shortest way to name what is meant, for a note."""
    if found is None:
        return None
    names = (found.text, *(c.display for c in found.codings), *(c.code for c in found.codings))
    return next((name for name in names if name), None)


def absent_reason(sent: Element | None) -> Concept | None:
    flavor = attribute(sent, "nullFlavor")
    return Concept(codings=(Coding(system=NULL_FLAVOR, code=flavor),)) if flavor else None


def identifier(sent: Element | None, kind: str | None = None) -> Identifier | None:
    """An instance identifier; a root alone is the whole identifier (FHIR: system urn:ietf:rfc3986), but not an OID beside
    an empty extension: there the number was left out, and would be the same of every document."""
    root, extension = attribute(sent, "root"), attribute(sent, "extension")
    if extension:
        return Identifier(system=system_of(root), value=extension, kind=kind)
    if root and not _is_number_left_out(sent, root) and (urn := system_of(root)):
        return Identifier(system="urn:ietf:rfc3986", value=urn, kind=kind)
    return None


def _is_number_left_out(sent: Element | None, root: str) -> bool:
    if sent is None or _UUID.fullmatch(root):  # a UUID is of one document, whatever stands beside it
        return False
    return sent.get("extension") is not None or sent.get("nullFlavor") is not None


def source_id(sent: Element) -> str | None:
    """The sender's own name of a thing, as FHIR writes an identifier in one word: system|value."""
    found = next((one for element in children(sent, "id") if (one := identifier(element))), None)
    if found is None:
        return None
    is_whole = found.system is None or found.system == "urn:ietf:rfc3986"
    return found.value if is_whole else f"{found.system}|{found.value}"
