"""Medical card: a patient says by which number an organisation knows them; a person confirms it (S23).

A number that a patient states recognises nobody: anybody could state anybody's. Only after a person has compared it
with the organisation's word is it linked, as the laboratory's own number.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from domain.reading import ReadingPurpose
from domain.values import LaboratoryId, PatientId

# Events: what happened. Who it is about is clear, so that it can be routed; the number is sealed.


@dataclass(frozen=True, slots=True, kw_only=True)
class CardClaimed:
    """The patient asks to link their card at this organisation, with the number stated last."""

    patient_id: PatientId
    laboratory_id: LaboratoryId


@dataclass(frozen=True, slots=True, kw_only=True)
class CardNumberStated:
    """The number of the card, as the patient has it."""

    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CardConfirmed:
    """A person compared it with the organisation's word: the card is the patient's, and its number is linked."""

    patient_id: PatientId
    laboratory_id: LaboratoryId


class CardRefusal(StrEnum):
    """Why a card is not linked."""

    NOT_KNOWN = "number-not-known"
    OTHER_PERSON = "other-person"
    NOT_ANSWERED = "organisation-did-not-answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardRefused:
    """The card is not linked. Another number may be stated."""

    patient_id: PatientId
    laboratory_id: LaboratoryId
    reason: CardRefusal


@dataclass(frozen=True, slots=True, kw_only=True)
class CardNumberRead:
    """The number was shown to somebody who compares it."""

    patient_id: PatientId
    laboratory_id: LaboratoryId
    purpose: ReadingPurpose


CardEvent = CardClaimed | CardNumberStated | CardConfirmed | CardRefused | CardNumberRead

# State.


class CardStatus(StrEnum):
    CLAIMED = "claimed"
    CONFIRMED = "confirmed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """`number` is None where it was erased."""

    patient_id: PatientId
    laboratory_id: LaboratoryId
    status: CardStatus = CardStatus.CLAIMED
    number: str | None = None
    reason: CardRefusal | None = None


def evolve(card: Card | None, event: CardEvent) -> Card:
    """Replay one event. Never refuses."""
    if isinstance(event, CardClaimed):
        return Card(patient_id=event.patient_id, laboratory_id=event.laboratory_id)
    assert card is not None
    match event:
        case CardNumberStated():
            return replace(card, number=event.number)
        case CardConfirmed():
            return replace(card, status=CardStatus.CONFIRMED)
        case CardRefused():
            return replace(card, status=CardStatus.REFUSED, reason=event.reason)
        case CardNumberRead():
            return card
        case _:
            assert_never(event)


# Decisions.


class CardNumberMalformedError(Exception):
    """It is no card's number: empty, too long, or without a digit other than zero."""


class CardNotClaimedError(Exception):
    """No card of this patient waits for a decision at this organisation."""


NUMBER_MAX = 64


def claim(
    card: Card | None, *, patient_id: PatientId, laboratory_id: LaboratoryId, number: str
) -> tuple[CardEvent, ...]:
    """Stating the same again while it waits, or after it was confirmed, changes nothing."""
    number = number.strip()
    if len(number) > NUMBER_MAX or not any(char.isdecimal() and char != "0" for char in number):
        raise CardNumberMalformedError
    if card is not None and card.number == number and card.status is not CardStatus.REFUSED:
        return ()
    return (
        CardClaimed(patient_id=patient_id, laboratory_id=laboratory_id),
        CardNumberStated(number=number),
    )


def require_claimed(card: Card | None) -> tuple[Card, str]:
    """The card that waits, and its number."""
    if card is None or card.status is not CardStatus.CLAIMED or card.number is None:
        raise CardNotClaimedError
    return card, card.number


def confirm(card: Card | None) -> CardConfirmed:
    waiting, _ = require_claimed(card)
    return CardConfirmed(patient_id=waiting.patient_id, laboratory_id=waiting.laboratory_id)


def refuse(card: Card | None, *, reason: CardRefusal) -> CardRefused:
    waiting, _ = require_claimed(card)
    return CardRefused(patient_id=waiting.patient_id, laboratory_id=waiting.laboratory_id, reason=reason)
