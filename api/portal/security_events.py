"""What happened to a person's account of late, from the ledger: so that they see what was not they."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from domain import account, external_account, patient, push_subscription, recovery
from domain.values import PatientId
from ledger.account import account_stream
from ledger.codec import RecordedEvent
from ledger.external_accounts import external_stream
from ledger.push_subscriptions import push_stream
from ledger.recovery import recovery_stream
from ledger.store import Ledger
from projections.audit import Entry, sign_ins_of

_SHOWN_MAX = 20
# Kind of event -> its word. An authenticator's event also says of which kind it is.
_WORDS: Final[dict[type, str]] = {
    account.AuthenticatorRemoved: "authenticator-removed",
    account.AuthenticatorSuspected: "authenticator-suspected",
    account.RecoveryCodesIssued: "recovery-codes-issued",
    account.RecoveryCodeUsed: "recovery-code-used",
    account.SmsCodesTurnedOff: "sms-turned-off",
    account.SmsCodesTurnedOn: "sms-turned-on",
    patient.PasswordSet: "password-set",
    patient.PhoneConfirmed: "phone-confirmed",
    patient.EmailConfirmed: "email-confirmed",
    recovery.PasswordRecoveryRequested: "recovery-requested",
    recovery.PasswordRecoveryCancelled: "recovery-cancelled",
    recovery.PasswordRecovered: "password-recovered",
    external_account.ExternalAccountLinked: "external-linked",
    external_account.ExternalAccountUnlinked: "external-unlinked",
    push_subscription.PushSubscribed: "push-subscribed",
}


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """One line of the list; `word` is of a closed set."""

    at: datetime
    word: str


def security_events(ledger: Ledger, patient_id: PatientId) -> list[SecurityEvent]:
    """The latest events of the account, the newest first: what it was changed by from its own streams, at once;
    who came in or was refused from the trail, a moment later."""
    streams = (
        account_stream(ledger, patient_id),
        recovery_stream(ledger, patient_id),
        external_stream(ledger, patient_id),
        push_stream(ledger, patient_id),
        patient_id,
    )
    found = [(recorded, _word(recorded)) for stream_id in streams for recorded in ledger.read(stream_id)]
    events = [SecurityEvent(recorded.recorded_at, word) for recorded, word in found if word is not None]
    events += [SecurityEvent(one.recorded_at, _sign_in_word(one)) for one in sign_ins_of(ledger, patient_id)]
    return sorted(events, key=lambda event: event.at, reverse=True)[:_SHOWN_MAX]


def _sign_in_word(entry: Entry) -> str:
    return "sign-in-refused" if entry.name == "SignInRefused" else "signed-in"


def _word(recorded: RecordedEvent) -> str | None:
    if isinstance(recorded.event, account.AuthenticatorAdded):
        return f"{recorded.event.kind}-added"
    return _WORDS.get(type(recorded.event))
