"""A file inside of a CDA document comes out as it went in: it may be all that the laboratory sent."""

import base64
import time

import pytest

from api.cda.reading import read_cda
from api.report_attachments import bytes_of
from domain.report_content import Attachment
from tests.api.test_cda import document, entry

PDF = b"%PDF-1.4 whole"
RESULT = '<value xsi:type="INT" value="1"/>'


def body(text: str) -> bytes:
    return document(body=f"<component><nonXMLBody>{text}</nonXMLBody></component>").encode()


def out_of(raw: bytes) -> list[bytes | None]:
    (report,) = read_cda(raw)
    return [bytes_of(one, raw) for one in report.attachments]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_file_instead_of_a_body_is_taken_out(encoding: str) -> None:
    lines = base64.encodebytes(PDF * 9).decode()
    raw = body(f'<text mediaType="application/pdf" representation="B64">{lines}</text>').decode()
    declared = f'<?xml version="1.0" encoding="{encoding}"?>{raw}'.encode(encoding)
    assert out_of(declared) == [PDF * 9]


def test_text_instead_of_a_body_is_taken_out_as_it_is() -> None:
    assert out_of(body('<text mediaType="text/plain">Гемоглобин 140</text>')) == ["Гемоглобин 140".encode()]


def test_each_picture_among_the_results_is_its_own() -> None:
    media = (
        '<component><observationMedia><value mediaType="image/png" representation="B64">{}</value>'
        "</observationMedia></component>"
    )
    pictures = [base64.b64encode(one).decode() for one in (b"first", b"second")]
    raw = document(entry(RESULT), *map(media.format, pictures)).encode()
    assert out_of(raw) == [b"first", b"second"]


def test_what_points_nowhere_gives_nothing() -> None:
    raw = document(entry(RESULT)).encode()
    for place in (
        "/ClinicalDocument/component/nonXMLBody/text",
        "/ClinicalDocument",
        "/ClinicalDocument/id[9]",
        "/",
    ):
        assert bytes_of(Attachment(source=place), raw) is None


def test_a_file_is_found_behind_any_number_of_blanks() -> None:
    raw = b" \r\n" * 100 + body('<text mediaType="text/plain">140</text>')
    assert out_of(raw) == [b"140"]


def test_a_file_among_very_many_values_is_found_at_once() -> None:
    """Each value was asked for its path, which counts those before it: 20 seconds for this document."""
    file = f'<value mediaType="application/pdf">{base64.b64encode(PDF).decode()}</value>'
    raw = document(entry(f"{'<value/>' * 90_000}{file}")).encode()
    place = (
        "/ClinicalDocument/component/structuredBody/component/section/entry/organizer/component/observation"
    )
    began = time.process_time()
    assert bytes_of(Attachment(source=f"{place}/value[90001]"), raw) == PDF
    assert bytes_of(Attachment(source=f"{place}/value[90002]"), raw) is None
    assert time.process_time() - began < 3
