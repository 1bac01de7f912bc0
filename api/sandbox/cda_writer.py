"""A drawn report as a CDA R2 document: СЭМД «Протокол лабораторного исследования», revision 5.

Its sections and codes are those of the Russian guide as far as a reader needs them; the identifiers of the
organisation lie under 2.999, the arc of examples, so that no document passes for a real one.
"""

from datetime import datetime

from lxml import etree

from api.sandbox.catalogue import Measurable, Range
from api.sandbox.reports import LABORATORY, DrawnReport, Finding
from domain.report_content import ObservationStatus, ReportStatus

V3 = "urn:hl7-org:v3"
IDENTITY = "urn:hl7-ru:identity"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
ORGANISATION = "2.999.77"
SYSTEM = f"{ORGANISATION}.100.1.1"
_LOINC = "2.16.840.1.113883.6.1"
_FSLI = "1.2.643.5.1.13.13.11.1080"
_SNOMED = "2.16.840.1.113883.6.96"
_UNITS = "1.2.643.5.1.13.13.11.1358"
_INTERPRETATION = "1.2.643.5.1.13.13.99.2.257"
_SECTIONS = "1.2.643.5.1.13.13.99.2.197"
_STATUSES = {ObservationStatus.PRELIMINARY: "active", ObservationStatus.CANCELLED: "aborted"}

Element = etree._Element  # noqa: SLF001 - lxml's own name of the type


def cda(report: DrawnReport) -> bytes:
    names = {None: V3, "identity": IDENTITY, "xsi": XSI}
    root = etree.Element(f"{{{V3}}}ClinicalDocument", nsmap=names)  # type: ignore[arg-type]  # None: no prefix
    _about_document(root, report)
    _about_patient(root, report)
    _about_author(root, report)
    event = _under(root, "documentationOf", "serviceEvent")
    time = _under(event, "effectiveTime")
    _under(time, "low", value=_time(report.collected_at))
    _under(time, "high", value=_time(report.issued_at))
    _performer(_under(event, "performer", typeCode="PPRF"))
    body = _under(root, "component", "structuredBody")
    _specimen_section(body, report)
    _result_section(body, report)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _under(parent: Element, *names: str, text: str | None = None, **attributes: str) -> Element:
    """The innermost of new elements, each in the one before."""
    for name in names:
        parent = etree.SubElement(parent, f"{{{V3}}}{name}")
    for name, value in attributes.items():
        parent.set(name, value)
    parent.text = text
    return parent


def _typed(parent: Element, name: str, kind: str, *, text: str | None = None, **attributes: str) -> Element:
    element = _under(parent, name, text=text, **attributes)
    element.set(f"{{{XSI}}}type", kind)
    return element


def _time(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%S%z")


# The header


def _about_document(root: Element, report: DrawnReport) -> None:
    _under(root, "realmCode", code="RU")
    _under(root, "typeId", root="2.16.840.1.113883.1.3", extension="POCD_HD000040")
    _under(root, "templateId", root="1.2.643.5.1.13.13.15.18.5")
    _under(root, "id", root=f"{SYSTEM}.51", extension=report.message_id)
    title = "Протокол лабораторного исследования"
    _under(root, "code", code="7", codeSystem="1.2.643.5.1.13.13.11.1522", displayName=title)
    _under(root, "title", text=title)
    _under(root, "effectiveTime", value=_time(report.issued_at))
    _under(root, "confidentialityCode", code="N", codeSystem="1.2.643.5.1.13.13.99.2.285")
    _under(root, "languageCode", code="ru-RU")
    _under(root, "setId", root=f"{SYSTEM}.50", extension=report.report_number)
    _under(root, "versionNumber", value=str(report.version))


def _about_patient(root: Element, report: DrawnReport) -> None:
    person = report.person
    role = _under(root, "recordTarget", "patientRole")
    _under(role, "id", root=f"{SYSTEM}.10", extension=person.snils[:6])
    _under(role, "id", root="1.2.643.100.3", extension=person.snils_printed)
    policy = etree.SubElement(role, f"{{{IDENTITY}}}InsurancePolicy")
    kind = etree.SubElement(policy, f"{{{IDENTITY}}}InsurancePolicyType")
    kind.set("code", "1")
    kind.set("codeSystem", "1.2.643.5.1.13.13.11.1035")
    etree.SubElement(policy, f"{{{IDENTITY}}}Number").text = person.enp
    patient = _under(role, "patient")
    name = _under(patient, "name")
    _under(name, "family", text=person.family)
    _under(name, "given", text=person.given)
    etree.SubElement(name, f"{{{IDENTITY}}}Patronymic").text = person.patronymic
    code, words = ("1", "Мужской") if person.sex == "male" else ("2", "Женский")
    _under(
        patient,
        "administrativeGenderCode",
        code=code,
        codeSystem="1.2.643.5.1.13.13.11.1040",
        displayName=words,
    )
    _under(patient, "birthTime", value=person.birth_date.strftime("%Y%m%d"))


def _about_author(root: Element, report: DrawnReport) -> None:
    author = _under(root, "author")
    _under(author, "time", value=_time(report.issued_at))
    assigned = _under(author, "assignedAuthor")
    _under(assigned, "id", root=f"{SYSTEM}.70", extension="1")
    name = _under(assigned, "assignedPerson", "name")
    _under(name, "family", text="Примерова")
    _under(name, "given", text="Александра")
    owner = _under(root, "custodian", "assignedCustodian", "representedCustodianOrganization")
    _under(owner, "id", root=ORGANISATION)
    _under(owner, "name", text=LABORATORY)


def _performer(performer: Element) -> None:
    entity = _under(performer, "assignedEntity")
    _under(entity, "id", root=f"{SYSTEM}.70", extension="1")
    organisation = _under(entity, "representedOrganization")
    _under(organisation, "id", root=ORGANISATION)
    _under(organisation, "name", text=LABORATORY)


# The body


def _section(body: Element, code: str, title: str, shown: str) -> Element:
    section = _under(body, "component", "section")
    _under(section, "code", code=code, codeSystem=_SECTIONS, displayName=title)
    _under(section, "title", text=title)
    _under(section, "text", text=shown)
    return section


def _specimen_section(body: Element, report: DrawnReport) -> None:
    section = _section(body, "SPECIMENS", "Исследуемые материалы", report.panel.specimen)
    group = _under(section, "entry", "organizer", classCode="CLUSTER", moodCode="EVN")
    _under(group, "statusCode", code="completed")
    taken = _under(group, "component", "procedure", classCode="PROC", moodCode="EVN")
    _under(taken, "statusCode", code="completed")
    _under(taken, "effectiveTime", value=_time(report.collected_at))
    role = _under(taken, "specimen", "specimenRole")
    _under(role, "id", root=f"{SYSTEM}.66", extension=report.order_number)
    entity = _under(role, "specimenPlayingEntity", classCode="ENT", determinerCode="INSTANCE")
    _under(entity, "desc", text=report.panel.specimen)
    received = _under(taken, "entryRelationship", typeCode="COMP")
    act = _under(received, "act", classCode="ACT", moodCode="EVN")
    _under(act, "code", code="SPRECEIVE", codeSystem="1.3.5.1.4.1.19376.1.5.3.2")
    _under(act, "effectiveTime", value=_time(report.received_at))


def _result_section(body: Element, report: DrawnReport) -> None:
    shown = "; ".join(_shown(finding) for finding in report.findings)
    section = _section(body, "RESLAB", "Результаты лабораторных исследований", shown)
    cluster = _under(section, "entry", "organizer", classCode="CLUSTER", moodCode="EVN")
    _under(cluster, "statusCode", code="completed")
    battery = _under(cluster, "component", "organizer", classCode="BATTERY", moodCode="EVN")
    _under(battery, "code", "originalText", text=report.panel.name)
    _under(battery, "statusCode", code=_battery_status(report))
    _under(battery, "effectiveTime", value=_time(report.collected_at))
    for finding in report.findings:
        _observation(_under(battery, "component"), report, finding)


def _battery_status(report: DrawnReport) -> str:
    whole = {ReportStatus.PRELIMINARY: "active", ReportStatus.CANCELLED: "aborted"}
    return whole.get(report.status, "completed")


def _shown(finding: Finding) -> str:
    unit = finding.test.unit.printed if finding.test.unit else ""
    value = finding.amount or (finding.choice.text if finding.choice else "не выполнено")
    return " ".join(filter(None, (finding.test.name, finding.comparator, value, unit)))


def _observation(parent: Element, report: DrawnReport, finding: Finding) -> None:
    observation = _under(parent, "observation", classCode="OBS", moodCode="EVN")
    _code(observation, finding.test)
    _under(observation, "statusCode", code=_STATUSES.get(finding.status, "completed"))
    _under(observation, "effectiveTime", value=_time(report.collected_at))
    _value(observation, finding)
    if finding.flag:
        _under(observation, "interpretationCode", code=finding.flag, codeSystem=_INTERPRETATION)
    role = _under(observation, "specimen", "specimenRole")
    _under(role, "id", root=f"{SYSTEM}.66", extension=report.order_number)
    if finding.note:
        relation = _under(observation, "entryRelationship", typeCode="SUBJ", inversionInd="true")
        act = _under(relation, "act", classCode="ACT", moodCode="EVN")
        _under(act, "code", code="48767-8", codeSystem=_LOINC)
        _under(act, "text", text=finding.note)
    if finding.usual:
        _range(observation, finding.test, finding.usual)


def _code(observation: Element, test: Measurable) -> None:
    """ФСЛИ first, as the guide wants; LOINC where the generator knows no code of ФСЛИ."""
    if test.fsli is None:
        _under(observation, "code", code=test.loinc, codeSystem=_LOINC, displayName=test.name)
        return
    code = _under(observation, "code", code=test.fsli, codeSystem=_FSLI, displayName=test.name)
    _under(code, "translation", code=test.loinc, codeSystem=_LOINC, displayName=test.name_latin)


def _value(observation: Element, finding: Finding) -> None:
    if finding.amount is not None and finding.comparator == "<=":
        interval = _typed(observation, "value", "IVL_PQ")
        _amount(_under(interval, "high", inclusive="true"), finding.test, finding.amount)
    elif finding.amount is not None:
        _amount(_typed(observation, "value", "PQ"), finding.test, finding.amount)
    elif finding.choice is None:
        _typed(observation, "value", "ST", nullFlavor="NA")
    elif (coding := finding.choice.coding) is None:
        _typed(observation, "value", "ST", text=finding.choice.text)
    else:
        coded = _typed(
            observation,
            "value",
            "CD",
            code=coding.code or "",
            codeSystem=_SNOMED,
            displayName=coding.display or "",
        )
        _under(coded, "originalText", text=finding.choice.text)


def _amount(element: Element, test: Measurable, amount: str) -> None:
    """The unit of UCUM, and beside it how the laboratory prints it."""
    element.set("value", amount)
    element.set("unit", test.unit.ucum if test.unit else "1")
    if test.unit:
        _under(element, "translation", value=amount, displayName=test.unit.printed, codeSystem=_UNITS)


def _range(observation: Element, test: Measurable, usual: Range) -> None:
    value = _typed(_under(observation, "referenceRange", "observationRange"), "value", "IVL_PQ")
    for name, end in (("low", usual.low), ("high", usual.high)):
        if end is not None:
            _amount(_under(value, name), test, end)
