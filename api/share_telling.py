"""Telling a patient that somebody opened what they shared: once a day for each share, without a word of health.

That they are to be told is decided with the opening itself (ShareOpened.is_told), and that they were is in the ledger
too. The letter goes as soon as the answer left: who opens a link does not wait for our mail server. What died with its
process, or was not taken, the clockwork tells, for a day and under the same name of the letter, which mail stores fold.
"""

from datetime import datetime, timedelta
from uuid import UUID, uuid5

from api.channels.sms import send_now
from api.consultation_notices import locale_of
from api.outcome import HandedOver, Outcome, RefusedForGood
from api.pages import phrase
from api.portal.letters import AccountLetter, send_letter
from api.portal.sign_in import Door
from api.settings import Settings
from domain.channel import Channel
from domain.values import PatientId
from ledger import commands, sharing
from ledger.store import Ledger, StreamErasedError
from projections import sharing as view

# What was just opened, whoever answered is telling.
_PATIENCE, _TERM = timedelta(minutes=1), timedelta(days=1)


def tell_untold(ledger: Ledger, now: datetime, *, settings: Settings) -> int:
    """A step of the clockwork: how many openings became known to their patients."""
    door = Door(ledger, settings)
    return sum(
        tell_opened(door, share_id, before=now - _PATIENCE)
        for share_id in view.opened_untold(ledger, since=now - _TERM)
    )


def tell_opened(door: Door, share_id: UUID, *, before: datetime | None = None) -> bool:
    """Whether the patient was told, or it is known that they can't be; the page of shares tells it anyway."""
    share = sharing.load_share(door.ledger, share_id)
    if not share.is_untold or share.told_at is None or (before is not None and share.told_at > before):
        return False
    try:
        outcome = _tell(door, share.patient_id, uuid5(share_id, share.told_at.isoformat()))
    except StreamErasedError:
        outcome = None
    match outcome:
        case None:
            said = "contact-missing"
        case HandedOver():
            said = "handed-over"
        case RefusedForGood():
            said = outcome.code
        case _:
            return False  # the clockwork tries again
    return sharing.record_telling(door.ledger, share_id, outcome=said)


def _tell(door: Door, patient_id: PatientId, reference: UUID) -> Outcome | None:
    """By e-mail where the address is confirmed and works, else by SMS; None if there is neither."""
    known = commands.load_patient(door.ledger, patient_id)
    locale = locale_of(known)
    if known.email and known.is_email_confirmed and Channel.EMAIL not in known.unreachable:
        kind = AccountLetter.SHARE_OPENED
        return send_letter(door, kind, known.email, locale=locale, reference=reference, path="/shares")
    if known.phone and known.phone_confirmed:
        text = phrase("sms.share-opened", locale=locale)
        return send_now(door.settings, phone=known.phone, text=text, reference=str(reference))
    return None
