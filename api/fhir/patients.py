"""The patients of one submission: which resources are of one person, and whose a number is."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Generic, TypeVar
from urllib.parse import parse_qs

from domain.report_content import Subject
from domain.values import Identifier

Sent = TypeVar("Sent", bound=Hashable)
_SEARCH = "Patient?"
# A number that so many people have is none, and each is compared with all who have it.
_OWNERS_MAX = 16
_SEARCH_LENGTH_MAX = 2048


@dataclass(slots=True, eq=False)
class Individual(Generic[Sent]):
    """What the resources of one person say of them, all together: one that says little may be of either of two people,
    and must not make them one."""

    first: Sent
    said: Subject
    numbers: set[Identifier] = field(init=False)

    def __post_init__(self) -> None:
        self.numbers = set(self.said.identifiers)

    def may_be(self, other: "Individual[Sent]") -> bool:
        """By a number, which a system may give to all and a child have from its mother, so that not everything else
        is another's; else by the name and birth date."""
        if not self.numbers.isdisjoint(other.numbers):
            return _is_alike(self.said, other.said)
        said = _described(self.said)
        return any(said[:-1]) and said == _described(other.said)

    def add(self, other: "Individual[Sent]") -> None:
        said, more = self.said, other.said
        self.numbers |= other.numbers
        self.said = replace(
            said,
            family=said.family or more.family,
            given=said.given or more.given,
            name_text=said.name_text or more.name_text,
            birth_date=said.birth_date or more.birth_date,
        )


class Patients(Generic[Sent]):
    """Senders repeat a patient for each report of a batch, or contain them in each result."""

    def __init__(self, sent: Iterable[tuple[Sent, Subject]]) -> None:
        self._people: list[Individual[Sent]] = []
        self._person_of: dict[Sent, Individual[Sent]] = {}
        self._owners: dict[tuple[str | None, str], list[Individual[Sent]]] = {}
        # Who they are that have a number is known before a resource that says hardly more than the number.
        found = (Individual(patient, subject) for patient, subject in sent)
        for one in sorted(found, key=lambda one: sum(map(bool, _described(one.said))), reverse=True):
            self._person_of[one.first] = person = self._person(one)
            for number in one.said.identifiers:
                owners = self._owners.setdefault((number.system, number.value), [])
                if len(owners) < _OWNERS_MAX and person not in owners:
                    owners.append(person)

    def first_of(self, patient: Sent) -> Sent:
        """One resource for all of the same person."""
        return self._person_of[patient].first

    @property
    def only(self) -> Sent | None:
        return self._people[0].first if len(self._people) == 1 else None

    def of_number(self, number: Identifier | None) -> Sent | None:
        """Whose it is, unless two people have it."""
        owners = self._owners.get((number.system, number.value), ()) if number else ()
        return owners[0].first if len(owners) == 1 else None

    def _person(self, one: Individual[Sent]) -> Individual[Sent]:
        """Who was met already, if it can be one only."""
        owners = islice(self._owners_of(one.said.identifiers), _OWNERS_MAX)
        known = [person for person in owners if person.may_be(one)]
        if len(known) == 1:
            known[0].add(one)
            return known[0]
        self._people.append(one)
        return one

    def _owners_of(self, numbers: Iterable[Identifier]) -> Iterator[Individual[Sent]]:
        seen: set[Individual[Sent]] = set()
        for number in numbers:
            for person in self._owners.get((number.system, number.value), ()):
                if person not in seen:
                    seen.add(person)
                    yield person


def _is_alike(one: Subject, other: Subject) -> bool:
    """Of name and birth date, as far as both say them, one is the same and the given name is no other: people take
    new names, and dates are mistyped, but a twin is somebody else. A name in one text has the given one in it, and with
    one in parts it is not compared."""
    family = given = (one.name_text, other.name_text)
    births = (one.birth_date, other.birth_date)
    if one.family and other.family:
        family, given = (one.family, other.family), (_initial(one), _initial(other))
    elif None in family and _is_named(one) and _is_named(other):
        return births[0] is not None and births[0] == births[1]
    said = [both for both in (family, births) if None not in both]
    is_same_given = None in given or given[0] == given[1]
    return is_same_given and (not said or any(mine == theirs for mine, theirs in said))


def _is_named(subject: Subject) -> bool:
    return bool(subject.family or subject.given or subject.name_text)


def _initial(subject: Subject) -> str | None:
    return subject.given[0][:1].casefold() if subject.given else None


def _described(subject: Subject) -> tuple[str | tuple[str, ...] | None, ...]:
    return subject.family, subject.given, subject.name_text, subject.birth_date


def searched_number(reference: str | None) -> Identifier | None:
    """The number in a conditional reference (FHIR R4, http, transaction): `Patient?identifier=system|value`."""
    if not reference or _SEARCH not in reference or len(reference) > _SEARCH_LENGTH_MAX:
        return None
    searched = parse_qs(reference.partition(_SEARCH)[2], max_num_fields=1) if "&" not in reference else {}
    system, bar, value = next(iter(searched.get("identifier", ())), "").partition("|")
    # What an address escapes may be what JSON must not (FHIR R4, datatypes, string), nor PostgreSQL keeps.
    is_text = bar and value and "\x00" not in system + value
    return Identifier(system=system or None, value=value) if is_text else None
