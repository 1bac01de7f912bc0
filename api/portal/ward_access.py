"""Looking into a ward's cabinet: the session remembers under which guardianship, and every request asks anew.

Which pages are for a ward is said here, page by page; a page that nobody has thought about is not.
"""

from enum import Enum
from uuid import UUID

from fastapi import Request

from api.portal.sign_in import Session
from ledger import guardianship
from ledger.guardianship import Acting
from ledger.store import Ledger


class Place(Enum):
    """Whose a page is while a guardian looks into a ward's cabinet."""

    # The signed-in person's own, whatever cabinet they look into: their account, their wards.
    OWN = "own"
    # The ward's, for a guardian who may see anything of it.
    SEEN = "seen"
    # The ward's, for a guardian who decides on the ward's behalf by law.
    KEPT = "kept"
    # Nobody's but the person's who owns the cabinet: it closes while they look into another's.
    CLOSED = "closed"


_OWN_SECTIONS = (
    "/account",
    "/step-up",
    "/wards",
    "/guardians",
    "/sign-",
    "/register",
    "/recover",
    "/passwords",
    "/external",
    "/unsubscribe/",
    # Who asks for help asks for themselves.
    "/help",
    "/view",
    "/notifications/push",
    "/sw.js",
)
_SEEN = frozenset(
    {
        "/reports",
        "/reports/search",
        "/reports/{report_id}/kept",
        "/reports/{report_id:uuid}",
        "/reports/{report_id:uuid}/versions/{version}",
        "/reports/{report_id:uuid}/as-of/{position}",
        "/reports/{report_id:uuid}/pdf",
        "/reports/{report_id:uuid}/xml",
        "/reports/{report_id:uuid}/fhir",
        "/reports/{report_id:uuid}/original/{place}",
        "/reports/archive",
        "/reports/compare",
        "/trends",
        "/trends/{key}",
        "/access",
        "/access/{position}",
        "/access/log.{form}",
        "/corrections",
        "/corrections/{correction_id:uuid}",
        "/notifications",
        "/notifications/{notification_id:uuid}",
    }
)
# Who the ward is was confirmed by an operator from a document: a guardian can't change it, or they could make
# a child younger than they are.
_KEPT_SECTIONS = (
    "/services/policy",
    "/services/organisations",
    "/services/receiving",
    "/services/appeals",
    "/services/diagnosis",
    "/services/diagnosis.json",
    "/consents",
)


def place_of(path: str) -> Place:
    """Whose the page of this route is: `path` is the route's pattern."""
    if path == "/" or path.startswith(_OWN_SECTIONS):
        return Place.OWN
    if path in _SEEN:
        return Place.SEEN
    if path == "/services" or any(path == one or path.startswith(f"{one}/") for one in _KEPT_SECTIONS):
        return Place.KEPT
    return Place.CLOSED


def route_of(request: Request) -> str:
    """The pattern of the route that answers, which no address can imitate."""
    return str(getattr(request.scope.get("route"), "path", ""))


def enter(ledger: Ledger, session: Session, guardianship_id: UUID) -> Acting | None:
    """From now on this session looks into the ward's cabinet; None if it may not."""
    found = guardianship.acting(ledger, guardianship_id, session.patient_id)
    if found is not None:
        _remember(ledger, session, guardianship_id)
    return found


def leave(ledger: Ledger, session: Session) -> None:
    _remember(ledger, session, None)


def _remember(ledger: Ledger, session: Session, guardianship_id: UUID | None) -> None:
    with ledger.pool.connection() as connection:
        connection.execute(
            "UPDATE access.sessions SET guardianship_id = %s WHERE session_id = %s",
            (guardianship_id, session.session_id),
        )
