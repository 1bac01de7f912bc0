"""One CDA observation in the words of the domain, and what its related entries add to it."""

from collections.abc import Iterator

from api.cda.codes import absent_reason, concept, concepts, label_of, source_id
from api.cda.elements import Element, Narrative, attribute, child, children
from api.cda.times import time_of, unread_times
from api.cda.values import other_quantities, reference_range, shown, value
from domain.report_content import Component, Observation, ObservationStatus, ReferenceRange, Value, ValueKind
from domain.values import Concept

_COMMENT_CODE = "48767-8"


def is_event(sent: Element) -> bool:
    """What happened, and not what somebody plans, orders or aims at."""
    return sent.get("moodCode") in {None, "EVN"}


def is_file(sent: Element) -> bool:
    """A value that is a picture or a document in bytes."""
    return attribute(sent, "representation") == "B64"


def values_of(sent: Element, narrative: Narrative) -> list[Value]:
    """Every value that was sent; of a denied finding the denial is part of the value."""
    elements = (one for one in children(sent, "value") if not is_file(one))
    found = [one for element in elements if (one := value(element, narrative))]
    if sent.get("negationInd") == "true":
        return [Value(kind=ValueKind.TEXT, text=f"negated: {shown(one) or ''}".strip()) for one in found]
    return found


def observation(
    sent: Element,
    narrative: Narrative,
    *,
    status: ObservationStatus,
    category: tuple[Concept, ...],
    effective_at: str | None,
    components: tuple[Component, ...],
    members: tuple[int, ...],
    notes: list[str],
) -> Observation:
    """A further value of the same observation becomes a component under the same code."""
    code = concept(child(sent, "code"), narrative) or Concept()
    values = values_of(sent, narrative)
    more = tuple(Component(code=code, value=one) for one in values[1:])
    for _ in more:
        narrative.count_measured()
        narrative.repeat(repr(code))
    methods = concepts(children(sent, "methodCode"), narrative)
    said = [*notes, *_own_notes(sent, narrative, has_value=bool(values or members))]
    said += [f"method: {name}" for one in methods[1:] if (name := label_of(one))]
    return Observation(
        code=code,
        status=status,
        value=values[0] if values else None,
        data_absent_reason=None if values else _absent_reason(sent),
        interpretation=concepts(children(sent, "interpretationCode"), narrative),
        reference_ranges=reference_ranges(sent, narrative),
        components=(*more, *components),
        members=members,
        category=category,
        effective_at=time_of(child(sent, "effectiveTime")) or effective_at,
        method=methods[0] if methods else None,
        notes=tuple(dict.fromkeys(said)),
        source_id=source_id(sent),
    )


def _absent_reason(sent: Element) -> Concept | None:
    places = (*children(sent, "value"), sent)
    return next((reason for place in places if (reason := absent_reason(place))), None)


def reference_ranges(sent: Element, narrative: Narrative) -> tuple[ReferenceRange, ...]:
    found = (reference_range(one, narrative) for one in children(sent, "referenceRange"))
    return tuple(one for one in found if one)


def _own_notes(sent: Element, narrative: Narrative, *, has_value: bool) -> Iterator[str]:
    """What the domain has no place for. The text of an observation repeats its row in the narrative,
    so it is kept only where there is nothing else."""
    for element in children(sent, "value"):
        yield from other_quantities(element, narrative)
    if not has_value and (text := narrative.text(child(sent, "text"))):
        yield text
    for text in unread_times(child(sent, "effectiveTime")):
        yield f"effectiveTime: {text}"
    for subject in children(sent, "subject"):  # results of a fetus, a donor, an animal
        kind = concept(child(subject, "relatedSubject", "code"), narrative)
        yield f"subject: {label_of(kind) or 'other than the patient'}"


def components(sent: Element, narrative: Narrative) -> Iterator[Component]:
    """An observation inside of an observation, and those inside of it one after the other."""
    narrative.count_measured()
    values = values_of(sent, narrative)
    code = concept(child(sent, "code"), narrative) or Concept()
    yield Component(
        code=code,
        value=values[0] if values else None,
        data_absent_reason=None if values else _absent_reason(sent),
        interpretation=concepts(children(sent, "interpretationCode"), narrative),
        reference_ranges=reference_ranges(sent, narrative),
    )
    for one in values[1:]:
        narrative.count_measured()
        narrative.repeat(repr(code))
        yield Component(code=code, value=one)
    for relation in children(sent, "entryRelationship"):
        for inner in children(relation, "observation"):
            if is_event(inner):
                yield from components(inner, narrative)


def referred_note(sent: Element, narrative: Narrative) -> str | None:
    """A result that is referred to, as an earlier one of the same kind: it belongs to another report."""
    said = "; ".join(text for one in values_of(sent, narrative) if (text := shown(one)))
    name = label_of(concept(child(sent, "code"), narrative))
    when = time_of(child(sent, "effectiveTime"))
    named = ": ".join(filter(None, (name, said)))
    return f"related result: {named}{f' ({when})' if when else ''}" if named else None


def comment(act: Element, narrative: Narrative) -> str | None:
    """The text of an act; of a comment it is all that matters, of another act its name goes before."""
    text = narrative.text(child(act, "text"))
    if text is None:
        return None
    code = child(act, "code")
    name = label_of(concept(code, narrative))
    is_comment = attribute(code, "code") == _COMMENT_CODE or name is None
    return text if is_comment else f"{name}: {text}"
