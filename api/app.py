"""The application: routes over one node, with the workers that keep views and notices going."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from urllib.parse import quote

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from api import (
    bulk_data,
    certificates,
    health_links,
    log_server,
    messages,
    operations,
    receipts,
    sms_receipts,
    submissions,
)
from api.chat import Chat
from api.compression import Compression
from api.node import DATABASE_AWAY, Node
from api.oidc import RelyingParty, load_providers
from api.pages import FONTS, STATIC
from api.portal import (
    access,
    account,
    account_factors,
    appeals,
    comparison,
    consents,
    consultation_booking,
    consultation_referrals,
    consultations,
    contacts,
    corrections,
    deliveries,
    diagnosis,
    downloads,
    entrance,
    evidence,
    expected,
    external,
    guardians,
    hub,
    identity,
    my_data,
    notification_settings,
    organisations,
    passkey_ways,
    passwords,
    phone,
    policy,
    profile,
    push,
    receiving,
    recovery,
    recovery_proofs,
    reports,
    results,
    samples,
    second_device,
    second_factor,
    sending,
    share_making,
    shares,
    step_up,
    studies,
    talk_first,
    ticket,
    trends,
    unsubscribe,
    viewer,
    wards,
)
from api.portal import help as help_pages
from api.portal.sign_in import Door
from api.portal.web import SECURITY_HEADERS, Visit, locale_of, page_of
from api.problems import MEDIA_TYPE, ProblemError, explain, problem_document
from api.refusals import Refusals
from api.security_headers import SecurityHeaders
from api.staff import appeals as staff_appeals
from api.staff import (
    cards,
    consultation_moving,
    delivery,
    destruction_acts,
    guardianships,
    matches,
    misfiled,
    quarantine,
    takeovers,
)
from api.staff import consents as staff_consents
from api.staff import consultations as staff_consultations
from api.staff import corrections as staff_corrections
from api.staff import doctor as staff_doctor
from api.staff import entrance as staff_entrance
from api.staff import erasures as staff_erasures
from api.staff import exports as staff_exports
from api.staff import history as staff_history
from api.staff import identity as staff_identity
from api.staff import obligations as staff_obligations
from api.staff import replaying as staff_replaying
from api.staff import shared as staff_shared
from api.staff import shared_trends as staff_trends
from api.staff import step_up as staff_step_up
from api.staff import submissions as staff_submissions
from api.staff import tickets as staff_tickets
from api.staff.door import StaffDoor
from api.unforeseen import Unforeseen
from api.workers import working

log = structlog.get_logger()
_MACHINES = (
    submissions,
    messages,
    receipts,
    operations,
    log_server,
    sms_receipts,
    health_links,
    bulk_data,
    certificates,
)
_PORTAL = (
    help_pages,
    ticket,
    push,
    diagnosis,
    external,
    identity,
    appeals,
    entrance,
    hub,
    profile,
    policy,
    organisations,
    samples,
    consents,
    guardians,
    wards,
    talk_first,
    reports,
    results,
    trends,
    comparison,
    downloads,
    my_data,
    evidence,
    access,
    corrections,
    sending,
    share_making,
    shares,
    viewer,
    deliveries,
    step_up,
    second_factor,
    passkey_ways,
    account,
    account_factors,
    passwords,
    phone,
    contacts,
    notification_settings,
    unsubscribe,
    recovery,
    recovery_proofs,
    second_device,
    receiving,
    studies,
    expected,
    consultation_booking,
    consultation_referrals,
    consultations,
)
_STAFF = (
    staff_entrance,
    delivery,
    guardianships,
    takeovers,
    staff_appeals,
    staff_corrections,
    quarantine,
    matches,
    misfiled,
    cards,
    staff_identity,
    staff_obligations,
    staff_consents,
    staff_history,
    staff_replaying,
    staff_step_up,
    staff_exports,
    staff_erasures,
    destruction_acts,
    staff_submissions,
    staff_shared,
    staff_trends,
    staff_doctor,
    staff_consultations,
    consultation_moving,
    staff_tickets,
)
# Paths that speak JSON; everything else is a page for people.
_MACHINE_PATHS = ("/v1/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/receipts/", "/shl/", "/log/")


def create_app(node: Node, *, works: bool = True) -> FastAPI:
    """The application over an open node; with `works` the workers run in it: views, senders, the clockwork."""
    refusals = Refusals(node)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            with working(node) if works else nullcontext():
                yield
        finally:
            refusals.summarise()

    app = FastAPIOffline(
        title="Letopis",
        summary="An event-sourced ledger of medical laboratory results",
        version="1",
        lifespan=lifespan,
        redoc_url=None,
    )
    app.state.node = node
    app.state.refusals = refusals
    app.state.chat = Chat(node.ledger)
    app.state.door = Door(node.ledger, node.settings)
    app.state.providers = {
        one.name: RelyingParty(one, f"{node.settings.public_url}/external/{one.name}/callback")
        for one in load_providers(node.settings.oidc_providers)
    }
    app.state.staff_door = StaffDoor(node.ledger, node.settings)
    for module in (*_MACHINES, *_PORTAL, *_STAFF):
        # The routes themselves: `include_router` builds each anew at the first request, and looks for it twice.
        app.router.routes.extend(module.router.routes)
    app.mount("/static/fonts", StaticFiles(directory=FONTS))
    app.mount("/static", StaticFiles(directory=STATIC))
    app.add_middleware(Compression)
    app.add_middleware(Unforeseen, answer=_unforeseen)
    app.add_middleware(SecurityHeaders, is_https=node.settings.is_https)
    _explain_errors(app)
    return app


def _explain_errors(app: FastAPI) -> None:
    @app.exception_handler(ProblemError)
    async def problem(request: Request, error: ProblemError) -> Response:
        return _told(request, error.code, error.field, retry_after=error.retry_after)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> Response:
        # Only where it is wrong: the value may be personal.
        first = error.errors()[0]
        place = str(first["loc"][-1])
        # A path that can't be an id names nothing that exists.
        code = "not-found" if first["loc"][0] == "path" else "request-malformed"
        return _told(request, code, place)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        codes = {404: "not-found", 405: "method-not-allowed", 413: "submission-too-large"}
        return _told(request, codes.get(error.status_code, "request-malformed"), None)

    for database_error in DATABASE_AWAY:

        @app.exception_handler(database_error)
        async def away(request: Request, error: Exception) -> Response:
            log.warning("request.database-away", error=type(error).__name__)
            return _told(request, "not-ready", None, retry_after=5)

    @app.exception_handler(psycopg.DataError)
    async def unfit(request: Request, error: Exception) -> Response:
        # What no field of the database can hold, like the character NUL, is nothing that a form of ours sends.
        log.warning("request.unfit", error=type(error).__name__, route=_route(request))
        return _told(request, "request-malformed", None)


def _unforeseen(request: Request, error: Exception) -> Response:
    # The message may quote data, so only the kind of the error is logged.
    log.error("request.failed", error=type(error).__name__, route=_route(request))
    return _told(request, "internal", None)


def _route(request: Request) -> str:
    """The route's pattern, never the address itself."""
    return getattr(request.scope.get("route"), "path", "unknown")


def _told(request: Request, code: str, field: str | None, *, retry_after: int | None = None) -> Response:
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    if request.url.path.startswith(_MACHINE_PATHS):
        status = explain(code).status
        return JSONResponse(problem_document(code, field), status, headers=headers, media_type=MEDIA_TYPE)
    if code == "sign-in-needed":
        return RedirectResponse("/sign-in?notice=session-ended", 303)
    if code == "step-up-needed":
        return RedirectResponse(f"/step-up?to={quote(page_of(request))}", 303)
    if code == "report-kept" and request.method == "GET" and "report_id" in request.path_params:
        return RedirectResponse(f"/reports/{request.path_params['report_id']}/kept", 303)
    if code == "staff-step-up-needed":
        return RedirectResponse(f"/staff/step-up?to={quote(page_of(request))}", 303)
    if code == "staff-sign-in-needed":
        return RedirectResponse("/staff/sign-in?notice=session-ended", 303)
    return _problem_page(request, code, headers)


def _problem_page(request: Request, code: str, headers: dict[str, str]) -> Response:
    locale = locale_of(request)
    language = 0 if locale == "ru" else 1
    explanation = explain(code)
    person = Visit(request, request.app.state.door, locale, None)
    page = person.page(
        "problem.html",
        status=explanation.status,
        home="/staff" if request.url.path.startswith("/staff") else "/",
        problem={
            "status": explanation.status,
            "title": explanation.title[language],
            "detail": "",
            "advice": explanation.advice[language],
            "code": code,
        },
    )
    page.headers.update(headers | SECURITY_HEADERS)
    return page
