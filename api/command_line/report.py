"""`letopis report`: a report as it is recorded, or as it stood at a position of the ledger. The reading is recorded."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from api.command_line.console import err, opened_node, out, refuse, words_of
from api.laboratories import OPERATOR
from api.node import Node
from api.portal.report_view import as_json
from api.release import RELEASE
from api.report_as_of import readings_as_of, verdict_of
from api.result_documents import document_of, release_of_form
from api.result_sheet import DocumentUnavailableError, sheet_of
from domain import report as reports
from domain.reading import Medium, ReadingPurpose, ReportRead
from domain.report import Report
from ledger import commands
from ledger.codec import RecordedEvent
from ledger.keys import KeyErasedError
from ledger.misfiling import ReportMovedError, ReportNotFoundError, load_report
from ledger.rendering import rendering_of
from ledger.store import StreamErasedError

_NONE = "There is no such report."


def report(
    report_id: Annotated[UUID, typer.Argument(help="The report's id.")],
    as_json_object: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    as_of: Annotated[
        int | None, typer.Option("--as-of", help="As it stood when the ledger ended at this position.")
    ] = None,
    pdf: Annotated[
        Path | None, typer.Option("--pdf", help="Write its PDF as of the position to this file.")
    ] = None,
) -> None:
    """Show a report as it is recorded, or was. The reading is recorded too."""
    if pdf is not None and as_of is None:
        err.print("--pdf needs --as-of.")
        sys.exit(2)
    with opened_node() as opened:
        state = _state(opened, report_id, as_of)
        body = _body(report_id, state)
        if as_of is None or state.patient_id is None:
            _record(opened, report_id, state, None)
        else:
            body |= _as_of(opened, report_id, state, as_of, pdf)
    if as_json_object:
        print(json.dumps(body, ensure_ascii=False))
        return
    out.print_json(data=body)


def _state(opened: Node, report_id: UUID, as_of: int | None) -> Report:
    try:
        now, _ = load_report(opened.ledger, report_id)
        then = opened.ledger.load(report_id, reports.evolve, as_of=as_of)[0] if as_of is not None else now
    except ReportMovedError as error:
        refuse(f"{words_of(error)} {error.successor_id}")
    except (ReportNotFoundError, StreamErasedError):
        then = None
    if then is None:
        refuse(_NONE)
    return then


def _body(report_id: UUID, state: Report) -> dict[str, Any]:
    content = state.current
    return {
        "id": str(report_id),
        "status": state.status.value,
        "patient": {
            "family": content.subject.family,
            "given": list(content.subject.given),
            "birth_date": content.subject.birth_date,
        },
        "issued_at": content.issued_at,
        "versions": len(state.versions),
        "observations": as_json(content),
    }


def _as_of(opened: Node, report_id: UUID, state: Report, position: int, pdf: Path | None) -> dict[str, Any]:
    """What its patient saw then, and whether what was logged then can be made again to the byte."""
    assert state.patient_id is not None
    try:
        sheet = sheet_of(opened.ledger, report_id, state.patient_id, as_of=position)
        readings = [
            _reading(opened, one) for one in readings_as_of(opened.ledger, position, report_id=report_id)
        ]
        if pdf is None:
            _record(opened, report_id, state, None)
        else:
            _write_pdf(opened, report_id, state, position, pdf)
    except (DocumentUnavailableError, KeyErasedError):
        refuse(_NONE)
    return {
        "as_of": position,
        "version_shown": sheet.version,
        "laboratory": sheet.laboratory,
        "observations": as_json(sheet.content),
        "release": RELEASE,
        "readings": readings,
    }


def _reading(opened: Node, recorded: RecordedEvent) -> dict[str, Any]:
    event = recorded.event
    assert isinstance(event, ReportRead)
    return {
        "position": recorded.position,
        "at": recorded.recorded_at.isoformat(),
        "actor": recorded.circumstances.actor,
        "medium": event.medium,
        "version": event.report_version,
        "release": event.rendering.release if event.rendering else None,
        "verdict": verdict_of(opened.ledger, event),
    }


def _write_pdf(opened: Node, report_id: UUID, state: Report, position: int, pdf: Path) -> None:
    """The file leaves after the reading with its digest is recorded."""
    assert state.patient_id is not None
    time_zone = opened.settings.time_zone
    # Without a receipt page: a checkpoint of today would say more than was known then.
    document = document_of(
        opened.ledger, report_id, state.patient_id, Medium.PDF,
        locale="ru", time_zone=time_zone, as_of=position, tree_size=0,
    )  # fmt: skip
    rendering = rendering_of(
        opened.ledger, report_id, document.content,
        position=position, release=release_of_form(opened.ledger, Medium.PDF), locale="ru", time_zone=time_zone, tree_size=document.tree_size,
    )  # fmt: skip
    reading = ReportRead(
        patient_id=state.patient_id,
        report_id=report_id,
        report_version=document.version,
        purpose=ReadingPurpose.OPERATION,
        medium=Medium.PDF,
        rendering=rendering,
    )
    commands.record_reading(opened.ledger, reading, OPERATOR)
    pdf.write_bytes(document.content)


def _record(opened: Node, report_id: UUID, state: Report, medium: Medium | None) -> None:
    reading = ReportRead(
        patient_id=state.patient_id,
        report_id=report_id,
        report_version=state.current_version,
        purpose=ReadingPurpose.OPERATION,
        medium=medium,
    )
    commands.record_reading(opened.ledger, reading, OPERATOR)
