"""The command line: `letopis --help`."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from api.backup.wholeness import RolledBackError
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
from api.command_line.audit import audit
from api.command_line.backup import backup, restore
from api.command_line.certify import certify_now
from api.command_line.chains import chains
from api.command_line.console import bring_up_to_date, err, out, progress
from api.command_line.decisions import redecide
from api.command_line.erasure import erasures
from api.command_line.evidence import verify_log
from api.command_line.exports import exports
from api.command_line.keys import keys
from api.command_line.proof import proof
from api.command_line.report import report
from api.command_line.signer import signer
from api.command_line.verifier import verifier
from api.embedded_postgres import EmbeddedPostgresError
from api.migrate import MigrationChangedError, OriginDiffersError
from api.migrate import migrate as apply_migrations
from api.node import RestoreUnfinishedError, database, node, secrets_of
from api.observing.monitor_command import monitor
from api.observing.witness_command import witness
from api.process import prepare
from api.retention import retention
from api.serving import serve_alone, serve_together
from api.settings import Settings, faults_of
from ledger import custody
from ledger.store import ForeignSecretsError, NotMigratedError
from projections import PROJECTIONS, rebuild

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
cli.add_typer(erasures, name="erasure")
cli.command()(retention)
cli.command()(report)
cli.command()(redecide)
cli.add_typer(backup, name="backup")
cli.command()(restore)
cli.add_typer(keys, name="keys")
cli.command(name="verify")(verify_log)
cli.command(name="certify")(certify_now)
cli.add_typer(audit, name="audit")
cli.add_typer(exports, name="export")
cli.add_typer(proof, name="proof")
cli.add_typer(chains, name="chains")
cli.command()(signer)
cli.command()(verifier)
cli.add_typer(staff, name="staff")
cli.add_typer(registry, name="registry")
cli.add_typer(sandbox, name="sandbox")
cli.add_typer(study_request, name="study-request")
cli.add_typer(witness, name="witness")
cli.command()(monitor)
_MISCONFIGURED = (
    EmbeddedPostgresError,
    custody.SecretMissingError,
    custody.ForeignSignerError,
    ForeignSecretsError,
    NotMigratedError,
    MigrationChangedError,
    OriginDiffersError,
    RestoreUnfinishedError,
    RolledBackError,
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
        bring_up_to_date(opened.ledger)
        for view in chosen:
            with progress(view.name, owner.last_position()) as seen:
                if not check:
                    rebuild.rebuild(owner, view, seen=seen)
                    continue
                compared = rebuild.check(owner, view, seen=seen)
            if check:
                differ |= not compared.is_equal
                word = "equal" if compared.is_equal else "DIFFERS"
                out.print(f"{view.name}: {word} at position {compared.position}")
    sys.exit(1 if differ else 0)


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
    evidence: Annotated[bool, typer.Option("--evidence", help="Only what auditors take.")] = False,
    keep: Annotated[
        Path | None, typer.Option(help="Where what --evidence or --cabinet fills is kept, for the next run.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Measure the ledger against its baselines, in one run."""
    from api import bench as benchmark  # noqa: PLC0415 - costs a second, and no other command needs it
    from api import (  # noqa: PLC0415 - as above
        bench_cabinet,
        bench_delivery,
        bench_evidence,
        bench_organisations,
        bench_publishing,
        bench_readers,
    )

    if organisations:
        figures = bench_organisations.run(quick=quick, out=out)
    elif evidence:
        figures = bench_evidence.run(quick=quick, out=out, events=events or (), keep=keep)
        figures["publishing"] = bench_publishing.run(quick=quick, out=out)
    elif cabinet:
        figures = bench_cabinet.run(quick=quick, out=out, rows=events[0] if events else None, keep=keep)
        figures["readers"] = bench_readers.run(quick=quick, out=out)
    elif delivery:
        figures = bench_delivery.run(quick=quick, out=out)
    else:
        figures = benchmark.run(events=events or [], quick=quick, out=out, intake_only=intake)
        if not intake:
            figures["delivery"] = bench_delivery.run(quick=quick, out=out)
            figures["evidence"] = bench_evidence.run(quick=quick, out=out)
            figures["publishing"] = bench_publishing.run(quick=quick, out=out)
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


if __name__ == "__main__":
    main()
