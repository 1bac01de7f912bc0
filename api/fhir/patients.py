"""The patients of one submission: which resources are of one person, and whose a number is."""

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar
from urllib.parse import parse_qs

from domain.report_content import Subject
from domain.values import Identifier

Sent = TypeVar("Sent", bound=Hashable)
_SEARCH = "Patient?"
# A number that so many people have is none, and each is compared with all who have it.
_OWNERS_MAX = 16


class Patients(Generic[Sent]):
    """Senders repeat a patient for each report of a batch, or contain them in each result."""

    def __init__(self, sent: Iterable[tuple[Sent, Subject]]) -> None:
        self._first: dict[Sent, Sent] = {}
        self._owners: dict[tuple[str | None, str], list[tuple[Sent, Subject]]] = {}
        for patient, subject in sent:
            owners = [self._owners.setdefault((one.system, one.value), []) for one in subject.identifiers]
            known = (first for of_number in owners for first, other in of_number if is_one(subject, other))
            first = self._first[patient] = next(known, patient)
            for of_number in owners:
                if first == patient and len(of_number) < _OWNERS_MAX:
                    of_number.append((patient, subject))

    def first_of(self, patient: Sent) -> Sent:
        """The first resource of the same person."""
        return self._first[patient]

    @property
    def only(self) -> Sent | None:
        people = set(self._first.values())
        return people.pop() if len(people) == 1 else None

    def of_number(self, number: Identifier | None) -> Sent | None:
        """Whose it is, unless two people have it."""
        owners = self._owners.get((number.system, number.value), ()) if number else ()
        return owners[0][0] if len(owners) == 1 else None


def is_one(one: Subject, other: Subject) -> bool:
    """Whether both may be of one person: by a number, which a system may give to all, so that not everything else is
    another's; else by the name and birth date."""
    if set(one.identifiers) & set(other.identifiers):
        return _is_alike(one.birth_date, other.birth_date) or _is_alike(one.family, other.family)
    said = (one.family, one.given, one.name_text)
    return any(said) and (*said, one.birth_date) == (
        other.family,
        other.given,
        other.name_text,
        other.birth_date,
    )


def _is_alike(one: str | None, other: str | None) -> bool:
    return one is None or other is None or one == other


def searched_number(reference: str | None) -> Identifier | None:
    """The number in a conditional reference (FHIR R4, http, transaction): `Patient?identifier=system|value`."""
    if not reference or _SEARCH not in reference:
        return None
    searched = parse_qs(reference.partition(_SEARCH)[2], max_num_fields=1) if "&" not in reference else {}
    system, bar, value = next(iter(searched.get("identifier", ())), "").partition("|")
    return Identifier(system=system or None, value=value) if bar and value else None
