"""Pages where a patient sees what was sent to them: of each version of a report the state of each channel, since
when and why; and of one notification, what became of it step by step."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import Response

from api.delivery_steps import Step, history_of, steps_of
from api.delivery_words import STAGES, WAYS, reason_word
from api.portal.masks import masked_email, masked_phone
from api.portal.seen_reports import seen_reports, titles_of
from api.portal.web import Person, Visit
from api.problems import ProblemError
from domain import patient as patients
from domain.channel import Channel
from domain.notification import NotificationAttempted
from domain.values import PatientId
from ledger.codec import RecordedEvent
from projections import delivery_overview
from projections.delivery_overview import Announced, ChannelRow

router = APIRouter(include_in_schema=False)
LIST = "/notifications"
PAGE_ROWS = 20
# Why a guardian is not told may be said to their ward, and to another guardian, if it is about the report or the
# guardianship. The rest is theirs: what they consent to and chose, and which of their contacts works.
_OF_ANYBODY = frozenset(
    {
        "not-in-sight",
        "guardianship-over",
        "ward-consent-missing",
        "version-late",
        "superseded",
        "news-old",
        "life-over",
        "by-operator",
        "worker-lost",
    }
)


@router.get(LIST)
def notifications_page(
    person: Person, channel: str = "", stage: str = "", page: Annotated[int, Query(ge=1, le=10_000)] = 1
) -> Response:
    chosen = {name: value for name, value in (("channel", channel), ("stage", stage)) if value}
    found: list[Announced] = []
    seen = _seen(person)
    # A word of an address that is none of ours is not asked of the database.
    if channel in ("", *Channel) and stage in ("", *STAGES):
        found = delivery_overview.announced_to(
            person.ledger,
            person.patient_id,
            reports=None if seen is None else list(seen),
            channel=channel or None,
            statuses=STAGES.get(stage),
            limit=PAGE_ROWS + 1,
            offset=(page - 1) * PAGE_ROWS,
        )
    titles = titles_of(person, [one.report_id for one in found]) if seen is None else seen
    return person.page(
        "notifications.html",
        announced=[_announced(person, one, titles) for one in found[:PAGE_ROWS]],
        is_filtered=bool(chosen),
        channels=[(one.value, one == channel) for one in Channel],
        stages=[(one, one == stage) for one in STAGES],
        earlier=_address(chosen, page - 1) if page > 1 else None,
        further=_address(chosen, page + 1) if len(found) > PAGE_ROWS else None,
        settings_href=_open(person, "/notifications/settings"),
        check_list_href=_open(person, "/services/receiving/check-list"),
    )


def _seen(person: Visit) -> Mapping[UUID, str | None] | None:
    """What a guardian may see of, by title; None to the patient, who may see of everything."""
    if person.acting is None:
        return None
    rows = seen_reports(person, limit=1000)
    return {row.report_id: row.summary.title for row in rows if row.summary is not None}


def _address(chosen: Mapping[str, str], page: int) -> str:
    query = urlencode(dict(chosen) | ({"page": str(page)} if page > 1 else {}))
    return f"{LIST}?{query}" if query else LIST


def _announced(person: Visit, one: Announced, titles: Mapping[UUID, str | None]) -> dict[str, Any]:
    is_own = one.patient_id == person.patient_id
    is_open = is_own and one.report_id in titles
    return {
        # Of a report that left the cabinet, and of a ward's, no title is left to show.
        "title": titles.get(one.report_id) if is_open else None,
        "href": f"/reports/{one.report_id}" if is_open else None,
        "about": one.about or ("new" if one.report_version == 1 else "version"),
        "version": one.report_version,
        "recipient": None if one.recipient_id is None else "guardian" if is_own else "of-ward",
        "at": one.at,
        "cabinet": _cabinet(person, one, is_open=is_open) if is_own and one.recipient_id is None else None,
        "channels": [
            _channel(person, row, is_anothers=_is_anothers(person, one))
            | {"password_href": _password(person, one, row) if is_open else None}
            for row in sorted(one.channels, key=lambda row: list(Channel).index(Channel(row.channel)))
        ],
    }


def _cabinet(person: Visit, one: Announced, *, is_open: bool) -> dict[str, Any] | None:
    """The channel that needs no sending: what is told of is there, or why it is not."""
    if one.about in ("document", "password"):
        return None
    state = "there"
    if not is_open or not one.is_kept:
        state = "left"
    elif one.held is not None:
        state = "held"
    elif any(row.reason == "version-late" for row in one.channels):
        state = "late"
    why = "not-permitted" if state == "held" else None
    return {"state": state, "at": one.at, "reason": why, "mend": _mend(person, why)}


def _is_anothers(person: Visit, one: Announced) -> bool:
    """Whether a guardian is told by it, and not who reads of it here."""
    return one.recipient_id not in (None, person.signed_in().patient_id)


def _channel(person: Visit, row: ChannelRow, *, is_anothers: bool) -> dict[str, Any]:
    why = reason_word(row.reason, row.channel, is_unknown=row.status == "unknown")
    if is_anothers:
        why = why if why in _OF_ANYBODY else None
        row = replace(row, due_at=None, waits_for=None)
    return {
        "href": f"{LIST}/{row.notification_id}",
        "channel": row.channel,
        "state": row.status,
        "at": row.changed_at,
        "until": row.due_at if row.status in ("postponed", "waiting") else None,
        "waits_for": row.waits_for if row.status == "postponed" else None,
        "reason": why,
        # What is tried again by itself asks nothing of its reader.
        "mend": _mend(person, why) if row.status != "waiting" else None,
        "in_digest": row.digest_id is not None,
        "carries": row.carries,
    }


def _password(person: Visit, one: Announced, row: ChannelRow) -> str | None:
    """Where the password is of the document that went along."""
    if row.carries is None or row.status not in STAGES["sent"]:
        return None
    return _open(person, f"/reports/{one.report_id}/documents/{row.notification_id}")


def _mend(person: Visit, why: str | None) -> dict[str, str] | None:
    """Where the reader can do something about it: the way, and its word."""
    href = _open(person, WAYS.get(why or ""))
    return {"key": why, "href": href} if why and href else None


def _open(person: Visit, path: str | None) -> str | None:
    return path if path and person.may_open(path) else None


# One notification


@router.get(LIST + "/{notification_id:uuid}")
def notification_page(person: Person, notification_id: UUID) -> Response:
    """What became of it. Where nothing was to be sent, the one line that says why."""
    one = delivery_overview.announced_by(person.ledger, person.patient_id, notification_id)
    seen = _seen(person)
    if one is None or (seen is not None and one.report_id not in seen):
        raise ProblemError("not-found")
    titles = titles_of(person, [one.report_id]) if seen is None else seen
    row, shown = one.channels[0], _announced(person, one, titles)
    history = history_of(person.ledger, notification_id, row.digest_id)
    steps = list(steps_of(history, row.channel)) or [
        Step(row.channel, row.changed_at, "suppressed", code=row.reason)
    ]
    if _is_anothers(person, one):
        steps = [
            replace(step, code=step.code if step.reason in _OF_ANYBODY else None, until=None)
            for step in steps
        ]
    return person.page(
        "notification.html",
        one=shown,
        channel=shown["channels"][0],
        steps=steps,
        address=_address_of(person, one, history),
    )


def _address_of(person: Visit, one: Announced, history: Sequence[RecordedEvent]) -> str | None:
    """Where it was sent, masked: the address as it stood at the last attempt. Another's is not shown."""
    tried = [
        recorded.recorded_at for recorded in history if isinstance(recorded.event, NotificationAttempted)
    ]
    told = PatientId(one.recipient_id or one.patient_id)
    if not tried or told != person.patient_id:
        return None
    stated = sum(recorded.recorded_at <= tried[-1] for recorded in person.ledger.read(told))
    known, _ = person.ledger.load(told, patients.evolve, until=stated)
    if known is None:
        return None
    if one.channels[0].channel == Channel.EMAIL:
        return masked_email(known.email) if known.email else None
    return masked_phone(known.phone) if one.channels[0].channel == Channel.SMS and known.phone else None
