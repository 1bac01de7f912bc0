"""By what words a report is found: its own, brought to one form, whole and by their beginnings.

Russian words are told from each other by their stems, English ones too (Snowball); Ё is Е; what was typed on the
other keyboard is read as it was meant. Terms are words in clear: they are stored nowhere, only their marks are
(`cabinet_marks`).
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

import snowballstemmer  # type: ignore[import-untyped]

from domain.report_content import Component, Observation, ReportContent, Value
from domain.values import Concept

# A beginning of a word is looked for by the longest of these that it has.
BEGINNINGS = (2, 3, 4, 5, 6, 8)
WORDS_MAX = 8
# A word is as long as that at most: longer are codes and noise, and what is remembered of words must not fill the memory.
LETTERS_MAX = 64
_WORD = re.compile(r"[^\W_]+")
_CYRILLIC = re.compile(r"[а-я]")
_LATIN = re.compile(r"[a-z]")
_LETTER = re.compile(r"[a-zа-яё]")
# Words that stand in every report tell none apart.
_RUSSIAN_EMPTY = ("и", "в", "во", "на", "с", "со", "по", "из", "за", "для", "не", "от", "до", "или")
_ENGLISH_EMPTY = ("the", "of", "and", "in", "by", "for", "to", "or", "with")
_EMPTY = frozenset({*_RUSSIAN_EMPTY, *_ENGLISH_EMPTY})
_ON_LATIN_KEYS = "`qwertyuiop[]asdfghjkl;'zxcvbnm,."
_ON_RUSSIAN_KEYS = "ёйцукенгшщзхъфывапролджэячсмитьбю"
_AS_RUSSIAN = str.maketrans(_ON_LATIN_KEYS, _ON_RUSSIAN_KEYS)
_AS_LATIN = str.maketrans(_ON_RUSSIAN_KEYS, _ON_LATIN_KEYS)


def words_of(text: str) -> list[str]:
    """The words of a text, folded, in order; those that tell nothing, as single digits, are left out."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")
    found = (word[:LETTERS_MAX] for word in _WORD.findall(folded))
    return [word for word in found if word not in _EMPTY and (len(word) > 1 or word.isalpha())]


@lru_cache(maxsize=50_000)
def terms_of_word(word: str) -> frozenset[str]:
    """Under which terms a word of a report is kept: its stem, and its beginnings."""
    beginnings = (word[:length] for length in BEGINNINGS if len(word) >= length)
    return frozenset({stem_term(word), *(f"b:{one}" for one in beginnings)})


def stem_term(word: str) -> str:
    return f"w:{_stem(word)}"


def asked_terms(word: str, *, is_last: bool) -> frozenset[str]:
    """Any of these makes a report fit a word that is searched for; the last word may be only begun."""
    stem = frozenset({stem_term(word)})
    if not is_last:
        return stem
    fitting = [length for length in BEGINNINGS if length <= len(word)]
    return stem | {f"b:{word[: fitting[-1]]}"} if fitting else stem


def readings_of(search: str) -> list[list[str]]:
    """The words of a search as they were typed, and as they would be on the other keyboard."""
    typed = " ".join(search.casefold().split())
    meant = {typed: None}
    if _LATIN.search(typed) and not _CYRILLIC.search(typed):
        meant[typed.translate(_AS_RUSSIAN)] = None
    elif _CYRILLIC.search(typed) and not _LATIN.search(typed):
        meant[typed.translate(_AS_LATIN)] = None
    return [words[:WORDS_MAX] for text in meant if (words := words_of(text))]


def report_terms(content: ReportContent) -> frozenset[str]:
    """Every term under which the report is found by words."""
    words = {word for text in _texts(content) for word in words_of(text)}
    names = set(_said(measured.code for measured in _measured(content)))
    return frozenset[str]().union(*map(terms_of_word, words), *map(_terms_of_name, names))


@lru_cache(maxsize=10_000)
def _terms_of_name(name: str) -> frozenset[str]:
    """As of every word of it. Laboratories measure the same again and again under the same names; what they found and
    wrote is not kept in mind."""
    return frozenset[str]().union(*map(terms_of_word, words_of(name)))


def _texts(content: ReportContent) -> Iterator[str]:
    """All texts but the names of what was measured."""
    yield from _said((content.code, *content.category, *content.conclusion_codes))
    yield from (text for text in (content.performer, content.conclusion, *content.notes) if text)
    yield from _said(specimen.kind for specimen in content.specimens)
    yield from (attachment.title for attachment in content.attachments if attachment.title)
    for observation in content.observations:
        yield from observation.notes
    for measured in _measured(content):
        yield from _of_value(measured.value)


def _measured(content: ReportContent) -> Iterator[Observation | Component]:
    for observation in content.observations:
        yield observation
        yield from observation.components


def _of_value(value: Value | None) -> Iterator[str]:
    """Findings in words; numbers are not searched for."""
    if value is not None:
        yield from _said((value.concept,))
        if value.text and _LETTER.search(value.text.casefold()):
            yield value.text


def _said(concepts: Iterable[Concept | None]) -> Iterator[str]:
    for concept in concepts:
        if concept is not None:
            yield from (coding.display for coding in concept.codings if coding.display)
            yield from (coding.code for coding in concept.codings if coding.code)
            if concept.text:
                yield concept.text


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    # A stemmer keeps the word in itself while it works: one for each call is the price of threads.
    if _CYRILLIC.search(word):
        return str(snowballstemmer.stemmer("russian").stemWord(word))
    return str(snowballstemmer.stemmer("english").stemWord(word)) if word.isalpha() else word
