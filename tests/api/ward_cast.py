"""Guardians and wards in tests: a mother, her child, and what an operator has decided of them."""

import re
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

import httpx2

from domain.guardianship import GuardianshipDocument, GuardianshipKind, WardCapacity, WardDescribed
from domain.values import OrganisationId, PatientId
from ledger import guardianship
from ledger.guardianship import by_guardian
from ledger.linkage import link_organisation
from ledger.staff import by_member
from tests.api.cast import ALL_CONSENTS, Laboratory, Person, Portal, Who, bundle, grant, settle, who

OPERATOR = by_member("ivan")
# A day on which the child of these tests is seven.
TODAY = date(2026, 11, 23)
MISHA = who(7, family="Соколов", given="Михаил", birth_date="2019-05-17")
BLOOD = {
    "code": {"coding": [{"system": "http://loinc.org", "code": "58410-2"}], "text": "Общий анализ крови"}
}
DRUGS = {"code": {"text": "Химико-токсикологические исследования"}}


def described(child: Who, **changed: Any) -> WardDescribed:
    plain = WardDescribed(
        family=child.family,
        given=child.given,
        patronymic=None,
        birth_date=child.birth_date,
        sex="female",
        snils=child.snils,
        policy=child.enp,
        capacity=WardCapacity.MINOR,
        document=GuardianshipDocument.BIRTH_CERTIFICATE,
        document_number="I-АБ 000001",
    )
    return replace(plain, **changed)


def form_of(child: Who, **changed: str) -> dict[str, str]:
    """What a guardian writes on the page."""
    day = date.fromisoformat(child.birth_date)
    plain = {
        "capacity": "minor",
        "kind": "parent",
        "family": child.family,
        "given": child.given,
        "birth_date": f"{day:%d.%m.%Y}",
        "sex": "female",
        "snils": child.snils,
        "policy": child.enp,
        "document": "birth-certificate",
        "document_number": "I-АБ 000001",
    }
    return plain | changed


@dataclass(frozen=True, slots=True)
class Family:
    """A mother at her browser, her confirmed guardianship, and her child's cabinet."""

    portal: Portal
    mother: Person
    guardianship_id: UUID
    ward_id: PatientId

    def token(self) -> str:
        return token_of(self.mother)

    def post(self, path: str, **form: str) -> httpx2.Response:
        return self.mother.client.post(path, data={"csrf": self.token()} | form)

    def enter(self) -> httpx2.Response:
        return self.post(f"/wards/{self.guardianship_id}/enter")

    def by(self) -> Any:
        return by_guardian(self.mother.patient_id, self.ward_id)


def token_of(person: Person) -> str:
    """The token that forms carry now, of the cabinet that is looked into."""
    found = re.search(r'name="csrf" value="([^"]+)"', person.get("/wards").text)
    assert found is not None
    return found[1]


def family(portal: Portal, mother: Person, child: Who = MISHA, **changed: Any) -> Family:
    """Confirmed; the child's cabinet is opened by that, unless there is one."""
    ledger = portal.opened.ledger
    mother.register()
    settle(portal.opened, mother.patient_id, mother.who, None)
    by = guardianship.by_guardian(mother.patient_id, mother.patient_id)
    kind = changed.pop("kind", GuardianshipKind.PARENT)
    asked = guardianship.request(ledger, mother.patient_id, kind, described(child, **changed), by)
    ward_id = guardianship.confirm(ledger, asked, OPERATOR)
    portal.catch_up()
    return Family(portal, mother, asked, ward_id)


def receives(found: Family, laboratory: Laboratory) -> None:
    """The child takes results of the laboratory: the mother said so, for the child."""
    ledger, organisation_id = found.portal.opened.ledger, OrganisationId(laboratory.laboratory_id)
    link_organisation(ledger, found.ward_id, organisation_id, found.by())
    for kind in ALL_CONSENTS:
        grant(found.portal.opened, found.ward_id, kind)


def sent(found: Family, laboratory: Laboratory, number: str, child: Who, report: dict[str, Any]) -> str:
    """A report of the child, in its cabinet."""
    answer = found.portal.submit(laboratory.seal(bundle(number, child, **report)))
    assert answer.status_code in (200, 201), answer.text
    report_id: str = answer.json()["reports"][0]["id"]
    found.portal.catch_up()
    return report_id
