"""What a patient shared, with whom and until when; who opened it; and taking it back, at once."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from api import share_access
from api.health_link_codes import picture, viewer_link
from api.portal.seen_reports import titles_of
from api.portal.share_making import LIST, TERMS, made_page, own_cabinet, until_of
from api.portal.web import Actor, Form, Person, Visit, go, told
from api.problems import ProblemError, explain
from domain import sharing as rules
from domain.sharing import Share, ShareKind, ShareOpened, SharePasscodeRefused, ShareRecipientStated
from domain.values import StaffMemberId
from ledger import onboarding, sharing
from ledger.codec import RecordedEvent
from ledger.doctors import load_doctor
from projections import sharing as view
from projections.sharing import SHARING, ShareRow

router = APIRouter(include_in_schema=False)


@router.get(LIST)
def shares_page(person: Person) -> Response:
    patient_id = own_cabinet(person)
    now = datetime.now(UTC)
    rows = view.shares_of(person.ledger, patient_id)
    described = _described(person, rows)
    entries = [_entry(row, described[row.share_id], now) for row in rows]
    return person.page(
        "shares.html",
        active=[one for one in entries if one["end"] is None],
        over=[one for one in entries if one["end"] is not None],
    )


@router.get(LIST + "/{share_id:uuid}")
def share_page(person: Person, share_id: UUID) -> Response:
    return _page(person, share_id)


@router.get(LIST + "/{share_id:uuid}/link")
def link_page(person: Person, share_id: UUID) -> Response:
    """The link once more, for who has just proved who they are; the passcode is not kept."""
    _active_link(person, share_id)
    return made_page(person, share_id)


@router.get(LIST + "/{share_id:uuid}/qr.svg")
def link_picture(person: Person, share_id: UUID) -> Response:
    content = picture(_link(person, share_id), "svg")
    return Response(content, media_type="image/svg+xml", headers={"Cache-Control": "no-store"})


@router.get(LIST + "/{share_id:uuid}/qr.png")
def link_download(person: Person, share_id: UUID) -> Response:
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": 'attachment; filename="letopis-qr.png"',
    }
    return Response(picture(_link(person, share_id), "png"), media_type="image/png", headers=headers)


def _link(person: Visit, share_id: UUID) -> str:
    found = _active_link(person, share_id)
    if found.description is None:
        raise ProblemError("not-found")
    return viewer_link(person.settings, found, found.description)


@router.post(LIST + "/{share_id:uuid}/revoke")
def revoke(person: Actor, share_id: UUID) -> Response:
    """At once, and without another proof of who it is: closing a door must be easy."""
    _own(person, share_id)
    sharing.revoke(person.ledger, share_id, person.by())
    share_access.forget_passcode(person.ledger, share_id)
    person.follow(SHARING)
    return go(f"{LIST}/{share_id}", notice="share-revoked")


@router.post(LIST + "/{share_id:uuid}/extend")
def extend(person: Actor, form: Form, share_id: UUID) -> Response:
    _own(person, share_id)
    person.require_step_up()
    now = datetime.now(UTC)
    try:
        until = until_of(person, form.get("term", ""), form.get("until", ""), now)
        sharing.extend(person.ledger, share_id, until=until, by=person.by(), now=now)
    except ProblemError as error:
        return _page(person, share_id, error, form)
    except rules.ShareTermError:
        return _page(person, share_id, ProblemError("share-term-wrong", "until"), form)
    except rules.ShareNotActiveError:
        return _page(person, share_id, ProblemError("share-over", "form"), form)
    share_access.extend_passcode(person.ledger, share_id, until=until)
    person.follow(SHARING)
    return go(f"{LIST}/{share_id}", notice="share-extended")


def _own(person: Visit, share_id: UUID) -> Share:
    patient_id = own_cabinet(person)
    try:
        found = sharing.load_share(person.ledger, share_id)
    except sharing.ShareUnknownError:
        raise ProblemError("not-found") from None
    if found.patient_id != patient_id:
        raise ProblemError("not-found")
    return found


def _active_link(person: Visit, share_id: UUID) -> Share:
    found = _own(person, share_id)
    if found.kind is not ShareKind.LINK or not found.is_active(datetime.now(UTC)):
        raise ProblemError("not-found")
    person.require_step_up()
    return found


# What the pages say


def _described(person: Visit, rows: list[ShareRow]) -> dict[UUID, dict[str, Any]]:
    """What each is called: streams, read by one query."""
    states = person.ledger.load_unerased(*((row.share_id, rules.evolve) for row in rows))
    names = {row.member_id: _doctor(person, row.member_id) for row in rows if row.member_id is not None}
    return {
        row.share_id: {
            "label": folded[0].description.label
            if folded and folded[0] is not None and folded[0].description
            else None,
            "doctor": names.get(row.member_id) if row.member_id else None,
        }
        for row, folded in zip(rows, states, strict=True)
    }


def _doctor(person: Visit, member_id: UUID) -> dict[str, Any]:
    found = load_doctor(person.ledger, StaffMemberId(member_id))
    if found is None:
        return {"name": "—", "speciality": None, "organisation": "—"}
    organisation = onboarding.laboratory_of_id(person.ledger, found.organisation_id)
    return {
        "name": found.name or "—",
        "speciality": found.speciality.value,
        "organisation": organisation.name,
    }


def _entry(row: ShareRow, described: dict[str, Any], now: datetime) -> dict[str, Any]:
    return described | {
        "id": str(row.share_id),
        "kind": row.kind,
        "reports": len(row.report_ids),
        "shared_at": row.shared_at,
        "until": row.until,
        "openings": row.openings,
        "openings_max": row.openings_max,
        "last_opened_at": row.last_opened_at,
        "end": row.end_at(now),
    }


def _page(
    person: Visit, share_id: UUID, error: ProblemError | None = None, form: Form | None = None
) -> Response:
    found = _own(person, share_id)
    now = datetime.now(UTC)
    history = list(person.ledger.read(share_id))
    titles = titles_of(person, found.report_ids)
    described = found.description
    return person.page(
        "share.html",
        status=explain(error.code).status if error else 200,
        path=f"{LIST}/{share_id}",
        share={
            "id": str(share_id),
            "kind": found.kind.value,
            "label": described.label if described else None,
            "message": described.message if described else None,
            "shared_at": history[0].recorded_at,
            "until": found.until,
            "end": found.end_at(now),
            "needs_passcode": found.needs_passcode,
            "openings": found.openings,
            "openings_max": found.openings_max,
            "doctor": _doctor(person, found.member_id) if found.member_id else None,
        },
        reports=[{"id": str(one), "title": titles.get(one)} for one in found.report_ids],
        openings=_openings(history, titles),
        refusals=_refusals(history),
        terms=TERMS,
        errors=told(error, person.locale) if error else {},
        values={"term": "7"} | dict(form or {}),
    )


def _openings(history: list[RecordedEvent], titles: dict[UUID, str | None]) -> list[dict[str, Any]]:
    """Each opening, the latest first: by whom, as they said themselves, and which versions."""
    found: list[dict[str, Any]] = []
    for recorded in history:
        event = recorded.event
        if isinstance(event, ShareOpened):
            shown = [{"title": titles.get(one.report_id), "version": one.version} for one in event.versions]
            found.append({"at": event.opened_at, "recipient": None, "network": None, "versions": shown})
        elif isinstance(event, ShareRecipientStated) and found:
            found[-1] |= {"recipient": event.recipient, "network": event.network}
    return found[::-1]


def _refusals(history: list[RecordedEvent]) -> dict[str, Any] | None:
    """How often a wrong passcode was tried, and how many tries are left."""
    tried = [one for one in history if isinstance(one.event, SharePasscodeRefused)]
    if not tried:
        return None
    left = min(one.event.tries_left for one in tried if isinstance(one.event, SharePasscodeRefused))
    return {"count": len(tried), "left": left, "at": tried[-1].recorded_at}
