"""`letopis registry`: the registry of medical organisations is imported, searched, and made up for trials."""

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import psycopg
import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from api.command_line.console import err, opened_node
from api.laboratories import OPERATOR
from api.organisation_registry import FileMalformedError, Lines, digest_of, format_of
from api.synthetic_registry import organisations, points
from domain.organisation_registry import CollectionPointsImported, OrganisationRegistryImported
from ledger import organisation_registry
from ledger.organisation_registry import ORGANISATIONS, POINTS, import_organisations, import_points, revision
from ledger.organisation_search import search as find
from ledger.store import Ledger

registry = typer.Typer(
    no_args_is_help=True, help="Registries that patients and organisations are checked against."
)
Format = Literal["csv", "json"]
REFUSALS_SHOWN = 20
_FILE = typer.Argument(exists=True, dir_okay=False, readable=True, help="CSV, JSON, or JSON lines.")
_FORMAT = typer.Option("--format", help="csv or json; without it the file's name says.")
_AS_OF = typer.Option(
    "--as-of", formats=["%Y-%m-%d"], help="The day that the file speaks of; today without it."
)
_REFUSED = typer.Option("--refused", help="Write every line that was left out, and why, to this file.")


@registry.command(name="import")
def import_registry(
    file: Annotated[Path, _FILE],
    *,
    file_format: Annotated[Format | None, _FORMAT] = None,
    as_of: Annotated[datetime | None, _AS_OF] = None,
    refused: Annotated[Path | None, _REFUSED] = None,
    of_points: Annotated[
        bool, typer.Option("--points", help="The file is of points where organisations take samples.")
    ] = False,
) -> None:
    """Put the organisations of a file (columns of НСИ 1461, docs/registry.md) in the place of all that are there:
    whole or not at all. A line that can't be used is named and left out. The same file again changes nothing."""
    sha256 = digest_of(file)
    day = (as_of or datetime.now(UTC)).date()
    part = POINTS if of_points else ORGANISATIONS
    with opened_node(FileMalformedError, UnicodeDecodeError) as opened, _refusals(refused) as told:
        if revision(opened.ledger, part) == sha256 and _is_recorded(opened.ledger, part, sha256):
            print(f"{file.name}: imported already")
            return
        with (
            psycopg.connect(opened.conninfo, autocommit=True) as owner,
            _progress(file.name, file.stat().st_size) as seen,
        ):
            lines = Lines(file, file_format or format_of(file), told, seen)
            if of_points:
                count = import_points(
                    owner,
                    opened.ledger,
                    lines.points(),
                    imported=lambda rows: CollectionPointsImported(
                        sha256=sha256, rows=rows, refused=lines.refusals, as_of=day
                    ),
                    by=OPERATOR,
                )
            else:
                count = import_organisations(
                    owner,
                    opened.ledger,
                    lines.organisations(),
                    imported=lambda rows: OrganisationRegistryImported(
                        sha256=sha256, rows=rows, refused=lines.refusals, as_of=day
                    ),
                    by=OPERATOR,
                )
    print(f"{file.name}: {count} imported, {lines.refusals} refused")


def _is_recorded(ledger: Ledger, part: str, sha256: str) -> bool:
    files = organisation_registry.imported_files(ledger)
    found = files.points if part == POINTS else files.organisations
    return found is not None and found.sha256 == sha256


@registry.command()
def search(
    text: Annotated[str, typer.Argument(help="A name, with slips if need be; or an ИНН, ОГРН, OID.")],
    as_json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Find organisations as patients do."""
    with opened_node() as opened:
        for entry in find(opened.ledger, text):
            if as_json_lines:
                fields = {"oid": entry.oid, "name": entry.name, "inn": entry.inn, "ogrn": entry.ogrn}
                print(json.dumps(fields | {"region": entry.region, "kind": entry.kind}, ensure_ascii=False))
            else:
                print(f"{entry.oid}  ИНН {entry.inn}  {entry.name}, {entry.region or ''}")


@registry.command()
def sample(
    file: Annotated[Path, typer.Argument(help="Where to write: .csv or .json (JSON lines).")],
    *,
    count: Annotated[int, typer.Option("--organisations", min=1, help="How many.")] = 1000,
    of_points: Annotated[bool, typer.Option("--points", help="Collection points instead.")] = False,
    seed: Annotated[int, typer.Option(help="The same seed gives the same file.")] = 1,
) -> None:
    """Write a made-up registry, for trials: right check digits, nobody's names."""
    lines = points(count, seed=seed) if of_points else organisations(count, seed=seed)
    with file.open("w", encoding="utf-8", newline="") as out:
        if format_of(file) == "json":
            out.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
            return
        writer: csv.DictWriter[str] | None = None
        for line in lines:
            flat = line | {
                "departments": "; ".join(
                    f"{one['code']}: {one['name']}" for one in line.get("departments", ())
                )
            }
            if "study_types" in flat:
                flat["study_types"] = ", ".join(flat["study_types"])
            if writer is None:
                writer = csv.DictWriter(out, list(flat), delimiter=";")
                writer.writeheader()
            writer.writerow(flat)


@contextmanager
def _refusals(path: Path | None) -> Iterator[Callable[[int, str], None]]:
    """Told on the screen, the first of them; all of them in the file."""
    count = 0
    file = path.open("w", encoding="utf-8") if path else None

    def told(line: int, reason: str) -> None:
        nonlocal count
        count += 1
        if file:
            file.write(json.dumps({"line": line, "reason": reason}) + "\n")
        if count <= REFUSALS_SHOWN:
            err.print(f"line {line}: {reason}")

    try:
        yield told
    finally:
        if file:
            file.close()
        if count > REFUSALS_SHOWN:
            err.print(
                f"and {count - REFUSALS_SHOWN} more" + ("" if path else " (--refused FILE has them all)")
            )


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int], None]]:
    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)
