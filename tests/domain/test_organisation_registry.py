"""What a patient states of an organisation is compared with the registry, cause by cause (S76)."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from api.synthetic_registry import inn_of, ogrn_of
from domain import organisation_registry
from domain.organisation import OrganisationKind
from domain.organisation_registry import (
    Certificate,
    CollectionPointsImported,
    Finding,
    OrganisationRegistryImported,
    RegisteredOrganisation,
    Stated,
    findings,
    is_checked_ogrn,
    is_same,
    standing,
)
from tests.scenario import given

TODAY = date(2026, 11, 25)
IMPORTED = OrganisationRegistryImported(sha256="9f" * 32, rows=2, refused=0, as_of=TODAY)
POINTS = CollectionPointsImported(sha256="7a" * 32, rows=2, refused=0, as_of=TODAY)
CLINIC = RegisteredOrganisation(
    oid="1.2.643.5.1",
    full_name="Городская поликлиника № 5",
    inn=inn_of(5),
    ogrn=ogrn_of(5),
    certificate=Certificate(number="1", valid_until=TODAY, official_name="Поликлиника пятая"),
)
STATED = Stated(name="ГП 5", inn=CLINIC.inn, ogrn=CLINIC.ogrn)


def found(stated: Stated, *candidates: RegisteredOrganisation) -> list[tuple[Finding, str]]:
    return [(one.finding, one.field) for one in findings(stated, candidates, today=TODAY)[1]]


def test_a_file_is_imported_once() -> None:
    given().when(organisation_registry.import_file, imported=IMPORTED).then(IMPORTED)
    given(IMPORTED).when(organisation_registry.import_file, imported=IMPORTED).then_nothing()
    given(IMPORTED).when(organisation_registry.import_file, imported=POINTS).then(POINTS)
    given(IMPORTED, POINTS).when(organisation_registry.import_file, imported=IMPORTED).then_nothing()


def test_what_fits_has_no_finding() -> None:
    assert findings(STATED, (CLINIC,), today=TODAY) == (CLINIC, ())
    assert not found(replace(STATED, name="поликлиника пятая"), CLINIC), (
        "the name in the certificate is official"
    )


def test_every_difference_is_told_at_once() -> None:
    stated = replace(
        STATED, name="Поликлиника 6", ogrn=ogrn_of(6), kind=OrganisationKind.HOSPITAL, department="1"
    )
    assert found(stated, CLINIC) == [
        (Finding.OGRN_DIFFERS, "ogrn"),
        (Finding.NAME_DIFFERS, "name"),
        (Finding.KIND_DIFFERS, "kind"),
        (Finding.DEPARTMENT_UNKNOWN, "department"),
    ]


def test_wrong_digits_are_found_without_the_registry() -> None:
    stated = Stated(name="", inn="7707083890", ogrn="1")
    assert found(stated) == [
        (Finding.NAME_MISSING, "name"),
        (Finding.INN_CHECK_FAILED, "inn"),
        (Finding.OGRN_CHECK_FAILED, "ogrn"),
    ]


def test_of_several_lines_of_a_legal_person_the_named_one_that_works_is_meant() -> None:
    branch = replace(CLINIC, oid="1.2.643.5.2", full_name="Филиал № 2", certificate=None)
    closed = replace(CLINIC, oid="1.2.643.5.0", closed_on=TODAY)
    assert findings(STATED, (branch, closed, CLINIC), today=TODAY)[0] == CLINIC
    assert findings(replace(STATED, name="филиал 2"), (branch, closed, CLINIC), today=TODAY)[0] == branch


@pytest.mark.parametrize(
    ("changed", "finding"),
    [
        ({"closed_on": TODAY}, Finding.CLOSED),
        ({"closed_on": TODAY + timedelta(days=1)}, None),
        ({"certificate": None}, Finding.NOT_ACCREDITED),
        (
            {"certificate": Certificate(number="1", valid_until=TODAY - timedelta(days=1))},
            Finding.ACCREDITATION_ENDED,
        ),
        ({"certificate": Certificate(number="1")}, None),
        ({}, None),
    ],
)
def test_it_must_work_and_be_accredited_on_the_day(
    changed: dict[str, object], finding: Finding | None
) -> None:
    told = standing(replace(CLINIC, **changed), today=TODAY)  # type: ignore[arg-type]
    assert [one.finding for one in told] == ([finding] if finding else [])


def test_two_are_one_by_the_code_of_the_registry_else_as_legal_persons() -> None:
    numbers = {"inn": "1", "ogrn": "2", "other_inn": "1", "other_ogrn": "2"}
    assert is_same(oid="a", other_oid=None, **numbers)
    assert is_same(oid="a", other_oid="a", **numbers | {"other_inn": "9"})
    assert not is_same(oid="a", other_oid="b", **numbers)
    assert not is_same(oid=None, other_oid=None, **numbers | {"other_ogrn": "9"})


def test_a_person_in_business_has_a_longer_number() -> None:
    assert is_checked_ogrn("304500116000157")
    assert not is_checked_ogrn("304500116000158")
    assert is_checked_ogrn("1027700132195") and not is_checked_ogrn("102770013219")
