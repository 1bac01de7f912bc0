"""What a CDA document says is read, in its words and figures; what it must not say is refused."""

import base64
import re
from typing import Any

import pytest

from api.cda.reading import read_cda
from api.cda.refusal import ContentNotCdaError
from api.content import ContentError
from domain.report_content import Observation, ReportContent, Value, ValueKind
from domain.values import Coding, Concept, Identifier, Quantity

FSLI = "1.2.643.5.1.13.13.11.1080"
NAMESPACES = (
    'xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns:identity="urn:hl7-ru:identity" xmlns:lab="urn:oid:1.3.6.1.4.1.19376.1.3.2"'
)
HEADER = """
<realmCode code="RU"/><id root="1.2.643.5.1.13.13.12.2.77.1.100.1.1.51" extension="77"/>
<code code="7" codeSystem="1.2.643.5.1.13.13.11.1522" displayName="Протокол лабораторного исследования"/>
<title>Протокол</title><effectiveTime value="20260301101500+0300"/>
<setId root="1.2.643.5.1.13.13.12.2.77.1.100.1.1.50" extension="8"/><versionNumber value="{version}"/>
<recordTarget><patientRole>
 <id root="1.2.643.100.3" extension="112-233-445 95"/>
 <identity:InsurancePolicy>
  <identity:InsurancePolicyType code="1" codeSystem="1.2.643.5.1.13.13.11.1035"/>
  <identity:Number>9911111111111112</identity:Number>
 </identity:InsurancePolicy>
 <patient>
  <name use="P"><family>Псевдоним</family></name>
  <name use="L"><family>Иванова</family><given>Анна</given><identity:Patronymic>Петровна</identity:Patronymic></name>
  <administrativeGenderCode code="2" codeSystem="1.2.643.5.1.13.13.11.1040"/><birthTime value="198503"/>
 </patient>
</patientRole></recordTarget>"""


def entry(value: str, *, code: str = "1017128", rest: str = "", attributes: str = "") -> str:
    return (
        f'<component><observation classCode="OBS" moodCode="EVN" {attributes}>'
        f'<id root="1.2.3" extension="{code}"/>'
        f'<code code="{code}" codeSystem="{FSLI}" displayName="Показатель"/>'
        f'<statusCode code="completed"/>{value}{rest}</observation></component>'
    )


def document(*entries: str, sections: str = "", version: str = "1", header: str = "", body: str = "") -> str:
    results = (
        f'<component><section><code code="RESLAB" codeSystem="1.2.643.5.1.13.13.99.2.197"/>'
        f'<text><content ID="t1">из <br/>текста</content></text><entry>'
        f'<organizer classCode="BATTERY"><code><originalText>Панель</originalText></code>'
        f'<statusCode code="completed"/><effectiveTime value="202603011000+0300"/>{"".join(entries)}'
        f"</organizer></entry></section></component>"
    )
    inside = body or f"<component><structuredBody>{results}{sections}</structuredBody></component>"
    filled = HEADER.format(version=version)
    return f"<ClinicalDocument {NAMESPACES}>{filled}{header}{inside}</ClinicalDocument>"


def read(text: str, encoding: str = "utf-8") -> ReportContent:
    declared = f'<?xml version="1.0" encoding="{encoding}"?>{text}'
    (report,) = read_cda(declared.encode(encoding))
    return report


def observed(value: str, **more: str) -> Observation:
    panel, *others = read(document(entry(value, **more))).observations
    assert panel.members == tuple(range(1, len(others) + 1))
    return others[0]


def refusal(text: str | bytes) -> ContentError:
    with pytest.raises(ContentError) as refused:
        read_cda(text.encode() if isinstance(text, str) else text)
    return refused.value


MG = Quantity(value="72.50", unit="mg/L", system="http://unitsofmeasure.org", code="mg/L")


def amount(value: str, unit: str | None = None, comparator: str | None = None) -> Quantity:
    system = "http://unitsofmeasure.org" if unit else None
    return Quantity(value=value, unit=unit, code=unit, system=system, comparator=comparator)


SNOMED = "http://snomed.info/sct"
VALUES: list[tuple[str, Value | None]] = [
    ('<value xsi:type="PQ" value="72.50" unit="mg/L"/>', Value(kind=ValueKind.QUANTITY, quantity=MG)),
    (
        '<value xsi:type="PQ" value="10" unit="mm/h"><translation value="10" displayName="мм/ч" code="36"/></value>',
        Value(
            kind=ValueKind.QUANTITY,
            quantity=Quantity(value="10", unit="мм/ч", code="mm/h", system="http://unitsofmeasure.org"),
        ),
    ),
    (
        '<value xsi:type="PQ" nullFlavor="OTH"><translation value="4" displayName="усл. ед."/></value>',
        Value(kind=ValueKind.QUANTITY, quantity=Quantity(value="4", unit="усл. ед.")),
    ),
    ('<value xsi:type="PQ" value="1.10" unit="1"/>', None),
    ('<value xsi:type="PQ" value="12,5" unit="g/L"/>', Value(kind=ValueKind.TEXT, text="12,5 g/L")),
    ('<value xsi:type="PQ" value="1e99999" unit="g/L"/>', Value(kind=ValueKind.TEXT, text="1e99999 g/L")),
    ('<value xsi:type="REAL" value="2.0"/>', Value(kind=ValueKind.QUANTITY, quantity=amount("2.0"))),
    ('<value xsi:type="INT" value="007"/>', Value(kind=ValueKind.INTEGER, text="007")),
    ('<value xsi:type="INT" value="many"/>', Value(kind=ValueKind.TEXT, text="many")),
    ('<value xsi:type="ST"> не обнаружено </value>', Value(kind=ValueKind.TEXT, text="не обнаружено")),
    ('<value xsi:type="ED">соломенный</value>', Value(kind=ValueKind.TEXT, text="соломенный")),
    (
        '<value xsi:type="ED"><reference value="#t1"/></value>',
        Value(kind=ValueKind.TEXT, text="из\nтекста"),
    ),
    (
        '<value xsi:type="CD" code="10828004" codeSystem="2.16.840.1.113883.6.96" displayName="Positive"/>',
        Value(
            kind=ValueKind.CONCEPT,
            concept=Concept(codings=(Coding(system=SNOMED, code="10828004", display="Positive"),)),
        ),
    ),
    (
        '<value xsi:type="CE" nullFlavor="OTH"><originalText>своё слово</originalText></value>',
        Value(kind=ValueKind.CONCEPT, concept=Concept(text="своё слово")),
    ),
    (
        '<value xsi:type="SC" code="1" codeSystem="1.2.3">много</value>',
        Value(
            kind=ValueKind.CONCEPT,
            concept=Concept(codings=(Coding(system="urn:oid:1.2.3", code="1"),), text="много"),
        ),
    ),
    (
        '<value xsi:type="IVL_PQ"><low value="1" unit="g"/><high value="2" unit="g"/></value>',
        Value(kind=ValueKind.RANGE, low=amount("1", "g"), high=amount("2", "g")),
    ),
    (
        '<value xsi:type="IVL_PQ"><low value="1" inclusive="false"/><high nullFlavor="PINF"/></value>',
        Value(kind=ValueKind.QUANTITY, quantity=amount("1", comparator=">")),
    ),
    (
        '<value xsi:type="IVL_PQ"><high value="0.50"/></value>',
        Value(kind=ValueKind.QUANTITY, quantity=amount("0.50", comparator="<=")),
    ),
    (
        '<value xsi:type="IVL_PQ"><low value="1"/><high value="2,5" unit="g"/></value>',
        Value(kind=ValueKind.TEXT, text="low 1; high 2,5 g"),
    ),
    (
        '<value xsi:type="RTO_PQ_PQ"><numerator value="1"/><denominator value="80"/></value>',
        Value(kind=ValueKind.RATIO, numerator=amount("1"), denominator=amount("80")),
    ),
    ('<value xsi:type="TS" value="20260301"/>', Value(kind=ValueKind.DATE_TIME, text="2026-03-01")),
    (
        '<value xsi:type="IVL_TS"><low value="2025"/></value>',
        Value(kind=ValueKind.PERIOD, text="2025/"),
    ),
    ('<value xsi:type="BL" value="true"/>', Value(kind=ValueKind.BOOLEAN, text="true")),
    ('<value xsi:type="GLIST_PQ"><head value="3" unit="s"/></value>', Value(kind=ValueKind.TEXT, text="head 3 s")),
    ('<value value="5" unit="g"/>', Value(kind=ValueKind.QUANTITY, quantity=amount("5", "g"))),
    ('<value xsi:type="PQ" unit="g" nullFlavor="NI"/>', None),
    ("", None),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "value"), VALUES)
def test_each_type_of_value_is_read_as_sent(sent: str, value: Value | None) -> None:
    found = observed(sent).value
    if 'unit="1"' in sent:
        assert found and found.quantity == Quantity(
            value="1.10", code="1", system="http://unitsofmeasure.org"
        )
    else:
        assert found == value


def test_what_is_absent_has_its_reason_and_a_denied_value_is_marked() -> None:
    absent = observed('<value xsi:type="PQ" nullFlavor="NASK"/>').data_absent_reason
    assert absent and absent.codings[0].code == "NASK"
    denied = observed('<value xsi:type="ST">рост</value>', attributes='negationInd="true"').value
    assert denied == Value(kind=ValueKind.TEXT, text="negated: рост")


def test_a_planned_observation_is_no_result() -> None:
    planned = entry('<value xsi:type="ST">x</value>').replace('moodCode="EVN"', 'moodCode="GOL"')
    assert refusal(document(planned)).code == "no-report-in-content"


def test_ranges_flags_methods_and_comments_are_read() -> None:
    rest = (
        '<interpretationCode code="H" codeSystem="2.16.840.1.113883.5.83"/><interpretationCode nullFlavor="NA"/>'
        '<methodCode code="M1" codeSystem="1.2.3"/>'
        '<entryRelationship typeCode="SUBJ"><act><code code="48767-8" codeSystem="2.16.840.1.113883.6.1"/>'
        "<text>гемолиз</text></act></entryRelationship>"
        '<referenceRange><observationRange><value xsi:type="IVL_PQ"><low value="3.50" unit="g/L">'
        '<translation value="3.50" displayName="г/л"/></low><high value="5" unit="g/L" inclusive="false"/></value>'
        '<precondition><criterion><value xsi:type="IVL_PQ"><low value="18" unit="a"/></value></criterion>'
        "</precondition></observationRange></referenceRange>"
        "<referenceRange><observationRange><text>до 40 лет: 1–2</text></observationRange></referenceRange>"
    )
    found = observed(
        '<value xsi:type="PQ" value="6" unit="g/L"><translation value="600" unit="mg/dL"/></value>', rest=rest
    )
    assert [one.codings[0].code for one in found.interpretation] == ["H"]
    assert found.method and found.method.codings[0].code == "M1"
    assert found.notes == ("гемолиз", "= 600 mg/dL")
    first, second = found.reference_ranges
    assert first.low and (first.low.value, first.low.unit) == ("3.50", "г/л")
    assert first.text == "< 5 g/L; >= 18 a"
    assert second.text == "до 40 лет: 1–2"
    assert found.effective_at == "2026-03-01T10:00+03:00"  # its battery's


def test_inner_and_further_values_become_components_and_earlier_ones_notes() -> None:
    inner = '<code code="U"/><value xsi:type="ST">{}</value></observation></entryRelationship>'
    rest = (
        f'<entryRelationship typeCode="COMP"><observation>{inner.format("a")}'
        f'<entryRelationship typeCode="REFR"><observation><effectiveTime value="2025"/>{inner.format("b")}'
    )
    found = observed('<value xsi:type="INT" value="1"/><value xsi:type="INT" value="2"/>', rest=rest)
    texts = [one.value.text for one in found.components if one.value]
    assert texts == ["2", "a"]
    assert found.notes == ("related result: U: b (2025)",)


def test_every_translation_of_a_code_is_kept() -> None:
    text = document(entry('<value xsi:type="INT" value="1"/>'))
    translated = (
        'displayName="Показатель"><translation code="718-7" codeSystem="2.16.840.1.113883.6.1"/></code>'
    )
    found = read(text.replace('displayName="Показатель"/>', translated)).observations[1].code
    assert [(one.system, one.code) for one in found.codings] == [
        (f"urn:oid:{FSLI}", "1017128"),
        ("http://loinc.org", "718-7"),
    ]


def test_the_header_gives_the_patient_and_the_chain_of_versions() -> None:
    report = read(document(entry('<value xsi:type="INT" value="1"/>')))
    assert report.subject.family == "Иванова"
    assert report.subject.given == ("Анна", "Петровна")
    assert (report.subject.birth_date, report.subject.sex) == ("1985-03", "female")
    assert report.subject.identifiers == (
        Identifier(system="urn:oid:1.2.643.100.3", value="112-233-445 95"),
        Identifier(system="urn:oid:1.2.643.2.69.1.1.1.6.228", value="9911111111111112"),
    )
    number = Identifier(system="urn:oid:1.2.643.5.1.13.13.12.2.77.1.100.1.1.50", value="8", kind="SETID")
    assert report.identifiers == (number,)
    assert report.source_id == "urn:oid:1.2.643.5.1.13.13.12.2.77.1.100.1.1.51|77"
    assert (report.status, report.issued_at) == ("final", "2026-03-01T10:15:00+03:00")


def doc_info(kinds: str, series: str, number: str) -> str:
    kind = f'<identity:IdentityDocType code="1" codeSystem="{kinds}"/>'
    numbers = f"<identity:Series>{series}</identity:Series><identity:Number>{number}</identity:Number>"
    return f"<identity:DocInfo>{kind}{numbers}</identity:DocInfo>"


@pytest.mark.parametrize(
    ("entity", "found"),
    [
        ('<id root="1.2.3" extension="9900000000000028"/>', ["9900000000000028"]),
        ('<id root="1.2.3" extension="123"/>', []),
        (doc_info("1.2.643.5.1.13.13.11.1035", "АБ", "123456"), ["АБ 123456"]),
        (doc_info("1.2.643.5.1.13.13.99.2.48", "1", "2"), []),
        ('<id extension="9900000000000028"/><associatedPerson/>', []),
    ],
    ids=["holder", "no policy", "old policy", "passport", "somebody else"],
)
def test_the_policy_is_found_at_its_holder_and_a_passport_is_left_alone(
    entity: str, found: list[str]
) -> None:
    holder = f'<participant typeCode="HLD"><associatedEntity classCode="POLHOLD">{entity}</associatedEntity></participant>'
    text = document(entry('<value xsi:type="INT" value="1"/>'), header=holder)
    whole = read(text).subject.identifiers
    assert whole[1].value == "9911111111111112" and len(whole) == 2  # the patient's own goes before
    bare = read(text.replace("InsurancePolicy>", "Other>")).subject.identifiers
    assert [one.value for one in bare[1:]] == found


@pytest.mark.parametrize("template", ["1.2.643.5.1.13.2.7.5.1.7.3", "1.2.643.5.1.13.13.15.18.5"])
def test_every_revision_of_the_russian_protocol_is_a_laboratory_report(template: str) -> None:
    text = document(entry('<value xsi:type="INT" value="1"/>')).replace('code="7" ', 'code="700" ')
    moved = text.replace("<realmCode", f'<templateId root="{template}"/><realmCode').replace(
        "RESLAB", "OTHER"
    )
    assert len(read(moved).observations) == 2


@pytest.mark.parametrize(
    ("version", "header", "status"),
    [
        ("2", "", "corrected"),
        ("1", '<relatedDocument typeCode="RPLC"/>', "corrected"),
        ("1", '<relatedDocument typeCode="APND"/>', "final"),
        (
            "2",
            '<documentationOf><serviceEvent><lab:statusCode code="active"/></serviceEvent></documentationOf>',
            "preliminary",
        ),
    ],
)
def test_a_replacing_version_is_corrected(version: str, header: str, status: str) -> None:
    sent = document(entry('<value xsi:type="INT" value="1"/>'), version=version, header=header)
    assert read(sent).status == status


@pytest.mark.parametrize(
    ("codes", "status"),
    [
        (("completed", "active"), "partial"),
        (("active", "active"), "preliminary"),
        (("cancelled", "aborted"), "cancelled"),
        (("completed", "cancelled"), "final"),
    ],
)
def test_observations_make_the_status_where_nothing_else_does(codes: tuple[str, str], status: str) -> None:
    rows = [
        entry('<value xsi:type="INT" value="1"/>').replace('code="completed"', f'code="{code}"')
        for code in codes
    ]
    text = document(*rows).replace(
        '</originalText></code><statusCode code="completed"/>', "</originalText></code>"
    )
    assert read(text).status == status


def test_a_conclusion_is_read_from_its_section_and_from_its_observation() -> None:
    section = (
        "<component><section><title>Заключение</title><text><paragraph>Норма.</paragraph>Повторить</text>"
        "</section></component>"
    )
    text = entry('<value xsi:type="ST">Анемия</value>').replace(
        f'codeSystem="{FSLI}" displayName="Показатель"',
        'codeSystem="1.2.643.5.1.13.13.99.2.166" displayName="Общее заключение по исследованию"',
    )
    report = read(document(entry('<value xsi:type="INT" value="1"/>'), text, sections=section))
    assert report.conclusion == "Анемия\nНорма.\nПовторить"
    assert len(report.observations) == 2


@pytest.mark.parametrize("encoding", ["windows-1251", "utf-16", "koi8-r", "utf-8"])
def test_a_document_is_read_in_the_encoding_that_it_declares(encoding: str) -> None:
    text = document(entry('<value xsi:type="ST">найдено</value>')).replace("–", "-")
    report = read(text, encoding)
    assert report.subject.family == "Иванова"
    assert report.observations[1].value == Value(kind=ValueKind.TEXT, text="найдено")


def test_a_file_instead_of_a_body_is_an_attachment() -> None:
    data = base64.b64encode(b"%PDF-1.4").decode()
    body = (
        '<component><nonXMLBody><text mediaType="application/pdf" representation="B64">\n {} '
        "</text></nonXMLBody></component>"
    )
    report = read(document(body=body.format(data)))
    (attachment,) = report.attachments
    assert (attachment.content_type, attachment.size_bytes) == ("application/pdf", 8)
    assert attachment.source == "/ClinicalDocument/component/nonXMLBody/text"
    assert report.observations == ()
    broken = refusal(document(body=body.format("%%%")))
    assert (broken.code, broken.field) == (
        "content-not-cda",
        "/ClinicalDocument/component/nonXMLBody/text",
    )


def test_a_broken_picture_does_not_cost_the_results() -> None:
    media = (
        '<component><observationMedia><value mediaType="image/png" representation="B64">%</value>'
        "</observationMedia></component>"
    )
    report = read(document(entry('<value xsi:type="INT" value="1"/>'), media))
    assert report.attachments[0].size_bytes is None
    assert report.notes[0].startswith("attachment is not base64: /ClinicalDocument/component")


SUMMARY = (
    f'<ClinicalDocument {NAMESPACES}><templateId root="2.16.840.1.113883.10.20.22.1.2"/>'
    '<id root="1.2.3" extension="D"/><setId root="1.2.3" extension="S"/><versionNumber value="5"/>'
    "<component><structuredBody>{}</structuredBody></component></ClinicalDocument>"
)


def organizer(name: str) -> str:
    inner = entry('<value xsi:type="INT" value="1"/>')
    coded = f'<id root="1.2.9" extension="{name}"/><code code="{name}"/>'
    return f'<entry><organizer classCode="BATTERY">{coded}{inner}</organizer></entry>'


def section(code: str, *entries: str) -> str:
    coded = f'<code code="{code}" codeSystem="2.16.840.1.113883.6.1"/>'
    return f"<component><section>{coded}{''.join(entries)}</section></component>"


def test_a_summary_has_a_report_for_each_result_organizer_and_no_vital_signs() -> None:
    body = section("8716-3", organizer("vital")) + section("30954-2", organizer("A"), organizer("B"))
    reports = read_cda(SUMMARY.format(body).encode())
    assert [one.code.codings[0].code for one in reports if one.code] == ["A", "B"]
    assert [one.identifiers[0].value for one in reports] == ["A", "B"]
    assert {one.status for one in reports} == {"final"}
    (only,) = read_cda(SUMMARY.format(section("30954-2", organizer("A"))).encode())
    assert only.identifiers == (Identifier(system="urn:oid:1.2.3", value="S", kind="SETID"),)


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        ("", "content-not-xml", None),
        ("<a", "content-not-xml", None),
        ("<Patient xmlns='http://hl7.org/fhir'/>", "content-not-cda", "ClinicalDocument"),
        ("<ClinicalDocument xmlns='urn:other'/>", "content-not-cda", "ClinicalDocument"),
        (f"<ClinicalDocument {NAMESPACES}/>", "no-report-in-content", "ClinicalDocument"),
        (SUMMARY.format(section("8716-3", organizer("A"))), "no-report-in-content", "ClinicalDocument"),
        ("<section/>", "no-report-in-content", "section"),
        (document(), "no-report-in-content", "ClinicalDocument"),
    ],
)
def test_what_is_no_report_is_refused_with_its_reason(text: str, code: str, field: str | None) -> None:
    refused = refusal(text)
    assert (refused.code, refused.field) == (code, field)
    assert isinstance(refused, ContentNotCdaError) == (field is not None)


def test_a_document_about_two_people_is_refused() -> None:
    two = document(entry('<value xsi:type="INT" value="1"/>'), header="<recordTarget/>")
    assert refusal(two).field == "/ClinicalDocument/recordTarget[2]"


def test_the_numbers_of_a_guardian_are_not_the_patients() -> None:
    text = document(entry('<value xsi:type="INT" value="1"/>'))
    policy = "<identity:InsurancePolicy><identity:Number>9900000000000028</identity:Number></identity:InsurancePolicy>"
    guardian = f'<guardian><id root="1.2.643.100.3" extension="1"/>{policy}</guardian></patient>'
    assert read(text.replace("</patient>", guardian)).subject == read(text).subject


def rows(count: int, **more: Any) -> str:
    return document(
        *(entry('<value xsi:type="ED"><reference value="#t1"/></value>', **more) for _ in range(count))
    )


def test_a_text_that_is_named_again_and_again_is_too_complex() -> None:
    long = rows(100).replace("из <br/>текста", "а" * 100_000)
    assert refusal(long).code == "content-too-complex"
    assert len(read(rows(100)).observations) == 101


def test_nothing_that_was_sent_is_in_a_refusal() -> None:
    refused = refusal(document().replace("Иванова", "Секретова"))
    assert "Секретова" not in repr(refused) + str(refused)
    assert refused.__cause__ is None and refused.__context__ is None


@pytest.mark.parametrize("left_out", ['extension=""', 'nullFlavor="NI"'])
def test_a_number_of_the_document_that_was_left_out_is_none(left_out: str) -> None:
    text = document(entry('<value xsi:type="INT" value="1"/>')).replace('extension="8"', left_out)
    assert [one.value for one in read(text).identifiers] == ["77"]
    assert read(text.replace('extension="77"', left_out)).identifiers == ()


def test_a_uuid_beside_an_empty_extension_is_the_number() -> None:
    left_out = 'root="0F2B1C5A-7D7A-4B62-9A35-3B0F0C6F5E11" extension=""'
    sent = document(entry('<value xsi:type="INT" value="1"/>'))
    whole = re.sub(r'root="[^"]+" extension="8"', left_out, sent)
    assert whole != sent
    assert "urn:uuid:0f2b1c5a-7d7a-4b62-9a35-3b0f0c6f5e11" in [one.value for one in read(whole).identifiers]
