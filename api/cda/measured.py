"""One CDA observation in the words of the domain, and what its related entries add to it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from api.cda.attachments import is_binary
from api.cda.codes import absent_reason, concept, concepts, label_of, source_id
from api.cda.elements import Element, Narrative, attribute, child, children, is_true
from api.cda.header import status_of
from api.cda.times import time_of, unread_times
from api.cda.values import other_quantities, reference_range, shown, value
from domain.report_content import Component, Observation, ObservationStatus, ReferenceRange, Value, ValueKind
from domain.values import Concept

_COMMENT_CODE = "48767-8"
# Why a study was not done: СЭМД says it where a value or the name of a study would be.
_REASONS_NOT_DONE = "1.2.643.5.1.13.13.99.2.1063"
WITHDRAWN = frozenset({ObservationStatus.CANCELLED, ObservationStatus.ENTERED_IN_ERROR})
_BETWEEN_WORDS = re.compile(r"[^\w.]+")


def is_event(sent: Element) -> bool:
    """What happened, and not what somebody plans, orders or aims at."""
    return sent.get("moodCode") in {None, "EVN"}


def is_reason(sent: Element | None) -> bool:
    """A code that says why there is no result."""
    return attribute(sent, "codeSystem") == _REASONS_NOT_DONE


def values_of(sent: Element, narrative: Narrative) -> list[Value]:
    """Every value that was sent; of a denied finding the denial is part of the value."""
    elements = (one for one in children(sent, "value") if not is_binary(one) and not is_reason(one))
    found = [one for element in elements if (one := value(element, narrative))]
    if is_true(sent, "negationInd"):
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
    values = values_of(sent, narrative)
    code = _code(sent, values, narrative)
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
        data_absent_reason=None if values else _absent_reason(sent, narrative),
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


def _code(sent: Element, values: Iterable[Value], narrative: Narrative) -> Concept:
    """What was measured. Some senders refer to the printed result where its printed name should be: that is
    no name, if there is another."""
    code = concept(child(sent, "code"), narrative) or Concept()
    if code.text and any(one.display for one in code.codings):
        said = {_bare(text) for one in values for text in _words_of(one)}
        if _bare(code.text) in said:
            return replace(code, text=None)
    return code


def _words_of(one: Value) -> Iterator[str]:
    yield shown(one) or ""
    if one.quantity:
        yield one.quantity.value or ""


def _bare(text: str) -> str:
    """Letters, digits and the decimal sign, which tell one result from another."""
    return _BETWEEN_WORDS.sub("", text.casefold().replace(",", "."))


def _absent_reason(sent: Element, narrative: Narrative) -> Concept | None:
    reasons = (concept(one, narrative) for one in children(sent, "value") if is_reason(one))
    flavors = (absent_reason(place) for place in (*children(sent, "value"), sent))
    return next((reason for reason in (*reasons, *flavors) if reason), None)


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
    for one in children(sent, "value"):
        if (place := narrative.missing(one)) and value(one, narrative) is None:
            yield f"value is not in the document: {place}"
    if not has_value and is_true(sent, "negationInd"):
        yield "negated"
    for text in unread_times(child(sent, "effectiveTime")):
        yield f"effectiveTime: {text}"


def other_subject(sent: Element, narrative: Narrative) -> str | None:
    """Who the results in an element are of, if not of the patient: a fetus, a donor, an animal."""
    subject = child(sent, "subject")
    if subject is None:
        return None
    kind = concept(child(subject, "relatedSubject", "code"), narrative)
    return label_of(kind) or "other than the patient"


def components(sent: Element, narrative: Narrative, notes: list[str]) -> Iterator[Component]:
    """An observation inside of an observation, and those inside of it one after the other. What a component
    has no place for goes to the notes: whose it is, comments, and the value of what was taken back."""
    narrative.count_measured()
    values = values_of(sent, narrative)
    code = _code(sent, values, narrative)
    name = label_of(code)
    whom = other_subject(sent, narrative)
    own = (*([f"subject: {whom}"] if whom else ()), *_own_notes(sent, narrative, has_value=bool(values)))
    notes += [_named(name, text, narrative) for text in own]
    status = status_of(sent)
    if status in WITHDRAWN:
        said = "; ".join(text for one in values if (text := shown(one)))
        notes.append(_named(name, f"{status}: {said}" if said else str(status), narrative))
        values = []
    yield Component(
        code=code,
        value=values[0] if values else None,
        data_absent_reason=None if values else _absent_reason(sent, narrative),
        interpretation=concepts(children(sent, "interpretationCode"), narrative),
        reference_ranges=reference_ranges(sent, narrative),
    )
    for one in values[1:]:
        narrative.count_measured()
        narrative.repeat(repr(code))
        yield Component(code=code, value=one)
    for relation in children(sent, "entryRelationship"):
        acts = (one for one in children(relation, "act") if is_event(one))
        notes += [_named(name, text, narrative) for one in acts if (text := comment(one, narrative))]
        for inner in children(relation, "observation"):
            if is_event(inner):
                yield from components(inner, narrative, notes)


def _named(name: str | None, text: str, narrative: Narrative) -> str:
    """A note among those of others says what it is about."""
    narrative.repeat(name)
    return f"{name}: {text}" if name else text


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
