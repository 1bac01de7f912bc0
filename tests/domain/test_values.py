"""Check digits: the published numbers pass, and what the rule promises to catch is caught."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.values import CheckDigitError, Quantity, enp, inn, ogrn, okpo, snils

Check = Callable[[str], str]

# requirements.md, 5.6.
VALID = [
    (snils, "11223344595"),
    (snils, "90000005900"),
    (snils, "90000006800"),
    (snils, "90006999900"),
    (snils, "90007899900"),
    (inn, "7707083893"),
    (inn, "3664069397"),
    (inn, "7830002293"),
    (inn, "500100732259"),
    (inn, "526317984689"),
    (ogrn, "1027700132195"),
    (ogrn, "1027739054420"),
    (ogrn, "1037734008575"),
    (enp, "9900000000000010"),
    (enp, "9900000000000028"),
    (enp, "9911111111111112"),
    (okpo, "00242766"),
    (okpo, "00040778"),
    (okpo, "0164667059"),
    (okpo, "0193366363"),
    # The first weights give 10: the second ones decide, and where they give 10 too the digit is 0.
    (okpo, "00000035"),
    (okpo, "00002810"),
]
WRONG = [
    (snils, "11223344594"),
    (snils, "25463625426"),
    (inn, "7707083890"),
    (inn, "500100732258"),
    (ogrn, "1027700132196"),
    (enp, "9911111111111113"),
    (enp, "0000000000000000"),
    (okpo, "00242765"),
    (okpo, "00000000"),
    (okpo, "002427661"),
]
FIELDS = {snils: "snils", inn: "inn", ogrn: "ogrn", enp: "policy_number", okpo: "okpo"}


@pytest.mark.parametrize(("check", "number"), VALID)
def test_a_published_number_passes(check: Check, number: str) -> None:
    assert check(number) == number


@pytest.mark.parametrize(("check", "number"), WRONG)
def test_a_wrong_check_digit_is_refused_and_the_field_is_named(check: Check, number: str) -> None:
    with pytest.raises(CheckDigitError) as refused:
        check(number)
    assert refused.value.field == FIELDS[check]
    # A number in a message would be personal data in a log.
    assert number not in str(refused.value)


@pytest.mark.parametrize(
    ("check", "written", "number"),
    [
        (snils, "112-233-445 95", "11223344595"),
        (snils, "112\u2011233\u2010445\u00a095", "11223344595"),
        (enp, "9911 1111 1111 1112", "9911111111111112"),
        (inn, "7707 083893", "7707083893"),
        (ogrn, "1 02 77 001 3219\u20135", "1027700132195"),
    ],
)
def test_the_spaces_and_dashes_that_people_write_do_not_matter(
    check: Check, written: str, number: str
) -> None:
    assert check(written) == number


@pytest.mark.parametrize("check", [snils, inn, ogrn, enp])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda number: "",
        lambda number: number[:-1],
        lambda number: number + "0",
        lambda number: "x" + number[1:],
        # Digits of another script are digits to str.isdigit and to int.
        lambda number: number.translate({ord("1"): "\u0661", ord("0"): "\u0660"}),
        lambda number: "²" + number[1:],
        lambda number: "+" + number[1:],
        lambda number: number[:3] + "_" + number[4:],
    ],
)
def test_what_is_not_so_many_digits_is_refused(check: Check, spoil: Callable[[str], str]) -> None:
    number = next(number for valid_for, number in VALID if valid_for is check)
    with pytest.raises(CheckDigitError):
        check(spoil(number))


def test_a_snils_without_a_check_passes_up_to_001_001_998_only() -> None:
    assert snils("001-001-998 00") == "00100199800"
    assert snils("001-001-998 77") == "00100199877"
    with pytest.raises(CheckDigitError):
        snils("001-001-999 77")


def last_digits(check: Check, start: str, width: int) -> list[str]:
    """Every ending that makes the start a valid number."""
    found = []
    for ending in range(10**width):
        try:
            found.append(check(f"{start}{ending:0{width}}"))
        except CheckDigitError:
            continue
    return found


def starts(digits: int, least: int = 1) -> st.SearchStrategy[str]:
    return st.integers(least, 10**digits - 1).map(lambda number: f"{number:0{digits}}")


@given(starts(15))
def test_every_start_of_a_policy_number_has_one_check_digit(start: str) -> None:
    assert len(last_digits(enp, start, 1)) == 1


@given(starts(9, least=1_001_999))
def test_every_start_of_a_snils_has_one_check_number(start: str) -> None:
    assert len(last_digits(snils, start, 2)) == 1


@given(starts(12))
def test_every_start_of_an_ogrn_has_one_check_digit(start: str) -> None:
    assert len(last_digits(ogrn, start, 1)) == 1


@given(starts(9))
def test_every_start_of_an_organisations_inn_has_one_check_digit(start: str) -> None:
    assert len(last_digits(inn, start, 1)) == 1


def changed(number: str, place: int, step: int) -> str:
    digit = (int(number[place]) + step) % 10
    return f"{number[:place]}{digit}{number[place + 1 :]}"


# Luhn catches every change of one digit. The sums modulo 101, 11 and 11 fold two remainders into one digit,
# so for the other numbers the rule promises it for the check digits only.


@given(starts(15), st.integers(0, 15), st.integers(1, 9))
def test_any_wrong_digit_of_a_policy_number_is_refused(start: str, place: int, step: int) -> None:
    (number,) = last_digits(enp, start, 1)
    with pytest.raises(CheckDigitError):
        enp(changed(number, place, step))


@given(starts(9, least=1_001_999), st.integers(9, 10), st.integers(1, 9))
def test_a_wrong_check_number_of_a_snils_is_refused(start: str, place: int, step: int) -> None:
    (number,) = last_digits(snils, start, 2)
    with pytest.raises(CheckDigitError):
        snils(changed(number, place, step))


@given(starts(12), st.integers(1, 9))
def test_a_wrong_check_digit_of_an_ogrn_is_refused(start: str, step: int) -> None:
    (number,) = last_digits(ogrn, start, 1)
    with pytest.raises(CheckDigitError):
        ogrn(changed(number, 12, step))


@given(starts(9), st.integers(1, 9))
def test_a_wrong_check_digit_of_an_inn_is_refused(start: str, step: int) -> None:
    (number,) = last_digits(inn, start, 1)
    with pytest.raises(CheckDigitError):
        inn(changed(number, 9, step))


@given(starts(10), st.integers(10, 11), st.integers(1, 9))
def test_a_wrong_check_digit_of_a_persons_inn_is_refused(start: str, place: int, step: int) -> None:
    (number,) = last_digits(inn, start, 2)
    with pytest.raises(CheckDigitError):
        inn(changed(number, place, step))


@given(st.text(max_size=20))
def test_no_text_breaks_a_check(text: str) -> None:
    for check in (enp, snils, inn, ogrn):
        try:
            assert check(text).isascii()
        except CheckDigitError as refused:
            assert refused.field == FIELDS[check]  # noqa: PT017 - most texts are refused, some may pass


def test_a_decimal_is_kept_as_it_was_sent() -> None:
    assert Quantity(value="72.50").value == "72.50"
    assert Quantity(value="72.50").number == Decimal("72.50")
    assert str(Quantity(value="72.50").number) == "72.50"
    assert Quantity(unit="г").number is None
