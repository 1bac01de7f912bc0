"""What the benchmark of the intake sends: patients who are known, linked and consenting, and FHIR bundles of
reports of 25 observations, each in an envelope of its own."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import uuid4

from api import laboratories
from api.consent_documents import current
from api.node import Node
from domain.consent import OF_CABINET
from domain.identity import Proof
from domain.laboratory import LaboratoryRegistered
from domain.patient import ProfileStated
from domain.values import CheckDigitError, LaboratoryId, OrganisationId, PatientId, enp, snils
from ledger import commands, consents, identity
from ledger.contacts import confirm_email
from ledger.linkage import link_organisation

OBSERVATIONS = 25
REPORTS_IN_A_BATCH = 50
_LABORATORY = LaboratoryRegistered(handle="bench", name="Лаборатория", inn="7707083893", ogrn="1027700132195")
_POLICY = "urn:oid:1.2.643.2.69.1.1.1.6.228"
_FLAGS = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"


@dataclass(frozen=True, slots=True)
class Inputs:
    """A laboratory, its patients' policy numbers, and an endless supply of reports that are new."""

    opened: Node
    sender: laboratories.Sender
    policies: Sequence[str]
    numbers: Iterator[int]

    def submissions(self, wanted: int, *, reports: int = 1) -> list[bytes]:
        """Envelopes with this many reports each, signed now."""
        return [self._envelope(self.content(reports)) for _ in range(wanted)]

    def content(self, reports: int = 1) -> bytes:
        numbers = [next(self.numbers) for _ in range(reports)]
        entries = [
            entry
            for number in numbers
            for entry in _entries(number, self.policies[number % len(self.policies)])
        ]
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
        return json.dumps(bundle, ensure_ascii=False).encode()

    def _envelope(self, content: bytes) -> bytes:
        return self.sender.envelope(
            content,
            envelope_id=str(uuid4()),
            audience=self.opened.settings.public_url,
            recipient_key=self.opened.intake_key,
        )


def inputs(opened: Node, patients: int) -> Inputs:
    """A fresh laboratory, and so many patients for whom nothing keeps its reports back."""
    laboratory_id, sender = laboratories.add(opened.ledger, opened.settings.home, _LABORATORY)
    policies = [_settled(opened, number, laboratory_id) for number in range(patients)]
    return Inputs(opened, sender, policies, count(1))


def _settled(opened: Node, number: int, laboratory_id: LaboratoryId) -> str:
    ledger, patient_id, policy = opened.ledger, PatientId(uuid4()), _fitting(enp, f"99{number:013d}", width=1)
    by = commands.by_patient(patient_id)
    profile = ProfileStated(
        family="Иванова",
        given="Анна",
        patronymic=None,
        birth_date="1980-01-01",
        sex="female",
        snils=_fitting(snils, f"9{number:08d}", width=2),
    )
    commands.register_patient(ledger, patient_id=patient_id, phone=f"+7900{number:07d}", locale="ru")
    commands.state_profile(ledger, patient_id, profile, by)
    commands.state_email(ledger, patient_id, f"{number}@bench.example", by)
    confirm_email(ledger, patient_id, f"{number}@bench.example", by)
    commands.link_policy(ledger, patient_id, policy, by)
    identity.confirm(ledger, patient_id, laboratories.OPERATOR, proof=Proof.IN_PERSON)
    link_organisation(ledger, patient_id, OrganisationId(laboratory_id), by)
    for kind in OF_CABINET:
        document = current(kind, "ru").document
        consents.grant_consent(ledger, patient_id, agreed=document, current=document, by=by)
    return policy


def _fitting(check: Callable[[str], str], digits: str, *, width: int) -> str:
    """The number that begins so and has right check digits."""
    for tail in range(10**width):
        try:
            return check(f"{digits}{tail:0{width}d}")
        except CheckDigitError:
            continue
    raise AssertionError(digits)


def _entries(number: int, policy: str) -> list[dict[str, Any]]:
    """A report with its patient and observations; 18 kB."""
    names = [f"Observation/r{number}-{order}" for order in range(OBSERVATIONS)]
    patient = {
        "resourceType": "Patient",
        "id": f"p{number}",
        "identifier": [{"system": _POLICY, "value": policy}],
        "name": [{"family": "Иванова", "given": ["Анна"]}],
        "gender": "female",
        "birthDate": "1980-01-01",
    }
    report = {
        "resourceType": "DiagnosticReport",
        "id": f"r{number}",
        "identifier": [{"system": "urn:lab:number", "value": f"N{number}"}],
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "24323-8", "display": "Panel"}]},
        "subject": {"reference": f"Patient/p{number}"},
        "effectiveDateTime": "2026-11-25T08:00:00+03:00",
        "issued": "2026-11-25T10:00:00+03:00",
        "result": [{"reference": name} for name in names],
    }
    resources: list[dict[str, Any]] = [patient, report]
    resources += [_observation(number, order) for order in range(OBSERVATIONS)]
    return [
        {"fullUrl": f"http://lis.example/{one['resourceType']}/{one['id']}", "resource": one}
        for one in resources
    ]


def _observation(number: int, order: int) -> dict[str, object]:
    code = {
        "system": "http://loinc.org",
        "code": f"{700 + order}-{order % 10}",
        "display": f"Analyte {order}",
    }
    unit = {"unit": "ммоль/л", "system": "http://unitsofmeasure.org", "code": "mmol/L"}
    return {
        "resourceType": "Observation",
        "id": f"r{number}-{order}",
        "status": "final",
        "code": {"coding": [code], "text": f"Показатель {order}"},
        "subject": {"reference": f"Patient/p{number}"},
        "effectiveDateTime": "2026-11-25T08:00:00+03:00",
        "valueQuantity": {"value": (number * 37 + order * 101) % 10_000 / 100} | unit,
        "interpretation": [{"coding": [{"system": _FLAGS, "code": "N"}]}],
        "referenceRange": [
            {"low": {"value": 1.5, "unit": "mmol/L"}, "high": {"value": 90.1, "unit": "mmol/L"}}
        ],
    }
