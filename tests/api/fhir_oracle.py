"""FHIR submissions read by fhir.resources (R4B): an independent parser, and an independent walk over what it gives.

Facts of observations and reports come out as plain tuples, so that they can be compared with the facts of ours.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree as ET

from fhir.resources.R4B import get_fhir_model_class
from pydantic import ValidationError

from domain.report_content import Component, Observation, ReportContent, Value, ValueKind
from domain.values import Concept, Quantity

FHIR = "http://hl7.org/fhir"
READ = {"DiagnosticReport", "Observation", "Patient"}
Facts = tuple[Any, ...]


@dataclass(slots=True)
class Sent:
    """The resources of a submission; names by which others refer to each; and what the oracle refuses,
    because it is no valid R4B."""

    resources: list[Any] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=dict)
    contained: dict[tuple[int, str], Any] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def add(self, resource: Any, full_url: str | None) -> None:
        self.resources.append(resource)
        by_id = f"{resource.get_resource_type()}/{resource.id}" if resource.id else None
        for name in (full_url, by_id, "/".join((full_url or "").split("/")[-2:]), resource.id):
            if name:
                self.names.setdefault(name.lower(), resource)
        for inner in resource.contained or ():
            self.resources.append(inner)
            self.contained[id(resource), inner.id or ""] = inner

    def find(self, reference: Any, owner: Any) -> Any:
        text = reference.reference if reference else None
        if not text:
            return None
        if text.startswith("#"):
            homes = (owner_id for owner_id, name in self.contained if name == text[1:])
            return next(
                (self.contained[home, text[1:]] for home in homes if self._is_home(home, owner)), None
            )
        bare = text.split("/_history/")[0].lower()
        tails = ("/".join(bare.split("/")[-2:]), bare.removeprefix("urn:uuid:"), f"urn:uuid:{bare}")
        return next((self.names[name] for name in (bare, *tails) if name in self.names), None)

    def _is_home(self, home: int, owner: Any) -> bool:
        return home == id(owner) or any(home == key[0] for key, one in self.contained.items() if one is owner)


# Parsing, JSON and XML. Each resource by itself: what is wrong in a Provenance is no matter of results.


def sent_in(raw: bytes) -> Sent:
    pieces = _xml_pieces(raw) if raw.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"<") else _json_pieces(raw)
    found = Sent()
    for kind, content, full_url in pieces:
        if kind in READ:
            model = get_fhir_model_class(kind)
            read = model.model_validate_xml if isinstance(content, bytes) else model.model_validate
            try:
                found.add(read(content), full_url)
            except ValidationError as error:
                found.refused += [
                    f"{kind}.{'.'.join(map(str, one['loc']))}: {one['type']}" for one in error.errors()
                ]
            except (KeyError, TypeError, ValueError) as error:
                found.refused.append(f"{kind}: {type(error).__name__}")
    return found


def _json_pieces(raw: bytes) -> Iterator[tuple[str, Any, str | None]]:
    content = json.loads(raw, parse_float=Decimal, parse_int=Decimal)
    if content["resourceType"] != "Bundle":
        yield content["resourceType"], content, None
        return
    for entry in content["entry"]:
        resource = entry.get("resource")
        if resource and resource["resourceType"] == "Bundle":
            yield from _json_pieces(json.dumps(resource, default=float).encode())
        elif resource:
            yield resource["resourceType"], resource, entry.get("fullUrl")


def _xml_pieces(raw: bytes) -> Iterator[tuple[str, bytes, str | None]]:
    ET.register_namespace("", FHIR)
    root = ET.fromstring(raw)
    space = {"f": FHIR}
    if root.tag != f"{{{FHIR}}}Bundle":
        yield root.tag.rpartition("}")[2], raw, None
        return
    for entry in root.findall("f:entry", space):
        url = entry.find("f:fullUrl", space)
        for resource in entry.findall("f:resource/*", space):
            kind = resource.tag.rpartition("}")[2]
            yield kind, ET.tostring(resource), None if url is None else url.get("value")


# Facts, theirs.


def observations_of(sent: Sent) -> list[Any]:
    return [one for one in sent.resources if one.get_resource_type() == "Observation"]


def reports_of(sent: Sent) -> list[tuple[Facts, list[Any]]]:
    """Each DiagnosticReport with the observations that it names, theirs included; each observation once."""
    taken: set[int] = set()
    found = []
    for report in sent.resources:
        if report.get_resource_type() == "DiagnosticReport":
            results: list[Any] = []
            _collect(sent, report, report.result or (), results, taken)
            found.append((_report_facts(sent, report), results))
    return found


def _collect(sent: Sent, owner: Any, references: Sequence[Any], into: list[Any], taken: set[int]) -> None:
    for reference in references:
        one = sent.find(reference, owner)
        if one is not None and one.get_resource_type() == "Observation" and id(one) not in taken:
            taken.add(id(one))
            into.append(one)
            _collect(sent, one, one.hasMember or (), into, taken)


def _report_facts(sent: Sent, report: Any) -> Facts:
    patients = [one for one in sent.resources if one.get_resource_type() == "Patient"]
    only = patients[0] if len(patients) == 1 else None
    patient = sent.find(report.subject, report) if report.subject else only
    name = (
        (patient.name or [None])[0]
        if patient is not None and patient.get_resource_type() == "Patient"
        else None
    )
    born = _moment(patient.birthDate) if name else None
    return (
        report.status,
        _concept(report.code),
        _moment(report.effectiveDateTime or (report.effectivePeriod and report.effectivePeriod.start)),
        _moment(report.issued),
        tuple(one.value for one in report.identifier or () if one.value),
        name.family if name else None,
        born,
    )


def observation_facts(one: Any) -> Facts:
    return (
        one.status,
        *measured_facts(one),
        _moment(
            one.effectiveDateTime
            or (one.effectivePeriod and one.effectivePeriod.start)
            or one.effectiveInstant
        ),
        _moment(one.issued),
        tuple(measured_facts(part) for part in one.component or ()),
        tuple(note.text for note in one.note or ()),
        _concept(one.method),
    )


def measured_facts(one: Any) -> Facts:
    flags = tuple(_concept(flag) for flag in one.interpretation or ())
    ranges = tuple(_range(sent) for sent in one.referenceRange or ())
    return _concept(one.code), _value(one), _concept(one.dataAbsentReason), flags, ranges


def _concept(sent: Any) -> Facts | None:
    if sent is None:
        return None
    return tuple((one.system, one.code, one.display) for one in sent.coding or ()), sent.text


def _quantity(sent: Any) -> Facts | None:
    if sent is None:
        return None
    return _digits(sent.value), sent.comparator, sent.unit, sent.system, sent.code


def _digits(value: Decimal | str | None) -> Any:
    """Sign, digits and exponent: 72.50 is not 72.5."""
    return None if value is None else Decimal(value).as_tuple()


def _range(sent: Any) -> Facts:
    is_aged = sent.age is not None
    return _quantity(sent.low), _quantity(sent.high), None if is_aged else sent.text


def _value(one: Any) -> Any:
    if one.valueQuantity is not None:
        return _quantity(one.valueQuantity)
    if one.valueCodeableConcept is not None:
        return _concept(one.valueCodeableConcept)
    if one.valueRange is not None:
        return _quantity(one.valueRange.low), _quantity(one.valueRange.high)
    if one.valueRatio is not None:
        return _quantity(one.valueRatio.numerator), _quantity(one.valueRatio.denominator)
    if one.valueBoolean is not None:
        return str(one.valueBoolean).lower()
    if one.valueInteger is not None:
        return _digits(str(one.valueInteger))
    if one.valuePeriod is not None:
        return _moment(one.valuePeriod.start), _moment(one.valuePeriod.end)
    if one.valueSampledData is not None:
        return one.valueSampledData.data, _quantity(one.valueSampledData.origin)
    return _moment(one.valueDateTime) or _moment(one.valueTime) or one.valueString


def _moment(value: Any) -> str | None:
    """In one form for both: an instant in UTC to the microsecond, anything less as it stands."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value) if "T" in value else time.fromisoformat(value)
        except ValueError:
            return value
    if isinstance(value, datetime):
        return str(value.timestamp()) if value.tzinfo else value.isoformat()
    return value.isoformat() if isinstance(value, date | time) else str(value)


# The same facts, ours.


def our_report(report: ReportContent) -> Facts:
    return (
        report.status,
        _our_concept(report.code),
        _moment(report.effective_at),
        _moment(report.issued_at),
        tuple(one.value for one in report.identifiers),
        report.subject.family,
        _moment(report.subject.birth_date),
    )


def our_observation(one: Observation) -> Facts:
    return (
        one.status,
        *_our_measured(one),
        _moment(one.effective_at),
        _moment(one.issued_at),
        tuple(map(_our_measured, one.components)),
        one.notes,
        _our_concept(one.method),
    )


def _our_measured(one: Observation | Component) -> Facts:
    flags = tuple(map(_our_concept, one.interpretation))
    ranges = tuple(
        (
            _our_quantity(sent.low),
            _our_quantity(sent.high),
            None if "age " in (sent.text or "") else sent.text,
        )
        for sent in one.reference_ranges
    )
    return _our_concept(one.code), _our_value(one.value), _our_concept(one.data_absent_reason), flags, ranges


def _our_concept(sent: Concept | None) -> Facts | None:
    return None if sent is None else (tuple((c.system, c.code, c.display) for c in sent.codings), sent.text)


def _our_quantity(sent: Quantity | None) -> Facts | None:
    return None if sent is None else (_digits(sent.value), sent.comparator, sent.unit, sent.system, sent.code)


def _our_value(sent: Value | None) -> Any:
    if sent is None:
        return None
    match sent.kind:
        case ValueKind.QUANTITY:
            return _our_quantity(sent.quantity)
        case ValueKind.CONCEPT:
            return _our_concept(sent.concept)
        case ValueKind.RANGE:
            return _our_quantity(sent.low), _our_quantity(sent.high)
        case ValueKind.RATIO:
            return _our_quantity(sent.numerator), _our_quantity(sent.denominator)
        case ValueKind.INTEGER:
            return _digits(sent.text)
        case ValueKind.SAMPLED_DATA:
            return sent.text, _our_quantity(sent.quantity)
        case ValueKind.PERIOD:
            return tuple(map(_moment, (sent.text or "/").split("/")))
        case ValueKind.DATE_TIME | ValueKind.TIME:
            return _moment(sent.text)
        case _:
            return sent.text
