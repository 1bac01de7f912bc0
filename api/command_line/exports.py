"""`letopis export`: the log as files, records for those who must be shown them, and all that is kept of one person."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from api.bulk_data import token_of
from api.command_line import evidence
from api.command_line.console import err, opened_node, progress, refuse
from api.exports import folder, plan
from api.exports.person import PersonUnknownError, person_archive
from api.exports.plan import Asked, FormUnfitError, ParquetMissingError
from api.laboratories import OPERATOR
from domain.reading import ExportedRecords, ExportForm
from domain.staff import Role
from domain.values import PatientId
from ledger.receipt import signer_of
from ledger.staff import load_member, member_id_of
from projections.transparency import LeafMissingError, NotIntegratedError, log_verifier

exports = typer.Typer(help="The log as files, records with a signed manifest, and one person's data.")
_REFUSALS = (
    FormUnfitError,
    ParquetMissingError,
    LeafMissingError,
    NotIntegratedError,
    folder.ExportFolderTakenError,
    folder.ExportBusyError,
)
_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


@exports.callback(invoke_without_command=True)
def export(
    context: typer.Context,
    log: Annotated[
        Path | None, typer.Option("--log", help="Folder for checkpoint and tiles (C2SP tlog-tiles).")
    ] = None,
) -> None:
    """With --log: write the log as files that others can verify."""
    if log is not None:
        evidence.export(log)
    elif context.invoked_subcommand is None:
        raise typer.BadParameter("name --log FOLDER, or a command: records, person")


@exports.command()
def records(
    *,
    kind: Annotated[ExportedRecords, typer.Argument(help="What is exported.")],
    into: Annotated[Path, typer.Option(help="A new folder, or that of an export that was cut.")],
    form: Annotated[ExportForm, typer.Option(help="Results have fhir-ndjson only.")] = ExportForm.NDJSON,
    patient: Annotated[UUID | None, typer.Option(help="Of this pseudonym only.")] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=_TIMES, help="Recorded from then on, UTC.")
    ] = None,
    until: Annotated[datetime | None, typer.Option(formats=_TIMES, help="Recorded before then, UTC.")] = None,
    bom: Annotated[
        bool, typer.Option("--bom", help="Begin CSV with the mark of UTF-8, for spreadsheets.")
    ] = False,
) -> None:
    """Write records with a signed manifest; go on where it was cut, if it was. What leaves is recorded first."""
    asked = Asked(
        records=kind,
        form=form,
        patient_id=PatientId(patient) if patient else None,
        since=since.replace(tzinfo=UTC) if since else None,
        until=until.replace(tzinfo=UTC) if until else None,
        bom=bom,
    )
    with opened_node(*_REFUSALS) as opened:
        fixed = folder.plan_of(into)
        if fixed is None:
            fixed = plan.begin(opened.ledger, asked, OPERATOR)
            folder.start(into, fixed)
        elif (fixed.records, fixed.form, fixed.patient_id) != (kind, form, asked.patient_id):
            refuse("This folder holds another export: name what it was cut in, or an empty folder.")
        with progress("export", fixed.span) as seen:
            manifest = folder.run(opened.ledger, into, seen=seen)
        keys = (log_verifier(opened.ledger).vkey, signer_of(opened.ledger).verifier.vkey)
    if kind is ExportedRecords.RESULTS:
        err.print("The files hold results in clear: what becomes of this folder is yours to answer for.")
    print(manifest)
    for key in keys:
        print(f"key {key}")


@exports.command()
def person(
    patient: Annotated[UUID, typer.Argument(help="The patient's pseudonym.")],
    into: Annotated[Path, typer.Option(help="The ZIP to write.")],
) -> None:
    """Write all that is kept of one patient, opened, for their right of access. Each result is recorded as it leaves."""
    with opened_node(NotIntegratedError, PersonUnknownError) as opened:
        chunks = person_archive(
            opened.ledger,
            PatientId(patient),
            OPERATOR,
            locale="ru",
            time_zone=opened.settings.time_zone,
        )
        with into.open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
    err.print("The file holds personal data in clear: what becomes of it is yours to answer for.")
    print(into)


@exports.command()
def client(
    handle: Annotated[str, typer.Argument(help="A member of staff with the role compliance: a program.")],
) -> None:
    """Print a year's bearer token for Bulk Data ($export). Whoever has it may take everybody's results: keep it as a key."""
    with opened_node() as opened:
        member = load_member(opened.ledger, member_id_of(opened.ledger, handle))
        if member is None or not member.may(Role.COMPLIANCE):
            refuse(
                "There is no such member with the role compliance: letopis staff admit HANDLE --role compliance."
            )
        print(token_of(opened.ledger, handle, now=datetime.now(UTC)))
