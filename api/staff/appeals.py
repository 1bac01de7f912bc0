"""Pages of an organisation's registrar: appeals that are addressed to it, what they say, and the answer (S98, S99).

Whatever is another organisation's is not there for them. What an appeal says is shown only after it is recorded
who saw it. The operator sees which appeals are unanswered in spite of a reminder, and not what they say.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from api.portal.appeals import policy_text
from api.portal.web import Form, go, told
from api.problems import ProblemError, explain
from api.staff.web import StaffVisit, acts, reads
from domain import appeal
from domain.appeal import Appeal, AppealField, RefusalReason
from domain.numbers import LaboratoryNumber
from domain.patient import Patient, PolicyMissingError
from domain.staff import Role
from ledger import appeals, onboarding
from ledger.identity import look
from ledger.recorder import MarkTakenError
from projections import appeals as view
from projections.appeals import APPEALS, AppealRow

router = APIRouter(include_in_schema=False, prefix="/staff")
Registrar = Annotated[StaffVisit, Depends(reads(Role.REGISTRAR))]
RegistrarActs = Annotated[StaffVisit, Depends(acts(Role.REGISTRAR))]
Operator = Annotated[StaffVisit, Depends(reads(Role.OPERATOR))]
LIST = "/staff/appeals"
NUMBER_MAX, SYSTEM_MAX = 64, 200
_REFUSALS: dict[type[Exception], str] = {
    appeal.AppealUnknownError: "not-found",
    appeal.AppealNotOpenError: "appeal-not-open",
    appeal.AppealConsentMissingError: "appeal-consent-missing",
    appeal.RefusalReasonMissingError: "refusal-reason-missing",
    PolicyMissingError: "appeal-policy-missing",
    MarkTakenError: "own-number-taken",
}
_FIELD_OF: Mapping[str, str] = {
    "refusal-reason-missing": "reason",
    "own-number-taken": "number",
    "own-number-malformed": "number",
}


@router.get("/appeals")
def list_page(visit: Registrar) -> Response:
    organisation_id = visit.organisation_id
    return visit.page(
        "staff_appeals.html",
        organisation=onboarding.laboratory_of_id(visit.ledger, organisation_id).name,
        waiting=[_entry(row) for row in view.waiting_at(visit.ledger, organisation_id)],
        answered=[_entry(row) for row in view.answered_at(visit.ledger, organisation_id)],
    )


@router.get("/appeals/{appeal_id}")
def appeal_page(visit: Registrar, appeal_id: UUID) -> Response:
    return visit.page("staff_appeal.html", entry=_found(visit, appeal_id), content=None, errors={}, values={})


@router.post("/appeals/{appeal_id}/content")
def show_content(visit: RegistrarActs, appeal_id: UUID) -> Response:
    """What the appeal says beside what we know; that this member saw it is recorded before it is here."""
    return _content_page(visit, appeal_id)


@router.post("/appeals/{appeal_id}/take")
def take(visit: RegistrarActs, appeal_id: UUID) -> Response:
    _found(visit, appeal_id)
    with _refusals():
        appeals.take(visit.ledger, appeal_id, visit.by())
    visit.follow(APPEALS)
    return go(f"{LIST}/{appeal_id}", notice="appeal-taken")


@router.post("/appeals/{appeal_id}/activate")
def activate(visit: RegistrarActs, appeal_id: UUID, form: Form) -> Response:
    """Switch the transfer on; with a number of their own the patient is recognised by it."""
    _found(visit, appeal_id)
    try:
        with _refusals():
            appeals.activate(
                visit.ledger, appeal_id, visit.by(), now=datetime.now(UTC), own_number=_own_number(form)
            )
    except ProblemError as error:
        return _again(visit, appeal_id, error, form)
    visit.follow(APPEALS)
    return go(LIST, notice="appeal-activated")


@router.post("/appeals/{appeal_id}/refuse")
def refuse(visit: RegistrarActs, appeal_id: UUID, form: Form) -> Response:
    _found(visit, appeal_id)
    try:
        if form.get("reason") not in tuple(RefusalReason):
            raise ProblemError("refusal-reason-missing", "reason")
        field = form.get("field", "")
        with _refusals():
            appeals.refuse(
                visit.ledger,
                appeal_id,
                reason=RefusalReason(form["reason"]),
                field=AppealField(field) if field in tuple(AppealField) else None,
                text=form.get("text", ""),
                by=visit.by(),
            )
    except ProblemError as error:
        return _again(visit, appeal_id, error, form)
    visit.follow(APPEALS)
    return go(LIST, notice="appeal-refused")


@router.get("/escalated")
def escalated_page(visit: Operator) -> Response:
    rows = view.escalated(visit.ledger)
    known = {
        one: onboarding.laboratory_of_id(visit.ledger, one) for one in {row.organisation_id for row in rows}
    }
    return visit.page(
        "staff_escalated.html",
        entries=[
            _entry(row)
            | {"organisation": known[row.organisation_id].name, "handle": known[row.organisation_id].handle}
            for row in rows
        ],
    )


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except tuple(_REFUSALS) as error:
        code = next(code for kind, code in _REFUSALS.items() if isinstance(error, kind))
        raise ProblemError(code, _FIELD_OF.get(code)) from None


def _own_number(form: dict[str, str]) -> LaboratoryNumber | None:
    number, system = form.get("number", "").strip(), form.get("system", "").strip()
    if not number:
        return None
    if len(number) > NUMBER_MAX or len(system) > SYSTEM_MAX or not any(char.isdecimal() for char in number):
        raise ProblemError("own-number-malformed", "number")
    return LaboratoryNumber(system, number)


# What the pages say


def _found(visit: StaffVisit, appeal_id: UUID) -> dict[str, Any]:
    """The appeal as the view has it: of this organisation, or it is not there."""
    row = view.appeal_at(visit.ledger, visit.organisation_id, appeal_id)
    if row is None:
        raise ProblemError("not-found")
    return _entry(row)


def _entry(row: AppealRow) -> dict[str, Any]:
    return {
        "href": f"{LIST}/{row.appeal_id}",
        "number": row.number,
        "status": row.status,
        "is_open": row.is_open,
        "submitted_at": row.submitted_at,
        "answer_due": row.answer_due,
        "changed_at": row.changed_at,
        "is_reminded": row.reminded_at is not None,
        "is_escalated": row.escalated_at is not None,
        "status_asked_at": row.status_asked_at,
        "reason": row.reason,
        "field": row.field,
    }


def _again(visit: StaffVisit, appeal_id: UUID, error: ProblemError, form: dict[str, str]) -> Response:
    """The page with what was wrong. The data are shown once more, which is a reading once more."""
    if error.field is None:
        raise error
    return _content_page(
        visit, appeal_id, status=explain(error.code).status, errors=told(error, visit.locale), values=form
    )


def _content_page(
    visit: StaffVisit,
    appeal_id: UUID,
    *,
    status: int = 200,
    errors: dict[str, dict[str, str]] | None = None,
    values: dict[str, str] | None = None,
) -> Response:
    entry = _found(visit, appeal_id)
    with _refusals():
        state, known = appeals.show(visit.ledger, appeal_id, visit.by())
    return visit.page(
        "staff_appeal.html",
        status=status,
        path=entry["href"],
        entry=entry,
        content=_compared(visit, state, known),
        is_identity_confirmed=look(visit.ledger, state.patient_id).so_far.is_confirmed_for(known),
        reasons=list(RefusalReason),
        fields=list(AppealField),
        errors=errors or {},
        values=values or {},
    )


def _compared(visit: StaffVisit, state: Appeal, known: Patient) -> list[dict[str, Any]]:
    """What the appeal says, beside the profile and beside what the laboratory was registered with."""
    content, profile = state.content, known.profile
    if content is None:
        raise ProblemError("content-erased")
    organisation = onboarding.laboratory_of_id(visit.ledger, state.organisation_id)
    ours: dict[AppealField, str | None] = {
        AppealField.FAMILY: profile.family if profile else None,
        AppealField.GIVEN: profile.given if profile else None,
        AppealField.PATRONYMIC: profile.patronymic if profile else None,
        AppealField.BIRTH_DATE: profile.birth_date if profile else None,
        AppealField.POLICY: policy_text(known),
        AppealField.EMAIL: known.email,
        AppealField.ORGANISATION_NAME: organisation.name,
        AppealField.INN: organisation.inn,
        # Nobody states it to us: the organisation knows its own.
        AppealField.OKPO: None,
    }
    return [
        {
            "field": field.value,
            "stated": getattr(content, field),
            "known": ours[field],
            "agreement": _agreement(getattr(content, field), ours[field]),
        }
        for field in AppealField
    ]


def _agreement(stated: str | None, known: str | None) -> str:
    if known is None or stated is None:
        return "same" if known == stated else "unknown"
    return "same" if stated.casefold().split() == known.casefold().split() else "differs"
