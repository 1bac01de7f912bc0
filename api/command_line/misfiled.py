"""`letopis misfiled`: a report that was given to the wrong patient: how far it went, and taking it back."""

import json
from typing import Annotated, Any
from uuid import UUID

import typer

from api.command_line.console import err, opened_node, words_of
from api.laboratories import OPERATOR
from api.node import Node
from domain.report import ReportHasNoPatientError
from ledger.misfiling import ReportMovedError, ReportNotFoundError, load_report, undo
from ledger.onboarding import laboratory_of_id
from ledger.proposals import still_recognised
from projections import PROJECTIONS
from projections.exposure import exposure_of
from projections.follow import Follower

misfiled = typer.Typer(no_args_is_help=True, help="Reports that were given to the wrong patient.")
_ID = typer.Argument(help="The report's id.")
_JSON = typer.Option("--json", help="One JSON object.")
_STILL = (
    "A number of the laboratory in this report still leads to {patient_id}, and would bring them its next report:"
    " letopis match unlink-id {handle} --patient {patient_id} --report {report_id}"
)


@misfiled.command()
def show(report_id: Annotated[UUID, _ID], as_json_object: Annotated[bool, _JSON] = False) -> None:
    """Who has read the report and who was told of it, by pseudonym; nothing of what it says."""
    with opened_node(ReportNotFoundError, words=_words) as opened:
        body = _exposure(opened, report_id)
        if not (body["readings"] or body["notices"]):
            load_report(opened.ledger, report_id)
        _print(_whose(opened, report_id) | body, as_json_object)


@misfiled.command(name="undo")
def take_back(report_id: Annotated[UUID, _ID], as_json_object: Annotated[bool, _JSON] = False) -> None:
    """Take the report from its patient, destroy its data key and go on under a new one: with the patient
    whom its numbers name if that is another, else waiting. Both are told. Prints the new id, and how far the
    report went."""
    with opened_node(ReportNotFoundError, ReportHasNoPatientError, words=_words) as opened:
        state, _ = load_report(opened.ledger, report_id)
        successor_id = undo(opened.ledger, report_id, OPERATOR)
        Follower(opened.ledger, PROJECTIONS).catch_up()
        now, _ = load_report(opened.ledger, successor_id)
        moved = {
            "report": str(report_id),
            "taken_from": str(state.patient_id),
            "successor": str(successor_id),
            "given_to": str(now.patient_id) if now.patient_id else None,
        }
        _print(moved | _exposure(opened, report_id), as_json_object)
        for patient_id in still_recognised(opened.ledger, successor_id):
            handle = laboratory_of_id(opened.ledger, now.laboratory_id).handle
            told = _STILL.format(patient_id=patient_id, handle=handle, report_id=successor_id)
            err.print(told, highlight=False, soft_wrap=True)


def _whose(opened: Node, report_id: UUID) -> dict[str, Any]:
    """Whom `undo` would take it from, by pseudonym; of one that was taken back, where it goes on."""
    try:
        state, _ = load_report(opened.ledger, report_id)
    except ReportMovedError as error:
        return {"successor": str(error.successor_id)}
    except ReportNotFoundError:
        return {}
    return {
        "patient": str(state.patient_id) if state.patient_id else None,
        "laboratory": str(state.laboratory_id),
        "versions": len(state.versions),
    }


def _words(error: Exception) -> str:
    if isinstance(error, ReportMovedError):
        return f"{words_of(error)} {error.successor_id}"
    return words_of(error)


def _exposure(opened: Node, report_id: UUID) -> dict[str, Any]:
    found = exposure_of(opened.ledger, report_id)
    return {
        "readings": [
            {"at": one.at.isoformat(), "actor": one.actor, "purpose": one.purpose} for one in found.readings
        ],
        "notices": [
            {
                "at": one.at.isoformat(),
                "patient": str(one.patient_id),
                "channel": one.channel,
                "status": one.status,
            }
            for one in found.notices
        ],
    }


def _print(body: dict[str, Any], as_json_object: bool) -> None:
    if as_json_object:
        print(json.dumps(body, ensure_ascii=False))
        return
    for name, value in body.items():
        if isinstance(value, list):
            print(f"{name}: {len(value)}")
            for one in value:
                print("  " + "  ".join(one.values()))
        else:
            print(f"{name}: {'-' if value is None else value}")
