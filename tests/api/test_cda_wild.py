"""What real CDA documents do that the specification's examples don't: read for what it means."""

import pytest

from api.cda.reading import read_cda
from api.cda.times import date_time
from api.formats import content_type_of
from domain.report_content import Observation, Value, ValueKind
from domain.values import Coding, Concept, Identifier
from tests.api.test_cda import SUMMARY, document, entry, observed, organizer, read, refusal, section

RESULT = '<value xsi:type="INT" value="1"/>'
FIELDS = "1.2.643.5.1.13.13.11.1380"
REASONS = "1.2.643.5.1.13.13.99.2.1063"
TABLE = (
    "<table><thead><tr><th>Показатель</th><th>Значение</th><th>Норма</th></tr></thead>"
    "<tbody><tr><td>Лейкоциты</td><td>5</td><td>4 - 9</td></tr></tbody></table>"
)


def told(title: str, text: str, more: str = "") -> str:
    return f"<component><section><title>{title}</title><text>{text}</text>{more}</section></component>"


def body(*sections: str) -> str:
    return f"<component><structuredBody>{''.join(sections)}</structuredBody></component>"


# Documents whose results are for people to read


def test_a_laboratory_report_of_text_alone_is_a_report_in_which_cells_stay_apart() -> None:
    report = read(document(body=body(told("Результаты", TABLE))))
    assert report.notes == ("Результаты\nПоказатель | Значение | Норма\nЛейкоциты | 5 | 4 - 9",)
    assert (report.status, report.observations, report.conclusion) == ("final", (), None)


def test_a_section_of_text_beside_coded_results_is_not_lost() -> None:
    note = told("Комментарий", "Проба  гемолизирована")
    report = read(document(entry(RESULT), sections=note))
    assert report.notes == ("Комментарий\nПроба гемолизирована",)
    assert len(report.observations) == 2


def test_text_that_entries_say_too_is_not_said_twice() -> None:
    materials = told(
        "Материалы", "Кровь", "<entry><organizer><statusCode code='completed'/></organizer></entry>"
    )
    assert read(document(entry(RESULT), sections=materials)).notes == ()


KIND = '<code code="7" codeSystem="1.2.643.5.1.13.13.11.1522" displayName="Протокол лабораторного исследования"/>'


@pytest.mark.parametrize(
    ("kind", "is_laboratory"),
    [
        ('code="7" codeSystem="1.2.643.5.1.13.13.11.1115"', True),  # real: a regional MIS
        (
            'code="3" codeSystem="1.2.643.5.1.13.2.1.1.646" displayName="Протокол лабораторного исследования. Ред. 2"',
            True,
        ),
        ('code="18725-2" codeSystem="2.16.840.1.113883.6.1"', True),  # XD-LAB, of microbiology alone
        ('code="5" codeSystem="1.2.643.5.1.13.13.11.1522" displayName="Протокол консультации"', False),
        ('code="121" codeSystem="1.2.643.5.1.13.13.11.1522"', False),  # cytology
        ('code="57833-6" codeSystem="2.16.840.1.113883.6.1"', False),  # a prescription
    ],
)
def test_a_laboratory_report_is_known_by_its_kind_however_numbered(kind: str, *, is_laboratory: bool) -> None:
    text = document(body=body(told("Результаты", TABLE)))
    assert KIND in text
    text = text.replace(KIND, f"<code {kind}/>")
    if is_laboratory:
        assert read(text).notes
    else:
        assert refusal(text).code == "no-report-in-content"


def test_a_document_of_another_kind_is_no_report_for_its_text() -> None:
    text = SUMMARY.format(told("Анамнез", "Здоров"))
    assert refusal(text).code == "no-report-in-content"


@pytest.mark.parametrize("code", ["11502-2", "18719-5", "26436-6"])
def test_a_section_that_is_called_a_laboratorys_holds_results_in_a_document_of_another_kind(
    code: str,
) -> None:
    """Real: the consultation that HL7 gives with CDA R2."""
    text = SUMMARY.format(section("8716-3", organizer("vital")) + section(code, organizer("A")))
    (report,) = read_cda(text.encode())
    assert report.code == Concept(codings=(Coding(code="A"),))


@pytest.mark.parametrize(
    "template",
    [
        'root="2.16.840.1.113883.10.20.22.2.3" extension="2014-06-09"',
        'root="2.16.840.1.113883.10.20.22.2.3.1"',
        'root="2.16.840.1.113883.10.20.1.14"',
        'root="2.16.840.1.113883.3.88.11.83.122"',
        'root="2.16.840.1.113883.10.22.3.14"',
        'root="1.3.6.1.4.1.19376.1.5.3.1.3.28"',
    ],
)
def test_a_section_of_results_is_known_by_its_template_too(template: str) -> None:
    text = SUMMARY.format(
        section("30954-2", organizer("A")).replace("<code ", f"<templateId {template}/><code ", 1)
    )
    (report,) = read_cda(text.replace("30954-2", "99999-9").encode())
    assert report.code == Concept(codings=(Coding(code="A"),))


# What was not done


def test_a_study_that_was_not_done_is_a_cancelled_report_with_its_reason() -> None:
    cancelled = (
        f'<entry><organizer classCode="CLUSTER"><code code="3" codeSystem="{REASONS}" displayName="Мало материала"/>'
        f'<statusCode code="cancelled"/><component><act><code code="901" codeSystem="{FIELDS}"/>'
        "<text>Повторить</text></act></component></organizer></entry>"
    )
    report = read(document(body=body(told("Результаты", "Не выполнено", cancelled))))
    (only,) = report.observations
    assert (report.status, only.status, only.code.text) == ("cancelled", "cancelled", "Результаты")
    assert only.data_absent_reason and only.data_absent_reason.codings[0].display == "Мало материала"
    assert report.conclusion == "Повторить"


def test_a_panel_that_was_cancelled_whole_is_kept_as_such() -> None:
    cancelled = (
        '<component><organizer><code code="OAK" codeSystem="1.2.3"/><statusCode code="aborted"/>'
        "<component><act><text>Сгусток</text></act></component></organizer></component>"
    )
    panel, done, whole = read(document(entry(RESULT), cancelled)).observations
    assert panel.members == (1, 2)
    assert (whole.code.codings[0].code, whole.status, whole.notes) == ("OAK", "cancelled", ("Сгусток",))
    assert done.status == "final"


def test_the_reason_in_the_place_of_a_value_is_no_value() -> None:
    found = observed(f'<value xsi:type="CD" code="2" codeSystem="{REASONS}" displayName="Гемолиз"/>')
    assert found.value is None
    assert found.data_absent_reason == Concept(
        codings=(Coding(system=f"urn:oid:{REASONS}", code="2", display="Гемолиз"),)
    )


@pytest.mark.parametrize("sign", ["true", "1"])
def test_a_denial_is_seen_however_it_is_written_and_without_a_value_too(sign: str) -> None:
    denied = observed('<value xsi:type="ST">рост</value>', attributes=f'negationInd="{sign}"')
    assert denied.value == Value(kind=ValueKind.TEXT, text="negated: рост")
    assert observed("", attributes=f'negationInd="{sign}"').notes == ("negated",)


@pytest.mark.parametrize("sign", ["false", "0"])
def test_an_end_that_does_not_belong_is_seen_however_it_is_written(sign: str) -> None:
    value = observed(f'<value xsi:type="IVL_PQ"><high value="5" inclusive="{sign}"/></value>').value
    assert value and value.quantity and value.quantity.comparator == "<"


@pytest.mark.parametrize(("sent", "text"), [("1", "true"), ("0", "false"), ("true", "true")])
def test_a_truth_is_written_in_words_or_as_a_digit(sent: str, text: str) -> None:
    assert observed(f'<value xsi:type="BL" value="{sent}"/>').value == Value(
        kind=ValueKind.BOOLEAN, text=text
    )


# What stands between the results and is none


def test_the_service_of_a_panel_is_no_result_of_it() -> None:
    service = entry(
        '<value xsi:type="CD" code="B03" codeSystem="1.2.3" displayName="Общий анализ"/>', code="833"
    )
    service = service.replace(
        'codeSystem="1.2.643.5.1.13.13.11.1080" displayName="Показатель"',
        f'codeSystem="{FIELDS}" displayName="Услуга"',
    )
    panel, result = read(document(service, entry(RESULT))).observations
    assert panel.members == (1,) and panel.notes == ("Услуга: Общий анализ",)
    assert result.value == Value(kind=ValueKind.INTEGER, text="1")


@pytest.mark.parametrize("fields", ["1.2.643.5.1.13.13.99.2.166", FIELDS, "1.2.643.5.1.13.2.1.1.1504.41"])
@pytest.mark.parametrize("name", ["", 'displayName="Общее заключение"'])
def test_a_conclusion_is_read_from_its_act(fields: str, name: str) -> None:
    act = f'<component><act><code code="901" codeSystem="{fields}" {name}/><text>Анемия</text></act></component>'
    report = read(document(entry(RESULT), act))
    assert (report.conclusion, report.notes, report.observations[0].notes) == ("Анемия", (), ())


@pytest.mark.parametrize("code", ["47420-5", "10190-7"])
def test_what_a_patient_is_able_to_do_is_no_result(code: str) -> None:
    marked = organizer("A").replace(
        '"BATTERY">', '"BATTERY"><templateId root="2.16.840.1.113883.10.20.22.4.1"/>'
    )
    assert refusal(SUMMARY.format(section(code, marked))).code == "no-report-in-content"


# Whose results, of what


def test_results_of_somebody_else_say_so_wherever_that_is_said() -> None:
    subject = '<subject><relatedSubject><code code="DON" displayName="Донор"/></relatedSubject></subject>'
    text = document(entry(RESULT)).replace(
        '<statusCode code="completed"/>', f'<statusCode code="completed"/>{subject}', 1
    )
    assert read(text).observations[1].notes == ("subject: Донор",)
    inside = told("Т", "", f"{subject}<entry>{entry(RESULT)[11:-12]}</entry>")
    assert read(document(body=body(inside))).observations[0].notes == ("subject: Донор",)


def test_the_material_is_found_at_the_act_and_at_the_result_and_each_once() -> None:
    blood = "<specimen><specimenRole><specimenPlayingEntity><code code='B' displayName='Кровь'/></specimenPlayingEntity></specimenRole></specimen>"
    urine = blood.replace("Кровь", "Моча").replace("'B'", "'U'")
    taken = f'<component><procedure><effectiveTime value="20260301"/>{blood}</procedure></component>'
    report = read(document(entry(RESULT, rest=blood), entry(RESULT, rest=urine), taken))
    assert [(one.kind.codings[0].code, one.collected_at) for one in report.specimens if one.kind] == [
        ("B", "2026-03-01"),
        ("U", None),
    ]
    act = f"<component><act>{urine}{entry(RESULT)}</act></component>"
    assert len(read(document(act)).specimens) == 1


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("<desc>Контейнер 0483</desc>", "Моча; Контейнер 0483"),
        ("<desc>моча, средняя порция</desc>", "моча, средняя порция"),
        ("", None),
    ],
)
def test_a_container_does_not_stand_for_what_is_in_it(said: str, text: str | None) -> None:
    material = f"<specimenPlayingEntity><code code='U' displayName='Моча'/>{said}</specimenPlayingEntity>"
    taken = f"<component><procedure><specimen><specimenRole>{material}</specimenRole></specimen></procedure></component>"
    (specimen,) = read(document(entry(RESULT), taken)).specimens
    assert specimen.kind and specimen.kind.text == text


def test_the_value_in_the_place_of_a_name_is_no_name() -> None:
    named = '<code code="1" displayName="Глюкоза"><originalText>{}</originalText></code>'
    text = document(entry('<value xsi:type="PQ" value="4.89" unit="mmol/L"/>'))
    sent = '<code code="1017128" codeSystem="1.2.643.5.1.13.13.11.1080" displayName="Показатель"/>'
    for words, kept in (("4,89 mmol/L", None), ("Сахар", "Сахар"), ("Сахар 4.89", "Сахар 4.89")):
        assert read(text.replace(sent, named.format(words))).observations[1].code.text == kept


def test_comments_on_parts_are_kept_and_what_was_taken_back_is_no_value() -> None:
    part = (
        '<entryRelationship><observation><code code="P" displayName="Часть"/>{}<value xsi:type="INT" value="2"/>'
        "<entryRelationship><act><text>след</text></act></entryRelationship></observation></entryRelationship>"
    )
    found = observed(RESULT, rest=part.format(""))
    assert found.notes == ("Часть: след",) and found.components[0].value
    gone: Observation = observed(RESULT, rest=part.format('<statusCode code="nullified"/>'))
    assert gone.components[0].value is None
    assert gone.notes == ("Часть: entered-in-error: 2", "Часть: след")


# By what a document and its patient are known


@pytest.mark.parametrize("register", ["1.2.643.5.1.13.13.99.2.197", "1.2.643.5.1.13.13.11.1379"])
def test_a_section_of_results_is_known_by_both_registers(register: str) -> None:
    text = document(entry(RESULT)).replace('code="7" ', 'code="1" ')
    assert len(read(text.replace("1.2.643.5.1.13.13.99.2.197", register)).observations) == 2


def test_the_fifth_edition_of_the_protocol_is_known_by_its_guide() -> None:
    text = document(entry(RESULT)).replace('code="7" ', 'code="700" ').replace("RESLAB", "OTHER")
    guide = '<templateId root="1.2.643.5.1.13.13.14.7.9.5"/><realmCode'
    assert len(read(text.replace("<realmCode", guide)).observations) == 2


def test_the_policy_is_found_at_who_pays() -> None:
    document_info = (
        '<identity:DocInfo><identity:InsurancePolicyType code="1" codeSystem="1.2.643.5.1.13.13.11.1035"/>'
        "<identity:Number>9900000000000028</identity:Number></identity:DocInfo>"
    )
    payer = f'<participant typeCode="IND"><associatedEntity classCode="GUAR">{document_info}</associatedEntity></participant>'
    bare = document(entry(RESULT), header=payer).replace("InsurancePolicy>", "Other>")
    policy = Identifier(system="urn:oid:1.2.643.2.69.1.1.1.6.228", value="9900000000000028")
    assert read(bare).subject.identifiers[1:] == (policy,)
    other = bare.replace('classCode="GUAR"', 'classCode="CON"')
    assert len(read(other).subject.identifiers) == 1


@pytest.mark.parametrize(
    "beginning",
    [
        b'<?xml version="1.0"?><!-- see http://hl7.org/fhir --><ClinicalDocument xmlns="urn:hl7-org:v3"/>',
        b'<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:f="http://hl7.org/fhir"/>',
        b'<v3:ClinicalDocument xmlns:v3="urn:hl7-org:v3" xmlns:f="http://hl7.org/fhir"/>',
    ],
)
def test_a_document_that_mentions_fhir_is_none_of_it(beginning: bytes) -> None:
    assert content_type_of(beginning) == "application/hl7-cda+xml"
    assert content_type_of(beginning.decode().encode("utf-16")) == "application/hl7-cda+xml"
    assert content_type_of(b'<Bundle xmlns="http://hl7.org/fhir"/>') == "application/fhir+xml"


def test_a_pdf_may_stand_before_its_header() -> None:
    assert content_type_of(b'{ "pdf": "' + b"A" * 9000) == "application/vnd.letopis.pdf+json"
    assert content_type_of(b'{"resourceType": "Bundle"}') == "application/fhir+json"


@pytest.mark.parametrize(
    "sent",
    [
        '<id root="1.2.643.100.3" extension=""/>',
        '<id root="1.2.643.100.3"/>',
        '<id nullFlavor="NI" root="1.2.3"/>',
        '<id root="1.2.643.100.03"/>',
    ],
)
def test_a_number_that_was_left_out_is_not_the_same_number_of_everybody(sent: str) -> None:
    text = document(entry(RESULT)).replace('<id root="1.2.643.100.3" extension="112-233-445 95"/>', sent)
    assert [one.value for one in read(text).subject.identifiers] == ["9911111111111112"]
    for whole in (
        'root="0f8fad5b-d9cb-469f-a165-70867728950e"',
        'root="MRN-2.5"',
        'root="1.2.3" extension="2.5"',
    ):
        assert len(read(text.replace(sent, f"<id {whole}/>")).subject.identifiers) == 2


@pytest.mark.parametrize(
    "value",
    [
        '<value xsi:type="ED"><reference value="#r9"/></value>',
        '<value xsi:type="CD"><originalText><reference value="#r9"/></originalText></value>',
    ],
)
def test_a_value_that_is_referred_to_and_missing_is_missed(value: str) -> None:
    found = observed(value)
    assert (found.value, found.notes) == (None, ("value is not in the document: #r9",))
    assert observed(value.replace("#r9", "#t1")).notes == ()


# Values and texts as they are written


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ('<value xsi:type="INT" value="5" unit="10*9/L"/>', ("5", "10*9/L", None)),
        ('<value xsi:type="INT" value="5"/>', "5"),
        (
            '<value xsi:type="IVL_PQ"><low value="5" unit="g"/><width value="2" unit="g"/></value>',
            "low 5 g; width 2 g",
        ),
        ('<value xsi:type="IVL_PQ"><center value="5"/><width value="2"/></value>', "center 5; width 2"),
        ('<value xsi:type="ED">5<br/>10 <content styleCode="Bold">мало</content></value>', "5\n10 мало"),
        (
            '<value xsi:type="ST"><paragraph>рост</paragraph><paragraph>умеренный</paragraph></value>',
            "рост\nумеренный",
        ),
    ],
)
def test_no_part_of_a_value_is_dropped_or_run_into_another(
    sent: str, shown: str | tuple[str, str, None]
) -> None:
    value = observed(sent).value
    assert value
    quantity = value.quantity
    assert (quantity and (quantity.value, quantity.unit, quantity.comparator)) or value.text == shown
    assert quantity is None or (quantity.value, quantity.unit, quantity.comparator) == shown


def test_lines_of_a_remark_stay_apart() -> None:
    rest = (
        "<entryRelationship><act><text>до 40 лет: 3<br/>5 - после</text></act></entryRelationship>"
        "<referenceRange><observationRange><text>муж. 3-5<br/>жен. 2-4</text></observationRange></referenceRange>"
    )
    found = observed(RESULT, rest=rest)
    assert found.notes == ("до 40 лет: 3\n5 - после",)
    assert found.reference_ranges[0].text == "муж. 3-5\nжен. 2-4"


def test_a_code_with_a_qualifier_is_called_by_its_code_where_it_has_no_name() -> None:
    sent = '<value xsi:type="CD" code="A"><qualifier><name code="N"/><value code="V"/></qualifier></value>'
    value = observed(sent).value
    assert value and value.concept and value.concept.text == "A; N: V"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("final", "final"),
        ("Complete", "final"),
        ("preliminary", "preliminary"),
        ("corrected", "corrected"),
        ("entered-in-error", "entered-in-error"),
        ("normal", "unknown"),
    ],
)
def test_the_words_of_fhir_for_a_status_are_understood(sent: str, status: str) -> None:
    text = document(entry(RESULT).replace('code="completed"', f'code="{sent}"'))
    assert read(text).observations[1].status == status


@pytest.mark.parametrize(
    ("own", "event", "status"),
    [
        ("active", "", "preliminary"),  # real: ELGA, «Wert folgt»
        ("active", "completed", "preliminary"),
        ("completed", "active", "preliminary"),
        ("completed", "", "final"),
        ("nullified", "completed", "entered-in-error"),
    ],
)
def test_a_document_that_is_not_done_is_no_final_report(own: str, event: str, status: str) -> None:
    header = f'<statusCode xmlns="urn:hl7-org:sdtc" code="{own}"/>'
    if event:
        header += (
            f'<documentationOf><serviceEvent><statusCode code="{event}"/></serviceEvent></documentationOf>'
        )
    assert read(document(entry(RESULT), header=header)).status == status


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ("2026-03-01 10:15:00", "2026-03-01T10:15:00"),
        ("2026-03-01 10:15+0300", "2026-03-01T10:15+03:00"),
        ("2026-03-01T10:15:00.5+03", "2026-03-01T10:15:00.5+03:00"),
        ("20260301T101500", "2026-03-01T10:15:00"),
        ("2026-03-01T10:15:00Z", "2026-03-01T10:15:00Z"),
        ("20260301T", None),
        ("20260301 1015", "2026-03-01T10:15"),
        ("20260301101500123+0300", "2026-03-01T10:15:00.123+03:00"),
        ("202603011015001234", None),
        ("01.03.2026", "2026-03-01"),
        ("01.03.2026 10:15", "2026-03-01T10:15"),
        ("31.02.2026", None),
        ("01.03.20261", None),
        ("2026.01.03.2026", None),
        ("01/03/2026", None),
        ("2026-03-01T25:00:00", None),
        ("20260301101500+100", None),
    ],
)
def test_a_time_between_two_forms_is_read_where_it_can_be_only_one(sent: str, found: str | None) -> None:
    assert date_time(sent) == found


def test_a_laboratory_report_with_the_headers_of_summaries_is_no_summary() -> None:
    event = (
        '<documentationOf><serviceEvent><effectiveTime value="20260301"/><performer><assignedEntity><assignedPerson>'
        "<name>Врач</name></assignedPerson></assignedEntity></performer></serviceEvent></documentationOf>"
    )
    author = "<author><assignedAuthor><assignedPerson><name>Автор</name></assignedPerson></assignedAuthor></author>"
    text = document(entry(RESULT), header=author + event)
    general = '<templateId root="2.16.840.1.113883.10.20.3"/><realmCode'
    report = read(text.replace("<realmCode", general))
    assert (report.performer, report.effective_at) == ("Врач", "2026-03-01")


@pytest.mark.parametrize(
    ("sent", "sex"),
    [
        ('code="2"', "female"),
        ('code="1" codeSystem="1.2.643.5.1.13.2.1.1.156"', "male"),
        ('code="f" codeSystem="2.16.840.1.113883.5.1"', "female"),
        ('code="2" codeSystem="2.16.858.2.10000675.69600"', None),
        ('code="9" codeSystem="1.2.643.5.1.13.13.11.1040"', None),
    ],
)
def test_the_sex_is_read_by_every_register_of_its_codes(sent: str, sex: str | None) -> None:
    text = document(entry(RESULT))
    usual = 'code="2" codeSystem="1.2.643.5.1.13.13.11.1040"'
    assert usual in text
    assert read(text.replace(usual, sent)).subject.sex == sex


@pytest.mark.parametrize("said", ["", 'representation="TXT"', 'representation="b64"'])
@pytest.mark.parametrize("kind", ["application/pdf", "Application/PDF"])
def test_a_pdf_can_only_be_base64_whatever_is_said_of_it(kind: str, said: str) -> None:
    file = f'mediaType="{kind}" {said}'
    report = read(
        document(body=f"<component><nonXMLBody><text {file}>JVBERi0=</text></nonXMLBody></component>")
    )
    assert [(one.content_type, one.size_bytes) for one in report.attachments] == [("application/pdf", 5)]
    report = read(document(entry(f'<value xsi:type="ED" {file}>JVBERi0=</value>')))
    assert (report.observations[1].value, report.attachments[0].size_bytes) == (None, 5)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("#t1", "из\nтекста"),
        ("t1", "из\nтекста"),  # real: the French TSH, second intention
        ("#t2", None),
        ("PtrToValueInSectionText", None),  # real: C32
        ("https://lab.test/x.pdf", "https://lab.test/x.pdf"),
        ("x.pdf", "x.pdf"),
    ],
)
def test_a_reference_is_a_place_in_the_document_or_a_file_and_never_text(
    address: str, said: str | None
) -> None:
    found = observed(f'<value xsi:type="ED"><reference value="{address}"/></value>')
    assert found.value == (Value(kind=ValueKind.TEXT, text=said) if said else None)
    lost = f"value is not in the document: {address}"
    assert found.notes == ((lost,) if said is None else ())
    named = observed(
        f'<value xsi:type="CD" code="A" displayName="B"><originalText><reference value="{address}"/></originalText></value>'
    )
    assert named.value
    assert named.value.concept == Concept(codings=(Coding(code="A", display="B"),), text=said)


@pytest.mark.parametrize("kind", ["PQ", "INT", "REAL"])
def test_an_amount_that_is_said_to_be_unknown_is_no_number(kind: str) -> None:
    found = observed(f'<value xsi:type="{kind}" nullFlavor="UNK" value="0"/>')
    assert (found.value, found.notes) == (Value(kind=ValueKind.TEXT, text="0 (UNK)"), ())
    usual = observed(f'<value xsi:type="{kind}" nullFlavor="OTH" value="0"/>')
    assert usual.value
    assert (usual.value.kind == ValueKind.TEXT, usual.notes) == (False, ())


def test_a_range_whose_end_is_said_to_be_unknown_has_no_other() -> None:
    ends = '<low value="1"/><high nullFlavor="UNK" value="0"/>'
    value = f'<observationRange><value xsi:type="IVL_PQ">{ends}</value></observationRange>'
    (found,) = observed(RESULT, rest=f"<referenceRange>{value}</referenceRange>").reference_ranges
    assert (found.low, found.high, found.text) == (None, None, "low 1; high 0 (UNK)")


# What is written above the line, beside another text, or deep inside


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ('<value xsi:type="ED">5.2 x 10<sup>3</sup>/л</value>', "5.2 x 10³/л"),
        ('<value xsi:type="ED">5.2<footnote>гемолиз</footnote></value>', "5.2 гемолиз"),
        ('<value xsi:type="ED"><p>3</p><p>5</p></value>', "3\n5"),
        ('<value xsi:type="ED"><div>3</div>5</value>', "3\n5"),
        (
            '<value xsi:type="ED"><content revised="delete">5.0<br/></content><content revised="insert">7.0</content></value>',
            "7.0",
        ),
        ('<value xsi:type="ED">рост<thumbnail representation="B64">AAAA</thumbnail>!</value>', "рост!"),
        ('<value xsi:type="ED">H<sub>2</sub>O</value>', "H2O"),
        ('<value xsi:type="ST">рост<translation>growth</translation></value>', "рост\ngrowth"),
    ],
)
def test_marked_up_figures_do_not_become_others(sent: str, text: str) -> None:
    assert observed(sent).value == Value(kind=ValueKind.TEXT, text=text)


def test_a_power_in_a_table_for_people_is_one() -> None:
    table = "<table><tr><td>Лейкоциты</td><td>4,5·10<sup>9</sup>/л</td></tr></table>"
    assert read(document(body=body(told("Р", table)))).notes == ("Р\nЛейкоциты | 4,5·10⁹/л",)


def part(inner: str, attributes: str = "") -> str:
    named = f'<code code="P" displayName="Часть"/>{inner}'
    return f"<entryRelationship><observation {attributes}>{named}</observation></entryRelationship>"


DONOR = '<subject><relatedSubject><code code="DON" displayName="Донор"/></relatedSubject></subject>'


@pytest.mark.parametrize(
    ("inner", "attributes", "note"),
    [
        (f"{RESULT}{DONOR}", "", "Часть: subject: Донор"),
        ("", 'negationInd="true"', "Часть: negated"),
        (
            '<value xsi:type="ED"><reference value="#r9"/></value>',
            "",
            "Часть: value is not in the document: #r9",
        ),
        ("<text>слова</text>", "", "Часть: слова"),
    ],
)
def test_what_a_part_has_no_place_for_is_noted_with_its_name(inner: str, attributes: str, note: str) -> None:
    assert observed(RESULT, rest=part(inner, attributes)).notes == (note,)


def test_one_of_two_values_that_is_missing_is_missed() -> None:
    missing = '<value xsi:type="ED"><reference value="#r9"/></value>'
    assert observed(f"{RESULT}{missing}").notes == ("value is not in the document: #r9",)


def test_a_file_in_a_part_is_an_attachment() -> None:
    file = '<value xsi:type="ED" mediaType="application/pdf">JVBERi0=</value>'
    report = read(document(entry(RESULT, rest=part(file))))
    assert [one.size_bytes for one in report.attachments] == [5]


def test_a_file_that_is_elsewhere_is_called_by_its_address() -> None:
    file = (
        '<value xsi:type="ED" mediaType="application/pdf"><reference value="https://lab.test/x.pdf"/></value>'
    )
    titled = told("Результаты", "", f"<entry>{entry(file)[11:-12]}</entry>")
    report = read(document(body=body(titled)))
    assert [one.title for one in report.attachments] == ["Результаты: https://lab.test/x.pdf"]


def field(inner: str, code: str = "833") -> str:
    named = f'<code code="{code}" codeSystem="{FIELDS}" displayName="Услуга"/>{inner}'
    return f"<component><observation>{named}</observation></component>"


def test_what_stands_in_a_field_is_not_lost_with_it() -> None:
    inside = f"<entryRelationship>{entry(RESULT)[11:-12]}</entryRelationship>"
    panel, result = read(document(field(f'<value xsi:type="ST">ОАК</value>{inside}'))).observations
    assert (panel.members, panel.notes) == ((1,), ("Услуга: ОАК",))
    assert result.value == Value(kind=ValueKind.INTEGER, text="1")


def test_a_field_without_a_value_is_its_text() -> None:
    report = read(document(field("<text>Анемия</text>", "901"), field("<text>ОАК</text>"), entry(RESULT)))
    assert (report.conclusion, report.observations[0].notes) == ("Анемия", ("Услуга: ОАК",))


def test_a_field_in_a_result_is_no_part_of_it() -> None:
    inside = field('<value xsi:type="ST">ОАК</value>')[11:-12]
    found = observed(RESULT, rest=f"<entryRelationship>{inside}</entryRelationship>")
    assert (found.components, found.notes) == ((), ("Услуга: ОАК",))


def test_a_text_above_texts_is_not_lost() -> None:
    inner = told("Б", "внутри")
    assert read(document(body=body(told("А", "5 ммоль/л", inner)))).notes == ("А\n5 ммоль/л", "Б\nвнутри")


def test_what_a_conclusion_does_not_say_in_its_text_is_not_lost() -> None:
    advice = told("Заключение", "Анемия", told("Рекомендации", "Повторить"))
    report = read(document(entry(RESULT), sections=advice))
    assert report.conclusion == "Анемия" and report.notes == ("Рекомендации\nПовторить",)
    bare = "<component><section><title>Заключение</title><entry><act><text>Анемия</text></act></entry></section></component>"
    assert read(document(entry(RESULT), sections=bare)).notes == ("Анемия",)


def test_results_of_somebody_else_in_a_summary_say_so() -> None:
    marked = section("30954-2", organizer("A"))
    assert "<entry>" in marked
    text = SUMMARY.format(marked.replace("<entry>", f"{DONOR}<entry>", 1))
    (report,) = read_cda(text.encode())
    assert all("subject: Донор" in one.notes for one in report.observations) and report.observations


@pytest.mark.parametrize(
    ("end", "text"),
    [('<width value="5"/>', "low 3.5; width 5"), ('<high value="ок. 9"/>', "low 3.5; high ок. 9")],
)
def test_a_range_of_which_an_end_is_not_understood_has_no_other(end: str, text: str) -> None:
    """Against the one end alone, 20 would be said to be usual."""
    usual = f'<value xsi:type="IVL_PQ"><low value="3.5"/>{end}</value>'
    rest = f"<referenceRange><observationRange>{usual}</observationRange></referenceRange>"
    (found,) = observed(RESULT, rest=rest).reference_ranges
    assert (found.low, found.high, found.text) == (None, None, text)
