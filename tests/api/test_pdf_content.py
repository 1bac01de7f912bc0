"""A PDF with a header is a report without observations; what is not just that is refused in its place."""

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api import pdf_content
from api.content import ContentError
from api.pdf_content import read_pdf
from api.report_attachments import bytes_of
from domain.numbers import numbers_of
from domain.report_content import ReportContent
from domain.values import Coding, Identifier
from tests.api.test_fhir_samples import NO_SAMPLES, SAMPLES

PDF = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer << /Root 1 0 R >>\nstartxref\n9\n%%EOF\n"
PATIENT: dict[str, Any] = {
    "family": "Иванова",
    "given": ["Анна", "Петровна"],
    "birth_date": "1980-02-29",
    "sex": "female",
    "snils": "112-233-445 95",
    "policy_number": "9911111111111112",
}
HEADER: dict[str, Any] = {
    "title": "Заключение цитогенетика",
    "status": "corrected",
    "report_number": "Ц-17/2026",
    "issued_at": "2026-11-20T10:00:00+03:00",
    "collected_at": "2026-11-18",
    "patient": PATIENT,
    "performer": "Лаборатория",
    "code": {"system": "http://loinc.org", "code": "29770-5", "display": "Karyotype"},
}
LEAST = {"title": "Report", "issued_at": "2026", "patient": {"family": "Doe"}}


def written(header: object = HEADER, pdf: bytes | str = PDF, **more: Any) -> bytes:
    packed = pdf if isinstance(pdf, str) else base64.b64encode(pdf).decode()
    return json.dumps({"header": header, "pdf": packed, **more}, ensure_ascii=False).encode()


def refusal(raw: bytes) -> tuple[str, str | None]:
    with pytest.raises(ContentError) as refused:
        read_pdf(raw)
    return refused.value.code, refused.value.field


def pdf_samples() -> list[Any]:
    folder = SAMPLES / "pdf"
    skipped = pytest.param(None, id="no samples", marks=pytest.mark.skip(reason=NO_SAMPLES))
    return [pytest.param(path, id=path.name) for path in sorted(folder.glob("*.pdf"))] or [skipped]


@pytest.mark.parametrize("path", pdf_samples())
def test_a_real_pdf_is_a_report_without_observations(path: Path) -> None:
    (report,) = read_pdf(written(pdf=path.read_bytes()))
    (attachment,) = report.attachments
    assert attachment.size_bytes == path.stat().st_size
    assert report.observations == ()


def test_everything_that_the_header_says_is_kept_as_sent() -> None:
    (report,) = read_pdf(written())
    assert (report.status, report.issued_at) == ("corrected", "2026-11-20T10:00:00+03:00")
    assert (report.effective_at, report.performer) == ("2026-11-18", "Лаборатория")
    assert report.identifiers == (Identifier(value="Ц-17/2026"),)
    assert report.code and report.code.text == "Заключение цитогенетика"
    assert report.code.codings == (Coding(system="http://loinc.org", code="29770-5", display="Karyotype"),)
    subject = report.subject
    assert (subject.family, subject.given) == ("Иванова", ("Анна", "Петровна"))
    assert (subject.birth_date, subject.sex) == ("1980-02-29", "female")
    assert dict(numbers_of(subject.identifiers).good) == {"enp": "9911111111111112", "snils": "11223344595"}
    (attachment,) = report.attachments
    assert attachment.content_type == "application/pdf"
    assert attachment.title == "Заключение цитогенетика"
    assert (attachment.size_bytes, attachment.source) == (len(PDF), "/pdf")


def test_a_header_may_say_no_more_than_who_what_and_when() -> None:
    (report,) = read_pdf(written(LEAST))
    assert (report.status, report.identifiers, report.subject.identifiers) == ("final", (), ())
    nulls = {**LEAST, "code": None, "performer": None, "report_number": None}
    assert read_pdf(written(nulls)) == (report,)


def test_base64_may_be_broken_into_lines() -> None:
    lines = base64.encodebytes(PDF * 3).decode()
    assert read_pdf(written(pdf=lines))[0].attachments[0].size_bytes == 3 * len(PDF)


@pytest.mark.parametrize("name", [*HEADER.keys() - LEAST.keys()])
@pytest.mark.parametrize("nothing", [None, "", " "])
def test_what_a_form_was_not_filled_in_with_is_absent(name: str, nothing: object) -> None:
    assert read_pdf(written({**LEAST, name: nothing})) == read_pdf(written(LEAST))


@pytest.mark.parametrize("name", [*PATIENT.keys() - {"family"}])
@pytest.mark.parametrize("nothing", [None, "", " "])
def test_nor_is_what_it_says_nothing_of_a_patient(name: str, nothing: object) -> None:
    assert read_pdf(written({**LEAST, "patient": {"family": "Doe", name: nothing}})) == read_pdf(
        written(LEAST)
    )


def test_names_and_a_code_may_be_left_empty() -> None:
    header = {
        **LEAST,
        "patient": {"family": "Doe", "given": ["Anna", "", None]},
        "code": {"system": "", "code": None, "display": ""},
    }
    (report,) = read_pdf(written(header))
    assert report.subject.given == ("Anna",)
    assert report.code and report.code.codings == ()


def test_numbers_may_be_written_as_numbers() -> None:
    patient = {"family": "Doe", "policy_number": 9911111111111112, "snils": 11223344595}
    (report,) = read_pdf(written({**LEAST, "report_number": 17, "patient": patient}))
    assert report.identifiers == (Identifier(value="17"),)
    assert dict(numbers_of(report.subject.identifiers).good) == {
        "enp": "9911111111111112",
        "snils": "11223344595",
    }


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"issued_at": "2026-11-20 10:00:00+0300"}, "2026-11-20T10:00:00+03:00"),
        ({"issued_at": "2026-11-20T10:00:00.5+03"}, "2026-11-20T10:00:00.5+03:00"),
        ({"issued_at": " 2026-11-20 "}, "2026-11-20"),
    ],
)
def test_times_are_read_as_in_fhir(sent: dict[str, str], read: str) -> None:
    assert read_pdf(written({**LEAST, **sent}))[0].issued_at == read


@pytest.mark.parametrize("sex", ["F", "female", "Female ", "Ж", "ж"])
def test_a_sex_may_be_its_letter(sex: str) -> None:
    (report,) = read_pdf(written({**LEAST, "status": "Final", "patient": {"family": "Doe", "sex": sex}}))
    assert (report.status, report.subject.sex) == ("final", "female")


@pytest.mark.parametrize(
    "prefix", ["data:application/pdf;base64,", " data:;name=a.pdf;BASE64,", "data:x/y;a=b;c;base64,\n"]
)
def test_the_pdf_may_be_a_data_url(prefix: str) -> None:
    raw = written(pdf=prefix + base64.encodebytes(PDF).decode())
    (attachment,) = read_pdf(raw)[0].attachments
    assert attachment.size_bytes == len(PDF)
    assert bytes_of(attachment, raw) == PDF


@pytest.mark.parametrize(
    "prefix",
    [
        *("data:application/pdf,", "data:base64,", "base64,", "data:application/pdf;base64"),
        "data:;base64,data:application/pdf;base64,",
    ],
)
def test_other_beginnings_are_no_base64(prefix: str) -> None:
    assert refusal(written(pdf=prefix + base64.b64encode(PDF).decode())) == ("content-not-pdf", "pdf")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": None}, "header.title"),
        ({"title": " "}, "header.title"),
        ({"title": "a\nb"}, "header.title"),
        ({"title": "a" * 501}, "header.title"),
        ({"title": 5}, "header.title"),
        ({"issued_at": "20.11.2026"}, "header.issued_at"),
        ({"issued_at": "2026-02-30"}, "header.issued_at"),
        ({"issued_at": 2026}, "header.issued_at"),
        ({"issued_at": ""}, "header.issued_at"),
        ({"report_number": 1.5}, "header.report_number"),
        ({"report_number": True}, "header.report_number"),
        ({"status": False}, "header.status"),
        ({"status": 0}, "header.status"),
        ({"status": []}, "header.status"),
        ({"patient": None}, "header.patient"),
        ({"patient": {}}, "header.patient"),
        ({"patient": {"given": ["Anna"], "sex": "female"}}, "header.patient"),
        ({"patient": {**PATIENT, "given": "Anna"}}, "header.patient.given"),
        ({"patient": {**PATIENT, "given": ["A"] * 11}}, "header.patient.given"),
        ({"patient": {**PATIENT, "given": ["A", 5]}}, "header.patient.given[1]"),
        ({"patient": {"family": "", "snils": None, "policy_number": " "}}, "header.patient"),
        ({"patient": {**PATIENT, "birth_date": "1980-02-29T10:00:00Z"}}, "header.patient.birth_date"),
        ({"patient": {**PATIENT, "middle": "Petrovna"}}, "header.patient"),
        ({"code": {"display": "x"}}, "header.code.code"),
        ({"code": "29770-5"}, "header.code"),
        ({"Иванова Анна": 1}, "header"),
    ],
)
def test_a_header_that_does_not_fit_is_refused_in_its_place(change: dict[str, Any], field: str) -> None:
    assert refusal(written({**HEADER, **change})) == ("pdf-header-invalid", field)


def test_a_value_outside_of_its_value_set_is_told_from_other_faults() -> None:
    assert refusal(written({**HEADER, "status": "done"})) == ("value-not-allowed", "header.status")
    strange = {**HEADER, "patient": {**PATIENT, "sex": "x"}}
    assert refusal(written(strange)) == ("value-not-allowed", "header.patient.sex")


def test_what_is_not_a_header_and_a_pdf_is_refused() -> None:
    assert refusal(b"[]") == ("pdf-header-invalid", None)
    assert refusal(written(more=1)) == ("pdf-header-invalid", None)
    assert refusal(json.dumps({"header": HEADER}).encode()) == ("pdf-header-invalid", "pdf")
    assert refusal(json.dumps({"header": HEADER, "pdf": 5}).encode()) == ("pdf-header-invalid", "pdf")
    assert refusal(PDF) == ("content-not-json", None)


@pytest.mark.parametrize(
    "pdf",
    ["", "*", "JVBER", "файл", b"", b"%PDF-", b"\n" + PDF, PDF.replace(b"%%EOF", b""), PDF + b" " * 1024],
)
def test_what_is_not_a_whole_pdf_is_refused(pdf: bytes | str) -> None:
    assert refusal(written(pdf=pdf)) == ("content-not-pdf", "pdf")


@pytest.mark.parametrize(
    "name",
    [
        "/JavaScript",
        "/Launch",
        "/EmbeddedFile",
        "/EmbeddedFiles",
        "/J#61vaScript",
        "/#4c#61unch",
        "/#4Caunch",
    ],
)
def test_a_pdf_that_acts_by_itself_is_refused(name: str) -> None:
    active = PDF.replace(b"/Catalog", f"/Catalog /OpenAction << /S {name} >>".encode())
    assert refusal(written(pdf=active)) == ("pdf-active-content", "pdf")


@pytest.mark.parametrize("name", ["/javascript", "JavaScript", "/Laun", "/Embedded#File", "/URI"])
def test_names_that_are_only_alike_are_not_active(name: str) -> None:
    assert read_pdf(written(pdf=PDF.replace(b"/Catalog", name.encode())))


def test_a_pdf_of_20_megabytes_is_taken_and_a_larger_one_is_not() -> None:
    body, end = b"%PDF-1.7\n", b"\n%%EOF"
    most = pdf_content.PDF_LIMIT_BYTES - len(body) - len(end)
    started = time.monotonic()
    # Slashes make the scan for names look at every byte.
    assert read_pdf(written(pdf=body + b"/" * most + end))
    assert refusal(written(pdf=body + b" " * (most + 1) + end)) == ("pdf-too-large", "pdf")
    assert refusal(written(pdf="A" * 40_000_000)) == ("pdf-too-large", "pdf")
    assert time.monotonic() - started < 20


def test_a_refusal_repeats_nothing_that_was_sent() -> None:
    with pytest.raises(ContentError) as refused:
        read_pdf(written({**HEADER, "Секретова": "1", "title": 7}))
    chain = [refused.value, refused.value.__cause__, refused.value.__context__]
    assert "Секретова" not in repr(chain) and chain[1:] == [None, None]


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def only_reports_or_refusals(raw: bytes) -> None:
    try:
        reports = read_pdf(raw)
    except ContentError:
        return
    assert [type(report) for report in reports] == [ReportContent]


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_a_refusal(raw: bytes) -> None:
    with pytest.raises(ContentError):
        read_pdf(raw)


@settings(deadline=None)
@given(st.sampled_from([*HEADER, "unknown"]), ANY_JSON)
def test_any_member_of_the_header_is_a_report_or_a_refusal(name: str, member: object) -> None:
    only_reports_or_refusals(json.dumps({"header": {**HEADER, name: member}, "pdf": "JVBERi0="}).encode())
    only_reports_or_refusals(written({**HEADER, name: member}))


@settings(deadline=None)
@given(st.sampled_from([*PATIENT, "unknown"]), ANY_JSON)
def test_any_member_of_the_patient_is_a_report_or_a_refusal(name: str, member: object) -> None:
    only_reports_or_refusals(written({**HEADER, "patient": {**PATIENT, name: member}}))


@settings(deadline=None)
@given(st.data())
def test_mutated_submissions_are_reports_or_refusals(drawn: st.DataObject) -> None:
    raw = written()
    start = drawn.draw(st.integers(0, len(raw)))
    end = drawn.draw(st.integers(start, min(len(raw), start + 20)))
    only_reports_or_refusals(raw[:start] + drawn.draw(st.binary(max_size=5)) + raw[end:])
