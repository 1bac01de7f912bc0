"""`letopis study-request …`: the organisation's side of requests: points and hours, samples, payment."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import typer

from api.command_line.console import opened_node
from api.laboratories import OPERATOR
from api.node import Node
from domain.sampling import SamplingHoursError, SamplingPointStated, SamplingPointUnknownError
from domain.study_request import (
    PaymentWord,
    RequestClosedError,
    SampleInFutureError,
    StudyPaid,
)
from domain.study_type import StudyType
from domain.values import OrganisationId
from ledger import onboarding, sampling
from ledger import study_request as requests
from ledger.commands import LaboratoryNotFoundError
from ledger.study_request import RequestNotFoundError

study_request = typer.Typer(no_args_is_help=True, help="Study requests: points, samples, payment.")
_HANDLE = typer.Argument(help="The laboratory's short name, as given to `letopis lab add`.")
_NUMBER = typer.Argument(help="The request's number, as the patient says it.")
_POINT = typer.Argument(help="The point's short code.")
_AT = typer.Option(help="When, with a time zone: 2026-11-23T08:15:00+03:00. Now without it.")


@dataclass(frozen=True, slots=True)
class _Found:
    opened: Node
    organisation_id: OrganisationId
    request_id: UUID


@contextmanager
def _organisation(handle: str, *refused: type[Exception]) -> Iterator[tuple[Node, OrganisationId]]:
    with opened_node(LaboratoryNotFoundError, *refused) as opened:
        laboratory_id, _ = onboarding.load_laboratory(opened.ledger, handle)
        yield opened, OrganisationId(laboratory_id)


@contextmanager
def _request(handle: str, number: str) -> Iterator[_Found]:
    refused = (RequestNotFoundError, RequestClosedError, SampleInFutureError)
    with _organisation(handle, *refused) as (opened, organisation_id):
        yield _Found(opened, organisation_id, requests.find_request(opened.ledger, organisation_id, number))


def _moment(at: str | None) -> datetime:
    if at is None:
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(at)
    except ValueError:
        raise typer.BadParameter("a date and time, as in 2026-11-23T08:15:00+03:00") from None
    if found.tzinfo is None:
        raise typer.BadParameter("the time zone is missing")
    return found


@study_request.command(name="taken")
def taken(
    handle: Annotated[str, _HANDLE],
    number: Annotated[str, _NUMBER],
    at: Annotated[str | None, _AT] = None,
) -> None:
    """The sample was taken."""
    moment = _moment(at)
    with _request(handle, number) as found:
        ledger = found.opened.ledger
        requests.take_sample(ledger, found.request_id, taken_at=moment, now=datetime.now(UTC), by=OPERATOR)
        print(f"{number}: sample taken")


@study_request.command(name="reached")
def reached(handle: Annotated[str, _HANDLE], number: Annotated[str, _NUMBER]) -> None:
    """The sample is at the laboratory."""
    with _request(handle, number) as found:
        requests.reach_laboratory(found.opened.ledger, found.request_id, at=datetime.now(UTC), by=OPERATOR)
        print(f"{number}: at the laboratory")


@study_request.command(name="paid")
def paid(handle: Annotated[str, _HANDLE], number: Annotated[str, _NUMBER]) -> None:
    """The organisation says that the study is paid for."""
    with _request(handle, number) as found:
        requests.pay(
            found.opened.ledger, found.request_id, StudyPaid(said_by=PaymentWord.ORGANISATION), OPERATOR
        )
        print(f"{number}: paid")


@study_request.command(name="cancel")
def cancel(handle: Annotated[str, _HANDLE], number: Annotated[str, _NUMBER]) -> None:
    """The organisation will not make the study."""
    with _request(handle, number) as found:
        requests.cancel(found.opened.ledger, found.request_id, reason="organisation", by=OPERATOR)
        print(f"{number}: cancelled")


# Points


@study_request.command(name="point")
def state_point(
    handle: Annotated[str, _HANDLE],
    code: Annotated[str, _POINT],
    *,
    address: Annotated[str, typer.Option(help="Where it is, as patients read it.")],
    name: Annotated[str, typer.Option(help="What it is called.")] = "",
    days: Annotated[str, typer.Option(help="Weekdays from 1 (Monday) to 7: 1-5 or 1,3,5.")] = "1-5",
    opens: Annotated[str, typer.Option(help="HH:MM by the point's own clock.")] = "08:00",
    closes: Annotated[str, typer.Option(help="HH:MM.")] = "11:00",
    every: Annotated[int, typer.Option(help="Minutes for one patient.")] = 15,
    study_type: Annotated[
        list[StudyType] | None, typer.Option(help="Only these types; repeat for more. All without it.")
    ] = None,
) -> None:
    """State a collection point and its hours, or change them."""
    with _organisation(handle, SamplingHoursError) as (opened, organisation_id):
        point = SamplingPointStated(
            organisation_id=organisation_id,
            code=code,
            name=name or code,
            address=address,
            time_zone=opened.settings.time_zone,
            weekdays=_weekdays(days),
            opens=opens,
            closes=closes,
            slot_minutes=every,
            study_types=tuple(study_type or ()),
        )
        sampling.state_point(opened.ledger, point, OPERATOR)
        print(f"{handle}: {code} takes samples")


@study_request.command(name="close-point")
def close_point(handle: Annotated[str, _HANDLE], code: Annotated[str, _POINT]) -> None:
    """No more samples are taken there."""
    with _organisation(handle, SamplingPointUnknownError) as (opened, organisation_id):
        sampling.close_point(opened.ledger, organisation_id, code, OPERATOR)
        print(f"{handle}: {code} is closed")


@study_request.command(name="points")
def list_points(handle: Annotated[str, _HANDLE]) -> None:
    """The points that take samples, one JSON object a line."""
    with _organisation(handle) as (opened, organisation_id):
        for code, point in sorted(sampling.load_sampling(opened.ledger, organisation_id).points.items()):
            line = {
                "code": code,
                "name": point.name,
                "address": point.address,
                "weekdays": [day + 1 for day in point.weekdays],
                "opens": point.opens,
                "closes": point.closes,
                "every": point.slot_minutes,
                "study_types": list(point.study_types),
            }
            print(json.dumps(line, ensure_ascii=False))


def _weekdays(text: str) -> tuple[int, ...]:
    """`1-5` or `1,3,5` as days from 0."""
    found: set[int] = set()
    try:
        for part in text.split(","):
            first, _, last = part.partition("-")
            found |= set(range(int(first) - 1, int(last or first)))
    except ValueError:
        raise typer.BadParameter("weekdays as in 1-5 or 1,3,5") from None
    return tuple(sorted(found))
