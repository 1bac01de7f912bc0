"""What the pages of an auditor, a laboratory and a compliance officer are shown with in tests."""

from datetime import date
from typing import Any

from api.problems import explain
from tests.api.staff_samples import AT, INSIDE, PATIENT_ID, REPORT_ID

HISTORY: dict[str, Any] = INSIDE | {
    "entries": [
        {"position": 4711, "at": AT, "kind": "ReportRead", "actor": "staff:maria", "on_behalf_of": f"patient:{PATIENT_ID}",
         "patient_id": PATIENT_ID, "report_id": REPORT_ID, "detail": [("purpose", "treatment"), ("report_version", "2")],
         "leaf_index": 4095, "stream_id": REPORT_ID, "is_sealed": True, "is_erased": False},
        {"position": 4710, "at": AT, "kind": "SubmissionQuarantined", "actor": "laboratory:severny-veter",
         "on_behalf_of": None, "patient_id": None, "report_id": None, "detail": [("code", "content-not-fhir")],
         "leaf_index": None, "stream_id": PATIENT_ID, "is_sealed": True, "is_erased": True},
    ],
    "values": dict.fromkeys(("patient", "actor", "kind", "since", "until", "report", "stream", "first", "last"), ""),
    "newer": "/staff/history?after=4711",
    "errors": [], "kinds": ["ReportRead", "SubmissionQuarantined"], "tree_size": 4096, "is_first": False,
    "first": "/staff/history", "further": "/staff/history?before=4710",
}  # fmt: skip
REPLAY: dict[str, Any] = INSIDE | {
    "values": {"stream": REPORT_ID, "at": "4711", "other": ""}, "errors": [], "is_two": False, "is_missing": False,
    "version": 2,
    "rows": [("ReportReceived.content", "sealed", None), ("ReportMatched.matched_by", "snils", None),
             ("ReportRead.purpose", "erased", None)],
}  # fmt: skip
CERTIFICATES: dict[str, Any] = INSIDE | {
    "certificates": [
        {"number": 2, "at": AT, "event_id": REPORT_ID, "position": 4711, "tree_size": 4700, "is_clean": False,
         "finding": "a version of the stream is missing", "finding_index": 12,
         "differing": [("cabinet", 17), ("delivery", None)], "parked": [("audit", 1)], "same": 300, "changed": 1,
         "erased": 2, "changed_at": 21},
        {"number": 1, "at": AT, "event_id": PATIENT_ID, "position": 4000, "tree_size": 3999, "is_clean": True,
         "finding": None, "finding_index": None, "differing": [], "parked": [], "same": 200, "changed": 0,
         "erased": 0, "changed_at": None},
    ],
}  # fmt: skip
DECISIONS: dict[str, Any] = INSIDE | {
    "policies": ["in-force", "notices-need-linkage"], "chosen": "notices-need-linkage", "tried": 200,
    "decisions": [{"position": 4711, "channel": "email", "decided": None, "again": "organisation-not-linked"},
                  {"position": 4712, "channel": None, "decided": "not-wanted", "again": None}],
    "further": "/staff/decisions?policy=notices-need-linkage&after=4712",
}  # fmt: skip
REASON = explain("content-not-fhir")
SUBMISSIONS: dict[str, Any] = INSIDE | {
    "laboratory": {
        "name": "Лаборатория «Северный ветер»", "handle": "severny-veter", "oid": "1.2.643.5.1.13.13.12.2.77.1",
        "is_accredited": True, "accredited_until": date(2026, 10, 1), "is_over": True, "formats": ["fhir", "hl7v2"],
        "keys": ["2026-11"], "senders": ["LIS · LAB"],
    },
    "total": 2, "states": [("accepted", 1), ("quarantined", 1), ("received", 0), ("released", 0), ("destroyed", 3)], "chosen": "",
    "submissions": [
        {"number": 1042, "id": REPORT_ID, "received_at": AT, "content_type": "application/fhir+json",
         "state": "quarantined", "reports": 0, "code": "content-not-fhir", "reason": REASON.title[0],
         "advice": REASON.advice[0]},
        {"number": 1041, "id": PATIENT_ID, "received_at": AT, "content_type": "application/hl7-v2",
         "state": "accepted", "reports": 3, "code": None, "reason": None, "advice": None},
    ],
    "is_first": True, "first": "/staff/submissions", "further": "/staff/submissions?before=1041",
}  # fmt: skip
CONSENTS: dict[str, Any] = INSIDE | {
    "periods": (1, 30, 365),
    "consents": [
        {"title": "Согласие на передачу результатов", "document": 2, "granted": [1, 20, 300],
         "withdrawn": [0, 1, 7], "earlier": 12},
        {"title": "Согласие на уведомления", "document": 1, "granted": [0, 0, 0], "withdrawn": [0, 0, 0], "earlier": 0},
    ],
    "open_obligations": 3, "overdue": 1,
}  # fmt: skip
EXPORTS: dict[str, Any] = INSIDE | {
    "records": ["events", "audit-trail", "consents", "erasures"], "forms": ["ndjson", "csv", "parquet", "fhir-ndjson"],
    "values": dict.fromkeys(("records", "form", "patient", "since", "until", "bom"), ""), "errors": [], "is_running": True,
    "exports": [
        {"id": REPORT_ID, "records": "events", "form": "ndjson", "patient_id": None, "taken": AT, "state": "running",
         "passed": 40_000, "total": 100_000, "files": []},
        {"id": REPORT_ID, "records": "audit-trail", "form": "fhir-ndjson", "patient_id": PATIENT_ID, "taken": AT,
         "state": "whole", "passed": 9, "total": 9,
         "files": [{"name": "AuditEvent-00001.ndjson", "kilobytes": 41}, {"name": "manifest", "kilobytes": 1}]},
        {"id": REPORT_ID, "records": "consents", "form": "csv", "patient_id": None, "taken": AT, "state": "cut",
         "passed": 3, "total": 9, "files": []},
    ],
}  # fmt: skip
ROLE_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "staff_history": ("staff_history.html", HISTORY),
    "staff_history-wrong": ("staff_history.html", HISTORY | {
        "entries": [], "errors": ["patient", "kind", "since", "until", "stream", "last"], "is_first": True, "further": None,
        "newer": None, "values": {"patient": "Иванов", "actor": "", "kind": "Nothing", "since": "31.02", "until": "x",
                                  "report": "", "stream": "1", "first": "", "last": "-1"}}),
    "staff_history-none": ("staff_history.html", HISTORY | {"entries": [], "is_first": True, "further": None, "newer": None,
                                                              "tree_size": None}),
    "staff_replay": ("staff_replay.html", REPLAY),
    "staff_replay-two": ("staff_replay.html", REPLAY | {
        "values": REPLAY["values"] | {"other": "4800"}, "is_two": True,
        "rows": [("ReportMatched.patient_id", None, PATIENT_ID), ("ReportReceived.content", "sealed", "erased")]}),
    "staff_replay-wrong": ("staff_replay.html", REPLAY | {
        "rows": [], "version": None, "errors": ["stream", "at", "other"]}),
    "staff_replay-none": ("staff_replay.html", REPLAY | {"rows": [], "version": None, "is_missing": True}),
    "staff_certificates": ("staff_certificates.html", CERTIFICATES),
    "staff_certificates-none": ("staff_certificates.html", INSIDE | {"certificates": []}),
    "staff_decisions": ("staff_decisions.html", DECISIONS),
    "staff_decisions-none": ("staff_decisions.html", DECISIONS | {"decisions": [], "further": None, "tried": 0}),
    "staff_submissions": ("staff_submissions.html", SUBMISSIONS),
    "staff_submissions-none": ("staff_submissions.html", SUBMISSIONS | {
        "submissions": [], "total": 0, "further": None, "laboratory": SUBMISSIONS["laboratory"] | {
            "oid": None, "is_accredited": False, "accredited_until": None, "is_over": False, "keys": [], "senders": []}}),
    "staff_consents": ("staff_consents.html", CONSENTS),
    "staff_exports": ("staff_exports.html", EXPORTS),
    "staff_exports-wrong": ("staff_exports.html", EXPORTS | {
        "exports": [], "is_running": False, "errors": ["records", "form", "patient", "person", "since", "until"]}),
}  # fmt: skip
