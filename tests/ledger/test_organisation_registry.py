"""The registry of organisations is imported whole or not at all, and searched by what people type."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from random import Random
from threading import Event

import psycopg
import pytest

from api.bench_organisations import RECALL_MIN, fill, measure, queries
from api.organisation_registry import organisation_of
from api.synthetic_registry import organisations
from domain.organisation_registry import (
    CollectionPoint,
    CollectionPointsImported,
    OrganisationRegistryImported,
    RegisteredOrganisation,
)
from domain.study_type import StudyType
from ledger.organisation_registry import (
    collection_points,
    find_all,
    find_by_numbers,
    find_by_oid,
    import_organisations,
    import_points,
    imported_files,
    revision,
    study_types_at,
)
from ledger.organisation_search import search
from ledger.store import Ledger
from tests.scenario import TESTER

ENTRIES = [organisation_of(line) for line in organisations(60)]
Import = Callable[..., int]


def said(rows: int, sha256: str = "9f" * 32) -> OrganisationRegistryImported:
    return OrganisationRegistryImported(sha256=sha256, rows=rows, refused=0, as_of=date(2026, 11, 1))


@pytest.fixture
def put(ledger: Ledger, sql: psycopg.Connection) -> Import:
    def put(entries: Iterator[RegisteredOrganisation], sha256: str = "9f" * 32) -> int:
        return import_organisations(sql, ledger, entries, imported=lambda rows: said(rows, sha256), by=TESTER)

    return put


def test_what_is_imported_is_found_as_it_was(put: Import, ledger: Ledger) -> None:
    assert put(ENTRIES) == len(ENTRIES)
    assert find_all(ledger, [one.oid for one in ENTRIES]) == ENTRIES
    assert find_by_oid(ledger, "1.2.3") is None
    entry = ENTRIES[7]
    assert entry in find_by_numbers(ledger, inn=entry.inn, ogrn="0")
    assert entry in find_by_numbers(ledger, inn="0", ogrn=entry.ogrn)
    assert imported_files(ledger).organisations == said(len(ENTRIES))
    assert revision(ledger) == "9f" * 32


def test_the_next_import_takes_the_place_of_the_last(put: Import, ledger: Ledger) -> None:
    put(ENTRIES)
    put([replace(ENTRIES[0], full_name="Лаборатория Рассвет", short_name=None)], "aa" * 32)
    assert find_all(ledger, [one.oid for one in ENTRIES[1:]]) == []
    assert [one.full_name for one in search(ledger, "рассвет")] == ["Лаборатория Рассвет"]
    assert revision(ledger) == "aa" * 32
    put(ENTRIES, "bb" * 32)
    assert find_by_oid(ledger, ENTRIES[1].oid) == ENTRIES[1]


def test_an_import_that_breaks_leaves_everything_as_it_was(put: Import, ledger: Ledger) -> None:
    put(ENTRIES[:10])
    before = ledger.last_position()

    def breaking() -> Iterator[RegisteredOrganisation]:
        yield from ENTRIES[10:40]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        put(breaking(), "aa" * 32)
    assert find_all(ledger, [one.oid for one in ENTRIES]) == ENTRIES[:10]
    assert ledger.last_position() == before and revision(ledger) == "9f" * 32
    assert put(ENTRIES, "aa" * 32) == len(ENTRIES), "and nothing of it stands in the way"


def test_the_application_cannot_change_the_registry(put: Import, ledger: Ledger) -> None:
    put(ENTRIES[:2])
    put(ENTRIES[:3], "aa" * 32)
    for table in ("organisations", "words", "spellings", "collection_points", "imports"):
        for act in ("DELETE FROM registry.{}", "TRUNCATE registry.{}", "DROP TABLE registry.{}"):
            with (
                ledger.pool.connection() as connection,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                connection.execute(act.format(table).encode())


def test_a_search_in_an_empty_registry_finds_nothing(ledger: Ledger) -> None:
    for typed in ("поликлиника 5", "", "   ", "7707083893", "1.2.643", "«»№%_\\'", "а" * 200):
        assert search(ledger, typed) == []
    assert revision(ledger) is None


def test_numbers_are_found_by_their_beginning(put: Import, ledger: Ledger) -> None:
    put(ENTRIES)
    entry = ENTRIES[5]
    assert search(ledger, entry.inn) == [entry]
    assert search(ledger, entry.ogrn) == [entry]
    assert search(ledger, entry.oid) == [entry]
    assert entry in search(ledger, entry.inn[:8], limit=100)


def test_any_text_can_be_searched(put: Import, ledger: Ledger) -> None:
    put(ENTRIES)
    chance = Random(5)
    letters = "абвё №«»\"'%_\\;,.0123456789abcXYZ\u0000\ud800"[:-2]
    for _ in range(200):
        search(ledger, "".join(chance.choices(letters, k=chance.randint(0, 60))))


def test_the_right_one_is_among_the_first_five_for_what_people_type(ledger: Ledger, database: str) -> None:
    """300 misspellings: slips, other order, case and keyboard, legal forms left out."""
    entries = fill(ledger, database, 2000)
    found = measure(ledger, list(queries(Random(3).sample(entries, 300))))
    assert found["recall"] >= RECALL_MIN, found["missed"]


def test_a_search_during_an_import_sees_one_registry_whole(put: Import, ledger: Ledger) -> None:
    """The same organisations under other numbers: whoever mixed the tables would find another one."""
    names = ["альфа", "бета", "гамма", "дельта", "омега", "сигма", "лямбда", "каппа"]
    entries = [
        replace(one, full_name=f"Лаборатория {name}", short_name=None, certificate=None)
        for one, name in zip(ENTRIES, names, strict=False)
    ]
    put(entries)
    wrong: list[str] = []
    searched = 0
    stop = Event()

    def look() -> None:
        nonlocal searched
        while not stop.is_set():
            for name in names:
                if [one.full_name for one in search(ledger, name, limit=1)] != [f"Лаборатория {name}"]:
                    wrong.append(name)
                searched += 1

    with ThreadPoolExecutor(2) as pool:
        looking = [pool.submit(look) for _ in range(2)]
        for turn in range(20):
            chance = Random(turn)
            put(chance.sample(entries, len(entries)), f"{turn:064d}")
        stop.set()
        assert [one.result() for one in looking] == [None, None]
    assert not wrong and searched > 20


def test_points_are_found_the_nearest_first(ledger: Ledger, sql: psycopg.Connection) -> None:
    def point(name: str, latitude: float | None, *study_types: StudyType) -> CollectionPoint:
        longitude = None if latitude is None else 45.0
        return CollectionPoint(
            point_id=name,
            oid="1.2.643.5.1",
            name=name,
            address=name,
            latitude=latitude,
            longitude=longitude,
            study_types=study_types,
        )

    points = [
        point("a", None),
        point("b", 55.0, StudyType.HORMONES),
        point("c", 53.2),
        replace(point("d", 53.2), oid="1.2.643.5.2"),
    ]
    imported = CollectionPointsImported(sha256="7a" * 32, rows=4, refused=0, as_of=date(2026, 11, 1))
    assert import_points(sql, ledger, points, imported=lambda _: imported, by=TESTER) == 4
    assert [one.name for one in collection_points(ledger, "1.2.643.5.1")] == ["a", "b", "c"]
    near = collection_points(ledger, "1.2.643.5.1", near=(53.19, 45.01))
    assert [one.name for one in near] == ["c", "b", "a"]
    assert study_types_at(near[1]) == {StudyType.HORMONES}
    assert study_types_at(near[0]) == frozenset(StudyType)
    assert imported_files(ledger).points == imported
