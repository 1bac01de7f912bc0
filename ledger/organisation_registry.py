"""The registry of medical organisations as it lies in the database: found by number, made anew by an import.

The application reads it and cannot change it: an import works with the owner's rights. Search is in
`organisation_search`.
"""

from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from math import asin, cos, radians, sin, sqrt
from typing import Any
from uuid import UUID

import orjson
import psycopg
from psycopg.sql import SQL, Identifier

from domain import organisation_registry
from domain.organisation import OrganisationKind
from domain.organisation_names import spellings, words
from domain.organisation_registry import (
    Certificate,
    CollectionPoint,
    CollectionPointsImported,
    Department,
    ImportedFiles,
    OrganisationRegistryEvent,
    OrganisationRegistryImported,
    RegisteredOrganisation,
)
from domain.study_type import StudyType
from domain.values import OrganisationId
from ledger.codec import Circumstances
from ledger.commands import change
from ledger.store import Ledger

ORGANISATIONS, POINTS = "organisations", "points"
SEEN = Callable[[int], None]
Owner = psycopg.Connection[Any]


def registry_stream(ledger: Ledger) -> UUID:
    return ledger.stream_id("registry", "organisations")


def organisation_id(ledger: Ledger, oid: str) -> OrganisationId:
    """The id under which an organisation of the registry is awaited."""
    return OrganisationId(ledger.stream_id("organisation", oid))


# Finding


def find_by_oid(ledger: Ledger, oid: str) -> RegisteredOrganisation | None:
    found = find_all(ledger, [oid])
    return found[0] if found else None


def find_all(ledger: Ledger, oids: Sequence[str]) -> list[RegisteredOrganisation]:
    """Those of these that there are, in the order asked for."""
    with ledger.pool.connection() as connection:
        rows = connection.execute(
            "SELECT oid, line FROM registry.organisations WHERE oid = ANY(%s)", (list(oids),)
        ).fetchall()
    lines = dict(rows)
    return [organisation_of(lines[oid]) for oid in oids if oid in lines]


def find_by_numbers(ledger: Ledger, *, inn: str, ogrn: str) -> tuple[RegisteredOrganisation, ...]:
    """Those with this ИНН or this ОГРН: a legal person may have several lines."""
    with ledger.pool.connection() as connection:
        rows = connection.execute(
            "SELECT line FROM registry.organisations WHERE inn = %s OR ogrn = %s ORDER BY oid LIMIT 200",
            (inn, ogrn),
        ).fetchall()
    return tuple(organisation_of(line) for (line,) in rows)


def imported_files(ledger: Ledger) -> ImportedFiles:
    """What the ledger says of the last imports."""
    return ledger.load(registry_stream(ledger), organisation_registry.evolve)[0] or ImportedFiles()


def revision(ledger: Ledger, part: str = ORGANISATIONS) -> str | None:
    """The SHA-256 of the file that this part of the registry was made of; None before the first import."""
    with ledger.pool.connection() as connection:
        row = connection.execute("SELECT sha256 FROM registry.imports WHERE part = %s", (part,)).fetchone()
    return str(row[0]) if row else None


def collection_points(
    ledger: Ledger, oid: str, *, near: tuple[float, float] | None = None
) -> list[CollectionPoint]:
    """Where the organisation takes samples; `near` (latitude, longitude) puts the nearest first, and points
    whose place nobody stated last."""
    with ledger.pool.connection() as connection:
        rows = connection.execute(
            "SELECT line FROM registry.collection_points WHERE oid = %s ORDER BY point_id", (oid,)
        ).fetchall()
    points = [point_of(line) for (line,) in rows]
    if near is None:
        return points
    return sorted(points, key=lambda point: _kilometres(near, point))


def study_types_at(point: CollectionPoint) -> frozenset[StudyType]:
    """Of which types studies can be made from what is taken there (S63)."""
    return frozenset(point.study_types or StudyType)


EARTH_KILOMETRES = 6371.0


def _kilometres(here: tuple[float, float], point: CollectionPoint) -> float:
    """Along the great circle (haversine)."""
    if point.latitude is None or point.longitude is None:
        return float("inf")
    (lat, lon), (other_lat, other_lon) = (
        map(radians, here),
        map(radians, (point.latitude, point.longitude)),
    )
    half = sin((other_lat - lat) / 2) ** 2 + cos(lat) * cos(other_lat) * sin((other_lon - lon) / 2) ** 2
    return 2 * EARTH_KILOMETRES * asin(sqrt(half))


# Importing: whole or not at all


def import_organisations(
    connection: Owner,
    ledger: Ledger,
    entries: Iterable[RegisteredOrganisation],
    *,
    imported: Callable[[int], OrganisationRegistryImported],
    by: Circumstances,
) -> int:
    """Put these in the place of all that are there; how many. The event, made from their number, is recorded
    before the rows come into force: nothing is in force of which the ledger does not say."""
    with connection.transaction():
        tables = [_beside(connection, name) for name in ("organisations", "words", "spellings")]
        having, count = _copy_organisations(connection, entries)
        _copy_words(connection, having)
        _state_import(connection, ledger, ORGANISATIONS, imported(count), by)
        for table in tables:
            _replace(connection, table)
    return count


def import_points(
    connection: Owner,
    ledger: Ledger,
    points: Iterable[CollectionPoint],
    *,
    imported: Callable[[int], CollectionPointsImported],
    by: Circumstances,
) -> int:
    """As `import_organisations`, of the points where samples are taken."""
    count = 0
    with connection.transaction():
        table = _beside(connection, "collection_points")
        with connection.cursor().copy(
            "COPY registry.collection_points_next (point_id, oid, line) FROM STDIN"
        ) as copy:
            for count, point in enumerate(points, 1):  # noqa: B007 - the last one is how many there are
                copy.write_row((point.point_id, point.oid, orjson.dumps(point)))
        _state_import(connection, ledger, POINTS, imported(count), by)
        _replace(connection, table)
    return count


def _copy_organisations(
    connection: Owner, entries: Iterable[RegisteredOrganisation]
) -> "tuple[dict[str, array[int]], int]":
    """Each word with the numbers of the organisations that have it; words are numbered as they come."""
    having: dict[str, array[int]] = defaultdict(lambda: array("I"))
    numbers: dict[str, int] = {}
    count = 0
    with connection.cursor().copy(
        "COPY registry.organisations_next (number, oid, inn, ogrn, line, words) FROM STDIN (FORMAT BINARY)"
    ) as copy:
        copy.set_types(["int4", "text", "text", "text", "bytea", "bytea"])
        for count, entry in enumerate(entries, 1):
            own = words_of(entry)
            for word in own:
                having[word].append(count)
                numbers.setdefault(word, len(numbers))
            packed = array("I", (numbers[word] for word in own)).tobytes()
            copy.write_row((count, entry.oid, entry.inn, entry.ogrn, orjson.dumps(entry), packed))
    return having, count


def _copy_words(connection: Owner, having: "dict[str, array[int]]") -> None:
    with connection.cursor().copy(
        "COPY registry.words_next (number, word, frequency, organisations) FROM STDIN (FORMAT BINARY)"
    ) as copy:
        copy.set_types(["int4", "text", "int4", "bytea"])
        for number, (word, numbers) in enumerate(having.items()):
            copy.write_row((number, word, len(numbers), numbers.tobytes()))
    with connection.cursor().copy(
        "COPY registry.spellings_next (spelling, word) FROM STDIN (FORMAT BINARY)"
    ) as copy:
        copy.set_types(["text", "int4"])
        for number, word in enumerate(having):
            for spelling in dict.fromkeys(spellings(word)):
                copy.write_row((spelling, number))


def words_of(entry: RegisteredOrganisation) -> tuple[str, ...]:
    """The words by which an organisation is found: of its names, and of where it is."""
    return words(" ".join(filter(None, (*entry.names, entry.region, entry.locality))))


def _beside(connection: Owner, name: str) -> str:
    """An empty table beside the one in force."""
    table, beside = Identifier("registry", name), Identifier("registry", f"{name}_next")
    connection.execute(SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(beside, table))
    return name


def _replace(connection: Owner, table: str) -> None:
    """Readers wait for these few statements, and see all of the old or all of the new."""
    beside = Identifier("registry", f"{table}_next")
    connection.execute(SQL("ANALYZE {}").format(beside))
    connection.execute(SQL("DROP TABLE {}").format(Identifier("registry", table)))
    connection.execute(SQL("ALTER TABLE {} RENAME TO {}").format(beside, Identifier(table)))
    grant = SQL("GRANT SELECT ON {} TO letopis_app, letopis_auditor")
    connection.execute(grant.format(Identifier("registry", table)))


def _state_import(
    connection: Owner, ledger: Ledger, part: str, imported: OrganisationRegistryEvent, by: Circumstances
) -> None:
    connection.execute(
        "INSERT INTO registry.imports VALUES (%s, %s, %s, %s) ON CONFLICT (part) DO UPDATE"
        " SET sha256 = excluded.sha256, rows = excluded.rows, as_of = excluded.as_of",
        (part, imported.sha256, imported.rows, imported.as_of),
    )
    change(
        ledger,
        registry_stream(ledger),
        organisation_registry.evolve,
        lambda files: organisation_registry.import_file(files, imported),
        by,
    )


# Lines as they are stored


def organisation_of(line: bytes) -> RegisteredOrganisation:
    fields = orjson.loads(line)
    certificate = fields["certificate"]
    return RegisteredOrganisation(
        **fields
        | {
            "kind": OrganisationKind(fields["kind"]),
            "closed_on": _date(fields["closed_on"]),
            "certificate": certificate
            and Certificate(**certificate | {"valid_until": _date(certificate["valid_until"])}),
            "departments": tuple(Department(**one) for one in fields["departments"]),
        }
    )


def point_of(line: bytes) -> CollectionPoint:
    fields = orjson.loads(line)
    return CollectionPoint(**fields | {"study_types": tuple(map(StudyType, fields["study_types"]))})


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
