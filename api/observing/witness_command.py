"""`letopis witness`: cosign the checkpoints of logs that somebody else keeps. It needs nothing of a Letopis of one's
own, neither database nor settings: a folder for its keys and its memory, and a port."""

import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from api.observing.witness_memory import (
    WitnessFolderBusyError,
    WitnessKeysExistError,
    WitnessKeysMissingError,
    WitnessMemoryDamagedError,
    make_keys,
    read_keys,
)
from api.observing.witness_server import serve as serve_witness
from ledger.cosignature import Cosigner
from ledger.note import InvalidKeyError
from ledger.witness_policy import InvalidPolicyError, LogKey, log_key, strength
from ledger.witness_policy import parse as parse_policy

witness = typer.Typer(no_args_is_help=True, help="Cosign checkpoints of logs: a witness (C2SP tlog-witness).")
err = Console(stderr=True)
_FOLDER = typer.Option(help="The witness's own folder. Never bring it back from a backup.")
# What uvicorn itself says when it can't start.
_NOT_STARTED = 3
_WEAK = 3


@witness.command()
def keygen(
    folder: Annotated[Path, _FOLDER],
    name: Annotated[
        str, typer.Option(help="Who cosigns, such as witness.example/region: no space, no plus.")
    ],
) -> None:
    """Make the keys, one of each kind, and print what others need to trust them."""
    try:
        cosigners = make_keys(folder, name, secrets.token_bytes)
    except (InvalidKeyError, WitnessKeysExistError) as error:
        _refuse(str(error) if isinstance(error, InvalidKeyError) else _words_of(error))
    _print(cosigners)


@witness.command()
def show(folder: Annotated[Path, _FOLDER]) -> None:
    """Print the public keys again."""
    try:
        _print(read_keys(folder))
    except WitnessKeysMissingError as error:
        _refuse(_words_of(error))


@witness.command()
def serve(
    *,
    folder: Annotated[Path, _FOLDER],
    log: Annotated[list[str] | None, typer.Option(help="vkey of a log to cosign; again for another.")] = None,
    policy_file: Annotated[
        Path | None, typer.Option("--policy", help="File (tlog-policy) whose logs are cosigned.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8090,
    prefix: Annotated[str, typer.Option(help="What the paths begin with, such as /witness.")] = "",
) -> None:
    """Answer logs that ask for a cosignature, and monitors that ask what was cosigned."""
    logs = _logs(log or [], policy_file)
    try:
        has_served = serve_witness(
            folder,
            logs,
            host=host,
            port=port,
            prefix=prefix.rstrip("/"),
            ready=lambda: err.print(f"witness: http://{host}:{port}{prefix}", markup=False),
        )
    except FileNotFoundError:
        _refuse(f"there is no folder {folder}: make it and the keys with `letopis witness keygen`")
    except (WitnessFolderBusyError, WitnessKeysMissingError, WitnessMemoryDamagedError) as error:
        _refuse(_words_of(error))
    sys.exit(0 if has_served else _NOT_STARTED)


@witness.command()
def policy(file: Annotated[Path, typer.Argument(help="A policy file (tlog-policy).")]) -> None:
    """Check a policy, and say what its quorum is good for. Exit 1 if it is refused, 3 if it only finds forks."""
    try:
        found = parse_policy(file.read_bytes())
    except (InvalidPolicyError, OSError) as error:
        _refuse(f"{file}: {error}")
    print(
        f"{len(found.logs)} keys of logs, {len(found.witnesses)} of witnesses; quorum {found.quorum or 'none'}"
    )
    weighed = strength(found)
    if weighed is None:
        print("too many witnesses to say whether two quorums always share one")
        return
    print(f"{weighed.smallest} witnesses at least cosign what it takes")
    if weighed.prevents_forks:
        print("any two quorums share a witness: one that is honest keeps the log from showing two histories")
        return
    print(
        "two quorums without a common witness are possible: a fork is found by comparing, and not prevented"
    )
    sys.exit(_WEAK)


def _logs(vkeys: Sequence[str], policy: Path | None) -> list[LogKey]:
    try:
        found = [log_key(vkey) for vkey in vkeys]
        if policy is not None:
            found += [log.key for log in parse_policy(policy.read_bytes()).logs]
    except (InvalidKeyError, InvalidPolicyError, OSError) as error:
        _refuse(f"--log or --policy: {error}")
    if not found:
        raise typer.BadParameter("name a log by --log or --policy")
    return found


def _print(cosigners: Sequence[Cosigner]) -> None:
    """As lines of a policy, to be put into a file as they are."""
    for cosigner in cosigners:
        kind = cosigner.kind.name.lower().replace("_", "-")
        print(f"witness {cosigner.name}/{kind} {cosigner.verifier.vkey}")


def _words_of(error: Exception) -> str:
    return (error.__doc__ or "").strip()


def _refuse(words: str) -> NoReturn:
    err.print(words, markup=False)
    sys.exit(1)
