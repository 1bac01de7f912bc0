"""«Отправить врачу» (S7, S13): chosen results by a link with a code, or to a doctor who has an account here.

Sharing is the patient's own act: nobody does it for them, and they prove once more who they are before. What is shared
is said on the page before it is: what the other will see, until when, and that what was seen can't be called back.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any, Final
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from fastapi.responses import Response

from api import limits, share_access
from api.health_link_codes import link_of, new_passcode, viewer_link
from api.portal.seen_reports import seen_reports
from api.portal.web import Actor, Form, Person, Visit, go, told
from api.problems import ProblemError, explain
from domain import sharing as rules
from domain.sharing import ShareKind
from domain.values import PatientId, StaffMemberId
from ledger import sharing
from ledger.recorder import StreamConflictError
from ledger.sharing import LinkTerms, NotSharedError
from projections import cabinet
from projections.cabinet import ReportRow
from projections.consultations import doctors, is_receiving
from projections.sharing import SHARING

router = APIRouter(include_in_schema=False)
LIST = "/shares"
TERMS: Final = (1, 7, 30, 90)
OPENINGS: Final = (1, 3, 10)
_UNLIMITED: Final = "any"
# A form of ours has at most 50 fields; who has more results ticks them in the list of results first.
_OFFERED_MAX: Final = 30
_DOCTORS_MAX: Final = 200
_DAY: Final = timedelta(days=1)
_PROBLEMS: Final[Mapping[type[Exception], tuple[str, str]]] = {
    rules.NothingSharedError: ("share-reports-missing", "reports"),
    rules.SharedTooMuchError: ("share-reports-too-many", "reports"),
    rules.ShareTermError: ("share-term-wrong", "until"),
    rules.ShareOpeningsError: ("share-openings-wrong", "openings"),
}


@router.get(LIST + "/new")
def new_page(person: Person, report: Annotated[list[UUID] | None, Query(max_length=100)] = None) -> Response:
    patient_id = own_cabinet(person)
    person.require_step_up()
    del patient_id
    return _page(person, report or [], {}, None)


@router.post(LIST)
def share(person: Actor, form: Form) -> Response:
    """One form for both ways. Sent twice, it makes one share: its number is in the form."""
    patient_id = own_cabinet(person)
    person.require_step_up()
    share_id = sharing.share_stream(person.ledger, patient_id, form.get("nonce", ""))
    chosen = _chosen(form)
    if form.get("act") == "find":
        return _page(person, _offered(form), form, None)
    try:
        limits.take(person.ledger, "share", str(patient_id))
        if form.get("kind") == ShareKind.DOCTOR:
            return _to_doctor(person, patient_id, share_id, chosen, form=form)
        return _by_link(person, patient_id, share_id, chosen, form=form)
    except StreamConflictError:
        return go(f"{LIST}/{_own_share(person, patient_id, share_id)}")
    except NotSharedError:
        raise ProblemError("not-found") from None
    except rules.ShareTextTooLongError as error:
        problem = ProblemError(f"share-{error.field}-too-long", error.field)
    except tuple(_PROBLEMS) as error:
        problem = ProblemError(*_PROBLEMS[type(error)])
    except ProblemError as error:
        problem = error
    return _page(person, _offered(form), form, problem)


def own_cabinet(person: Visit) -> PatientId:
    """A ward's results are not given away by a guardian: the law lets them be informed, and to send a ward's secret
    to third parties is another thing."""
    if person.acting is not None:
        raise ProblemError("not-for-a-ward")
    return person.patient_id


def _own_share(person: Visit, patient_id: PatientId, share_id: UUID) -> UUID:
    try:
        found = sharing.load_share(person.ledger, share_id)
    except sharing.ShareUnknownError:
        # Not the share but a report has changed meanwhile: the form can be sent again.
        raise ProblemError("request-malformed") from None
    if found.patient_id != patient_id:
        raise ProblemError("not-found")
    return share_id


# Acts


def _by_link(
    person: Visit, patient_id: PatientId, share_id: UUID, chosen: Sequence[UUID], *, form: Form
) -> Response:
    now = datetime.now(UTC)
    terms = LinkTerms(
        until=_until(person, form, now),
        label=_text(form, "label"),
        openings_max=_openings(form),
        needs_passcode=form.get("passcode") == "yes",
    )
    _require_seen(person, chosen)
    sharing.share_by_link(person.ledger, patient_id, share_id, chosen, terms=terms, by=person.by(), now=now)
    passcode = None
    if terms.needs_passcode:
        passcode = new_passcode()
        share_access.keep_passcode(person.ledger, share_id, passcode, until=terms.until)
    person.follow(SHARING)
    return made_page(person, share_id, passcode=passcode)


def made_page(person: Visit, share_id: UUID, *, passcode: str | None = None) -> Response:
    """The link, and right after it was made the passcode too: it is shown this once."""
    found = sharing.load_share(person.ledger, share_id)
    described = found.description
    if described is None or described.token is None:
        raise ProblemError("not-found")
    return person.page(
        "share_link.html",
        path=f"{LIST}/{share_id}",
        share={
            "id": str(share_id),
            "until": found.until,
            "needs_passcode": found.needs_passcode,
            "openings_max": found.openings_max,
        },
        link=viewer_link(person.settings, found, described),
        bare_link=link_of(person.settings, found, described),
        passcode=passcode,
    )


def _to_doctor(
    person: Visit, patient_id: PatientId, share_id: UUID, chosen: Sequence[UUID], *, form: Form
) -> Response:
    now = datetime.now(UTC)
    try:
        member_id = StaffMemberId(UUID(form.get("doctor", "")))
    except ValueError:
        raise ProblemError("share-doctor-missing", "doctor") from None
    if not is_receiving(person.ledger, member_id):
        raise ProblemError("share-doctor-missing", "doctor")
    until = _until(person, form, now)
    _require_seen(person, chosen)
    sharing.share_with_doctor(
        person.ledger,
        patient_id,
        member_id,
        chosen,
        until=until,
        by=person.by(),
        now=now,
        message=_text(form, "message"),
        share_id=share_id,
    )
    person.follow(SHARING)
    return go(f"{LIST}/{share_id}", notice="shared-with-doctor")


def _require_seen(person: Visit, chosen: Sequence[UUID]) -> None:
    """What waits for a talk with a doctor is not offered, and not shared by its number either."""
    rows = seen_reports(person, only=list(chosen), limit=max(1, len(chosen)), even_kept=True)
    if any(row.summary is None for row in rows):
        raise ProblemError("report-kept")


# The form


def _chosen(form: Form) -> list[UUID]:
    return [_id(name.removeprefix("report-")) for name in form if name.startswith("report-")]


def _offered(form: Form) -> list[UUID]:
    """The reports that the form offered, ticked or not, so that it comes back as it was."""
    return [_id(text) for text in form.get("offered", "").split(",")[:_OFFERED_MAX] if text]


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ProblemError("request-malformed") from None


def _text(form: Form, name: str) -> str | None:
    return form.get(name, "").strip() or None


def _openings(form: Form) -> int | None:
    text = form.get("openings", "")
    if text == _UNLIMITED:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 3:
        raise ProblemError("share-openings-wrong", "openings")
    return int(text)


def until_of(person: Visit, term: str, day: str, now: datetime) -> datetime:
    """So many days from now, or the end of a day that is named, where the portal is."""
    if term != "date":
        if term not in map(str, TERMS):
            raise ProblemError("share-term-wrong", "until")
        return now + int(term) * _DAY
    for shape in ("%Y-%m-%d", "%d.%m.%Y"):
        try:
            named = datetime.strptime(day.strip(), shape).date()  # noqa: DTZ007 - a day has no zone; the next line gives it
        except ValueError:
            continue
        zone = ZoneInfo(person.settings.time_zone)
        # Further ahead than anything is shared, and there is no day after the last one of the calendar.
        if named.year > now.year + 1:
            break
        return datetime.combine(named + _DAY, time(), tzinfo=zone).astimezone(UTC)
    raise ProblemError("share-term-wrong", "until")


def _until(person: Visit, form: Form, now: datetime) -> datetime:
    return until_of(person, form.get("term", ""), form.get("until", ""), now)


def _page(
    person: Visit, asked: Sequence[UUID], form: Mapping[str, str], error: ProblemError | None
) -> Response:
    if error is not None and error.field is None:
        raise error
    rows = _rows(person, asked)
    wanted = rows[:_OFFERED_MAX]
    names = {row.laboratory_id: row.name for row in cabinet.laboratories(person.ledger, limit=1000)}
    search = form.get("doctor_search", "").strip()
    found = doctors(person.ledger, search=search)[:_DOCTORS_MAX]
    return person.page(
        "share_new.html",
        status=explain(error.code).status if error else 200,
        path=LIST + "/new",
        reports=[
            _report(row, names) | {"is_on": f"report-{row.report_id}" in form if form else bool(asked)}
            for row in wanted
        ],
        offered=",".join(str(row.report_id) for row in wanted),
        has_more=bool(asked) or len(rows) > len(wanted),
        kinds=[one.value for one in ShareKind],
        terms=TERMS,
        openings=OPENINGS,
        doctors=[
            {
                "id": str(one.member_id),
                "name": one.name,
                "speciality": one.speciality.value,
                "organisation": names.get(one.organisation_id, "—"),
            }
            for one in found
        ],
        errors=told(error, person.locale) if error else {},
        values={"kind": "link", "term": "7", "openings": "10", "passcode": "yes"}
        | ({"passcode": ""} if form else {})
        | dict(form),
        nonce=form.get("nonce") or uuid4().hex,
        search=search,
    )


def _rows(person: Visit, asked: Sequence[UUID]) -> list[ReportRow]:
    """Those that were ticked in the list, or the latest; never what waits for a talk with a doctor."""
    rows = seen_reports(person, only=list(asked) or None, limit=_OFFERED_MAX + 1)
    return [row for row in rows if row.summary is not None]


def _report(row: ReportRow, names: Mapping[UUID, str]) -> dict[str, Any]:
    summary = row.summary
    assert summary is not None
    return {
        "id": str(row.report_id),
        "title": summary.title or "—",
        "laboratory": names.get(row.laboratory_id) or summary.laboratory or "—",
        "at": summary.collected_at or summary.issued_at or row.received_at,
    }
