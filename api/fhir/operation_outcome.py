"""A problem as FHIR says it: an OperationOutcome for senders who read FHIR rather than RFC 9457."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from api.fhir.xml_names import resource_model
from api.problems import explain

_CODE_SYSTEM = "urn:letopis:problem"
_REPORT = "urn:letopis:report"
_RECORDED = ("Отчёт записан.", "The report is recorded.")
_KNOWN = ("Этот отчёт уже был записан.", "This report was recorded before.")
_TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"
# A resource type and its elements: neither jws.iat, nor PID-5, nor header.patient, which are ours and others'.
_FHIR_PATH = re.compile(r"([A-Z][A-Za-z]+)(?:\.[a-z][A-Za-z0-9]*(?:\[(?:x|\d+)\])*)*")
# FHIR R4 issue-type, a required value set.
_ISSUE_TYPES = {
    "envelope-malformed": "structure",
    "laboratory-unknown": "unknown",
    "laboratory-key-unknown": "unknown",
    "envelope-replayed": "duplicate",
    "message-header-invalid": "invalid",
    "signature-malformed": "structure",
    "submission-too-slow": "timeout",
    "content-not-json": "structure",
    "content-not-xml": "structure",
    "content-not-hl7": "structure",
    "xml-doctype-forbidden": "security",
    "content-too-complex": "too-costly",
    "value-not-allowed": "value",
    "no-report-in-content": "required",
    "content-type-unknown": "not-supported",
    "subject-differs": "business-rule",
    "patients-mixed": "business-rule",
    "accreditation-ended": "business-rule",
    "format-not-allowed": "not-supported",
    "study-type-not-allowed": "business-rule",
    "pdf-too-large": "too-long",
    "pdf-active-content": "security",
    "patient-unknown": "not-found",
    "patient-ambiguous": "multiple-matches",
    "check-digit-failed": "value",
    "organisation-not-linked": "business-rule",
    "consent-missing": "business-rule",
    "consent-expired": "business-rule",
    "transfer-consent-missing": "business-rule",
    "transfer-consent-expired": "business-rule",
    "out-of-consent-scope": "business-rule",
    "identity-unconfirmed": "business-rule",
    "policy-unlinked": "business-rule",
    "service-suspended": "business-rule",
    "not-wanted": "business-rule",
    "request-malformed": "invalid",
    "method-not-allowed": "not-supported",
    "internal": "exception",
}
# For every other code, by the HTTP status of its explanation.
_ISSUE_TYPES_BY_STATUS = {
    400: "security",  # an envelope that is whole, and not one to trust: old, of another, for another
    401: "login",
    403: "security",
    404: "not-found",
    409: "conflict",
    413: "too-long",
    422: "invalid",
    429: "throttled",
    503: "transient",
}


def operation_outcome(code: str, field: str | None) -> dict[str, Any]:
    """One issue: what happened in details, what to do in diagnostics; Russian, with English as translation.

    `field` is an expression if it is a FHIRPath, else a location. A problem with which the report was recorded,
    and waits, is a warning.
    """
    return {"resourceType": "OperationOutcome", "language": "ru", "issue": [_issue(code, field)]}


def outcome_of_reports(submission_id: str, reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """An issue for each report that was recorded: information, or a warning with the reason why it waits. The
    resource's id is the submission's, and each issue names its report in an extension."""
    issues = [
        {"extension": [{"url": _REPORT, "valueUuid": f"urn:uuid:{report['id']}"}], **_issue_of(report)}
        for report in reports
    ]
    return {"resourceType": "OperationOutcome", "id": submission_id, "language": "ru", "issue": issues}


def _issue_of(report: Mapping[str, Any]) -> dict[str, Any]:
    if report["held"]:
        return _issue(report["held"]["code"], report["held"]["field"])
    words = _RECORDED if report["outcome"] == "recorded" else _KNOWN
    coding = [{"system": _CODE_SYSTEM, "code": report["outcome"]}]
    return {
        "severity": "information",
        "code": "informational",
        "details": {"coding": coding, **_said("text", words)},
    }


def _issue(code: str, field: str | None) -> dict[str, Any]:
    explanation = explain(code)
    issue = {
        "severity": "error" if explanation.status >= 400 else "warning",
        "code": _issue_type(code, explanation.status),
        "details": {"coding": [{"system": _CODE_SYSTEM, "code": code}], **_said("text", explanation.title)},
        **_said("diagnostics", explanation.advice),
    }
    if field and _is_fhir_path(field):
        # FHIRPath names a choice without its type: Observation.value, not value[x].
        issue["expression"] = [field.replace("[x]", "")]
    elif field:
        issue["location"] = [field]
    return issue


def _is_fhir_path(field: str) -> bool:
    match = _FHIR_PATH.fullmatch(field)
    return match is not None and resource_model(match[1]) is not None


def _issue_type(code: str, status: int) -> str:
    if code in _ISSUE_TYPES:
        return _ISSUE_TYPES[code]
    # A code of the content that has no explanation is explained as internal, and is the content's still.
    if code.startswith(("content-", "pdf-")):
        return "invalid"
    return _ISSUE_TYPES_BY_STATUS.get(status, "processing")


def _said(name: str, words: tuple[str, str]) -> dict[str, Any]:
    """A string in Russian that carries its English (FHIR R4 extensibility of primitives: `_name`)."""
    russian, english = words
    translation = {
        "url": _TRANSLATION,
        "extension": [{"url": "lang", "valueCode": "en"}, {"url": "content", "valueString": english}],
    }
    return {name: russian, f"_{name}": {"extension": [translation]}}
