"""The resources of one submission, and which of them a reference means (FHIR R4, bundle, 3.1.4)."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from api.fhir.resources import Place, Resource, read_resource

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UUID_LENGTH = 36


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """A resource and where it stands. Two equal resources in two places are two. `base` is the server in its
    fullUrl: a relative reference of it, and of what it contains, starts there."""

    resource: Resource
    place: Place
    full_url: str | None = None
    container: "Located | None" = None
    base: str = ""

    @property
    def source_id(self) -> str | None:
        return self.resource.id or self.full_url


@dataclass(frozen=True, slots=True)
class Sent:
    """One resource as it came in, before it is read."""

    content: dict[str, Any]
    place: Place
    full_url: str | None = None


class Resources:
    """Every resource that says something of results, contained ones included, in the order sent."""

    def __init__(self, sent: Iterable[Sent]) -> None:
        self._by_kind: dict[type[Resource], list[Located]] = {}
        self._by_name: dict[str, Located] = {}
        self._contained: dict[tuple[Located, str], Located] = {}
        for one in sent:
            self._add(one)

    def of(self, kind: type[Resource]) -> Sequence[Located]:
        return self._by_kind.get(kind, ())

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
        resource = read_resource(sent.content, sent.place)
        if resource is None:
            return
        named = typed_name(sent.full_url or "")
        base = (sent.full_url or "").removesuffix(named) if named else ""
        located = Located(resource, sent.place, sent.full_url, base=base)
        self._by_kind.setdefault(type(resource), []).append(located)
        kind = type(resource).__name__
        full_url = _without_version(sent.full_url or "")
        by_id = f"{kind}/{resource.id}" if resource.id else None
        for name in (full_url, by_id, typed_name(full_url), _uuid_of(resource.id or "")):
            if name:  # the first of two equal names wins, as a fullUrl is unique (bdl-7)
                self._by_name.setdefault(name, located)
        self._add_contained(located)

    def _add_contained(self, container: Located) -> None:
        for index, content in enumerate(container.resource.contained):
            place = container.place.at("contained", index)
            resource = read_resource(content, place)
            if resource is not None:
                located = Located(resource, place, container=container, base=container.base)
                self._by_kind.setdefault(type(resource), []).append(located)
                if resource.id:
                    self._contained.setdefault((container, resource.id), located)


def typed_name(name: str) -> str | None:
    """The `Type/id` at the end of an address, by which servers with other bases name the resource."""
    kind, _, identity = name.rpartition("/")
    kind = kind.rpartition("/")[2]
    return f"{kind}/{identity}" if kind and identity else None


def _without_version(name: str) -> str:
    if "/_history/" in name:
        name = name.partition("/_history/")[0]
    return name.lower() if name[:9].lower() == "urn:uuid:" else name


def _uuid_of(name: str) -> str | None:
    """Senders write the bare id where the bundle has urn:uuid, and the other way round."""
    bare = name[-_UUID_LENGTH:].lower()
    is_bare = len(name) == _UUID_LENGTH or name[:-_UUID_LENGTH] == "urn:uuid:"
    return f"urn:uuid:{bare}" if is_bare and _UUID.fullmatch(bare) else None
