"""Every problem has an OperationOutcome that FHIR R4 allows, in two languages, with the place of the fault."""

import json
from collections import Counter
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest
from fhir.resources.R4B.operationoutcome import OperationOutcome

from api import explanations
from api.explanations import EXPLANATIONS
from api.fhir.operation_outcome import (
    _ISSUE_TYPES,
    _ISSUE_TYPES_BY_STATUS,
    operation_outcome,
    outcome_of_reports,
)
from api.problems import problem_document

# FHIR R4, valueset-issue-type, in the order of the specification.
ISSUE_TYPES = {
    *("invalid", "structure", "required", "value", "invariant"),
    *("security", "login", "unknown", "expired", "forbidden", "suppressed"),
    *("processing", "not-supported", "duplicate", "multiple-matches", "not-found", "deleted", "too-long"),
    *("code-invalid", "extension", "too-costly", "business-rule", "conflict"),
    *("transient", "lock-error", "no-store", "exception", "timeout", "incomplete", "throttled"),
    "informational",
}


def issue_of(code: str, field: str | None = None) -> dict[str, Any]:
    outcome = operation_outcome(code, field)
    assert outcome["resourceType"] == "OperationOutcome"
    (issue,) = outcome["issue"]
    assert isinstance(issue, dict)
    return issue


def test_what_is_said_is_in_the_value_set_of_the_specification() -> None:
    assert {*_ISSUE_TYPES.values(), *_ISSUE_TYPES_BY_STATUS.values()} <= ISSUE_TYPES


def test_a_code_stands_in_one_part_only() -> None:
    """Else the part that is named later would speak for both."""
    names = [f"api.explanations.{found.name}" for found in iter_modules(explanations.__path__)]
    parts = [words for name in names for kept, words in vars(import_module(name)).items() if kept[0] != "_"]
    codes = Counter(code for words in parts if isinstance(words, dict) for code in words)
    assert EXPLANATIONS.keys() <= codes.keys()
    assert [code for code in EXPLANATIONS if codes[code] > 1] == []


@pytest.mark.parametrize("code", sorted(EXPLANATIONS))
def test_every_code_has_its_words_in_both_languages(code: str) -> None:
    issue = issue_of(code)
    explanation = EXPLANATIONS[code]
    assert issue["code"] in ISSUE_TYPES
    assert issue["severity"] == ("warning" if explanation.status == 202 else "error")
    assert issue["details"]["coding"] == [{"system": "urn:letopis:problem", "code": code}]
    assert issue["details"]["text"] == explanation.title[0]
    (translation,) = issue["details"]["_text"]["extension"]
    assert translation["url"] == "http://hl7.org/fhir/StructureDefinition/translation"
    assert translation["extension"] == [
        {"url": "lang", "valueCode": "en"},
        {"url": "content", "valueString": explanation.title[1]},
    ]
    assert issue["diagnostics"] == explanation.advice[0]
    assert "expression" not in issue and "location" not in issue


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("content-not-json", "structure"),
        ("content-not-fhir", "invalid"),
        ("value-not-allowed", "value"),
        ("signature-invalid", "security"),
        ("envelope-replayed", "duplicate"),
        ("submission-too-large", "too-long"),
        ("codes-too-many", "throttled"),
        ("not-ready", "transient"),
        ("internal", "exception"),
        ("pdf-header-invalid", "invalid"),
        ("content-not-cda", "invalid"),
        ("never-heard-of", "processing"),
    ],
)
def test_the_issue_type_says_what_kind_of_fault_it_is(code: str, kind: str) -> None:
    assert issue_of(code)["code"] == kind


@pytest.mark.parametrize(
    ("field", "expression"),
    [
        ("Observation", "Observation"),
        ("Bundle.entry", "Bundle.entry"),
        ("Bundle.entry[1].resource.component[0].value[x]", "Bundle.entry[1].resource.component[0].value"),
    ],
)
def test_a_fhir_path_is_an_expression(field: str, expression: str) -> None:
    issue = issue_of("content-not-fhir", field)
    assert issue["expression"] == [expression]
    assert "location" not in issue


@pytest.mark.parametrize(
    "field", ["jws.iat", "resourceType", "PID-3", "OBX[2].5", "MSH", "/ClinicalDocument/id", "header.patient"]
)
def test_what_is_no_fhir_path_is_a_location(field: str) -> None:
    issue = issue_of("content-not-fhir", field)
    assert issue["location"] == [field]
    assert "expression" not in issue


# What was recorded.

SUBMISSION, FIRST, SECOND = (f"00000000-0000-4000-8000-00000000000{number}" for number in range(3))
REPORTS = [
    {"id": FIRST, "version": 1, "outcome": "recorded", "held": None},
    {
        "id": SECOND,
        "version": 1,
        "outcome": "recorded",
        "held": problem_document("patient-unknown", "subject.identifier"),
    },
    {"id": FIRST, "version": 1, "outcome": "duplicate", "held": None},
]


def test_each_report_that_was_recorded_has_an_issue_that_names_it() -> None:
    outcome = outcome_of_reports(SUBMISSION, REPORTS)
    assert outcome["id"] == SUBMISSION
    told = [
        (
            issue["extension"][0]["valueUuid"],
            issue["severity"],
            issue["code"],
            issue["details"]["coding"][0]["code"],
        )
        for issue in outcome["issue"]
    ]
    assert told == [
        (f"urn:uuid:{FIRST}", "information", "informational", "recorded"),
        (f"urn:uuid:{SECOND}", "warning", "not-found", "patient-unknown"),
        (f"urn:uuid:{FIRST}", "information", "informational", "duplicate"),
    ]


def test_an_independent_reader_takes_what_we_say() -> None:
    said = [outcome_of_reports(SUBMISSION, REPORTS)]
    said += [operation_outcome(code, "Bundle.entry[0].resource") for code in EXPLANATIONS]
    for outcome in said:
        read = OperationOutcome.model_validate_json(json.dumps(outcome))
        assert len(read.issue) == len(outcome["issue"])
