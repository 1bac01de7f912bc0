"""Answers in the sender's own words: JSON, an OperationOutcome of FHIR, or an acknowledgement of HL7 v2."""

import base64
from datetime import UTC, datetime
from enum import StrEnum
from uuid import uuid4

from fastapi.responses import Response
from orjson import OPT_SORT_KEYS, dumps

from api.content import ContentError
from api.fhir.operation_outcome import operation_outcome, outcome_of_reports
from api.fhir.outcome_xml import outcome_as_xml
from api.hl7.acknowledgement import acknowledge, header_of
from api.hl7.reading import CONTENT_TYPES as HL7_TYPES
from api.hl7.syntax import Segment
from api.intake import Answer
from api.problems import MEDIA_TYPE

# What an acknowledgement looks like when there is no header to answer to.
_ANONYMOUS = b"MSH|^~\\&|||||||ACK|0|P|2.5\r"


class Form(StrEnum):
    JSON = "application/json"
    FHIR_JSON = "application/fhir+json"
    FHIR_XML = "application/fhir+xml"
    HL7 = "application/hl7-v2"


_FORMS = {
    "application/json": Form.JSON,
    MEDIA_TYPE: Form.JSON,
    "application/fhir+json": Form.FHIR_JSON,
    "application/fhir+xml": Form.FHIR_XML,
    **dict.fromkeys(HL7_TYPES, Form.HL7),
}


def form_of(accept: str | None, content_type: str | None = None) -> Form:
    """The form that is asked for, of those that we have; else that in which the sender spoke. Nobody is refused for
    what they accept: the answer to a report matters more than its form (RFC 9110, 12.5.1 allows it)."""
    # `application/json` is how our own API speaks too, so it is answered in kind and not by FHIR.
    spoken = _FORMS.get(_media_type(content_type or ""), Form.JSON)
    offered = {name: form for name, form in _FORMS.items() if form is not Form.HL7 or spoken is Form.HL7}
    wanted = [(_weight(one), offered.get(_media_type(one))) for one in (accept or "").split(",")]
    best = max(wanted, key=lambda pair: pair[0] if pair[1] else -1.0)  # the first of equals
    return best[1] if best[1] and best[0] > 0 else spoken


def respond(
    answer: Answer, form: Form = Form.JSON, *, message: bytes = b"", answered_at: datetime | None = None
) -> Response:
    """The answer as a response. `message` and `answered_at` are for acknowledgements: what they answer, and the
    time that they name."""
    status = 201 if answer.outcome in ("recorded", "duplicate") else int(answer.body["status"])
    headers = {"Vary": "Accept"} | _headers(answer, form)
    if form is Form.HL7:
        body = _acknowledgement(answer, message, answered_at or datetime.now(UTC))
        return Response(body, status, headers=headers, media_type=Form.HL7)
    if form is Form.JSON:
        media_type = Form.JSON if status == 201 else MEDIA_TYPE
        return Response(dumps(answer.body, option=OPT_SORT_KEYS), status, headers, media_type)
    outcome = _outcome(answer)
    body = dumps(outcome) if form is Form.FHIR_JSON else outcome_as_xml(outcome)
    return Response(body, status, headers=headers, media_type=form)


def acknowledgement_code(answer: Answer) -> str:
    """AA: recorded. AE: kept in quarantine, or to be sent again as it is. AR: not kept."""
    if answer.outcome in ("recorded", "duplicate"):
        return "AA"
    return "AE" if answer.outcome == "quarantined" or answer.body["code"] == "not-ready" else "AR"


def header_or_anonymous(message: bytes) -> Segment:
    """MSH to answer to; without one the answer is to nobody."""
    try:
        return header_of(message)
    except ContentError:
        return header_of(_ANONYMOUS)


def _headers(answer: Answer, form: Form) -> dict[str, str]:
    """What an answer says in each form. The receipt is a note of several lines, so its header is in base64; JSON has
    it in the body."""
    found = {}
    if form is not Form.JSON and "receipt" in answer.body:
        found["Letopis-Receipt"] = base64.b64encode(str(answer.body["receipt"]).encode()).decode()
    if "submission_id" in answer.body:
        found["Letopis-Submission"] = str(answer.body["submission_id"])
    if answer.retry_after is not None:
        found["Retry-After"] = str(answer.retry_after)
    return found


def _outcome(answer: Answer) -> dict[str, object]:
    if answer.outcome in ("recorded", "duplicate"):
        return outcome_of_reports(answer.body["submission_id"], answer.body["reports"])
    outcome = operation_outcome(answer.body["code"], answer.body["field"])
    if "submission_id" not in answer.body:
        return outcome
    kind = outcome.pop("resourceType")
    return {"resourceType": kind, "id": answer.body["submission_id"], **outcome}


def _acknowledgement(answer: Answer, message: bytes, answered_at: datetime) -> bytes:
    """The request is answered anyway, so also a sender who wants no acknowledgement gets one. Its number is made of
    the submission's, so that a repeat is answered with the same bytes."""
    code = acknowledgement_code(answer)
    problem = None
    if code != "AA":
        problem = ContentError(answer.body["code"], answer.body["field"])
    control_id = str(answer.body.get("submission_id", uuid4())).replace("-", "")[:20]
    header = header_or_anonymous(message)
    return acknowledge(header, code, control_id=control_id, sent_at=answered_at, problem=problem)


def _media_type(value: str) -> str:
    return value.partition(";")[0].strip().lower()


def _weight(range_: str) -> float:
    """The q of RFC 9110, 12.4.2."""
    for parameter in range_.split(";")[1:]:
        name, _, value = parameter.strip().partition("=")
        if name.strip().lower() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0
