"""Pages where an operator sees how delivery goes: what is open, what went through, what reached nobody and why.

Dead letters are retried or given up, one or all of one reason; the act is recorded with the member. Whose they are
is shown by pseudonym; no address and no name is here.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from api.delivery_steps import history_of, steps_of
from api.delivery_words import reason_word
from api.portal.web import Form, go
from api.problems import ProblemError
from api.sending import breaker
from api.sending.senders import is_set_up
from api.staff.web import StaffVisit, acts, reads
from domain.channel import Channel
from domain.dead_letter import NotificationNotFinalError
from domain.staff import Role
from ledger import sending
from ledger.codec import Circumstances
from ledger.store import Ledger
from projections import delivery_health
from projections.delivery import DELIVERY
from projections.delivery_health import DAY, HOUR, DeadLetter

router = APIRouter(include_in_schema=False, prefix="/staff/delivery")
Operator = Annotated[StaffVisit, Depends(reads(Role.OPERATOR))]
OperatorActs = Annotated[StaffVisit, Depends(acts(Role.OPERATOR))]
LIST = "/staff/delivery"
PAGE_ROWS = 50
# So many are decided on by one act of all of a reason: the page says how many are left.
AT_ONCE = 500
# What is due is taken within seconds; by then something holds it up.
LATE = timedelta(minutes=5)
Decision = Callable[[Ledger, UUID, Circumstances], object]


@router.get("")
def delivery_page(
    visit: Operator,
    channel: str = "",
    reason: str = "",
    after: Annotated[UUID | None, Query()] = None,
) -> Response:
    ledger, now = visit.ledger, datetime.now(UTC)
    counts = delivery_health.dead_counts(ledger)
    matching = [one for one in counts if channel in ("", one.channel) and reason in ("", one.reason)]
    found: list[DeadLetter] = []
    # What is in no count is in no row either: words of an address are not asked of the database.
    if matching:
        found = delivery_health.dead_letters(
            ledger, channel=channel or None, reason=reason or None, after=after, limit=PAGE_ROWS + 1
        )
    rows = found[:PAGE_ROWS]
    chosen = {name: value for name, value in (("channel", channel), ("reason", reason)) if value}
    return visit.page(
        "staff_delivery.html",
        channels=_channels(visit, now),
        total=sum(one.count for one in counts),
        matching=sum(one.count for one in matching),
        at_once=AT_ONCE,
        chosen_channel=channel,
        chosen_reason=reason,
        channel_choices=_choices((one.channel, one.count) for one in counts if reason in ("", one.reason)),
        reason_choices=_choices((one.reason, one.count) for one in counts if channel in ("", one.channel)),
        letters=[_letter(row) for row in rows],
        first=_address(chosen) if after else None,
        further=_address(chosen | {"after": str(rows[-1].notification_id)})
        if len(found) > PAGE_ROWS
        else None,
    )


def _channels(visit: StaffVisit, now: datetime) -> list[dict[str, Any]]:
    """Each channel: what is open, since when it owes something, its rates, and whether its provider answers."""
    ledger = visit.ledger
    open_counts = delivery_health.open_counts(ledger)
    oldest = delivery_health.oldest_due(ledger, now=now)
    within = {
        name: {rate.channel: rate for rate in delivery_health.rates(ledger, since=now - stretch)}
        for name, stretch in (("hour", HOUR), ("day", DAY))
    }
    providers = {one.channel: one for one in breaker.standings(ledger)}
    return [
        {
            "channel": channel.value,
            "open": [(status, count) for of, status, count in open_counts if of == channel],
            "oldest": oldest.get(channel),
            "late": channel in oldest and now - oldest[channel] > LATE,
            "rates": [
                (name, rates[channel].taken, rates[channel].failed) if channel in rates else (name, 0, 0)
                for name, rates in within.items()
            ],
            "is_set_up": is_set_up(visit.door.settings, channel),
            "paused_until": providers[channel].open_until,
            "answer": providers[channel].last_answer,
            "answered_at": providers[channel].last_answer_at,
        }
        for channel in Channel
    ]


def _choices(counted: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    """What can be chosen, each with its number; the most first."""
    totals: dict[str, int] = {}
    for value, count in counted:
        totals[value] = totals.get(value, 0) + count
    return [
        {"value": value, "count": count}
        for value, count in sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    ]


def _letter(row: DeadLetter) -> dict[str, Any]:
    return {
        "id": str(row.notification_id),
        "href": f"{LIST}/{row.notification_id}",
        "patient_id": str(row.patient_id),
        "recipient_id": str(row.recipient_id) if row.recipient_id else None,
        "report_id": str(row.report_id),
        "version": row.report_version,
        "channel": row.channel,
        "status": row.status,
        "code": row.reason,
        "reason": reason_word(row.reason, row.channel, is_unknown=row.status == "unknown"),
        "about": row.about or ("new" if row.report_version == 1 else "version"),
        "attempt": row.attempt,
        "requested_at": row.requested_at,
        "at": row.changed_at,
    }


def _address(chosen: Mapping[str, str]) -> str:
    return f"{LIST}?{urlencode(chosen)}" if chosen else LIST


@router.get("/{notification_id}")
def letter_page(visit: Operator, notification_id: UUID) -> Response:
    found = delivery_health.dead_letter(visit.ledger, notification_id)
    if found is None:
        raise ProblemError("not-found")
    return visit.page(
        "staff_dead_letter.html",
        letter=_letter(found),
        steps=list(steps_of(history_of(visit.ledger, notification_id, None), found.channel)),
    )


# Acts


@router.post("/all")
def decide_on_all(visit: OperatorActs, form: Form) -> Response:
    """All of one channel and reason, the latest first, as many as one act takes."""
    channel, reason = form.get("channel", ""), form.get("reason", "")
    if channel not in tuple(Channel):
        raise ProblemError("not-found")
    decide, notice = _decision(form.get("act", ""))
    # A NUL can't stand in a text of the database, and is no reason of ours.
    letters = delivery_health.dead_letters(
        visit.ledger, channel=channel, reason=reason.replace("\0", "?"), limit=AT_ONCE
    )
    for letter in letters:
        try:
            decide(visit.ledger, letter.notification_id, visit.by())
        except NotificationNotFinalError:
            continue  # the provider's answer, or another operator, was faster
    visit.follow(DELIVERY)
    return go(LIST, notice=notice)


@router.post("/{notification_id}")
def decide_on_one(visit: OperatorActs, notification_id: UUID, form: Form) -> Response:
    if delivery_health.dead_letter(visit.ledger, notification_id) is None:
        raise ProblemError("not-found")
    decide, notice = _decision(form.get("act", ""))
    try:
        decide(visit.ledger, notification_id, visit.by())
    except NotificationNotFinalError:
        raise ProblemError("notification-not-final") from None
    visit.follow(DELIVERY)
    return go(LIST, notice=notice)


def _decision(act: str) -> tuple[Decision, str]:
    if act == "retry":
        return sending.retry, "notices-retried"
    if act == "abandon":
        return sending.abandon, "notices-abandoned"
    raise ProblemError("not-found")
