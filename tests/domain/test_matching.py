"""A report recognises a patient by checked numbers alone, and reaches them only when nothing bars it."""

from dataclasses import replace

import pytest

from domain import consent, linkage, matching
from domain.consent import Consent, ConsentGranted, ConsentKind, ConsentWithdrawn
from domain.linkage import Linkage, OrganisationLinked, OrganisationUnlinked
from domain.matching import barrier, unrecognised
from domain.numbers import ENP_SYSTEMS, SNILS_SYSTEMS, Numbers, numbers_of
from domain.values import Identifier, OrganisationId
from tests.examples import ANNA, BORIS, CLINIC, DOCUMENT, ENP, REPORT, SNILS

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


LINKED = linkage.evolve(None, OrganisationLinked(patient_id=ANNA, organisation_id=CLINIC))
UNLINKED = linkage.evolve(LINKED, OrganisationUnlinked(patient_id=ANNA, organisation_id=CLINIC))


def agreed(kind: ConsentKind, *organisations: OrganisationId) -> Consent:
    document = replace(DOCUMENT, kind=kind)
    return consent.evolve(
        None, ConsentGranted(patient_id=ANNA, document=document, organisations=organisations)
    )


def withdrawn(kind: ConsentKind) -> Consent:
    return consent.evolve(agreed(kind), ConsentWithdrawn(patient_id=ANNA, kind=kind))


PERSONAL, TRANSFER = agreed(ConsentKind.PERSONAL_DATA), agreed(ConsentKind.RESULTS_TRANSFER)
NOT_LINKED, MISSING = matching.ORGANISATION_NOT_LINKED, matching.CONSENT_MISSING


@pytest.mark.parametrize(
    ("linked", "personal_data", "transfer", "expected"),
    [
        (LINKED, PERSONAL, TRANSFER, None),
        (LINKED, PERSONAL, agreed(ConsentKind.RESULTS_TRANSFER, CLINIC), None),
        (None, PERSONAL, TRANSFER, NOT_LINKED),
        (UNLINKED, PERSONAL, TRANSFER, NOT_LINKED),
        (UNLINKED, None, None, NOT_LINKED),
        (LINKED, None, TRANSFER, MISSING),
        (LINKED, withdrawn(ConsentKind.PERSONAL_DATA), TRANSFER, MISSING),
        (LINKED, PERSONAL, None, MISSING),
        (LINKED, PERSONAL, withdrawn(ConsentKind.RESULTS_TRANSFER), MISSING),
        (LINKED, PERSONAL, agreed(ConsentKind.RESULTS_TRANSFER, OrganisationId(REPORT)), MISSING),
    ],
)
def test_a_report_reaches_the_cabinet_only_by_a_link_and_both_consents(
    linked: Linkage | None, personal_data: Consent | None, transfer: Consent | None, expected: str | None
) -> None:
    found = barrier(organisation_id=CLINIC, linkage=linked, personal_data=personal_data, transfer=transfer)
    assert found == expected
