"""Pages of guardians and wards, and of the operators who decide, filled with what they may hold at most."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from domain.guardianship import (
    GuardianshipDocument,
    GuardianshipEnd,
    GuardianshipKind,
    GuardianshipRefusal,
    GuardianshipStatus,
    WardCapacity,
)
from domain.study_type import StudyType
from domain.takeover import ClaimantDescribed, ClaimRefusal
from tests.examples import PROFILE, SNILS, WARD

_AT = datetime(2026, 11, 23, 5, 15, tzinfo=UTC)
_WRONG = {"code": "snils-check-failed", "text": "Контрольное число СНИЛС не сходится.", "advice": "Сверьте."}
_STAFF: dict[str, Any] = {"is_staff": True, "home": "/staff", "sign_out": "/staff/sign-out"}


def _ward(number: int, **changed: Any) -> dict[str, Any]:
    plain = {
        "id": f"0190-{number}",
        "name": "Михаил Соколов",
        "birth_date": "2019-05-17",
        "kind": GuardianshipKind.PARENT,
        "status": GuardianshipStatus.CONFIRMED,
        "refusal": None,
        "end": None,
        "is_open": True,
        "may_act": True,
        "is_whole": True,
        "sections": sorted(StudyType),
        "until": date(2034, 5, 17),
        "is_entered": False,
    }
    return plain | changed


_REFUSED = {"status": GuardianshipStatus.REFUSED, "is_open": False, "until": None}
_FORM: dict[str, Any] = {
    "kinds": list(GuardianshipKind),
    "capacities": list(WardCapacity),
    "documents": list(GuardianshipDocument),
}
_SECTIONS = [
    {"name": one, "is_seen": one is StudyType.TOXICOLOGY, "is_permitted": one is StudyType.BLOOD_COUNT}
    for one in StudyType
]
_GUARDIAN = {
    "id": "0190",
    "kind": GuardianshipKind.PARENT,
    "status": GuardianshipStatus.CONFIRMED,
    "end": None,
    "may_permit": True,
    "until": date(2027, 5, 17),
    "sections": _SECTIONS,
}
_RELATION = {
    "href": "/staff/guardianships/0190",
    "guardian_id": "a0000000-0000-4000-8000-000000000001",
    "ward_id": None,
    "kind": GuardianshipKind.GUARDIAN,
    "status": GuardianshipStatus.REQUESTED,
    "end": None,
    "refusal": None,
    "sections": [{"name": one, "is_closed": one is StudyType.GENETICS} for one in StudyType],
}
_DECIDED = {"refusals": list(GuardianshipRefusal), "ends": [GuardianshipEnd.REVOKED_BY_COURT]}
_CLAIM = {"href": "/staff/takeovers/0190", "claimant_id": "a0000000-0000-4000-8000-000000000001"}
_LOOKING_IN = {"ward": {"name": "Миша", "year": "2019"}}
_ROW = {"id": "0190", "guardian": "a0000000-0000-4000-8000-000000000001", "at": _AT}

WARD_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "wards": ("wards.html", {"wards": [
        _ward(1), _ward(2, **_REFUSED, refusal=GuardianshipRefusal.DETAILS_DIFFER),
        _ward(3, status=GuardianshipStatus.ENDED, is_open=False, end=GuardianshipEnd.AGE_REACHED),
        _ward(4, is_open=False, name="—", birth_date=None), _ward(5, is_entered=True)]} | _LOOKING_IN),
    "wards-none": ("wards.html", {"wards": []}),
    "ward": ("ward.html", {"relation": _ward(1, is_whole=False)}),
    "ward-closed": ("ward.html", {"relation": _ward(1, is_whole=False, is_open=False, sections=[], until=None)}),
    "ward-refused": ("ward.html", {"relation": _ward(1, **_REFUSED, refusal=GuardianshipRefusal.NOT_ENTITLED)}),
    "ward_new": ("ward_new.html", _FORM | {"errors": {}, "values": {}}),
    "ward_new-wrong": ("ward_new.html", _FORM | {
        "errors": dict.fromkeys(("kind", "capacity", "sex", "document", "snils"), _WRONG),
        "values": {"family": "Соколов", "capacity": "minor", "document_number": "I-АБ 000001"}}),
    "guardians": ("guardians.html", {"may_claim": False, "guardians": [
        _GUARDIAN, _GUARDIAN | {"id": "0191", "may_permit": False},
        _GUARDIAN | {"status": GuardianshipStatus.ENDED, "end": GuardianshipEnd.OWN_ACCOUNT}]}),
    "guardians-none": ("guardians.html", {"may_claim": True, "guardians": []}),
    "cabinet_claim": ("cabinet_claim.html", {
        "errors": {"snils": _WRONG}, "values": {"snils": "1"}, "is_waiting": True, "refusal": None}),
    "cabinet_claim-refused": ("cabinet_claim.html", {
        "errors": {}, "values": {}, "is_waiting": False, "refusal": ClaimRefusal.DETAILS_DIFFER}),
    "guardianships": ("guardianships.html", _STAFF | {
        "waiting": [_ROW], "confirmed": [_ROW], "claims": [{"id": "0190", "at": _AT}]}),
    "guardianships-none": ("guardianships.html", _STAFF | {"waiting": [], "confirmed": [], "claims": []}),
    "guardianship": ("guardianship.html", _STAFF | _DECIDED | {"relation": _RELATION, "persons": None}),
    "guardianship-asked": ("guardianship.html", _STAFF | _DECIDED | {
        "persons": {"guardian": PROFILE, "ward": WARD, "scans": [], "version": 2}, "relation": _RELATION}),
    "guardianship-seen": ("guardianship.html", _STAFF | _DECIDED | {
        "persons": {"guardian": PROFILE, "ward": replace(WARD, patronymic=None), "scans": ["/staff/identity/0/scans/1"],
                    "version": 2},
        "relation": _RELATION | {"status": GuardianshipStatus.CONFIRMED, "ward_id": "b0000000"}}),
    "takeover": ("takeover.html", _STAFF | {
        "claim": _CLAIM | {"is_waiting": True}, "claimant": None, "version": 0, "refusals": list(ClaimRefusal)}),
    "takeover-seen": ("takeover.html", _STAFF | {
        "claim": _CLAIM | {"is_waiting": True}, "version": 2, "refusals": list(ClaimRefusal),
        "claimant": ClaimantDescribed(snils=SNILS, birth_date="2008-05-17", document_number="4500 000001")}),
    "takeover-decided": ("takeover.html", _STAFF | {
        "claim": _CLAIM | {"is_waiting": False}, "version": 3, "refusals": list(ClaimRefusal),
        "claimant": ClaimantDescribed(snils=SNILS, birth_date="2008-05-17", document_number="4500 000001")}),
}  # fmt: skip
