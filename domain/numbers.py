"""Numbers: the policy number and СНИЛС by which a subject is recognised for certain, older policies and
temporary certificates, which no check digit guards, and the laboratory's own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from domain.policy import PolicyKind, old_policy_text, temporary_policy_text
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
OLD_POLICY_SYSTEMS = frozenset({"urn:oid:1.2.643.2.69.1.1.1.6.226", "1.2.643.2.69.1.1.1.6.226"})
TEMPORARY_POLICY_SYSTEMS = frozenset({"urn:oid:1.2.643.2.69.1.1.1.6.227", "1.2.643.2.69.1.1.1.6.227"})
# Policies of СЭМД without ЕНП: of which of the two kinds one is, its form must tell.
SEMD_POLICY_SYSTEMS = frozenset({"urn:oid:1.2.643.5.1.13.13.11.1035"})
# Kinds whose digits nothing checks: like a laboratory's own number they recognise only who is described alike.
UNCHECKED = frozenset({PolicyKind.OLD.value, PolicyKind.TEMPORARY.value})

_CHECKED: tuple[tuple[str, frozenset[str], Callable[[str], str]], ...] = (
    ("enp", ENP_SYSTEMS, enp),
    ("snils", SNILS_SYSTEMS, snils),
)
_TEMPORARY = TEMPORARY_POLICY_SYSTEMS | SEMD_POLICY_SYSTEMS
_OLD = OLD_POLICY_SYSTEMS | SEMD_POLICY_SYSTEMS
# Numbers in these are no laboratory's own.
_OFFICIAL = ENP_SYSTEMS | SNILS_SYSTEMS | _OLD | _TEMPORARY


@dataclass(frozen=True, slots=True)
class Numbers:
    """The recognising numbers of a subject, each with its kind; `failed` names the kinds whose number
    has a wrong check digit: such a number recognises nobody."""

    good: tuple[tuple[str, str], ...]
    failed: tuple[str, ...]


def numbers_of(identifiers: Sequence[Identifier]) -> Numbers:
    """The policy numbers and СНИЛС among a subject's identifiers; the ones with a check digit first."""
    good: dict[tuple[str, str], None] = {}
    failed: dict[str, None] = {}
    for identifier in identifiers:
        for kind, systems, checked in _CHECKED:
            if identifier.system in systems:
                try:
                    good[kind, checked(identifier.value)] = None
                except CheckDigitError:
                    failed[kind] = None
    good |= {found: None for identifier in identifiers for found in _unchecked(identifier)}
    return Numbers(tuple(good), tuple(failed))


def _unchecked(identifier: Identifier) -> tuple[tuple[str, str], ...]:
    """The older policy or temporary certificate that an identifier is, if it has the form of one."""
    if identifier.system in _TEMPORARY and (temporary := temporary_policy_text(identifier.value)):
        return ((PolicyKind.TEMPORARY.value, temporary),)
    if identifier.system in _OLD and (old := old_policy_text(identifier.value)):
        return ((PolicyKind.OLD.value, old),)
    return ()


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
    """The laboratory's own numbers among a subject's identifiers: whatever is no policy and no СНИЛС.
    One without a digit other than 0 is a filler (0000, N/A), and would make one person of many."""
    found: dict[LaboratoryNumber, None] = {}
    for identifier in identifiers:
        is_own = identifier.system not in _OFFICIAL
        if is_own and any(char.isdecimal() and char != "0" for char in identifier.value):
            found[LaboratoryNumber(identifier.system or "", identifier.value.strip())] = None
    return tuple(found)
