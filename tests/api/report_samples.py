"""What the pages of one result are shown with in tests: real sheets with made-up content, in every state."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from markupsafe import Markup

from api.pages import Locale, render
from api.portal.changes_view import shown_changes
from api.portal.report_view import Words
from api.result_article import result_article
from api.result_sheet import ResultSheet, ShownVersion
from domain.code_map import NO_MAP
from domain.report_content import (
    Attachment,
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
from domain.study_type import StudyType
from domain.values import Coding, Concept, Identifier, Quantity
from domain.version_changes import changes_between

AT = datetime(2026, 11, 23, 5, 15, tzinfo=UTC)
EARLIER = datetime(2026, 10, 2, 14, 40, tzinfo=UTC)
LOINC = "http://loinc.org"
LEAF = {"index": 1023, "tree_size": 4096, "event_id": "0190f3c2-7d1e-7c55-9d6b-2f1f6c1b2a90"}
_FLAGS = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"

LONG_RANGE = "не обнаружено < 10; сомнительно 10–15; обнаружено > 15"


def measured(
    name: str, value: str | None, unit: str = "г/л", usual: str = "", flag: str = "", **said: Any
) -> Observation:
    """`usual` is low and high with a dash between, either of them left out."""
    low, _, high = usual.partition("–")
    ends = [Quantity(value=end, unit=unit) if end else None for end in (low, high)]
    comparator, _, digits = (value or "").rpartition(" ")
    plain = Observation(
        code=Concept(codings=(Coding(system=LOINC, code="718-7", display=name),)),
        status=ObservationStatus.FINAL,
        value=Value(kind=ValueKind.QUANTITY, quantity=Quantity(value=digits, unit=unit, comparator=comparator or None))
        if value
        else None,
        interpretation=(Concept(codings=(Coding(system=_FLAGS, code=flag),)),) if flag else (),
        reference_ranges=(ReferenceRange(low=ends[0], high=ends[1]),) if usual else (),
    )  # fmt: skip
    return replace(plain, **said)


def panel(name: str, *members: int) -> Observation:
    return replace(measured(name, None), members=members)


def _text(name: str, text: str, system: str, code: str) -> Observation:
    coding = Coding(system=system, code=code, display=name)
    value = Value(kind=ValueKind.TEXT, text=text)
    return replace(measured(name, None), code=Concept(codings=(coding,)), value=value)


OBSERVATIONS = (
    panel("Общий анализ крови", 1, 2, 3, 4, 5),
    measured("Гемоглобин", "118.0", usual="130–160", flag="L"),
    measured("Лейкоциты", "9.40", "10⁹/л", "4.0–9.0", "H", status=ObservationStatus.CORRECTED),
    measured("Тромбоциты", "18", "10⁹/л", "180–320", "LL", notes=("Проверено повторно из новой пробирки.",)),
    measured("Гематокрит", "41.20", "%", "39–49", "N"),
    measured("СОЭ", "35", "мм/ч", "–10", "A", method=Concept(text="Панченкова"),
             status=ObservationStatus.PRELIMINARY),
    panel("Биохимия", 7, 8, 9, 10, 11),
    measured("Калий", "7.1", "ммоль/л", "3.5–5.1", "HH"),
    measured("Тропонин I высокочувствительный", "< 0.0100", "нг/мл", "–0.0260"),
    measured("Натрий", "140", "ммоль/л", status=ObservationStatus.ENTERED_IN_ERROR),
    measured("Глюкоза", None, data_absent_reason=Concept(text="Гемолиз пробы")),
    measured("Креатинин", None, data_absent_reason=Concept(codings=(Coding(code="not-performed"),))),
    replace(
        _text("Антитела к SARS-CoV-2 IgG", "не обнаружено", "urn:oid:1.2.643.5.1.13.13.11.1080", "1017128"),
        reference_ranges=(ReferenceRange(text=LONG_RANGE),),
    ),
)  # fmt: skip
CONTENT = ReportContent(
    status=ReportStatus.CORRECTED,
    subject=Subject(family="Образцова", given=("Мария", "Ильинична"), birth_date="1977-11-04"),
    identifiers=(Identifier(value="Л-2026-118"),),
    code=Concept(text="Общий анализ крови и биохимия"),
    performer="Отделение клинической диагностики",
    issued_at="2026-11-22T18:05:00+03:00",
    specimens=(
        Specimen(
            kind=Concept(text="Венозная кровь"),
            collected_at="2026-11-22T08:15:00+03:00",
            received_at="2026-11-22T10:40:00+03:00",
        ),
    ),
    observations=OBSERVATIONS,
    conclusion="Признаки анемии. Калий требует срочной проверки.\nРекомендована консультация терапевта.",
    notes=("Взятие натощак.",),
    attachments=(
        Attachment(title="Бланк лаборатории", content_type="application/pdf", size_bytes=188_416),
        Attachment(content_type="text/xml"),
    ),
)
_BEFORE = replace(
    CONTENT,
    status=ReportStatus.FINAL,
    observations=(
        *OBSERVATIONS[:1],
        measured("Гемоглобин", "148.0", usual="130–160", flag="N"),
        measured("Лейкоциты", "9.40", "10⁹/л", "4.0–10.0", "N"),
        *OBSERVATIONS[3:9],
        measured("Натрий", "140", "ммоль/л"),
        *OBSERVATIONS[10:12],
        measured("Общий белок", "71", usual="64–83"),
    ),
    conclusion="Без особенностей.",
)
_VERSIONS = (
    ShownVersion(number=1, status=ReportStatus.FINAL, received_at=EARLIER),
    ShownVersion(number=2, status=ReportStatus.CORRECTED, received_at=AT),
)
SHEET = ResultSheet(
    report_id=UUID("01900000-0000-7000-8000-000000000001"),
    content=CONTENT,
    status=ReportStatus.CORRECTED,
    laboratory="Лаборатория «Северный ветер»",
    code_map=NO_MAP,
    version=2,
    versions=_VERSIONS,
    section=StudyType.BIOCHEMISTRY,
    current=2,
    before=_BEFORE,
)
_FIRST = replace(SHEET, content=_BEFORE, status=ReportStatus.FINAL, version=1, before=None)
_VOID = replace(
    SHEET,
    content=ReportContent(status=ReportStatus.ENTERED_IN_ERROR, subject=Subject(name_text="<b>Мария</b>")),
    status=ReportStatus.ENTERED_IN_ERROR,
    version=1,
    versions=(replace(_VERSIONS[0], status=ReportStatus.ENTERED_IN_ERROR),),
    section=None,
    current=None,
    before=None,
)


EXTRA: dict[str, Any] = {
    "compare_with": "0191",
    "take_away": {
        "chosen": "pdf",
        "version": None,
        "originals": [{"number": 1, "title": "Бланк лаборатории"}, {"number": 2, "title": None}],
        "is_document": True,
        "is_sent_alone": True,
    },
}


class Article:
    """The article in the language of the page that it is put into."""

    def __init__(self, sheet: ResultSheet) -> None:
        self.sheet = sheet

    def in_language(self, locale: Locale) -> Markup:
        return Markup(result_article(self.sheet, locale, "Europe/Moscow"))


def shown(sheet: ResultSheet, **said: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "article": Article(sheet),
        "leaf": LEAF,
        "differences": None,
        "report": {
            "id": str(sheet.report_id),
            "title": "Общий анализ крови и биохимия",
            "version": sheet.version,
            "is_current": sheet.is_current,
            "versions": [one.number for one in sheet.versions],
            "can_send": True,
            "extra": EXTRA,
        },
    }
    return plain | said


def as_of(verdict: str | None, **said: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "article": Article(SHEET),
        "report": {"id": str(SHEET.report_id), "title": "Общий анализ крови и биохимия"},
        "position": 4711,
        "verdict": verdict,
        "shown_at": AT,
        "releases": None,
    }
    return plain | said


_DIFFERENCES = shown_changes(changes_between(_BEFORE, CONTENT), Words("ru", NO_MAP))
_NONE = {"findings": [], "facts": []}
REPORT_SAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "report": ("report.html", shown(SHEET)),
    "report-held": ("report.html", shown(replace(_FIRST, current=1, versions=_VERSIONS[:1], has_newer=True,
                                                 held="transfer-consent-missing"))),
    "report-void": ("report.html", shown(_VOID, leaf=None)),
    "report-version": ("report.html", shown(_FIRST, differences={
        "before": 1, "after": 2, "changes": _DIFFERENCES})),
    "report-alike": ("report.html", shown(_FIRST, differences={"before": 1, "after": 2, "changes": _NONE})),
    **{f"report_as_of-{verdict}": ("report_as_of.html", as_of(verdict))
       for verdict in ("same", "different", "not-kept", "not-compared")},
    "report_as_of-other-release": ("report_as_of.html", as_of("other-release", releases=("1f2e3d4c", "5b6a7988"))),
    "report_as_of-none": ("report_as_of.html", as_of(None, shown_at=None)),
}  # fmt: skip


def rendered(template: str, locale: Locale, context: dict[str, Any]) -> str:
    """A page whose article, if it has one, is in the same language."""
    article = context.get("article")
    if isinstance(article, Article):
        context = context | {"article": article.in_language(locale)}
    return render(template, locale=locale, **context)
