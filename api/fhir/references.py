"""The resources of one submission, and which of them a reference means (FHIR R4, bundle, 3.1.4)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from api.fhir import resources as fhir
from api.fhir.checked import Place, read_resource
from api.fhir.elements import observation, subject
from api.fhir.links import ObservationLinks, links_of_observation, with_related
from api.fhir.patients import Patients
from api.fhir.resources import Resource
from api.fhir.usual import usual_observation
from domain.report_content import Observation

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UUID_LENGTH = 36
# A relative reference is looked for behind its server's address, so that is copied for each of them.
_BASE_MAX = 2048


class Sent(NamedTuple):
    """One resource as it came in, before it is read. Where it stands is only asked for when something is wrong with it,
    so the steps are put together then."""

    content: dict[str, Any]
    within: Place
    steps: tuple[str | int, ...] = ()
    full_url: str | None = None

    @property
    def place(self) -> Place:
        return self.within.at(*self.steps)


Kind = type[Resource] | type[ObservationLinks]


@dataclass(slots=True, eq=False)  # not frozen, for that doubles what one costs to make
class Located:
    """A resource and where it stands. Two equal resources in two places are two. `base` is the server in its
    fullUrl: a relative reference of it, and of what it contains, starts there. `said` is what an observation says."""

    resource: Resource | ObservationLinks
    sent: Sent
    container: "Located | None" = None
    base: str = ""
    said: Observation | None = None

    @property
    def source_id(self) -> str | None:
        return self.resource.id or self.sent.full_url

    @property
    def place(self) -> Place:
        return self.sent.place


class Resources:
    """Every resource that says something of results, contained ones included, in the order sent."""

    def __init__(self, sent: Iterable[Sent]) -> None:
        self._by_kind: dict[Kind, list[Located]] = {}
        self._by_name: dict[str, Located] = {}
        self._contained: dict[tuple[Located, str], Located] = {}
        for one in sent:
            self._add(one)

    def of(self, kind: Kind) -> Sequence[Located]:
        return self._by_kind.get(kind, ())

    @cached_property
    def patients(self) -> Patients[Located]:
        found = ((one, one.resource) for one in self.of(fhir.Patient))
        return Patients((one, subject(sent)) for one, sent in found if isinstance(sent, fhir.Patient))

    def find(self, reference: str | None, source: Located) -> Located | None:
        """The resource that `source` refers to, if it was sent along."""
        if not reference:
            return None
        name = _without_version(reference)
        if name.startswith("#"):
            return self._contained.get((source.container or source, name[1:]))
        found = self._by_name.get(source.base + name) or self._by_name.get(name)
        if found is None:
            others = (typed_name(name), _uuid_of(name))
            found = next((self._by_name[other] for other in others if other in self._by_name), None)
        return found

    def _add(self, sent: Sent) -> None:
        located = _read(sent)
        if located is None:
            return
        full_url, identity = sent.full_url or "", located.resource.id or ""
        base, named = _split(full_url)
        located.base = base if len(base) <= _BASE_MAX else ""
        self._by_kind.setdefault(type(located.resource), []).append(located)
        unversioned = _without_version(full_url)
        if unversioned != full_url:  # seldom, so that an address is nearly always taken apart once
            full_url, named = unversioned, typed_name(unversioned)
        by_id = f"{sent.content['resourceType']}/{identity}" if identity else None
        for name in (full_url, by_id, named, _uuid_of(identity)):
            if name:  # the first of two equal names wins, as a fullUrl is unique (bdl-7)
                self._by_name.setdefault(name, located)
        if located.resource.contained:
            self._add_contained(located)

    def _add_contained(self, container: Located) -> None:
        for index, content in enumerate(container.resource.contained):
            located = _read(Sent(content, container.place, ("contained", index)))
            if located is not None:
                located.container, located.base = container, container.base
                self._by_kind.setdefault(type(located.resource), []).append(located)
                if located.resource.id:  # some senders write it as the reference has it
                    self._contained.setdefault((container, located.resource.id.removeprefix("#")), located)


def _read(sent: Sent) -> Located | None:
    """Nothing for a type that says nothing about laboratory results."""
    if sent.content.get("resourceType") == "Observation":
        usual = usual_observation(sent.content, sent.full_url)
        if usual:
            return Located(usual[0], sent, said=usual[1])
    resource = read_resource(sent.content, sent.place)
    if isinstance(resource, fhir.Observation):
        links = links_of_observation(sent.content)
        links = with_related(links, resource.related) if resource.related else links
        return Located(links, sent, said=observation(resource, sent.full_url))
    return Located(resource, sent) if resource else None


def typed_name(name: str) -> str | None:
    """The `Type/id` at the end of an address, by which servers with other bases name the resource."""
    return _split(name)[1]


def _split(name: str) -> tuple[str, str | None]:
    """The server of an address and the `Type/id` at its end, if both parts of that are there."""
    end = name.rfind("/")
    start = name.rfind("/", 0, end) + 1 if end > 0 else 0
    return (name[:start], name[start:]) if start < end < len(name) - 1 else ("", None)


def _without_version(name: str) -> str:
    if "/_history/" in name:
        name = name.partition("/_history/")[0]
    return name.lower() if name[:1] in "uU" and name[:9].lower() == "urn:uuid:" else name


def _uuid_of(name: str) -> str | None:
    """Senders write the bare id where the bundle has urn:uuid, and the other way round."""
    if len(name) < _UUID_LENGTH:
        return None
    bare = name[-_UUID_LENGTH:].lower()
    is_bare = len(name) == _UUID_LENGTH or name[:-_UUID_LENGTH] == "urn:uuid:"
    return f"urn:uuid:{bare}" if is_bare and _UUID.fullmatch(bare) else None
