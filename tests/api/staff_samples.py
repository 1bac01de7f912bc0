"""What the pages of staff are shown with in tests: every state that they can be in, with made-up content."""

from datetime import UTC, datetime
from typing import Any

from api.page_words import FAMILIES
from api.problems import explain
from domain.submission import ReleaseReason

AT = datetime(2026, 11, 23, 5, 15, tzinfo=UTC)
NAV = [
    {"href": f"/staff/{name}", "label_id": f"staff.section.{name}", "current": name == "quarantine"}
    for name in ("quarantine", "matches", "misfiled")
]
DOOR: dict[str, Any] = {
    "nav": [], "signed_in": False, "is_staff": True, "home": "/staff", "errors": {}, "values": {},
}  # fmt: skip
INSIDE: dict[str, Any] = {"nav": NAV, "is_staff": True, "home": "/staff", "sign_out": "/staff/sign-out"}


def error(code: str, field: str) -> dict[str, Any]:
    explanation = explain(code)
    return {field: {"code": code, "text": explanation.title[0], "advice": explanation.advice[0]}}


def entry(code: str, *, field: str | None = None, **changed: Any) -> dict[str, Any]:
    explanation = explain(code)
    plain = {
        "id": "0190f3c2-7d1e-8c55-9d6b-2f1f6c1b2a90",
        "href": "/staff/quarantine/0190f3c2-7d1e-8c55-9d6b-2f1f6c1b2a90",
        "received_at": AT,
        "handle": "severny-veter",
        "laboratory": "Лаборатория «Северный ветер»",
        "content_type": "application/fhir+json",
        "size_bytes": 18_841,
        "field": field,
        "code": code,
        "text": explanation.title[0],
        "advice": explanation.advice[0],
    }
    return plain | changed


ENTRIES = [
    entry("content-not-fhir", field="entry[0].resource.ofType(DiagnosticReport).code.coding[0].system"),
    entry("message-type-unsupported", field="MSH-9", content_type="application/hl7-v2", size_bytes=812),
    entry(
        "content-type-unknown",
        content_type="application/vnd.very-long-vendor.example.laboratory.report.v12+json",
        size_bytes=4_200_000,
    ),
]
FILTERS = [
    {"name": "lab", "total": 52, "choices": [
        {"value": "severny-veter", "text": "Лаборатория «Северный ветер»", "count": 41, "is_chosen": True},
        {"value": "invitro", "text": "Лаборатория Инвитро", "count": 11, "is_chosen": False}]},
    {"name": "reason", "total": 41, "choices": [
        {"value": one["code"], "text": one["text"], "count": 7, "is_chosen": False} for one in ENTRIES]},
]  # fmt: skip
LIST: dict[str, Any] = INSIDE | {
    "total": 52, "filters": FILTERS, "entries": ENTRIES,
    "first": "/staff/quarantine?lab=severny-veter", "is_first": False,
    "further": "/staff/quarantine?lab=severny-veter&after=7",
}  # fmt: skip
ONE: dict[str, Any] = INSIDE | {
    "entry": ENTRIES[0], "errors": {}, "release_reasons": [reason.value for reason in ReleaseReason],
}  # fmt: skip
MESSAGE = "MSH|^~\\&|LIS|LAB|LETOPIS||20261123||ADT^A01|1|P|2.5\rPID|||1||<b>Ивáнов</b>^Пётр\r" * 30
REPORT_ID, PATIENT_ID = "0190f3c2-7d1e-8c55-9d6b-2f1f6c1b2a91", "5d0c8a3e-9a67-4f0e-8a4c-0b1f6b7f3c11"


def proposal(by: str, numbers: str, *, sex: str | None = None) -> dict[str, Any]:
    return {
        "report_id": REPORT_ID, "patient_id": PATIENT_ID, "href": f"/staff/matches/{REPORT_ID}/{PATIENT_ID}",
        "handle": "severny-veter", "laboratory": "Лаборатория «Северный ветер»", "by": by, "sex": sex,
        "numbers": numbers, "is_contradicted": numbers == "contradict",
    }  # fmt: skip


def line(
    field: str, of_report: str, of_patient: str | None, agreement: str | None, **given: Any
) -> dict[str, Any]:
    plain = {"field": field, "of_report": of_report, "of_patient": of_patient, "agreement": agreement}
    return plain | {"is_failed": False} | given


PROPOSALS = [
    proposal("name", "check-digit-failed", sex="same"),
    proposal("number", "lead-to-patient"),
    proposal("name", "contradict", sex="unknown"),
    proposal("name", "unknown", sex="unknown"),
]
PERSONS = [
    line("family", "Образцова-Преображенская", "Образцова", "differs"),
    line("given", "Мария Ильинична", "Мария Ильинична", "same"),
    line("birth_date", "1977-11-04", "1977-11-04", "same"),
    line("sex", "unknown", "female", "unknown"),
    line("enp", "", "7700000000000010", "unknown", is_failed=True),
    line("snils", "11223344595 08765430300", "11223344595", "differs"),
    line("laboratory", "П-0042", None, None),
]
MATCHES: dict[str, Any] = INSIDE | {
    "total": 61, "entries": PROPOSALS, "is_first": False, "first": "/staff/matches",
    "further": "/staff/matches?after=9",
}  # fmt: skip
MATCH_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "matches": ("matches.html", MATCHES | {
        "notice": {"kind": "warning", "text_id": "staff.notice.confirmed-organisation-not-linked"}}),
    "matches-none": ("matches.html", MATCHES | {
        "total": 0, "entries": [], "is_first": True, "further": None}),
    "matches-end": ("matches.html", MATCHES | {"entries": [], "further": None}),
    "match": ("match.html", INSIDE | {"entry": PROPOSALS[0], "compared": None}),
    "match-contradicted": ("match.html", INSIDE | {"entry": PROPOSALS[2], "compared": PERSONS}),
    "match-persons": ("match.html", INSIDE | {"entry": PROPOSALS[1], "compared": PERSONS}),
}  # fmt: skip
SUCCESSOR = {
    "id": ENTRIES[0]["id"], "href": f"/staff/misfiled/{ENTRIES[0]['id']}", "patient_id": PATIENT_ID,
    "is_there": True, "is_moved": False,
}  # fmt: skip
FOUND: dict[str, Any] = {
    "id": REPORT_ID, "href": f"/staff/misfiled/{REPORT_ID}", "laboratory": "Лаборатория «Северный ветер»",
    "versions": 2, "patient_id": PATIENT_ID, "taken_from": [], "successor": None,
    "handle": "north-wind", "still_recognised": [],
}  # fmt: skip
MOVED = FOUND | {"patient_id": None, "taken_from": [PATIENT_ID], "successor": SUCCESSOR}
WENT: dict[str, Any] = INSIDE | {
    "report": FOUND, "errors": {},
    "readings": [{"at": AT, "actor_kind": "patient", "actor": PATIENT_ID, "purpose": "own-cabinet"},
                 {"at": AT, "actor_kind": "staff", "actor": "ivan", "purpose": "audit"},
                 {"at": AT, "actor_kind": "", "actor": "test", "purpose": "operation"}],
    "notices": [{"at": AT, "patient_id": PATIENT_ID, "channel": "email", "status": "handed-over"},
                {"at": AT, "patient_id": PATIENT_ID, "channel": "sms", "status": "failed"}],
}  # fmt: skip
MISFILED_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "misfiled": ("misfiled.html", INSIDE | {"errors": {}, "values": {}}),
    "misfiled-wrong": ("misfiled.html", INSIDE | {
        "errors": error("report-id-malformed", "report"), "values": {"report": "0190f3c2-7d1e"}}),
    "misfiled_report": ("misfiled_report.html", WENT),
    "misfiled_report-unsure": ("misfiled_report.html", WENT | {
        "readings": [], "notices": [], "errors": error("undo-not-confirmed", "sure")}),
    "misfiled_report-waits": ("misfiled_report.html", WENT | {
        "report": FOUND | {"patient_id": None, "taken_from": [PATIENT_ID]}}),
    "misfiled_report-moved-recognised": ("misfiled_report.html", WENT | {
        "report": MOVED | {"still_recognised": [PATIENT_ID]}}),
    "misfiled_report-moved": ("misfiled_report.html", WENT | {
        "report": MOVED, "notice": {"kind": "success", "text_id": "staff.notice.taken"}}),
    **{
        f"misfiled_report-moved-{name}": ("misfiled_report.html", WENT | {
            "report": MOVED | {"successor": SUCCESSOR | changed}})
        for name, changed in (("waits", {"patient_id": None}), ("on", {"patient_id": None, "is_moved": True}),
                              ("gone", {"patient_id": None, "is_there": False}))
    },
}  # fmt: skip
IDENTITY_CHECK: dict[str, Any] = INSIDE | {
    "href": "/staff/identity/0190f3c2", "patient_id": "0190f3c2-7d1e-8c55-9d6b-2f1f6c1b2a90", "state": "waiting",
    "is_waiting": True, "suspended": None, "has_profile": True, "lines": None, "is_in_registry": True,
    "profile_number": 2, "scans": [], "reasons": FAMILIES["identity.reason"],
    "fields": FAMILIES["identity.field"], "suspensions": FAMILIES["identity.suspended"],
}  # fmt: skip
_SAID = {"sex": "female", "document-kind": "passport-rf", "document-ends": "30.05.2029"}
IDENTITY_LINES = [
    {"field": field, "text": _SAID.get(field, "Образцова" if number % 3 else None), "is_over": number % 2 == 0,
     "agreement": (*FAMILIES["identity.agreement"], None)[number % 4]}
    for number, field in enumerate(FAMILIES["identity.field"])
]  # fmt: skip
IDENTITIES: dict[str, Any] = INSIDE | {
    "total": 2, "waiting": [], "suspended": [], "is_first": True, "first": "/staff/identity", "further": None,
}  # fmt: skip
IDENTITY_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "identities": ("identities.html", IDENTITIES | {
        "waiting": [{"id": "0190f3c2-7d1e-8c55-9d6b-2f1f6c1b2a90", "href": "/staff/identity/0190", "at": AT}],
        "suspended": [{"id": "0190f3c2-7d1e-8c55-9d6b-2f1f6c1b2a90", "href": "/staff/identity/0190", "at": AT,
                       "reason": reason} for reason in FAMILIES["identity.suspended"]],
        "further": "/staff/identity?after=7", "notice": {"kind": "success",
        "text_id": "staff.notice.identity-confirmed"}}),
    "identities-none": ("identities.html", IDENTITIES | {"total": 0}),
    "identities-further": ("identities.html", IDENTITIES | {"is_first": False}),
    "identity_check": ("identity_check.html", IDENTITY_CHECK),
    "identity_check-empty": ("identity_check.html", IDENTITY_CHECK | {
        "has_profile": False, "is_waiting": False, "state": "missing"}),
    "identity_check-shown": ("identity_check.html", IDENTITY_CHECK | {"lines": IDENTITY_LINES, "scans": [
        {"href": "/staff/identity/0190/scans/1", "kind": kind, "is_picture": kind == "snils"}
        for kind in FAMILIES["identity.scan"]]}),
    "identity_check-suspended": ("identity_check.html", IDENTITY_CHECK | {
        "lines": IDENTITY_LINES, "is_in_registry": False, "is_waiting": False, "state": "suspended",
        "suspended": "misuse-suspected"}),
}  # fmt: skip
STAFF_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "staff_sign_in": ("staff_sign_in.html", DOOR),
    "staff_sign_in-refused": ("staff_sign_in.html", DOOR | {
        "errors": error("staff-sign-in-refused", "form"), "values": {"handle": "ivan"},
        "notice": {"kind": "warning", "text_id": "staff.notice.session-ended"}}),
    "staff_enrol": ("staff_enrol.html", DOOR | {
        "handle": "ivan", "secret": "JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP",
        "address": "otpauth://totp/Letopis:ivan?digits=6&secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
                   "&algorithm=SHA1&issuer=Letopis&period=30",
        "errors": error("password-too-short", "password") | error("staff-code-wrong", "code")}),
    "staff_start": ("staff_start.html", INSIDE | {
        "handle": "ivan", "notice": {"kind": "success", "text_id": "staff.notice.enrolled"},
        "sections": [{"name": "quarantine", "href": "/staff/quarantine", "waiting": 52},
                     {"name": "matches", "href": "/staff/matches", "waiting": 0},
                     {"name": "misfiled", "href": "/staff/misfiled", "waiting": None}]}),
    "staff_start-none": ("staff_start.html", INSIDE | {"nav": [], "handle": "ivan", "sections": []}),
    "quarantine": ("quarantine.html", LIST),
    "quarantine-nothing": ("quarantine.html", LIST | {
        "entries": [], "is_first": True, "further": None}),
    "quarantine-none": ("quarantine.html", LIST | {
        "total": 0, "entries": [], "filters": [], "first": None, "is_first": True, "further": None}),
    "quarantined": ("quarantined.html", ONE | {
        "notice": {"kind": "warning", "text_id": "staff.notice.stays"}}),
    "quarantined-moved": ("quarantined.html", ONE | {"entry": entry("subject-differs")}),
    "quarantined-unreasoned": ("quarantined.html", ONE | {
        "entry": ENTRIES[2], "errors": error("release-reason-missing", "reason")}),
    "quarantined_content": ("quarantined_content.html", INSIDE | {
        "entry": ENTRIES[1], "size_bytes": 812, "shown_bytes": 812, "form": "windows-1251", "text": MESSAGE}),
    **MATCH_SAMPLES,
    **IDENTITY_SAMPLES,
    **MISFILED_SAMPLES,
    "quarantined_content-binary": ("quarantined_content.html", INSIDE | {
        "entry": ENTRIES[2], "size_bytes": 4_200_000, "shown_bytes": 200_000, "form": "hexadecimal",
        "text": f"{0:08x}  25 50 44 46 2d 31 2e 37 0a 25 e2 e3 cf d3 0a 31  %PDF-1.7.%.....1\n" * 40}),
}  # fmt: skip
