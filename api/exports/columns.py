"""The columns of each kind of records, in their order: the keys of a line of NDJSON, the heads of a table."""

from dataclasses import dataclass
from enum import StrEnum

from domain.reading import ExportedRecords


class Kind(StrEnum):
    """What a column holds. JSON goes into one cell of a table as it is."""

    NUMBER = "number"
    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: Kind = Kind.TEXT


def _columns(*names: str) -> tuple[Column, ...]:
    """Text, but for what ends in `:n` (a number) and `:j` (JSON)."""
    kinds = {"n": Kind.NUMBER, "j": Kind.JSON, "": Kind.TEXT}
    return tuple(Column(name, kinds[kind]) for name, _, kind in (one.partition(":") for one in names))


_PLACE = ("leaf_index:n", "position:n", "event_id")
COLUMNS: dict[ExportedRecords, tuple[Column, ...]] = {
    ExportedRecords.EVENTS: _columns(
        *_PLACE,
        "stream_id",
        "version:n",
        "name",
        "schema_version:n",
        "recorded_at",
        "key_id",
        "digest",
        "commitment",
        "salt",
        "circumstances:j",
        "data:j",
    ),
    ExportedRecords.AUDIT_TRAIL: _columns(
        *_PLACE,
        "recorded_at",
        "name",
        "operation",
        "actor",
        "on_behalf_of",
        "patient_id",
        "report_id",
        "stream_id",
        "version:n",
        "changed:j",
        "detail:j",
    ),
    ExportedRecords.CONSENTS: _columns(
        *_PLACE,
        "recorded_at",
        "act",
        "patient_id",
        "consent_id",
        "kind",
        "document_version:n",
        "document_language",
        "document_sha256",
        "organisation_id",
        "until",
        "factors:j",
        "obligation_id",
        "duty",
        "ground",
        "due",
        "met_by",
        "actor",
        "on_behalf_of",
        "data:j",
    ),
    ExportedRecords.ERASURES: _columns(
        *_PLACE,
        "recorded_at",
        "name",
        "patient_id",
        "stream_id",
        "ground",
        "keys:n",
        "documents:n",
        "marks:n",
        "reports:n",
        "epochs:j",
        "act_number",
        "act_sha256",
        "extract_sha256",
        "keep_until",
        "actor",
        "on_behalf_of",
        "data:j",
    ),
}
