"""Words of the list of results that are chosen at run time."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from domain.report_content import ReportStatus

# What a patient looks for by status, and which statuses of FHIR that is.
STATUS_GROUPS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "ready": (ReportStatus.FINAL,),
        "in-progress": (
            ReportStatus.REGISTERED,
            ReportStatus.PARTIAL,
            ReportStatus.PRELIMINARY,
            ReportStatus.UNKNOWN,
        ),
        "changed": (ReportStatus.AMENDED, ReportStatus.CORRECTED, ReportStatus.APPENDED),
        "withdrawn": (ReportStatus.CANCELLED, ReportStatus.ENTERED_IN_ERROR),
    }
)
EXPECTED_STEPS: Final = ("requested", "sampled", "at-laboratory", "received", "shown")

LIST_FAMILIES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "reports.status": tuple(STATUS_GROUPS),
        "reports.act": ("archive", "compare", "send"),
        "expected.step": EXPECTED_STEPS,
        "expected.step_state": ("done", "now", "late", "todo"),
        "talk_first.group": ("sensitive", "rest"),
    }
)
