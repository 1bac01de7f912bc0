"""Character sets of HL7 v2: as declared in MSH-18, never gibberish without a word."""

import codecs

import pytest

from api.content import ContentError
from api.hl7.reading import read_hl7
from tests.api.hl7_messages import HEADER, PATIENT, REQUEST, content

TEXT = "Обнаружен рост микроорганизмов, 5 мкмоль/л — № 7"
ROW = "OBX|1|ST|1^Посев крови^L||{}||||||F"


def read(raw: bytes) -> str | None:
    (found,) = read_hl7(raw)
    value = found.observations[0].value
    assert found.subject.family == "Иванова"
    return value.text if value else None


def sent(declared: str, codec: str, text: str = TEXT) -> bytes:
    header = HEADER + "|" * 6 + declared
    return content(PATIENT, REQUEST, ROW.format(text), header=header, codec=codec)


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("UNICODE UTF-8", "utf-8"),
        ("UTF-8", "utf-8"),
        ("UNICODE", "utf-8"),
        ("", "utf-8"),
        ("", "cp1251"),
        ("WINDOWS-1251", "cp1251"),
        ("cp1251", "cp1251"),
        ("ASCII", "utf-8"),
        ("8859/1", "utf-8"),
        ("UNICODE UTF-8~8859/5", "utf-8"),
        ("UNICODE UTF-16", "utf-16"),
        ("", "utf-16"),
        ("8859/1", "utf-8-sig"),
        ("", "utf-32"),
        ("UNICODE UTF-16", "utf-16-le"),
        ("UNICODE UTF-16", "utf-16-be"),
    ],
)
def test_cyrillic_is_read_in_the_set_that_it_is_in(declared: str, codec: str) -> None:
    assert read(sent(declared, codec)) == TEXT


@pytest.mark.parametrize(
    ("declared", "codec"), [("8859/5", "iso8859-5"), ("KOI8-R", "koi8-r"), ("CP866", "cp866")]
)
def test_sets_without_all_symbols_are_read(declared: str, codec: str) -> None:
    text = TEXT.replace("—", "-").replace("№", "N")
    assert read(sent(declared, codec, text)) == text


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("UNICODE UTF-8", "cp1251"),
        ("ASCII", "cp1251"),
        ("8859/1", "cp1251"),
        ("8859/1", "iso8859-5"),
        ("8859/5", "cp1251"),
        ("WINDOWS-1251", "iso8859-5"),
        ("WINDOWS-1251", "koi8-r"),
        ("WINDOWS-1251", "cp866"),
        ("", "iso8859-5"),
        ("", "koi8-r"),
        ("", "cp866"),
    ],
)
def test_a_wrong_set_is_refused_and_never_becomes_gibberish(declared: str, codec: str) -> None:
    with pytest.raises(ContentError) as refusal:
        read_hl7(sent(declared, codec, TEXT.replace("—", "-").replace("№", "N")))
    assert (refusal.value.code, refusal.value.field) == ("content-not-decodable", "MSH-18")


def test_latin_letters_are_read_as_declared_and_not_guessed() -> None:
    segments = ("PID|1||1||Müller^Zoë", REQUEST, "OBX|1|NM|1^A^L||5")
    (found,) = read_hl7(content(*segments, header=HEADER + "|" * 6 + "8859/1", codec="latin-1"))
    assert (found.subject.family, found.subject.given) == ("Müller", ("Zoë",))
    with pytest.raises(ContentError) as refusal:
        read_hl7(content(*segments, codec="latin-1"))
    assert refusal.value.code == "content-not-decodable"


@pytest.mark.parametrize(
    ("declared", "codec"),
    [
        ("CP-1251", "cp1251"), ("win 1251", "cp1251"), ("Windows1251", "cp1251"), ("UTF_8", "utf-8"),
        ("ISO_IR 144", "iso8859-5"), ("ISO IR192", "utf-8"), ("ISO8859-5", "iso8859-5"), ("koi8r", "koi8-r"),
    ],
)  # fmt: skip
def test_a_set_is_known_however_its_name_is_written(declared: str, codec: str) -> None:
    text = TEXT.replace("—", "-").replace("№", "N")
    assert read(sent(declared, codec, text)) == text


@pytest.mark.parametrize(
    ("declared", "codec"), [("CP1250", "cp1250"), ("CP1250", "utf-8"), ("WINDOWS-1257", "cp1257"), ("8859/2", "iso8859-2")]
)  # fmt: skip
def test_sets_of_the_neighbours_are_read(declared: str, codec: str) -> None:
    segments = ("PID|1||1||Żółć^Łukasz" if codec != "cp1257" else "PID|1||1||Żuklys^Šarūnas", REQUEST)
    header = HEADER + "|" * 6 + declared
    (found,) = read_hl7(content(*segments, header=header, codec=codec))
    assert found.subject.family in {"Żółć", "Żuklys"}
    assert found.subject.given in {("Łukasz",), ("Šarūnas",)}


def test_dashes_and_quotes_of_windows_are_read_in_latin_text() -> None:
    segments = ("PID|1||1||O’Brien^Zoë", REQUEST, "OBX|1|ST|1^A^L||3–5")
    (found,) = read_hl7(content(*segments, header=HEADER + "|" * 6 + "8859/1", codec="cp1252"))
    assert found.subject.family == "O’Brien"
    assert found.observations[0].value and found.observations[0].value.text == "3–5"


@pytest.mark.parametrize("declared", ["8859/2", "CP1250", "CP1254", "8859/9", "CP1257"])
def test_russian_under_the_name_of_a_latin_set_never_becomes_gibberish(declared: str) -> None:
    with pytest.raises(ContentError) as refusal:
        read_hl7(sent(declared, "cp1251"))
    assert (refusal.value.code, refusal.value.field) == ("content-not-decodable", "MSH-18")


@pytest.mark.parametrize("declared", ["BIG-5", "GB 18030-2000", "EBCDIC"])
def test_an_unknown_set_is_refused(declared: str) -> None:
    with pytest.raises(ContentError) as refusal:
        read_hl7(sent(declared, "cp1251"))
    assert (refusal.value.code, refusal.value.field) == ("content-encoding-unknown", "MSH-18")


@pytest.mark.parametrize(
    "declared", ["~ISO IR87", "ISO IR87", "ASCII~ISO IR87", "ISO IR6~ISO IR87~ISO IR13", ""]
)
@pytest.mark.parametrize("codec", ["iso2022_jp_ext", "utf-8"])
def test_japanese_is_read_in_the_shifted_set_and_in_utf_8(declared: str, codec: str) -> None:
    """The first repetition is what the message begins with, which is ASCII whether it is said or not."""
    text = "血清 ^ 総蛋白 | ｶﾝｼﾞｬ 7.2".replace("|", "-").replace("^", "-")
    assert read(sent(declared, codec, text)) == text


@pytest.mark.parametrize(
    ("declared", "sequence", "code"),
    [
        ("", "\x1b$A0!\x1b(B", "content-not-decodable"),
        ("", "\x1b$)C0!", "content-not-decodable"),
        ("", "\x1b$B0\x1b(B", "content-not-decodable"),
        ("ISO IR58", "\x1b$A0!\x1b(B", "content-encoding-unknown"),
        ("UNICODE UTF-8", "\x1b$B0!\x1b(B", "content-not-decodable"),
    ],
)
def test_other_shifted_sets_are_not_taken_for_ascii(declared: str, sequence: str, code: str) -> None:
    with pytest.raises(ContentError) as refusal:
        read_hl7(content("PID|1", REQUEST, f"OBX|1|ST|1^A^L||{sequence}", header=HEADER + "|" * 6 + declared))
    assert refusal.value.code == code


def test_each_message_of_a_batch_has_its_own_set() -> None:
    raw = sent("WINDOWS-1251", "cp1251") + sent("UNICODE UTF-8", "utf-8")
    values = [found.observations[0].value for found in read_hl7(raw)]
    assert [value.text if value else None for value in values] == [TEXT, TEXT]
    with pytest.raises(ContentError) as refusal:
        read_hl7(raw + sent("UNICODE UTF-8", "cp1251"))
    assert refusal.value.field == "MSH[3]/MSH-18"


@pytest.mark.parametrize("raw", [codecs.BOM_UTF16_LE + b"M\0S", codecs.BOM_UTF32_LE + b"M", b"M\0S\0H"])
def test_a_broken_wide_set_is_refused(raw: bytes) -> None:
    with pytest.raises(ContentError) as refusal:
        read_hl7(raw)
    assert refusal.value.code == "content-not-decodable"
