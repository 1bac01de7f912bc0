"""Pages where an operator compares the card numbers that patients state with the organisations' word (S23).

The list holds pseudonyms; a number is shown only after it is recorded who saw it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from api.portal.web import Form, go
from api.problems import ProblemError
from api.staff.web import StaffVisit, acts, reads
from domain.medical_card import CardNotClaimedError, CardRefusal, CardStatus
from domain.staff import Role
from domain.values import LaboratoryId, PatientId
from ledger import medical_card
from ledger.commands import LaboratoryNotFoundError, PatientNotFoundError
from ledger.onboarding import laboratory_of_id
from ledger.recorder import MarkTakenError
from projections import organisations
from projections.organisations import ORGANISATIONS

router = APIRouter(include_in_schema=False, prefix="/staff/cards")
Operator = Annotated[StaffVisit, Depends(reads(Role.OPERATOR))]
OperatorActs = Annotated[StaffVisit, Depends(acts(Role.OPERATOR))]
LIST = "/staff/cards"
PAGE_ROWS = 50
_LAST_POSITION = 2**63 - 1
_REFUSALS: dict[type[Exception], str] = {
    CardNotClaimedError: "card-not-claimed",
    PatientNotFoundError: "patient-not-found",
    MarkTakenError: "laboratory-patient-id-taken",
}


@router.get("")
def list_page(visit: Operator, after: Annotated[int, Query(ge=0, le=_LAST_POSITION)] = 0) -> Response:
    rows = organisations.cards_waiting(visit.ledger, after=after, limit=PAGE_ROWS)
    is_more = len(rows) == PAGE_ROWS
    return visit.page(
        "cards.html",
        total=organisations.count_cards(visit.ledger),
        entries=[
            {
                "href": f"{LIST}/{row.laboratory_id}/{row.patient_id}",
                "patient_id": str(row.patient_id),
                "laboratory": row.laboratory,
                "claimed_at": row.claimed_at,
            }
            for row in rows
        ],
        further=f"{LIST}?after={rows[-1].position}" if is_more else None,
    )


@router.get("/{laboratory_id}/{patient_id}")
def card_page(visit: Operator, laboratory_id: UUID, patient_id: UUID) -> Response:
    return _page(visit, laboratory_id, patient_id, number=None)


@router.post("/{laboratory_id}/{patient_id}/number")
def show_number(visit: OperatorActs, laboratory_id: UUID, patient_id: UUID) -> Response:
    with _refusals():
        number = medical_card.show_card(
            visit.ledger, PatientId(patient_id), LaboratoryId(laboratory_id), visit.by()
        )
    return _page(visit, laboratory_id, patient_id, number=number)


@router.post("/{laboratory_id}/{patient_id}/confirm")
def confirm(visit: OperatorActs, laboratory_id: UUID, patient_id: UUID, form: Form) -> Response:
    """The number that was shown, and no other, recognises the patient from now on."""
    with _refusals():
        medical_card.confirm_card(
            visit.ledger,
            PatientId(patient_id),
            LaboratoryId(laboratory_id),
            visit.by(),
            number=form.get("number", ""),
            system=form.get("system", "").strip(),
        )
    visit.follow(ORGANISATIONS)
    return go(LIST, notice="card-confirmed")


@router.post("/{laboratory_id}/{patient_id}/refuse")
def refuse(visit: OperatorActs, laboratory_id: UUID, patient_id: UUID, form: Form) -> Response:
    if form.get("reason") not in set(CardRefusal):
        raise ProblemError("card-reason-missing", "reason")
    with _refusals():
        medical_card.refuse_card(
            visit.ledger,
            PatientId(patient_id),
            LaboratoryId(laboratory_id),
            CardRefusal(form["reason"]),
            visit.by(),
        )
    visit.follow(ORGANISATIONS)
    return go(LIST, notice="card-refused")


def _page(visit: StaffVisit, laboratory_id: UUID, patient_id: UUID, *, number: str | None) -> Response:
    card = medical_card.load_card(visit.ledger, PatientId(patient_id), LaboratoryId(laboratory_id))
    if card is None or card.status is not CardStatus.CLAIMED:
        raise ProblemError("not-found")
    path = f"{LIST}/{laboratory_id}/{patient_id}"
    entry: dict[str, Any] = {
        "href": path,
        "patient_id": str(patient_id),
        "laboratory": _name(visit, laboratory_id),
    }
    return visit.page("card.html", path=path, entry=entry, number=number, refusals=list(CardRefusal))


def _name(visit: StaffVisit, laboratory_id: UUID) -> str:
    try:
        return laboratory_of_id(visit.ledger, laboratory_id).name
    except LaboratoryNotFoundError:
        return str(laboratory_id)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except tuple(_REFUSALS) as error:
        code = next(code for kind, code in _REFUSALS.items() if isinstance(error, kind))
        raise ProblemError(code) from None
