"""Staff prove a second factor again before what is grave: exports, and what destroys."""

from fastapi import APIRouter
from fastapi.responses import Response

from api import limits
from api.portal.step_up import local_path
from api.portal.web import Form, go, set_cookie, told
from api.problems import ProblemError, explain
from api.staff.door import SESSION_HOURS
from api.staff.web import SESSION_COOKIE, Member, MemberActs, StaffVisit

router = APIRouter(include_in_schema=False, prefix="/staff/step-up")
_HOME = "/staff"


def _staff_path(text: str) -> str:
    """A page of staff, or their start page."""
    path = local_path(text)
    return path if path.startswith("/staff/") and not path.startswith("/staff/step-up") else _HOME


@router.get("")
def step_up_page(visit: Member, to: str = _HOME) -> Response:
    return go(_staff_path(to)) if visit.signed_in().is_fresh else _page(visit, to)


@router.post("")
def step_up(visit: MemberActs, form: Form) -> Response:
    to = form.get("to", "")
    try:
        limits.take_from_address(visit.request, visit.ledger, visit.door.settings, "staff-sign-in")
        token = visit.door.prove_again(visit.signed_in(), code=form.get("code", ""))
    except ProblemError as error:
        if error.code == "staff-sign-in-needed":
            raise
        return _page(visit, to, error)
    response = go(_staff_path(to))
    set_cookie(response, visit.door.settings, SESSION_COOKIE, token, seconds=SESSION_HOURS * 3600)
    return response


def _page(visit: StaffVisit, to: str, error: ProblemError | None = None) -> Response:
    if error is not None and error.field != "code":
        error = ProblemError(error.code, "code", retry_after=error.retry_after)
    return visit.page(
        "staff_step_up.html",
        status=explain(error.code).status if error else 200,
        to=_staff_path(to),
        errors=told(error, visit.locale) if error else {},
    )
