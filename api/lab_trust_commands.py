"""`letopis lab certificate`: client certificates that prove a laboratory over HTTP, instead of a signature."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509
from rich.console import Console

from api.client_certificates import fingerprint
from api.lab_commands import lab
from api.laboratories import OPERATOR
from api.node import Node, node
from api.settings import Settings
from domain.laboratory import LaboratoryCertificateUnknownError
from ledger import certificates
from ledger.commands import LaboratoryNotFoundError
from ledger.recorder import MarkTakenError
from projections import PROJECTIONS
from projections.follow import Follower

err = Console(stderr=True)
_HANDLE = typer.Argument(help="The laboratory's short name.")
_CERTIFICATE = typer.Option(help="The client certificate, a PEM file.")


@lab.command(name="certificate")
def add_certificate(handle: Annotated[str, _HANDLE], certificate: Annotated[Path, _CERTIFICATE]) -> None:
    """Take what comes over HTTP with this client certificate as the laboratory's."""
    sha256 = _sha256_of(certificate)
    with _opened() as opened:
        certificates.add(opened.ledger, handle, certificate_sha256=sha256, by=OPERATOR)
        print(f"{handle}: certificate {sha256}")


@lab.command(name="revoke-certificate")
def revoke_certificate(handle: Annotated[str, _HANDLE], certificate: Annotated[Path, _CERTIFICATE]) -> None:
    """Accept nothing more for this client certificate."""
    sha256 = _sha256_of(certificate)
    with _opened() as opened:
        certificates.revoke(opened.ledger, handle, certificate_sha256=sha256, by=OPERATOR)
        print(f"{handle}: revoked certificate {sha256}")


def _sha256_of(file: Path) -> str:
    try:
        return fingerprint(x509.load_pem_x509_certificate(file.read_bytes()))
    except (OSError, ValueError):
        raise typer.BadParameter("the file has no certificate in PEM form") from None


@contextmanager
def _opened() -> Iterator[Node]:
    """A node, with its views up to date afterwards; a refusal becomes words and exit code 1."""
    with node(Settings()) as opened:
        try:
            yield opened
        except MarkTakenError:
            err.print("Another laboratory has this certificate: revoke it there first.")
            sys.exit(1)
        except (LaboratoryCertificateUnknownError, LaboratoryNotFoundError) as error:
            err.print((type(error).__doc__ or "").strip())
            sys.exit(1)
        Follower(opened.ledger, PROJECTIONS).catch_up()
