"""A report written as a FHIR R4 document: a Bundle, in XML or JSON, that begins with a Composition, from what was recorded.

Laboratories' texts stay as sent. What R4 has no place for is never put where it would mean something else: a time that
is no R4 time goes to an extension, sampled data without its rate to a text.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID, uuid5

import orjson
from lxml import etree

from api.fhir import written_elements as written
from api.fhir.written_json import as_json_value
from domain.report_content import Observation, ReportContent, ReportStatus, Specimen, Subject
from projections.summary import summarise

_NAMESPACE = "http://hl7.org/fhir"
_LABORATORY_REPORT = {"system": "http://loinc.org", "code": "11502-2", "display": "Laboratory report"}
# R5 has notes of a report, and says how R4 carries them.
_NOTE = "http://hl7.org/fhir/5.0/StructureDefinition/extension-DiagnosticReport.note"
_GENDERS = ("male", "female", "other", "unknown")
# Composition.status knows fewer words than a report's.
_COMPOSITION_STATUS = {
    ReportStatus.FINAL: "final",
    ReportStatus.AMENDED: "amended",
    ReportStatus.CORRECTED: "amended",
    ReportStatus.APPENDED: "amended",
    ReportStatus.ENTERED_IN_ERROR: "entered-in-error",
}


def fhir_document(
    content: ReportContent,
    *,
    report_id: UUID,
    version: int,
    recorded_at: datetime,
    status: ReportStatus | None = None,
) -> bytes:
    """The same bytes for the same version. `status` is the report's, where it is not what the version says."""
    bundle = _bundle(content, uuid5(report_id, str(version)), recorded_at, status)
    root = etree.Element(f"{{{_NAMESPACE}}}Bundle", nsmap={None: _NAMESPACE})  # type: ignore[dict-item]  # no prefix: the stubs know none
    _fill(root, bundle)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def fhir_json_document(
    content: ReportContent,
    *,
    report_id: UUID,
    version: int,
    recorded_at: datetime,
    status: ReportStatus | None = None,
) -> bytes:
    """The same document in JSON (FHIR R4, 2.6.2)."""
    bundle = _bundle(content, uuid5(report_id, str(version)), recorded_at, status)
    return orjson.dumps(as_json_value(bundle), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _bundle(
    content: ReportContent, document_id: UUID, recorded_at: datetime, status: ReportStatus | None
) -> dict[str, Any]:
    writer = _Writer(document_id, content, status or content.status)
    return writer.bundle(recorded_at.astimezone(UTC).isoformat(timespec="seconds"))


def _fill(element: etree._Element, content: dict[str, Any]) -> None:
    """FHIR R4 XML, 2.6.1: what is a member in JSON is an element in XML, in the order of the specification, which is
    the order in which they are given."""
    for name, value in content.items():
        if name == "resourceType":
            continue
        for one in value if isinstance(value, list) else [value]:
            if not written.says_anything(one):
                continue
            child = etree.SubElement(element, f"{{{_NAMESPACE}}}{name}")
            if not isinstance(one, dict):
                child.set("value", written.text_of(str(one)))
            elif "resourceType" in one:
                _fill(etree.SubElement(child, f"{{{_NAMESPACE}}}{one['resourceType']}"), one)
            elif name == "extension":
                child.set("url", one["url"])
                _fill(child, {key: inner for key, inner in one.items() if key != "url"})
            else:
                _fill(child, one)


class _Writer:
    """The resources of one version. They name each other by UUIDs that follow from the version's."""

    def __init__(self, document_id: UUID, content: ReportContent, status: ReportStatus) -> None:
        self._id = document_id
        self._content = content
        self._status = status

    def bundle(self, timestamp: str) -> dict[str, Any]:
        content = self._content
        resources = [self._composition(timestamp), self._report(), self._patient(content.subject)]
        resources += [self._observation(one, place) for place, one in enumerate(content.observations)]
        resources += [self._specimen(one, place) for place, one in enumerate(content.specimens)]
        return {
            "resourceType": "Bundle",
            "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{self._id}"},
            "type": "document",
            "timestamp": timestamp,
            "entry": [{"fullUrl": self._url(one["id"]), "resource": one} for one in resources],
        }

    def _url(self, name: str) -> str:
        return f"urn:uuid:{uuid5(self._id, name)}"

    def _to(self, name: str) -> dict[str, str]:
        return {"reference": self._url(name)}

    def _composition(self, timestamp: str) -> dict[str, Any]:
        title = summarise(self._content).title or _LABORATORY_REPORT["display"]
        return {
            "resourceType": "Composition",
            "id": "composition",
            "status": _COMPOSITION_STATUS.get(self._status, "preliminary"),
            "type": {"coding": [_LABORATORY_REPORT]},
            "subject": self._to("patient"),
            "date": timestamp,
            "author": [{"display": "Letopis"}],
            "title": title,
            "section": [{"title": title, "entry": [self._to("report")]}],
        }

    def _report(self) -> dict[str, Any]:
        content = self._content
        members = {place for one in content.observations for place in one.members}
        roots = [place for place in range(len(content.observations)) if place not in members]
        return {
            "resourceType": "DiagnosticReport",
            "id": "report",
            "extension": [
                *(
                    {"url": _NOTE, "valueAnnotation": {"text": note}}
                    for note in content.notes
                    if note.strip()
                ),
                *written.times_that_do_not_fit(content.effective_at, content.issued_at),
            ],
            "identifier": [written.identifier(one) for one in content.identifiers],
            "status": self._status.value,
            "category": written.concepts(content.category),
            "code": written.required_concept(content.code),
            "subject": self._to("patient"),
            "effectiveDateTime": written.date_time(content.effective_at),
            "issued": written.instant(content.issued_at),
            "performer": [{"display": content.performer}] if content.performer else [],
            "specimen": self._each("specimen", range(len(content.specimens))),
            "result": self._each("observation", roots),
            "conclusion": content.conclusion,
            "conclusionCode": written.concepts(content.conclusion_codes),
            "presentedForm": [
                {"contentType": one.content_type, "size": one.size_bytes, "title": one.title}
                for one in content.attachments
            ],
        }

    def _each(self, kind: str, places: Sequence[int]) -> list[dict[str, str]]:
        return [self._to(f"{kind}-{place}") for place in places]

    def _observation(self, one: Observation, place: int) -> dict[str, Any]:
        return {
            "resourceType": "Observation",
            "id": f"observation-{place}",
            "extension": written.times_that_do_not_fit(one.effective_at, one.issued_at),
            "status": one.status.value,
            "category": written.concepts(one.category),
            "code": written.required_concept(one.code),
            "subject": self._to("patient"),
            "effectiveDateTime": written.date_time(one.effective_at),
            "issued": written.instant(one.issued_at),
            **written.value(one.value),
            "dataAbsentReason": written.absent_reason(one),
            "interpretation": written.concepts(one.interpretation),
            "note": [{"text": note} for note in one.notes if note.strip()],
            "method": written.concept(one.method),
            "referenceRange": written.ranges(one.reference_ranges),
            "hasMember": self._each("observation", one.members),
            "component": [
                {
                    "code": written.required_concept(part.code),
                    **written.value(part.value),
                    "dataAbsentReason": written.absent_reason(part),
                    "interpretation": written.concepts(part.interpretation),
                    "referenceRange": written.ranges(part.reference_ranges),
                }
                for part in one.components
            ],
        }

    def _patient(self, subject: Subject) -> dict[str, Any]:
        name = {"text": subject.name_text, "family": subject.family, "given": list(subject.given)}
        return {
            "resourceType": "Patient",
            "id": "patient",
            "identifier": [written.identifier(one) for one in subject.identifiers],
            "name": [name] if any(name.values()) else [],
            "gender": subject.sex if subject.sex in _GENDERS else None,
            "birthDate": written.day(subject.birth_date),
        }

    def _specimen(self, one: Specimen, place: int) -> dict[str, Any]:
        return {
            "resourceType": "Specimen",
            "id": f"specimen-{place}",
            "type": written.concept(one.kind),
            "subject": self._to("patient"),
            "receivedTime": written.date_time(one.received_at),
            "collection": {"collectedDateTime": written.date_time(one.collected_at)}
            if written.date_time(one.collected_at)
            else None,
        }


def fhir_resources(
    content: ReportContent,
    *,
    report_id: UUID,
    version: int,
    patient_id: UUID,
    recorded_at: datetime,
    status: ReportStatus | None = None,
) -> list[dict[str, Any]]:
    """The report's resources, each by itself and of a patient who is only a pseudonym (Bulk Data Access). Their ids follow
    from the report's and stay from version to version."""
    writer = _Alone(report_id, content, status or content.status, patient_id)
    meta = {"versionId": str(version), "lastUpdated": recorded_at.astimezone(UTC).isoformat()}
    return [as_json_value(one | {"meta": meta}) for one in writer.resources()]


class _Alone(_Writer):
    """As `_Writer`, where the resources stand in files of their kinds."""

    _KINDS: ClassVar = {"report": "DiagnosticReport", "observation": "Observation", "specimen": "Specimen"}

    def __init__(
        self, report_id: UUID, content: ReportContent, status: ReportStatus, patient_id: UUID
    ) -> None:
        super().__init__(report_id, content, status)
        self._patient_id = patient_id

    def resources(self) -> list[dict[str, Any]]:
        content = self._content
        found = [self._report()]
        found += [self._observation(one, place) for place, one in enumerate(content.observations)]
        found += [self._specimen(one, place) for place, one in enumerate(content.specimens)]
        return [one | {"id": self._named(one["id"])} for one in found]

    def _named(self, name: str) -> str:
        return str(self._id if name == "report" else uuid5(self._id, name))

    def _to(self, name: str) -> dict[str, str]:
        if name == "patient":
            return {"reference": f"Patient/{self._patient_id}"}
        return {"reference": f"{self._KINDS[name.partition('-')[0]]}/{self._named(name)}"}
