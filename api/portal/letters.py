"""Letters about the account itself, sent at once: a code to a new address, and a word to the one before.

They are no notices: nobody has to permit them, and who asked for one waits for what became of it.
"""

import asyncio
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID, uuid4

import structlog

from api.channels.email import post_once
from api.letter import Letter, keyed_name
from api.outcome import HandedOver, Outcome
from api.pages import Locale, phrase, render
from api.portal.sign_in import Door

LETTER_SECONDS = 20.0
log = structlog.get_logger()


class AccountLetter(StrEnum):
    """What is said; the words are `letter.subject.<letter>` and `letter.text.<letter>`."""

    CODE = "code"
    EMAIL_CHANGED = "email-changed"
    TICKET_ANSWERED = "ticket-answered"
    TICKET_ESCALATED = "ticket-escalated"
    SHARE_OPENED = "share-opened"


def send_letter(
    door: Door,
    kind: AccountLetter,
    recipient: str,
    *,
    locale: Locale,
    reference: UUID | None = None,
    code: str = "",
    path: str = "/account",
) -> Outcome:
    """What the mail server said. Neither names nor addresses stand in the text."""
    settings = door.settings
    words = {"kind": kind.value, "code": code, "link": f"{settings.public_url}{path}"}
    key = door.ledger.custody.message_key
    letter = Letter(
        name=keyed_name(key, str(reference or uuid4())),
        recipient=recipient,
        subject=phrase(f"letter.subject.{kind}", locale=locale),
        text=render("letter.txt", locale=locale, **words),
        html=render("letter.html", locale=locale, **words),
        locale=locale,
        dated_at=datetime.now(UTC),
    )
    return asyncio.run(post_once(settings, door.ledger.custody, letter, timeout_seconds=LETTER_SECONDS))


def tell_by_letter(
    door: Door, kind: AccountLetter, recipient: str, *, locale: Locale, path: str = "/account"
) -> bool:
    """Whether the mail server took it. What was done stays done if it did not: the pages tell too."""
    outcome = send_letter(door, kind, recipient, locale=locale, path=path)
    if not isinstance(outcome, HandedOver):
        log.warning("letter.failed", letter=kind.value)
    return isinstance(outcome, HandedOver)
