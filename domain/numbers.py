"""Numbers: the policy number and СНИЛС by which a subject is recognised for certain, and the laboratory's own."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.values import CheckDigitError, Identifier, enp, snils

# Identifier systems in which laboratories send the two numbers (requirements.md, 5.3 and 5.4).
ENP_SYSTEMS = frozenset(
    {"urn:oid:1.2.643.2.69.1.1.1.6.228", "1.2.643.2.69.1.1.1.6.228", "http://fhir.ru/core/sid/enp"}
)
SNILS_SYSTEMS = frozenset(
    {
        "urn:oid:1.2.643.100.3",
        "1.2.643.100.3",
        "urn:oid:1.2.643.2.69.1.1.1.6.223",
        "1.2.643.2.69.1.1.1.6.223",
        "http://fhir.ru/core/sid/snils",
    }
)


@dataclass(frozen=True, slots=True)
class Numbers:
    """The recognising numbers of a subject, each with its kind; `failed` names the kinds whose number
    has a wrong check digit: such a number recognises nobody."""

    good: tuple[tuple[str, str], ...]
    failed: tuple[str, ...]


def numbers_of(identifiers: Sequence[Identifier]) -> Numbers:
    """The policy number and СНИЛС among a subject's identifiers."""
    good: dict[tuple[str, str], None] = {}
    failed: dict[str, None] = {}
    for identifier in identifiers:
        for kind, systems, checked in (("enp", ENP_SYSTEMS, enp), ("snils", SNILS_SYSTEMS, snils)):
            if identifier.system in systems:
                try:
                    good[kind, checked(identifier.value)] = None
                except CheckDigitError:
                    failed[kind] = None
    return Numbers(tuple(good), tuple(failed))


@dataclass(frozen=True, slots=True)
class LaboratoryNumber:
    """The number that a laboratory gave a patient of its own, in one of its systems; without a system it is
    empty. Another laboratory's equal number is another number."""

    system: str
    number: str

    @property
    def text(self) -> str:
        """Both as one text, of which no other two make the same."""
        return f"{len(self.system)}:{self.system}|{self.number}"


def laboratory_numbers(identifiers: Sequence[Identifier]) -> tuple[LaboratoryNumber, ...]:
    """The laboratory's own numbers among a subject's identifiers: whatever is not a policy number or СНИЛС.
    One without a digit other than 0 is a filler (0000, N/A), and would make one person of many."""
    found: dict[LaboratoryNumber, None] = {}
    for identifier in identifiers:
        is_own = identifier.system not in ENP_SYSTEMS | SNILS_SYSTEMS
        if is_own and any(char.isdecimal() and char != "0" for char in identifier.value):
            found[LaboratoryNumber(identifier.system or "", identifier.value.strip())] = None
    return tuple(found)
