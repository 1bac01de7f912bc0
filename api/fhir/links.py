"""What an observation refers to. The rest of it is said in the words of the domain as soon as it is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import TypeAdapter

from api.fhir.into import Into
from api.fhir.resources import Element, Link, NullIsEmpty, Reference, References


class _ObservationLinks(Element):
    id: str | None = None
    contained: Annotated[tuple[dict[str, Any], ...], NullIsEmpty] = ()
    subject: Reference | None = None
    performer: References = ()
    specimen: Reference | None = None
    has_member: References = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationLinks:
    id: str | None
    contained: tuple[dict[str, Any], ...]
    subject: Link | None
    performer: tuple[Link, ...]
    specimen: Link | None
    has_member: tuple[Link, ...]


_LINKS = TypeAdapter(Annotated[ObservationLinks, Into(_ObservationLinks)]).validator


def links_of_observation(sent: Mapping[str, Any]) -> ObservationLinks:
    found: ObservationLinks = _LINKS.validate_python(sent)
    return found
