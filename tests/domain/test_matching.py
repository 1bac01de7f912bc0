"""A report recognises a patient by checked numbers alone, and reaches them only when nothing bars it."""

import pytest

from domain import matching
from domain.matching import unrecognised
from domain.numbers import ENP_SYSTEMS, SNILS_SYSTEMS, Numbers, numbers_of
from domain.values import Identifier
from tests.examples import ANNA, BORIS, ENP, SNILS

WRONG_ENP, WRONG_SNILS = "9911111111111113", "11223344594"
ENP_SYSTEM, SNILS_SYSTEM = min(ENP_SYSTEMS), min(SNILS_SYSTEMS)


def identifiers(*found: tuple[str | None, str]) -> list[Identifier]:
    return [Identifier(system=system, value=value) for system, value in found]


@pytest.mark.parametrize("system", sorted(ENP_SYSTEMS))
def test_a_policy_number_recognises(system: str) -> None:
    assert numbers_of(identifiers((system, ENP))) == Numbers((("enp", ENP),), ())


@pytest.mark.parametrize("system", sorted(SNILS_SYSTEMS))
def test_a_snils_recognises_however_it_is_written(system: str) -> None:
    assert numbers_of(identifiers((system, "112-233-445 95"))) == Numbers((("snils", SNILS),), ())


def test_no_system_means_both_numbers() -> None:
    assert not ENP_SYSTEMS & SNILS_SYSTEMS


def test_a_number_without_a_known_system_recognises_nobody() -> None:
    assert numbers_of(identifiers((None, ENP), ("urn:lab:card", SNILS))) == Numbers((), ())


def test_a_number_with_a_wrong_check_digit_recognises_nobody() -> None:
    numbers = numbers_of(identifiers((ENP_SYSTEM, WRONG_ENP), (SNILS_SYSTEM, SNILS)))
    assert numbers == Numbers((("snils", SNILS),), ("enp",))


def test_the_same_number_twice_is_one() -> None:
    twice = identifiers((SNILS_SYSTEM, SNILS), (SNILS_SYSTEM, "112-233-445 95"), (ENP_SYSTEM, ENP))
    assert numbers_of(twice).good == (("snils", SNILS), ("enp", ENP))
    assert numbers_of(identifiers(*[(ENP_SYSTEM, WRONG_ENP)] * 2)).failed == ("enp",)


GOOD = Numbers((("enp", ENP),), ())


def test_one_patient_is_recognised() -> None:
    assert unrecognised(GOOD, [ANNA]) is None


def test_two_numbers_of_one_patient_agree() -> None:
    assert unrecognised(GOOD, [ANNA, ANNA]) is None


def test_two_numbers_of_two_patients_name_nobody() -> None:
    assert unrecognised(GOOD, [ANNA, BORIS]) == matching.PATIENT_AMBIGUOUS


def test_a_number_that_nobody_has_names_nobody() -> None:
    assert unrecognised(GOOD, []) == matching.PATIENT_UNKNOWN
    assert unrecognised(Numbers((), ()), []) == matching.PATIENT_UNKNOWN


def test_only_wrong_numbers_are_said_to_be_wrong() -> None:
    assert unrecognised(Numbers((), ("enp",)), []) == matching.CHECK_DIGIT_FAILED
    assert unrecognised(Numbers((("snils", SNILS),), ("enp",)), []) == matching.PATIENT_UNKNOWN
