"""Names of organisations are the same whatever the case, quotes, Ё, abbreviations and order; slips are counted."""

from hypothesis import given
from hypothesis import strategies as st

from domain.organisation_names import is_same_name, readings, slips, spellings, words

WORDS = st.text("абвгдеж", min_size=1, max_size=8)


def test_abbreviations_quotes_case_and_order_do_not_matter() -> None:
    full = "Государственное бюджетное учреждение здравоохранения «Городская поликлиника № 5» г. Орёл"
    for other in ("ГБУЗ «ГП № 5» г. Орел", "гп №5 орел, гбуз", 'ГБУЗ "ГОРОДСКАЯ ПОЛИКЛИНИКА N5" г. ОРЁЛ'):
        assert is_same_name(full, other), other
    for other in ("ГБУЗ «ГП № 15» г. Орёл", "ГБУЗ «ДГП № 5» г. Орёл", "ГП № 5", ""):
        assert not is_same_name(full, other), other


def test_what_was_typed_on_another_keyboard_is_understood() -> None:
    assert "поликлиника 5" in readings("gjkbrkbybrf 5")
    assert "invitro" in readings("штмшекщ")
    assert "инвитро" in readings("Invitro")
    assert readings("7707083893") == ("7707083893",)


def test_a_number_has_no_other_spelling() -> None:
    assert list(spellings("15")) == ["15"]
    assert not set(spellings("1501")) & set(spellings("150"))


@given(WORDS, WORDS)
def test_slips_are_the_same_both_ways_and_none_only_between_equals(one: str, other: str) -> None:
    assert slips(one, other) == slips(other, one)
    assert (slips(one, other) == 0) == (one == other)
    assert abs(len(one) - len(other)) <= slips(one, other) <= max(len(one), len(other))


@given(st.text("абвгде", min_size=4, max_size=10), st.data())
def test_a_word_with_one_slip_shares_a_spelling(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 2))
    letter = data.draw(st.sampled_from("абвгде"))
    for typed in (
        word[:at] + word[at + 1 :],
        word[:at] + letter + word[at:],
        word[:at] + letter + word[at + 1 :],
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
    ):
        assert slips(word, typed) <= 1
        if len(typed) >= 4:
            assert set(spellings(word)) & set(spellings(typed))


@given(st.text(max_size=60))
def test_any_text_can_be_compared_with_itself(text: str) -> None:
    assert is_same_name(text, text) == bool(words(text))
