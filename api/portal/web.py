"""What every page needs: who asks, in which language, from where; and how an answer leaves."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.node import Node
from api.page_words import FAMILIES
from api.pages import Locale, render
from api.portal import ward_access
from api.portal.alerts import alerts_of
from api.portal.sign_in import Door, Session
from api.portal.ward_access import Place
from api.problems import ProblemError, explain
from api.settings import Settings
from api.text_direction import straight
from domain.values import PatientId
from ledger import guardianship
from ledger.codec import Circumstances
from ledger.commands import by_patient
from ledger.guardianship import Acting
from ledger.store import Ledger
from projections import Projection
from projections.follow import NotFollowedError, wait_for

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; font-src 'self';"
    " img-src 'self'; form-action 'self'; worker-src 'self'; manifest-src 'self';"
    " frame-ancestors 'none'; base-uri 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
FOLLOW_SECONDS = 1.0
FORM_BYTES_MAX = 200_000
# As many results as can be ticked in a list, and what else is in the form.
FORM_FIELDS_MAX = 1_100
_NAV = ("reports", "services", "consents", "access", "notifications", "account")


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a person: the door they came by, their language, and their session if they
    are signed in. `guest`: they look into a ward's cabinet; `acting`: and this page is the ward's."""

    request: Request
    door: Door
    locale: Locale
    session: Session | None
    guest: Acting | None = None
    acting: Acting | None = None

    @property
    def ledger(self) -> Ledger:
        return self.door.ledger

    @property
    def settings(self) -> Settings:
        return self.door.settings

    @property
    def node(self) -> Node:
        """For what needs more than the ledger: the keys of the laboratories' door, the senders."""
        node: Node = self.request.app.state.node
        return node

    def signed_in(self) -> Session:
        if self.session is None:
            raise ProblemError("sign-in-needed")
        return self.session

    def require_step_up(self) -> None:
        """Before a sensitive act: they proved who they are a moment ago, or must do it again."""
        if not self.signed_in().is_fresh:
            raise ProblemError("step-up-needed")

    @property
    def patient_id(self) -> PatientId:
        """Whose cabinet is looked at."""
        return self.acting.ward_id if self.acting else self.signed_in().patient_id

    def may_open(self, path: str) -> bool:
        """Whether the page is there in the cabinet that is looked at: nobody is sent where they can't go."""
        return self.acting is None or ward_access.place_of(path.partition("#")[0]) in (Place.SEEN, Place.KEPT)

    def by(self) -> Circumstances:
        """The patient acts in this session: for themselves, or for a ward."""
        session = self.signed_in()
        if self.acting is not None:
            return guardianship.by_guardian(
                session.patient_id, self.acting.ward_id, session_id=session.session_id
            )
        return by_patient(session.patient_id, session_id=session.session_id)

    def follow(self, *views: Projection) -> None:
        """So that the next page shows what was done. If nobody follows now, it shows it later."""
        with suppress(NotFollowedError):
            wait_for(self.ledger, self.ledger.last_position(), views, seconds=FOLLOW_SECONDS)

    @property
    def csrf(self) -> str:
        """The token of the forms. It names the cabinet too: what was filled in while looking into one must not
        act on another, which was entered in the next tab."""
        if self.session is None:
            return ""
        return f"{self.session.csrf}.{self.guest.guardianship_id.hex}" if self.guest else self.session.csrf

    def challenge_id(self) -> UUID:
        """The challenge that waits for a code, as the browser remembers it."""
        try:
            return UUID(self.request.cookies.get(cookie_name(self.settings, "challenge"), ""))
        except ValueError:
            raise ProblemError("code-expired", "code") from None

    def page(self, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
        path = self.request.url.path
        return page_response(
            self.request,
            template,
            locale=self.locale,
            status=status,
            csrf=self.csrf,
            ward=_ward(self.guest),
            nav=[
                {"href": f"/{name}", "label_id": f"nav.{name}", "current": path.startswith(f"/{name}")}
                for name in _NAV
                if self.session
            ],
            signed_in=self.session is not None,
            providers=[one.provider for one in self.request.app.state.providers.values()],
            notice=self._notice(),
            alerts=alerts_of(self.ledger, self.session.patient_id) if self.session else [],
            operator=self.settings.operator,
            **context,
        )

    def _notice(self) -> dict[str, str] | None:
        """What the last act led to, named in the address by a word of a closed set."""
        name = self.request.query_params.get("notice", "")
        if name not in FAMILIES["notice"]:
            return None
        kind = "warning" if name in ("session-ended", "recovery-ended", "identity-refused") else "success"
        return {"kind": kind, "text_id": f"notice.{name}"}


def page_response(
    request: Request, template: str, *, locale: Locale, status: int, **context: Any
) -> HTMLResponse:
    """A page in the reader's language, kept by no cache; a language that was asked for is remembered."""
    time_zone = request.app.state.node.settings.time_zone
    html = render(template, locale=locale, time_zone=time_zone, **{"path": request.url.path} | context)
    response = HTMLResponse(html, status_code=status)
    response.headers["Cache-Control"] = "no-store"
    if request.query_params.get("lang") == locale:
        response.set_cookie("lang", locale, max_age=31_536_000, samesite="lax", httponly=True)
    return response


def cookie_name(settings: Settings, name: str) -> str:
    """Bound to the host and to TLS where there is TLS (`__Host-`, RFC 6265bis 4.1.3.2)."""
    return f"__Host-{name}" if settings.is_https else name


def set_cookie(response: Response, settings: Settings, name: str, value: str, *, seconds: int) -> None:
    response.set_cookie(
        cookie_name(settings, name),
        value,
        max_age=seconds,
        secure=settings.is_https,
        httponly=True,
        samesite="lax",
        path="/",
    )


def go(path: str, *, notice: str | None = None) -> RedirectResponse:
    """After a form, the page that shows what became of it."""
    return RedirectResponse(f"{path}?notice={notice}" if notice else path, status_code=303)


def locale_of(request: Request) -> Locale:
    """The language asked for, remembered, or preferred; Russian otherwise."""
    for wanted in (
        request.query_params.get("lang"),
        request.cookies.get("lang"),
        request.headers.get("accept-language", "")[:2],
    ):
        if wanted == "ru":
            return "ru"
        if wanted == "en":
            return "en"
    return "ru"


def page_of(request: Request) -> str:
    """The page that is asked for; of a form that is posted, the page that holds it, as the browser says."""
    asked = urlsplit(str(request.url))
    if request.method != "GET":
        asked = urlsplit(request.headers.get("referer", ""))
        if asked.netloc != request.url.netloc:
            return "/"
    return f"{asked.path or '/'}?{asked.query}" if asked.query else asked.path or "/"


def require_same_site(request: Request, settings: Settings) -> None:
    """A form of another site must not act here: browsers say where a request comes from."""
    fetch_site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if fetch_site is not None:
        is_ours = fetch_site in ("same-origin", "none")
    else:
        ours = urlsplit(settings.public_url)
        is_ours = origin is not None and urlsplit(origin)[:2] == ours[:2]
    if not is_ours:
        raise ProblemError("cross-site")


def visit(request: Request) -> Visit:
    """Who asks. A form that is posted must come from our own page and carry the session's token."""
    door: Door = request.app.state.door
    token = request.cookies.get(cookie_name(door.settings, "session"))
    person = Visit(request, door, locale_of(request), door.session(token) if token else None)
    return _looking_in(person) if person.session and person.session.guardianship_id else person


def _looking_in(person: Visit) -> Visit:
    """As a guardian, if they may still look into the ward's cabinet: the guardianship itself says so, now."""
    session = person.signed_in()
    assert session.guardianship_id is not None
    place = ward_access.place_of(ward_access.route_of(person.request))
    found = guardianship.acting(person.ledger, session.guardianship_id, session.patient_id)
    if found is None:
        ward_access.leave(person.ledger, session)
        if place is Place.OWN:
            return person
        # Not their own cabinet instead: what they were about to do was meant for the ward.
        raise ProblemError("guardianship-over")
    if place is Place.OWN:
        return replace(person, guest=found)
    if place is Place.CLOSED or (place is Place.KEPT and not found.sight.may_act):
        raise ProblemError("not-for-a-ward")
    return replace(person, guest=found, acting=found)


def _ward(guest: Acting | None) -> dict[str, Any] | None:
    """Whose cabinet it is, for the line at the head of each page."""
    if guest is None or guest.ward.profile is None:
        return None
    return {"name": guest.ward.profile.given, "year": guest.ward.profile.birth_date[:4]}


async def posted(request: Request) -> dict[str, str]:
    """The fields of a posted form, as text; files are not taken here. A form of ours is small, and says how long
    it is: of a longer one nothing is read, for whoever sends it need not be anybody."""
    require_same_site(request, request.app.state.door.settings)
    length = request.headers.get("content-length", "0")
    if "transfer-encoding" in request.headers or not length.isdecimal() or int(length) > FORM_BYTES_MAX:
        raise ProblemError("request-malformed")
    form = await request.form(max_files=0, max_fields=FORM_FIELDS_MAX)
    return straight({name: value for name, value in form.items() if isinstance(value, str)})


def guarded(
    person: Annotated[Visit, Depends(visit)], form: Annotated[dict[str, str], Depends(posted)]
) -> Visit:
    """A signed-in person's act: the form's token must be the session's."""
    session = person.signed_in()
    given = form.get("csrf", "")
    if given != person.csrf:
        # Ours, of another cabinet: it was left or entered since the page was made.
        is_ours = given.partition(".")[0] == session.csrf
        raise ProblemError("cabinet-changed" if is_ours else "cross-site")
    return person


Person = Annotated[Visit, Depends(visit)]
Actor = Annotated[Visit, Depends(guarded)]
Form = Annotated[dict[str, str], Depends(posted)]


def told(error: ProblemError, locale: Locale) -> dict[str, dict[str, str]]:
    """The error as the forms show it: by field, with code and advice."""
    language = 0 if locale == "ru" else 1
    explanation = explain(error.code)
    return {
        error.field or "form": {
            "code": error.code,
            "text": explanation.title[language],
            "advice": explanation.advice[language],
        }
    }
