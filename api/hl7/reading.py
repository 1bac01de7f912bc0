"""HL7 v2 ORU messages in ER7 read into reports: `read_hl7` is the only way in."""

from api.content import ContentError
from api.hl7.batch import Message, messages_of
from api.hl7.groups import orders_of
from api.hl7.results import report_of
from domain.report_content import ReportContent

CONTENT_TYPES = ("application/hl7-v2", "x-application/hl7-v2+er7", "text/hl7v2")
# R30 to R32 are results of tests at the point of care, R40 results without an order.
_TRIGGERS = frozenset({None, "R01", "R30", "R31", "R32", "R40"})
# Of the whole content: an OBX is read in some hundred microseconds, and nobody waits for seconds.
OBSERVATIONS_MAX = 10_000


def read_hl7(raw: bytes) -> tuple[ReportContent, ...]:
    """A report for each OBR of each ORU message of the content."""
    reports: list[ReportContent] = []
    refused: str | None = None
    is_any_read, observations = False, 0
    for message in messages_of(raw):
        observations += sum(segment.name == "OBX" for segment in message.segments)
        if observations > OBSERVATIONS_MAX:
            raise ContentError("content-too-complex", f"{message.prefix}OBX")
        if _is_result(message):
            is_any_read = True
            reports += (report_of(order) for order in orders_of(message))
        else:
            field = f"{message.prefix}MSH-9"
            refused = refused or field
            # A message of another kind has no report to lose, unless it has results.
            if any(segment.name == "OBX" for segment in message.segments):
                raise ContentError("message-type-unsupported", field)
    if reports:
        return tuple(reports)
    raise ContentError(
        *(("no-report-in-content", "OBR") if is_any_read else ("message-type-unsupported", refused))
    )


def _is_result(message: Message) -> bool:
    sent = message.header.first(9)
    kind, trigger, structure = (sent.code(place) for place in (1, 2, 3))
    return structure == "ORU_R01" or (kind == "ORU" and trigger in _TRIGGERS)
