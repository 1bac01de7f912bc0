"""`letopis lab`: laboratories that may submit, their keys, and their senders of HL7 v2."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from api import laboratories
from api.command_line import console
from api.laboratories import OPERATOR, LaboratoryKeyMissingError
from api.node import Node
from domain.laboratory import (
    DepartmentUnknownError,
    LaboratoryAccredited,
    LaboratoryAlreadyRegisteredError,
    LaboratoryFormatsAllowed,
    LaboratoryKeyAdded,
    LaboratoryKeyUnknownError,
    LaboratoryKindStated,
    LaboratoryOidStated,
    LaboratoryRegistered,
    LaboratorySenderAdded,
    LaboratorySenderUnknownError,
    LaboratoryStudyTypesAllowed,
    Statement,
)
from domain.organisation import Format, OrganisationKind
from domain.study_type import StudyType
from domain.values import CheckDigitError, inn, ogrn, oid
from ledger import onboarding
from ledger.commands import LaboratoryNotFoundError
from ledger.recorder import MarkTakenError

E = TypeVar("E", bound=StrEnum)
lab = typer.Typer(no_args_is_help=True, help="Laboratories that may submit.")
# What a refusal says, and what to do.
_REFUSALS: dict[type[Exception], str] = {
    LaboratoryAlreadyRegisteredError: (
        "A laboratory with this handle is registered already: choose another handle, or change what is"
        " stated of it (letopis lab --help)."
    ),
    LaboratoryKeyMissingError: (
        "There is no signing key of this laboratory on this machine: run `letopis lab add`, or give the"
        " public key that was made elsewhere (--key)."
    ),
    LaboratoryKeyUnknownError: (
        "The laboratory has no such key in force: `letopis lab show` lists those that it has."
    ),
    LaboratoryNotFoundError: (
        "No laboratory is registered under this handle: `letopis lab list` shows all, `letopis lab add`"
        " registers one."
    ),
    LaboratorySenderUnknownError: (
        "The laboratory has no such sender of HL7 v2 messages in force: `letopis lab show` lists those that"
        " it has."
    ),
    DepartmentUnknownError: (
        "The laboratory has no department with this code: `letopis lab show` lists those that it has."
    ),
    MarkTakenError: (
        "Another laboratory has this sender: revoke it there first (letopis lab revoke-sender)."
    ),
}
HANDLE = typer.Argument(help="The laboratory's short name: Latin letters, digits, dashes.")
OID = typer.Option("--oid", help="OID in the registry of medical organisations.")
CERTIFICATE_NUMBER = typer.Option(help="Number of the certificate of accreditation.")
UNTIL = typer.Option(formats=["%Y-%m-%d"], help="Last day of the accreditation; without it it has no end.")
_KEY = typer.Option(help="A public Ed25519 JWK, made by `letopis lab keygen`.")
_APPLICATION = typer.Option("--application", help="Sending application, MSH-3.")
_FACILITY = typer.Option("--facility", help="Sending facility, MSH-4.")


@lab.command()
def add(
    handle: Annotated[str, HANDLE],
    *,
    name: Annotated[str, typer.Option(help="Official name, as in the accreditation certificate.")],
    inn_: Annotated[str, typer.Option("--inn", help="ИНН, 10 digits.")],
    ogrn_: Annotated[str, typer.Option("--ogrn", help="ОГРН, 13 digits.")],
    kind: Annotated[OrganisationKind | None, typer.Option(help="Decides the formats expected.")] = None,
    oid_: Annotated[str | None, OID] = None,
    certificate_number: Annotated[str | None, CERTIFICATE_NUMBER] = None,
    accredited_until: Annotated[datetime | None, UNTIL] = None,
    formats: Annotated[str | None, typer.Option(help="Only these, such as fhir,hl7-v2.")] = None,
    study_types: Annotated[str | None, typer.Option(help="Only these, such as blood-count,hormones.")] = None,
    key: Annotated[Path | None, _KEY] = None,
) -> None:
    """Register a laboratory. Without --key its signing key is made on this machine."""
    if not name.strip():
        raise typer.BadParameter("say the official name", param_hint="--name")
    stated: list[Statement] = []
    if kind is not None:
        stated.append(LaboratoryKindStated(kind=kind))
    if oid_ is not None:
        stated.append(LaboratoryOidStated(oid=checked(oid, oid_)))
    if certificate_number is not None:
        stated.append(accreditation(certificate_number, accredited_until))
    elif accredited_until is not None:
        raise typer.BadParameter("say of which certificate, too: --certificate-number")
    if formats is not None:
        stated.append(LaboratoryFormatsAllowed(formats=_listed(formats, Format)))
    if study_types is not None:
        stated.append(LaboratoryStudyTypesAllowed(study_types=_listed(study_types, StudyType)))
    registered = LaboratoryRegistered(
        handle=checked(laboratories.new_handle, handle),
        name=name,
        inn=checked(inn, inn_),
        ogrn=checked(ogrn, ogrn_),
    )
    with opened_node() as opened:
        if key is not None:
            theirs = _public_key(key)
            found = onboarding.register_laboratory(opened.ledger, registered, *stated, theirs, by=OPERATOR)
            print(f"{handle}: {found}, key {theirs.key_id}")
            return
        found, sender = laboratories.add(opened.ledger, opened.settings.home, registered, *stated)
        print(f"{handle}: {found}, key {sender.key.thumbprint()}")


@lab.command()
def rotate(handle: Annotated[str, HANDLE], key: Annotated[Path | None, _KEY] = None) -> None:
    """Put a new signing key in force. The old one stays in force until it is revoked."""
    with opened_node() as opened:
        if key is not None:
            theirs = _public_key(key)
            onboarding.add_laboratory_key(
                opened.ledger, handle, key_id=theirs.key_id, public_key=theirs.public_key, by=OPERATOR
            )
            print(f"{handle}: key {theirs.key_id}")
            return
        old, new = laboratories.rotate(opened.ledger, opened.settings.home, handle)
        print(f"{handle}: key {new.key.thumbprint()}; still in force: {old.key.thumbprint()}")


# One thumbprint in 64 begins with a dash, and is no option.
@lab.command(context_settings={"ignore_unknown_options": True})
def revoke(
    handle: Annotated[str, HANDLE],
    key_id: Annotated[str, typer.Argument(help="The key's thumbprint, as `add` and `rotate` printed it.")],
    reason: Annotated[str, typer.Option(help="Why, in a word; never about a person.")],
) -> None:
    """Accept nothing more that is signed with this key."""
    with opened_node() as opened:
        onboarding.revoke_laboratory_key(opened.ledger, handle, key_id=key_id, reason=reason, by=OPERATOR)
        print(f"{handle}: revoked {key_id}")


@lab.command(name="sender")
def add_sender(
    handle: Annotated[str, HANDLE],
    application: Annotated[str, _APPLICATION],
    facility: Annotated[str, _FACILITY] = "",
    certificate: Annotated[
        Path | None, typer.Option(help="Client certificate (PEM) without which it is not believed.")
    ] = None,
) -> None:
    """Take HL7 v2 messages of this sender, by MLLP, as the laboratory's."""
    added = LaboratorySenderAdded(
        application=_first_component(application),
        facility=_first_component(facility),
        certificate_sha256=_fingerprint(certificate) if certificate else None,
    )
    with opened_node() as opened:
        onboarding.add_laboratory_sender(opened.ledger, handle, added, OPERATOR)
        print(f"{handle}: {application}|{facility}, certificate {added.certificate_sha256 or 'not needed'}")


@lab.command(name="revoke-sender")
def revoke_sender(
    handle: Annotated[str, HANDLE],
    application: Annotated[str, _APPLICATION],
    facility: Annotated[str, _FACILITY] = "",
) -> None:
    """Accept nothing more from this sender of HL7 v2 messages."""
    with opened_node() as opened:
        onboarding.revoke_laboratory_sender(
            opened.ledger, handle, application=application, facility=facility, by=OPERATOR
        )
        print(f"{handle}: revoked {application}|{facility}")


def _first_component(text: str) -> str:
    """By it a message is known: what stands behind it (LIS^1.2.643^ISO) would never be matched."""
    if set(text) & set("|^~\\&"):
        raise typer.BadParameter("name what stands before the first ^ in MSH-3 and MSH-4")
    return text


def _fingerprint(file: Path) -> str:
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
    except (OSError, ValueError):
        raise typer.BadParameter("the file has no certificate in PEM form") from None
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def _public_key(file: Path) -> LaboratoryKeyAdded:
    try:
        return laboratories.key_made_elsewhere(file.read_text())
    except (OSError, ValueError):
        raise typer.BadParameter(
            "the file has no public Ed25519 key as JWK; a private key must stay with the laboratory"
        ) from None


def accreditation(certificate_number: str, until: datetime | None) -> LaboratoryAccredited:
    return LaboratoryAccredited(
        certificate_number=certificate_number, valid_until=until.date() if until else None
    )


def checked(check: Callable[[str], str], text: str) -> str:
    """What was typed, if it passes the check; else the option is refused with words."""
    try:
        return check(text)
    except CheckDigitError as error:
        raise typer.BadParameter(
            f"the check digit of {error.field} is wrong: compare it digit by digit"
        ) from None
    except ValueError as error:
        raise typer.BadParameter((type(error).__doc__ or "").strip()) from None


def _listed(text: str, choices: type[E]) -> tuple[E, ...]:
    """What was typed with commas between."""
    try:
        return in_order(choices, [choices(word.strip()) for word in text.split(",")])
    except ValueError:
        raise typer.BadParameter(f"choose among {', '.join(choices)}, with commas between") from None


def in_order(choices: type[E], chosen: Sequence[E]) -> tuple[E, ...]:
    """Each once, in the order of the list: the same permission is then the same event."""
    return tuple(one for one in choices if one in chosen)


def opened_node() -> AbstractContextManager[Node]:
    """A node whose views are up to date; a refusal becomes words and exit code 1."""
    return console.opened_node(*_REFUSALS, words=lambda error: _REFUSALS[type(error)])
