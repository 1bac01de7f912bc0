"""Search in the registry of medical organisations: by words in any order, with slips, on any keyboard.

A query's words lead to words of the registry (by a shared spelling, or as a beginning), these to the organisations
that have them. A rare word says more than a frequent one (its weight is that of information retrieval, the logarithm
of how rare it is); the rare ones choose the candidates, all of them order these.
"""

from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import log1p
from typing import Any

import psycopg

from domain.organisation_names import readings, slips, spellings, words
from domain.organisation_registry import RegisteredOrganisation
from ledger.organisation_registry import organisation_of
from ledger.store import Ledger

LIMIT = 20
WORDS_MAX = 12
CANDIDATES_MAX = 400
# Whose list is not gone through while there is a rarer word.
FREQUENT = 4000
DIGITS_MIN = 5
# How much of a word's weight is left when it is another word by a slip, by two, or only begins as was typed.
_CLOSENESS = {0: 1.0, 1: 0.7, 2: 0.4}
_BEGINNING = 0.6
_BEGINNINGS_MAX = 40
_TWO_SLIPS_MIN = 8


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of the registry that a word of the query may be."""

    number: int
    frequency: int
    weight: float


# Of each word of the query, the words of the registry that it may be.
_Meant = list[list[_Word]]


def search(ledger: Ledger, typed: str, *, limit: int = LIMIT) -> list[RegisteredOrganisation]:
    """The organisations that are meant most likely, the likeliest first: by name and place, or by the beginning
    of an ИНН, an ОГРН or a whole OID."""
    with ledger.pool.connection() as connection, connection.transaction():
        # An import takes this table's place first: until the search has ended, all tables are of one registry.
        connection.execute("LOCK TABLE registry.organisations IN ACCESS SHARE MODE")
        if numbered := _by_number(connection, typed.strip(), limit):
            return numbered
        total = _total(connection)
        best: list[tuple[float, int]] = []
        for meant in _meanings(connection, readings(typed), total):
            ranked = _ranked(connection, meant, limit)
            if ranked and (not best or ranked[0][0] > best[0][0]):
                best = ranked
        return _lines(connection, [number for _, number in best])


Connection = psycopg.Connection[tuple[Any, ...]]


def _by_number(connection: Connection, typed: str, limit: int) -> list[RegisteredOrganisation]:
    digits = typed.replace(" ", "")
    if digits.isascii() and digits.isdigit() and len(digits) >= DIGITS_MIN:
        where, value = "inn LIKE %(v)s OR ogrn LIKE %(v)s", f"{digits}%"
    elif digits.isascii() and digits.replace(".", "").isdigit():
        where, value = "oid = %(v)s", digits
    else:
        return []
    rows = connection.execute(
        f"SELECT line FROM registry.organisations WHERE {where} ORDER BY oid LIMIT %(n)s".encode(),
        {"v": value, "n": limit},
    ).fetchall()
    return [organisation_of(line) for (line,) in rows]


def _total(connection: Connection) -> int:
    row = connection.execute("SELECT rows FROM registry.imports WHERE part = 'organisations'").fetchone()
    return int(row[0]) if row else 0


def _meanings(connection: Connection, texts: Sequence[str], total: int) -> list[_Meant]:
    """For each reading of what was typed, which words it may have; by two queries for all of them."""
    asked = [words(text)[:WORDS_MAX] for text in texts]
    plain = dict.fromkeys(word for own in asked for word in own)
    keys = {key for word in plain for key in spellings(word)}
    near: dict[str, dict[int, tuple[str, int]]] = defaultdict(dict)
    for spelling, number, word, frequency in connection.execute(
        "SELECT s.spelling, w.number, w.word, w.frequency FROM registry.spellings s"
        " JOIN registry.words w ON w.number = s.word WHERE s.spelling = ANY(%s)",
        (list(keys),),
        prepare=True,
    ):
        near[spelling][number] = (word, frequency)
    begun = _begun(connection, [own[-1] for own in asked if own])
    found = []
    for own in asked:
        meant = []
        for place, word in enumerate(own):
            known: dict[int, tuple[str, int]] = {}
            for key in spellings(word):
                known |= near.get(key, {})
            beginnings = begun.get(word, {}) if place == len(own) - 1 else {}
            meant.append(_weighed(word, known, beginnings, total))
        if any(meant):
            found.append(meant)
    return found


def _begun(connection: Connection, last: Sequence[str]) -> dict[str, dict[int, tuple[str, int]]]:
    """Words that begin as the last one does: it may not be typed to its end yet."""
    found: dict[str, dict[int, tuple[str, int]]] = defaultdict(dict)
    for typed in dict.fromkeys(last):
        if len(typed) > 2 and not typed.isdigit():
            for number, word, frequency in connection.execute(
                "SELECT number, word, frequency FROM registry.words WHERE word LIKE %s"
                " ORDER BY frequency DESC LIMIT %s",
                (f"{typed}%", _BEGINNINGS_MAX),
                prepare=True,
            ):
                found[typed][number] = (word, frequency)
    return found


def _weighed(
    word: str, near: dict[int, tuple[str, int]], begun: dict[int, tuple[str, int]], total: int
) -> list[_Word]:
    weights: dict[int, tuple[float, int]] = {}
    for number, (other, frequency) in near.items():
        distance = slips(word, other)
        # A word of a few letters with two slips in it is another word.
        if distance <= 1 or (distance == 2 and len(word) >= _TWO_SLIPS_MIN):
            weights[number] = (_CLOSENESS[distance] * _rarity(frequency, total), frequency)
    for number, (_, frequency) in begun.items():
        weight = _BEGINNING * _rarity(frequency, total)
        if weight > weights.get(number, (0.0, 0))[0]:
            weights[number] = (weight, frequency)
    return [_Word(number, frequency, weight) for number, (weight, frequency) in weights.items()]


def _rarity(frequency: int, total: int) -> float:
    return log1p(total / frequency)


def _ranked(connection: Connection, meant: _Meant, limit: int) -> list[tuple[float, int]]:
    """Scores and numbers of organisations. The score is the part of what was typed that the organisation has, and,
    for as much as a fifth, how little else it has."""
    candidates = _candidates(connection, [own for own in meant if own])
    wanted = sum(max((word.weight for word in own), default=log1p(FREQUENT)) for own in meant)
    rows = connection.execute(
        "SELECT number, words FROM registry.organisations WHERE number = ANY(%s)", (candidates,), prepare=True
    ).fetchall()
    places: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for place, own in enumerate(meant):
        for word in own:
            places[word.number].append((place, word.weight))
    scored = []
    for number, packed in rows:
        own_words = array("I", packed)
        had: dict[int, float] = {}
        fitting = 0
        for own_word in own_words:
            if own_word in places:
                fitting += 1
                for place, weight in places[own_word]:
                    had[place] = max(weight, had.get(place, 0.0))
        score = 0.8 * sum(had.values()) / wanted + 0.2 * fitting / max(1, len(own_words))
        scored.append((score, number))
    scored.sort(key=lambda pair: (-pair[0], pair[1]))
    return scored[:limit]


def _candidates(connection: Connection, meant: _Meant) -> list[int]:
    """Those that have most of the rare words. A frequent word only chooses among those that rare ones led to; with
    frequent ones alone, who has them all."""
    rare = [own for own in meant if min(word.frequency for word in own) <= FREQUENT] or meant
    rare.sort(key=lambda own: min(word.frequency for word in own))
    chosen = {
        word.number: word
        for own in rare
        for word in sorted(own, key=lambda word: -word.weight)[:_BEGINNINGS_MAX]
    }
    lists = {
        number: array("I", packed)
        for number, packed in connection.execute(
            "SELECT number, organisations FROM registry.words WHERE number = ANY(%s)",
            (list(chosen),),
            prepare=True,
        )
    }
    scores: dict[int, float] = defaultdict(float)
    for own in rare:
        best: dict[int, float] = {}
        for word in sorted(own, key=lambda word: word.weight):
            if word.number in lists:
                best.update(dict.fromkeys(lists[word.number], word.weight))
        for number, weight in best.items():
            scores[number] += weight
    ordered = sorted(scores, key=lambda number: (-scores[number], number))
    return ordered[:CANDIDATES_MAX]


def _lines(connection: Connection, numbers: Sequence[int]) -> list[RegisteredOrganisation]:
    rows = connection.execute(
        "SELECT number, line FROM registry.organisations WHERE number = ANY(%s)", (list(numbers),)
    ).fetchall()
    lines = {number: organisation_of(line) for number, line in rows}
    return [lines[number] for number in numbers if number in lines]
