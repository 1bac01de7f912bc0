"""An old policy or a temporary certificate recognises its owner, but only who is described alike."""

from dataclasses import replace

import pytest

from domain.matching import IDENTITY_CONTRADICTS, contradicts, doubted
from domain.numbers import (
    ENP_SYSTEMS,
    OLD_POLICY_SYSTEMS,
    SEMD_POLICY_SYSTEMS,
    SNILS_SYSTEMS,
    TEMPORARY_POLICY_SYSTEMS,
    Numbers,
    laboratory_numbers,
    numbers_of,
)
from domain.patient import Patient, PolicyLinked
from domain.policy import PolicyKind
from domain.report_content import Subject
from domain.values import Identifier
from tests.examples import ENP, PROFILE, SNILS

OLD, TEMPORARY = PolicyKind.OLD.value, PolicyKind.TEMPORARY.value


def identifiers(*found: tuple[str | None, str]) -> list[Identifier]:
    return [Identifier(system=system, value=value) for system, value in found]


def test_each_number_of_a_system_has_one_kind() -> None:
    systems = [ENP_SYSTEMS, SNILS_SYSTEMS, OLD_POLICY_SYSTEMS, TEMPORARY_POLICY_SYSTEMS, SEMD_POLICY_SYSTEMS]
    assert sum(map(len, systems)) == len(frozenset().union(*systems))


@pytest.mark.parametrize("system", sorted(OLD_POLICY_SYSTEMS | SEMD_POLICY_SYSTEMS))
def test_an_old_policy_recognises(system: str) -> None:
    assert numbers_of(identifiers((system, "АБ:123456"))) == Numbers(((OLD, "АБ123456"),), ())


@pytest.mark.parametrize("system", sorted(TEMPORARY_POLICY_SYSTEMS | SEMD_POLICY_SYSTEMS))
def test_a_temporary_certificate_recognises(system: str) -> None:
    assert numbers_of(identifiers((system, "123 456 789"))) == Numbers(((TEMPORARY, "123456789"),), ())


def test_numbers_with_a_check_digit_come_first() -> None:
    found = identifiers((min(OLD_POLICY_SYSTEMS), "АБ 123456"), (min(SNILS_SYSTEMS), SNILS))
    assert numbers_of(found).good == (("snils", SNILS), (OLD, "АБ123456"))


def test_a_filler_recognises_nobody_and_is_no_number_of_the_laboratory() -> None:
    found = identifiers((min(OLD_POLICY_SYSTEMS), "нет"), (min(TEMPORARY_POLICY_SYSTEMS), "000000000"))
    assert numbers_of(found) == Numbers((), ())
    policies = identifiers((min(OLD_POLICY_SYSTEMS), "АБ 123456"), (min(SEMD_POLICY_SYSTEMS), "123456789"))
    assert laboratory_numbers(policies) == ()


ANNA = Patient(
    locale="ru",
    profile=PROFILE,
    policy="123456",
    policy_linked=PolicyLinked(number="123456", kind=PolicyKind.OLD, series="АБ"),
)
SAID = Subject(family="Соколова", given=("Анна",), birth_date="1984-02-29")


@pytest.mark.parametrize("kind", [OLD, TEMPORARY])
def test_a_number_that_nothing_checks_recognises_only_who_is_described_alike(kind: str) -> None:
    assert doubted(ANNA, SAID, matched_by=kind) is None
    renamed = Subject(family="Орлова", given=("Анна",), birth_date="1984-02-29")
    assert doubted(ANNA, renamed, matched_by=kind) == IDENTITY_CONTRADICTS
    assert doubted(ANNA, renamed, matched_by="snils") is None
    # Anybody may state anybody's number: who is not described is not recognised.
    for silent in (Subject(), replace(SAID, birth_date=None), replace(SAID, family=None, given=())):
        assert doubted(ANNA, silent, matched_by=kind) == IDENTITY_CONTRADICTS


def test_an_old_policy_does_not_contradict_the_single_one() -> None:
    """Who had an old policy has got a new one since, and another old one before."""
    new = numbers_of(identifiers((min(ENP_SYSTEMS), ENP)))
    another_old = numbers_of(identifiers((min(OLD_POLICY_SYSTEMS), "ВГ 654321")))
    assert not contradicts(ANNA, new)
    assert not contradicts(ANNA, another_old)
    single = Patient(
        locale="ru", policy="9900000000000010", policy_linked=PolicyLinked(number="9900000000000010")
    )
    assert contradicts(single, new)
