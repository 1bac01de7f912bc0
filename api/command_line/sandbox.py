"""`letopis sandbox`: a Letopis to try an integration on, and messages to try it with."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from api.demo_peers import AcceptedSms
from api.sandbox.people import people
from api.sandbox.reports import DrawnReport, cancelled, corrected, finished, preliminary, series
from api.sandbox.serving import SEED, PortTakenError, Sandbox, serve
from api.sandbox.stage import HANDLE, PASSWORD
from api.sandbox.writers import WRITERS

sandbox = typer.Typer(no_args_is_help=True, help="A Letopis to try an integration on.")
err = Console(stderr=True)
_FORMAT = typer.Option("--format", help=f"One of {', '.join(WRITERS)}.")
_VERSIONS = typer.Option(
    "--versions", help="For each report also a preliminary, a corrected and a cancelled version."
)


@sandbox.command(name="serve")
def serve_sandbox(
    *,
    folder: Annotated[Path, typer.Option(help="Where it keeps everything; remove it to begin anew.")] = Path(
        "sandbox"
    ),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the portal and the API.")] = 8090,
    mllp_port: Annotated[int, typer.Option(help="Port for HL7 v2 by MLLP.")] = 2575,
    public_url: Annotated[
        str | None, typer.Option(help="The address that others use, if it is another.")
    ] = None,
    patients: Annotated[int, typer.Option(min=1, max=1000, help="How many made-up patients.")] = 5,
) -> None:
    """Start a sandbox: a Letopis of its own with a test laboratory, its key, and patients. Ctrl-C stops it."""
    try:
        serve(
            folder.resolve(),
            host=host,
            port=port,
            mllp_port=mllp_port,
            public_url=public_url or f"http://{host}:{port}",
            patients=patients,
            ready=_introduce,
            told=_show,
        )
    except PortTakenError as error:
        err.print(f"Can't listen on {error}. Choose another with --port or --mllp-port.", markup=False)
        sys.exit(2)


@sandbox.command()
def generate(
    *,
    name: Annotated[str, _FORMAT] = "fhir",
    count: Annotated[int, typer.Option(min=1, max=100_000, help="How many reports.")] = 7,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same reports.")] = SEED,
    patients: Annotated[
        int, typer.Option(min=1, max=1000, help="About how many of the sandbox's patients.")
    ] = 5,
    out: Annotated[Path, typer.Option(help="Folder to write to.", file_okay=False)] = Path("messages"),
    versions: Annotated[bool, _VERSIONS] = False,
) -> None:
    """Write believable reports about the sandbox's patients, one a file: each panel in turn."""
    writer = WRITERS.get(name)
    if writer is None:
        raise typer.BadParameter(f"one of {', '.join(WRITERS)}", param_hint="--format")
    try:
        out.mkdir(parents=True, exist_ok=True)
        for number, report in enumerate(series(seed, count, people(SEED, patients)), start=1):
            for version in _versions(report) if versions else (report,):
                path = out / f"{seed}-{number:04d}-{version.version}-{version.status.value}.{writer.ending}"
                path.write_bytes(writer.write(version))
                print(path)
    except OSError as error:
        err.print(f"Can't write to {out}: {error.strerror}.", markup=False)
        sys.exit(2)


def _versions(report: DrawnReport) -> tuple[DrawnReport, ...]:
    """In the order in which a laboratory sends them."""
    first = preliminary(report)
    whole = finished(report, first)
    mended = corrected(whole)
    return first, whole, mended, cancelled(mended)


def _introduce(found: Sandbox) -> None:
    settings, home = found.settings, shlex.quote(str(found.settings.home))
    send = f"letopis lab send --url {settings.public_url} --handle {HANDLE} --key {home}/keys/{HANDLE}.jwk"
    print(f"Sandbox      {settings.public_url}   (origin {settings.origin})")
    print(f"HL7 v2       MLLP {settings.host}:{found.mllp_port}, sender SANDBOX-LIS|SANDBOX-LAB")
    print(f"Laboratory   {HANDLE}, key {home}/keys/{HANDLE}.jwk")
    print(f"Operator     . {home}/operator.env   (then `letopis lab`, `letopis quarantine`, …)")
    print("Patients     all made up; SMS codes appear here and in sms.jsonl")
    for person in found.patients:
        print(
            f"  {person.name}, {person.birth_date:%d.%m.%Y}, СНИЛС {person.snils}, ЕНП {person.enp}, {person.phone}"
        )
    print(f"  password of each: {PASSWORD}")
    print("Try")
    print(f"  curl {settings.public_url}/v1/keys")
    print(f"  {send} {home}/examples/fhir.json")
    print("  docs/integration.md says the rest. Ctrl-C stops it.", flush=True)


def _show(message: AcceptedSms) -> None:
    print(f"SMS to {message.to}: {message.text}", flush=True)
