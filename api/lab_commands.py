"""`letopis lab`: laboratories that may submit, their keys, and their senders of HL7 v2."""

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from rich.console import Console

from api import laboratories
from api.laboratories import OPERATOR, LaboratoryKeyMissingError
from api.node import Node, node
from api.settings import Settings
from domain.laboratory import (
    LaboratoryAlreadyRegisteredError,
    LaboratoryKeyUnknownError,
    LaboratoryRegistered,
    LaboratorySenderAdded,
    LaboratorySenderUnknownError,
)
from domain.values import CheckDigitError, inn, ogrn
from ledger import commands
from ledger.commands import LaboratoryNotFoundError
from ledger.recorder import MarkTakenError
from projections import PROJECTIONS
from projections.follow import Follower

lab = typer.Typer(no_args_is_help=True, help="Laboratories that may submit.")
err = Console(stderr=True)
_REFUSALS = (
    LaboratoryAlreadyRegisteredError,
    LaboratoryKeyMissingError,
    LaboratoryKeyUnknownError,
    LaboratoryNotFoundError,
    LaboratorySenderUnknownError,
)
_HANDLE = typer.Argument(help="The laboratory's short name: letters, digits, dashes.")
_APPLICATION = typer.Option("--application", help="Sending application, MSH-3.")
_FACILITY = typer.Option("--facility", help="Sending facility, MSH-4.")


@lab.command()
def add(
    handle: Annotated[str, _HANDLE],
    name: Annotated[str, typer.Option(help="Official name, as in the accreditation certificate.")],
    inn_: Annotated[str, typer.Option("--inn", help="ИНН, 10 digits.")],
    ogrn_: Annotated[str, typer.Option("--ogrn", help="ОГРН, 13 digits.")],
) -> None:
    """Register a laboratory and make its signing key on this machine."""
    try:
        registered = LaboratoryRegistered(handle=handle, name=name, inn=inn(inn_), ogrn=ogrn(ogrn_))
    except CheckDigitError as error:
        raise typer.BadParameter(f"the check digit of {error.field} is wrong") from None
    with _opened() as opened:
        laboratory_id, sender = laboratories.add(opened.ledger, opened.settings.home, registered)
        print(f"{handle}: {laboratory_id}, key {sender.key.thumbprint()}")


@lab.command()
def rotate(handle: Annotated[str, _HANDLE]) -> None:
    """Make a new signing key on this machine. The old one stays in force until it is revoked."""
    with _opened() as opened:
        old, new = laboratories.rotate(opened.ledger, opened.settings.home, handle)
        print(f"{handle}: key {new.key.thumbprint()}; still in force: {old.key.thumbprint()}")


@lab.command()
def revoke(
    handle: Annotated[str, _HANDLE],
    key_id: Annotated[str, typer.Argument(help="The key's thumbprint, as `add` and `rotate` printed it.")],
    reason: Annotated[str, typer.Option(help="Why, in a word; never about a person.")],
) -> None:
    """Accept nothing more that is signed with this key."""
    with _opened() as opened:
        commands.revoke_laboratory_key(opened.ledger, handle, key_id=key_id, reason=reason, by=OPERATOR)
        print(f"{handle}: revoked {key_id}")


@lab.command(name="sender")
def add_sender(
    handle: Annotated[str, _HANDLE],
    application: Annotated[str, _APPLICATION],
    facility: Annotated[str, _FACILITY] = "",
    certificate: Annotated[
        Path | None, typer.Option(help="Client certificate (PEM) without which it is not believed.")
    ] = None,
) -> None:
    """Take HL7 v2 messages of this sender, by MLLP, as the laboratory's."""
    added = LaboratorySenderAdded(
        application=application,
        facility=facility,
        certificate_sha256=_fingerprint(certificate) if certificate else None,
    )
    with _opened() as opened:
        commands.add_laboratory_sender(opened.ledger, handle, added, OPERATOR)
        print(f"{handle}: {application}|{facility}, certificate {added.certificate_sha256 or 'not needed'}")


@lab.command(name="revoke-sender")
def revoke_sender(
    handle: Annotated[str, _HANDLE],
    application: Annotated[str, _APPLICATION],
    facility: Annotated[str, _FACILITY] = "",
) -> None:
    """Accept nothing more from this sender of HL7 v2 messages."""
    with _opened() as opened:
        commands.revoke_laboratory_sender(
            opened.ledger, handle, application=application, facility=facility, by=OPERATOR
        )
        print(f"{handle}: revoked {application}|{facility}")


def _fingerprint(file: Path) -> str:
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError):
        raise typer.BadParameter("the file has no certificate in PEM form") from None
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


@contextmanager
def _opened() -> Iterator[Node]:
    """A node, with its views up to date afterwards; a refusal becomes words and exit code 1."""
    with node(Settings()) as opened:
        try:
            yield opened
        except MarkTakenError:
            err.print("Another laboratory has this sender.")
            sys.exit(1)
        except _REFUSALS as error:
            err.print((type(error).__doc__ or "").strip())
            sys.exit(1)
        Follower(opened.ledger, PROJECTIONS).catch_up()
