"""Whom and what the demo is about: a made-up patient, and a real report addressed to them."""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import orjson
from PIL import Image

from domain.values import CheckDigitError, enp, snils

# What the character states beside names and numbers; the passport was given after the 45th birthday.
IDENTITY_FIELDS = {
    "citizenship": "RU",
    "document_kind": "passport-rf",
    "document_series": "4525",
    "document_number": "000001",
    "document_issued_on": "24.05.2025",
    "document_issuer_code": "770-001",
    "inn": "500100732259",
    "region": "77",
}


@dataclass(frozen=True, slots=True)
class Character:
    """Whom the demo is about: made up, with check digits that fit."""

    phone: str
    enp: str
    snils: str
    email: str = "anna@patients.example"
    family: str = "Образцова"
    given: str = "Анна"
    patronymic: str = "Ивановна"
    birth_date: str = "1980-05-17"


def character() -> Character:
    """New numbers at each run, so that the demo can run again on the same data."""
    return Character(
        phone="+79" + "".join(secrets.choice("0123456789") for _ in range(9)),
        enp=_fitting(enp, "99" + "".join(secrets.choice("0123456789") for _ in range(13))),
        snils=_fitting(snils, "9" + "".join(secrets.choice("0123456789") for _ in range(8))),
    )


def scan() -> bytes:
    """A picture that stands for the scan of a document."""
    out = BytesIO()
    Image.new("RGB", (600, 400), (214, 206, 190)).save(out, "PNG")
    return out.getvalue()


def _fitting(check: Callable[[str], str], digits: str) -> str:
    """The digits with the check digits that fit."""
    for tail in range(100):
        for width in (1, 2):
            try:
                return check(f"{digits}{tail:0{width}d}")
            except CheckDigitError:
                continue
    raise AssertionError


def addressed(bundle: bytes, who: Character, *, number: str) -> bytes:
    """The sample as the laboratory would send it for this patient: its own number of the report, and
    the patient by name, birth date and policy. Every measured value stays as it is, to the digit."""
    content = json.loads(bundle, parse_float=orjson.Fragment)
    patient = {
        "resourceType": "Patient",
        "id": "demo",
        "identifier": [
            {"system": "urn:oid:1.2.643.2.69.1.1.1.6.228", "value": who.enp},
            {"system": "urn:oid:1.2.643.100.3", "value": who.snils},
        ],
        "name": [{"family": who.family, "given": [who.given, who.patronymic]}],
        "birthDate": who.birth_date,
        "gender": "female",
    }
    for entry in content["entry"]:
        resource = entry["resource"]
        if resource["resourceType"] in ("DiagnosticReport", "Observation", "Specimen"):
            resource["subject"] = {"reference": "Patient/demo"}
        if resource["resourceType"] == "DiagnosticReport":
            resource["identifier"] = [{"system": "urn:example:demo-lab", "value": number}]
    content["entry"].append({"fullUrl": "urn:example:demo-lab/Patient/demo", "resource": patient})
    return orjson.dumps(content)
