"""A drawn report as an HL7 v2.5.1 message ORU^R01, in the character sets that Russian senders use."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType

from api.sandbox.catalogue import Measurable, Range
from api.sandbox.reports import LABORATORY, DrawnReport, Finding
from domain.report_content import ObservationStatus, ReportStatus

APPLICATION, FACILITY = "SANDBOX-LIS", "SANDBOX-LAB"
# MSH-18 and the codec behind it.
CHARACTER_SETS: Mapping[str, str] = MappingProxyType(
    {"UNICODE UTF-8": "utf-8", "WINDOWS-1251": "cp1251", "8859/5": "iso8859-5"}
)
_REPORT_STATUSES = {
    ReportStatus.PRELIMINARY: "P",
    ReportStatus.FINAL: "F",
    ReportStatus.CORRECTED: "C",
    ReportStatus.CANCELLED: "X",
}
_OBSERVATION_STATUSES = {
    ObservationStatus.PRELIMINARY: "P",
    ObservationStatus.FINAL: "F",
    ObservationStatus.CORRECTED: "C",
    ObservationStatus.CANCELLED: "X",
}
_SYSTEMS = {"http://snomed.info/sct": "SCT"}
_ESCAPES = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "~": "\\R\\", "&": "\\T\\", "\n": "\\.br\\"}


def hl7(report: DrawnReport, *, character_set: str = "UNICODE UTF-8", receiver: str = "LETOPIS") -> bytes:
    """The message; `receiver` is MSH-5, by which a sandbox is asked to fail."""
    segments = (
        _header(report, character_set, receiver),
        _patient(report),
        _segment("ORC", {1: "RE", 2: report.order_number, 3: report.report_number}),
        _request(report),
        *_observations(report),
        _specimen(report),
    )
    return "".join(f"{segment}\r" for segment in segments).encode(CHARACTER_SETS[character_set])


def _segment(name: str, fields: Mapping[int, str]) -> str:
    """The fields by their numbers, and nothing in those between."""
    return "|".join([name, *(fields.get(number, "") for number in range(1, max(fields) + 1))])


def _escaped(text: str | None) -> str:
    return "".join(_ESCAPES.get(character, character) for character in text or "")


def _parts(*parts: str | None) -> str:
    return "^".join(map(_escaped, parts)).rstrip("^")


def _time(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%S%z")


def _header(report: DrawnReport, character_set: str, receiver: str) -> str:
    # MSH-1 is the separator itself, so the numbers of the fields are those of HL7 less one.
    fields = {
        1: "^~\\&",
        2: APPLICATION,
        3: FACILITY,
        4: _escaped(receiver),
        5: "LETOPIS",
        6: _time(report.issued_at),
        8: "ORU^R01^ORU_R01",
        9: report.message_id,
        10: "P",
        11: "2.5.1",
        16: "RUS",
        17: character_set,
    }
    return _segment("MSH", fields)


def _patient(report: DrawnReport) -> str:
    person = report.person
    numbers = (
        f"{person.snils}^^^&1.2.643.100.3&ISO^SNILS",
        f"{person.enp}^^^&1.2.643.2.69.1.1.1.6.228&ISO^ENP",
    )
    fields = {
        1: "1",
        3: "~".join(numbers),
        5: _parts(person.family, person.given, person.patronymic, "", "", "", "L"),
        7: person.birth_date.strftime("%Y%m%d"),
        8: "M" if person.sex == "male" else "F",
    }
    return _segment("PID", fields)


def _request(report: DrawnReport) -> str:
    fields = {
        1: "1",
        2: report.order_number,
        3: report.report_number,
        4: _parts(report.panel.loinc, report.panel.name, "LN"),
        7: _time(report.collected_at),
        14: _time(report.received_at),
        22: _time(report.issued_at),
        25: _REPORT_STATUSES[report.status],
    }
    return _segment("OBR", fields)


def _observations(report: DrawnReport) -> Iterator[str]:
    for place, finding in enumerate(report.findings, start=1):
        kind, value = _value(finding)
        fields = {
            1: str(place),
            2: kind,
            3: _code(finding.test),
            4: str(place),
            5: value,
            6: _unit(finding),
            7: _range(finding.usual) if finding.usual else "",
            8: finding.flag or "",
            11: _OBSERVATION_STATUSES[finding.status],
            14: _time(report.collected_at),
            23: _escaped(LABORATORY),
        }
        yield _segment("OBX", fields)
        if finding.note:
            yield _segment("NTE", {1: "1", 2: "L", 3: _escaped(finding.note)})


def _code(test: Measurable) -> str:
    fsli = (test.fsli, test.name, "1.2.643.5.1.13.13.11.1080") if test.fsli else ()
    return _parts(test.loinc, test.name, "LN", *fsli)


def _value(finding: Finding) -> tuple[str, str]:
    """OBX-2 and OBX-5."""
    if finding.amount is not None:
        if finding.comparator:
            return "SN", _parts(finding.comparator, finding.amount)
        return "NM", finding.amount
    if finding.choice is None:
        return "", ""
    coding = finding.choice.coding
    if coding is None:
        return "ST", _escaped(finding.choice.text)
    system = _SYSTEMS.get(coding.system or "", coding.system)
    return "CWE", _parts(coding.code, coding.display, system, "", "", "", "", "", finding.choice.text)


def _unit(finding: Finding) -> str:
    unit = finding.test.unit
    return _parts(unit.ucum, unit.printed, "UCUM") if unit and finding.amount is not None else ""


def _range(usual: Range) -> str:
    if usual.low is None:
        return f"<={usual.high}"
    return f">={usual.low}" if usual.high is None else f"{usual.low}-{usual.high}"


def _specimen(report: DrawnReport) -> str:
    fields = {
        1: "1",
        4: _parts("", report.panel.specimen),
        17: _time(report.collected_at),
        18: _time(report.received_at),
    }
    return _segment("SPM", fields)
