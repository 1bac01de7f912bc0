"""What a report about our letter is believed to say."""

import time

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


_REPORT = b"Content-Type: multipart/report; boundary=b0\r\n\r\n--b0\r\n"
_NESTED = b"".join(
    b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (at, at + 1) for at in range(400)
)
_HOSTILE = {
    "nested": _REPORT + _NESTED + b"\r\n" * 450_000,
    "quoted": b'Content-Type: multipart/report; x="' + b'\\"\r\n ;"' * 130_000,
    "quoted-by-cr": b'Content-Type: multipart/report; x="' + b'\\"\r ;"' * 160_000,
    "parameters": b"Content-Type: multipart/report" + b"\r\n ;a=b" * 140_000,
    "blocks": _REPORT + b"Content-Type: message/delivery-status\r\n\r\n" + b"\r\n" * 490_000,
}


@pytest.mark.parametrize("form", _HOSTILE)
def test_what_is_made_to_take_long_takes_no_longer(form: str) -> None:
    """Whoever was sent a letter knows a return address, and may bring to it what they like."""
    began = time.process_time()
    assert read(_HOSTILE[form]) is None
    assert time.process_time() - began < 3


def test_a_report_with_the_whole_letter_behind_it_is_read_as_without() -> None:
    assert read(POSTFIX + b"A" * 2_000_000) == read(POSTFIX) is not None
