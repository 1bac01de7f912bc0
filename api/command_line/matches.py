"""`letopis match`: whose a report may be is listed, shown, confirmed or declined; laboratories' own numbers."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

import typer

from api.command_line.console import opened_node, refuse, say_if_none
from api.laboratories import OPERATOR
from api.node import Node
from api.problems import explain
from api.staff.side_by_side import Compared, compared, said_by_numbers
from domain.numbers import LaboratoryNumber, laboratory_numbers, numbers_of
from domain.patient import LaboratoryPatientIdUnknownError
from domain.proposal import MatchContradictedError, MatchNotProposedError
from domain.values import Identifier, LaboratoryId, PatientId
from ledger import commands, onboarding, proposals
from ledger.misfiling import ReportNotFoundError
from ledger.proposals import SideBySide
from ledger.recorder import MarkTakenError
from projections import matching

match = typer.Typer(no_args_is_help=True, help="Reports of which a person decides whose they are.")
_REPORT = typer.Argument(help="The report's id.")
_PATIENT = typer.Argument(help="The patient's pseudonym.")
_HANDLE = typer.Argument(help="The laboratory's short name.")
_OF = typer.Option("--patient", help="The patient's pseudonym.")
_NUMBER = typer.Option(
    "--number", help="The laboratory's own number of the patient, as its reports carry it."
)
_SYSTEM = typer.Option("--system", help="The system of the number, as reports carry it; empty if they don't.")
_CODES: dict[type[Exception], str] = {
    MatchNotProposedError: "match-not-proposed",
    MatchContradictedError: "match-contradicted",
    ReportNotFoundError: "report-not-found",
    proposals.ReportNotWaitingError: "report-not-waiting",
    commands.PatientNotFoundError: "patient-not-found",
    commands.LaboratoryNotFoundError: "laboratory-not-found",
    LaboratoryPatientIdUnknownError: "laboratory-patient-id-unknown",
    MarkTakenError: "laboratory-patient-id-taken",
}


@match.command(name="list")
def list_proposals(
    as_json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """What a person has to decide, in the order in which the reports arrived. No name is shown."""
    with _opened() as opened:
        lines = map(_line, _proposed(opened))
        told = (json.dumps(one, ensure_ascii=False) if as_json_lines else _told(one) for one in lines)
        say_if_none(told, "Nothing waits for a person's decision.")


@match.command()
def show(
    report_id: Annotated[UUID, _REPORT],
    patient_id: Annotated[UUID, _PATIENT],
    as_json_object: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show the person of a report beside the patient. That they were shown is recorded."""
    with _opened() as opened:
        found = proposals.show(opened.ledger, report_id, PatientId(patient_id), OPERATOR)
        body = _both(found)
        if as_json_object:
            print(json.dumps(body, ensure_ascii=False))
            return
        for field, (of_report, of_patient) in body["fields"].items():
            print(
                f"{field:12}  {of_report or '—':32}  {of_patient or '—':32}  {body['agree'].get(field, '')}"
            )
        print("confirmable" if body["confirmable"] else "not confirmable: a good number is another person's")


@match.command()
def confirm(
    report_id: Annotated[UUID, _REPORT],
    patient_id: Annotated[UUID, _PATIENT],
    link_id: Annotated[
        bool, typer.Option(help="From now on the laboratory's own number recognises the patient.")
    ] = True,
) -> None:
    """The report is this patient's."""
    with _opened() as opened:
        found = proposals.confirm(
            opened.ledger, report_id, PatientId(patient_id), OPERATOR, links_number=link_id
        )
        outcome = "matched" if found.is_matched else f"confirmed, waits: {found.barrier}"
        print(f"{report_id}: {outcome}")


@match.command()
def decline(report_id: Annotated[UUID, _REPORT], patient_id: Annotated[UUID, _PATIENT]) -> None:
    """The report is not this patient's; it is not proposed to them again."""
    with _opened() as opened:
        proposals.decline(opened.ledger, report_id, PatientId(patient_id), OPERATOR)
        print(f"{report_id}: declined")


@match.command(name="link-id")
def link_id(
    handle: Annotated[str, _HANDLE],
    patient_id: Annotated[UUID, _OF],
    number: Annotated[str, _NUMBER],
    system: Annotated[str, _SYSTEM] = "",
) -> None:
    """Reports of the laboratory with this number of its own are this patient's from now on."""
    with _opened() as opened:
        laboratory_id, given = _given(opened, handle, number, system)
        proposals.link_number(opened.ledger, laboratory_id, PatientId(patient_id), given, OPERATOR)
        print(f"{handle}: linked with {patient_id}")


@match.command(name="unlink-id")
def unlink_id(
    handle: Annotated[str, _HANDLE],
    patient_id: Annotated[UUID, _OF],
    number: Annotated[str | None, _NUMBER] = None,
    system: Annotated[str, _SYSTEM] = "",
    report_id: Annotated[UUID | None, typer.Option("--report", help="Its numbers, instead.")] = None,
) -> None:
    """The number recognises the patient no more; reports that it brought stay where they are. --report names the
    numbers without showing them: after `letopis misfiled undo`."""
    if (number is None) == (report_id is None):
        raise typer.BadParameter("say --number, or --report of which it is")
    with _opened() as opened:
        if report_id is not None:
            laboratory_id, _ = onboarding.load_laboratory(opened.ledger, handle)
            numbers = proposals.linked_numbers(opened.ledger, report_id, PatientId(patient_id))
        else:
            laboratory_id, given = _given(opened, handle, number or "", system)
            numbers = [given]
        if not numbers:
            raise LaboratoryPatientIdUnknownError
        for one in numbers:
            proposals.unlink_number(opened.ledger, laboratory_id, PatientId(patient_id), one, OPERATOR)
        print(f"{handle}: unlinked from {patient_id}")


def _given(opened: Node, handle: str, number: str, system: str) -> tuple[LaboratoryId, LaboratoryNumber]:
    identifier = Identifier(system=system, value=number)
    numbers = numbers_of((identifier,))
    found = laboratory_numbers((identifier,))
    if not found:
        is_checked = bool(numbers.good or numbers.failed)
        refuse(_words("laboratory-patient-id-system" if is_checked else "laboratory-patient-id-filler"))
    laboratory_id, _ = onboarding.load_laboratory(opened.ledger, handle)
    return laboratory_id, found[0]


def _opened() -> AbstractContextManager[Node]:
    return opened_node(*_CODES, words=lambda error: _words(_CODES[type(error)]))


def _words(code: str) -> str:
    explanation = explain(code)
    return f"{code}: {explanation.title[1]}\n{explanation.advice[1]}"


def _proposed(opened: Node) -> Iterator[matching.Proposed]:
    after = 0
    while page := matching.proposed(opened.ledger, after=after):
        yield from page
        after = page[-1].position


def _line(found: matching.Proposed) -> dict[str, Any]:
    agree = [] if found.by_number else ["name", "birth_date"]
    return {
        "report": str(found.report_id),
        "laboratory": found.laboratory,
        "patient": str(found.patient_id),
        "by": "number" if found.by_number else "name",
        "agree": [*agree, "sex"] if found.is_sex_same else agree,
        "numbers": said_by_numbers(found),
        "confirmable": not found.is_contradicted,
    }


def _told(line: dict[str, Any]) -> str:
    # What a number proposes is proposed because the persons differ: who reads no more than this must see it.
    agree = "the number, not the person" if line["by"] == "number" else ", ".join(line["agree"])
    where = f"{line['report']}  {line['laboratory']}  patient {line['patient']}"
    return f"{where}  same: {agree}; numbers: {line['numbers']}"


def _both(found: SideBySide) -> dict[str, Any]:
    """The fields of both: of the report, of the patient."""
    agree = {field: _word(same) for field, same in asdict(found.agreement).items()}
    fields = {line.field: _said(line) for line in compared(found)}
    return {"fields": fields, "agree": agree, "confirmable": not found.is_contradicted}


def _said(line: Compared) -> tuple[str | None, str | None]:
    return "check digit wrong" if line.is_failed else line.of_report, line.of_patient


def _word(same: bool | None) -> str:
    return {True: "same", False: "differs", None: "not known"}[same]
