"""The act of destruction and the extract of the journal as a PDF for people, with the file that proves both inside.

Set by typst (PDF/A-3a, PDF/UA-1, PT Sans); its time is that of the destruction, so the same bytes come each time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fontpkg_pt_sans  # type: ignore[import-untyped]
import orjson
import typst

from api.pages import Locale, date_text, datetime_text, phrase
from domain.erasure import DestructionActDrawn, ErasureOrdered, PatientErased
from ledger.codec import RecordedEvent, name_of
from ledger.destruction_act import Drawn

TEMPLATE = Path(__file__).parent / "destruction_act.typ"
FONTS = Path(fontpkg_pt_sans.__file__).parent / "files"


def act_pdf(
    recorded: DestructionActDrawn, drawn: Drawn, file: bytes, *, locale: Locale, time_zone: str
) -> bytes:
    """`file` is the act as JSON, letopis/destruction-act@v1."""
    shown = _Act(recorded, drawn, locale, time_zone).shown()
    pdf = typst.compile(
        TEMPLATE,
        format="pdf",
        font_paths=[FONTS],
        ignore_system_fonts=True,
        sys_inputs={"act": orjson.dumps(shown).decode(), "file": file.decode()},
        pdf_standards=["a-3a", "ua-1"],
        timestamp=int(drawn.completed.recorded_at.timestamp()),
    )
    assert isinstance(pdf, bytes)
    return pdf


@dataclass(frozen=True, slots=True)
class _Act:
    """The words of one act in one language."""

    recorded: DestructionActDrawn
    drawn: Drawn
    locale: Locale
    time_zone: str

    def shown(self) -> dict[str, Any]:
        number = self.recorded.number
        return {
            "language": self.locale,
            "title": self._say("act_title", number=number),
            "footer": self._say("footer", number=number, origin=self.drawn.origin),
            "parts": [self._act(), self._extract()],
        }

    def _act(self) -> dict[str, Any]:
        return {
            "starts_page": False,
            "title": self._say("act_title", number=self.recorded.number),
            "subtitle": self._say("law"),
            "facts": [[self._say(name), text] for name, text in self._facts()],
            "rows": [],
            "paragraphs": [self._say("method.text"), self._say("proof"), self._say("limits")],
            "signs": [self._say(f"sign.{one}") for one in ("person", "office", "date")],
        }

    def _extract(self) -> dict[str, Any]:
        facts = ("subject", "categories", "system", "reason", "destroyed_at")
        known = dict(self._facts())
        return {
            "starts_page": True,
            "title": self._say("extract_title", number=self.recorded.number),
            "subtitle": self._say("law"),
            "facts": [[self._say(name), known[name]] for name in facts],
            "rows_title": self._say("entries"),
            "columns": [self._say(f"column.{one}") for one in ("time", "event", "actor", "position")],
            "rows": [self._row(one) for one in self.drawn.events],
            "paragraphs": [self._say("promise")],
            "signs": [],
        }

    def _facts(self) -> Iterator[tuple[str, str]]:
        ordered, erased = self.drawn.ordered.event, self.drawn.erased.event
        assert isinstance(ordered, ErasureOrdered) and isinstance(erased, PatientErased)
        counts = erased.destroyed
        yield "operator", f"{self.recorded.operator_name}, {self.recorded.operator_address}".rstrip(", ")
        yield "processor", self._say("processor.none")
        yield "subject", self._say("subject.text", pseudonym=str(erased.patient_id))
        yield "destroyed_by", self.drawn.erased.circumstances.actor
        yield "categories", "; ".join(self._say(f"purpose.{one}") for one in sorted(self.recorded.purposes))
        yield "system", self._say("system.text", origin=self.drawn.origin)
        yield "method", self._say("method.short")
        reason = self._say(f"ground.{erased.ground}")
        yield "reason", f"{reason}, {ordered.reference}" if ordered.reference else reason
        yield "destroyed_at", self._time(self.drawn.erased)
        yield "completed_at", self._time(self.drawn.completed)
        yield (
            "counts",
            self._say(
                "counts.text",
                keys=counts.keys,
                documents=counts.documents,
                marks=counts.marks,
                reports=counts.reports,
            ),
        )
        yield "keep_until", date_text(self.recorded.keep_until, locale=self.locale, time_zone=self.time_zone)

    def _row(self, one: RecordedEvent) -> list[str]:
        event = self._say(f"event.{name_of(one.event)}")
        return [self._time(one), event, one.circumstances.actor, str(one.position)]

    def _time(self, one: RecordedEvent) -> str:
        return datetime_text(one.recorded_at, locale=self.locale, time_zone=self.time_zone)

    def _say(self, name: str, **values: object) -> str:
        return phrase(f"destruction.{name}", locale=self.locale, **values)
