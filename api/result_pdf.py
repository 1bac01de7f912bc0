"""A result as a PDF for people: PDF/A-3a and PDF/UA-1, tagged, its fonts inside, the same bytes for the same report.

What stands out is said in words: a mark that is only a colour or an arrow is lost in print and on a screen reader.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import fontpkg_pt_sans  # type: ignore[import-untyped]
import orjson
import pikepdf
import typst

from api.pages import Locale, date_text, datetime_text, decimal_text, phrase, plural_phrase
from api.pdf_signing import signed
from api.portal.report_view import patient_name, shown_observations, text_of
from api.receipt_page import ReceiptPage, shown_receipt
from api.result_sheet import ResultSheet, ShownVersion
from domain.report_content import Attachment, ReportStatus
from projections.summary import summarise, title_of

TEMPLATE = Path(__file__).parent / "result_pdf.typ"
FONTS = Path(fontpkg_pt_sans.__file__).parent / "files"
_VOID = ("entered-in-error", "cancelled")


def result_pdf(
    sheet: ResultSheet, *, locale: Locale, time_zone: str, page: ReceiptPage | None = None
) -> bytes:
    """Set by typst; its time is that of the version, so that nothing in the file depends on when it is made. With a
    receipt page, and signed by whom it names."""
    sheet = replace(sheet, files=tuple(map(_readable, sheet.files)))
    shown = _Sheet(sheet, locale, time_zone).shown()
    shown["receipt"] = shown_receipt(page, locale=locale, time_zone=time_zone) if page else None
    inputs = {
        "result": orjson.dumps(shown).decode(),
        "receipt": page.receipt.content.decode() if page else "",
    }
    made_at = int(_received_at(sheet).timestamp())
    try:
        pdf = _set(inputs, made_at, is_standard=True)
    except typst.TypstError:
        # A sign that none of our fonts has: the standards forbid it, but the rest must reach its reader.
        pdf = _set(inputs, made_at, is_standard=False)
    files = [one for one in sheet.files if one is not None]
    whole = _followed_by(pdf, files) if files else pdf
    if page is None or page.signatory is None:
        return whole
    return signed(
        whole, page.signatory, at=page.signed_at, reason=phrase("result_receipt.reason", locale=locale)
    )


def _readable(pdf: bytes | None) -> bytes | None:
    """Only what opens without a password; what does not is named on the sheet and stays out."""
    if pdf is None:
        return None
    try:
        with pikepdf.open(io.BytesIO(pdf)) as opened:
            return pdf if len(opened.pages) else None
    except pikepdf.PdfError:
        return None


def _followed_by(pdf: bytes, files: Sequence[bytes]) -> bytes:
    """The sheet, then the laboratory's pages as they are. The standards are claimed no more: of those pages nobody
    knows what they keep to."""
    whole = io.BytesIO()
    with ExitStack() as stack:
        document = stack.enter_context(pikepdf.open(io.BytesIO(pdf)))
        for one in files:
            source = stack.enter_context(pikepdf.open(io.BytesIO(one)))
            for page in source.pages:
                # Links, forms and whatever acts by itself are no part of a result.
                for name in ("/Annots", "/AA"):
                    if name in page.obj:
                        del page.obj[name]
            document.pages.extend(source.pages)
        with document.open_metadata(set_pikepdf_as_editor=False) as metadata:
            for claim in [
                name
                for name in metadata
                if "pdfaid" in name or "pdfuaid" in name or "/pdfa/" in name or "/pdfua/" in name
            ]:
                del metadata[claim]
        document.save(whole, deterministic_id=True)
    return whole.getvalue()


def _set(inputs: dict[str, str], made_at: int, *, is_standard: bool) -> bytes:
    pdf = typst.compile(
        TEMPLATE,
        format="pdf",
        font_paths=[FONTS],
        ignore_system_fonts=is_standard,
        sys_inputs=inputs,
        # PDF/A-3 is the one that allows a file like the receipt inside.
        pdf_standards=["a-3a", "ua-1"] if is_standard else None,
        timestamp=made_at,
    )
    assert isinstance(pdf, bytes)
    return pdf


def _received_at(sheet: ResultSheet) -> datetime:
    return next(one.received_at for one in sheet.versions if one.number == sheet.version)


@dataclass(frozen=True, slots=True)
class _Sheet:
    """The words of one sheet in one language."""

    sheet: ResultSheet
    locale: Locale
    time_zone: str

    def shown(self) -> dict[str, Any]:
        sheet, content = self.sheet, self.sheet.content
        rows = [self._row(one) for one in shown_observations(content, self.locale, sheet.code_map)]
        received_at = self._time(_received_at(sheet))
        return {
            "language": self.locale,
            "product": self._say("product"),
            "title": summarise(content).title or self._say("document.untitled"),
            "status": self._status(),
            "warnings": self._warnings(),
            "facts": [[self._say(name), text] for name, text in self._facts(received_at)],
            "columns": [self._say(f"report.{name}") for name in ("name", "result", "unit", "range", "flag")],
            "rows": rows,
            "sections": [{"title": self._say(title), "paragraphs": texts} for title, texts in self._said()],
            "closing": self._say("document.closing"),
            "footer": self._say("document.footer", version=str(sheet.version), received_at=received_at),
            "page": self._say("document.page", page="{page}", pages="{pages}"),
        }

    def _say(self, name: str, **values: object) -> str:
        return phrase(name, locale=self.locale, **values)

    def _time(self, moment: datetime | str) -> str:
        return datetime_text(moment, locale=self.locale, time_zone=self.time_zone)

    def _status(self) -> dict[str, str | None]:
        status = self.sheet.status
        is_final = status is ReportStatus.FINAL
        return {
            "word": self._say(f"report.status.{status}"),
            "explained": None if is_final else self._say(f"document.explained.{status}"),
        }

    def _warnings(self) -> list[str]:
        found = []
        criticals = summarise(self.sheet.content).critical
        if criticals and self.sheet.status not in _VOID:
            found.append(plural_phrase("report.critical", criticals, locale=self.locale))
            found.append(self._say("report.critical.advice"))
        if self.sheet.has_newer:
            found.append(self._say("document.has_newer"))
        return found

    def _facts(self, received_at: str) -> Iterable[tuple[str, str]]:
        """The names of the facts and what they say, those that are known."""
        content = self.sheet.content
        born = content.subject.birth_date
        collected = summarise(content).collected_at
        kinds = dict.fromkeys(filter(None, (title_of(one.kind) for one in content.specimens)))
        known: Mapping[str, str | None] = {
            "report.patient": patient_name(content.subject),
            "field.birth_date": date_text(born, locale=self.locale, time_zone=self.time_zone)
            if born
            else None,
            "report.laboratory": self.sheet.laboratory,
            "document.number": ", ".join(dict.fromkeys(one.value for one in content.identifiers)),
            "report.specimen": ", ".join(kinds),
            "report.collected_at": self._time(collected) if collected else None,
            "report.issued_at": self._time(content.issued_at) if content.issued_at else None,
            "report.received_at": received_at,
        }
        return ((name, text) for name, text in known.items() if text)

    def _row(self, one: Mapping[str, Any]) -> dict[str, Any]:
        """A row as the page of the cabinet has it, in the words of the sheet."""
        is_void = one["status"] in _VOID
        value = one["value"]
        if value is None:
            text = one["absent_reason"] or self._say("report.no_value")
        else:
            digits = decimal_text(value, locale=self.locale)
            text = f"{one['comparator']}\u00a0{digits}" if one["comparator"] else digits
        return {
            "depth": min(one["depth"], 3),
            "name": one["name"],
            "status": None if one["status"] == "final" else self._say(f"observation.status.{one['status']}"),
            "notes": one["notes"],
            "is_panel": one["is_panel"] and value is None,
            "is_void": is_void and value is not None,
            "is_strong": one["flag"] not in (None, "normal") and not is_void,
            "value": text,
            "unit": one["unit"] or "",
            "range": one["range_text"] or "",
            "flag": self._say(f"flag.{one['flag']}") if one["flag"] and not is_void else "",
        }

    def _said(self) -> Iterable[tuple[str, list[str]]]:
        content, sheet = self.sheet.content, self.sheet
        conclusion = content.conclusion or text_of(content.conclusion_codes)
        if conclusion:
            yield "report.conclusion", _paragraphs(conclusion)
        if content.notes:
            yield "report.notes", [line for note in content.notes for line in _paragraphs(note)]
        if content.attachments:
            files = (*sheet.files, *(None for _ in content.attachments[len(sheet.files) :]))
            yield (
                "report.attachments",
                [self._file(*pair) for pair in zip(content.attachments, files, strict=False)],
            )
        if len(sheet.versions) > 1:
            yield "report.versions", [self._version(one) for one in sheet.versions]

    def _file(self, one: Attachment, file: bytes | None) -> str:
        name = one.title or self._say("report.attachment")
        return f"{name} — {self._say('document.file_left_out' if file is None else 'document.file_follows')}"

    def _version(self, one: ShownVersion) -> str:
        number = self._say("report.version", version=str(one.number))
        line = f"{number}: {self._say(f'report.status.{one.status}')}, {self._time(one.received_at)}"
        is_this = one.number == self.sheet.version
        return f"{line} — {self._say('report.version.shown')}" if is_this else line


def _paragraphs(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]
