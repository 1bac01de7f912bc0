"""Archives: many results as one ZIP that is written while it is read, so that its size is nobody's memory.

A batch at a time: its files are made by two threads for the whole process, whoever asks, so that readers of pages wait
for none of it; that they leave is recorded; then their bytes leave. The same arguments give the same bytes.
"""

import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from html import escape
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import orjson

from api.pages import Locale, datetime_text, phrase, plural_phrase
from api.pdf_signing import signatory_of
from api.result_documents import document_of
from api.result_sheet import DocumentUnavailableError, is_covered, sheet_of
from domain.guardian_sight import Sight
from domain.reading import Medium
from domain.values import PatientId
from ledger.keys import KeyErasedError
from ledger.receipt import signer_of
from ledger.store import Ledger
from projections import transparency

REPORTS_MAX: Final = 1000
BATCH: Final = 8
CHUNK_BYTES: Final = 64 * 1024
SUMS_FILE: Final = "SHA256SUMS"
# Two for the whole process: setting a page takes 12 ms, of which the interpreter is let go.
_MAKERS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="archive")
# ZIP knows no time before; an archive says nothing of when it was made.
_BEGINNING = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an archive is made of: whose results, as of which position and under which checkpoint. `kept` results are
    not among them, as the patient wished to hear of these from a doctor first: its list says so."""

    ledger: Ledger
    patient_id: PatientId
    report_ids: tuple[UUID, ...]
    locale: Locale
    time_zone: str
    position: int
    tree_size: int
    sight: Sight | None = None
    all_versions: bool = False
    kept: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One result in an archive; `content` is all of it, by which it can be known again."""

    report_id: UUID
    version: int
    folder: str
    received_at: datetime
    files: tuple[tuple[str, bytes], ...]

    @property
    def content(self) -> bytes:
        return b"".join(content for _, content in self.files)


def asked_now(
    ledger: Ledger,
    patient_id: PatientId,
    report_ids: Sequence[UUID],
    *,
    locale: Locale,
    time_zone: str,
    sight: Sight | None = None,
    all_versions: bool = False,
    kept: int = 0,
) -> Asked:
    """As everything stands at this moment, for the patient or for a guardian with this sight: of each result the
    version that stands, or all that they may see."""
    signed = transparency.latest(ledger)
    return Asked(
        ledger=ledger,
        patient_id=patient_id,
        report_ids=tuple(dict.fromkeys(report_ids)),
        locale=locale,
        time_zone=time_zone,
        position=ledger.last_position(),
        tree_size=signed.tree_size if signed else 0,
        sight=sight,
        all_versions=all_versions,
        kept=kept,
    )


def archive_of(
    asked: Asked,
    *,
    record: Callable[[Sequence[Part]], None],
    beside: Mapping[str, bytes] = MappingProxyType({}),
) -> Iterator[bytes]:
    """The bytes of the ZIP, with the files of `beside`. `record` is told of each batch before any of it leaves."""
    zipped = Zipped()
    for name, content in beside.items():
        zipped.add(name, content)
    yield from results_of(asked, zipped, record=record)
    zipped.add_sums()
    yield zipped.end()


def results_of(
    asked: Asked, zipped: "Zipped", *, record: Callable[[Sequence[Part]], None]
) -> Iterator[bytes]:
    """The results, one folder each, what they are checked with, and a page that lists them."""
    listed: list[Part | None] = []
    for name, content in _means(asked):
        zipped.add(name, content)
    numbered = list(enumerate(asked.report_ids, 1))
    for at in range(0, len(numbered), BATCH):
        made = list(_MAKERS.map(lambda one: parts_of(asked, *one), numbered[at : at + BATCH]))
        record([part for parts in made for part in parts])
        for parts in made:
            for part in parts:
                for name, content in part.files:
                    zipped.add(f"{part.folder}/{name}", content)
            listed.extend(map(_bare, parts) if parts else (None,))
            yield zipped.taken()
    zipped.add("index.html", _index(asked, listed))
    yield zipped.taken()


def parts_of(asked: Asked, number: int, report_id: UUID) -> list[Part]:
    """One result: for people, for programs, and what proves it. Nothing if it is the patient's no more, or was filed by
    a newer version where who asks may not look."""
    try:
        sheet = sheet_of(asked.ledger, report_id, asked.patient_id, as_of=asked.position)
        if asked.sight is not None and not is_covered(sheet, asked.sight):
            return []
        versions = [one.number for one in sheet.versions] if asked.all_versions else [sheet.version]
        return [_part_of(asked, number, report_id, version) for version in reversed(versions)]
    except (DocumentUnavailableError, KeyErasedError):
        return []


def _part_of(asked: Asked, number: int, report_id: UUID, version: int) -> Part:
    pdf, fhir, xml = (
        document_of(
            asked.ledger,
            report_id,
            asked.patient_id,
            form,
            locale=asked.locale,
            time_zone=asked.time_zone,
            as_of=asked.position,
            tree_size=asked.tree_size,
            version=version,
        )
        for form in (Medium.PDF, Medium.FHIR_JSON, Medium.XML)
    )
    day = pdf.file_name.removeprefix("rezultat-").removesuffix(".pdf")
    of_version = f"_v{version}" if asked.all_versions else ""
    return Part(
        report_id=report_id,
        version=version,
        folder=f"{number:04d}_{day}{of_version}",
        received_at=pdf.received_at,
        files=(
            ("rezultat.pdf", pdf.content),
            ("rezultat.fhir.json", fhir.content),
            ("rezultat.xml", xml.content),
            ("receipt.json", pdf.receipt),
        ),
    )


def _bare(part: Part) -> Part:
    """Without its bytes, for the list at the end."""
    return replace(part, files=tuple((name, b"") for name, _ in part.files))


def _means(asked: Asked) -> Iterator[tuple[str, bytes]]:
    """How everything is checked, in both languages, and with which keys."""
    ledger = asked.ledger
    yield (
        "README.txt",
        "\r\n".join(
            line
            for locale in ("ru", "en")
            for line in (*phrase("archive.readme", locale=locale).split("|"), "")
        ).encode("utf-8-sig"),
    )
    keys = (transparency.log_verifier(ledger).vkey, signer_of(ledger).verifier.vkey)
    yield "keys/keys.txt", "".join(f"{key}\n" for key in keys).encode()
    signatory = signatory_of(ledger.custody.folder, name=f"Letopis {ledger.origin}")
    yield "keys/pdf-certificate.pem", signatory.certificate_pem
    signed = transparency.signed_at(ledger, asked.tree_size)
    if signed is not None:
        yield "keys/checkpoint.txt", signed.note


def _index(asked: Asked, listed: Sequence[Part | None]) -> bytes:
    def say(name: str, **values: object) -> str:
        return escape(phrase(name, locale=asked.locale, **values))

    rows = "".join(
        f"<li>{_row(part, asked)}</li>\n" if part else f"<li>{say('archive.gone')}</li>\n" for part in listed
    )
    title = say("archive.index")
    left_out = plural_phrase("archive.kept", asked.kept, locale=asked.locale) if asked.kept else ""
    kept = f"<p>{escape(left_out)}</p>\n" if left_out else ""
    return (
        f'<!doctype html>\n<html lang="{asked.locale}">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{title}</title>\n<style>body{{font:1rem/1.5 sans-serif;max-width:50rem;margin:2rem auto;"
        f"padding:0 1rem;color-scheme:light dark}}li{{margin:.5rem 0}}</style>\n<h1>{title}</h1>\n"
        f"<p>{say('archive.index.lead')}</p>\n{kept}<ol>\n{rows}</ol>\n"
    ).encode()


def _row(part: Part, asked: Asked) -> str:
    received = datetime_text(part.received_at, locale=asked.locale, time_zone=asked.time_zone)
    files = ", ".join(f'<a href="{part.folder}/{name}">{name}</a>' for name, _ in part.files)
    said = phrase("archive.row", locale=asked.locale, received_at=received, version=part.version)
    return f"{escape(said)}: {files}"


@dataclass(slots=True)
class _Sink:
    """Where the ZIP is written to: what was written since it was last asked. It can't be sought in, so sizes stand
    behind the files (APPNOTE.TXT, 4.3.9)."""

    chunks: list[bytes] = field(default_factory=list)
    size: int = 0

    def write(self, content: bytes) -> int:
        self.size += len(content)
        self.chunks.append(bytes(content))
        return len(content)

    def flush(self) -> None:
        """Nothing waits here."""


class Zipped:
    """A ZIP in the making."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._sums: list[tuple[str, str]] = []
        self._zip = zipfile.ZipFile(self._sink, "w")  # type: ignore[call-overload]  # all that it needs is to write

    def add(self, name: str, content: bytes) -> None:
        self._zip.writestr(_entry(name), content)
        self._sums.append((sha256(content).hexdigest(), name))

    def add_rows(self, name: str, rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
        """A JSON file of rows that are written as they come."""
        summed = sha256()
        with self._zip.open(_entry(name), "w") as file:
            for piece in _json_pieces(rows):
                file.write(piece)
                summed.update(piece)
                if self._sink.size >= CHUNK_BYTES:
                    yield self.taken()
        self._sums.append((summed.hexdigest(), name))
        yield self.taken()

    def add_sums(self) -> None:
        """Of every file so far, as `sha256sum -c` reads them: whether all of it arrived, and unharmed."""
        self.add(SUMS_FILE, "".join(f"{digest}  {name}\n" for digest, name in self._sums).encode())

    def taken(self) -> bytes:
        """What was written since the last time."""
        chunks, self._sink.chunks, self._sink.size = self._sink.chunks, [], 0
        return b"".join(chunks)

    def end(self) -> bytes:
        self._zip.close()
        return self.taken()


def _json_pieces(rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """A JSON array, a row a line."""
    is_first = True
    for row in rows:
        yield (b"[\n" if is_first else b",\n") + orjson.dumps(row)
        is_first = False
    yield b"[]\n" if is_first else b"\n]\n"


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=_BEGINNING)
    entry.external_attr, entry.create_system = 0o600 << 16, 3
    # Of a PDF too: what its parts are called to a screen reader, a third of it, is not compressed inside.
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry
