"""`letopis proof`: what proves to others that an event, a result, a consent or a whole chain is in the log.

That a proof was handed out is recorded before it is written.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from typer.core import TyperGroup

from api.command_line.console import opened_node, refuse
from api.evidence_files import completeness_proof, event_proof
from api.laboratories import OPERATOR
from api.node import Node
from api.result_receipts import latest_tree, receipt_of
from api.result_sheet import DocumentUnavailableError
from domain.consent import ConsentGranted
from domain.reading import Evidence, EvidenceTaken, ReadingPurpose
from domain.values import PatientId
from ledger.keys import KeyErasedError
from ledger.misfiling import ReportMovedError, ReportNotFoundError, load_report
from ledger.readings import record_readings
from projections import transparency
from projections.completeness import stored_event
from projections.transparency import NotIntegratedError

OutDir = Annotated[Path, typer.Option("--out", help="Folder to write to.")]
EventId = Annotated[UUID, typer.Argument(help="The event's id.")]


class _EventFirst(TyperGroup):
    """`letopis proof ID` is `letopis proof event ID`: what it always was."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        is_id = bool(args) and self.get_command(ctx, args[0]) is None and not args[0].startswith("-")
        return super().resolve_command(ctx, ["event", *args] if is_id else args)


proof = typer.Typer(no_args_is_help=True, cls=_EventFirst, help="Write proofs that others can check.")


@proof.command()
def event(event_id: EventId, out_dir: OutDir = Path()) -> None:
    """Write EVENT_ID.tlog-proof (c2sp.org/tlog-proof@v1) and EVENT_ID.leaf."""
    with opened_node(NotIntegratedError) as opened:
        files = event_proof(opened.ledger, event_id)
        _hand_out(opened, files, out_dir, _taken(Evidence.EVENT, None, event_id))


@proof.command()
def consent(event_id: EventId, out_dir: OutDir = Path()) -> None:
    """Write the proof of a ConsentGranted event, and its stored bytes: they say what was agreed to."""
    with opened_node(NotIntegratedError) as opened:
        found = stored_event(opened.ledger, event_id)
        if found is None:
            refuse("There is no such consent.")
        stream_id, content = found
        given = next(one.event for one in opened.ledger.read(stream_id) if one.event_id == event_id)
        if not isinstance(given, ConsentGranted):
            refuse("There is no such consent.")
        files = {**event_proof(opened.ledger, event_id), f"{event_id}.event": content}
        _hand_out(opened, files, out_dir, _taken(Evidence.CONSENT, given.patient_id, event_id))


@proof.command()
def report(
    report_id: Annotated[UUID, typer.Argument(help="The report's id.")], out_dir: OutDir = Path()
) -> None:
    """Write REPORT_ID.receipt.json: what the version that stands says, and the chain of all versions."""
    with opened_node(
        ReportNotFoundError, ReportMovedError, DocumentUnavailableError, KeyErasedError
    ) as opened:
        ledger = opened.ledger
        state, _ = load_report(ledger, report_id)
        shown = state.held_at or state.current_version
        tree_size = latest_tree(ledger, report_id)
        receipt = receipt_of(ledger, report_id, shown, as_of=ledger.last_position(), tree_size=tree_size)
        files = {f"{report_id}.receipt.json": receipt.content}
        _hand_out(opened, files, out_dir, _taken(Evidence.REPORT, state.patient_id, report_id))


@proof.command()
def completeness(
    patient_id: Annotated[UUID, typer.Argument(help="The patient's id.")], out_dir: OutDir = Path()
) -> None:
    """Write PATIENT_ID.completeness.json: all events that the patient's results are made of (docs/evidence)."""
    with opened_node(NotIntegratedError) as opened:
        owner = PatientId(patient_id)
        files = {f"{patient_id}.completeness.json": completeness_proof(opened.ledger, owner)}
        _hand_out(opened, files, out_dir, _taken(Evidence.COMPLETENESS, owner, None))


def _taken(evidence: Evidence, patient_id: PatientId | None, about: UUID | None) -> EvidenceTaken:
    return EvidenceTaken(
        patient_id=patient_id, evidence=evidence, about=about, purpose=ReadingPurpose.OPERATION
    )


def _hand_out(opened: Node, files: Mapping[str, bytes], out_dir: Path, taken: EvidenceTaken) -> None:
    record_readings(opened.ledger, [taken], OPERATOR)
    out_dir.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (out_dir / name).write_bytes(content)
        print(out_dir / name)
    print(f"key {transparency.log_verifier(opened.ledger).vkey}")
