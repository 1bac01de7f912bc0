"""Which passwords are refused and why, and that suggestions are never refused."""

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import passwords
from api.passwords import MAX, strength, suggestion
from api.problems import explain

ABOUT = ("+79123456789", "Воскобойникова", "Анна", "anna.sokolova@patients.example")


@pytest.mark.parametrize(
    ("password", "refusal"),
    [
        ("", "password-too-short"),
        ("п" * 14, "password-too-short"),
        ("п" * 201, "password-too-long"),
        ("п" * 200, "password-guessable"),
        ("passwordpassword", "password-common"),
        ("password12345678", "password-common"),
        ("!!!!P@ssw0rd!!!!", "password-common"),
        ("gfhjkmgfhjkmgfhjkm", "password-common"),
        ("qwertyuiopasdfgh", "password-guessable"),
        ("йцукенгшщзхъфыва", "password-guessable"),
        ("1234567890123456", "password-guessable"),
        ("абвгдежзийклмноп", "password-guessable"),
        ("абабабабабабабабаб", "password-guessable"),
        ("воскобойникова9123456789", "password-personal"),
        ("Анна.Воскобойникова.Анна", "password-personal"),
        ("воскобойниковалетопись", "password-personal"),
        ("кабинетполиспароль", "password-personal"),
    ],
)
def test_what_programs_try_first_is_refused(password: str, refusal: str) -> None:
    assert strength(password, about=ABOUT).refusal == refusal
    assert explain(refusal).status == 422


@pytest.mark.parametrize(
    "password",
    [
        "длинная фраза для входа",
        "сто пятнадцать «ёлок» 🌲",
        "correct horse battery",
        "только строчные буквы подряд",
    ],
)
def test_no_kind_of_character_is_asked_for(password: str) -> None:
    assert strength(password, about=ABOUT).refusal is None


def test_the_same_words_are_personal_of_one_person_only() -> None:
    assert (
        strength("воскобойникова9123456789", about=("+79990000000", "Орлов")).refusal != "password-personal"
    )


@pytest.mark.parametrize("kind", ["words", "characters"])
def test_a_suggestion_is_strong_and_has_what_the_source_document_wants(kind: passwords.Kind) -> None:
    many = {suggestion(kind) for _ in range(100)}
    assert len(many) == 100
    for found in many:
        assert strength(found, about=ABOUT) == passwords.Strength(4, None), found
        assert any(map(str.islower, found)) and any(map(str.isupper, found))
        assert any(map(str.isdigit, found)) and not found.isalnum()


@given(st.text(max_size=210))
def test_any_text_gets_a_judgement(text: str) -> None:
    found = strength(text, about=ABOUT)
    assert 0 <= found.score <= 4
    assert found.refusal is not None or found.score >= 3


def test_no_password_takes_long_to_judge() -> None:
    """Signs that stand for letters have many readings together: one such password took half a minute."""
    signs = "4@8({[</369&#!1/|0$5+7%2/4"
    for password in (signs * 3, "".join(sorted(signs * 3)), (signs * 8)[:MAX], "!@#$%^&*()_+{}|<>[]" * 4):
        began = process_time()
        strength(password, about=("+79000000001",))
        assert process_time() - began < 2
    assert strength("P@$$w0rd!{P@$$w0rd!{").refusal is not None
