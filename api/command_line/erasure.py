"""`letopis erasure`: whose data is to be destroyed, by when, what holds it back, and the act of destroying itself.

An order needs two persons. Here each is a word of whoever has the server's shell (`--by`): it is recorded as
`operator:<handle>`, never as the member of staff themselves.
"""

import json
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID

import typer

from api import erasing
from api.command_line.console import opened_node, say_if_none
from api.laboratories import OPERATOR
from api.settings import Settings
from domain.erasure import (
    AlreadyConfirmedError,
    AlreadyErasedError,
    AlreadyOrderedError,
    CallOffReason,
    ErasureGround,
    ErasureHeldError,
    ErasureNotConfirmedError,
    ErasureNotOrderedError,
    HoldNotFoundError,
    HoldReason,
    SamePersonError,
)
from domain.staff import Role
from domain.values import PatientId
from ledger import erasure
from ledger.codec import Circumstances
from ledger.commands import PatientNotFoundError
from ledger.staff import load_member, member_id_of
from ledger.store import Ledger
from projections import erasure as view

erasures = typer.Typer(no_args_is_help=True, help="Destroying a patient's data: orders, holds, and doing it.")


class OfficerUnknownError(Exception):
    """There is no such member of staff in the role compliance."""


_REFUSALS = (
    OfficerUnknownError,
    SamePersonError,
    AlreadyConfirmedError,
    ErasureNotConfirmedError,
    PatientNotFoundError,
    AlreadyOrderedError,
    AlreadyErasedError,
    ErasureHeldError,
    ErasureNotOrderedError,
    HoldNotFoundError,
)
_PATIENT = typer.Argument(help="The patient's id.")
_BY = typer.Option("--by", help="Whose word it is: a member of staff in the role compliance.")


@erasures.command(name="list")
def list_erasures() -> None:
    """What is to be destroyed, by its day, then what was; each with what holds it. One JSON object a line."""
    with opened_node() as opened:
        holds: dict[UUID, list[Any]] = {}
        for one in view.holds(opened.ledger):
            holds.setdefault(one.patient_id, []).append(_plain(asdict(one)))
        rows = [
            _plain(asdict(row) | {"status": "ordered" if row.is_ready else "unconfirmed"})
            for row in view.orders(opened.ledger)
        ]
        rows += [_plain(asdict(row)) for row in view.erasures(opened.ledger)]
        found = [row | {"holds": holds.pop(UUID(row["patient_id"]), [])} for row in rows]
        found += [{"patient_id": str(one), "status": "held", "holds": of} for one, of in holds.items()]
        lines = [json.dumps(one, ensure_ascii=False) for one in found]
        say_if_none(lines, "Nothing is to be destroyed, and nothing was.")


@erasures.command()
def order(
    patient_id: Annotated[UUID, _PATIENT],
    due: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The last day.")],
    handle: Annotated[str, _BY],
    reference: Annotated[str | None, typer.Option(help="Number of the authority's order; no names.")] = None,
    term_ended: Annotated[
        bool, typer.Option("--term-ended", help="Not an order: the term of keeping is over.")
    ] = False,
) -> None:
    """Order that everything of this patient be destroyed: by an authority, or because the term is over. Another person
    must confirm it."""
    ground = ErasureGround.TERM_ENDED if term_ended else ErasureGround.ORDER
    with opened_node(*_REFUSALS) as opened:
        by = _officer(opened.ledger, handle)
        erasure.order(
            opened.ledger, PatientId(patient_id), by, ground=ground, due=due.date(), reference=reference
        )


@erasures.command()
def confirm(patient_id: Annotated[UUID, _PATIENT], handle: Annotated[str, _BY]) -> None:
    """Another person wants what was ordered too."""
    with opened_node(*_REFUSALS) as opened:
        erasure.confirm(opened.ledger, PatientId(patient_id), _officer(opened.ledger, handle))


@erasures.command(name="call-off")
def call_off(
    patient_id: Annotated[UUID, _PATIENT],
    reason: Annotated[CallOffReason, typer.Option(help="Why.")],
    handle: Annotated[str, _BY],
) -> None:
    """What was ordered is not to be done. What the patient's own withdrawal began goes on."""
    with opened_node(*_REFUSALS) as opened:
        by = _officer(opened.ledger, handle)
        erasure.call_off(opened.ledger, PatientId(patient_id), by, reason=reason)


@erasures.command()
def hold(
    patient_id: Annotated[UUID, _PATIENT],
    reason: Annotated[HoldReason, typer.Option(help="Why.")],
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last day of it.")] = None,
    reference: Annotated[
        str | None, typer.Option(help="Number of the document that asks for it; no names.")
    ] = None,
) -> None:
    """Hold the patient's data back from being destroyed. Prints the hold's id."""
    with opened_node(*_REFUSALS) as opened:
        print(
            erasure.hold(
                opened.ledger,
                PatientId(patient_id),
                OPERATOR,
                reason=reason,
                until=until.date() if until else None,
                reference=reference,
            )
        )


@erasures.command()
def release(
    patient_id: Annotated[UUID, _PATIENT], hold_id: Annotated[UUID, typer.Argument(help="The hold's id.")]
) -> None:
    """The reason of a hold holds no more."""
    with opened_node(*_REFUSALS) as opened:
        erasure.release_hold(opened.ledger, PatientId(patient_id), hold_id, OPERATOR)


@erasures.command()
def run(
    patient_id: Annotated[
        UUID | None, typer.Argument(help="One patient, whose day need not have come.")
    ] = None,
) -> None:
    """Destroy now what is due and not held. A server does it itself, within a minute."""
    with opened_node(*_REFUSALS) as opened:
        today = datetime.now(UTC).date()
        if patient_id is None:
            years = Settings().medical_records_years
            print(f"erased: {erasing.erase_due(opened.ledger, datetime.now(UTC), medical_years=years)}")
            return
        erased = erasing.erase_now(opened.ledger, PatientId(patient_id), OPERATOR, today=today)
        print(json.dumps(asdict(erased.destroyed) | {"epochs": erased.epochs}))


def _officer(ledger: Ledger, handle: str) -> Circumstances:
    member = load_member(ledger, member_id_of(ledger, handle))
    if member is None or not (member.is_admitted and member.may(Role.COMPLIANCE)):
        raise OfficerUnknownError
    return Circumstances(actor=f"operator:{handle}")


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat()
        if isinstance(value, date | datetime)
        else str(value)
        if isinstance(value, UUID)
        else value
        for name, value in row.items()
    }
