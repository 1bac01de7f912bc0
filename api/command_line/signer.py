"""`letopis signer`: the process that signs the log, where `letopis serve` does not start it."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from api import signing
from api.command_line.console import err
from api.settings import Settings
from ledger import custody


def signer(
    keys_to: Annotated[
        Path | None,
        typer.Option("--keys-to", help="Make the keys, copy the public ones to this folder, and stop."),
    ] = None,
) -> None:
    """Sign the log as it grows, ask the witnesses of the policy, and publish.

    To keep the keys from the server: run this under another user, with a LETOPIS_SIGNER_HOME that only this user can
    read and a DATABASE_URL whose user is a member of letopis_signer alone; give the server the public keys
    (--keys-to its folder `secrets`) and LETOPIS_SIGNER=external."""
    settings = Settings()
    if keys_to is not None:
        custody.create_log_keys(settings.signer_folder)
        custody.publish_log_keys(settings.signer_folder, keys_to)
        print(keys_to)
        return
    if not (settings.signer_folder / "log.key").exists():
        err.print(
            f"There is no key of a log in {settings.signer_folder}: `letopis serve` makes it, or --keys-to."
        )
        sys.exit(2)
    signing.run(settings)
