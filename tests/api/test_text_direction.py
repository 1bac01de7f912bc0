"""Nobody makes others read their words, or ours, in another direction than they are written."""

from uuid import uuid4

import pytest

from api.text_direction import straight
from domain.ticket_events import TicketTextWritten
from tests.api.cast import ANNA, Portal
from tests.api.test_tickets import ASKED

TURNING = [chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))]


@pytest.mark.parametrize("sign", TURNING, ids=lambda sign: f"U+{ord(sign):04X}")
def test_a_sign_that_turns_what_follows_is_taken_out_of_a_form(sign: str) -> None:
    written = {"text": f"Отказ{sign}ано", "password": f"за{sign}мок"}
    assert straight(written) == {"text": "Отказано", "password": f"за{sign}мок"}


def test_what_people_write_in_any_script_stays() -> None:
    # Hebrew with its mark of direction, a joined emoji, an accent of its own.
    written = {"text": "שלום\u200f! 👩\u200d⚕️ е\u0301 \u00ab12\u00a0%\u00bb"}
    assert straight(written) == written


def test_support_reads_a_request_as_it_is_written(portal: Portal) -> None:
    anna = portal.person(ANNA).register()
    said = {"text": "Счёт \u202e001 не\u2066 пришёл", "message_id": str(uuid4())}
    assert anna.post("/help/new", **ASKED | said).status_code == 303
    (written,) = portal.events(TicketTextWritten)
    assert written.event.text == "Счёт 001 не пришёл"
