"""Corrections: what changed in a result that somebody had, who of them knows of it, and what is left to do."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from api.portal.access import titles
from api.portal.access_names import Names
from api.portal.seen_reports import sees_everything
from api.portal.web import Actor, Person, Visit, go
from api.problems import ProblemError
from api.result_sheet import ResultSheet
from domain.correction import Acknowledgement, CorrectionNotOwedError, CorrectionStatus, PartyKind
from ledger import corrections as commands
from projections import corrections_overview as corrections
from projections.corrections import CORRECTIONS
from projections.corrections_overview import OwedRow

router = APIRouter(include_in_schema=False)
JUST_NOW = timedelta(minutes=2)
_UNKNOWN = (CorrectionStatus.OPEN, CorrectionStatus.TOLD)
_ROLES = {
    PartyKind.PATIENT: "patient",
    PartyKind.GUARDIAN: "guardian",
    PartyKind.DOCTOR: "doctor",
    PartyKind.LINK: "link",
}


@router.get("/corrections")
def corrections_page(person: Person) -> Response:
    me = person.signed_in().patient_id
    found = corrections.corrections_of(person.ledger, me)
    here = [row for row in found if row.patient_id == person.patient_id]
    shown = _Shown(person, here)
    own = [row for row in here if row.party_id == me]
    # Whom the owner of a cabinet showed what is theirs to know.
    others = [row for row in here if row.party_id != me] if person.acting is None else []
    of_wards = [
        row for row in found if row.patient_id != me and row.party_id == me and row.status in _UNKNOWN
    ]
    return person.page(
        "corrections.html",
        news=[shown.row(row) for row in own if row.status in _UNKNOWN],
        to_tell=[shown.row(row) for row in others if _is_to_be_told(row)],
        others=[shown.row(row) for row in others if not _is_to_be_told(row)],
        known=[shown.row(row) for row in own if row.status not in _UNKNOWN],
        of_wards=len({row.report_id for row in of_wards}) if person.acting is None else 0,
    )


def _is_to_be_told(row: OwedRow) -> bool:
    """Only the patient knows who holds a link."""
    return row.kind == PartyKind.LINK and not row.is_known


@router.post("/corrections/{correction_id:uuid}")
def acknowledge(person: Actor, correction_id: UUID) -> Response:
    """«Ознакомлен»; of a link, that its holder was told."""
    me = person.signed_in().patient_id
    found = corrections.correction(person.ledger, correction_id)
    if found is None or found.patient_id != person.patient_id:
        raise ProblemError("not-found")
    is_link = found.kind == PartyKind.LINK
    if found.party_id != me and not (is_link and person.acting is None):
        raise ProblemError("not-found")
    how = Acknowledgement.PASSED_ON if is_link else Acknowledgement.DECLARED
    try:
        commands.acknowledge(person.ledger, correction_id, how=how, by=person.by())
    except CorrectionNotOwedError:
        raise ProblemError("not-found") from None
    person.follow(CORRECTIONS)
    return go("/corrections", notice="correction-passed-on" if is_link else "correction-acknowledged")


def beside_result(person: Visit, sheet: ResultSheet) -> dict[str, Any]:
    """What the page of a result says of its corrections: what the reader did not know, and who else had it before."""
    me = person.signed_in().patient_id
    found = corrections.corrections_of_report(person.ledger, person.patient_id, sheet.report_id)
    if person.acting is not None:
        found = [row for row in found if row.party_id == me]
    shown = _Shown(person, found)
    news = [row for row in found if row.party_id == me and _is_news(row, sheet.version)]
    return {
        "corrections": {
            "news": shown.row(news[0]) if news else None,
            "others": [shown.row(row) for row in found if row.party_id != me],
            "log": sees_everything(person),
        }
    }


def _is_news(row: OwedRow, version: int) -> bool:
    """What the reader did not know before this page; to open it is what acknowledges it, perhaps by now."""
    if row.is_gone or row.report_version > version:
        return False
    just_opened = row.how == Acknowledgement.OPENED and datetime.now(UTC) - row.changed_at < JUST_NOW
    return row.status in _UNKNOWN or just_opened


class _Shown:
    """What is owed, in words."""

    def __init__(self, person: Visit, rows: list[OwedRow]) -> None:
        self._names = Names(person)
        self._titles = titles(person, {row.report_id for row in rows})
        self._now = datetime.now(UTC)

    def row(self, row: OwedRow) -> dict[str, Any]:
        is_seen = row.report_id in self._titles and not row.is_gone
        role = _ROLES[PartyKind(row.kind)]
        return {
            "id": str(row.correction_id),
            "title": self._titles.get(row.report_id),
            "href": f"/reports/{row.report_id}" if is_seen else None,
            "is_gone": row.is_gone,
            "version": row.report_version,
            "seen_version": row.seen_version,
            "changes": row.changes,
            "media": row.media,
            "at": row.owed_at,
            "status": row.status,
            "how": row.how,
            "changed_at": row.changed_at,
            "who": self._names.of(row.party, role),
            "role": role,
            "is_link": row.kind == PartyKind.LINK,
        }
