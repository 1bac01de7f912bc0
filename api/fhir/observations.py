"""The observations of one report put in order: each once, panels before their members, no circles."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from api.fhir import resources as fhir
from api.fhir.elements import component, effective_at, reference_range, value
from api.fhir.references import Located, Resources
from domain.report_content import Observation
from domain.values import Concept


@dataclass(slots=True)
class Draft:
    """A report being put together. `taken` is shared by all drafts of a submission: an observation
    belongs to the first report that names it. It holds no drafts, which hold it: in such a circle all that was read
    would stay until the interpreter looks for circles, and that takes half a second."""

    resources: Resources
    taken: set[Located]
    roots: list[Located] = field(default_factory=list)
    order: list[Located] = field(default_factory=list)
    members: dict[Located, dict[Located, None]] = field(default_factory=dict)
    notes: dict[str, None] = field(default_factory=dict)  # a set that keeps its order

    def place_results(self, report: Located, results: Iterable[fhir.Reference]) -> None:
        for reference in results:
            if observation := self.follow(reference, report, fhir.Observation):
                self.place(observation, reference)

    def place(self, root: Located, reference: fhir.Reference | None = None) -> None:
        """The observation, then its members, each followed by its own. By hand rather than recursively:
        how deep members go is up to the sender."""
        if not self._take(root, reference):
            return
        self.roots.append(root)
        if not _members_of(root):
            return
        opened: dict[Located, Iterator[fhir.Reference]] = {root: iter(_members_of(root))}
        while opened:
            panel, references = next(reversed(opened.items()))
            following = next(references, None)
            if following is None:
                del opened[panel]
            elif member := self.follow(following, panel, fhir.Observation):
                if member in opened:
                    self._note("circular member", following)
                    continue
                if self._take(member, following):
                    opened[member] = iter(_members_of(member))
                if member in self.members:
                    self.members[panel][member] = None

    def follow(self, reference: fhir.Reference, source: Located, kind: type[fhir.Resource]) -> Located | None:
        """What is referred to; if it did not come along, a note says so, for what is missing is a loss."""
        found = self.resources.find(reference.reference, source)
        if found and isinstance(found.resource, kind):
            return found
        if kind is fhir.Patient:  # their number and name are no matter of the results: they have another key
            self.add_note("unresolved reference: Patient")
        else:
            self._note("unresolved reference", reference)
        return None

    def observations(self) -> tuple[Observation, ...]:
        number = {located: index for index, located in enumerate(self.order)}
        return tuple(
            _observation(located, tuple(number[member] for member in self.members[located]))
            for located in self.order
        )

    def add_note(self, text: str) -> None:
        self.notes[text] = None

    def _take(self, observation: Located, reference: fhir.Reference | None) -> bool:
        if observation in self.taken:
            if reference and observation not in self.members:
                self._note("observation of another report", reference)
            return False
        self.taken.add(observation)
        self.order.append(observation)
        self.members[observation] = {}
        return True

    def _note(self, what: str, reference: fhir.Reference) -> None:
        logical = reference.identifier.value if reference.identifier else None
        target = reference.reference or logical
        shown = f"{target} ({reference.display})" if target and reference.display else target
        self.add_note(f"{what}: {shown or reference.display or 'empty'}")


def _members_of(located: Located) -> tuple[fhir.Reference, ...]:
    resource = located.resource
    return resource.has_member if isinstance(resource, fhir.Observation) else ()


def _observation(located: Located, members: tuple[int, ...]) -> Observation:
    sent = located.resource
    assert isinstance(sent, fhir.Observation)
    return Observation(
        code=sent.code or Concept(),
        status=sent.status,
        value=value(sent),
        data_absent_reason=sent.data_absent_reason,
        interpretation=sent.interpretation,
        reference_ranges=tuple(map(reference_range, sent.reference_range)),
        components=tuple(map(component, sent.component)),
        members=members,
        category=sent.category,
        effective_at=effective_at(sent),
        issued_at=sent.issued,
        method=sent.method,
        notes=_notes(sent) if sent.note or sent.comment else (),
        source_id=located.source_id,
    )


def _notes(sent: fhir.Observation) -> tuple[str, ...]:
    return tuple(text for text in (*(note.text for note in sent.note), sent.comment) if text)
