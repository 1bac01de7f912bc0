"""Words are found however they are bent, begun, spelt with Ё or typed on the other keyboard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.search_terms import asked_terms, readings_of, report_terms, terms_of_word, words_of
from tests.examples import CONTENT

_AS_TYPED = str.maketrans("йцукенгшщзхъфывапролджэячсмитьбю", "qwertyuiop[]asdfghjkl;'zxcvbnm,.")


def finds(search: str, text: str) -> bool:
    """Whether a search finds a report that holds the text."""
    there = frozenset[str]().union(*map(terms_of_word, words_of(text)))
    return any(
        all(asked_terms(word, is_last=place == len(words)) & there for place, word in enumerate(words, 1))
        for words in readings_of(search)
    )


@pytest.mark.parametrize(
    ("search", "text"),
    [
        ("гемоглобина", "Гемоглобин"),
        ("гормоном щитовидной железы", "Гормоны щитовидной железы"),
        ("platelets count", "Platelet count"),
        ("гемогл", "Гемоглобин"),
        ("ге", "Гемоглобин"),
        ("тромбоциты гем", "Гемоглобин, тромбоциты"),
        ("ещё", "ЕЩЕ"),
        ("мочевина", "МОЧЕВИНА в сыворотке"),
        ("utvjukj,by", "Гемоглобин"),
        ("Utvjukj,byf", "Гемоглобин"),
        ("куыгде", "Result"),
        ("ТТГ", "ТТГ (тиреотропный гормон)"),
        ("витамин d", "25-OH витамин D"),
        ("14682-9", "14682-9"),
    ],
)
def test_a_search_finds(search: str, text: str) -> None:
    assert finds(search, text)


@pytest.mark.parametrize(
    ("search", "text"),
    [
        ("глюкоза", "Гемоглобин"),
        ("гем тромбоциты", "Гемоглобин, тромбоциты"),
        ("гемоглобин мочи", "Гемоглобин крови"),
        ("лобин", "Гемоглобин"),
        ("", "Гемоглобин"),
        ("и в на", "и в на"),
    ],
)
def test_a_search_does_not_find(search: str, text: str) -> None:
    assert not finds(search, text)


def test_every_word_of_a_report_is_kept() -> None:
    found = report_terms(CONTENT)
    for word in ("глюкоза", "лаборатория"):
        assert asked_terms(word, is_last=False) <= found


russian = st.text(alphabet="абвгдежзийклмнопрстуфхцчшщъыьэюя", min_size=2, max_size=14)


@given(russian, st.integers(min_value=2, max_value=14))
def test_the_last_word_may_be_only_begun_and_be_typed_on_the_other_keyboard(word: str, length: int) -> None:
    if words_of(word) and words_of(word[:length]):
        assert finds(word[:length], word)
        assert finds(word.translate(_AS_TYPED), word)


def test_a_word_without_end_is_found_and_fills_no_memory() -> None:
    word = "a" * 100_000
    assert finds(word, word) and finds("aaaa", word)
    assert max(map(len, terms_of_word(*words_of(word)))) < 100
