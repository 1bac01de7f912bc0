"""A drawn report as a FHIR R4 bundle: written once, then put into JSON or XML."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
from lxml import etree

from api.sandbox.catalogue import FSLI, LOINC, Measurable, Range
from api.sandbox.people import Person
from api.sandbox.reports import LABORATORY, DrawnReport, Finding
from domain.report_content import ObservationStatus
from domain.values import Coding

UCUM = "http://unitsofmeasure.org"
ENP_SYSTEM = "urn:oid:1.2.643.2.69.1.1.1.6.228"
SNILS_SYSTEM = "urn:oid:1.2.643.100.3"
NUMBERS_SYSTEM = "urn:oid:2.999.77.51"
_INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
_IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
_ABSENT_REASONS = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
_NAMESPACE = "http://hl7.org/fhir"


def fhir_json(report: DrawnReport) -> bytes:
    return orjson.dumps(_bundle(report), default=_as_sent, option=orjson.OPT_INDENT_2)


def fhir_xml(report: DrawnReport) -> bytes:
    root = etree.Element(f"{{{_NAMESPACE}}}Bundle", nsmap={None: _NAMESPACE})  # type: ignore[dict-item]  # no prefix: the stubs know none
    _fill(root, _bundle(report))
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _as_sent(number: object) -> orjson.Fragment:
    """A decimal with all of its digits: 72.50 is not 72.5."""
    assert isinstance(number, Decimal)
    return orjson.Fragment(str(number).encode())


def _fill(element: etree._Element, content: dict[str, Any]) -> None:
    """FHIR R4 XML, 2.6.1: what is a member in JSON is an element in XML, in the same order."""
    for name, value in content.items():
        if name == "resourceType":
            continue
        for one in value if isinstance(value, list) else [value]:
            child = etree.SubElement(element, f"{{{_NAMESPACE}}}{name}")
            if not isinstance(one, dict):
                child.set("value", str(one))
            elif "resourceType" in one:
                _fill(etree.SubElement(child, f"{{{_NAMESPACE}}}{one['resourceType']}"), one)
            else:
                _fill(child, one)


# The resources


def _bundle(report: DrawnReport) -> dict[str, Any]:
    observations = [
        _observation(report, finding, place) for place, finding in enumerate(report.findings, start=1)
    ]
    resources = [_diagnostic_report(report), *observations, _patient(report.person), _specimen(report)]
    resources.append({"resourceType": "Organization", "id": "laboratory", "name": LABORATORY})
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": _time(report.issued_at),
        "entry": [
            {
                "fullUrl": f"https://sandbox.letopis.example/fhir/{one['resourceType']}/{one['id']}",
                "resource": one,
            }
            for one in resources
        ],
    }


def _diagnostic_report(report: DrawnReport) -> dict[str, Any]:
    places = range(1, len(report.findings) + 1)
    return {
        "resourceType": "DiagnosticReport",
        "id": "report",
        "identifier": [_number("PLAC", report.order_number), _number("FILL", report.report_number)],
        "status": report.status.value,
        "code": {
            "coding": [{"system": LOINC, "code": report.panel.loinc, "display": report.panel.name_latin}],
            "text": report.panel.name,
        },
        "subject": _to("Patient", "patient"),
        "effectiveDateTime": _time(report.collected_at),
        "issued": _time(report.issued_at),
        "performer": [_to("Organization", "laboratory")],
        "specimen": [_to("Specimen", "specimen")],
        "result": [_to("Observation", f"observation-{place}") for place in places],
    }


def _number(kind: str, value: str) -> dict[str, Any]:
    return {
        "type": {"coding": [{"system": _IDENTIFIER_TYPES, "code": kind}]},
        "system": NUMBERS_SYSTEM,
        "value": value,
    }


def _observation(report: DrawnReport, finding: Finding, place: int) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"observation-{place}",
        "status": finding.status.value,
        "code": {"coding": _codings(finding.test), "text": finding.test.name},
        "subject": _to("Patient", "patient"),
        "effectiveDateTime": _time(report.collected_at),
        **_value(finding),
        **_interpretation(finding),
        **({"note": [{"text": finding.note}]} if finding.note else {}),
        "specimen": _to("Specimen", "specimen"),
        **({"referenceRange": [_range(finding.test, finding.usual)]} if finding.usual else {}),
    }


def _codings(test: Measurable) -> list[dict[str, str]]:
    codings = [{"system": LOINC, "code": test.loinc, "display": test.name_latin}]
    if test.fsli:
        codings.append({"system": FSLI, "code": test.fsli, "display": test.name})
    return codings


def _value(finding: Finding) -> dict[str, Any]:
    if finding.status is ObservationStatus.CANCELLED:
        return {"dataAbsentReason": {"coding": [{"system": _ABSENT_REASONS, "code": "not-performed"}]}}
    if finding.amount is not None:
        return {"valueQuantity": _quantity(finding.test, finding.amount, finding.comparator)}
    choice = finding.choice
    assert choice is not None, "a finding that is not cancelled has a value"
    if choice.coding is None:
        return {"valueString": choice.text}
    return {"valueCodeableConcept": {"coding": [_coded(choice.coding)], "text": choice.text}}


def _coded(coding: Coding) -> dict[str, str | None]:
    return {"system": coding.system, "code": coding.code, "display": coding.display}


def _quantity(test: Measurable, amount: str, comparator: str | None = None) -> dict[str, Any]:
    unit = {"unit": test.unit.printed, "system": UCUM, "code": test.unit.ucum} if test.unit else {}
    return {"value": Decimal(amount), **({"comparator": comparator} if comparator else {}), **unit}


def _interpretation(finding: Finding) -> dict[str, Any]:
    if finding.flag is None:
        return {}
    return {"interpretation": [{"coding": [{"system": _INTERPRETATION, "code": finding.flag}]}]}


def _range(test: Measurable, usual: Range) -> dict[str, Any]:
    ends = (("low", usual.low), ("high", usual.high))
    return {name: _quantity(test, end) for name, end in ends if end is not None}


def _patient(person: Person) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": "patient",
        "identifier": [
            {"system": SNILS_SYSTEM, "value": person.snils},
            {"system": ENP_SYSTEM, "value": person.enp},
        ],
        "name": [{"use": "official", "family": person.family, "given": [person.given, person.patronymic]}],
        "gender": person.sex,
        "birthDate": person.birth_date.isoformat(),
    }


def _specimen(report: DrawnReport) -> dict[str, Any]:
    return {
        "resourceType": "Specimen",
        "id": "specimen",
        "type": {"text": report.panel.specimen},
        "subject": _to("Patient", "patient"),
        "receivedTime": _time(report.received_at),
        "collection": {"collectedDateTime": _time(report.collected_at)},
    }


def _to(kind: str, name: str) -> dict[str, str]:
    return {"reference": f"{kind}/{name}"}


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
