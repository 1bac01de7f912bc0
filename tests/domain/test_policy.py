"""Each kind of policy has its own rule, and each mistake names its field."""

from datetime import date

import pytest

from domain.policy import (
    Policy,
    PolicyFieldError,
    PolicyKind,
    old_policy,
    old_policy_text,
    single_policy,
    temporary_policy,
    temporary_policy_text,
)
from domain.working_days import is_working_day, working_days_after

TODAY = date(2026, 11, 25)
ISSUED = date(2026, 11, 2)


def refused(*arguments: object, code: str, field: str) -> None:
    make, *given = arguments
    assert callable(make)
    named = {"today": TODAY} if make is temporary_policy else {}
    with pytest.raises(PolicyFieldError) as caught:
        make(*given, **named)
    assert (caught.value.code, caught.value.field) == (code, field)


def test_the_single_policy_has_sixteen_digits_and_a_check_digit() -> None:
    expected = Policy(kind=PolicyKind.SINGLE, number="9911111111111112")
    assert single_policy("9911111111111112") == single_policy(" 9911 1111-1111 1112 ") == expected
    refused(single_policy, "", code="policy-number-missing", field="number")
    refused(single_policy, "991111111111111A", code="policy-digits-only", field="number")
    refused(single_policy, "٩٩11111111111112", code="policy-digits-only", field="number")
    refused(single_policy, "991111111111111", code="policy-length", field="number")
    refused(single_policy, "9911111111111113", code="policy-check-failed", field="number")
    refused(single_policy, "0" * 16, code="policy-check-failed", field="number")


def test_an_old_policy_has_a_series_and_a_number() -> None:
    found = old_policy(" 61 аб ", "123456")
    assert found == Policy(kind=PolicyKind.OLD, number="123456", series="61АБ")
    refused(old_policy, " ", "123456", code="policy-series-missing", field="series")
    refused(old_policy, "№;1", "123456", code="policy-series-malformed", field="series")
    refused(old_policy, "А" * 13, "123456", code="policy-series-malformed", field="series")
    refused(old_policy, "АБ", "123", code="policy-old-number-malformed", field="number")
    refused(old_policy, "АБ", "0000000", code="policy-old-number-malformed", field="number")
    refused(old_policy, "АБ", "12-34-56x", code="policy-digits-only", field="number")


def test_a_temporary_certificate_has_nine_digits_and_ends_after_forty_five_working_days() -> None:
    found = temporary_policy("123 456 789", ISSUED, today=TODAY)
    # November has a holiday on the 4th, January eight.
    assert (found.number, found.issued_on, found.valid_until) == ("123456789", "2026-11-02", "2027-01-13")
    refused(temporary_policy, "12345678", ISSUED, code="policy-temporary-malformed", field="number")
    refused(temporary_policy, "000000000", ISSUED, code="policy-temporary-malformed", field="number")
    refused(temporary_policy, "123456789", None, code="policy-issued-missing", field="issued_on")
    tomorrow = date(2026, 11, 26)
    refused(temporary_policy, "123456789", tomorrow, code="policy-issued-in-future", field="issued_on")
    long_ago = date(2026, 8, 3)
    refused(temporary_policy, "123456789", long_ago, code="policy-temporary-ended", field="issued_on")


def test_a_certificate_is_good_on_its_last_day() -> None:
    last = date(2027, 1, 13)
    assert temporary_policy("123456789", ISSUED, today=last).valid_until == last.isoformat()
    with pytest.raises(PolicyFieldError):
        temporary_policy("123456789", ISSUED, today=date(2027, 1, 14))


def test_weekends_and_holidays_are_no_working_days() -> None:
    assert not is_working_day(date(2026, 11, 28)) and not is_working_day(date(2026, 11, 4))
    assert is_working_day(date(2026, 11, 27))
    assert working_days_after(date(2026, 11, 27), 1) == date(2026, 11, 30)
    assert working_days_after(date(2026, 12, 31), 1) == date(2027, 1, 11)


@pytest.mark.parametrize("written", ["АБ 123456", "аб:123456", "АБ № 123456", "АБ-123456"])
def test_an_old_policy_is_one_however_it_is_written(written: str) -> None:
    assert old_policy_text(written) == old_policy("АБ", "123456").mark_text == "АБ123456"


@pytest.mark.parametrize("written", ["", "АБ", "нет", "АБ 0000", "1234", "1" * 31])
def test_what_is_no_old_policy_recognises_nobody(written: str) -> None:
    assert old_policy_text(written) == ""


def test_what_is_no_certificate_recognises_nobody() -> None:
    assert temporary_policy_text("123-456-789") == "123456789"
    assert temporary_policy_text("12345678x") == temporary_policy_text("000000000") == ""
