"""`letopis notice`: notices that reached nobody are listed, shown, tried again, or given up."""

import json
from collections.abc import Callable, Iterator
from typing import Annotated, Any
from uuid import UUID

import typer

from api.command_line.console import opened_node, say_if_none
from api.laboratories import OPERATOR
from api.node import Node
from domain.channel import Channel
from domain.dead_letter import NotificationNotFinalError
from ledger import sending
from ledger.codec import Circumstances
from ledger.sending import NotificationNotFoundError
from ledger.store import Ledger
from projections import delivery_health
from projections.delivery_health import DeadLetter

notice = typer.Typer(no_args_is_help=True, help="Notices that reached nobody.")
_REFUSALS = (NotificationNotFinalError, NotificationNotFoundError)
_IDS = typer.Argument(help="Notifications.")
_CHANNEL = typer.Option("--channel", help="By this channel only.")
_REASON = typer.Option("--reason", help="For this reason only, as it is listed.")
_ALL = typer.Option("--all", help="All that are listed, of this channel and reason if they are given.")
_JSON = typer.Option("--json", help="One JSON object a line.")
PAGE = 200


@notice.command(name="list")
def list_letters(
    channel: Annotated[Channel | None, _CHANNEL] = None,
    reason: Annotated[str | None, _REASON] = None,
    as_json_lines: Annotated[bool, _JSON] = False,
) -> None:
    """What failed for good, came back, may or may not have arrived, or was tried for three days; the latest first."""
    with opened_node() as opened:
        lines = (_line(one) for one in _letters(opened.ledger, channel, reason))
        told = (json.dumps(one) if as_json_lines else _told(one) for one in lines)
        say_if_none(told, "Every notice arrived, or is still on its way.")


@notice.command()
def show(notification_id: Annotated[UUID, typer.Argument(help="The notification's id.")]) -> None:
    """Its events in order, one JSON object a line. No names and no addresses are in them."""
    with opened_node(*_REFUSALS) as opened:
        events = list(opened.ledger.read(notification_id))
        if not events:
            raise NotificationNotFoundError
        for one in events:
            said = {"at": one.recorded_at.isoformat(), "by": one.circumstances.actor}
            print(json.dumps(said | {"event": type(one.event).__name__} | _plain(one.event)))


@notice.command()
def retry(
    notification_ids: Annotated[list[UUID] | None, _IDS] = None,
    every: Annotated[bool, _ALL] = False,
    channel: Annotated[Channel | None, _CHANNEL] = None,
    reason: Annotated[str | None, _REASON] = None,
) -> None:
    """Try notices again, with a life of their own from now on: after what stood in the way was mended. What may have
    arrived (unknown) may so come twice."""
    _decide(sending.retry, "retried", notification_ids, channel, reason, every=every)


@notice.command()
def abandon(
    notification_ids: Annotated[list[UUID] | None, _IDS] = None,
    every: Annotated[bool, _ALL] = False,
    channel: Annotated[Channel | None, _CHANNEL] = None,
    reason: Annotated[str | None, _REASON] = None,
) -> None:
    """Give notices up: nobody tries them any more. Their patients see that."""
    _decide(sending.abandon, "abandoned", notification_ids, channel, reason, every=every)


def _decide(
    decide: Callable[[Ledger, UUID, Circumstances], None],
    word: str,
    notification_ids: list[UUID] | None,
    channel: Channel | None,
    reason: str | None,
    *,
    every: bool,
) -> None:
    with opened_node(*_REFUSALS) as opened:
        chosen = notification_ids or []
        if not (chosen or every):
            raise typer.BadParameter("name notifications (letopis notice list), or say --all")
        if every:
            chosen = [one.notification_id for one in list(_letters(opened.ledger, channel, reason))]
        for notification_id in chosen:
            _carry_out(opened, decide, notification_id, is_named=not every)
            print(f"{notification_id}: {word}")


def _carry_out(
    opened: Node,
    decide: Callable[[Ledger, UUID, Circumstances], None],
    notification_id: UUID,
    *,
    is_named: bool,
) -> None:
    """Of all that were listed, one may be none any more by its turn: that is no failure."""
    try:
        decide(opened.ledger, notification_id, OPERATOR)
    except NotificationNotFinalError:
        if is_named:
            raise


def _letters(ledger: Ledger, channel: Channel | None, reason: str | None) -> Iterator[DeadLetter]:
    after = None
    while page := delivery_health.dead_letters(
        ledger, channel=channel, reason=reason, after=after, limit=PAGE
    ):
        yield from page
        after = page[-1].notification_id


def _line(one: DeadLetter) -> dict[str, Any]:
    return {
        "notification": str(one.notification_id),
        "channel": one.channel,
        "status": one.status,
        "reason": one.reason,
        "tries": one.attempt,
        "requested_at": one.requested_at.isoformat(),
        "changed_at": one.changed_at.isoformat(),
        "patient": str(one.patient_id),
        "report": str(one.report_id),
        "version": one.report_version,
    }


def _told(line: dict[str, Any]) -> str:
    return (
        f"{line['notification']}  {line['channel']:5}  {line['status']}: {line['reason']}"
        f"  ({line['tries']} tries, since {line['changed_at']})"
    )


def _plain(event: object) -> dict[str, Any]:
    """What the event says, without what only the basis of a decision is made of."""
    names = getattr(event, "__dataclass_fields__", {})
    said = {
        name: getattr(event, name) for name in names if name not in ("basis", "patient_id", "recipient_id")
    }
    return {
        name: value if isinstance(value, int | str) else str(value)
        for name, value in said.items()
        if value not in (None, (), False)
    }
