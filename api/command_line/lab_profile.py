"""`letopis lab`: what is stated of a laboratory after it was added, and what it may send."""

from datetime import datetime
from typing import Annotated

import typer

from api.command_line.lab import (
    CERTIFICATE_NUMBER,
    HANDLE,
    OID,
    UNTIL,
    accreditation,
    checked,
    in_order,
    lab,
    opened_node,
)
from api.laboratories import OPERATOR
from domain.laboratory import (
    DepartmentAdded,
    LaboratoryFormatsAllowed,
    LaboratoryKindStated,
    LaboratoryOidStated,
    LaboratoryStudyTypesAllowed,
    Statement,
)
from domain.organisation import USUAL_FORMATS, Format, OrganisationKind
from domain.study_type import StudyType
from domain.values import oid
from ledger import onboarding

_CODE = typer.Argument(help="The department's code, as it stands in the laboratory's reports.")


@lab.command(name="kind")
def state_kind(
    handle: Annotated[str, HANDLE],
    kind: Annotated[OrganisationKind, typer.Argument(help="What it is.")],
    oid_: Annotated[str | None, OID] = None,
) -> None:
    """Say what kind of organisation it is: which formats are expected of it follows from this."""
    number = checked(oid, oid_) if oid_ is not None else None
    _state(handle, LaboratoryKindStated(kind=kind))
    if number is not None:
        _state(handle, LaboratoryOidStated(oid=number))
    print(f"{handle}: {kind}; usual formats: {', '.join(USUAL_FORMATS[kind])}")


@lab.command()
def accredit(
    handle: Annotated[str, HANDLE],
    certificate_number: Annotated[str, CERTIFICATE_NUMBER],
    until: Annotated[datetime | None, UNTIL] = None,
) -> None:
    """Say by which certificate it is accredited, and until when: later submissions wait in quarantine."""
    stated = accreditation(certificate_number, until)
    _state(handle, stated)
    print(f"{handle}: accredited by {certificate_number}, until {stated.valid_until or 'further notice'}")


@lab.command(name="formats")
def allow_formats(
    handle: Annotated[str, HANDLE],
    formats: Annotated[list[Format] | None, typer.Argument(help="All that it may send.")] = None,
    *,
    usual: Annotated[bool, typer.Option("--usual", help="Those of its kind, as before.")] = False,
) -> None:
    """Allow these formats and no others."""
    if bool(formats) == usual:
        raise typer.BadParameter("name the formats, or say --usual for those of its kind")
    _state(handle, LaboratoryFormatsAllowed(formats=in_order(Format, formats or ())))
    print(f"{handle}: formats {', '.join(formats or ['as usual for its kind'])}")


@lab.command(name="study-types")
def allow_study_types(
    handle: Annotated[str, HANDLE],
    study_types: Annotated[list[StudyType] | None, typer.Argument(help="All that it may send.")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Every type, as before.")] = False,
) -> None:
    """Allow studies of these types and no others."""
    if bool(study_types) == every:
        raise typer.BadParameter("name the study types, or say --all")
    _state(handle, LaboratoryStudyTypesAllowed(study_types=in_order(StudyType, study_types or ())))
    print(f"{handle}: study types {', '.join(study_types or ['all'])}")


@lab.command(name="department")
def add_department(
    handle: Annotated[str, HANDLE],
    code: Annotated[str, _CODE],
    name: Annotated[str, typer.Option(help="Its name, as it stands in the reports.")],
    section: Annotated[StudyType, typer.Option(help="Where patients find its reports.")],
) -> None:
    """Show the reports of a department in this section of the cabinet."""
    if not (code.strip() and name.strip()):
        raise typer.BadParameter("a department is known by its code and its name: give both")
    _state(handle, DepartmentAdded(code=code.strip(), name=name.strip(), section=section))
    print(f"{handle}: {code} {name}: section {section}")


@lab.command(name="remove-department")
def remove_department(handle: Annotated[str, HANDLE], code: Annotated[str, _CODE]) -> None:
    """Show the department's reports where their codes say again."""
    with opened_node() as opened:
        onboarding.remove_department(opened.ledger, handle, code=code, by=OPERATOR)
    print(f"{handle}: removed {code}")


def _state(handle: str, stated: Statement) -> None:
    with opened_node() as opened:
        onboarding.state_laboratory(opened.ledger, handle, stated, OPERATOR)
