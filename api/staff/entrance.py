"""Pages of the staff's entrance: enrolling by a link, signing in with two factors, leaving; the start page."""

from fastapi import APIRouter
from fastapi.responses import Response

from api import limits, totp
from api.portal.web import Form, cookie_name, go, set_cookie, told
from api.problems import ProblemError, explain
from api.staff.door import SESSION_HOURS
from api.staff.web import SESSION_COOKIE, Member, MemberActs, StaffVisit

router = APIRouter(include_in_schema=False, prefix="/staff")
_LINK_COOKIE = "staff-enrolment"
_LINK_SECONDS = 3600


@router.get("")
def start_page(visit: Member) -> Response:
    member = visit.signed_in().member
    sections = [
        {
            "name": section.name,
            "href": section.href,
            "waiting": section.count(visit.ledger, member),
        }
        for section in visit.sections()
    ]
    return visit.page("staff_start.html", handle=member.handle, sections=sections)


# Signing in and out


@router.get("/sign-in")
def sign_in_page(visit: Member) -> Response:
    return visit.page("staff_sign_in.html", errors={}, values={})


@router.post("/sign-in")
def sign_in(visit: Member, form: Form) -> Response:
    handle = form.get("handle", "").strip().lower()
    try:
        limits.take_from_address(visit.request, visit.ledger, visit.door.settings, "staff-sign-in")
        token = visit.door.sign_in(handle, password=form.get("password", ""), code=form.get("code", ""))
    except ProblemError as error:
        return visit.page(
            "staff_sign_in.html",
            status=explain(error.code).status,
            errors=told(error, visit.locale),
            values={"handle": handle},
        )
    return _let_in(visit, token, "/staff")


@router.post("/sign-out")
def sign_out(visit: MemberActs) -> Response:
    visit.door.close_session(visit.signed_in(), reason="signed-out")
    response = go("/staff/sign-in", notice="signed-out")
    response.delete_cookie(cookie_name(visit.door.settings, SESSION_COOKIE), path="/")
    return response


def _let_in(visit: StaffVisit, token: str, path: str, *, notice: str | None = None) -> Response:
    """A new session at each sign-in; the one that the browser had before ends."""
    if visit.session is not None:
        visit.door.close_session(visit.session, reason="replaced")
    response = go(path, notice=notice)
    set_cookie(response, visit.door.settings, SESSION_COOKIE, token, seconds=SESSION_HOURS * 3600)
    response.delete_cookie(cookie_name(visit.door.settings, _LINK_COOKIE), path="/")
    return response


# Enrolment


@router.get("/enrol/{token}")
def open_link(visit: Member, token: str) -> Response:
    """The link's token goes into a cookie, so that it stays in no history and in no address that is copied."""
    visit.door.enrolment(token)
    response = go("/staff/enrol")
    set_cookie(response, visit.door.settings, _LINK_COOKIE, token, seconds=_LINK_SECONDS)
    return response


@router.get("/enrol")
def enrol_page(visit: Member) -> Response:
    return _enrol_page(visit)


@router.post("/enrol")
def enrol(visit: Member, form: Form) -> Response:
    try:
        token = visit.door.enrol(
            visit.cookie(_LINK_COOKIE), password=form.get("password", ""), code=form.get("code", "")
        )
    except ProblemError as error:
        if error.field is None:
            raise
        return _enrol_page(visit, error)
    return _let_in(visit, token, "/staff", notice="enrolled")


def _enrol_page(visit: StaffVisit, error: ProblemError | None = None) -> Response:
    found = visit.door.enrolment(visit.cookie(_LINK_COOKIE))
    return visit.page(
        "staff_enrol.html",
        status=explain(error.code).status if error else 200,
        handle=found.member.handle,
        secret=totp.manual_key(found.totp_secret),
        address=totp.address(found.totp_secret, found.member.handle),
        errors=told(error, visit.locale) if error else {},
        values={},
    )
