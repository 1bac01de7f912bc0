"""Sample reports (S51): the system, as a laboratory of its own, seals one and sends it by the door of all laboratories.

So what the patient sees afterwards, in the cabinet and by each channel, went the way that a result goes: opened,
verified, read, matched by СНИЛС, permitted for the organisation that was asked about, announced.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey

from api.envelope_keys import public_jwk
from api.intake import Answer, submit
from api.laboratories import Sender, envelope_id_of, key_made_elsewhere
from api.node import Node
from api.pages import Locale, phrase
from domain.code_map import LOINC
from domain.laboratory import LaboratoryAlreadyRegisteredError
from domain.patient import Patient
from domain.sample_report import SENDER
from domain.study_type import StudyType
from domain.values import OrganisationId, PatientId
from ledger import onboarding
from ledger.codec import Circumstances
from ledger.commands import LaboratoryNotFoundError, load_patient
from ledger.sample_reports import record_arrival, request_sample, sender_id
from ledger.store import Ledger

BY = Circumstances(actor="system:sample-report")
# What the sample is of: a study that everybody knows, so it obeys the choice of study types as such a result does.
STUDY_TYPES = frozenset({StudyType.BLOOD_COUNT})
_UCUM = "http://unitsofmeasure.org"
_SNILS = "urn:oid:1.2.643.100.3"
_NUMBERS = "urn:letopis:sample"
# LOINC code, word of the catalogue, value, printed unit, UCUM unit, reference range.
_VALUES = (
    ("718-7", "haemoglobin", "138", "г/л", "g/L", ("120", "160")),
    ("789-8", "erythrocytes", "4.52", "10*12/л", "10*12/L", ("3.80", "5.30")),
    ("6690-2", "leukocytes", "6.1", "10*9/л", "10*9/L", ("4.0", "9.0")),
    ("777-3", "platelets", "245", "10*9/л", "10*9/L", ("150", "400")),
)
_PANEL = "58410-2"


class SampleReportLostError(Exception):
    """It was sent and not filed: something in the way is broken; the operator is to look at the quarantine."""


def send_sample(
    node: Node, patient_id: PatientId, organisation_id: OrganisationId, by: Circumstances
) -> str | None:
    """Ask for a sample and send it, now; what kept it back meanwhile, if anything did. SampleReportBarredError, SampleReportThereError, SampleReportLostError. One
    that was asked for and never arrived is sent again: under the same number, so it is the same report."""
    ledger = node.ledger
    _register(ledger)
    sample, asked_at = request_sample(ledger, patient_id, organisation_id, STUDY_TYPES, by)
    number = str(ledger.stream_id("sample-number", str(patient_id), str(organisation_id), str(sample.number)))
    content = content_of(load_patient(ledger, patient_id), number, issued_at=asked_at)
    answer = submit(node, _sealed(node, content), as_of=organisation_id)
    report_id, held = _filed(answer)
    record_arrival(ledger, sample, report_id, held=held, by=BY)
    return held


def content_of(patient: Patient, number: str, *, issued_at: datetime) -> bytes:
    """A bundle of FHIR R4, about this patient, that says at each turn that it is a sample."""
    locale: Locale = "en" if patient.locale == "en" else "ru"
    now = issued_at.replace(microsecond=0).isoformat()
    observations = [_observation(place, now, locale) for place in range(len(_VALUES))]
    report = {
        "resourceType": "DiagnosticReport",
        "id": "report",
        "identifier": [{"system": _NUMBERS, "value": number}],
        "status": "final",
        "code": {
            "coding": [{"system": LOINC, "code": _PANEL}],
            "text": phrase("sample.title", locale=locale),
        },
        "subject": {"reference": "Patient/patient"},
        "effectiveDateTime": now,
        "issued": now,
        "conclusion": phrase("sample.conclusion", locale=locale),
        "result": [{"reference": f"Observation/observation-{place}"} for place in range(len(_VALUES))],
    }
    return orjson.dumps(_bundle([report, *observations, _subject(patient)]), default=_as_written)


def _as_written(number: object) -> orjson.Fragment:
    """A decimal with all of its digits."""
    assert isinstance(number, Decimal)
    return orjson.Fragment(str(number).encode())


def _bundle(resources: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"fullUrl": f"urn:letopis:sample/{one['resourceType']}/{one['id']}", "resource": one}
            for one in resources
        ],
    }


def _observation(place: int, now: str, locale: Locale) -> dict[str, Any]:
    code, word, value, printed, unit, (low, high) = _VALUES[place]
    bound = {"unit": printed, "system": _UCUM, "code": unit}
    return {
        "resourceType": "Observation",
        "id": f"observation-{place}",
        "status": "final",
        "code": {
            "coding": [{"system": LOINC, "code": code}],
            "text": phrase(f"sample.{word}", locale=locale),
        },
        "subject": {"reference": "Patient/patient"},
        "effectiveDateTime": now,
        "valueQuantity": {"value": Decimal(value), **bound},
        "referenceRange": [
            {"low": {"value": Decimal(low), **bound}, "high": {"value": Decimal(high), **bound}}
        ],
    }


def _subject(patient: Patient) -> dict[str, Any]:
    """As a laboratory names a patient: by what was stated in the profile, which the permission asked for."""
    profile = patient.profile
    assert profile is not None, "nobody's identity is confirmed without a profile"
    given = [profile.given, *([profile.patronymic] if profile.patronymic else [])]
    return {
        "resourceType": "Patient",
        "id": "patient",
        "identifier": [{"system": _SNILS, "value": profile.snils}],
        "name": [{"family": profile.family, "given": given}],
        "gender": profile.sex,
        "birthDate": profile.birth_date,
    }


def _register(ledger: Ledger) -> None:
    """The sender, with the key that follows from the secrets; the first sample finds none."""
    key_id = _key(ledger).thumbprint()
    try:
        known = onboarding.laboratory_of_id(ledger, sender_id(ledger))
    except LaboratoryNotFoundError:
        known = None
    if known is not None and known.key(key_id) is not None:
        return
    added = key_made_elsewhere(public_jwk(_key(ledger)))
    if known is None:
        try:
            onboarding.register_laboratory(ledger, SENDER, added, by=BY)
        except LaboratoryAlreadyRegisteredError:
            return  # another process was faster
    else:
        onboarding.add_laboratory_key(
            ledger, SENDER.handle, key_id=added.key_id, public_key=added.public_key, by=BY
        )


def _key(ledger: Ledger) -> OKPKey:
    return OKPKey.import_key(Ed25519PrivateKey.from_private_bytes(ledger.custody.sample_seed))


def _sealed(node: Node, content: bytes) -> bytes:
    return Sender(SENDER.handle, _key(node.ledger)).envelope(
        content,
        envelope_id=envelope_id_of(content),
        audience=node.settings.public_url,
        recipient_key=node.intake_key,
    )


def _filed(answer: Answer) -> tuple[UUID, str | None]:
    if answer.outcome not in ("recorded", "duplicate") or not answer.reports:
        raise SampleReportLostError(answer.problem.code if answer.problem else answer.outcome)
    return UUID(answer.reports[0]), answer.problem.code if answer.problem else None
