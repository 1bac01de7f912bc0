"""What a link gives of a result: FHIR R4 JSON, the same bytes for the same sheet."""

from dataclasses import replace

from api.fhir.writing import fhir_json_document
from api.result_sheet import ResultSheet
from domain.code_map import named


def shared_json(sheet: ResultSheet) -> bytes:
    """The patient's numbers (СНИЛС, policy) stay here: who looks at values needs none of them, and a link may come
    into wrong hands."""
    content = replace(
        sheet.content,
        subject=replace(sheet.content.subject, identifiers=()),
        performer=sheet.content.performer or sheet.laboratory,
        observations=tuple(
            replace(one, code=named(one.code, sheet.code_map)) for one in sheet.content.observations
        ),
    )
    return fhir_json_document(
        content,
        report_id=sheet.report_id,
        version=sheet.version,
        recorded_at=sheet.shown.received_at,
        status=sheet.status,
    )
