"""HL7 v2 messages become reports: whose, of what, how far; what is no report is refused."""

import pytest

from api.content import ContentError
from api.hl7 import batch
from api.hl7.reading import read_hl7
from api.hl7.tables import OBSERVATION_STATUSES, REPORT_STATUSES, SEXES
from api.hl7.times import date_time, time_of_day
from domain.report_content import ReportStatus, Specimen
from domain.values import Coding, Concept, Identifier
from tests.api.hl7_messages import HEADER, PATIENT, REQUEST, content, observation, report

GLUCOSE = "OBX|1|NM|2345-7^Glucose^LN||5.40|mmol/L^^UCUM|3.9-6.1|N|||F|||20240403093000"


def refusal(raw: bytes) -> tuple[str, str | None]:
    with pytest.raises(ContentError) as found:
        read_hl7(raw)
    return found.value.code, found.value.field


def test_a_report_says_what_its_request_says() -> None:
    found = report(GLUCOSE)
    assert found.status == "final"
    assert found.code == Concept(codings=(Coding(system="http://loinc.org", code="58410-2", display="CBC"),))
    assert found.identifiers == (
        Identifier(system="LIS", value="P1", kind="PLAC"),
        Identifier(system="urn:oid:1.2.3.4.5", value="F1", kind="FILL"),
    )
    assert (found.effective_at, found.issued_at) == ("2024-04-03T09:15:00", "2024-04-03T10:12:00")
    assert found.performer == "LAB"
    assert found.category[0].codings[0].code == "HM"
    assert found.conclusion is None


def test_a_subject_is_who_the_patient_segment_names() -> None:
    subject = report(GLUCOSE).subject
    assert subject.family == "Иванова"
    assert subject.given == ("Анна", "Петровна")
    assert (subject.birth_date, subject.sex) == ("1980-02-29", "female")
    number = Identifier(system="urn:oid:1.2.643.100.3", value="12345678901", kind="SNILS")
    assert subject.identifiers == (number,)


@pytest.mark.parametrize(
    ("patient", "identifiers"),
    [
        (
            "PID|1||1^^^1.2.643.100.3~2^^^LIS^MR~~3",
            [("urn:oid:1.2.643.100.3", "1"), ("LIS", "2"), (None, "3")],
        ),
        ("PID|1||7^^^^ЕНП", [("urn:oid:1.2.643.2.69.1.1.1.6.228", "7")]),
        ("PID|1|9", [(None, "9")]),
        ("PID|1||4^^^&http://lab.example/mrn&URI", [("http://lab.example/mrn", "4")]),
    ],
)
def test_every_number_of_a_patient_is_kept_with_its_authority(
    patient: str, identifiers: list[tuple[str | None, str]]
) -> None:
    (found,) = read_hl7(content(patient, REQUEST, GLUCOSE))
    assert [(one.system, one.value) for one in found.subject.identifiers] == identifiers


@pytest.mark.parametrize(
    ("name", "family", "given"),
    [
        ("Maiden^Eva^^^^^M~Doe^Eva^^^^^L", "Doe", ("Eva",)),
        ("van Beethoven&van&Beethoven^Ludwig", "van Beethoven", ("Ludwig",)),
        ("&van&Gogh^Vincent", "van Gogh", ("Vincent",)),
        ("^Anna", None, ("Anna",)),
        ('""', None, ()),
    ],
)
def test_the_legal_name_is_read(name: str, family: str | None, given: tuple[str, ...]) -> None:
    (found,) = read_hl7(content(f"PID|1||1||{name}", REQUEST, GLUCOSE))
    assert (found.subject.family, found.subject.given) == (family, given)


@pytest.mark.parametrize(("sent", "word"), SEXES.items())
def test_sex_is_in_words_of_fhir(sent: str, word: str) -> None:
    (found,) = read_hl7(content(f"PID|1||1||X^Y||1980|{sent}", REQUEST, GLUCOSE))
    assert found.subject.sex == word


@pytest.mark.parametrize(("sent", "status"), OBSERVATION_STATUSES.items())
def test_every_status_of_table_0085_has_its_word(sent: str, status: str) -> None:
    assert observation(f"NM|1^A^L||5||||||{sent}").status == status


def test_an_unknown_status_is_kept_in_a_note() -> None:
    found = observation("NM|1^A^L||5||||||Q")
    assert found.status == "unknown"
    assert found.notes == ("OBX-11: Q",)


@pytest.mark.parametrize(("sent", "status"), REPORT_STATUSES.items())
def test_every_status_of_table_0123_has_its_word(sent: str, status: str) -> None:
    request = REQUEST.removesuffix("F") + sent
    (found,) = read_hl7(content(PATIENT, request))
    assert found.status == status
    assert found.observations == ()
    assert (f"OBR-25: {sent}" in found.notes) is (sent in "AMNYZ")


@pytest.mark.parametrize(
    ("sent", "status"),
    [("FF", "final"), ("FP", "partial"), ("PR", "preliminary"), ("FX", "final"), ("FC", "corrected"), ("XX", "cancelled"),
     ("FA", "amended"), ("", "unknown"), ("FQ", "unknown"), ("WF", "final"), ("WW", "entered-in-error"), ("II", "registered")],
)  # fmt: skip
def test_a_report_without_status_has_that_of_its_observations(sent: str, status: str) -> None:
    rows = [f"OBX|{place}|NM|{place}^A^L||5||||||{one}" for place, one in enumerate(sent)]
    (found,) = read_hl7(content(PATIENT, REQUEST.removesuffix("F"), *rows))
    assert found.status == ReportStatus(status)


def test_comments_belong_to_what_they_follow_in_their_order() -> None:
    found = report(
        "NTE|1||of the report~second line", "NTE|2||too", GLUCOSE, "NTE|1||of the value", "NTE|2||again"
    )
    assert found.notes == ("of the report\nsecond line", "too")
    assert found.observations[0].notes == ("of the value", "again")


def test_comments_before_the_request_are_not_lost() -> None:
    (found,) = read_hl7(
        content("NTE|1||one", PATIENT, "NTE|1||two", "ORC|RE", "NTE|1||three", REQUEST, GLUCOSE)
    )
    assert found.notes == ("one", "two", "three")


def test_each_request_belongs_to_the_patient_before_it() -> None:
    other = "PID|2||999^^^LIS||Петров^Пётр"
    tail = "ORC|RE"
    first, second, third = read_hl7(
        content(PATIENT, REQUEST, GLUCOSE, REQUEST, tail, "NTE|1||left", other, REQUEST, GLUCOSE)
    )
    assert [one.subject.family for one in (first, second, third)] == ["Иванова", "Иванова", "Петров"]
    assert (first.notes, second.notes, third.notes) == ((), ("left",), ())
    assert second.observations == ()


def test_the_order_before_a_request_gives_the_numbers_it_lacks() -> None:
    one, two = read_hl7(
        content(PATIENT, "ORC|RE|P7^A|F7^B", "OBR|1||F8^C|1^A^L", GLUCOSE, "OBR|2|||2^B^L", GLUCOSE)
    )
    assert [(number.value, number.kind) for number in one.identifiers] == [("P7", "PLAC"), ("F8", "FILL")]
    assert two.identifiers == ()


def test_the_same_code_twice_is_two_observations() -> None:
    rows = (f"OBX|{place}|ST|1^A^L|{sub}|x" for place, sub in enumerate(("1", "2", "2", "", "")))
    assert [one.source_id for one in report(*rows).observations] == ["1", "2", "2#2", None, "#2"]


def test_lines_of_one_text_stay_observations_of_their_own() -> None:
    found = report("OBX|1|TX|1^Text^L|1|first", "OBX|2|TX|1^Text^L|1|second")
    assert [one.value.text for one in found.observations if one.value] == ["first", "second"]


def test_specimens_come_from_their_segment_or_from_an_old_request() -> None:
    found = report(GLUCOSE, "SPM|1|||BLD^Blood^HL70487|||||||||||||202404030800^202404030805|20240403")
    kind = Concept(codings=(Coding(system="HL70487", code="BLD", display="Blood"),))
    assert found.specimens == (
        Specimen(kind=kind, collected_at="2024-04-03T08:00:00", received_at="2024-04-03"),
    )
    (old,) = read_hl7(content(PATIENT, f"OBR|1||F|1^A^L{'|' * 10}20240403|BLD&Blood&HL70487^^^arm", GLUCOSE))
    assert old.specimens == (Specimen(kind=kind, received_at="2024-04-03"),)


def test_a_child_request_says_which_result_it_is_a_part_of() -> None:
    child = f"OBR|2|||50545-3^Susceptibility^LN{'|' * 21}F|600-7&Bacteria&LN^1^E. coli|||P1&LIS^F1&LAB"
    _, found = read_hl7(content(PATIENT, REQUEST, GLUCOSE, child, "OBX|1|ST|1^A^L||S"))
    assert found.observations[0].notes == ("OBR-26: Bacteria; 1; E. coli",)
    assert found.notes == ("OBR-29: P1 / F1",)
    long = child.replace("E. coli", "E. coli " * 100)
    _, found = read_hl7(content(PATIENT, REQUEST, GLUCOSE, long, "OBX|1|ST|1^A^L||S"))
    assert found.observations[0].notes == ()
    assert found.notes[-1].startswith("OBR-26: Bacteria; 1; E. coli E. coli")


def test_a_performer_is_who_did_it_before_who_sent_it() -> None:
    row = f"{GLUCOSE}|{{producer}}{'|' * 8}{{name}}"
    assert report(row.format(producer="7^Producer^L", name="Клиника^D")).performer == "Клиника"
    assert report(row.format(producer="7^Producer^L", name="")).performer == "Producer"
    assert report(GLUCOSE, header=HEADER.replace("LAB^1.2.643.5.1^ISO", "")).performer is None


def test_an_observation_about_the_patient_goes_to_the_first_request_of_the_patient() -> None:
    (found,) = read_hl7(content(PATIENT, "OBX|1|NM|8867-4^Pulse^LN||60", REQUEST, GLUCOSE))
    assert [one.code.codings[0].code for one in found.observations] == ["8867-4", "2345-7"]


@pytest.mark.parametrize(
    "segments",
    [(PATIENT, GLUCOSE), (PATIENT, GLUCOSE, "PID|2||9", REQUEST), (PATIENT, "ORC|RE", GLUCOSE)],
)
def test_an_observation_without_a_request_is_out_of_order(segments: tuple[str, ...]) -> None:
    assert refusal(content(*segments)) == ("segment-order", "OBX[1]")


def test_a_batch_is_its_messages_and_a_refusal_says_in_which() -> None:
    message = content(PATIENT, REQUEST, GLUCOSE)
    raw = b"FHS|^~\\&|A\rBHS|^~\\&|A\r" + message + message + b"BTS|2\rFTS|1\r"
    assert len(read_hl7(raw)) == 2
    assert refusal(raw.replace(b"BTS", content(PATIENT, GLUCOSE) + b"BTS")) == (
        "segment-order",
        "MSH[3]/OBX[1]",
    )


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\r\n\r\n"])
def test_segments_end_in_any_way(end: str) -> None:
    raw = b"\x0b" + content(PATIENT, REQUEST, GLUCOSE).replace(b"\r", end.encode()) + b"\x1c\r"
    assert read_hl7(raw) == read_hl7(content(PATIENT, REQUEST, GLUCOSE))


def test_a_line_break_in_a_text_does_not_cut_it() -> None:
    found = report("OBX|1|TX|1^A^L||first\nsecond: 5 | 6||||||F")
    assert found.observations[0].value is not None
    assert found.observations[0].value.text == "first\nsecond: 5 "
    added = report("OBX|1|TX|1^A^L||first", "ADD| and more").observations[0]
    assert added.value and added.value.text == "first and more"


def test_the_header_chooses_the_delimiters() -> None:
    plain = content(PATIENT, REQUEST, GLUCOSE, "NTE|1||a\\S\\b").decode()
    others = plain.translate(str.maketrans("|^~\\&", "#*!?@"))
    assert read_hl7(others.replace("a?S?b", "a^b").encode()) == read_hl7(plain.encode())
    assert read_hl7(plain.replace(r"^~\&", r"^~\&#", 1).encode()) == read_hl7(plain.encode())


@pytest.mark.parametrize(
    "kind", ["ORU^R01", "ORU", "ORU^R30", "ORU^R32^ORU_R30", "ORU^R01^ORU_R01", "^^ORU_R01"]
)
@pytest.mark.parametrize("version", ["2.3", "2.4", "2.5.1", "2.8"])
def test_results_of_any_version_are_read(kind: str, version: str) -> None:
    header = HEADER.replace("ORU^R01^ORU_R01", kind).replace("2.5.1", version)
    assert len(read_hl7(content(PATIENT, REQUEST, GLUCOSE, header=header))) == 1


def test_messages_of_other_kinds_are_passed_over_unless_they_have_results() -> None:
    admission = content(PATIENT, header=HEADER.replace("ORU^R01^ORU_R01", "ADT^A01"))
    results = content(PATIENT, REQUEST, GLUCOSE)
    assert len(read_hl7(admission + results)) == 1
    assert refusal(admission) == ("message-type-unsupported", "MSH-9")
    other = results.replace(b"ORU^R01^ORU_R01", b"ORF^R04^ORF_R04")
    assert refusal(results + other) == ("message-type-unsupported", "MSH[2]/MSH-9")


@pytest.mark.parametrize(
    ("raw", "code", "field"),
    [
        (b"", "content-not-hl7", "MSH"),
        (b"PID|1", "content-not-hl7", "MSH"),
        (b"<ClinicalDocument/>", "content-not-hl7", "MSH"),
        (b"%PDF-1.7", "content-not-hl7", "MSH"),
        (b"MSH", "content-not-hl7", "MSH-1"),
        (b"MSHA", "content-not-hl7", "MSH"),
        (b"MSH|A|", "content-not-hl7", "MSH-2"),
        (b"MSH|", "content-not-hl7", "MSH-2"),
        (b"MSH|AB|x", "content-not-hl7", "MSH-2"),
        (b"MSH|^~\\&|A|B", "content-not-hl7", "MSH"),
        (b"MSH|^~\\&|\0A", "content-not-hl7", None),
        (content(PATIENT), "no-report-in-content", "OBR"),
    ],
)
def test_what_is_no_message_is_refused(raw: bytes, code: str, field: str | None) -> None:
    assert refusal(raw) == (code, field)


def test_limits_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal(content(PATIENT, REQUEST, "NTE" + "|" * 2_000)) == ("content-too-complex", "NTE[1]")
    assert refusal(content(PATIENT, REQUEST, "OBX|1|CE|1||" + "~" * 20_000)) == (
        "content-too-complex",
        "OBX[1]-5",
    )
    assert refusal(content(PATIENT, REQUEST, "NTE|1||" + "x" * (1 << 21))) == (
        "content-too-complex",
        "NTE[1]-3",
    )
    assert refusal(content(*["ZZZ|1"] * 100_001)) == ("content-too-complex", None)
    assert refusal(content("PID|1||" + "1" * 20_000, REQUEST)) == ("content-too-complex", "PID[1]-3")
    assert refusal(content(PATIENT, *[REQUEST] * 1_001)) == ("content-too-complex", "OBR[1001]")
    assert refusal(content(PATIENT, REQUEST, *["OBX|1|NM|a||1"] * 10_001)) == ("content-too-complex", "OBX")
    monkeypatch.setattr(batch, "MESSAGES_MAX", 2)
    assert refusal(content() * 3) == ("content-too-complex", "MSH")


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("2024", "2024"),
        ("202404", "2024-04"),
        ("20240403", "2024-04-03"),
        ("2024040310", "2024-04-03T10:00:00"),
        ("202404031015", "2024-04-03T10:15:00"),
        ("20240403101500", "2024-04-03T10:15:00"),
        ("20240403101500.12+0300", "2024-04-03T10:15:00.12+03:00"),
        ("202404031015-0500", "2024-04-03T10:15:00-05:00"),
        ("20240403+0300", "2024-04-03"),
        ("20240230", None),
        ("20240403250000", None),
        ("20240403101500+9900", None),
        ("٢٠٢٤", None),
        ("", None),
        (None, None),
    ],
)
def test_a_time_is_written_as_in_fhir(sent: str | None, text: str | None) -> None:
    assert date_time(sent) == text


def test_a_time_of_day_keeps_its_zone() -> None:
    assert [time_of_day(one) for one in ("0930", "093015.5+0300", "9", "2460")] == [
        "09:30:00", "09:30:15.5+03:00", None, None,
    ]  # fmt: skip


def test_what_is_no_time_is_kept_in_a_note() -> None:
    (found,) = read_hl7(content(PATIENT, "OBR|1||F|1^A^L|||soon", GLUCOSE.replace("20240403093000", "later")))
    assert (found.effective_at, found.notes) == (None, ("OBR-7: soon",))
    assert found.observations[0].notes == ("OBX-14: later",)


def test_a_doubled_backslash_and_a_mark_between_files_change_nothing() -> None:
    raw = content("PID|1||1^^^&1.2.643.100.3&ISO", REQUEST, GLUCOSE)
    doubled = raw.replace(rb"^~\&", rb"^~\\&", 1)
    assert read_hl7(doubled) == read_hl7(raw)
    assert read_hl7(raw + b"\xef\xbb\xbf" + raw) == read_hl7(raw) * 2


def test_a_text_that_begins_like_a_header_is_text() -> None:
    found = report("OBX|1|TX|1^A^L||first\nMSH is high\nBTS too||||||F")
    assert found.observations[0].value is not None
    assert found.observations[0].value.text == "first\nMSH is high\nBTS too"
