"""The command line: `letopis --help`."""

import json
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from api.command_line import (
    ingest,
    lab,
    match,
    misfiled,
    notice,
    quarantine,
    registry,
    sandbox,
    staff,
    study_request,
)
from api.command_line.decisions import redecide
from api.command_line.report import report
from api.embedded_postgres import EmbeddedPostgresError
from api.migrate import MigrationChangedError, OriginDiffersError
from api.migrate import migrate as apply_migrations
from api.node import Node, database, node, secrets_of
from api.process import prepare
from api.retention import retention
from api.serving import serve_alone, serve_together
from api.settings import Settings, faults_of
from ledger import custody, note
from ledger.store import ForeignSecretsError, NotMigratedError
from projections import PROJECTIONS, rebuild, transparency, verify
from projections.export import export_log
from projections.follow import Follower

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Letopis: an event-sourced ledger of medical laboratory results.",
    pretty_exceptions_show_locals=False,
)
cli.command()(ingest)
cli.add_typer(lab, name="lab")
cli.add_typer(quarantine, name="quarantine")
cli.add_typer(match, name="match")
cli.add_typer(misfiled, name="misfiled")
cli.add_typer(notice, name="notice")
cli.command()(retention)
cli.command()(report)
cli.command()(redecide)
cli.add_typer(staff, name="staff")
cli.add_typer(registry, name="registry")
cli.add_typer(sandbox, name="sandbox")
cli.add_typer(study_request, name="study-request")
out = Console()
err = Console(stderr=True)
_MISCONFIGURED = (
    EmbeddedPostgresError,
    custody.SecretMissingError,
    ForeignSecretsError,
    NotMigratedError,
    MigrationChangedError,
    OriginDiffersError,
)


def main() -> None:
    """The entry point of `letopis`."""
    prepare()
    try:
        cli()
    except _MISCONFIGURED as error:
        err.print(f"[red]letopis:[/red] {(type(error).__doc__ or '').strip()}\n{error}", soft_wrap=True)
        sys.exit(2)
    except ValidationError as error:
        if error.title != Settings.__name__:
            raise
        for line in faults_of(error):
            err.print(f"letopis: {line}", markup=False, soft_wrap=True)
        sys.exit(2)


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    processes: Annotated[
        int,
        typer.Option(
            min=1, help="Processes that answer requests; with more than one, the workers get one too."
        ),
    ] = 1,
) -> None:
    """Serve the portal and the API, with the workers that keep views and notices going."""
    settings = _settings(host=host, port=port)

    def ready() -> None:
        err.print(f"Letopis: {settings.public_url}")
        if not settings.operator_address:
            err.print("LETOPIS_OPERATOR_ADDRESS is not set: consents must name it (152-ФЗ, art. 9(4))")

    if processes == 1:
        serve_alone(settings, ready=ready)
    else:
        serve_together(settings, processes, ready=ready)


@cli.command()
def migrate() -> None:
    """Bring the database up to date."""
    settings = Settings()
    with database(settings) as conninfo:
        held = secrets_of(settings)
        applied = apply_migrations(conninfo, origin=settings.origin, fingerprint=held.fingerprint)
    out.print("\n".join(applied) or "up to date")


@cli.command(name="rebuild")
def rebuild_views(
    name: Annotated[str | None, typer.Argument(help="One view; all without it.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Prove that rebuilt and live are equal; change nothing.")
    ] = False,
) -> None:
    """Make views anew from the first event, or check them. Exit 1 if a check finds a difference."""
    chosen = [view for view in PROJECTIONS if name in (None, view.name)]
    if not chosen:
        raise typer.BadParameter(f"views: {', '.join(view.name for view in PROJECTIONS)}")
    differ = False
    with node(Settings()) as opened, opened.as_owner() as owner:
        _catch_up(opened)
        for view in chosen:
            with _progress(view.name, owner.last_position()) as seen:
                if not check:
                    rebuild.rebuild(owner, view, seen=seen)
                    continue
                compared = rebuild.check(owner, view, seen=seen)
            if check:
                differ |= not compared.is_equal
                word = "equal" if compared.is_equal else "DIFFERS"
                out.print(f"{view.name}: {word} at position {compared.position}")
    sys.exit(1 if differ else 0)


@cli.command(name="verify")
def verify_log(
    vkey: Annotated[str | None, typer.Option(help="The pinned public key of the log.")] = None,
    as_json_line: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Recompute the whole log from stored bytes. Exit 1 and name the first bad index if anything lies."""
    with node(Settings()) as opened:
        _catch_up(opened)
        key = note.Verifier.from_vkey(vkey) if vkey else transparency.log_signer(opened.ledger).verifier
        with _progress("verify", opened.ledger.last_position()) as seen:
            result = verify.verify(opened.conninfo, log=key, seen=seen)
    if as_json_line:
        finding = result.finding
        body = {
            "ok": finding is None,
            "events": result.events,
            "tree_size": result.tree_size,
            "root": b64encode(result.root_hash).decode(),
            "checkpoints": result.checkpoints,
            "documents": result.documents,
            "finding": {
                "what": finding.what,
                "leaf_index": finding.leaf_index,
                "position": finding.position,
            }
            if finding
            else None,
        }
        print(json.dumps(body))
    else:
        print(result.sentence)
    sys.exit(0 if result.finding is None else 1)


@cli.command()
def export(
    log: Annotated[Path, typer.Option("--log", help="Folder for checkpoint and tiles (C2SP tlog-tiles).")],
) -> None:
    """Write the log as files that others can verify."""
    with node(Settings()) as opened:
        _catch_up(opened)
        with _progress("export", opened.ledger.last_position()) as seen:
            size = export_log(opened.ledger, log, seen=seen)
        vkey = transparency.log_signer(opened.ledger).verifier.vkey
    print(f"tree size {size} in {log}\nkey {vkey}")


@cli.command()
def proof(
    event_id: Annotated[UUID, typer.Argument(help="The event's id.")],
    out_dir: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path(),
) -> None:
    """Write EVENT_ID.tlog-proof (c2sp.org/tlog-proof@v1) and EVENT_ID.leaf."""
    with node(Settings()) as opened:
        _catch_up(opened)
        try:
            proof_file, leaf = transparency.prove(opened.ledger, event_id)
        except transparency.NotIntegratedError as error:
            err.print((type(error).__doc__ or "").strip())
            sys.exit(1)
        vkey = transparency.log_signer(opened.ledger).verifier.vkey
    out_dir.mkdir(parents=True, exist_ok=True)
    paths = [out_dir / f"{event_id}.tlog-proof", out_dir / f"{event_id}.leaf"]
    for path, content in zip(paths, (proof_file, leaf), strict=True):
        path.write_bytes(content)
        print(path)
    print(f"key {vkey}")


@cli.command()
def bench(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes: to see that it works.")] = False,
    events: Annotated[list[int] | None, typer.Option(help="Sizes to measure at, such as 1000000.")] = None,
    intake: Annotated[bool, typer.Option("--intake", help="Only what comes in by HTTP.")] = False,
    organisations: Annotated[
        bool, typer.Option("--organisations", help="Only the search for organisations.")
    ] = False,
    delivery: Annotated[bool, typer.Option("--delivery", help="Only what goes out to people.")] = False,
    cabinet: Annotated[bool, typer.Option("--cabinet", help="Only what patients read.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Measure the ledger against its baselines, in one run."""
    from api import bench as benchmark  # noqa: PLC0415 - costs a second, and no other command needs it
    from api import bench_cabinet, bench_delivery, bench_organisations, bench_readers  # noqa: PLC0415 - as above

    if organisations:
        figures = bench_organisations.run(quick=quick, out=out)
    elif cabinet:
        figures = bench_cabinet.run(quick=quick, out=out, rows=events[0] if events else None)
        figures["readers"] = bench_readers.run(quick=quick, out=out)
    elif delivery:
        figures = bench_delivery.run(quick=quick, out=out)
    else:
        figures = benchmark.run(events=events or [], quick=quick, out=out, intake_only=intake)
        if not intake:
            figures["delivery"] = bench_delivery.run(quick=quick, out=out)
    if json_file:
        json_file.write_text(json.dumps(figures, indent=1, default=str))


@cli.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="Run the main job and stop.")] = False,
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its data.")] = Path("var/demo"),
    port: Annotated[int, typer.Option(help="Port of the portal.")] = 8080,
) -> None:
    """Run the main job end to end on real input, then serve it."""
    from api import demo as demonstration  # noqa: PLC0415 - as above

    sys.exit(0 if demonstration.run(folder.resolve(), port=port, once=once, out=out) else 1)


def _settings(*, host: str | None, port: int | None) -> Settings:
    settings = Settings()
    chosen = {"host": host or settings.host, "port": port or settings.port}
    if "public_url" not in settings.model_fields_set:
        chosen["public_url"] = f"http://{chosen['host']}:{chosen['port']}"
    return settings.model_copy(update=chosen)


def _catch_up(opened: Node) -> None:
    """Views and checkpoint up to date, if no server does it already."""
    Follower(opened.ledger, PROJECTIONS).catch_up()


@contextmanager
def _progress(what: str, total: int) -> Iterator[Any]:
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)


if __name__ == "__main__":
    main()
