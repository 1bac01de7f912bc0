"""Documents in OBX: what they are, where they stand, and that they come out again as they went in."""

import base64

import pytest

from api.hl7.reading import read_hl7
from api.report_attachments import bytes_of
from domain.report_content import Attachment, ReportContent
from projections import cabinet
from tests.api.cast import ANNA, Laboratory, Portal, settle
from tests.api.hl7_messages import HEADER, PATIENT, REQUEST, content

PDF = b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\n%%EOF\n"
SENT = base64.b64encode(PDF).decode()
LINES = r"\.br" + "\\" + f"{SENT[:40]}\\X0D0A\\{SENT[40:]}"


def read(*observations: str) -> tuple[bytes, ReportContent]:
    raw = content(PATIENT, REQUEST, *observations)
    (found,) = read_hl7(raw)
    return raw, found


def files(raw: bytes, found: ReportContent) -> list[bytes | None]:
    return [bytes_of(one, raw) for one in found.attachments]


@pytest.mark.parametrize(
    "value",
    [
        f"ED|1^A^L||LIS^application^pdf^Base64^{SENT}",
        f"ED|1^A^L||^TEXT^PDF^BASE64^{LINES}",
        f"ED|1^A^L||^AP^^Base64^{SENT}",
        f"ED|1^A^L||PDF^^^Base64^{SENT}",
        f"ED|1^A^L||^application^pdf^A^{SENT}",
        f"ED|1^A^L||^^^^{SENT}",
        f"ED|1^A^L||^application/pdf^Base64^{SENT}",
        f"ED|1^A^L||{SENT}",
        f"ED|1^A^L||^application^pdf^Hex^{PDF.hex()}",
        f"TX|1^A^L||{SENT}",
        f"FT|1^A^L||{SENT[:40]}\\.br\\{SENT[40:]}",
        f"ST|1^A^L||{SENT}",
        f"|1^A^L||{SENT}",
    ],
)
def test_a_pdf_is_known_and_comes_out_again(value: str) -> None:
    """A PDF in base64 is known by how it begins: some senders leave out the encoding, the type, or both, and some
    call it text."""
    raw, found = read("OBX|1|NM|1^A^L||5", f"OBX|2|{value}||||||F")
    (attachment,) = found.attachments
    assert (attachment.content_type, attachment.size_bytes) == ("application/pdf", len(PDF))
    assert files(raw, found) == [PDF]
    assert (found.observations[1].value, found.observations[1].notes) == (None, ())


def test_each_of_several_files_is_found() -> None:
    texts = [base64.b64encode(text).decode() for text in (b"one", b"two", b"three")]
    both, last = (
        f"^TEXT^PLAIN^Base64^{texts[0]}~^TEXT^PLAIN^Base64^{texts[1]}",
        f"^TEXT^PLAIN^Base64^{texts[2]}",
    )
    first = content(
        PATIENT, REQUEST, f"OBX|1|ED|1^A^L||{both}", "OBX|2|NM|1^A^L||5", f"OBX|3|ED|1^A^L||{last}"
    )
    raw = first + content(PATIENT, REQUEST, f"OBX|1|ED|1^A^L||{last}~{both}")
    reports = read_hl7(raw)
    assert [bytes_of(one, raw) for report in reports for one in report.attachments] == [
        b"one", b"two", b"three", b"three", b"one", b"two",
    ]  # fmt: skip


def test_a_text_is_as_it_was_sent() -> None:
    raw, found = read("OBX|1|ED|1^A^L||^TEXT^PLAIN^A^Заключение\\.br\\норма")
    assert files(raw, found) == ["Заключение\nнорма".encode()]


@pytest.mark.parametrize(
    "value", ["^TEXT^PDF^Base64^AAA", "^TEXT^PDF^Hex^2550zz", "^TEXT^PDF^A^", "^IM^JPEG^^AAAA"]
)
def test_what_is_no_file_has_no_link_and_a_note(value: str) -> None:
    _, found = read(f"OBX|1|ED|1^A^L||{value}")
    (attachment,) = found.attachments
    assert (attachment.source, attachment.size_bytes) == (None, None)
    assert found.observations[0].notes == ("OBX-5: no file can be read here",)


def test_a_pointer_is_a_note_and_no_file() -> None:
    raw, found = read("OBX|1|RP|1^A^L||https://lab.example/1&x^LIS^AP^PDF")
    assert found.attachments == (Attachment(content_type="application/pdf", title="A"),)
    assert found.observations[0].notes == ("OBX-5: https://lab.example/1&x",)
    assert files(raw, found) == [None]


@pytest.mark.parametrize(
    "source", ["OBX[9]-5", "OBX[1]-5[7]", "MSH[2]/OBX[1]-5", "OBX-5", "https://lab.example/1"]
)
def test_what_points_nowhere_is_no_file(source: str) -> None:
    raw, _ = read(f"OBX|1|ED|1^A^L||^TEXT^PDF^Base64^{SENT}")
    assert bytes_of(Attachment(source=source), raw) is None
    assert bytes_of(Attachment(source=source), b"no message") is None


@pytest.mark.parametrize("value", ["JVBERi0 is how a PDF begins", "JVBERi0", "see JVBERi0xLjc=", SENT[:40]])
def test_a_text_or_a_piece_of_a_file_is_no_file(value: str) -> None:
    _, found = read(f"OBX|1|TX|1^A^L||{value}")
    assert (
        found.attachments == () and found.observations[0].value and found.observations[0].value.text == value
    )


def test_a_patient_opens_the_laboratorys_own_pdf(portal: Portal, laboratory: Laboratory) -> None:
    person = portal.person(ANNA).register()
    settle(portal.opened, person.patient_id, ANNA, laboratory.laboratory_id)
    patient = f"PID|1||{ANNA.enp}^^^^ENP||{ANNA.family}^{ANNA.given}||{ANNA.birth_date.replace('-', '')}|F"
    raw = content(
        patient, REQUEST, f"OBX|1|ED|PDF^Отчёт^L||^application^pdf^Base64^{SENT}||||||F", header=HEADER
    )
    answer = portal.submit(laboratory.seal(raw, content_type="application/hl7-v2"))
    assert answer.status_code < 300, answer.text
    portal.catch_up()
    (row,) = cabinet.reports_of(portal.opened.ledger, person.patient_id)
    page = f"/reports/{row.report_id}"
    assert f"{page}/original/1" in person.get(page).text
    opened = person.get(f"{page}/original/1")
    assert (opened.status_code, opened.content) == (200, PDF)
    assert opened.headers["content-type"] == "application/pdf"
