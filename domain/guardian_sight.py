"""What a guardian may see of a ward: one rule, by what stands recorded and the day."""

from dataclasses import dataclass
from datetime import date

from domain.guardianship import ALL_SECTIONS, Guardianship, GuardianshipStatus, WardCapacity
from domain.legal_age import AGE_OF_MAJORITY, AGE_OF_OWN_DECISION, AGE_OF_OWN_DECISION_ON_DRUGS, birthday
from domain.study_type import StudyType

DRUG_SECTIONS = frozenset({StudyType.TOXICOLOGY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a guardian may see of a ward on a day. `until` is the first day on which the law changes it.
    `may_act`: the law lets the guardian decide on the ward's behalf, not only look."""

    sections: frozenset[StudyType] = frozenset()
    until: date | None = None
    may_act: bool = False

    def covers(self, study_types: frozenset[StudyType]) -> bool:
        """Whether a report of these types may be seen: each of them. A report of no known type may belong
        to any section, so only who sees every section sees it."""
        return (study_types or ALL_SECTIONS) <= self.sections


NOTHING = Sight()


def sight_of(
    guardianship: Guardianship,
    ward_birth_date: str | None,
    on_date: date,
    *,
    age_of_own_decision: int = AGE_OF_OWN_DECISION,
) -> Sight:
    """What the guardian may see on this day.

    - Not confirmed, or ended: nothing, at once.
    - An incapable ward (ГК РФ art. 29; 323-ФЗ art. 22(2)): everything, at every age.
    - A ward of limited capacity (ГК РФ art. 30) decides on health alone: what the ward permits.
    - A child under 15 (323-ФЗ art. 22(2), 54(2)): everything. From 15: what the child permits; toxicology is
      the representative's until 16, the age that art. 54(2) sets for drug dependence.
    - From 18 (ГК РФ art. 21): nothing, whether or not the end is recorded yet.

    From all of it goes what an operator has closed, on the word of a document that says so.
    `age_of_own_decision` is the law's 15; who tries another rule says another."""
    ward = guardianship.ward
    if guardianship.status is not GuardianshipStatus.CONFIRMED or ward is None or ward_birth_date is None:
        return NOTHING
    born, closed, permitted = date.fromisoformat(ward_birth_date), guardianship.closed, guardianship.permitted
    if ward.capacity is WardCapacity.INCAPABLE:
        return Sight(sections=ALL_SECTIONS - closed, may_act=True)
    if ward.capacity is WardCapacity.LIMITED:
        return Sight(sections=permitted - closed)
    fifteen, sixteen, eighteen = (
        birthday(born, age) for age in (age_of_own_decision, AGE_OF_OWN_DECISION_ON_DRUGS, AGE_OF_MAJORITY)
    )
    if on_date < fifteen:
        return Sight(sections=ALL_SECTIONS - closed, until=fifteen, may_act=True)
    if on_date < sixteen:
        return Sight(sections=(DRUG_SECTIONS | permitted) - closed, until=sixteen)
    if on_date < eighteen:
        return Sight(sections=permitted - closed, until=eighteen)
    return NOTHING


def may_permit(guardianship: Guardianship, ward_birth_date: str | None, on_date: date) -> bool:
    """Whether the ward decides what the guardian sees: from 15 on, and with limited capacity."""
    if guardianship.status is not GuardianshipStatus.CONFIRMED or ward_birth_date is None:
        return False
    capacity = guardianship.ward.capacity if guardianship.ward else None
    if capacity is WardCapacity.MINOR:
        born = date.fromisoformat(ward_birth_date)
        return birthday(born, AGE_OF_OWN_DECISION) <= on_date < birthday(born, AGE_OF_MAJORITY)
    return capacity is WardCapacity.LIMITED
