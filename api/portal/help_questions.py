"""Which questions «Помощь» answers: the causes that people ask about, in the order in which they mend them."""

from typing import Final

from domain.diagnosis import Check

QUESTIONS: Final = (
    Check.RESULTS,
    Check.PHONE,
    Check.PROFILE,
    Check.IDENTITY,
    Check.POLICY,
    Check.ORGANISATION,
    Check.CONSENT_TRANSFER,
    Check.RECEIVING,
    Check.CONTACTS,
    Check.SUSPENSION,
    Check.APPEAL,
)
