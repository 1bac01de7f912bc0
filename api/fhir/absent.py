"""Why a value is not there, where an extension says it in the value's place (FHIR R4, extension data-absent-reason)."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

URL: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_SYSTEM = "http://terminology.hl7.org/CodeSystem/data-absent-reason"


def reason_beside_value(sent: Mapping[str, Any], values: frozenset[str]) -> dict[str, object] | None:
    """As `dataAbsentReason` says it. The extension stands beside a primitive, in an element, or beside the element's
    own value."""
    for name in sent:
        if name in values or (name[:1] == "_" and name[1:] in values):
            for extension in _extensions(sent[name]):
                code = extension.get("valueCode")
                if extension.get("url") == URL and isinstance(code, str):
                    return {"coding": [{"system": _SYSTEM, "code": code}]}
    return None


def _extensions(element: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(element, dict):
        for holder in (element, element.get("_value")):
            found = holder.get("extension") if isinstance(holder, dict) else None
            yield from (
                (one for one in found or () if isinstance(one, dict)) if isinstance(found, list) else ()
            )
