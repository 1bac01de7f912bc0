"""The observations of one report put in order: each once, panels before their members, no circles."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from api.fhir import resources as fhir
from api.fhir.links import ObservationLinks
from api.fhir.references import Kind, Located, Resources
from domain.report_content import Observation


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

    def place_results(self, report: Located, results: Iterable[fhir.Link]) -> None:
        for reference in results:
            if observation := self.follow(reference, report, ObservationLinks):
                self.place(observation, reference)

    def place(self, root: Located, reference: fhir.Link | None = None) -> None:
        """The observation, then its members, each followed by its own. By hand rather than recursively:
        how deep members go is up to the sender. What STU3 called related stands as members do, and is none."""
        if not self._take(root, reference):
            return
        self.roots.append(root)
        if not _has_following(root):
            return
        opened = {root: _following(root)}
        while opened:
            panel, references = next(reversed(opened.items()))
            following, is_member = next(references, (None, False))
            if following is None:
                del opened[panel]
            elif member := self.follow(following, panel, ObservationLinks):
                if member in opened:
                    self._note("circular member", following)
                    continue
                if self._take(member, following):
                    opened[member] = _following(member)
                if is_member and member in self.members:
                    self.members[panel][member] = None

    def place_beneath(self, source: Located, whole: Located) -> None:
        """What a result was made from, and nobody else names: apart from it nobody could tell what it is of."""
        self.place(source)
        self.members[whole][source] = None

    def follow(self, reference: fhir.Link, source: Located, kind: Kind) -> Located | None:
        """What is referred to; if it did not come along, a note says so, for what is missing is a loss."""
        found = self.resources.find(reference.reference, source)
        if found and isinstance(found.resource, kind):
            return found
        self._note("unresolved reference", reference)
        return None

    def observations(self) -> tuple[Observation, ...]:
        number = {located: index for index, located in enumerate(self.order)}
        found = []
        for located in self.order:
            said, members = located.said, self.members[located]
            assert said is not None
            found.append(replace(said, members=tuple(number[one] for one in members)) if members else said)
        return tuple(found)

    def add_note(self, text: str) -> None:
        self.notes[text] = None

    def _take(self, observation: Located, reference: fhir.Link | None) -> bool:
        if observation in self.taken:
            if reference and observation not in self.members:
                self._note("observation of another report", reference)
            return False
        self.taken.add(observation)
        self.order.append(observation)
        self.members[observation] = {}
        return True

    def _note(self, what: str, reference: fhir.Link) -> None:
        logical = reference.identifier.value if reference.identifier else None
        target = reference.reference or logical
        shown = f"{target} ({reference.display})" if target and reference.display else target
        self.add_note(f"{what}: {shown or reference.display or 'empty'}")


def _has_following(located: Located) -> bool:
    resource = located.resource
    return isinstance(resource, ObservationLinks) and bool(resource.has_member or resource.related)


def _following(located: Located) -> Iterator[tuple[fhir.Link, bool]]:
    """What stands behind an observation, and whether it is a member of it."""
    resource = located.resource
    if isinstance(resource, ObservationLinks):
        yield from ((link, True) for link in resource.has_member)
        yield from ((link, False) for link in resource.related)
