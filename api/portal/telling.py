"""Telling a patient by SMS what was done to their account: words without names, codes or addresses."""

from uuid import uuid4

import structlog

from api.outcome import HandedOver
from api.pages import Locale, phrase
from api.portal.sign_in import Door
from api.sms import send_sms

log = structlog.get_logger()


def tell(door: Door, phone: str, told: str, *, locale: Locale, **values: object) -> bool:
    """Whether the gateway took it. What was done stays done if it did not: the ledger and the pages tell too."""
    settings = door.settings
    if settings.sms_gateway_url is None:
        return False
    outcome = send_sms(
        gateway_url=settings.sms_gateway_url,
        token=settings.sms_gateway_token,
        phone=phone,
        text=phrase(f"sms.{told}", locale=locale, **values),
        reference=str(uuid4()),
        timeout_seconds=10,
    )
    if not isinstance(outcome, HandedOver):
        log.warning("telling.failed", told=told)
    return isinstance(outcome, HandedOver)
