"""Until when an identity document proves who somebody is."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.identity_document import DocumentKind, IdentityDocument, birthday, valid_until

BORN = date(1984, 2, 29)
KINDS = DocumentKind


def document(kind: DocumentKind, issued_on: date, until: date | None = None) -> IdentityDocument:
    return IdentityDocument(kind=kind, number="000001", issued_on=issued_on, valid_until=until)


@pytest.mark.parametrize(
    ("issued_on", "until"),
    [
        (date(1998, 3, 15), date(2004, 5, 29)),
        (date(2004, 2, 28), date(2004, 5, 29)),
        (date(2004, 2, 29), date(2029, 5, 30)),
        (date(2029, 2, 28), date(2029, 5, 30)),
        (date(2029, 3, 1), None),
    ],
)
def test_a_passport_of_russia_is_changed_at_20_and_at_45_within_90_days(
    issued_on: date, until: date | None
) -> None:
    assert valid_until(document(KINDS.PASSPORT_RF, issued_on), BORN) == until


def test_a_birth_certificate_serves_until_there_is_a_passport() -> None:
    assert valid_until(document(KINDS.BIRTH_CERTIFICATE, date(2020, 1, 20)), date(2020, 1, 15)) == date(
        2034, 4, 15
    )


@pytest.mark.parametrize("kind", [KINDS.FOREIGN_PASSPORT, KINDS.RESIDENCE_PERMIT])
def test_other_documents_end_when_they_say_so(kind: DocumentKind) -> None:
    until = date(2030, 1, 1)
    assert valid_until(document(kind, date(2020, 1, 1), until), BORN) == until
    assert valid_until(document(kind, date(2020, 1, 1)), BORN) is None


@given(st.dates(date(1920, 1, 1), date(2012, 1, 1)), st.integers(0, 60 * 365))
def test_no_passport_outlives_the_next_birthday_at_which_it_is_changed(born: date, days: int) -> None:
    issued_on = birthday(born, 14) + (date(2000, 1, 1 + days % 28) - date(2000, 1, 1)) * (1 + days // 28)
    until = valid_until(document(KINDS.PASSPORT_RF, issued_on), born)
    later = [age for age in (20, 45) if birthday(born, age) > issued_on]
    assert (until is None) == (not later)
    if until is not None:
        assert (until - birthday(born, later[0])).days == 90
