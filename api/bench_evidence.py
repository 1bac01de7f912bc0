"""Evidence: how fast an auditor gets it. Verification, proofs, replay and comparison, export, each beside a baseline that reads
the same bytes in the same run, and with the memory at its peak, at growing sizes of one log.
"""

import hashlib
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg.sql import SQL, Identifier
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from api import bench_replay
from api.bench_machine import facts
from api.bench_replay import History, NotVerifiedError
from api.embedded_postgres import EmbeddedPostgres
from api.exports import folder, plan
from api.exports.plan import Asked
from api.migrate import migrate
from domain.reading import ExportedRecords, ExportForm
from ledger import custody, stored_rows
from ledger.codec import Circumstances
from projections import transparency, verify
from projections.audit import AUDIT
from projections.cabinet import CABINET
from projections.follow import Follower
from projections.replay import replay

ORIGIN = "bench.letopis.example/log"
SIZES = (20_000, 1_000_000)
QUICK_SIZES = (2_000, 4_000)
PROOFS = 500
BY = Circumstances(actor="operator:bench")
# What is measured, the unit, and the mark that its figure is to reach (None: it is only told).
MARKS: dict[str, float | None] = {
    "verify": 150_000,
    "proof": None,
    "replay": 15_000,
    "export ndjson": 50_000,
    "export csv": 50_000,
    "export audit-trail": 50_000,
    "export audit-event": 50_000,
}
Seen = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Measured:
    """So many a second, so many times the baseline's rate, with the memory of this process at its peak."""

    what: str
    a_second: float
    baseline: str
    of_baseline: float
    peak_mib: float


def run(*, quick: bool, out: Console, events: Sequence[int] = (), keep: Path | None = None) -> dict[str, Any]:
    """Measure at these sizes, print, and return the figures. What was filled is kept in the folder `keep`, where the next
    run goes on from it: a large log takes longer to fill than to measure."""
    sizes = sorted(set(events)) or (QUICK_SIZES if quick else SIZES)
    with tempfile.TemporaryDirectory(prefix="letopis-bench-") as passing:
        place = keep or Path(passing)
        with EmbeddedPostgres(place / "postgres") as server:
            found: dict[str, Any] = {"machine": facts(server.url), "sizes": {}}
            history = _history(server, place)
            for size in sizes:
                with _progress(out) as progress:
                    measured = _measured(history, size, place, progress)
                found["sizes"][str(size)] = [_as_figures(one) for one in measured]
                _print(found["sizes"][str(size)], size, out)
    return {"quick": quick} | found


def _history(server: EmbeddedPostgres, place: Path) -> History:
    """The database of the folder, made if it is not there yet."""
    secrets_of = place / "evidence" / "secrets"
    if not secrets_of.exists():
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier("evidence")))
        custody.create(secrets_of)
    secrets = custody.load(secrets_of)
    migrate(server.url_of("evidence"), origin=ORIGIN, fingerprint=secrets.fingerprint)
    return History(server.url_of("evidence"), secrets, is_mixed=True)


def _seen(progress: Progress, words: str, size: int) -> Seen:
    task = progress.add_task(f"{words} {size:,}", total=size)
    return lambda done: progress.update(task, completed=done)


def _measured(history: History, size: int, place: Path, progress: Progress) -> list[Measured]:
    seen = partial(_seen, progress, size=size)
    bench_replay.fill(history, size, seen=seen("fill"))
    with history.ledger() as ledger:
        Follower(ledger, (AUDIT, CABINET)).catch_up()
    return [
        _verify(history, seen("verify")),
        _proofs(history),
        _replay(history, seen("replay")),
        *(_export(history, place, *what, seen=seen(f"export {what[0]}")) for what in _EXPORTS),
    ]


_EXPORTS = (
    ("ndjson", ExportedRecords.EVENTS, ExportForm.NDJSON),
    ("csv", ExportedRecords.EVENTS, ExportForm.CSV),
    ("audit-trail", ExportedRecords.AUDIT_TRAIL, ExportForm.NDJSON),
    ("audit-event", ExportedRecords.AUDIT_TRAIL, ExportForm.FHIR_NDJSON),
)


def _verify(history: History, seen: Seen) -> Measured:
    """Against SHA-256 over the same bytes, read the same way."""
    with history.ledger() as ledger:
        log = transparency.log_verifier(ledger)
    with Peak() as peak:
        begun = time.perf_counter()
        verified = verify.verify(history.conninfo, log=log, seen=seen)
        rate = verified.events / (time.perf_counter() - begun)
    if verified.finding is not None:
        raise NotVerifiedError(str(verified.finding))
    begun = time.perf_counter()
    with psycopg.connect(history.conninfo) as connection, connection.cursor(binary=True) as cursor:
        count = 0
        for row in cursor.stream(
            "SELECT state FROM ledger.events ORDER BY notification_id", size=stored_rows.PORTION
        ):
            hashlib.sha256(row[0]).digest()
            count += 1
    baseline = count / (time.perf_counter() - begun)
    return Measured("verify", rate, "SHA-256 of the same rows", rate / baseline, peak.mib)


def _proofs(history: History) -> Measured:
    """Inclusion proofs of leaves chosen by lot, against one look at a row each."""
    lot = random.Random(7)
    with history.ledger() as ledger:
        signed = transparency.latest(ledger)
        assert signed is not None
        indexes = [lot.randrange(signed.tree_size) for _ in range(PROOFS)]
        with Peak() as peak:
            begun = time.perf_counter()
            for index in indexes:
                transparency.inclusion(ledger, [index], signed.tree_size)
            rate = PROOFS / (time.perf_counter() - begun)
        begun = time.perf_counter()
        with ledger.pool.connection() as connection:
            for index in indexes:
                connection.execute(
                    "SELECT position FROM transparency.leaves WHERE leaf_index = %s", (index,)
                ).fetchone()
        baseline = PROOFS / (time.perf_counter() - begun)
    return Measured("proof", rate, "a row by its key", rate / baseline, peak.mib)


def _replay(history: History, seen: Seen) -> Measured:
    """The cabinet made anew from the first event and compared with the live one, against reading the same events."""
    with history.owner() as owner:
        last = owner.last_position()
        with Peak() as peak:
            begun = time.perf_counter()
            compared = replay(owner, (CABINET,), seen=seen)
            seconds = time.perf_counter() - begun
        if not all(one.compared.is_equal for one in compared):
            raise NotVerifiedError("the replayed view differs")
        begun, after, count = time.perf_counter(), 0, 0
        while after < last and (stored := owner.read_stored(after=after, limit=2000)):
            after, count = stored[-1][0], count + len(stored)
        baseline = count / (time.perf_counter() - begun)
    return Measured(
        "replay", count / seconds, "reading the same events", count / seconds / baseline, peak.mib
    )


def _export(
    history: History, place: Path, name: str, records: ExportedRecords, form: ExportForm, *, seen: Seen
) -> Measured:
    """To a folder, whole, with its manifest, against a binary COPY of the same rows to a file."""
    with history.ledger() as ledger, tempfile.TemporaryDirectory(dir=place) as into:
        fixed = plan.begin(ledger, Asked(records=records, form=form), BY)
        target = Path(into) / "export"
        folder.start(target, fixed)
        with Peak() as peak:
            begun = time.perf_counter()
            folder.run(ledger, target, seen=seen)
            seconds = time.perf_counter() - begun
        begun = time.perf_counter()
        with ledger.pool.connection() as connection, (Path(into) / "copy").open("wb") as file:
            query = SQL(
                "COPY (SELECT notification_id, state FROM ledger.events WHERE notification_id <= {}"
                " ORDER BY notification_id) TO STDOUT (FORMAT binary)"
            ).format(fixed.until)
            with connection.cursor().copy(query) as copy:
                for block in copy:
                    file.write(block)
        baseline = time.perf_counter() - begun
    count = fixed.leaves[1] - fixed.leaves[0]
    return Measured(
        f"export {name}", count / seconds, "COPY of the same rows to a file", baseline / seconds, peak.mib
    )


class Peak:
    """The most memory that this process held at once while it lasts (VmHWM, which is set back before). What other processes
    hold that share a verification is not in it: 55 MiB each, however large the log is."""

    def __init__(self) -> None:
        self.mib = 0.0

    def __enter__(self) -> Self:
        Path("/proc/self/clear_refs").write_text("5")
        return self

    def __exit__(self, *_: object) -> None:
        lines = Path("/proc/self/status").read_text().splitlines()
        said = next(line for line in lines if line.startswith("VmHWM:"))
        self.mib = int(said.split()[1]) / 1024


# Showing.


def _as_figures(measured: Measured) -> dict[str, Any]:
    mark = MARKS[measured.what]
    return {
        "what": measured.what,
        "a_second": measured.a_second,
        "baseline": measured.baseline,
        "of_baseline": measured.of_baseline,
        "peak_mib": measured.peak_mib,
        "mark": mark,
        "is_met": mark is None or measured.a_second >= mark,
    }


def _progress(out: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=out, transient=True
    )


def _print(figures: Sequence[dict[str, Any]], size: int, out: Console) -> None:
    table = Table(title=f"Evidence, {size:,} events")
    for name in ("what", "a second", "mark", "", "of the baseline", "baseline", "peak"):
        table.add_column(name, justify="left" if name in {"what", "", "baseline"} else "right")
    for one in figures:
        table.add_row(
            one["what"],
            f"{one['a_second']:,.0f}",
            f"{one['mark']:,.0f}" if one["mark"] else "",
            ("[green]met[/]" if one["is_met"] else "[red]missed[/]") if one["mark"] else "",
            f"{one['of_baseline']:.2f}",
            one["baseline"],
            f"{one['peak_mib']:,.0f} MiB",
        )
    out.print(table)
