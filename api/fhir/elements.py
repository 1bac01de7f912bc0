"""FHIR elements in the words of the domain: values, ranges, names."""

import contextlib
from collections.abc import Iterable, Iterator

from api.fhir import resources as fhir
from api.fhir.checked import Place
from api.fhir.patients import searched_number
from api.fhir.refusal import ContentNotFhirError
from api.packed_text import unpacked
from domain.report_content import Component, Observation, ReferenceRange, Specimen, Subject, Value, ValueKind
from domain.values import Concept, Identifier, Quantity

_NO_QUANTITY, _NO_CONCEPT = Quantity(), Concept()


def identifiers(sent: Iterable[fhir.Identifier]) -> tuple[Identifier, ...]:
    """An identifier without a value identifies nothing; senders leave such in from their templates."""
    return tuple(
        Identifier(system=one.system, value=one.value, kind=_kind(one.type)) for one in sent if one.value
    )


def _kind(sent: Concept | None) -> str | None:
    return next((coding.code for coding in sent.codings if coding.code), None) if sent else None


def value(sent: fhir.Measured) -> Value | None:
    """value[x]; at most one is there. R5's Attachment and Reference keep only what can be read as text."""
    if sent.value_quantity and sent.value_quantity != _NO_QUANTITY:
        return Value(kind=ValueKind.QUANTITY, quantity=sent.value_quantity)
    if sent.value_codeable_concept and sent.value_codeable_concept != _NO_CONCEPT:
        return Value(kind=ValueKind.CONCEPT, concept=sent.value_codeable_concept)
    if sent.value_range:
        return Value(kind=ValueKind.RANGE, low=sent.value_range.low, high=sent.value_range.high)
    if ratio := sent.value_ratio:
        return Value(kind=ValueKind.RATIO, numerator=ratio.numerator, denominator=ratio.denominator)
    if sampled := sent.value_sampled_data:
        return Value(kind=ValueKind.SAMPLED_DATA, text=sampled.data, quantity=sampled.origin)
    return _value_in_text(sent)


def _value_in_text(sent: fhir.Measured) -> Value | None:
    flag = sent.value_boolean
    file, target, period = sent.value_attachment, sent.value_reference, sent.value_period
    ends = (period.start, period.end) if period else ()
    texts = (
        (ValueKind.TEXT, sent.value_string),
        (ValueKind.BOOLEAN, None if flag is None else str(flag).lower()),
        (ValueKind.INTEGER, sent.value_integer),
        (ValueKind.TIME, sent.value_time),
        (ValueKind.DATE_TIME, sent.value_date_time),
        (ValueKind.PERIOD, "/".join(end or "" for end in ends) if any(ends) else None),
        (ValueKind.TEXT, (file.title or file.url or file.content_type) if file else None),
        (ValueKind.TEXT, (target.display or target.reference) if target else None),
    )
    return next((Value(kind=kind, text=text) for kind, text in texts if text is not None), None)


def reference_range(sent: fhir.ReferenceRange) -> ReferenceRange:
    """The domain has no age of a range, and a range without its age misleads: the age joins the text."""
    text = "; ".join(filter(None, (sent.text, _age(sent.age)))) if sent.age else sent.text
    return ReferenceRange(
        low=sent.low, high=sent.high, kind=sent.type, applies_to=sent.applies_to, text=text or None
    )


def _age(sent: fhir.Range) -> str:
    return f"age {_end(sent.low)}\u2013{_end(sent.high)}"


def _end(sent: Quantity | None) -> str:
    return " ".join(filter(None, (sent.value, sent.unit or sent.code))) if sent else ""


def component(sent: fhir.Measured) -> Component:
    return Component(
        code=sent.code or Concept(),
        value=value(sent),
        data_absent_reason=sent.data_absent_reason,
        interpretation=sent.interpretation,
        reference_ranges=tuple(map(reference_range, sent.reference_range)),
    )


def observation(sent: fhir.Observation, full_url: str | None) -> Observation:
    """All but its members, which are places in a report."""
    return Observation(
        code=sent.code or Concept(),
        status=sent.status,
        value=value(sent),
        data_absent_reason=sent.data_absent_reason,
        interpretation=sent.interpretation,
        reference_ranges=tuple(map(reference_range, sent.reference_range)),
        components=tuple(map(component, sent.component)),
        category=sent.category,
        effective_at=effective_at(sent),
        issued_at=sent.issued,
        method=sent.method,
        notes=tuple(
            text
            for text in (
                *(note.text for note in sent.note),
                sent.comment,
                sent.comments,
                *modifiers(sent, *sent.component, *_ranges(sent)),
            )
            if text
        ),
        source_id=sent.id or full_url,
    )


def modifiers(
    *sent: fhir.Measured | fhir.ReferenceRange | fhir.DiagnosticReport | fhir.Patient,
) -> tuple[str, ...]:
    """A modifier may turn what is said into its contrary (FHIR R4, extensibility), and none is known here: who reads
    the result is told of it."""
    urls = (one.url for each in sent for one in each.modifier_extension)
    return tuple(f"modifier not understood: {url if isinstance(url, str) else '?'}" for url in urls)


def _ranges(sent: fhir.Observation) -> Iterator[fhir.ReferenceRange]:
    for one in (sent, *sent.component):
        yield from one.reference_range


def start_of(period: fhir.Period | None) -> str | None:
    """The domain has one time where FHIR allows a period; the start is the time of collection."""
    return (period.start or period.end) if period else None


def effective_at(sent: fhir.Timed) -> str | None:
    timing = sent.effective_timing.event if sent.effective_timing else ()
    return (
        sent.effective_date_time
        or sent.effective_instant
        or start_of(sent.effective_period)
        or next(iter(timing), None)
    )


def specimen(sent: fhir.Specimen) -> Specimen:
    taken = sent.collection or fhir.SpecimenCollection()
    return Specimen(
        kind=sent.type,
        collected_at=taken.collected_date_time or start_of(taken.collected_period),
        received_at=sent.received_time,
    )


def subject(sent: fhir.Patient) -> Subject:
    """A person has one legal name; further names are maiden names, nicknames and the like."""
    official = (name for name in sent.name if name.use == "official")
    name = next(official, None) or next(iter(sent.name), None) or fhir.HumanName()
    return Subject(
        family=name.family,
        given=tuple(given for given in name.given if given),
        name_text=name.text,
        birth_date=sent.birth_date,
        sex=sent.gender,
        identifiers=identifiers(sent.identifier),
    )


def subject_by_reference(sent: fhir.Link) -> Subject:
    """What a reference says by itself of a patient who was not sent along."""
    number = number_of(sent)
    return Subject(name_text=sent.display, identifiers=(number,) if number else ())


def number_of(sent: fhir.Link) -> Identifier | None:
    """The number that a logical reference gives, or a conditional one."""
    given = identifiers((sent.identifier,)) if sent.identifier else ()
    return next(iter(given), None) or searched_number(sent.reference)


def name_of(names: Iterable[fhir.HumanName]) -> str | None:
    name = next(iter(names), fhir.HumanName())
    return name.text or " ".join(filter(None, (name.family, *name.given))) or None


def decoded_size(data: str, place: Place) -> int:
    """Size of what base64 text stands for; FHIR allows white space in it (datatypes, base64Binary)."""
    with contextlib.suppress(ValueError):
        return len(unpacked(data))
    raise ContentNotFhirError(field=place.fhir_path)
