"""Words of exports that pages look up at run time."""

from api.exports.jobs import RECORDS
from domain.reading import ExportForm

EXPORT_FAMILIES: dict[str, tuple[str, ...]] = {
    "exports.of": tuple(RECORDS),
    "exports.in": tuple(ExportForm),
    "exports.state": ("whole", "running", "cut"),
    "exports.wrong": ("records", "form", "patient", "person", "since", "until"),
}
