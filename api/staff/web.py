"""What every page of staff needs: who asks, in which roles, and the sections that their roles open.

A new section is one line in SECTIONS, its words in FAMILIES and the catalogues, and its routes, each of
which asks for the role: `Annotated[StaffVisit, Depends(reads(Role...))]` to show, `acts(Role...)` to change.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse

from api.page_words import FAMILIES
from api.pages import Locale
from api.portal.web import cookie_name, locale_of, page_response, posted
from api.problems import ProblemError
from api.staff.door import StaffDoor, StaffSession
from domain.staff import Role, StaffMember
from domain.values import OrganisationId, StaffMemberId
from ledger.codec import Circumstances
from ledger.staff import by_member, member_id_of
from ledger.store import Ledger
from projections import (
    appeals,
    cabinet,
    corrections_overview,
    delivery_health,
    erasure,
    guardianship,
    identity,
    intake,
    matching,
    obligations,
    organisations,
    tickets,
)
from projections.follow import NotFollowedError, wait_for
from projections.projection import Projection

SESSION_COOKIE = "staff-session"
# A page is shown right after an act, and its view follows the ledger within a tenth of a second.
FOLLOW_SECONDS = 1.0
_WARNINGS = frozenset(
    {
        "session-ended",
        "stays",
        "stays-otherwise",
        "confirmed-organisation-not-linked",
        "confirmed-consent-missing",
        "confirmed-waits",
        "taken-before",
    }
)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the staff's pages: its words are `staff.section.<name>`, `waiting` counts what is to do,
    where something comes by itself, `waiting_at` does it for the organisation that a member works for. It is for
    who has the role, or `also` the other one, of whom `waiting_for` counts what is theirs alone."""

    name: str
    role: Role
    waiting: Callable[[Ledger], int] | None = None
    waiting_at: Callable[[Ledger, OrganisationId], int] | None = None
    also: Role | None = None
    waiting_for: Callable[[Ledger, StaffMemberId], int] | None = None

    @property
    def href(self) -> str:
        return f"/staff/{self.name}"

    def count(self, ledger: Ledger, member: StaffMember) -> int | None:
        """What is to do for this member; None where nothing is counted."""
        if self.waiting_at is not None and member.organisation_id is not None:
            return self.waiting_at(ledger, member.organisation_id)
        if self.waiting_for is not None and not member.may(self.role):
            return self.waiting_for(ledger, member_id_of(ledger, member.handle))
        return self.waiting(ledger) if self.waiting else None


SECTIONS = (
    Section("tickets", Role.SUPPORT, waiting=tickets.count_new),
    Section("identity", Role.OPERATOR, waiting=identity.count_waiting),
    Section("guardianships", Role.OPERATOR, waiting=guardianship.waiting),
    Section("quarantine", Role.OPERATOR, waiting=lambda ledger: sum(intake.counts(ledger).values())),
    Section("matches", Role.OPERATOR, waiting=matching.count),
    Section("cards", Role.OPERATOR, waiting=organisations.count_cards),
    Section("misfiled", Role.OPERATOR),
    Section("delivery", Role.OPERATOR, waiting=delivery_health.count_dead),
    Section(
        "corrections",
        Role.OPERATOR,
        also=Role.DOCTOR,
        waiting=corrections_overview.count_open,
        waiting_for=corrections_overview.count_of_doctor,
    ),
    Section("obligations", Role.OPERATOR, also=Role.COMPLIANCE, waiting=obligations.count_open),
    Section("escalated", Role.OPERATOR, waiting=appeals.count_escalated),
    Section("consultations", Role.DOCTOR),
    Section("doctor", Role.DOCTOR),
    Section("doctors", Role.OPERATOR),
    Section("shared", Role.DOCTOR),
    Section("submissions", Role.LABORATORY, waiting_at=intake.count_quarantined_of),
    Section("history", Role.AUDITOR),
    Section("replay", Role.AUDITOR),
    Section("certificates", Role.AUDITOR),
    Section("decisions", Role.AUDITOR),
    Section("consents", Role.COMPLIANCE),
    Section("exports", Role.COMPLIANCE),
    Section("erasures", Role.COMPLIANCE, waiting=erasure.count_unconfirmed),
    Section("appeals", Role.REGISTRAR, waiting_at=appeals.count_waiting_at),
)


@dataclass(frozen=True, slots=True)
class StaffVisit:
    """One request of staff: the door they came by, their language, and their session if they are in."""

    request: Request
    door: StaffDoor
    locale: Locale
    session: StaffSession | None

    @property
    def ledger(self) -> Ledger:
        return self.door.ledger

    def signed_in(self) -> StaffSession:
        if self.session is None:
            raise ProblemError("staff-sign-in-needed")
        return self.session

    def require_step_up(self) -> None:
        """Before what is grave: the second factor was proved a moment ago, or must be again."""
        if not self.signed_in().is_fresh:
            raise ProblemError("staff-step-up-needed")

    @property
    def organisation_id(self) -> OrganisationId:
        """The organisation that the member works for: nothing of another one is here for them."""
        found = self.signed_in().member.organisation_id
        if found is None:
            raise ProblemError("not-found")
        return found

    def by(self) -> Circumstances:
        """The member acts under their handle, in this session."""
        session = self.signed_in()
        return by_member(session.member.handle, session_id=session.session_id)

    def follow(self, *views: Projection) -> None:
        """So that the next page shows what was done. If nobody follows now, it shows it later."""
        with suppress(NotFollowedError):
            wait_for(self.ledger, self.ledger.last_position(), views, seconds=FOLLOW_SECONDS)

    def laboratory_names(self) -> dict[str, str]:
        """What laboratories are called, by handle."""
        return {row.handle: row.name for row in cabinet.laboratories(self.ledger, limit=1000)}

    def sections(self) -> list[Section]:
        """What the member's roles open."""
        if self.session is None:
            return []
        member = self.session.member
        return [one for one in SECTIONS if member.may(one.role) or (one.also and member.may(one.also))]

    def cookie(self, name: str) -> str:
        return self.request.cookies.get(cookie_name(self.door.settings, name), "")

    def page(self, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
        path = self.request.url.path
        return page_response(
            self.request,
            template,
            locale=self.locale,
            status=status,
            csrf=self.session.csrf if self.session else "",
            nav=[
                {
                    "href": section.href,
                    "label_id": f"staff.section.{section.name}",
                    "current": path.startswith(section.href),
                }
                for section in self.sections()
            ],
            signed_in=self.session is not None,
            notice=self._notice(),
            is_staff=True,
            home="/staff",
            sign_out="/staff/sign-out",
            **context,
        )

    def _notice(self) -> dict[str, str] | None:
        """What the last act led to, named in the address by a word of a closed set."""
        name = self.request.query_params.get("notice", "")
        if name not in FAMILIES["staff.notice"]:
            return None
        return {"kind": "warning" if name in _WARNINGS else "success", "text_id": f"staff.notice.{name}"}


def staff_visit(request: Request) -> StaffVisit:
    """Who asks, by the staff's own cookie: a patient's session is nobody here."""
    door: StaffDoor = request.app.state.staff_door
    token = request.cookies.get(cookie_name(door.settings, SESSION_COOKIE))
    return StaffVisit(request, door, locale_of(request), door.session(token) if token else None)


def staff_guarded(
    visit: Annotated[StaffVisit, Depends(staff_visit)], form: Annotated[dict[str, str], Depends(posted)]
) -> StaffVisit:
    """A signed-in member's act: the form's token must be the session's."""
    session = visit.signed_in()
    if form.get("csrf") != session.csrf:
        raise ProblemError("cross-site")
    return visit


def reads(*roles: Role) -> Callable[[StaffVisit], StaffVisit]:
    """Lets in who is signed in and has one of the roles; for others there is nothing here."""

    def guard(visit: Annotated[StaffVisit, Depends(staff_visit)]) -> StaffVisit:
        return _in_role(visit, roles)

    return guard


def acts(*roles: Role) -> Callable[[StaffVisit], StaffVisit]:
    """As `reads`, for a form of the member's own page."""

    def guard(visit: Annotated[StaffVisit, Depends(staff_guarded)]) -> StaffVisit:
        return _in_role(visit, roles)

    return guard


def _in_role(visit: StaffVisit, roles: Sequence[Role]) -> StaffVisit:
    member = visit.signed_in().member
    if not any(member.may(role) for role in roles):
        raise ProblemError("not-found")
    return visit


Member = Annotated[StaffVisit, Depends(staff_visit)]
MemberActs = Annotated[StaffVisit, Depends(staff_guarded)]
