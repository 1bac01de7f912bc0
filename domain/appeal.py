"""Appeal: a patient asks an organisation to switch automatic transfer on for them, and it answers (S96-S101).

A patient has one appeal with an organisation: after an answer that did not help it is corrected and made again,
under the same number. Whoever decided is in the envelope.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.consent import Consent
from domain.values import OrganisationId, PatientId

# Events: what happened. What people wrote about people is in sealed events of its own, so that an appeal can be
# found, counted and reminded of without a key.


class AppealField(StrEnum):
    """What an appeal says; a refusal names one of them."""

    FAMILY = "family"
    GIVEN = "given"
    PATRONYMIC = "patronymic"
    BIRTH_DATE = "birth_date"
    POLICY = "policy"
    EMAIL = "email"
    ORGANISATION_NAME = "organisation_name"
    INN = "inn"
    OKPO = "okpo"


class Outcome(StrEnum):
    """What an organisation answers."""

    ACTIVATED = "activated"
    REFUSED = "refused"


class RefusalReason(StrEnum):
    """Why an organisation does not activate the transfer."""

    DATA_DIFFER = "data-differ"
    PATIENT_NOT_FOUND = "patient-not-found"
    TRANSFER_NOT_OFFERED = "transfer-not-offered"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealSubmitted:
    """The patient appealed to the organisation, which has until `answer_due`. `number` is what people call the
    appeal. The consent is the one that stood then, by its stream and version."""

    patient_id: PatientId
    organisation_id: OrganisationId
    number: str
    answer_due: datetime
    consent_id: UUID
    consent_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealContentStated:
    """What the appeal says of the patient and of the organisation. `birth_date` is YYYY-MM-DD; `okpo` is the
    code that the source document calls ОКПБ."""

    family: str
    given: str
    patronymic: str | None
    birth_date: str
    policy: str
    email: str
    organisation_name: str
    inn: str
    okpo: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealTaken:
    """Somebody at the organisation works on it. That is no answer, and the time goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealAnswered:
    """The organisation switched the transfer on, or said why not and in which field."""

    outcome: Outcome
    reason: RefusalReason | None = None
    field: AppealField | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealAnswerExplained:
    """What the organisation wrote with its answer."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealReminded:
    """The time for an answer is over: the organisation is reminded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealEscalated:
    """The reminder did not help either: the operator takes care of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealStatusRequested:
    """The patient asks how the connection is going («Запросить статус подключения»)."""

    asked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealRepeated:
    """The patient appeals again, after an answer that did not help or after taking the appeal back."""

    answer_due: datetime
    consent_id: UUID
    consent_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealWithdrawn:
    """The patient took the appeal back."""


AppealEvent = (
    AppealSubmitted
    | AppealContentStated
    | AppealTaken
    | AppealAnswered
    | AppealAnswerExplained
    | AppealReminded
    | AppealEscalated
    | AppealStatusRequested
    | AppealRepeated
    | AppealWithdrawn
)

# State.


class AppealStatus(StrEnum):
    """Where an appeal is."""

    SUBMITTED = "submitted"
    TAKEN = "taken"
    ACTIVATED = "activated"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


OPEN = (AppealStatus.SUBMITTED, AppealStatus.TAKEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Appeal:
    """`content` is None once it was erased."""

    patient_id: PatientId
    organisation_id: OrganisationId
    number: str
    status: AppealStatus
    answer_due: datetime
    content: AppealContentStated | None = None
    answer: AppealAnswered | None = None
    explanation: str | None = None
    is_reminded: bool = False
    is_escalated: bool = False
    status_asked_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether the organisation owes an answer."""
        return self.status in OPEN


def evolve(appeal: Appeal | None, event: AppealEvent) -> Appeal:
    """Replay one event. Never refuses."""
    if isinstance(event, AppealSubmitted):
        return Appeal(
            patient_id=event.patient_id,
            organisation_id=event.organisation_id,
            number=event.number,
            status=AppealStatus.SUBMITTED,
            answer_due=event.answer_due,
        )
    assert appeal is not None
    match event:
        case AppealContentStated():
            return replace(appeal, content=event)
        case AppealTaken():
            return replace(appeal, status=AppealStatus.TAKEN)
        case AppealAnswered():
            return replace(appeal, status=AppealStatus(event.outcome), answer=event)
        case AppealAnswerExplained():
            return replace(appeal, explanation=event.text)
        case AppealReminded() | AppealEscalated() | AppealStatusRequested():
            return _while_waiting(appeal, event)
        case AppealRepeated():
            return _again(appeal, event)
        case AppealWithdrawn():
            return replace(appeal, status=AppealStatus.WITHDRAWN)
        case _:
            assert_never(event)


def _while_waiting(appeal: Appeal, event: AppealReminded | AppealEscalated | AppealStatusRequested) -> Appeal:
    match event:
        case AppealReminded():
            return replace(appeal, is_reminded=True)
        case AppealEscalated():
            return replace(appeal, is_escalated=True)
        case AppealStatusRequested():
            return replace(appeal, status_asked_at=event.asked_at)
        case _:
            assert_never(event)


def _again(appeal: Appeal, event: AppealRepeated) -> Appeal:
    return Appeal(
        patient_id=appeal.patient_id,
        organisation_id=appeal.organisation_id,
        number=appeal.number,
        status=AppealStatus.SUBMITTED,
        answer_due=event.answer_due,
        content=appeal.content,
    )


# Decisions.

ANSWER_TIME = timedelta(days=7)
# Counted from the same moment as the answer, not from the reminder: a clock that was wrong for a while moves
# neither, and who was away for a month has kept the patient waiting for it.
ESCALATION_TIME = timedelta(days=7)
STATUS_TIME = timedelta(days=1)
EXPLANATION_MAX = 2000


class AppealUnknownError(Exception):
    """There is no such appeal."""


class AppealConsentMissingError(Exception):
    """The consent to electronic transfer by this organisation is not in force."""


class AppealOpenError(Exception):
    """The organisation has this appeal already and has not answered yet."""


class AppealNotOpenError(Exception):
    """The appeal was answered or taken back: nothing is left to decide."""


class AppealNotNeededError(Exception):
    """The organisation has switched the transfer on: there is nothing to appeal for."""


class AppealNotCorrectedError(Exception):
    """The organisation refused because data differ, and the appeal says the same again."""


class AppealStatusAskedError(Exception):
    """The status was asked for within the last day."""


class RefusalReasonMissingError(Exception):
    """A refusal for data that differ names the field; one for another reason explains it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """The consent that an appeal rests on, and where it stands."""

    consent: Consent | None
    consent_id: UUID
    consent_version: int

    def require(self, organisation_id: OrganisationId, *, now: datetime) -> None:
        consent = self.consent
        is_given = consent is not None and consent.holds_at(now)
        if consent is None or not is_given or organisation_id not in consent.scope.organisations:
            raise AppealConsentMissingError


def submit(
    appeal: Appeal | None,
    *,
    patient_id: PatientId,
    organisation_id: OrganisationId,
    number: str,
    content: AppealContentStated,
    basis: Basis,
    now: datetime,
) -> tuple[AppealSubmitted | AppealRepeated | AppealContentStated, ...]:
    """Appeal for the first time, or again after an answer that did not help (S101)."""
    if appeal is not None and appeal.is_open:
        raise AppealOpenError
    if appeal is not None and appeal.status is AppealStatus.ACTIVATED:
        raise AppealNotNeededError
    if appeal is not None and _was_found_wrong(appeal) and appeal.content == content:
        raise AppealNotCorrectedError
    basis.require(organisation_id, now=now)
    answer_due = now + ANSWER_TIME
    if appeal is None:
        submitted = AppealSubmitted(
            patient_id=patient_id,
            organisation_id=organisation_id,
            number=number,
            answer_due=answer_due,
            consent_id=basis.consent_id,
            consent_version=basis.consent_version,
        )
        return submitted, content
    repeated = AppealRepeated(
        answer_due=answer_due, consent_id=basis.consent_id, consent_version=basis.consent_version
    )
    return (repeated,) if appeal.content == content else (repeated, content)


def _was_found_wrong(appeal: Appeal) -> bool:
    answer = appeal.answer
    return appeal.status is AppealStatus.REFUSED and (
        answer is not None and answer.reason is RefusalReason.DATA_DIFFER
    )


def require_readable(appeal: Appeal, *, basis: Basis, now: datetime) -> None:
    """The organisation reads what an appeal says while the patient lets it: not after it was taken back, nor
    without the consent that it rests on."""
    if appeal.status is AppealStatus.WITHDRAWN:
        raise AppealNotOpenError
    basis.require(appeal.organisation_id, now=now)


def take(appeal: Appeal | None) -> tuple[AppealTaken, ...]:
    """Two who take it at once have it both."""
    return () if _open(appeal).status is AppealStatus.TAKEN else (AppealTaken(),)


def activate(appeal: Appeal | None, *, basis: Basis, now: datetime) -> tuple[AppealAnswered, ...]:
    """The consent must still stand; said twice, it changes nothing."""
    if appeal is not None and appeal.status is AppealStatus.ACTIVATED:
        return ()
    basis.require(_open(appeal).organisation_id, now=now)
    return (AppealAnswered(outcome=Outcome.ACTIVATED),)


def refuse(
    appeal: Appeal | None, *, reason: RefusalReason, field: AppealField | None, text: str
) -> tuple[AppealAnswered | AppealAnswerExplained, ...]:
    _open(appeal)
    written = text.strip()[:EXPLANATION_MAX]
    if reason is RefusalReason.DATA_DIFFER and field is None:
        raise RefusalReasonMissingError
    if reason is RefusalReason.OTHER and not written:
        raise RefusalReasonMissingError
    named = field if reason is RefusalReason.DATA_DIFFER else None
    answered = AppealAnswered(outcome=Outcome.REFUSED, reason=reason, field=named)
    return (answered, AppealAnswerExplained(text=written)) if written else (answered,)


def withdraw(appeal: Appeal | None) -> tuple[AppealWithdrawn, ...]:
    if appeal is not None and appeal.status is AppealStatus.WITHDRAWN:
        return ()
    _open(appeal)
    return (AppealWithdrawn(),)


def ask_status(appeal: Appeal | None, *, now: datetime) -> AppealStatusRequested:
    """S100. Once a day: who works on it is not to be kept from it."""
    asked_at = _open(appeal).status_asked_at
    if asked_at is not None and now - asked_at < STATUS_TIME:
        raise AppealStatusAskedError
    return AppealStatusRequested(asked_at=now)


def pass_time(appeal: Appeal | None, *, now: datetime) -> tuple[AppealReminded | AppealEscalated, ...]:
    """What the time that went by without an answer brings about: a reminder, then the operator; one at a look."""
    if appeal is None or not appeal.is_open or now < appeal.answer_due:
        return ()
    if not appeal.is_reminded:
        return (AppealReminded(),)
    if not appeal.is_escalated and now >= appeal.answer_due + ESCALATION_TIME:
        return (AppealEscalated(),)
    return ()


def _open(appeal: Appeal | None) -> Appeal:
    if appeal is None:
        raise AppealUnknownError
    if not appeal.is_open:
        raise AppealNotOpenError
    return appeal
