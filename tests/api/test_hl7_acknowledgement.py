"""ACK: from receiver to sender, in the sender's version and delimiters, with the place of what is wrong."""

from datetime import UTC, datetime

import pytest

from api.content import ContentError
from api.hl7.acknowledgement import acknowledge, header_of, is_enhanced, is_wanted
from tests.api.hl7_messages import HEADER, content

SENT_AT = datetime(2024, 4, 3, 8, 0, tzinfo=UTC)


def answer(code: str, *, header: str = HEADER, problem: ContentError | None = None) -> list[str]:
    found = acknowledge(
        header_of(content(header=header)), code, control_id="A1", sent_at=SENT_AT, problem=problem
    )
    assert found.endswith(b"\r")
    return found.decode().removesuffix("\r").split("\r")


def test_an_answer_goes_back_to_the_sender() -> None:
    assert answer("AA") == [
        r"MSH|^~\&|CABINET|PORTAL|LIS|LAB^1.2.643.5.1^ISO|20240403080000+0000||ACK^R01^ACK|A1|P|2.5.1",
        "MSA|AA|17",
    ]


def test_an_answer_names_the_event_that_it_answers() -> None:
    header = HEADER.replace("ORU^R01^ORU_R01", "OUL^R22^OUL_R22")
    assert answer("AA", header=header)[0].endswith("||ACK^R22^ACK|A1|P|2.5.1")


@pytest.mark.parametrize(
    ("code", "field", "error"),
    [
        ("segment-order", "OBX[3]", "ERR||OBX^3|100^Segment sequence error^HL70357|E||||segment-order"),
        (
            "message-type-unsupported",
            "MSH[2]/MSH-9",
            "ERR||MSH^1^9|200^Unsupported message type^HL70357|E||||message-type-unsupported",
        ),
        (
            "content-not-decodable",
            "MSH-18",
            "ERR||MSH^1^18|102^Data type error^HL70357|E||||content-not-decodable",
        ),
        (
            "content-too-complex",
            None,
            "ERR|||207^Application internal error^HL70357|E||||content-too-complex",
        ),
    ],
)
def test_a_refusal_says_where_and_why(code: str, field: str | None, error: str) -> None:
    _, acknowledged, place = answer("AE", problem=ContentError(code, field))
    assert (acknowledged, place) == ("MSA|AE|17", error)


def test_before_version_2_5_the_place_and_the_condition_are_one_field() -> None:
    problem = ContentError("segment-order", "OBX[3]")
    header, _, place = answer("AR", header=HEADER.replace("2.5.1", "2.4"), problem=problem)
    assert place == "ERR|OBX^3^^100&Segment sequence error&HL70357"
    assert header.endswith("|ACK^R01^ACK|A1|P|2.4")
    header, acknowledged, _ = answer("AR", header=HEADER.replace("2.5.1", "2.3"), problem=problem)
    assert header.endswith("|ACK|A1|P|2.3")
    assert acknowledged == "MSA|AR|17|segment-order"


@pytest.mark.parametrize(("code", "enhanced"), [("AA", "CA"), ("AE", "CE"), ("AR", "CR")])
def test_who_asks_for_an_accept_acknowledgement_gets_its_code(code: str, enhanced: str) -> None:
    assert answer(code, header=f"{HEADER}|||AL|NE")[1] == f"MSA|{enhanced}|17"
    assert answer(code, header=f"{HEADER}||||AL")[1] == f"MSA|{code}|17"
    assert answer(code, header=f"{HEADER}|||NE|AL")[1] == f"MSA|{code}|17"


@pytest.mark.parametrize(
    ("accept", "application", "code", "wanted"),
    [
        ("", "", "AA", True), ("AL", "NE", "CA", True), ("AL", "NE", "AA", False), ("NE", "AL", "CA", False),
        ("ER", "SU", "CA", False), ("ER", "SU", "CE", True), ("ER", "SU", "AA", True), ("ER", "SU", "AE", False),
    ],
)  # fmt: skip
def test_the_sender_says_which_answers_are_wanted(
    accept: str, application: str, code: str, wanted: bool
) -> None:
    header = header_of(content(header=f"{HEADER}|||{accept}|{application}"))
    assert is_enhanced(header) is bool(accept or application)
    assert is_wanted(header, code) is wanted


@pytest.mark.parametrize("sent", ["|0", "0|", "|2", "Y|N"])
def test_what_is_no_word_of_the_table_keeps_no_answer_back(sent: str) -> None:
    """Analysers put the kind of their result into MSH-16, and wait for an answer all the same."""
    header = header_of(content(header=f"{HEADER}|||{sent}"))
    assert not is_enhanced(header)
    assert all(is_wanted(header, code) for code in ("AA", "AE", "AR"))
    assert answer("AA", header=f"{HEADER}|||{sent}")[1] == "MSA|AA|17"


def test_an_answer_has_the_delimiters_and_the_set_of_its_message() -> None:
    raw = content(
        header=HEADER.translate(str.maketrans("|^~\\&", "#*!?@")).replace("LIS", "ЛИС") + "######8859/5",
        codec="iso8859-5",
    )
    found = acknowledge(
        header_of(raw), "AE", control_id="A#1", sent_at=SENT_AT, problem=ContentError("a*b", "PID-3")
    )
    header, acknowledged, error, _ = found.decode("iso8859-5").split("\r")
    assert header.startswith("MSH#*!?@#CABINET#PORTAL#ЛИС#LAB*1.2.643.5.1*ISO#")
    assert header.endswith("#A?F?1#P#2.5.1######8859/5")
    assert acknowledged == "MSA#AE#17"
    assert error == "ERR##PID*1*3#207*Application internal error*HL70357#E####a?S?b"


def test_a_line_break_in_the_header_begins_no_segment() -> None:
    found = acknowledge(
        header_of(b"MSH|^~\\&|A\nB|C|D|E|||ORU|17|P|2.5"), "AA", control_id="1", sent_at=SENT_AT
    )
    assert found.count(b"\r") == 2
    assert b"\n" not in found


def test_a_message_that_cannot_be_read_has_a_sender_to_answer() -> None:
    raw = content(
        "PID|1||1||Иванов", header=HEADER.replace("LIS", "ЛИС") + "||||||UNICODE UTF-8", codec="cp1251"
    )
    found = acknowledge(header_of(raw), "AE", control_id="1", sent_at=SENT_AT)
    assert "|CABINET|PORTAL|ЛИС|".encode("cp1251") in found
    assert found.endswith(b"\rMSA|AE|17\r")
    with pytest.raises(ContentError):
        header_of(b"PID|1")
    with pytest.raises(ContentError):
        header_of(b"MSH|^~\\&|A")
