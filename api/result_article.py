"""The article of a result: the part of its page that says what the result says, and nothing else.

Its bytes are a function of the sheet, the language, the clock's zone and the release; so they can be logged when they
leave and made again later. Who looks, and what they may do with it, stands around it.
"""

from typing import Any

from api.pages import Locale, render
from api.portal.changes_view import shown_changes
from api.portal.report_view import Words, patient_name, shown_observations, text_of
from api.result_sheet import ResultSheet
from domain.report_content import ReportContent, Specimen
from domain.version_changes import changes_between
from projections.summary import summarise, title_of


def result_article(sheet: ResultSheet, locale: Locale, time_zone: str) -> str:
    """HTML that is put into a page as it is: what it quotes of the laboratory is escaped already."""
    words = Words(locale, sheet.code_map)
    changes = changes_between(sheet.before, sheet.content) if sheet.before else None
    return render(
        "result_article.html",
        locale=locale,
        time_zone=time_zone,
        result=_result(sheet),
        observations=shown_observations(sheet.content, locale, sheet.code_map),
        changes=shown_changes(changes, words) if changes else None,
    )


def title_of_result(content: ReportContent) -> str:
    return summarise(content).title or "—"


def _result(sheet: ResultSheet) -> dict[str, Any]:
    content = sheet.content
    return {
        "id": str(sheet.report_id),
        "title": title_of_result(content),
        "patient": {"name": patient_name(content.subject), "birth_date": content.subject.birth_date},
        "laboratory": sheet.laboratory,
        # A department, or whom the laboratory had it made by.
        "performer": content.performer if content.performer != sheet.laboratory else None,
        "section": sheet.section,
        "status": sheet.status,
        "numbers": ", ".join(dict.fromkeys(one.value for one in content.identifiers)),
        "specimens": [_specimen(one) for one in content.specimens if one != Specimen()],
        "collected_at": summarise(content).collected_at,
        "issued_at": content.issued_at,
        "received_at": sheet.shown.received_at,
        "conclusion": content.conclusion or text_of(content.conclusion_codes),
        "notes": list(content.notes),
        "attachments": content.attachments,
        "version": sheet.version,
        "current": sheet.current or sheet.version,
        "replaced": sheet.replaced,
        "versions": sheet.versions,
        "held": sheet.held,
    }


def _specimen(one: Specimen) -> dict[str, Any]:
    return {"kind": title_of(one.kind), "collected_at": one.collected_at, "received_at": one.received_at}
