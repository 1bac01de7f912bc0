"""The document of a result: what is in it, that it is the same each time, and that nothing opens it but its password."""

import base64
import io
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID

import orjson
import pikepdf
import pytest
import pyzipper  # type: ignore[import-untyped]
from fhir.resources.R4B import get_fhir_model_class
from hypothesis import given as generated
from hypothesis import settings
from hypothesis import strategies as st

from api.channels.notice import Attachment
from api.fhir.writing import fhir_document
from api.fhir.xml import read_fhir_xml
from api.formats import content_type_of, read
from api.pages import Locale
from api.result_article import result_article
from api.result_documents import attachment_of, document_of
from api.result_pdf import result_pdf
from api.result_sheet import DocumentUnavailableError, ResultSheet, ShownVersion
from api.sandbox.people import Person as SandboxPerson
from api.sandbox.reports import draw
from api.sandbox.writers import WRITERS
from api.sealed_files import SIGNS, password_of, sealed_pdf, sealed_zip
from domain.channel import Channel
from domain.code_map import NO_MAP
from domain.consent import ConsentKind
from domain.notification import Notification, NotificationStatus
from domain.receiving import DocumentFormat
from domain.report_content import Attachment as AttachedFile
from domain.report_content import (
    Observation,
    ObservationStatus,
    ReferenceRange,
    ReportContent,
    ReportStatus,
    Specimen,
    Subject,
    Value,
    ValueKind,
)
from domain.values import Coding, Concept, Identifier, Quantity
from ledger.misfiling import load_report
from projections import cabinet
from tests.api.cast import ANNA, BORIS, Laboratory, Portal, bundle, settled, withdraw
from tests.api.pdf_text import text_of as words_of

SAMPLES = Path(os.environ.get("LETOPIS_SAMPLES", Path(__file__).parents[3] / "shared" / "samples"))
KEPT = Path(__file__).parents[1] / "samples"
FORMATS = ("fhir-json", "fhir-xml", "cda-ru", "cda-ccda", "hl7v2")
AT = datetime(2026, 11, 26, 7, 30, tzinfo=UTC)
REPORT, NOTIFICATION = UUID(int=5), UUID(int=77)
ANNA_AS_SENT = Subject(family="Соколова", given=("Анна",), birth_date="1984-02-29", sex="female")


def measured(name: str, value: str, unit: str, flag: str | None = None, **given: object) -> Observation:
    plain = Observation(
        code=Concept(text=name),
        status=ObservationStatus.FINAL,
        value=Value(kind=ValueKind.QUANTITY, quantity=Quantity(value=value, unit=unit)),
        reference_ranges=(ReferenceRange(low=Quantity(value="44.00"), high=Quantity(value="80.0")),),
        interpretation=(Concept(codings=(Coding(code=flag),)),) if flag else (),
    )
    return replace(plain, **given)  # type: ignore[arg-type]


def content(*observations: Observation, **given: object) -> ReportContent:
    plain = ReportContent(
        status=ReportStatus.FINAL,
        subject=ANNA_AS_SENT,
        identifiers=(Identifier(value="Л-1"),),
        code=Concept(text="Креатинин в сыворотке"),
        issued_at="2026-11-25T14:00:00+03:00",
        specimens=(Specimen(kind=Concept(text="Кровь"), collected_at="2026-11-24T08:15:00+03:00"),),
        observations=observations,
    )
    return replace(plain, **given)  # type: ignore[arg-type]


def sheet(said: ReportContent, **given: object) -> ResultSheet:
    plain = ResultSheet(
        report_id=REPORT,
        content=said,
        status=said.status,
        laboratory="Лаборатория «Северный ветер»",
        code_map=NO_MAP,
        version=1,
        versions=(ShownVersion(number=1, status=said.status, received_at=AT),),
    )
    return replace(plain, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "is_empty"),
    [
        ({}, True),
        ({"notes": ("Элементы воспаления не обнаружены.",)}, False),
        ({"conclusion": "Норма."}, False),
    ],
)
def test_the_page_of_a_result_of_words_alone_does_not_say_that_nothing_came(
    given: dict[str, object], is_empty: bool
) -> None:
    page = result_article(sheet(content(**given)), "en", "Europe/Moscow")
    assert ("has sent no values" in page) is is_empty


def test_a_row_whose_value_is_a_file_says_where_it_is() -> None:
    row = Observation(code=Concept(text="Бланк"), status=ObservationStatus.FINAL)
    came = AttachedFile(content_type="application/pdf", title="Бланк", source="OBX[1]-5")
    for file, words in ((came, "In the attached file"), (replace(came, source=None), "No result")):
        page = result_article(sheet(content(row, attachments=(file,))), "en", "Europe/Moscow")
        assert words in page
    not_done = Concept(codings=(Coding(system="NullFlavor", code="NAV"),))
    page = result_article(
        sheet(content(replace(row, data_absent_reason=not_done), attachments=(came,))), "en", "Europe/Moscow"
    )
    assert "In the attached file" not in page  # the laboratory said why there is none


def printed(one: ResultSheet, locale: Locale = "ru") -> bytes:
    return result_pdf(one, locale=locale, time_zone="Europe/Moscow")


# The PDF


def test_the_sheet_says_what_the_cabinet_says_and_marks_in_words() -> None:
    one = sheet(
        content(measured("Креатинин", "172.50", "мкмоль/л", "HH"), measured("Мочевина", "50", "ммоль/л"))
    )
    text = words_of(printed(one))
    for said in ("Соколова Анна", "29.02.1984", "Лаборатория «Северный ветер»", "Л-1", "Окончательный",
                 "172,50", "мкмоль/л", "44,00–80,0", "Критически высоко", "В пределах референса",
                 "Страница 1 из 1", "25.11.2026"):  # fmt: skip
        assert said in text, said
    assert "Образец" not in text


def test_a_correction_is_said_with_the_versions_before_it() -> None:
    versions = (
        ShownVersion(number=1, status=ReportStatus.FINAL, received_at=AT - timedelta(days=1)),
        ShownVersion(number=2, status=ReportStatus.CORRECTED, received_at=AT),
    )
    said = content(
        measured("Креатинин", "72.50", "мкмоль/л"),
        measured("Калий", "9.1", "ммоль/л", status=ObservationStatus.ENTERED_IN_ERROR),
        status=ReportStatus.CORRECTED,
    )
    text = words_of(printed(sheet(said, version=2, versions=versions, has_newer=True)))
    assert "Исправлен" in text and "Версия 1: Окончательный" in text and "Версия 2: Исправлен" in text
    assert "Внесено по ошибке" in text and "Лаборатория прислала более новую версию" in text


def test_the_same_report_gives_the_same_bytes_and_another_language_other_words() -> None:
    one = sheet(content(measured("Тромбоциты", "250", "10⁹/л")))
    russian, english = printed(one), printed(one, "en")
    assert russian == printed(one)
    assert (
        "10⁹/л" in words_of(russian) and "Within range" in words_of(english)
    ) or "Above range" in words_of(english)


def test_the_sheet_is_for_archives_and_screen_readers() -> None:
    with pikepdf.open(io.BytesIO(printed(sheet(content(measured("Калий", "50", "ммоль/л")))))) as pdf:
        metadata = pdf.open_metadata()
        assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("3", "A")
        assert metadata["pdfuaid:part"] == "1" and str(pdf.Root.Lang).startswith("ru")
        fonts = [font for page in pdf.pages for font in page.Resources.Font.values()]
        assert all("/FontFile2" in font.DescendantFonts[0].FontDescriptor for font in fonts)


@pytest.mark.parametrize("odd", ["中文", "😀", "#set page(fill: red) *b* $x$ \\ <a> @b", "\u202e72", "עברית"])
def test_signs_of_any_script_reach_their_reader_and_none_is_a_command(odd: str) -> None:
    pdf = printed(sheet(content(measured(odd, "50", odd), code=Concept(text=odd), notes=(odd,))))
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        assert len(opened.pages) == 1


@settings(max_examples=20)
@generated(st.text(max_size=60), st.text(max_size=60), st.text(max_size=30))
def test_no_text_keeps_a_result_from_being_printed(name: str, unit: str, note: str) -> None:
    value = measured(name, "50", unit, notes=(note,))
    with pikepdf.open(
        io.BytesIO(printed(sheet(content(value, code=Concept(text=unit), conclusion=name))))
    ) as pdf:
        assert pdf.pages


@pytest.mark.parametrize("count", [0, 1, 30, 400])
def test_any_number_of_values_is_printed(count: int) -> None:
    many = (measured(f"Показатель {number}", "50", "ммоль/л", notes=("Х" * 300,)) for number in range(count))
    pdf = printed(sheet(content(*many, conclusion="Очень длинное заключение. " * 300)))
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        assert len(opened.pages) >= 1 + count // 40


# The XML


def samples() -> Iterator[object]:
    folders = [KEPT / "fhir-json", *(SAMPLES / name for name in FORMATS)]
    for path in sorted(path for folder in folders if folder.is_dir() for path in folder.iterdir()):
        if path.is_file() and path.stat().st_size < 300_000:
            yield pytest.param(path, id=f"{path.parent.name}/{path.name}")


def written(said: ReportContent) -> bytes:
    return fhir_document(said, report_id=REPORT, version=2, recorded_at=AT)


@pytest.mark.parametrize("path", list(samples()))
def test_what_laboratories_sent_is_written_as_valid_fhir_and_reads_as_it_was(path: Path) -> None:
    raw = path.read_bytes()
    reports = read(content_type_of(raw), raw)
    for said in reports if isinstance(reports, tuple) else ():
        document = written(said)
        get_fhir_model_class("Bundle").model_validate_xml(document)
        (back,) = read_fhir_xml(document)
        assert [said_of(one) for one in back.observations] == [said_of(one) for one in said.observations]
        assert (
            back.subject.family == said.subject.family and back.subject.birth_date == said.subject.birth_date
        )
        assert (back.status, back.conclusion, back.performer) == (
            said.status,
            said.conclusion,
            said.performer,
        )


def said_of(one: Observation) -> tuple[object, ...]:
    """What may not be lost: what was measured, its digits, unit and mark, and what is usual."""
    quantity = one.value.quantity if one.value else None
    ends = [end and end.value for usual in one.reference_ranges for end in usual.ends]
    codings = [(coding.code, coding.display) for coding in one.code.codings]
    return (
        codings,
        one.code.text,
        one.status,
        quantity and (quantity.value or "").lstrip("0"),
        quantity and (quantity.unit or quantity.code),
        one.value and one.value.text,
        one.value and one.value.concept,
        one.interpretation,
        [end for end in ends if end],
        one.members,
        one.notes,
        len(one.components),
    )


def test_the_document_is_a_fhir_document_of_the_same_bytes_each_time() -> None:
    said = content(measured("Калий", "4.10", "ммоль/л"), notes=("Проба взята натощак.",))
    document = written(said)
    assert document == written(said)
    bundle_read = get_fhir_model_class("Bundle").model_validate_xml(document)
    assert bundle_read.type == "document" and bundle_read.identifier.value
    first, report = bundle_read.entry[0].resource, bundle_read.entry[1].resource
    assert (
        first.get_resource_type() == "Composition"
        and first.section[0].entry[0].reference == bundle_read.entry[1].fullUrl
    )
    assert report.extension[0].valueAnnotation.text == "Проба взята натощак."
    assert b'value="4.10"' in document, "digits as sent"


@generated(st.text(max_size=40), st.text(max_size=40))
def test_no_text_breaks_the_document(name: str, note: str) -> None:
    said = content(measured(name, "1", "г/л"), notes=(note,), issued_at="2026-11-25")
    get_fhir_model_class("Bundle").model_validate_xml(written(said))


# Sealing


def test_the_pdf_opens_by_its_password_only(portal: Portal) -> None:
    password = password_of(portal.opened.ledger.custody, NOTIFICATION)
    sealed = sealed_pdf(printed(sheet(content(measured("Калий", "50", "ммоль/л")))), password)
    for wrong in ("", password.lower(), password.replace("-", "")):
        with pytest.raises(pikepdf.PasswordError):
            pikepdf.open(io.BytesIO(sealed), password=wrong)
    with pikepdf.open(io.BytesIO(sealed), password=password) as opened:
        assert opened.encryption.R == 6 and opened.encryption.bits == 256
        assert str(opened.encryption.stream_method).endswith("aesv3")
    assert "Креатинин".encode("utf-16-be") not in sealed and "Креатинин".encode() not in sealed


def test_the_zip_opens_by_its_password_only(portal: Portal) -> None:
    password = password_of(portal.opened.ledger.custody, NOTIFICATION)
    sealed = sealed_zip("rezultat-2026-11-26.xml", b"<Bundle/>" * 100, password)
    with pyzipper.AESZipFile(io.BytesIO(sealed)) as archive:
        (entry,) = archive.infolist()
        assert entry.wz_aes_version == 2 and entry.wz_aes_strength == 3, "AE-2, 256 bits"
        with pytest.raises(RuntimeError):
            archive.read(entry, pwd=b"wrong")
        assert archive.read(entry, pwd=password.encode()) == b"<Bundle/>" * 100


def test_a_password_is_the_same_at_every_try_and_another_for_each_message(portal: Portal) -> None:
    custody = portal.opened.ledger.custody
    many = {password_of(custody, UUID(int=number)) for number in range(500)}
    assert len(many) == 500 and password_of(custody, NOTIFICATION) == password_of(custody, NOTIFICATION)
    assert all(set(one) <= {*SIGNS, "-"} and len(one) == 14 for one in many)
    assert {sign for one in many for sign in one} == {*SIGNS, "-"}
    assert len(SIGNS) ** 12 >= 2**60 and not set("01IO") & set(SIGNS)
    of_others = replace(custody, message_key=bytes(32))
    assert password_of(of_others, NOTIFICATION) != password_of(custody, NOTIFICATION), (
        "it follows from a secret"
    )


# Of a report in the ledger


def received(portal: Portal, laboratory: Laboratory, **given: object) -> tuple[UUID, Notification]:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    portal.submit(laboratory.seal(bundle("Л-1", value="72.50")))
    portal.catch_up()
    (row,) = cabinet.reports_of(portal.opened.ledger, anna)
    plain = Notification(
        patient_id=anna,
        report_id=row.report_id,
        report_version=1,
        channel=Channel.EMAIL,
        status=NotificationStatus.REQUESTED,
        carries=DocumentFormat.PDF,
    )
    return row.report_id, replace(plain, **given)  # type: ignore[arg-type]


def attached(portal: Portal, notification: Notification, **given: int) -> tuple[Attachment, str]:
    return attachment_of(
        portal.opened.ledger,
        notification,
        notification_id=NOTIFICATION,
        custody=portal.opened.ledger.custody,
        locale="ru",
        time_zone="Europe/Moscow",
        **given,
    )


def test_what_goes_along_is_the_version_that_stands_when_it_goes(
    portal: Portal, laboratory: Laboratory
) -> None:
    report_id, notification = received(portal, laboratory)
    portal.submit(laboratory.seal(bundle("Л-1", value="73.10", status="corrected")))
    state, _ = load_report(portal.opened.ledger, report_id)
    assert state.current_version == 2, "asked for when the first one stood"
    attachment, password = attached(portal, notification)
    with pikepdf.open(io.BytesIO(attachment.content), password=password) as opened:
        plain = io.BytesIO()
        opened.save(plain)
    text = words_of(plain.getvalue())
    assert "73,10" in text and "72,50" not in text and "Исправлен" in text
    assert attachment.file_name.startswith("rezultat-") and "Соколова" not in attachment.file_name


def test_a_version_that_is_held_is_not_in_the_document(portal: Portal, laboratory: Laboratory) -> None:
    _, notification = received(portal, laboratory)
    withdraw(portal.opened, notification.patient_id, ConsentKind.RESULTS_TRANSFER)
    portal.submit(laboratory.seal(bundle("Л-1", value="73.10", status="corrected")))
    document = document_of(
        portal.opened.ledger,
        notification.report_id,
        notification.patient_id,
        DocumentFormat.PDF,
        locale="ru",
        time_zone="Europe/Moscow",
    )
    text = words_of(document.content)
    assert "72,50" in text and "73,10" not in text and "Исправлен" not in text
    assert "Лаборатория прислала более новую версию" in text


def test_another_persons_report_has_no_document(portal: Portal, laboratory: Laboratory) -> None:
    _, notification = received(portal, laboratory)
    boris = settled(portal.opened, BORIS, laboratory.laboratory_id)
    with pytest.raises(DocumentUnavailableError, match="document-gone"):
        attached(portal, replace(notification, patient_id=boris))
    with pytest.raises(DocumentUnavailableError, match="document-gone"):
        attached(portal, replace(notification, report_id=UUID(int=404)))


def test_a_file_that_is_too_large_for_mail_does_not_go(portal: Portal, laboratory: Laboratory) -> None:
    _, notification = received(portal, laboratory)
    with pytest.raises(DocumentUnavailableError, match="document-too-large"):
        attached(portal, notification, bytes_max=1000)


def test_xml_is_fhir_of_what_was_recorded(portal: Portal, laboratory: Laboratory) -> None:
    _, notification = received(portal, laboratory, carries=DocumentFormat.XML)
    attachment, password = attached(portal, notification)
    assert attachment.media_type == "application/zip"
    with pyzipper.AESZipFile(io.BytesIO(attachment.content)) as archive:
        (name,) = archive.namelist()
        (back,) = read_fhir_xml(archive.read(name, pwd=password.encode()))
    assert [one.value and one.value.quantity and one.value.quantity.value for one in back.observations] == [
        "72.50"
    ]


# What the laboratory itself wrote

ANNA_AT_A_LABORATORY = SandboxPerson(
    family=ANNA.family,
    given=ANNA.given,
    patronymic="Петровна",
    birth_date=date.fromisoformat(ANNA.birth_date),
    sex="female",
    snils=ANNA.snils,
    enp=ANNA.enp,
    phone=ANNA.phone,
    email=ANNA.email,
)


def document(
    portal: Portal, laboratory: Laboratory, sent_as: str, form: DocumentFormat
) -> tuple[bytes, bytes]:
    """What was sent in this format, and the document that is made of it."""
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    writer = WRITERS[sent_as]
    sent = writer.write(draw(Random(7), ANNA_AT_A_LABORATORY, now=AT, number="17"))
    answer = portal.submit(laboratory.seal(sent, content_type=writer.content_type))
    assert answer.status_code < 300, answer.text
    portal.catch_up()
    (row,) = cabinet.reports_of(portal.opened.ledger, anna)
    made = document_of(
        portal.opened.ledger, row.report_id, anna, form, locale="ru", time_zone="Europe/Moscow"
    )
    return sent, made.content


def test_xml_of_a_report_that_came_as_cda_is_the_laboratorys_own(
    portal: Portal, laboratory: Laboratory
) -> None:
    sent, made = document(portal, laboratory, "cda", DocumentFormat.XML)
    assert made == sent


@pytest.mark.parametrize("sent_as", ["hl7", "fhir-xml", "pdf"])
def test_xml_of_any_other_is_fhir(portal: Portal, laboratory: Laboratory, sent_as: str) -> None:
    _, made = document(portal, laboratory, sent_as, DocumentFormat.XML)
    (back,) = read_fhir_xml(made)
    assert back.subject.family == ANNA.family and (back.observations or sent_as == "pdf")


def test_a_report_that_is_only_a_pdf_goes_with_its_pages(portal: Portal, laboratory: Laboratory) -> None:
    sent, made = document(portal, laboratory, "pdf", DocumentFormat.PDF)
    theirs = pikepdf.open(io.BytesIO(base64.b64decode(orjson.loads(sent)["pdf"])))
    with pikepdf.open(io.BytesIO(made)) as opened:
        assert len(opened.pages) == 2 + len(theirs.pages), "the sheet, its receipt, and theirs"
        last = opened.pages[-1].Contents.read_bytes()
        assert last == theirs.pages[-1].Contents.read_bytes()
        assert not [name for name in opened.open_metadata() if "pdfa" in name or "pdfua" in name]
        del opened.pages[1:]
        sheet_alone = io.BytesIO()
        opened.save(sheet_alone)
    assert "на следующих страницах" in words_of(sheet_alone.getvalue())


@pytest.mark.parametrize("broken", [None, b"", b"%PDF-1.7 nothing", b"\x00" * 1000])
def test_a_file_that_can_not_be_read_is_named_and_left_out(broken: bytes | None) -> None:
    said = content(attachments=(AttachedFile(content_type="application/pdf", title="Бланк"),))
    text = words_of(printed(sheet(said, files=(broken,))))
    assert "Бланк — к документу не приложен" in text


def test_nothing_that_acts_comes_along_with_a_laboratorys_pages() -> None:
    acting = pikepdf.new()
    page = acting.add_blank_page()
    script = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("app.alert(1)"))
    page.obj.AA = pikepdf.Dictionary(O=script)
    page.obj.Annots = pikepdf.Array([pikepdf.Dictionary(Subtype=pikepdf.Name.Link, A=script)])
    acting.Root.OpenAction = script
    file = io.BytesIO()
    acting.save(file)
    said = content(attachments=(AttachedFile(content_type="application/pdf", title="Бланк"),))
    plain = io.BytesIO()
    with pikepdf.open(io.BytesIO(printed(sheet(said, files=(file.getvalue(),))))) as opened:
        assert len(opened.pages) == 2
        opened.save(plain, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    assert b"JavaScript" not in plain.getvalue()
