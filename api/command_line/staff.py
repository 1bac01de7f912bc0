"""`letopis staff`: who works here, in which roles, and the links by which they set up their way in."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import Annotated

import typer
from rich.console import Console

from api.laboratories import OPERATOR
from api.node import node
from api.settings import Settings
from api.staff.door import Link, StaffDoor
from domain.staff import (
    Role,
    StaffAuditorNotAloneError,
    StaffHandleMalformedError,
    StaffMember,
    StaffMemberAlreadyAdmittedError,
    StaffMemberUnknownError,
    StaffOrganisationMissingError,
    StaffOrganisationNotForRoleError,
    StaffRoleMissingError,
)
from domain.values import OrganisationId
from ledger.commands import LaboratoryNotFoundError
from ledger.onboarding import laboratory_of_id, load_laboratory
from ledger.staff import members
from projections import PROJECTIONS
from projections.follow import Follower

staff = typer.Typer(no_args_is_help=True, help="Members of staff and their roles.")
err = Console(stderr=True)
_REFUSALS = (
    LaboratoryNotFoundError,
    StaffAuditorNotAloneError,
    StaffHandleMalformedError,
    StaffMemberAlreadyAdmittedError,
    StaffMemberUnknownError,
    StaffOrganisationMissingError,
    StaffOrganisationNotForRoleError,
    StaffRoleMissingError,
)
_HANDLE = typer.Argument(help="Working name: small letters, digits, dashes. It stays in history for ever.")


@staff.command()
def admit(
    handle: Annotated[str, _HANDLE],
    roles: Annotated[list[Role], typer.Option("--role", help="What they may do; again for another role.")],
    lab: Annotated[
        str | None,
        typer.Option(
            help="Handle of the organisation that a registrar, a doctor or a laboratory's member works for."
        ),
    ] = None,
) -> None:
    """Let somebody work here, and print the link by which they set their password and second factor."""
    with _opened() as door:
        organisation_id = OrganisationId(load_laboratory(door.ledger, lab)[0]) if lab is not None else None
        _print_link(door.admit(handle, roles, OPERATOR, organisation_id=organisation_id))


@staff.command()
def reset(handle: Annotated[str, _HANDLE]) -> None:
    """Take away password, second factor, sessions and earlier links, and print a new link: for a lost
    phone, a forgotten password, or a link that was not used in time. See first that it is they who ask."""
    with _opened() as door:
        _print_link(door.reset(handle, OPERATOR))


@staff.command()
def dismiss(handle: Annotated[str, _HANDLE]) -> None:
    """End somebody's work here. Their sessions end at once."""
    with _opened() as door:
        door.dismiss(handle, OPERATOR)
        print(f"{handle}: dismissed")


@staff.command(name="list")
def list_members(
    as_json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Everybody who was ever admitted: handle, state (invited, enrolled, dismissed), roles."""
    with _opened() as door:
        for member in members(door.ledger):
            line = {"handle": member.handle, "state": _state(member), "roles": sorted(member.roles)}
            told = f"{member.handle}  {line['state']}  {', '.join(line['roles'])}"
            if member.organisation_id is not None:
                line["laboratory"] = laboratory_of_id(door.ledger, member.organisation_id).handle
                told += f"  {line['laboratory']}"
            print(json.dumps(line) if as_json_lines else told)


def _state(member: StaffMember) -> str:
    if not member.is_admitted:
        return "dismissed"
    return "enrolled" if member.is_enrolled else "invited"


def _print_link(link: Link) -> None:
    print(link.address)
    err.print(
        f"Good once, until {link.expires_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC. Whoever has it can use it."
    )


@contextmanager
def _opened() -> Iterator[StaffDoor]:
    """The staff's door, with views up to date afterwards; a refusal becomes words and exit code 1."""
    with node(Settings()) as opened:
        try:
            yield StaffDoor(opened.ledger, opened.settings)
        except _REFUSALS as error:
            err.print((type(error).__doc__ or "").strip())
            sys.exit(1)
        Follower(opened.ledger, PROJECTIONS).catch_up()
