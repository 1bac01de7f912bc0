"""The list of results: how long a page of it takes at the server, for a patient with many reports among many others'.

The patient's rows are sealed and marked as the view does it, each under a key of its own, and lie scattered among the
others', as they would after years. Others' rows have the size of real ones, and nothing in them.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Any, TypeVar
from uuid import UUID, uuid5

import orjson
import psycopg
from rich.console import Console

from api.bench_ledger import fresh_ledger, kept_ledger
from api.bench_machine import facts
from api.pages import render
from api.portal.reports import Known, grouped
from domain.report_content import (
    Observation,
    ObservationStatus,
    ReportContent,
    ReportStatus,
    Specimen,
    Subject,
    Value,
    ValueKind,
)
from domain.study_type import StudyType
from domain.talk_first import NOTHING_KEPT
from domain.values import Coding, Concept, PatientId, Purpose, Quantity
from ledger import sealing
from ledger.store import Ledger
from projections.cabinet import opened
from projections.cabinet_list import Limits, Page, SoughtWord, Wanted, page_of
from projections.cabinet_marks import marks, month_of, search_key, terms_of
from projections.cabinet_versions import about
from projections.summary import summarise

T = TypeVar("T")
P99_MAX_MS = 30.0
PATIENT = PatientId(UUID(int=0xA11A))
LABORATORY = UUID(int=0x1AB)
_NEW_SHARE = 0.01
# Templates are compiled and plans made once in the life of a server.
_WARMING = 10
_ANALYTES = (
    "Гемоглобин", "Эритроциты", "Лейкоциты", "Тромбоциты", "Гематокрит", "Глюкоза", "Креатинин", "Мочевина",
    "Билирубин общий", "Холестерин", "Аланинаминотрансфераза", "Аспартатаминотрансфераза", "Ферритин",
    "Тиреотропный гормон", "Тироксин свободный", "Витамин D", "Кальций ионизированный", "Железо сывороточное",
)  # fmt: skip
_TITLES = ("Общий анализ крови", "Биохимический анализ крови", "Гормоны", "Общий анализ мочи")
_INDEXES = ("reports_patient_idx", "reports_new_idx", "reports_known_idx")
_SQL_OTHERS = (
    "INSERT INTO cabinet.reports SELECT gen_random_uuid(), md5((n %% %(patients)s::int)::text)::uuid, %(laboratory)s, 1,"
    " 'final', t, n, %(key)s, %(summary)s, 1, date_trunc('month', t)::date, %(marks)s::integer[]"
    " FROM (SELECT n, now() - random() * interval '10 years' AS t FROM generate_series(%(first)s::int, %(last)s::int) n) made"
)


@dataclass(frozen=True, slots=True)
class Effort:
    """Rows of the whole database, the patient's among them, and how often each thing is asked."""

    rows: int = 10_000_000
    own: int = 10_000
    rounds: int = 500


QUICK = Effort(rows=200_000, own=2_000, rounds=100)


class OtherRowsError(Exception):
    """The folder keeps another table than the one that is asked for, or one that was not filled to its end: remove it."""


def run(*, quick: bool, out: Console, rows: int | None = None, keep: Path | None = None) -> dict[str, Any]:
    """Measure, print, and return the figures. What was filled is kept in the folder `keep`, where the next run finds it."""
    effort = QUICK if quick else Effort()
    if rows is not None:
        effort = Effort(rows=rows, own=min(effort.own, rows // 10), rounds=effort.rounds)
    with kept_ledger(keep) if keep else fresh_ledger() as (ledger, conninfo):
        begun = time.perf_counter()
        fill_once(ledger, conninfo, effort)
        out.print(
            f"{effort.rows} rows, {effort.own} of the patient's, in {time.perf_counter() - begun:.0f} s"
        )
        found = {"machine": facts(conninfo), "cabinet": measure(ledger, effort)}
    for name, figures in found["cabinet"].items():
        parts = ", ".join(f"{part} {ms:.1f}" for part, ms in figures["parts_ms"].items())
        out.print(
            f"{name:>12}: p50 {figures['p50_ms']:.1f} ms, p99 {figures['p99_ms']:.1f} ms"
            f" ({figures['rows']} rows; {parts})",
            highlight=False,
        )
    met = found["cabinet"]["list"]["p99_ms"] < P99_MAX_MS
    out.print(f"target (list: p99 < {P99_MAX_MS:.0f} ms): {'met' if met else 'MISSED'}")
    return found


# Filling.


def fill_once(ledger: Ledger, conninfo: str, effort: Effort) -> None:
    """Fill, unless these rows are there. The indexes are made when all rows are in, so with them a fill was whole."""
    with psycopg.connect(conninfo) as owner:
        counted = owner.execute(
            "SELECT count(*), count(*) FILTER (WHERE patient_id = %s) FROM cabinet.reports", (PATIENT,)
        ).fetchone()
        is_indexed = len(_indexes(owner)) == len(_INDEXES)
    if counted == (0, 0):
        fill(ledger, conninfo, effort)
    elif counted != (effort.rows, effort.own) or not is_indexed:
        raise OtherRowsError


def fill(ledger: Ledger, conninfo: str, effort: Effort) -> None:
    chance = Random(5)
    with psycopg.connect(conninfo, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO cabinet.laboratories VALUES (%s, 'bench', 'Лаборатория', '7707083893', now())",
            (LABORATORY,),
        )
        owner.execute("INSERT INTO cabinet.linkages VALUES (%s, %s, true, now())", (PATIENT, LABORATORY))
        with _without_indexes(owner):
            step = max(1, effort.own // 100)
            chunks = [range(first, min(first + step, effort.own)) for first in range(0, effort.own, step)]
            others = effort.rows - effort.own
            for place, chunk in enumerate(chunks):
                first, last = (others * edge // len(chunks) for edge in (place, place + 1))
                _others(owner, first, last, chance)
                _own(owner, ledger, chunk, chance)
        owner.execute("VACUUM ANALYZE cabinet.reports")


@contextmanager
def _without_indexes(owner: psycopg.Connection) -> Iterator[None]:
    """They are made once over everything: sooner than row by row, and as tight as after a REINDEX."""
    made = _indexes(owner)
    for name, _ in made:
        owner.execute(f"DROP INDEX cabinet.{name}".encode())
    yield
    for _, definition in made:
        owner.execute(definition.encode())


def _indexes(owner: psycopg.Connection) -> list[tuple[str, str]]:
    return owner.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'cabinet' AND indexname = ANY(%s)",
        (list(_INDEXES),),
    ).fetchall()


def _others(owner: psycopg.Connection, first: int, last: int, chance: Random) -> None:
    owner.execute(
        _SQL_OTHERS,
        {
            "patients": 10_000,
            "laboratory": LABORATORY,
            "key": UUID(int=1),
            "summary": secrets.token_bytes(420),
            "marks": [chance.randrange(-(2**31), 2**31) for _ in range(150)],
            "first": first + 1,
            "last": last,
        },
    )


def _own(owner: psycopg.Connection, ledger: Ledger, numbers: range, chance: Random) -> None:
    key = search_key(ledger.custody, PATIENT)
    with owner.cursor() as cursor:
        for number in numbers:
            report_id = uuid5(PATIENT, str(number))
            received_at = datetime.now(UTC) - timedelta(days=chance.randrange(3650))
            content = _content(chance, received_at)
            data_key = ledger.keys.key_of(report_id, Purpose.RESULTS)
            plaintext = orjson.dumps(summarise(content))
            cursor.execute(
                "INSERT INTO cabinet.reports VALUES (%s, %s, %s, 1, %s, %s, %s, %s, %s, %s, %s, %s)",
                (
                    report_id,
                    PATIENT,
                    LABORATORY,
                    chance.choice(("final", "final", "preliminary", "corrected")),
                    received_at,
                    number,
                    data_key.key_id,
                    sealing.seal_row(data_key.secret, about=about(report_id), plaintext=plaintext),
                    int(chance.random() > _NEW_SHARE),
                    month_of(content, received_at),
                    marks(key, terms_of(content, LABORATORY, received_at)),
                ),
            )


def _content(chance: Random, at: datetime) -> ReportContent:
    return ReportContent(
        status=ReportStatus.FINAL,
        subject=Subject(),
        code=Concept(text=chance.choice(_TITLES)),
        issued_at=at.isoformat(),
        performer="Лаборатория",
        specimens=(Specimen(collected_at=(at - timedelta(days=1)).isoformat()),),
        observations=tuple(_observation(name, chance) for name in chance.sample(_ANALYTES, 12)),
        conclusion="Показатели в пределах нормы" if chance.random() < 0.9 else "Признаки воспаления",
    )


def _observation(name: str, chance: Random) -> Observation:
    quantity = Quantity(value=str(chance.randrange(1, 200)), unit="ммоль/л")
    return Observation(
        code=Concept(text=name, codings=(Coding(display=name),)),
        status=ObservationStatus.FINAL,
        value=Value(kind=ValueKind.QUANTITY, quantity=quantity),
    )


# Measuring.

_LIMITS = Limits(wish=NOTHING_KEPT, departments={})
_ASKED: dict[str, Wanted] = {
    "list": Wanted(),
    "by status": Wanted(statuses=("corrected",)),
    "by type": Wanted(study_type=StudyType.BLOOD_COUNT),
    "by date": Wanted(first_day=date(2021, 3, 5), last_day=date(2022, 8, 17)),
    "search": Wanted(readings=((SoughtWord(word="воспаления"), SoughtWord(word="ферр", is_last=True)),)),
    "search none": Wanted(readings=((SoughtWord(word="мутация", is_last=True),),)),
}


def measure(ledger: Ledger, effort: Effort) -> dict[str, Any]:
    """Of each question: the whole with the page made, and its parts. The keys are forgotten before each, as for a
    patient who comes back after a minute."""
    return {name: _measured(ledger, wanted, effort.rounds) for name, wanted in _ASKED.items()}


def _measured(ledger: Ledger, wanted: Wanted, rounds: int) -> dict[str, Any]:
    times, parts = [], {"keys": [], "unseal": [], "template": []}  # type: ignore[var-annotated]
    page = page_of(ledger, PATIENT, wanted, _LIMITS)
    rows = _rows(ledger, page)
    for place in range(_WARMING + rounds):
        ledger.keys.forget()
        begun = time.perf_counter()
        page = page_of(ledger, PATIENT, wanted, _LIMITS)
        html, rendering = _timed(lambda: _rendered(page))  # noqa: B023 - called at once
        whole_ms = 1000 * (time.perf_counter() - begun)
        assert html
        ledger.keys.forget()
        secrets_of, keys = _timed(lambda: ledger.keys.find_all([row[6] for row in rows]))
        _, unsealing = _timed(lambda: [opened(row, secrets_of[row[6]]) for row in rows])  # noqa: B023 - as above
        for name, ms in (("keys", keys), ("unseal", unsealing), ("template", rendering)):
            parts[name].append(ms)
        if place >= _WARMING:
            times.append(whole_ms)
    shares = {name: median(found) for name, found in parts.items()}
    whole = median(times)
    return {
        "rows": len(page.rows),
        "p50_ms": whole,
        "p99_ms": quantiles(times, n=100)[98],
        "max_ms": max(times),
        "parts_ms": {"database": whole - sum(shares.values())} | shares,
    }


def _rows(ledger: Ledger, page: Page) -> list[tuple[Any, ...]]:
    """The page's rows as they lie in the view."""
    with ledger.pool.connection() as connection:
        return connection.execute(
            "SELECT report_id, laboratory_id, version, status, received_at, version_read, key_id, summary"
            " FROM cabinet.reports WHERE report_id = ANY(%s)",
            ([row.report.report_id for row in page.rows],),
        ).fetchall()


def _rendered(page: Page) -> str:
    known = Known([(LABORATORY, "Лаборатория")], {}, NOTHING_KEPT)
    shown = grouped(known, page.rows)
    frame: dict[str, Any] = {"path": "/reports", "nav": [], "csrf": "x", "signed_in": True, "notice": None}
    around: dict[str, Any] = {
        "errors": {}, "values": {"q": ""}, "chips": [], "is_narrowed": False, "search": "", "acts": [],
        "new_count": page.new_count, "is_later_page": False, "following": None, "following_href": None,
        "first_href": "/reports", "study_types": [], "statuses": [], "laboratories": [], "expected_count": 0,
        "may_choose_talk": True, "next_step_href": "/services",
    }  # fmt: skip
    return render("reports.html", locale="ru", **frame | around | shown)


def _timed(act: Callable[[], T]) -> tuple[T, float]:
    begun = time.perf_counter()
    found = act()
    return found, 1000 * (time.perf_counter() - begun)
