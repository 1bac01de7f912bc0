"""Telling a patient of a consultation by SMS: when it is near, moved, cancelled or booked for them. No name, no health.

A reminder is recorded before it is sent, by whoever wins the append; so it is said once for each time, whatever stops in
between, however the clock jumps. Price: a crash between the two loses one SMS; the page and the calendar tell too.
"""

from datetime import datetime
from functools import partial
from uuid import UUID

import structlog

from api.channels.sms import send_now
from api.outcome import HandedOver
from api.pages import Locale, datetime_text, phrase
from api.region_time_zones import time_zone_of
from api.settings import Settings
from domain.consultation import CancelReason, Consultation, ConsultationOverError
from domain.patient import Patient
from ledger import commands, consultations
from ledger.consultations import CLOCK
from ledger.store import Ledger
from projections import consultations as view

log = structlog.get_logger()


def locale_of(patient: Patient) -> Locale:
    return "en" if patient.locale == "en" else "ru"


def tell(
    ledger: Ledger,
    settings: Settings,
    consultation_id: UUID,
    state: Consultation,
    told: str,
    *,
    at: datetime,
) -> bool:
    """Whether the provider took it. What was done stays done if it did not: the pages tell too."""
    patient = commands.load_patient(ledger, state.patient_id)
    if patient.phone is None:
        return False
    locale, zone = locale_of(patient), time_zone_of(patient, settings.time_zone)
    when = datetime_text(at, locale=locale, time_zone=zone)
    text = phrase(f"sms.visit.{told}", locale=locale, when=when)
    # One text has one reference: a provider that is asked twice knows it again. Moved back and forth is told each time.
    reference = str(
        ledger.stream_id("visit-told", str(consultation_id), told, at.isoformat(), str(state.moves))
    )
    outcome = send_now(settings, phone=patient.phone, text=text, reference=reference)
    if outcome is not None and not isinstance(outcome, HandedOver):
        log.warning("consultations.not-told", told=told)
    return isinstance(outcome, HandedOver)


def remind(ledger: Ledger, now: datetime, *, settings: Settings) -> int:
    """A step of the clockwork: how many were reminded of a time that is near."""
    count = 0
    for consultation_id in view.reminders_due(ledger, now=now):
        made = consultations.remind(ledger, consultation_id, now=now)
        if made is not None:
            state, _ = consultations.load_consultation(ledger, consultation_id)
            tell(ledger, settings, consultation_id, state, made.reminder, at=made.starts_at)
            count += 1
    return count


def cancel_left_alone(ledger: Ledger, now: datetime, *, settings: Settings) -> int:
    """A step of the clockwork: what is booked with a doctor who receives no more patients is cancelled."""
    count = 0
    for consultation_id in view.left_alone(ledger):
        try:
            consultations.cancel(ledger, consultation_id, reason=CancelReason.DOCTOR_LEFT, now=now, by=CLOCK)
        except ConsultationOverError:
            continue  # the view lags behind
        state, _ = consultations.load_consultation(ledger, consultation_id)
        tell(ledger, settings, consultation_id, state, "cancelled", at=state.starts_at)
        count += 1
    return count


def steps_of(settings: Settings) -> tuple[partial[int], ...]:
    return (partial(remind, settings=settings), partial(cancel_left_alone, settings=settings))
