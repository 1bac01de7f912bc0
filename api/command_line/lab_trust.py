"""`letopis lab certificate`: client certificates that prove a laboratory over HTTP, instead of a signature."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509

from api.client_certificates import fingerprint
from api.command_line.console import opened_node, words_of
from api.command_line.lab import lab
from api.laboratories import OPERATOR
from api.node import Node
from domain.laboratory import LaboratoryCertificateUnknownError
from ledger import certificates
from ledger.commands import LaboratoryNotFoundError
from ledger.recorder import MarkTakenError

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


def _opened() -> AbstractContextManager[Node]:
    return opened_node(
        MarkTakenError, LaboratoryCertificateUnknownError, LaboratoryNotFoundError, words=_words
    )


def _words(error: Exception) -> str:
    if isinstance(error, MarkTakenError):
        return "Another laboratory has this certificate: revoke it there first."
    return words_of(error)
