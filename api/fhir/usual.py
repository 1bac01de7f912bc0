"""The usual observation, read straight into the domain.

Nearly every observation of a submission says the same few things in the same plain way, and each step between its JSON
and the domain is paid for every one of them. So these are read at once, by types that say exactly what the domain has.
Whatever is said in another way, or is an error, is none of this module's: `usual_observation` gives nothing, and the
models of `resources` read it or say what is wrong with it. What both read, they read alike; the tests hold that.
"""

from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from api.fhir.into import Into
from api.fhir.links import ObservationLinks, links_of_observation
from api.fhir.primitives import SentDateTime
from api.fhir.resources import Annotation, Coding, Element, Quantity
from domain import report_content, values
from domain.report_content import ObservationStatus, ValueKind

# What is put beside the elements sent; no element has such a name.
_VALUE: Final = "value[x]"
_SOURCE: Final = "id or fullUrl"
_NOTES: Final = "texts of note"


class _Concept(Element):
    codings: tuple[Coding, ...] = Field(default=(), alias="coding")
    text: str | None = None


Concept = Annotated[values.Concept, Into(_Concept)]
Concepts = tuple[Concept, ...]


class _ReferenceRange(Element):
    """All that the domain has no room for (age) makes it unusual."""

    model_config = ConfigDict(extra="forbid")

    low: Quantity | None = None
    high: Quantity | None = None
    kind: Concept | None = Field(default=None, alias="type")
    applies_to: Concepts = ()
    text: Annotated[str, Field(min_length=1)] | None = None


ReferenceRange = Annotated[report_content.ReferenceRange, Into(_ReferenceRange)]


class _Observation(Element):
    code: Concept = values.Concept()
    status: ObservationStatus
    value: Any = Field(default=None, alias=_VALUE)
    data_absent_reason: Concept | None = None
    interpretation: Concepts = ()
    reference_ranges: tuple[ReferenceRange, ...] = Field(default=(), alias="referenceRange")
    category: Concepts = ()
    effective_at: SentDateTime | None = Field(default=None, alias="effectiveDateTime")
    issued_at: SentDateTime | None = Field(default=None, alias="issued")
    method: Concept | None = None
    notes: Any = Field(default=(), alias=_NOTES)
    source_id: str | None = Field(default=None, alias=_SOURCE)


# Each is read from its own element alone, so `kind` is never sent.
class _QuantityValue(Element):
    kind: ValueKind = Field(default=ValueKind.QUANTITY, alias=_VALUE)
    quantity: Quantity = Field(alias="valueQuantity")


class _ConceptValue(Element):
    kind: ValueKind = Field(default=ValueKind.CONCEPT, alias=_VALUE)
    concept: Concept = Field(alias="valueCodeableConcept")


class _TextValue(Element):
    kind: ValueKind = Field(default=ValueKind.TEXT, alias=_VALUE)
    text: Annotated[str, Field(min_length=1)] = Field(alias="valueString")


_READ_VALUE = {
    name: TypeAdapter(Annotated[report_content.Value, Into(model)]).validator.validate_python
    for name, model in (
        ("valueQuantity", _QuantityValue),
        ("valueCodeableConcept", _ConceptValue),
        ("valueString", _TextValue),
    )
}
_read_notes = TypeAdapter(tuple[Annotation, ...]).validator.validate_python
_read = TypeAdapter(Annotated[report_content.Observation, Into(_Observation)]).validator.validate_python

_READ = {
    "category",
    "code",
    "contained",
    "dataAbsentReason",
    "derivedFrom",
    "effectiveDateTime",
    "hasMember",
    "id",
    "interpretation",
    "issued",
    "method",
    "note",
    "performer",
    "referenceRange",
    "specimen",
    "status",
    "subject",
}
# Of these nothing is read in any observation.
_LEFT_OUT = {
    "basedOn",
    "bodySite",
    "device",
    "encounter",
    "extension",
    "focus",
    "identifier",
    "implicitRules",
    "language",
    "meta",
    "partOf",
    "resourceType",
    "text",
}
_USUAL = frozenset(_READ | _LEFT_OUT | _READ_VALUE.keys())
# Where in an amount or a concept an extension may say why it is absent, which is for the models to read.
_TELL_WHY = frozenset({"extension", "_value"})


def usual_observation(
    sent: dict[str, Any], full_url: str | None
) -> tuple[ObservationLinks, report_content.Observation] | None:
    """What it refers to and what it says; nothing if it is not a usual one."""
    if not sent.keys() <= _USUAL:
        return None
    values_sent = sent.keys() & _READ_VALUE.keys()
    if len(values_sent) > 1:
        return None
    try:
        named = {**sent, _SOURCE: sent.get("id") or full_url}
        for name in values_sent:  # read alone: what else stands around a value would cost more than the value
            value = named[_VALUE] = _READ_VALUE[name]({name: sent[name]})
            if _is_absent(value) or (value.text is None and not _TELL_WHY.isdisjoint(sent[name])):
                return None
        if "note" in sent:
            named[_NOTES] = tuple(note.text for note in _read_notes(sent["note"]) if note.text)
        return links_of_observation(sent), _read(named)
    except ValidationError:
        return None


def _is_absent(value: report_content.Value) -> bool:
    quantity, concept = value.quantity, value.concept
    if quantity is not None:
        return quantity.value is None
    return concept is not None and not concept.codings and concept.text is None
