"""A file inside of a CDA document comes out as it went in: it may be all that the laboratory sent."""

import base64
import gzip
import time
import zlib

import pytest

from api.cda.reading import read_cda
from api.report_attachments import bytes_of
from api.xml_content import SIZE_LIMIT_BYTES
from domain.report_content import Attachment
from tests.api.test_cda import SUMMARY, document, entry, refusal, section

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


def packed(content: bytes, compression: str, kind: str = "application/pdf") -> str:
    file = base64.b64encode(content).decode()
    return f'<text mediaType="{kind}" representation="B64" compression="{compression}">{file}</text>'


DEFLATED = zlib.compress(PDF * 9)[2:-4]  # without what zlib puts around it


@pytest.mark.parametrize(
    ("compression", "content"),
    [
        ("DF", DEFLATED),
        ("GZ", gzip.compress(PDF * 9, mtime=0)),
        ("ZL", zlib.compress(PDF * 9)),
        ("df", zlib.compress(PDF * 9)),  # a library whose Deflater writes zlib
        ("DF", PDF * 9),  # a template that calls every file packed
    ],
)
def test_a_file_that_was_packed_is_unpacked(compression: str, content: bytes) -> None:
    raw = body(packed(content, compression))
    assert out_of(raw) == [PDF * 9]
    assert read_cda(raw)[0].attachments[0].size_bytes == len(PDF) * 9


@pytest.mark.parametrize("content", [b"whole", DEFLATED[:-3], zlib.compress(PDF)[:-2]])
def test_a_file_that_is_not_packed_as_it_says_is_refused(content: bytes) -> None:
    assert refusal(body(packed(content, "DF"))).code == "content-not-cda"


def test_files_that_unpack_to_more_than_a_document_may_be_are_refused() -> None:
    bomb = zlib.compress(bytes(SIZE_LIMIT_BYTES + 1))
    assert refusal(body(packed(bomb, "ZL"))).code == "content-too-complex"
    media = medium(zlib.compress(bytes(SIZE_LIMIT_BYTES // 2 + 1)))
    assert len(read_cda(document(entry(RESULT), media).encode())[0].attachments) == 1
    assert refusal(document(entry(RESULT), media, media)).code == "content-too-complex"


def medium(content: bytes) -> str:
    file = packed(content, "ZL", "image/png").replace("text", "value")
    return f"<component><observationMedia>{file}</observationMedia></component>"


def test_what_is_no_file_has_no_link_and_a_note() -> None:
    """The link on the patient's page answered document-gone."""
    (report,) = read_cda(document(entry(RESULT), medium(b"not packed")).encode())
    (attachment,) = report.attachments
    assert (attachment.source, attachment.size_bytes) == (None, None)
    (note,) = report.notes
    assert note.startswith("attachment is not base64: /ClinicalDocument/component")


@pytest.mark.parametrize("end", [b"", b"broken"])
def test_what_is_unpacked_in_vain_counts_too(end: bytes) -> None:
    """Two hundred files of which each breaks off at its end were seconds of work."""
    half = medium(zlib.compress(bytes(SIZE_LIMIT_BYTES // 2 + 100_000))[:-6] + end)
    assert read_cda(document(entry(RESULT), half).encode())[0].attachments[0].size_bytes is None
    assert refusal(document(entry(RESULT), half, half)).code == "content-too-complex"


def test_the_files_of_all_reports_of_a_document_count_together() -> None:
    """A summary with a file in each of its panels, so many reports, was read for as many seconds as it liked."""
    panel = (
        '<organizer><code code="A"/>'
        + medium(zlib.compress(bytes(SIZE_LIMIT_BYTES // 2 + 1)))
        + f"<component><observation><code code='1'/>{RESULT}</observation></component></organizer>"
    )
    one, two = (SUMMARY.format(section("30954-2", panel * count)) for count in (1, 2))
    assert len(read_cda(one.encode())[0].attachments) == 1
    assert refusal(two).code == "content-too-complex"


def test_a_thumbnail_is_no_part_of_the_picture() -> None:
    small = base64.b64encode(b"small").decode()
    picture = f'{base64.b64encode(b"picture").decode()}<thumbnail representation="B64">{small}</thumbnail>'
    assert out_of(body(f'<text mediaType="image/png" representation="B64">{picture}</text>')) == [b"picture"]


@pytest.mark.parametrize(
    "nothing",
    ["<text/>", '<text nullFlavor="NI"/>', '<text mediaType="application/pdf" representation="B64"> </text>'],
)
def test_a_body_without_a_file_is_no_report(nothing: str) -> None:
    assert refusal(body(nothing)).code == "no-report-in-content"


def test_a_medium_without_a_file_is_no_attachment() -> None:
    empty = '<component><observationMedia><value mediaType="image/png"/></observationMedia></component>'
    assert out_of(document(entry(RESULT), empty).encode()) == []


def test_html_in_elements_keeps_its_words_apart_and_is_called_what_it_became() -> None:
    raw = body('<text mediaType="text/html"><p>3<br/>5</p></text>')
    assert out_of(raw) == [b"3\n5"]
    assert read_cda(raw)[0].attachments[0].content_type == "text/plain"
    raw = body('<text mediaType="text/html"><![CDATA[<p>3<br/>5</p>]]></text>')
    assert out_of(raw) == [b"<p>3<br/>5</p>"]
    assert read_cda(raw)[0].attachments[0].content_type == "text/html"


@pytest.mark.parametrize("kind", ["", 'mediaType="text/plain"', 'mediaType="Application/PDF; name=a.pdf"'])
def test_what_begins_as_a_pdf_is_called_one(kind: str) -> None:
    raw = body(f'<text {kind} representation="B64">{base64.b64encode(PDF).decode()}</text>')
    assert read_cda(raw)[0].attachments[0].content_type == "application/pdf"
    assert out_of(raw) == [PDF]


@pytest.mark.parametrize(
    "kind",
    ["application/msword", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"],
)
def test_a_file_that_cannot_be_text_is_base64(kind: str) -> None:
    sent = base64.b64encode(PDF).decode()
    assert out_of(body(f'<text mediaType="{kind}">{sent}</text>')) == [PDF]


@pytest.mark.parametrize("kind", ["image/svg+xml", "text/rtf", "application/xml; charset=utf-8"])
def test_a_file_that_can_be_text_is_text(kind: str) -> None:
    sent = base64.b64encode(PDF).decode()
    assert out_of(body(f'<text mediaType="{kind}">{sent}</text>')) == [sent.encode()]
