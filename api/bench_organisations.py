"""How well and how fast organisations are found in a registry of realistic size.

Queries are what people type: a name with a slip or two, other order, case and keyboard, an abbreviation opened or
closed, with the place. The right one is found if it, or one that has the very same names and place, is among the
first five.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from random import Random
from statistics import median, quantiles
from typing import Any

import psycopg
from rich.console import Console

from api.bench_ledger import fresh_ledger
from api.bench_machine import facts
from api.organisation_registry import organisation_of
from api.synthetic_registry import organisations
from domain.organisation_registry import OrganisationRegistryImported, RegisteredOrganisation
from ledger.codec import Circumstances
from ledger.organisation_registry import import_organisations, words_of
from ledger.organisation_search import search
from ledger.store import Ledger

TOP = 5
RECALL_MIN = 0.95
P99_MAX_MS = 50.0
LETTERS = "абвгдежзийклмнопрстуфхцчшщыьэюя"
_KEYBOARD = str.maketrans("йцукенгшщзхъфывапролджэячсмитьбюё", "qwertyuiop[]asdfghjkl;'zxcvbnm,.`")
_LEGAL_FORMS = (
    "Государственное бюджетное учреждение здравоохранения",
    "Государственное автономное учреждение здравоохранения",
    "Муниципальное бюджетное учреждение здравоохранения",
    "Федеральное государственное бюджетное учреждение",
    "Общество с ограниченной ответственностью",
    "Акционерное общество",
)
_LONG_WORD = 5


@dataclass(frozen=True, slots=True)
class Query:
    """What was typed, and who was meant."""

    typed: str
    meant: RegisteredOrganisation


def queries(entries: list[RegisteredOrganisation], *, seed: int = 7) -> Iterator[Query]:
    """One misspelling of each."""
    chance = Random(seed)
    for entry in entries:
        name = chance.choice((entry.full_name, entry.short_name or entry.full_name))
        for form in _LEGAL_FORMS:
            name = name.replace(form, "") if chance.random() < 0.8 else name
        place = entry.locality or ""
        words = [word for word in name.replace("«", " ").replace("»", " ").split() if word not in ("г.", "№")]
        if place not in name:
            words += place.split()
        words = _misspelt(words, chance)
        if chance.random() < 0.5:
            chance.shuffle(words)
        typed = " ".join(words)
        typed = chance.choice((typed, typed.lower(), typed.upper(), typed.replace("ё", "е")))
        if chance.random() < 0.1:
            typed = typed.lower().translate(_KEYBOARD)
        yield Query(typed, entry)


def _misspelt(words: list[str], chance: Random) -> list[str]:
    long = [place for place, word in enumerate(words) if len(word) >= _LONG_WORD and word.isalpha()]
    for place in chance.sample(long, min(len(long), chance.randint(1, 2))):
        words[place] = _slip(words[place], chance)
    return words


def _slip(word: str, chance: Random) -> str:
    at = chance.randrange(1, len(word) - 1)
    kind = chance.choice(("left out", "doubled", "swapped", "other", "put in"))
    match kind:
        case "left out":
            return word[:at] + word[at + 1 :]
        case "doubled":
            return word[:at] + word[at] + word[at:]
        case "swapped":
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        case "other":
            return word[:at] + chance.choice(LETTERS) + word[at + 1 :]
        case _:
            return word[:at] + chance.choice(LETTERS) + word[at:]


def measure(ledger: Ledger, asked: list[Query]) -> dict[str, Any]:
    """Recall among the first five, and the time of each search; `missed` are the queries that were not found."""
    times, missed = [], []
    for query in asked:
        begun = time.perf_counter()
        found = search(ledger, query.typed, limit=TOP)
        times.append(1000 * (time.perf_counter() - begun))
        meant = frozenset(words_of(query.meant))
        if not any(entry.oid == query.meant.oid or frozenset(words_of(entry)) == meant for entry in found):
            missed.append(query)
    cuts = quantiles(times, n=100)
    return {
        "queries": len(asked),
        "recall": 1 - len(missed) / len(asked),
        "p50_ms": median(times),
        "p99_ms": cuts[98],
        "max_ms": max(times),
        "missed": [(query.typed, query.meant.name) for query in missed],
    }


def fill(ledger: Ledger, conninfo: str, count: int) -> list[RegisteredOrganisation]:
    """Import a made-up registry; its organisations."""
    entries = [organisation_of(line) for line in organisations(count)]
    with psycopg.connect(conninfo, autocommit=True) as owner:
        import_organisations(
            owner,
            ledger,
            entries,
            imported=lambda rows: OrganisationRegistryImported(
                sha256="0" * 64, rows=rows, refused=0, as_of=date(2026, 11, 1)
            ),
            by=Circumstances(actor="operator:bench"),
        )
    return entries


def run(*, quick: bool, out: Console) -> dict[str, Any]:
    """Measure, print, and return the figures."""
    count, asked = (5_000, 200) if quick else (100_000, 1000)
    with fresh_ledger() as (ledger, conninfo):
        begun = time.perf_counter()
        entries = fill(ledger, conninfo, count)
        seconds = time.perf_counter() - begun
        chosen = Random(3).sample(entries, asked)
        measure(ledger, list(queries(chosen[:50])))
        found = measure(ledger, list(queries(chosen)))
        machine = facts(conninfo)
    out.print(
        f"{count} organisations imported in {seconds:.1f} s; {asked} searches with slips:"
        f" recall@{TOP} {found['recall']:.3f}, p50 {found['p50_ms']:.1f} ms, p99 {found['p99_ms']:.1f} ms"
    )
    met = found["recall"] >= RECALL_MIN and found["p99_ms"] < P99_MAX_MS
    out.print(f"target (recall >= {RECALL_MIN}, p99 < {P99_MAX_MS:.0f} ms): {'met' if met else 'MISSED'}")
    return {
        "machine": machine,
        "organisations": {"count": count, "import_seconds": seconds, "met": met} | found,
    }
