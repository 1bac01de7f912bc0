"""`letopis lab keygen` and `letopis lab send`: what a laboratory runs on its own machine, without a database."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from joserfc.jwk import OKPKey
from rich.console import Console

from api import lab_client
from api.command_line.lab import lab
from api.envelope_keys import KeyUnusableError, generate_key, load_key, private_jwk, public_jwk
from api.lab_client import TRIES, Intake, IntakeUnreachableError, Told
from api.laboratories import Sender
from ledger.custody import create_file

_PRIVATE, _PUBLIC = "lab.jwk", "lab.public.jwk"
_FAILURE_HEADER = "Letopis-Sandbox-Failure"
_TAKEN = frozenset({"recorded", "duplicate"})
err = Console(stderr=True)


@lab.command()
def keygen(
    out: Annotated[Path, typer.Option(help="Folder to write to.", file_okay=False)] = Path(),
) -> None:
    """Make the laboratory's signing key: lab.jwk, which stays with you, and lab.public.jwk to hand over.

    A key that is there is never overwritten."""
    private, public = out / _PRIVATE, out / _PUBLIC
    key = generate_key("Ed25519")
    try:
        out.mkdir(parents=True, exist_ok=True)
        if private.exists() or public.exists():
            _fail(f"There is a key in {out} already. Choose another folder with --out.")
        create_file(private, private_jwk(key).encode())
        public.write_text(public_jwk(key) + "\n")
    except OSError as error:
        _fail(f"Can't write to {out}: {error.strerror}.")
    # Another process may have been first: what is named is what lies there.
    if load_key(private.read_text(), "Ed25519", private=True).thumbprint() != key.thumbprint():
        _fail(f"There is a key in {out} already. Choose another folder with --out.")
    print(f"{private}: private, keep it\n{public}: to hand over\nkey {key.thumbprint()}")


@lab.command()
def send(
    files: Annotated[list[Path], typer.Argument(help="FHIR, HL7 v2, CDA, or PDF with its JSON header.")],
    *,
    url: Annotated[str, typer.Option(help="Address of the Letopis, such as https://letopis.example.")],
    handle: Annotated[str, typer.Option(help="The laboratory's short name, as it is registered.")],
    key: Annotated[Path, typer.Option(help="The private key that `letopis lab keygen` made.")],
    as_json_lines: Annotated[bool, typer.Option("--json", help="One JSON line a file.")] = False,
    tries: Annotated[int, typer.Option(min=1, help="How often to try while the server is away.")] = TRIES,
    failure: Annotated[
        str | None,
        typer.Option(help="Ask a sandbox for not-ready, slow, drop, quarantine, unknown-key or too-large."),
    ] = None,
) -> None:
    """Sign, encrypt and submit files over HTTP, each in an envelope of its own.

    What may not have arrived is sent again under the same id, which is safe. Exit 0 if every file was taken,
    1 if one was quarantined, rejected or not sent, 2 if nothing could be tried."""
    sender = Sender(handle, _key(key))
    headers = {_FAILURE_HEADER: failure} if failure else {}
    try:
        with lab_client.client(url) as http:
            intake = Intake(http, headers, tries=tries)
            recipient = intake.recipient()
            outcomes = []
            for path in files:
                told = _submitted(intake, sender, recipient, path)
                outcomes.append(told.outcome)
                line = _line(path, told)
                print(json.dumps(line, ensure_ascii=False) if as_json_lines else _shown(line), flush=True)
    except IntakeUnreachableError as error:
        _fail(f"{url}: {(type(error).__doc__ or '').strip()}")
    sys.exit(0 if _TAKEN.issuperset(outcomes) else 1)


def _key(path: Path) -> OKPKey:
    try:
        return load_key(path.read_text(), "Ed25519", private=True)
    except OSError as error:
        _fail(f"Can't read the key {path}: {error.strerror}.")
    except (KeyUnusableError, UnicodeDecodeError):
        _fail(f"{path} is not a private Ed25519 key. `letopis lab keygen` makes one.")


def _submitted(intake: Intake, sender: Sender, recipient: lab_client.Recipient, path: Path) -> Told:
    try:
        content = path.read_bytes()
    except OSError as error:
        problem = {"code": "file-unreadable", "detail": error.strerror, "field": None}
        return Told("unsent", problem=problem)
    return intake.submit(sender, recipient, content)


def _line(path: Path, told: Told) -> dict[str, Any]:
    return {
        "file": str(path),
        "outcome": told.outcome,
        "reports": list(told.reports),
        "problem": told.problem,
        "answer": told.body,
    }


def _shown(line: dict[str, Any]) -> str:
    """What became of it; of what there is to mend, also the place, the reason and the advice, and by which id
    the operator knows what was kept."""
    problem, answer = line["problem"], line["answer"] or {}
    why = f": {problem['code']}" if problem else ""
    said = f"{line['file']}: {line['outcome']}{why} {' '.join(line['reports'])}".rstrip()
    if not problem or not problem["detail"]:
        return said
    where = f"{problem['field']}: " if problem["field"] else ""
    more = [f"{where}{problem['detail']}", _english(answer.get("advice"))]
    if line["outcome"] == "quarantined":
        more.append(f"Submission {answer.get('submission_id')}.")
    return f"{said}\n    {' '.join(filter(None, more))}"


def _english(words: object) -> str | None:
    return str(words.get("en")) if isinstance(words, dict) and words.get("en") else None


def _fail(words: str) -> NoReturn:
    err.print(words, soft_wrap=True, highlight=False, markup=False)
    sys.exit(2)
