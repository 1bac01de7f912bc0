"""Telling a patient by SMS what was done to their account: words without names, codes or addresses."""

from uuid import uuid4

import structlog

from api.channels.sms import send_now
from api.outcome import HandedOver
from api.pages import Locale, phrase
from api.portal.sign_in import Door

log = structlog.get_logger()


def tell(door: Door, phone: str, told: str, *, locale: Locale, **values: object) -> bool:
    """Whether the provider took it. What was done stays done if it did not: the ledger and the pages tell too."""
    text = phrase(f"sms.{told}", locale=locale, **values)
    outcome = send_now(door.settings, phone=phone, text=text, reference=str(uuid4()))
    if outcome is None:
        return False
    if not isinstance(outcome, HandedOver):
        log.warning("telling.failed", told=told)
    return isinstance(outcome, HandedOver)
