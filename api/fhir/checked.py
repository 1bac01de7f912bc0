"""A resource that was sent, read as its model, or the refusal that names the place of what is wrong in it."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from api.fhir import resources as fhir
from api.fhir.refusal import ContentNotFhirError

_MODELS: dict[str, type[fhir.Resource]] = {
    model.__name__: model
    for model in (
        fhir.Bundle,
        fhir.DiagnosticReport,
        fhir.Observation,
        fhir.Patient,
        fhir.Specimen,
        fhir.Organization,
        fhir.Practitioner,
        fhir.PractitionerRole,
        fhir.Binary,
    )
}


class Place(NamedTuple):
    """Where something stands in a submission."""

    root: str
    steps: tuple[str | int, ...] = ()

    def at(self, *steps: str | int) -> "Place":
        return Place(self.root, (*self.steps, *steps))

    @property
    def fhir_path(self) -> str:
        return self.root + "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in self.steps)

    @property
    def json_pointer(self) -> str:
        return "".join(f"/{step}" for step in self.steps)


def read_resource(sent: Mapping[str, Any], place: Place) -> fhir.Resource | None:
    """The resource as its model; nothing for a type that says nothing about laboratory results."""
    kind = sent.get("resourceType")
    if not isinstance(kind, str):
        raise ContentNotFhirError(field=place.at("resourceType").fhir_path)
    model = _MODELS.get(kind)
    if model is None:
        return None
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    # Raised out here because ValidationError carries what was sent along.
    raise ContentNotFhirError(field=_field(first, place), code=_code(first))


def _code(error: ErrorDetails) -> str:
    is_value = error["type"] in {"enum", "literal_error"} and isinstance(error["input"], str)
    return "value-not-allowed" if is_value or error["type"] == "value_not_allowed" else "content-not-fhir"


def _field(error: ErrorDetails, place: Place) -> str:
    steps = place.at(*error["loc"])
    if error["type"] == "choice":
        steps = steps.at(error["ctx"]["element"])
    return steps.fhir_path
