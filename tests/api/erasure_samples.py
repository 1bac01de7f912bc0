"""What the pages of erasures are shown with in the tests of pages."""

from typing import Any

from api.erasure_words import ERASURE_FAMILIES
from tests.api.consent_samples import WRONG
from tests.api.staff_samples import AT, INSIDE, PATIENT_ID, REPORT_ID

_DAY = AT.date()
_ORDER: dict[str, Any] = {
    "patient_id": PATIENT_ID, "ground": "order", "due": _DAY, "reference": None, "is_overdue": False,
    "is_officers": False, "is_ready": True, "is_mine": False, "ordered_by": "ivan", "confirmed_by": "",
}  # fmt: skip
_OFFICERS = _ORDER | {"is_officers": True, "reference": "02-17/44", "confirmed_by": "pavel"}
ERASURES: dict[str, Any] = INSIDE | {
    "ordered": [
        _ORDER | {"ground": "withdrawal", "is_overdue": True},
        *(_OFFICERS | {"is_ready": ready, "is_mine": mine} for ready, mine in ((True, True), (False, True), (False, False))),
    ],
    "holds": [
        {"id": REPORT_ID, "patient_id": PATIENT_ID, "reason": one, "until": until, "reference": "7", "is_over": until is not None}
        for one, until in (("medical-records", _DAY), ("legal-claim", None))
    ],
    "done": [
        {"patient_id": PATIENT_ID, "ground": "term-ended", "status": status, "erased_at": AT, "reports": 21,
         "act_number": number}
        for status, number in (("erased", None), ("completed", "2026-0001"))
    ],
    "grounds": ("order", "term-ended"),
    "call_offs": ERASURE_FAMILIES["erasures.call_off"],
    "reasons": ERASURE_FAMILIES["erasures.reason"],
    "values": {},
    "errors": {},
}  # fmt: skip
ERASURE_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "staff_step_up": ("staff_step_up.html", INSIDE | {"to": "/staff/exports", "errors": {}}),
    "staff_step_up-wrong": ("staff_step_up.html", INSIDE | {"to": "/staff", "errors": {"code": WRONG}}),
    "staff_erasures": ("staff_erasures.html", ERASURES),
    "staff_erasures-none": ("staff_erasures.html", ERASURES | {"ordered": [], "holds": [], "done": []}),
    "staff_erasures-wrong": ("staff_erasures.html", ERASURES | {
        "errors": dict.fromkeys(("patient", "held_patient", "due", "until", "ground", "reason"), WRONG),
        "values": {"patient": "Анна", "due": "31.02"}}),
}  # fmt: skip
