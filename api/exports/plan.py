"""The plan of an export: all that its bytes follow from, fixed and recorded before any of them leave.

Whoever goes on with a cut export goes by its plan, so that it ends in the same bytes.
"""

from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from uuid import UUID

import orjson
from pydantic import TypeAdapter

from domain.reading import ExportedRecords, ExportForm, ReadingPurpose, RecordsExported
from domain.values import PatientId
from ledger import merkle
from ledger.codec import Circumstances
from ledger.commands import record_reading
from ledger.note import encode_base64
from ledger.store import Ledger
from projections import records

_R, _F = ExportedRecords, ExportForm
# Which forms there are of which records: journals are tables, results are resources of FHIR.
FORMS: dict[ExportedRecords, tuple[ExportForm, ...]] = {
    _R.EVENTS: (_F.NDJSON, _F.CSV, _F.PARQUET),
    _R.AUDIT_TRAIL: (_F.NDJSON, _F.CSV, _F.PARQUET, _F.FHIR_NDJSON),
    _R.RESULTS: (_F.FHIR_NDJSON,),
    _R.CONSENTS: (_F.NDJSON, _F.CSV, _F.PARQUET),
    _R.ERASURES: (_F.NDJSON, _F.CSV, _F.PARQUET),
}


class FormUnfitError(Exception):
    """These records have no such form: results are FHIR NDJSON, an audit trail may be, others are NDJSON, CSV or Parquet."""


class ParquetMissingError(Exception):
    """Parquet needs pyarrow: `pip install letopis[parquet]`. NDJSON and CSV need nothing more."""


def is_there(form: ExportForm) -> bool:
    """Whether this installation can write it: Parquet is an extra."""
    return form is not ExportForm.PARQUET or find_spec("pyarrow") is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is wanted: of one patient, or of everybody; recorded in a time, or at any. With `bom` a CSV begins with the
    mark of UTF-8, for spreadsheets. `types` are the FHIR resources that are wanted; none named means all."""

    records: ExportedRecords
    form: ExportForm
    patient_id: PatientId | None = None
    since: datetime | None = None
    until: datetime | None = None
    bom: bool = False
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`export_id`, `taken` and `leaf_hash` are of the event that recorded it; `note` is the checkpoint that covers
    everything up to `until`, and `leaves` is the range of it that the positions are; `actor` is who takes it."""

    export_id: UUID
    records: ExportedRecords
    form: ExportForm
    patient_id: PatientId | None
    after: int
    until: int
    taken: str
    leaf_hash: str
    tree_size: int
    root_hash: str
    note: str
    leaves: tuple[int, int]
    actor: str
    bom: bool = False
    types: tuple[str, ...] = ()

    @property
    def is_proved(self) -> bool:
        """Only all events, without a gap, are what a range of the log can prove."""
        is_all = self.records is ExportedRecords.EVENTS and self.patient_id is None
        return is_all and self.leaves[0] < self.leaves[1]

    @property
    def span(self) -> int:
        """How many positions there are to pass: what progress is counted by."""
        return self.until - self.after


_PLAN: TypeAdapter[Plan] = TypeAdapter(Plan)


def to_json(plan: Plan) -> bytes:
    return orjson.dumps(plan, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def from_json(content: bytes) -> Plan:
    return _PLAN.validate_json(content)


def begin(ledger: Ledger, asked: Asked, by: Circumstances) -> Plan:
    """Fix the plan and record that these records leave; nothing leaves before it returns.

    FormUnfitError for a form that the records don't have, ParquetMissingError, NotIntegratedError if no checkpoint is signed yet."""
    if asked.form not in FORMS[asked.records]:
        raise FormUnfitError
    if not is_there(asked.form):
        raise ParquetMissingError
    tree = records.signed_tree(ledger)
    after, last = records.positions_of(ledger, asked.since, asked.until)
    until = tree.last_position if last is None else min(last, tree.last_position)
    after = min(after, until)
    exported = RecordsExported(
        patient_id=asked.patient_id,
        records=asked.records,
        form=asked.form,
        after=after,
        until=until,
        purpose=ReadingPurpose.COMPLIANCE,
    )
    recorded = record_reading(ledger, exported, by)
    leaf = recorded.leaves[0]
    return Plan(
        export_id=recorded.event_ids[0],
        records=asked.records,
        form=asked.form,
        patient_id=asked.patient_id,
        after=after,
        until=until,
        taken=leaf.split(b"\n")[6].decode(),
        leaf_hash=encode_base64(merkle.leaf_hash(leaf)),
        tree_size=tree.tree_size,
        root_hash=encode_base64(tree.root_hash),
        note=tree.note.decode(),
        leaves=records.leaves_between(ledger, after, until),
        actor=by.actor,
        bom=asked.bom,
        types=asked.types,
    )
