"""A ticket's number (S108): short enough to be said aloud; it says nothing of the patient, and nobody guesses it."""

from datetime import date

# Letters and digits that are not taken for one another, in print or on the telephone; a prime number of them, so that
# the check sign finds every sign that is wrong and any two that changed places.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
DRAWN_LENGTH = 5


def number_of(day: date, drawn: str) -> str:
    """261126-7KQ4M-X: the day, what was drawn, and a check sign. It says nothing of the patient."""
    body = f"{day:%y%m%d}{drawn}"
    return f"{body[:6]}-{drawn}-{_check_sign(body)}"


def normal_number(typed: str) -> str | None:
    """The number as it is written, if what was typed can be one."""
    signs = "".join(char for char in typed.upper() if char.isascii() and char.isalnum())
    day, drawn, check = signs[:6], signs[6:-1], signs[-1:]
    is_whole = day.isdecimal() and len(drawn) == DRAWN_LENGTH and set(drawn) <= set(ALPHABET)
    if not is_whole or check != _check_sign(day + drawn):
        return None
    return f"{day}-{drawn}-{check}"


def _check_sign(body: str) -> str:
    # The signs of the day are digits, and 0 and 1 are not of the alphabet: they stand for their values.
    values = (int(char) if place < 6 else ALPHABET.index(char) for place, char in enumerate(body))
    return ALPHABET[sum(weight * value for weight, value in enumerate(values, 2)) % len(ALPHABET)]
