"""A resource of ours as FHIR XML (R4, 2.6.1): elements in the order of the specification, values in attributes."""

from typing import Any

from lxml import etree

_NAMESPACE = "http://hl7.org/fhir"
_PREFIXES: Any = {None: _NAMESPACE}  # it is the language of the document, so no prefix


def outcome_as_xml(outcome: dict[str, Any]) -> bytes:
    """The resource whose JSON this is. Its members must stand in the order of the specification, as XML asks."""
    members = {name: value for name, value in outcome.items() if name != "resourceType"}
    root = etree.Element(f"{{{_NAMESPACE}}}{outcome['resourceType']}", nsmap=_PREFIXES)
    _fill(root, members)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _fill(parent: etree._Element, members: dict[str, Any]) -> None:
    for name, value in members.items():
        if name.startswith("_"):  # said with the value that it belongs to
            continue
        if name == "url":  # of an extension: the one element that XML has as an attribute
            parent.set("url", value)
            continue
        for one in value if isinstance(value, list) else [value]:
            child = etree.SubElement(parent, f"{{{_NAMESPACE}}}{name}")
            if isinstance(one, dict):
                _fill(child, one)
            else:
                _fill(child, members.get(f"_{name}", {}))
                child.set("value", str(one))
