"""Specimens: what was taken, when, and when the laboratory received it."""

from collections.abc import Iterable, Iterator

from api.cda.codes import concept, source_id
from api.cda.elements import Element, Narrative, attribute, child, children, local_name, own_text
from api.cda.times import time_of
from domain.report_content import Specimen
from domain.values import Concept

_RECEIVED = "SPRECEIVE"
_ISOLATE = "MIC"


def specimens(elements: Iterable[Element], narrative: Narrative) -> tuple[Specimen, ...]:
    """Those of the elements given, each once. Procedures have the times, and are asked first; what an act or a
    result is of counts where nothing else names the material."""
    found: dict[str | Specimen, Specimen] = {}
    kinds: set[Concept] = set()
    for element in sorted(elements, key=_is_mention):
        taken = time_of(child(element, "effectiveTime")) if local_name(element) == "procedure" else None
        received = _received_at(element)
        for role in _roles(element):
            kind = _material(role, narrative)
            if kind and not (_is_mention(element) and kind in kinds):
                kinds.add(kind)
                specimen = Specimen(kind=kind, collected_at=taken, received_at=received)
                found.setdefault(source_id(role) or specimen, specimen)
    return tuple(found.values())


def _is_mention(element: Element) -> bool:
    return local_name(element) in {"act", "observation"}


def _roles(element: Element) -> Iterator[Element]:
    for sent in children(element, "specimen"):
        yield from children(sent, "specimenRole")
    for sent in children(element, "participant"):
        for role in children(sent, "participantRole"):
            if role.get("classCode") == "SPEC":
                yield role


def _material(role: Element, narrative: Narrative) -> Concept | None:
    entity = next(children(role, "specimenPlayingEntity", "playingEntity"), None)
    if entity is None or entity.get("classCode") == _ISOLATE:
        return None
    return entity_concept(entity, narrative)


def entity_concept(entity: Element, narrative: Narrative) -> Concept | None:
    """The material; how the laboratory itself calls it is in the description or the name, which may tell no more
    than of the container."""
    coded = concept(child(entity, "code"), narrative)
    said = own_text(child(entity, "desc")) or own_text(child(entity, "name"))
    if said is None or (coded and coded.text):
        return coded
    codings = coded.codings if coded else ()
    name = next((one.display for one in codings if one.display), "")
    is_named = name.casefold() in said.casefold()
    return Concept(codings=codings, text=said if is_named else f"{name}; {said}")


def _received_at(procedure: Element) -> str | None:
    for relation in children(procedure, "entryRelationship"):
        for act in children(relation, "act"):
            if attribute(child(act, "code"), "code") == _RECEIVED:
                return time_of(child(act, "effectiveTime"))
    return None


def isolate(organizer: Element, narrative: Narrative) -> Concept | None:
    """The organism that a group of results is about: a culture has one group for each."""
    for role in _roles(organizer):
        entity = next(children(role, "specimenPlayingEntity", "playingEntity"), None)
        if entity is not None and entity.get("classCode") == _ISOLATE:
            return entity_concept(entity, narrative)
    return None
