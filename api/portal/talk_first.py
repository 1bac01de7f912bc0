"""«Покажите мне после разговора с врачом»: the patient's own choice, and what becomes of a result that waits."""

from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from api.portal.seen_reports import kept_from, seen_report
from api.portal.web import Actor, Form, Person, go
from api.problems import ProblemError
from domain.study_type import StudyType
from ledger import talk_first
from ledger.misfiling import ReportNotFoundError
from ledger.talk_first import load_talk_first

router = APIRouter(include_in_schema=False)
# What people ask to hear from a doctor most often: heredity, tissue, HIV and tumour markers, infections, pictures.
SENSITIVE = (
    StudyType.GENETICS,
    StudyType.PATHOLOGY,
    StudyType.IMMUNOLOGY,
    StudyType.MICROBIOLOGY,
    StudyType.INSTRUMENTAL,
)
_REST = tuple(one for one in StudyType if one not in SENSITIVE)


@router.get("/reports/talk-first")
def talk_first_page(person: Person) -> Response:
    person.signed_in()
    wish = load_talk_first(person.ledger, person.patient_id)
    return person.page(
        "talk_first.html",
        groups=[
            {
                "name": name,
                "sections": [{"name": one.value, "is_on": one in wish.sections} for one in sections],
            }
            for name, sections in (("sensitive", SENSITIVE), ("rest", _REST))
        ],
        includes_others=wish.includes_others,
        is_on=wish.is_on,
    )


@router.post("/reports/talk-first")
def choose(person: Actor, form: Form) -> Response:
    sections = frozenset(one for one in StudyType if form.get(f"section-{one.value}") == "yes")
    includes_others = form.get("others") == "yes"
    talk_first.choose(
        person.ledger, person.patient_id, sections, person.by(), includes_others=includes_others
    )
    return go("/reports/talk-first", notice="talk-first-saved")


@router.get("/reports/{report_id}/kept")
def kept_page(person: Person, report_id: UUID) -> Response:
    """One calm page before it is shown; nothing on it says what the result holds."""
    found = seen_report(person, report_id, even_kept=True)
    if found is None:
        raise ProblemError("not-found")
    row, _ = found
    if not kept_from(person, [row]):
        return go(f"/reports/{report_id}")
    return person.page(
        "kept_report.html",
        report={"id": str(report_id), "received_at": row.received_at},
        can_show=person.acting is None,
        can_consult=person.may_open("/consultations"),
    )


@router.post("/reports/{report_id}/show")
def show(person: Actor, report_id: UUID) -> Response:
    if seen_report(person, report_id, even_kept=True) is None:
        raise ProblemError("not-found")
    try:
        talk_first.show(person.ledger, person.patient_id, report_id, person.by())
    except ReportNotFoundError:
        raise ProblemError("not-found") from None
    return go(f"/reports/{report_id}")
