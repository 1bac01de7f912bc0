"""What XML does not say of a FHIR element, taken from the models that read it: its type, and whether it repeats."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import cache
from types import UnionType
from typing import Annotated, Union, get_args, get_origin

from pydantic import BaseModel, StrictBool

from api.fhir import resources as fhir
from api.fhir.into import Into
from api.fhir.primitives import DecimalText, IntegerText, SizeInBytes

_NUMBERS = (DecimalText, IntegerText, SizeInBytes)


class Kind(Enum):
    """What stands in an element. Of primitives JSON tells numbers and booleans from text, and XML does not."""

    TEXT = auto()
    NUMBER = auto()
    BOOLEAN = auto()
    ELEMENT = auto()
    RESOURCE = auto()
    NARRATIVE = auto()
    EXTENSION = auto()


@dataclass(frozen=True, slots=True)
class Shape:
    """How an element is written in JSON; `model` is there for an ELEMENT."""

    kind: Kind
    model: type[BaseModel] | None = None
    repeats: bool = False


def resource_model(name: str) -> type[fhir.Resource] | None:
    """The model of a resource; nothing for a type that says nothing about laboratory results."""
    return next((model for model in fhir.Resource.__subclasses__() if model.__name__ == name), None)


@cache
def shapes_of(model: type[BaseModel]) -> Mapping[str, Shape]:
    """The shape of each element that is read, by its FHIR name."""
    return {
        field.alias or name: _shape(field.annotation)  # alias is there: Element generates it
        for name, field in model.model_fields.items()
    }


def _shape(annotation: object) -> Shape:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return _shape(next(one for one in arguments if one is not type(None)))
    if origin is Annotated and isinstance(arguments[1], Into):
        return Shape(Kind.ELEMENT, arguments[1].model)
    if origin is tuple:
        return replace(_shape(arguments[0]), repeats=True)
    if origin is dict:
        return Shape(Kind.RESOURCE)
    if annotation is fhir.Narrative:
        return Shape(Kind.NARRATIVE)
    if annotation is fhir.Extension:
        return Shape(Kind.EXTENSION)
    if isinstance(annotation, type) and issubclass(annotation, fhir.Element):
        return Shape(Kind.ELEMENT, annotation)
    if annotation in _NUMBERS:
        return Shape(Kind.NUMBER)
    return Shape(Kind.BOOLEAN if annotation == StrictBool else Kind.TEXT)
