"""Telling a patient that somebody opened what they shared: once a day for each share, without a word of health.

That they are told is decided with the opening itself (ShareOpened.is_told). The letter goes after the answer left: who
opens a link does not wait for our mail server.
"""

from typing import cast

from api.pages import Locale
from api.portal.letters import AccountLetter, tell_by_letter
from api.portal.sign_in import Door
from api.portal.telling import tell
from domain.channel import Channel
from domain.values import PatientId
from ledger import commands


def tell_opened(door: Door, patient_id: PatientId) -> None:
    """By e-mail where the address is confirmed and works, else by SMS; the page of shares tells it anyway."""
    known = commands.load_patient(door.ledger, patient_id)
    locale = cast("Locale", known.locale)
    if known.email and known.is_email_confirmed and Channel.EMAIL not in known.unreachable:
        tell_by_letter(door, AccountLetter.SHARE_OPENED, known.email, locale=locale, path="/shares")
    elif known.phone and known.phone_confirmed:
        tell(door, known.phone, "share-opened", locale=locale)
