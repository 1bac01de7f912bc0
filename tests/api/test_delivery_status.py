"""What a report about our letter is believed to say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.delivery_status import Reported, read
from tests.api.dsn_samples import ARRIVED, FAILED, NOTHING_FINAL, POSTFIX


@pytest.mark.parametrize("form", FAILED)
def test_what_failed_has_its_status_in_whatever_form(form: str) -> None:
    content, status = FAILED[form]
    assert read(content) == Reported(delivered=False, status=status)
    assert read(content.replace(b"\r\n", b"\n")) == Reported(delivered=False, status=status)


@pytest.mark.parametrize("form", ARRIVED)
def test_what_reached_a_mailbox_is_delivered(form: str) -> None:
    assert read(ARRIVED[form]) == Reported(delivered=True)


@pytest.mark.parametrize("form", NOTHING_FINAL)
def test_what_reports_nothing_final_is_believed_nothing(form: str) -> None:
    assert read(NOTHING_FINAL[form]) is None


@given(st.binary(max_size=2000))
def test_anything_may_come(content: bytes) -> None:
    assert read(content) is None or b"elivery-status" in content


@given(st.integers(0, len(POSTFIX) - 1), st.binary(min_size=1, max_size=8))
def test_a_damaged_report_never_says_delivered(place: int, put_in: bytes) -> None:
    reported = read(POSTFIX[:place] + put_in + POSTFIX[place + len(put_in) :])
    assert reported is None or not reported.delivered
