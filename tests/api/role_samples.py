"""What the pages of an auditor, a laboratory and a compliance officer are shown with in tests."""

from datetime import date
from typing import Any

from api.problems import explain
from tests.api.staff_samples import AT, INSIDE, PATIENT_ID, REPORT_ID

HISTORY: dict[str, Any] = INSIDE | {
    "entries": [
        {"position": 4711, "at": AT, "kind": "ReportRead", "actor": "staff:maria", "on_behalf_of": f"patient:{PATIENT_ID}",
         "patient_id": PATIENT_ID, "report_id": REPORT_ID, "detail": [("purpose", "treatment"), ("report_version", "2")]},
        {"position": 4710, "at": AT, "kind": "SubmissionQuarantined", "actor": "laboratory:severny-veter",
         "on_behalf_of": None, "patient_id": None, "report_id": None, "detail": [("code", "content-not-fhir")]},
    ],
    "values": dict.fromkeys(("patient", "actor", "kind", "since", "until"), ""),
    "errors": [], "kinds": ["ReportRead", "SubmissionQuarantined"], "tree_size": 4096, "is_first": False,
    "first": "/staff/history", "further": "/staff/history?before=4710",
}  # fmt: skip
REASON = explain("content-not-fhir")
SUBMISSIONS: dict[str, Any] = INSIDE | {
    "laboratory": {
        "name": "Лаборатория «Северный ветер»", "handle": "severny-veter", "oid": "1.2.643.5.1.13.13.12.2.77.1",
        "is_accredited": True, "accredited_until": date(2026, 10, 1), "is_over": True, "formats": ["fhir", "hl7v2"],
        "keys": ["2026-11"], "senders": ["LIS · LAB"],
    },
    "total": 2, "states": [("accepted", 1), ("quarantined", 1), ("received", 0), ("released", 0)], "chosen": "",
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
ROLE_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "staff_history": ("staff_history.html", HISTORY),
    "staff_history-wrong": ("staff_history.html", HISTORY | {
        "entries": [], "errors": ["patient", "kind", "since", "until"], "is_first": True, "further": None,
        "values": {"patient": "Иванов", "actor": "", "kind": "Nothing", "since": "31.02", "until": "x"}}),
    "staff_history-none": ("staff_history.html", HISTORY | {"entries": [], "is_first": True, "further": None,
                                                              "tree_size": None}),
    "staff_submissions": ("staff_submissions.html", SUBMISSIONS),
    "staff_submissions-none": ("staff_submissions.html", SUBMISSIONS | {
        "submissions": [], "total": 0, "further": None, "laboratory": SUBMISSIONS["laboratory"] | {
            "oid": None, "is_accredited": False, "accredited_until": None, "is_over": False, "keys": [], "senders": []}}),
    "staff_consents": ("staff_consents.html", CONSENTS),
}  # fmt: skip
