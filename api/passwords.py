"""Passwords: which are refused, how strong one is, and suggestions (NIST SP 800-63B-4, ASVS 5.0 6.2).

Length counts, and that the password is not known, not made of the person's own data and not a pattern that
programs try first. Which kinds of characters it has is not a rule: the source document's mixed case, digits
and signs (S46) are what a suggestion has, and what a hint says.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

from zxcvbn import zxcvbn  # type: ignore[import-untyped]
from zxcvbn.frequency_lists import FREQUENCY_LISTS  # type: ignore[import-untyped]

from api.problems import ProblemError

# A code by SMS beside it is the weakest of second factors, so the password must stand by itself.
MIN, MAX = 15, 200
Kind = Literal["words", "characters"]

# Judging more of it would cost time, and could only find it stronger.
_JUDGED = 72
# Fewer guesses than 10^8: online, behind the limits, that is out of reach; from a stolen hash it is not.
_GOOD_SCORE: Final = 3
# What must be left of a password without the person's own words.
_REST_MIN: Final = 8
_PRODUCT: Final = (
    *("летопись", "letopis", "кабинет", "cabinet", "анализ", "анализы", "лаборатория", "результат"),
    *("результаты", "здоровье", "полис", "омс", "пароль", "медицина", "поликлиника", "больница", "доктор"),
)
# What is typed on a Russian keyboard by who thinks of it as a Latin one, and the other way round.
_CYRILLIC, _LATIN = "йцукенгшщзхъфывапролджэячсмитьбюё", "qwertyuiop[]asdfghjkl;'zxcvbnm,.`"
_TO_LATIN: Final = str.maketrans(_CYRILLIC, _LATIN)
_TO_CYRILLIC: Final = str.maketrans(_LATIN, _CYRILLIC)
# Signs that stand for a letter. zxcvbn tries every way to read them together: of a password made of them all that
# took half a minute, so beyond a few each is read in one way.
_SIGNS_FOR_LETTERS: Final = frozenset("@({[<!|$+%")
_READ_IN_ONE_WAY: Final = str.maketrans("@{[<!|$+", "4(((1157")
_SIGNS_TRIED = 2
_TURNED: Final = str.maketrans("@4310$5!7", "aaeiossit")
_WORDS: Final = Path(__file__).parent / "portal" / "password_words.txt"
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz"
_SIGNS: Final = "-+=!?*%#"


@dataclass(frozen=True, slots=True)
class Strength:
    """From 0 (tried first) to 4 (out of reach); `refusal` is the code of the problem, if it would be refused."""

    score: int
    refusal: str | None


def require_good(password: str, *, about: Sequence[str] = ()) -> None:
    """Refuse what is too short, known, personal or easy to guess. `about` are the person's own words: phone,
    names, e-mail."""
    refusal = strength(password, about=about).refusal
    if refusal is not None:
        raise ProblemError(refusal, "password")


def strength(password: str, *, about: Sequence[str] = ()) -> Strength:
    if len(password) > MAX:
        return Strength(0, "password-too-long")
    own = sorted({*_PRODUCT, *_parts(about)}, key=len, reverse=True)
    score = _score(password, own)
    if len(password) < MIN:
        return Strength(min(1, score), "password-too-short")
    if _is_listed(password):
        return Strength(0, "password-common")
    if _is_made_of(password, own):
        return Strength(min(1, score), "password-personal")
    return Strength(score, None if score >= _GOOD_SCORE else "password-guessable")


def _is_made_of(password: str, own: Sequence[str]) -> bool:
    """Without the person's own words there is little left of it."""
    left = password.lower()
    for word in own:
        left = left.replace(word, "")
    return len(left) < len(password) and len(left) < _REST_MIN


def _score(password: str, own: Sequence[str]) -> int:
    """The worst of what it is in each layout of the keyboard."""
    text = password[:_JUDGED].lower()
    forms = {password[:_JUDGED], text.translate(_TO_LATIN), text.translate(_TO_CYRILLIC)}
    forms = {_readable(form) for form in forms}
    # An empty text and some lower-cased letters that grow longer are beyond zxcvbn.
    return min((int(zxcvbn(form, user_inputs=list(own))["score"]) for form in forms if form), default=0)


def _readable(text: str) -> str:
    is_many = len(_SIGNS_FOR_LETTERS & set(text)) > _SIGNS_TRIED
    return text.translate(_READ_IN_ONE_WAY) if is_many else text


def _is_listed(password: str) -> bool:
    """A listed password, also with digits and signs put around it, letters turned into signs, or repeated."""
    text = password.lower()
    for form in (text, text.translate(_TO_LATIN)):
        for bare in {form, form.translate(_TURNED), re.sub(r"^[\W\d_]+|[\W\d_]+$", "", form)}:
            once = re.fullmatch(r"(.{4,}?)\1*", bare)
            if bare in _known() or (once and once[1] in _known()):
                return True
    return False


@cache
def _known() -> frozenset[str]:
    return frozenset(FREQUENCY_LISTS["passwords"])


def _parts(about: Sequence[str]) -> set[str]:
    """What of the person's data may lie in a password: whole words, and the digits of numbers."""
    parts: set[str] = set()
    for text in about:
        parts |= {part.lower() for part in re.split(r"[\W_]+", text) if len(part) >= 3}
        digits = re.sub(r"\D", "", text)
        parts |= {digits[-length:] for length in (11, 10, 7) if len(digits) >= length}
    return parts


# Suggestions


def suggestion(kind: Kind = "words") -> str:
    """A new password that no one has: five words with a number (47 bits), or twenty characters (over 90)."""
    if kind == "words":
        words = [secrets.choice(_words()) for _ in range(5)]
        return "-".join((words[0].capitalize(), *words[1:], str(10 + secrets.randbelow(90))))
    while True:
        found = "".join(secrets.choice(_LETTERS + _LETTERS.upper() + "23456789" + _SIGNS) for _ in range(20))
        kinds = (str.islower, str.isupper, str.isdigit, _SIGNS.__contains__)
        if all(any(is_kind(one) for one in found) for is_kind in kinds):
            return found


@cache
def _words() -> tuple[str, ...]:
    return tuple(_WORDS.read_text(encoding="utf-8").split())
