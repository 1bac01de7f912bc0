"""OBX-5 by its type, with units, ranges and flags; escapes in any text."""

import pytest

from api.hl7.tables import INTERPRETATION_SYSTEM, INTERPRETATIONS
from domain.report_content import Attachment, Component, Value, ValueKind
from domain.values import Coding, Concept, Quantity
from tests.api.hl7_messages import HEADER, observation, report


def text(sent: str) -> Value:
    return Value(kind=ValueKind.TEXT, text=sent)


def quantity(value: str, comparator: str | None = None) -> Quantity:
    return Quantity(value=value, comparator=comparator)


VALUES = [
    ("NM", "72.50", Value(kind=ValueKind.QUANTITY, quantity=quantity("72.50"))),
    ("NM", "7,9", Value(kind=ValueKind.QUANTITY, quantity=quantity("7.9"))),
    ("NM", "-0,125", Value(kind=ValueKind.QUANTITY, quantity=quantity("-0.125"))),
    ("SN", "<^0,05", Value(kind=ValueKind.QUANTITY, quantity=quantity("0.05", "<"))),
    ("NR", "1,5^10", Value(kind=ValueKind.RANGE, low=quantity("1.5"), high=quantity("10"))),
    ("NM", "-0.1", Value(kind=ValueKind.QUANTITY, quantity=quantity("-0.1"))),
    ("NM", " +5 ", Value(kind=ValueKind.QUANTITY, quantity=quantity("+5"))),
    ("SN", "^182", Value(kind=ValueKind.QUANTITY, quantity=quantity("182"))),
    ("SN", ">=^32", Value(kind=ValueKind.QUANTITY, quantity=quantity("32", ">="))),
    ("SN", "=^23", Value(kind=ValueKind.QUANTITY, quantity=quantity("23"))),
    ("SN", "^1^-^3", Value(kind=ValueKind.RANGE, low=quantity("1"), high=quantity("3"))),
    ("SN", "^1^:^128", Value(kind=ValueKind.RATIO, numerator=quantity("1"), denominator=quantity("128"))),
    ("SN", ">^1^/^2", Value(kind=ValueKind.RATIO, numerator=quantity("1", ">"), denominator=quantity("2"))),
    ("SN", "^1^.^3", Value(kind=ValueKind.QUANTITY, quantity=quantity("1.3"))),
    ("SN", "^2^+", text("2+")),
    ("SN", "<^1^-^3", text("<1-3")),
    ("SN", "^many", text("many")),
    ("NR", "1^10", Value(kind=ValueKind.RANGE, low=quantity("1"), high=quantity("10"))),
    ("ST", "Reactive", text("Reactive")),
    ("ST", "5 ^ 6 & 7", text("5 ^ 6 & 7")),
    ("TX", "one~~three", text("one\n\nthree")),
    ("FT", r"one\.br\two", text("one\ntwo")),
    ("CE", "1^Positive^L^2^Pos^99X", Value(kind=ValueKind.CONCEPT, concept=Concept(codings=(
        Coding(system="L", code="1", display="Positive"), Coding(system="99X", code="2", display="Pos"))))),
    ("CWE", "260373001^Detected^SCT^^^^^^found", Value(kind=ValueKind.CONCEPT, concept=Concept(codings=(
        Coding(system="http://snomed.info/sct", code="260373001", display="Detected"),), text="found"))),
    ("CNE", "^Positive", Value(kind=ValueKind.CONCEPT, concept=Concept(text="Positive"))),
    ("CWE", "1^A^^^^^^^^^^^^1.2.3.4", Value(kind=ValueKind.CONCEPT, concept=Concept(codings=(
        Coding(system="urn:oid:1.2.3.4", code="1", display="A"),)))),
    ("IS", "Y", Value(kind=ValueKind.CONCEPT, concept=Concept(codings=(Coding(code="Y"),)))),
    ("DT", "20240403", Value(kind=ValueKind.DATE_TIME, text="2024-04-03")),
    ("DTM", "20240403101500+0300", Value(kind=ValueKind.DATE_TIME, text="2024-04-03T10:15:00+03:00")),
    ("TS", "20240403^D", Value(kind=ValueKind.DATE_TIME, text="2024-04-03")),
    ("TM", "1015", Value(kind=ValueKind.TIME, text="10:15:00")),
    ("DR", "20240403^20240404", Value(kind=ValueKind.PERIOD, text="2024-04-03/2024-04-04")),
    ("CX", "12^^^LAB", text("12^^^LAB")),
    ("ZZ", "any^thing", text("any^thing")),
    ("", "untyped", text("untyped")),
    ("NM", "", None),
    ("CE", "^^", None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "sent", "value"), VALUES, ids=[f"{kind} {sent}" for kind, sent, _ in VALUES]
)
def test_a_value_is_read_by_its_type(kind: str, sent: str, value: Value | None) -> None:
    found = observation(f"{kind}|1^A^L||{sent}||||||F")
    assert found.value == value
    assert found.notes == ()


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("NM", "1,500"),
        ("NM", "1,2,3"),
        ("NM", ",5"),
        ("NM", "<5"),
        ("NM", "1e9"),
        ("NM", "٣"),
        ("DT", "soon"),
        ("TM", "9"),
    ],
)
def test_what_is_not_of_its_type_is_text_with_a_note(kind: str, sent: str) -> None:
    found = observation(f"{kind}|1^A^L||{sent}")
    assert found.value == text(sent)
    assert found.notes == (f"OBX-5: not a value of type {kind}",)


def test_an_unknown_comparator_is_kept_in_a_note() -> None:
    assert observation("SN|1^A^L||ca^5").notes == ("OBX-5.1: ca",)


def test_the_null_value_has_a_reason() -> None:
    found = observation('NM|1^A^L||""||||||F')
    assert found.value is None
    assert found.data_absent_reason and found.data_absent_reason.codings[0].code == "unknown"


def test_repetitions_are_components() -> None:
    found = observation("NM|1^A^L||27~25||||||F")
    each = (Value(kind=ValueKind.QUANTITY, quantity=quantity(one)) for one in ("27", "25"))
    assert found.components == tuple(Component(code=found.code, value=value) for value in each)
    assert found.value == text("27~25")
    coded = observation("CWE|1^A^L||1^One^L~2^Two^L||||||F")
    assert coded.value is None
    assert [
        one.value.concept.codings[0].code for one in coded.components if one.value and one.value.concept
    ] == [
        "1",
        "2",
    ]


def test_a_unit_has_its_code_and_system() -> None:
    value = observation("NM|1^A^L||5|10*6/uL^million per microliter^UCUM").value
    unit = {"unit": "10*6/uL", "code": "10*6/uL", "system": "http://unitsofmeasure.org"}
    assert value and value.quantity == Quantity(value="5", **unit)
    assert observation("NM|1^A^L||5|^ед").value == Value(
        kind=ValueKind.QUANTITY, quantity=Quantity(value="5", unit="ед")
    )
    assert observation("ST|1^A^L||5.10|g/l").value == Value(
        kind=ValueKind.QUANTITY, quantity=Quantity(value="5.10", unit="g/l", code="g/l")
    )


def test_a_unit_that_a_value_cannot_hold_is_a_note() -> None:
    assert observation("ST|1^A^L||SYN-S|ug/mL").notes == ("OBX-6: ug/mL",)
    assert observation("NM|1^A^L||5|1^ML^METRIC").notes == ("OBX-6: 1 (ML)",)


@pytest.mark.parametrize(
    ("sent", "low", "high"),
    [
        ("3.5-5.1", "3.5", "5.1"), ("0.0 - 5.6", "0.0", "5.6"), ("-2--1", "-2", "-1"), ("3.5–5.1", "3.5", "5.1"),
        ("<5", None, "5"), ("<= 5", None, "5"), (">=10", "10", None), ("3.5-5.1 g/l", "3.5", "5.1"),
        ("3,5 - 5,1", "3.5", "5.1"), ("<0,125", None, "0.125"), ("4,000-10,000", None, None), ("5-3", None, None), ("4.3 to 6.2", None, None), ("70_105", None, None),
        ("<10 = Negative", None, None), ("negative", None, None),
    ],
)  # fmt: skip
def test_a_reference_range_keeps_its_text(sent: str, low: str | None, high: str | None) -> None:
    (limits,) = observation(f"NM|1^A^L||5|g/l|{sent}").reference_ranges
    assert limits.text == sent
    assert [end.value if end else None for end in limits.ends] == [low, high]


@pytest.mark.parametrize(("code", "words"), INTERPRETATIONS.items())
def test_every_flag_of_table_0078_has_its_words(code: str, words: str) -> None:
    (flag,) = observation(f"NM|1^A^L||5|||{code}").interpretation
    assert flag.codings == (Coding(system=INTERPRETATION_SYSTEM, code=code, display=words),)


def test_all_flags_are_kept_and_an_own_one_as_sent() -> None:
    flags = observation("NM|1^A^L||5|||H~A^Abnormal^HL70078~^^^^^^2.7~QQ^Odd^99LAB").interpretation
    assert [(one.codings[0].code, one.codings[0].display) for one in flags] == [
        ("H", "High"),
        ("A", "Abnormal"),
        ("QQ", "Odd"),
    ]
    assert flags[2].codings[0].system == "99LAB"


def test_a_method_and_both_codes_are_kept() -> None:
    found = observation("NM|718-7^Hemoglobin^LN^HB^Гемоглобин^99L||5||||||F||||||M1^Photometry^L~M2^Other^L")
    assert found.code.codings == (
        Coding(system="http://loinc.org", code="718-7", display="Hemoglobin"),
        Coding(system="99L", code="HB", display="Гемоглобин"),
    )
    assert found.method == Concept(codings=(Coding(system="L", code="M1", display="Photometry"),))
    assert found.notes == ("OBX-17: Other",)


@pytest.mark.parametrize(
    ("kind", "sent", "attachment"),
    [
        ("ED", "LIS^AP^PDF^Base64^JVBERi0xLjc=", Attachment(
            content_type="application/pdf", title="A", size_bytes=8, source="OBX[1]-5")),
        ("ED", "^application^pdf^Hex^25504446", Attachment(
            content_type="application/pdf", title="A", size_bytes=4, source="OBX[1]-5")),
        ("ED", "^TEXT^PLAIN^A^текст", Attachment(
            content_type="text/plain", title="A", size_bytes=10, source="OBX[1]-5")),
        ("ED", "^IM^JPEG^Base64^AAA", Attachment(content_type="image/jpeg", title="A")),
        ("RP", "https://lab.example/1^LIS^AP^PDF", Attachment(content_type="application/pdf", title="A")),
    ],
)  # fmt: skip
def test_a_document_is_an_attachment(kind: str, sent: str, attachment: Attachment) -> None:
    found = report(f"OBX|1|{kind}|1^A^L||{sent}||||||F")
    assert found.attachments == (attachment,)
    assert found.observations[0].value is None


def test_a_document_of_an_observation_without_a_name_is_called_by_its_kind() -> None:
    (found,) = report("OBX|1|ED|1||LIS^AP^PDF^Base64^JVBERi0xLjc=||||||F").attachments
    assert found.title == "AP/PDF"


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (r"a\F\b", "a|b"), (r"a\S\b", "a^b"), (r"a\T\b", "a&b"), (r"a\R\b", "a~b"), (r"a\E\b", "a\\b"),
        (r"a\P\b", "a#b"), (r"a\.br\b", "a\nb"), (r"a\.BR\b", "a\nb"), (r"a\.sp2\b", "a\n\nb"),
        (r"a\.sp\b", "a\nb"), (r"a\.sk3\b", "a   b"), (r"a\.sp9999\b", "a" + "\n" * 100 + "b"),
        (r"a\.ce\b", "a\nb"), (r"\.in+4\a\.fi\\.nf\b", "ab"), (r"\H\bold\N\ plain", "bold plain"),
        (r"a\X0d0a\b", "a\nb"), (r"\XD0B0\b", "аb"), (r"\XZZ\b", r"\XZZ\b"), (r"\X00\b", "b"),
        (r"a\C2842\b\M242842\c", "abc"), (r"a\Zabc1\b", "ab"), (r"C:\dir\F\x", r"C:\dir|x"),
        (r"a\b", r"a\b"), ("a\\", "a\\"), (r"\E\F\E\x", r"\F\x"), (r"\T\#8805;6.5", "&#8805;6.5"),
    ],
)  # fmt: skip
def test_every_escape_is_what_it_stands_for(sent: str, meant: str) -> None:
    assert observation(f"TX|1^A^L||{sent}").value == text(meant)
    assert report(f"NTE|1||{sent}").notes == (meant,)


def test_an_escape_follows_the_delimiters_of_its_message() -> None:
    header = HEADER.replace(r"^~\&", r"^~!%", 1)
    found = report("OBX|1|TX|1^A^L||a!T!b!S!c\\T\\d", header=header)
    assert found.observations[0].value == text("a%b^c\\T\\d")
