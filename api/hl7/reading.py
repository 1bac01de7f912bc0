"""HL7 v2 ORU and OUL messages in ER7 read into reports: `read_hl7` is the only way in."""

from api.content import ContentError
from api.hl7.batch import Message, messages_of
from api.hl7.groups import control_of, orders_of
from api.hl7.results import report_of
from domain.report_content import ReportContent

CONTENT_TYPES = ("application/hl7-v2", "x-application/hl7-v2+er7", "text/hl7v2")
# R03 is an older R01, R30 to R32 are results of tests at the point of care, R40 results without an order.
_STRUCTURES = frozenset({"ORU_R01", "ORU_R30"})
_RESULTS = frozenset({None, "R01", "R03", "R30", "R31", "R32", "R40"})
# By container (R21, R23), specimen (R22), order (R24): analysers and what connects them.
_RESULTS_BY_SPECIMEN = frozenset({None, "R21", "R22", "R23", "R24"})
_STRUCTURES_BY_SPECIMEN = frozenset({"OUL_R21", "OUL_R22", "OUL_R23", "OUL_R24"})
# Of the whole content: an OBX is read in some hundred microseconds, and nobody waits for seconds.
OBSERVATIONS_MAX = 10_000


def read_hl7(raw: bytes) -> tuple[ReportContent, ...]:
    """A report for each OBR of each ORU or OUL message of the content, but for those about a control."""
    reports: list[ReportContent] = []
    refused: str | None = None  # a message of another kind
    missing: str | None = None  # why messages of results have no report
    observations = 0
    for message in messages_of(raw):
        observations += sum(segment.name == "OBX" for segment in message.segments)
        if observations > OBSERVATIONS_MAX:
            raise ContentError("content-too-complex", f"{message.prefix}OBX")
        by_specimen = _is_by_specimen(message)
        if by_specimen or _is_result(message):
            orders = orders_of(message, by_specimen=by_specimen)
            controls = [control_of(order) for order in orders]
            missing = missing or next(filter(None, controls), "OBR")
            reports += (report_of(order) for order, it in zip(orders, controls, strict=True) if it is None)
        else:
            field = f"{message.prefix}MSH-9"
            refused = refused or field
            # A message of another kind has no report to lose, unless it has results.
            if any(segment.name == "OBX" for segment in message.segments):
                raise ContentError("message-type-unsupported", field)
    if reports:
        return tuple(reports)
    if missing:
        raise ContentError("no-report-in-content", missing)
    raise ContentError("message-type-unsupported", refused)


def _is_result(message: Message) -> bool:
    return _is_of(message, "ORU", _RESULTS, _STRUCTURES)


def _is_by_specimen(message: Message) -> bool:
    return _is_of(message, "OUL", _RESULTS_BY_SPECIMEN, _STRUCTURES_BY_SPECIMEN)


def _is_of(message: Message, kind: str, triggers: frozenset[str | None], structures: frozenset[str]) -> bool:
    """By kind and event, or by the structure, which some send alone."""
    sent = message.header.first(9)
    return (
        sent.code(3) in structures
        or sent.code(1) in structures
        or (sent.code(1) == kind and sent.code(2) in triggers)
    )
