"""The entries of a CDA document put in order: panels before their members, comments where they belong."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from api.cda.attachments import Unpacked, attachment, check_count, is_binary
from api.cda.codes import concept, label_of, source_id
from api.cda.elements import Element, Narrative, child, children, local_name, own_text, shown_text
from api.cda.header import status_of
from api.cda.measured import (
    WITHDRAWN,
    comment,
    components,
    is_event,
    is_reason,
    observation,
    other_subject,
    referred_note,
    values_of,
)
from api.cda.sections import is_conclusion, is_field, is_narrative_only, is_other_section
from api.cda.specimens import isolate
from api.cda.times import time_of
from api.cda.values import shown
from domain.report_content import Attachment, Component, Observation, ObservationStatus
from domain.values import Concept


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an entry takes over from those that it stands in."""

    status: ObservationStatus | None = None
    effective_at: str | None = None
    category: tuple[Concept, ...] = ()
    title: str | None = None
    subject: str | None = None  # other than the patient

    def inside(self, element: Element, narrative: Narrative) -> "Surroundings":
        status = status_of(element) or self.status
        time = time_of(child(element, "effectiveTime")) or self.effective_at
        subject = other_subject(element, narrative) or self.subject
        return replace(self, status=status, effective_at=time, subject=subject)


@dataclass(slots=True)
class Draft:
    """A report being put together."""

    narrative: Narrative
    unpacked: Unpacked
    observations: list[Observation] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    collected: list[Element] = field(default_factory=list)  # what specimens are described or named in
    notes: dict[str, None] = field(default_factory=dict)  # a set that keeps its order
    conclusions: dict[str, None] = field(default_factory=dict)

    def place(self, element: Element, around: Surroundings, notes: list[str]) -> Iterator[int]:
        """The observations in an element go into the draft; their places, but for members, come back.
        Comments go to the notes of what they stand in. As deep as the parser lets elements go."""
        for inner in element:
            yield from self.place_one(inner, around, notes)

    def place_one(self, inner: Element, around: Surroundings, notes: list[str]) -> Iterator[int]:
        match local_name(inner):
            case "component" | "entry" | "entryRelationship" | "structuredBody":
                yield from self.place(inner, around, notes)
            case "section":
                yield from self.place_section(inner, around, notes)
            case "organizer":
                yield from self._place_organizer(inner, around, notes)
            case "observation":
                yield from self._place_observation(inner, around, notes)
            case "act":
                yield from self._place_act(inner, around, notes)
            case "procedure":
                self.collected.append(inner)
                yield from self.place(inner, around, notes)
            case "observationMedia":
                self._attach(inner, around)
            case _:
                pass

    def place_section(self, section: Element, around: Surroundings, notes: list[str]) -> Iterator[int]:
        if is_other_section(section):
            return
        title, block, said = own_text(child(section, "title")), child(section, "text"), notes
        if is_conclusion(section):
            text = shown_text(block) if block is not None else None
            self.conclusions.update({text: None} if text else {})
            said = [] if text else notes  # the comments there are the text again
        elif block is not None and is_narrative_only(section):
            text = shown_text(block, between_cells=" | ")
            notes += ["\n".join(filter(None, (title, text)))] if text else []
        subject = other_subject(section, self.narrative) or around.subject
        within = replace(around, title=title or around.title, subject=subject)
        for inner in section:
            yield from self.place_one(inner, within, notes if local_name(inner) == "component" else said)

    def place_contents(self, organizer: Element, around: Surroundings, notes: list[str]) -> list[int]:
        """What an organizer holds, without a panel for itself."""
        self.collected.append(organizer)
        return list(self.place(organizer, around.inside(organizer, self.narrative), notes))

    def _place_organizer(self, organizer: Element, around: Surroundings, notes: list[str]) -> Iterator[int]:
        """A battery or cluster with a name is a panel; one without only holds its members together."""
        if not is_event(organizer):
            return
        kind = concept(child(organizer, "code"), self.narrative)
        organism = isolate(organizer, self.narrative)
        code = organism or kind
        if code is None:
            yield from self.place_contents(organizer, around, notes)
            return
        self.narrative.count_measured()
        place, said = len(self.observations), list[str]()
        within = around.inside(organizer, self.narrative)
        panel = Observation(code=code, status=within.status or ObservationStatus.UNKNOWN)
        self.observations.append(panel)
        members = self.place_contents(organizer, around, said)
        if not members and panel.status not in WITHDRAWN:
            del self.observations[place:]
            notes += said
            return
        if is_reason(child(organizer, "code")):
            panel = replace(panel, code=Concept(text=around.title), data_absent_reason=code)
        self.observations[place] = replace(
            panel,
            members=tuple(members),
            category=(*around.category, *((kind,) if organism and kind else ())),
            effective_at=within.effective_at,
            notes=tuple(dict.fromkeys(said)),
            source_id=source_id(organizer),
        )
        yield place

    def _place_act(self, act: Element, around: Surroundings, notes: list[str]) -> Iterator[int]:
        """A comment, or the specialty that the results in it belong to (IHE XD-LAB)."""
        if not is_event(act):
            return
        if is_conclusion(act):
            text = self.narrative.text(child(act, "text"))
            self.conclusions.update({text: None} if text else {})
        elif text := comment(act, self.narrative):
            notes.append(text)
        self._collect(act)
        specialty = concept(child(act, "code"), self.narrative)
        category = dict.fromkeys((*around.category, *((specialty,) if specialty else ())))
        within = around.inside(act, self.narrative)
        yield from self.place(act, replace(within, category=tuple(category)), notes)

    def _collect(self, element: Element) -> None:
        """An act or a result may name what it is of."""
        if child(element, "specimen") is not None:
            self.collected.append(element)

    def _place_field(self, sent: Element, around: Surroundings, notes: list[str]) -> Iterator[int]:
        """A field of the document is its conclusion, or is noted where it stands; what is in it stands there too."""
        texts = [text for one in values_of(sent, self.narrative) if (text := shown(one))]
        texts = texts or [text for text in (self.narrative.text(child(sent, "text")),) if text]
        if is_conclusion(sent):
            self.conclusions.update(dict.fromkeys(texts))
        elif texts:
            name = label_of(concept(child(sent, "code"), self.narrative))
            notes.append(": ".join(filter(None, (name, "; ".join(texts)))))
        self._attach(sent, around)
        yield from self.place(sent, around.inside(sent, self.narrative), notes)

    def _place_observation(self, sent: Element, around: Surroundings, notes: list[str]) -> Iterator[int]:
        if not is_event(sent):
            return
        if is_field(sent):
            yield from self._place_field(sent, around, notes)
            return
        self._collect(sent)
        self.narrative.count_measured()
        place, said = len(self.observations), list[str]()
        for specialty in around.category:
            self.narrative.repeat(repr(specialty))
        self.observations.append(Observation(code=Concept(), status=ObservationStatus.UNKNOWN))
        within = around.inside(sent, self.narrative)
        if within.subject:
            self.narrative.repeat(within.subject)
            said.append(f"subject: {within.subject}")
        parts, members = self._place_related(sent, within, said)
        self._attach(sent, around)
        self.observations[place] = observation(
            sent,
            self.narrative,
            status=within.status or ObservationStatus.UNKNOWN,
            category=around.category,
            effective_at=around.effective_at,
            components=tuple(parts),
            members=tuple(members),
            notes=said,
        )
        yield place

    def _place_related(
        self, sent: Element, around: Surroundings, notes: list[str]
    ) -> tuple[list[Component], list[int]]:
        parts: list[Component] = []
        members: list[int] = []
        for relation in children(sent, "entryRelationship"):
            for inner in children(relation, "observation"):
                if not is_event(inner):
                    continue
                if relation.get("typeCode") == "REFR":
                    notes += filter(None, [referred_note(inner, self.narrative)])
                elif is_field(inner):
                    members += self._place_field(inner, around, notes)
                else:
                    parts += components(inner, self.narrative, notes)
                    for part in inner.iter("{*}observation", "{*}observationMedia"):
                        self._attach(part, around)
            for inner in children(relation, "organizer", "act", "procedure", "observationMedia"):
                members += self.place_one(inner, around, notes)
        return parts, members

    def _attach(self, element: Element, around: Surroundings) -> None:
        """What is in the bytes of a result, and whatever is in a medium."""
        is_medium = local_name(element) == "observationMedia"
        for sent in children(element, "value"):
            if is_medium or is_binary(sent):
                self._add(attachment(sent, around.title, self.unpacked))

    def _add(self, found: Attachment | None) -> None:
        if found is None:
            return
        check_count(len(self.attachments))
        if found.source and found.size_bytes is None:
            self.notes[f"attachment is not base64: {found.source}"] = None
            found = replace(found, source=None)  # the patient gets no link to what cannot be opened
        self.attachments.append(found)
        self.narrative.repeat(found.title)
