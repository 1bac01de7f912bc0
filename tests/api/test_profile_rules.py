"""What a person types about themselves: kept as it is compared, or refused by name, field by field."""

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.citizenships import citizenships, codes
from api.problems import explain
from api.profile_rules import Read, read_profile
from api.regions import REGIONS
from domain.identity_document import DocumentKind, IdentityDocument

TODAY = date(2026, 11, 25)
WHOLE = {
    "family": "Соколова",
    "given": "Анна",
    "patronymic": "Петровна",
    "birth_date": "29.02.1984",
    "sex": "female",
    "citizenship": "RU",
    "document_kind": "passport-rf",
    "document_series": "4500",
    "document_number": "000001",
    "document_issued_on": "10.03.2004",
    "document_issuer_code": "770-001",
    "document_valid_until": "",
    "snils": "112-233-445 95",
    "inn": "5001 0073 2259",
    "region": "77",
    "email": "anna@example.ru",
}
NEEDED = {"family", "given", "birth_date", "sex", "snils"}


def read(**changed: str) -> Read:
    return read_profile(WHOLE | changed, today=TODAY)


def code_of(field: str, **changed: str) -> str | None:
    error = read(**changed).errors.get(field)
    return error.code if error else None


def test_the_whole_form_is_kept_without_what_people_write_in_numbers() -> None:
    found = read()
    assert not found.errors and found.email == "anna@example.ru"
    profile = found.profile
    assert profile is not None
    assert (profile.snils, profile.inn, profile.birth_date) == ("11223344595", "500100732259", "1984-02-29")
    assert profile.document == IdentityDocument(
        kind=DocumentKind.PASSPORT_RF,
        series="4500",
        number="000001",
        issued_on=date(2004, 3, 10),
        issuer_code="770-001",
    )
    assert found.texts["snils"] == "11223344595" and found.texts["birth_date"] == "29.02.1984"


def test_every_wrong_field_is_named_at_once() -> None:
    assert set(read_profile({}, today=TODAY).errors) == NEEDED
    assert read_profile({name: WHOLE[name] for name in NEEDED}, today=TODAY).profile is not None


WRONG: list[tuple[str, str, str]] = [
    ("family", "", "name-missing"),
    ("family", "а" * 101, "name-missing"),
    ("family", "Cоколова", "name-mixed-alphabets"),
    ("given", "Anna", "name-mixed-alphabets"),
    ("family", "Соколова1", "name-characters"),
    ("family", "Соколова;", "name-characters"),
    ("patronymic", "-", "name-characters"),
    ("birth_date", "", "field-missing"),
    ("snils", " ", "field-missing"),
    ("birth_date", "1984-02-29", "birth-date-malformed"),
    ("birth_date", "29.2.1984", "birth-date-malformed"),
    ("birth_date", "29.02.1985", "birth-date-malformed"),
    ("birth_date", "26.11.2026", "birth-date-malformed"),
    ("birth_date", "01.01.1899", "birth-date-malformed"),
    ("sex", "", "sex-missing"),
    ("citizenship", "XX", "citizenship-unknown"),
    ("region", "00", "region-unknown"),
    ("snils", "112-233-445 96", "snils-check-failed"),
    ("snils", "112-233-445 9O", "digits-only"),
    ("inn", "500100732258", "inn-check-failed"),
    ("inn", "7707083893", "inn-check-failed"),
    ("inn", "50010073225A", "digits-only"),
    ("email", "anna", "email-malformed"),
    ("email", "anna@example", "email-malformed"),
    ("email", "anna @example.ru", "email-malformed"),
    ("document_kind", "", "document-kind-missing"),
    ("document_kind", "driving-licence", "document-kind-missing"),
    ("document_series", "450", "document-series-malformed"),
    ("document_series", "", "field-missing"),
    ("document_series", "АБ12", "digits-only"),
    ("document_number", "00001", "document-number-malformed"),
    ("document_number", "", "field-missing"),
    ("document_issuer_code", "77-001", "document-issuer-code-malformed"),
    ("document_issuer_code", "", "field-missing"),
    ("document_issued_on", "", "field-missing"),
    ("document_issued_on", "31.02.2004", "document-date-malformed"),
    ("document_issued_on", "26.11.2026", "document-in-future"),
    ("document_issued_on", "28.02.1984", "document-before-birth"),
    ("document_issued_on", "28.02.1998", "document-before-age"),
]


@pytest.mark.parametrize(("field", "text", "code"), WRONG)
def test_what_is_wrong_has_a_name_and_keeps_the_profile_from_being_read(
    field: str, text: str, code: str
) -> None:
    found = read(**{field: text})
    assert {name: error.code for name, error in found.errors.items()} == {field: code}
    assert found.errors[field].field == field
    assert (found.profile is None) == (field != "email")
    assert explain(code).status == 422


@pytest.mark.parametrize(
    ("field", "text", "kept"),
    [
        ("family", "  Соколова   Иванова ", "Соколова Иванова"),
        ("family", "Мамин-Сибиряк", "Мамин-Сибиряк"),
        ("patronymic", "Мамед оглы", "Мамед оглы"),
        ("given", "Жанна д’Арк", "Жанна д’Арк"),
        ("document_series", "45 00", "4500"),
        ("document_issuer_code", "770001", "770-001"),
    ],
)
def test_what_people_write_is_kept_as_it_is_compared(field: str, text: str, kept: str) -> None:
    found = read(**{field: text})
    assert not found.errors and found.texts[field] == kept


def test_other_documents_have_numbers_and_terms_of_their_own() -> None:
    foreign = {"document_kind": "foreign-passport", "document_series": "", "document_issuer_code": ""}
    found = read(**foreign, document_number="ab 1234567", document_valid_until="10.03.2030")
    assert found.profile is not None and found.profile.document is not None
    assert found.profile.document.number == "AB1234567"
    assert found.profile.document.valid_until == date(2030, 3, 10)
    ends = {"document_number": "AB1", "document_valid_until": "10.03.2004"}
    assert code_of("document_valid_until", **foreign, **ends) == "document-ends-before-issue"


def test_the_roman_number_of_a_birth_certificate_may_be_typed_with_russian_letters() -> None:
    child = {"birth_date": "15.01.2020", "document_issued_on": "01.02.2020", "document_issuer_code": ""}
    found = read(document_kind="birth-certificate", document_series="хі-мю", **child)
    assert found.profile is not None and found.profile.document is not None
    assert found.profile.document.series == "XI-МЮ"


def test_latin_names_are_whole_latin_names() -> None:
    assert not read(family="Müller", given="Anna-Maria", patronymic="").errors


def test_the_lists_are_whole() -> None:
    assert len(citizenships("ru")) == 249 and citizenships("en")[0] == ("RU", "Russia")
    assert "stateless" in codes() and len(REGIONS) == 89


@given(st.fixed_dictionaries({name: st.text(max_size=30) for name in WHOLE}))
def test_nothing_that_is_typed_makes_it_fail(form: dict[str, str]) -> None:
    found = read_profile(form, today=TODAY)
    assert found.profile is not None or found.errors


@given(st.dates(date(1900, 1, 1), TODAY))
def test_a_date_of_birth_is_kept_as_it_was_typed(born: date) -> None:
    found = read_profile({"birth_date": f"{born:%d.%m.%Y}"}, today=TODAY)
    assert found.texts["birth_date"] == f"{born:%d.%m.%Y}"
    assert datetime.strptime(found.texts["birth_date"], "%d.%m.%Y").date() == born  # noqa: DTZ007
