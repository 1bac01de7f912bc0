"""What an observation refers to. The rest of it is said in the words of the domain as soon as it is read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from pydantic import TypeAdapter

from api.fhir.into import Into
from api.fhir.older import Listed
from api.fhir.resources import Element, Link, Reference, References, Related, Sources


class _ObservationLinks(Element):
    id: str | None = None
    contained: Annotated[tuple[dict[str, Any], ...], Listed] = ()
    subject: Reference | None = None
    performer: References = ()
    specimen: Reference | None = None
    has_member: References = ()
    derived_from: Sources = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationLinks:
    id: str | None
    contained: tuple[dict[str, Any], ...]
    subject: Link | None
    performer: tuple[Link, ...]
    specimen: Link | None
    has_member: tuple[Link, ...]
    derived_from: tuple[Link, ...]
    related: tuple[Link, ...] = ()


_HEADED, _SOURCE = "has-member", "derived-from"
_LINKS = TypeAdapter(Annotated[ObservationLinks, Into(_ObservationLinks)]).validator


def links_of_observation(sent: Mapping[str, Any]) -> ObservationLinks:
    found: ObservationLinks = _LINKS.validate_python(sent)
    return found


def with_related(links: ObservationLinks, related: Iterable[Related]) -> ObservationLinks:
    """DSTU2 and STU3 named by `related` both what an observation heads and what it was made from. Without a type it is
    what stands beneath it: ОДЛИ names so the germs of a culture, and of each the antibiotics."""
    named = [(one.type or _SOURCE, one.target) for one in related if one.target]
    headed, sources = (tuple(target for kind, target in named if kind == one) for one in (_HEADED, _SOURCE))
    return replace(links, related=headed, derived_from=links.derived_from + sources)
