"""A FHIR R4 submission in XML, turned into the value that its JSON has, so that one reader reads both."""

from lxml import etree
from pydantic import BaseModel

from api.fhir.absent import URL
from api.fhir.checked import Place
from api.fhir.primitives import NUMBER
from api.fhir.reading import reports_in
from api.fhir.refusal import ContentNotFhirError
from api.fhir.resources import Composition
from api.fhir.xml_names import Kind, Shape, resource_model, shapes_of
from api.json_content import number
from api.xml_content import parse_xml
from domain.report_content import ReportContent

_NAMESPACE = "{http://hl7.org/fhir}"
_BOOLEANS = {"true": True, "false": False}
_BLANK = " \t\r\n"


def read_fhir_xml(raw: bytes) -> tuple[ReportContent, ...]:
    """Every report of a Bundle, DiagnosticReport or Observation in XML. Fields of refusals are FHIRPaths, and
    sources of attachments are JSON pointers into the same resource in JSON, for XML has no short ones."""
    return reports_in(xml_to_json_value(parse_xml(raw)))


def xml_to_json_value(root: etree._Element) -> object:
    """What `parse_json` gives for the same resource in JSON, as far as it is read: elements that no model
    names, extensions among them, are left out."""
    name = _name_of(root)
    if name is None:
        raise ContentNotFhirError(field="resourceType")
    return _resource(root, name, Place(name))


def _name_of(element: etree._Element) -> str | None:
    """The FHIR name; none for an element of another language."""
    tag = str(element.tag)
    return tag.removeprefix(_NAMESPACE) if tag.startswith(_NAMESPACE) else None


def _resource(element: etree._Element, name: str, place: Place) -> dict[str, object]:
    model = resource_model(name)
    content: dict[str, object] = {}
    try:
        content = _content(element, model, place) if model else {}
    except ContentNotFhirError:
        if model is not Composition:  # what is read of it can be done without
            raise
    return {"resourceType": name, **content}


def _content(element: etree._Element, model: type[BaseModel], place: Place) -> dict[str, object]:
    _check_is_plain(element, place, attributes={"id"})
    shapes = shapes_of(model)
    found: dict[str, list[object]] = {}
    for child in element:
        name = _name_of(child)
        if name is None:  # never left out without a word: a value may stand in it
            raise ContentNotFhirError(field=place.fhir_path)
        shape = shapes.get(name)
        if shape:
            values = found.setdefault(name, [])
            at = place.at(name, len(values)) if shape.repeats else place.at(name)
            values.append(_value(child, shape, at))
            if name.startswith("value") and (extensions := _reasons(child)):
                found[f"_{name}"] = [{"extension": extensions}]
        elif name.startswith(
            "value"
        ):  # a type of value[x] that R4 does not have: its name is what refuses it
            found[name] = [True]
    return {
        # What stands twice and may not is a list too, and the model refuses it in its place.
        name: values if len(values) > 1 or (name in shapes and shapes[name].repeats) else values[0]
        for name, values in found.items()
    }


def _reasons(element: etree._Element) -> list[object]:
    """The extensions that may say why a value, or what stands in it, is absent."""
    places = (f"{_NAMESPACE}extension", f"{_NAMESPACE}value/{_NAMESPACE}extension")
    return [_extension(one) for place in places for one in element.iterfind(place) if one.get("url") == URL]


def _value(element: etree._Element, shape: Shape, place: Place) -> object:
    if shape.kind is Kind.RESOURCE:
        return _resource_inside(element, place)
    if shape.kind is Kind.NARRATIVE:
        return _narrative(element)
    if shape.kind is Kind.EXTENSION:
        return _extension(element)
    if shape.model and "value" not in element.attrib:
        return _content(element, shape.model, place)
    return _primitive(element, shape.kind, place)


def _extension(element: etree._Element) -> dict[str, object]:
    code = element.find(f"{_NAMESPACE}valueCode")
    return {"url": element.get("url"), "valueCode": None if code is None else code.get("value")}


def _narrative(element: etree._Element) -> dict[str, object]:
    """In JSON the XHTML is one text."""
    status, div = element.find(f"{_NAMESPACE}status"), element.find("{*}div")
    return {
        "status": None if status is None else status.get("value"),
        "div": None if div is None else etree.tostring(div, encoding="unicode", with_tail=False),
    }


def _resource_inside(element: etree._Element, place: Place) -> dict[str, object] | None:
    """`resource` and `contained` hold an element named after the resource."""
    _check_is_plain(element, place, attributes={"id"})
    children = list(element)
    if not children:
        return None
    name = _name_of(children[0])
    if name is None or len(children) > 1:
        raise ContentNotFhirError(field=place.fhir_path)
    return _resource(children[0], name, place)


def _primitive(element: etree._Element, kind: Kind, place: Place) -> object:
    """The attribute as its JSON type; text if it is not of that type, which the model refuses in its place.
    A primitive with extensions alone is null in JSON."""
    _check_is_plain(element, place, attributes={"id", "value"})
    if any(_name_of(child) != "extension" for child in element):
        raise ContentNotFhirError(field=place.fhir_path)
    value = element.get("value")
    if value is None:
        return None
    text = str(value)
    if kind is Kind.NUMBER and NUMBER.fullmatch(text):
        return number(text)
    return _BOOLEANS.get(text, text) if kind is Kind.BOOLEAN else text


def _check_is_plain(element: etree._Element, place: Place, *, attributes: set[str]) -> None:
    """FHIR R4 XML, 2.6.1: values stand in attributes. A value in text or under another name would be lost."""
    texts = (element.text, *(child.tail for child in element))
    # Names with a namespace (xsi:schemaLocation, xml:lang) carry no values.
    others = {str(name) for name in element.attrib if not str(name).startswith("{")} - attributes
    if others or any(text and text.strip(_BLANK) for text in texts):
        raise ContentNotFhirError(field=place.fhir_path)
