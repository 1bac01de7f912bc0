"""What real senders do otherwise than the standard says, and what it plainly means, is read."""

import pytest

from api.content import ContentError
from api.hl7.reading import read_hl7
from api.hl7.tables import INTERPRETATION_SYSTEM, INTERPRETATIONS
from api.hl7.times import date_time, time_of_day
from domain.report_content import ObservationStatus, ReportStatus, Specimen, ValueKind
from domain.values import Coding, Concept, Quantity
from tests.api.hl7_messages import HEADER, PATIENT, REQUEST, content, observation, report

GLUCOSE = "OBX|1|NM|2345-7^Glucose^LN||5.40|mmol/L^^UCUM|3.9-6.1|N|||F"
SPECIMEN = "SPM|1|||BLD^Blood^HL70487|||||||||||||20240403"


@pytest.mark.parametrize("sent", ["^~&", "^~ &"])
def test_a_lost_backslash_in_the_header_takes_no_delimiter_with_it(sent: str) -> None:
    """Programs write `\\&` where a backslash must be doubled, and no escape reaches us."""
    (found,) = read_hl7(
        content(PATIENT, REQUEST, "OBX|1|ST|1^A^L||a &T& b", header=HEADER.replace(r"^~\&", sent, 1))
    )
    assert found.subject.identifiers[0].system == "urn:oid:1.2.643.100.3"
    assert found.observations[0].value and found.observations[0].value.text == "a &T& b"


@pytest.mark.parametrize("sent", ["^~\\", "^~$"])
def test_other_short_delimiters_mean_what_their_places_say(sent: str) -> None:
    patient = "PID|1||17^^^&1.2.3.4.5&ISO"
    (found,) = read_hl7(content(patient, REQUEST, GLUCOSE, header=HEADER.replace(r"^~\&", sent, 1)))
    assert found.subject.identifiers[0].system == "&1.2.3.4.5&ISO"


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("20240403101500123", "2024-04-03T10:15:00.123"),
        ("20240403101500123+0300", "2024-04-03T10:15:00.123+03:00"),
        ("2024040310150012", "2024-04-03T10:15:00.12"),
        ("20240403101500000", "2024-04-03T10:15:00.000"),
        ("2024040310150", None),
        ("20240403101500.", None),
    ],
)
def test_digits_behind_the_seconds_are_a_part_of_one(sent: str, text: str | None) -> None:
    assert date_time(sent) == text


def test_a_time_of_day_may_have_them_too() -> None:
    assert time_of_day("101500123") == "10:15:00.123"


@pytest.mark.parametrize(
    ("sent", "status", "of_report"),
    [
        ("Final", ObservationStatus.FINAL, ReportStatus.FINAL),
        ("PRELIMINARY", ObservationStatus.PRELIMINARY, ReportStatus.PRELIMINARY),
        ("corrected", ObservationStatus.CORRECTED, ReportStatus.CORRECTED),
        ("Canceled", ObservationStatus.CANCELLED, ReportStatus.CANCELLED),
    ],
)
def test_a_status_may_be_a_word(sent: str, status: ObservationStatus, of_report: ReportStatus) -> None:
    request = REQUEST.removesuffix("F") + sent
    (found,) = read_hl7(content(PATIENT, request, f"OBX|1|ST|1^A^L||x||||||{sent}"))
    assert (found.status, found.notes) == (of_report, ())
    assert (found.observations[0].status, found.observations[0].notes) == (status, ())


@pytest.mark.parametrize(
    ("sent", "word"),
    [("Male", "male"), ("female", "female"), ("м", "male"), ("Ж", "female"), ("жен", "female"), ("1", None)],
)
def test_sex_may_be_a_word(sent: str, word: str | None) -> None:
    (found,) = read_hl7(content(f"PID|1||1||X^Y||1980|{sent}", REQUEST, GLUCOSE))
    assert found.subject.sex == word


def test_a_specimen_before_its_request_is_not_lost() -> None:
    kind = Concept(codings=(Coding(system="HL70487", code="BLD", display="Blood"),))
    blood = (Specimen(kind=kind, collected_at="2024-04-03"),)
    first, second = read_hl7(content(PATIENT, SPECIMEN, REQUEST, GLUCOSE, REQUEST, GLUCOSE))
    assert (first.specimens, second.specimens) == (blood, ())
    first, second = read_hl7(content(PATIENT, REQUEST, GLUCOSE, "ORC|RE", SPECIMEN, REQUEST, GLUCOSE))
    assert (first.specimens, second.specimens) == ((), blood)


def test_a_specimen_is_nobody_elses() -> None:
    other = "PID|2||999^^^LIS||Петров^Пётр"
    first, second = read_hl7(content(PATIENT, REQUEST, GLUCOSE, "ORC|RE", SPECIMEN, other, REQUEST, GLUCOSE))
    assert (first.specimens, second.specimens) == ((), ())


@pytest.mark.parametrize("kind", ["ST", "TX", "FT", "CE", "IS", "", "ZZ"])
def test_a_number_with_a_unit_is_a_number_whatever_its_type(kind: str) -> None:
    found = observation(f"{kind}|1^A^L|| 8.570 |g/L|1-9")
    assert found.value and found.value.quantity == Quantity(value="8.570", unit="g/L", code="g/L")
    assert found.notes == ()


@pytest.mark.parametrize(
    ("kind", "sent", "unit"),
    [("TX", "8.57", ""), ("TX", "8.57 high", "g/L"), ("CE", "8.57", ""), ("CE", "1^One^L", "g/L")],
)
def test_nothing_else_becomes_a_number(kind: str, sent: str, unit: str) -> None:
    found = observation(f"{kind}|1^A^L||{sent}|{unit}")
    assert found.value and found.value.kind is not ValueKind.QUANTITY


@pytest.mark.parametrize(
    ("sent", "unit", "notes"),
    [
        ("CD:289^mg/dL", "mg/dL", ()),
        ("262688^%^MDC", "%", ()),
        ("17^tenths^L", "17", ("OBX-6: 17 (tenths)",)),
        ("г/л^грамм на литр^L", "г/л", ("OBX-6: г/л (грамм на литр)",)),
        ("mg/dl^milligrams per decilitre", "mg/dl", ("OBX-6: mg/dl (milligrams per decilitre)",)),
        ("{ratio}^Ratio^UCUM", "{ratio}", ()),
        ("{ratio}^%^2.16.840.1.113883.6.8", "{ratio}", ()),
    ],
)
def test_a_unit_is_printed_by_what_a_reader_knows(sent: str, unit: str, notes: tuple[str, ...]) -> None:
    found = observation(f"NM|1^A^L||5|{sent}")
    assert found.value and found.value.quantity
    assert (found.value.quantity.unit, found.value.quantity.code) == (unit, sent.split("^", maxsplit=1)[0])
    assert found.notes == notes


@pytest.mark.parametrize(
    ("sent", "text", "low", "high"),
    [
        ("35-150^35^150", "35-150", "35", "150"),
        (">40^>40", ">40", "40", None),
        ("3.5-5.1^3^5", "3.5-5.1^3^5", None, None),
        ("35-150^adults", "35-150^adults", None, None),
        ("see text^1^2", "see text^1^2", None, None),
    ],
)
def test_a_range_may_be_sent_with_its_ends_again(
    sent: str, text: str, low: str | None, high: str | None
) -> None:
    (limits,) = observation(f"NM|1^A^L||5||{sent}").reference_ranges
    assert limits.text == text
    assert [end.value if end else None for end in limits.ends] == [low, high]


@pytest.mark.parametrize("indent", ["  ", "\t"])
def test_an_indented_message_is_read(indent: str) -> None:
    plain = content(PATIENT, REQUEST, "OBX|1|TX|1^A^L||one\n  two||||||F").decode()
    lines = "".join(f"{indent}{line}\n" for line in plain.replace("\r", "\n").split("\n") if line)
    assert read_hl7(lines.encode()) == read_hl7(plain.encode())


def test_an_indent_in_a_text_is_text() -> None:
    found = report("OBX|1|TX|1^A^L||first\n  OBX is high\n  NTE|x||||||F")
    assert found.observations[0].value
    assert found.observations[0].value.text == "first\n  OBX is high\n  NTE"


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("DETECTED^", "DETECTED"),
        ("one^~two^^", "one\ntwo"),
        ("^", None),
        ("~^~", None),
        ("^5", "^5"),
        ("a^b", "a^b"),
        (r"up \S\\S\ ".rstrip(), "up ^^"),
    ],
)
def test_separators_behind_a_text_separate_nothing(sent: str, text: str | None) -> None:
    """Analysers send text as the first of two components."""
    value = observation(f"ST|1^A^L||{sent}").value
    assert (value.text if value else None) == text
    assert report(f"NTE|1||{sent}").notes == ((text,) if text else ())


@pytest.mark.parametrize(
    ("sent", "codes", "text"),
    [
        ("^Fasting glucose^L^2345-7^Glucose^LN", ["2345-7"], "Fasting glucose"),
        ("^^^2345-7^Glucose^LN", ["2345-7"], None),
        ("^Fasting glucose^L^2345-7^Glucose^LN^^^Sugar", ["2345-7"], "Sugar"),
        ("^Fasting glucose^L^^Glucose", [], "Fasting glucose"),
    ],
)
def test_a_name_without_a_code_is_not_lost_beside_another_code(
    sent: str, codes: list[str], text: str | None
) -> None:
    code = observation(f"NM|{sent}||5").code
    assert ([coding.code for coding in code.codings], code.text) == (codes, text)


def test_a_number_alone_among_components_is_the_value_of_its_unit() -> None:
    found = observation("ST|1^A^L||^10.31|copies/mL")
    assert found.value and found.value.quantity
    assert (found.value.quantity.value, found.value.quantity.unit) == ("10.31", "copies/mL")
    both = observation("ST|1^A^L||5^6|copies/mL")
    assert both.value and both.value.text == "5^6"


def test_an_order_behind_its_request_takes_no_result_to_the_next_one() -> None:
    """As in messages of another kind, where the request stands first."""
    first, second, third = read_hl7(
        content(
            PATIENT, "OBR|1||F1|1^A^L", "ORC|RE|P1", "NTE|1||of A", SPECIMEN, GLUCOSE,
            "OBR|2||F2|2^B^L", "ORC|RE|P2", GLUCOSE, GLUCOSE, "OBR|3||F3|3^C^L", "ORC|RE|P3",
        )
    )  # fmt: skip
    assert [len(one.observations) for one in (first, second, third)] == [1, 2, 0]
    assert [[number.value for number in one.identifiers] for one in (first, second)] == [
        ["P1", "F1"],
        ["P2", "F2"],
    ]
    assert (first.notes, len(first.specimens), second.specimens) == (("of A",), 1, ())


@pytest.mark.parametrize(
    "segments", [("ORC|RE|P1", REQUEST, "ORC|RE|P2", GLUCOSE), (REQUEST, GLUCOSE, "ORC|RE|P2", GLUCOSE)]
)
@pytest.mark.parametrize("tail", [(), (REQUEST,), (REQUEST, GLUCOSE)])
def test_a_result_behind_an_order_without_a_request_is_refused(
    segments: tuple[str, ...], tail: tuple[str, ...]
) -> None:
    with pytest.raises(ContentError) as refusal:
        read_hl7(content(PATIENT, *segments, *tail))
    assert refusal.value.code == "segment-order"


@pytest.mark.parametrize("name", ["PID  ", "PID\t", "PID\u00a0", " PID", "\tPID ", "\ufeffPID"])
def test_blanks_around_a_name_lose_no_segment(name: str) -> None:
    """The next patient's results were the one's before."""
    other = f"{name}|2||999^^^LIS||Петров^Пётр"
    first, second = read_hl7(content(PATIENT, REQUEST, GLUCOSE, other, "OBR |1||F2|2^B^L", GLUCOSE))
    assert (first.subject.family, second.subject.family) == ("Иванова", "Петров")
    found = report("OBX|1|TX|1^A^L||HGB | high\nWBC |low")
    assert found.observations[0].value and found.observations[0].value.text == "HGB "


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("2024-04-03", "2024-04-03"),
        ("2024-04-03 10:15", "2024-04-03T10:15:00"),
        ("2024-04-03T10:15:30.25Z", "2024-04-03T10:15:30.25Z"),
        ("2024-04-03T10:15:30+03:00", "2024-04-03T10:15:30+03:00"),
        ("20240403T101530", "2024-04-03T10:15:30"),
        ("03.04.2024", "2024-04-03"),
        ("03.04.2024 10:15:30", "2024-04-03T10:15:30"),
        ("29.02.2023", None),
        ("2024-13-03", None),
        ("2024-04-03 25:00", None),
        ("03/04/2024", None),
        ("3.4.2024", None),
        ("03.04.24", None),
        ("20240403101530Z", "2024-04-03T10:15:30Z"),
        ("2024/04/03", "2024-04-03"),
        ("2024/04-03", None),
        ("2024-04", None),
        ("2024-04-03+0300", None),
    ],
)
def test_a_time_may_be_written_as_in_other_standards(sent: str, text: str | None) -> None:
    assert date_time(sent) == text
    (found,) = read_hl7(content(f"PID|1||1||X^Y||{sent}", REQUEST, GLUCOSE))
    assert found.subject.birth_date == (text[:10] if text else None)


@pytest.mark.parametrize(
    ("kind", "sent", "is_absent"),
    [
        ("CE", "^^99ROC", False),
        ("CWE", "^^^^^99ROC", False),
        ("CWE", '""^""', True),
        ("CE", '""^""^L', True),
        ("ST", '""^""', True),
        ("TX", '""~""', True),
        ("NM", '""^', True),
    ],
)
def test_a_value_of_which_no_part_says_anything_is_none(kind: str, sent: str, is_absent: bool) -> None:
    """Analysers name the system of a code that is not there; a null may stand in each component."""
    found = observation(f"{kind}|1^A^L||{sent}")
    assert (found.value, found.components, found.notes) == (None, (), ())
    assert (found.data_absent_reason is not None) == is_absent


@pytest.mark.parametrize(
    ("sent", "system"),
    [
        ("9911111111111112^^^ФОМС^ЕНП", "urn:oid:1.2.643.2.69.1.1.1.6.228"),
        ("11223344595^^^PFR^SNILS", "urn:oid:1.2.643.100.3"),
        ("11223344595^^^&1.2.3.4.5&ISO^SNILS", "urn:oid:1.2.3.4.5"),
        ("17^^^LIS^MR", "LIS"),
    ],
)
def test_a_number_is_what_its_type_says_whoever_is_named_beside_it(sent: str, system: str) -> None:
    (found,) = read_hl7(content(f"PID|1||{sent}||X^Y", REQUEST, GLUCOSE))
    assert found.subject.identifiers[0].system == system


def test_a_number_in_the_last_place_for_one_is_not_lost() -> None:
    (found,) = read_hl7(content("PID|1|||17^^^LIS|X^Y", REQUEST, GLUCOSE))
    assert [one.value for one in found.subject.identifiers] == ["17"]


def test_zeros_behind_a_message_are_the_end_of_a_buffer() -> None:
    raw = content(PATIENT, REQUEST, GLUCOSE)
    assert read_hl7(raw + b"\0\0") == read_hl7(b"\x0b" + raw + b"\x1c\r\0") == read_hl7(raw)
    assert read_hl7(raw.decode().encode("utf-16")) == read_hl7(raw)


@pytest.mark.parametrize("kind", ["ORU_R01", "ORU_R30", "OUL_R22"])
def test_the_kind_of_a_message_may_be_its_structure(kind: str) -> None:
    raw = content(PATIENT, REQUEST, GLUCOSE, header=HEADER.replace("ORU^R01^ORU_R01", kind))
    assert len(read_hl7(raw)) == 1


@pytest.mark.parametrize(
    ("sent", "text"),
    [("10:15", "10:15:00"), ("10:15:30.5+0300", "10:15:30.5+03:00"), ("25:00", None), ("1:5", None)],
)
def test_a_time_of_day_may_have_colons(sent: str, text: str | None) -> None:
    assert time_of_day(sent) == text


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("High", "H"),
        ("LOW", "L"),
        ("Normal", "N"),
        ("abnormal^^L", "abnormal"),
        ("Abnormal", "A"),
        ("h", "H"),
        ("hh^^HL70078", "HH"),
        ("↑", "H"),
        ("↓", "L"),
        ("Н", "Н"),
        ("*", "*"),
        ("h^^99LAB", "h"),
    ],
)
def test_a_flag_may_be_a_word_an_arrow_or_a_small_letter(sent: str, code: str) -> None:
    """Else it is no flag to the patient's page, and the range is not looked at either. A Russian Н is low in one
    laboratory and the look of a Latin H in another."""
    (flag,) = observation(f"NM|1^A^L||5|||{sent}").interpretation
    assert flag.codings[0].code == code
    assert (flag.codings[0].system == INTERPRETATION_SYSTEM) == (code in INTERPRETATIONS)


@pytest.mark.parametrize(
    ("sent", "unit", "notes"),
    [
        ("10^9/L", "10^9/L", ()),
        ("x10^3/uL", "x10^3/uL", ()),
        ("х10^12/л", "х10^12/л", ()),
        ("10^-3", "10^-3", ()),
        ("10^3/mm^3", "10^3/mm^3", ()),
        ("mL/min/1.73m^2", "mL/min/1.73m^2", ()),
        ("кг/м^2", "кг/м^2", ()),
        ("10^9/L^billion per litre^L", "10^9/L", ("OBX-6: 10^9/L (billion per litre)",)),
        (r"10\S\9/L", "10^9/L", ()),
        ("CD:10^10*9/L", "10*9/L", ()),
        ("10^tenths", "10", ("OBX-6: 10 (tenths)",)),
        ("110^9/L", "110", ("OBX-6: 110 (9/L)",)),
        ("1^ML^METRIC", "1", ("OBX-6: 1 (ML)",)),
    ],
)
def test_a_power_in_a_unit_is_no_separator(sent: str, unit: str, notes: tuple[str, ...]) -> None:
    """Who writes 10^9/L and does not escape it had a patient with 6.5 10 leukocytes."""
    found = observation(f"NM|1^A^L||6.5|{sent}|4.0-10.0 {unit}")
    assert found.value and found.value.quantity
    assert (found.value.quantity.unit, found.notes) == (unit, notes)
    (limits,) = found.reference_ranges
    assert [end.value if end else None for end in limits.ends] == ["4.0", "10.0"]


@pytest.mark.parametrize(
    ("sent", "comparator"), [("≥", ">="), ("=>", ">="), ("≤", "<="), ("=<", "<="), (">=", ">="), ("=", None)]
)
def test_a_comparator_may_be_written_otherwise(sent: str, comparator: str | None) -> None:
    found = observation(f"SN|1^A^L||{sent}^5|g/L")
    assert found.value and found.value.quantity and found.value.quantity.comparator == comparator
    assert found.notes == ()


@pytest.mark.parametrize("sign", ["-", "+"])
def test_a_sign_is_no_comparator_to_lose(sign: str) -> None:
    found = observation(f"SN|1^A^L||{sign}^5|g/L")
    assert found.value and (found.value.kind, found.value.text) == (ValueKind.TEXT, f"{sign}5")
