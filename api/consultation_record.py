"""What became of a consultation, as its history tells: for the patient's page and the doctor's."""

from datetime import datetime
from typing import Any
from uuid import UUID

from api.pages import Locale
from domain.consultation import Consultation, ConsultationBooked, ConsultationMoved
from domain.consultation_outcome import (
    ConclusionGiven,
    HistoryTaken,
    NextVisitSuggested,
    PrescriptionGiven,
    ReferralGiven,
)
from domain.study_catalogue import STUDIES
from ledger import consultations
from ledger.staff import handle_in
from ledger.store import Ledger


def time_before_doctor(
    ledger: Ledger, consultation_id: UUID
) -> ConsultationBooked | ConsultationMoved | None:
    """The time from which the doctor moved it; None if it is as the patient last chose it."""
    times = [
        (recorded.event, recorded.circumstances)
        for recorded in consultations.happened(ledger, consultation_id)
        if isinstance(recorded.event, ConsultationBooked | ConsultationMoved)
    ]
    if len(times) < 2 or handle_in(times[-1][1].actor) is None:
        return None
    return times[-2][0]


def outcome_shown(
    ledger: Ledger, consultation_id: UUID, state: Consultation, *, locale: Locale
) -> dict[str, Any]:
    """What was given, with the time of each; of texts also what they said before."""
    texts: dict[type, list[dict[str, Any]]] = {HistoryTaken: [], ConclusionGiven: []}
    at: dict[tuple[type, int], datetime] = {}
    for recorded in consultations.happened(ledger, consultation_id):
        match recorded.event:
            case HistoryTaken() | ConclusionGiven() as event:
                texts[type(event)].append({"text": event.text, "at": recorded.recorded_at})
            case PrescriptionGiven() | ReferralGiven() as event:
                at[type(event), event.number] = recorded.recorded_at
            case NextVisitSuggested():
                at[NextVisitSuggested, 0] = recorded.recorded_at
            case _:
                continue
    outcome, language = state.outcome, 0 if locale == "ru" else 1
    return {
        "is_given": outcome.is_given,
        "history": texts[HistoryTaken][::-1],
        "conclusions": texts[ConclusionGiven][::-1],
        "prescriptions": [
            {
                "number": number,
                "drug": one.given.drug,
                "dose": one.given.dose,
                "course": one.given.course,
                "is_amended": one.is_amended,
                "is_stopped": one.is_stopped,
                "at": at.get((PrescriptionGiven, number)),
            }
            for number, one in sorted(outcome.prescriptions.items())
        ],
        "referrals": [
            {
                "number": number,
                "name": STUDIES[one.given.code].names[language],
                "note": one.given.note,
                "request_id": str(one.request_id) if one.request_id else None,
                "at": at.get((ReferralGiven, number)),
            }
            for number, one in sorted(outcome.referrals.items())
        ],
        "next_visit": {
            "format": outcome.next_visit.format.value,
            "note": outcome.next_visit.note,
            "at": at.get((NextVisitSuggested, 0)),
        }
        if outcome.next_visit
        else None,
        "next_id": str(outcome.next_id) if outcome.next_id else None,
    }
