"""What came of a consultation: history, conclusions, prescriptions, referrals, the next visit (S141, S142).

Each is an event of the consultation's stream; what is amended is said again, and what was said before stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import assert_never
from uuid import UUID

from domain.doctor import ConsultationFormat
from domain.study_catalogue import STUDIES

TEXT_MAX, LINE_MAX, PARTS_MAX = 8000, 300, 30

# Events: what happened.


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryTaken:
    """The history that the doctor took; a later one amends it."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConclusionGiven:
    """What the doctor concludes; a later one amends it."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrescriptionGiven:
    """A drug to be taken; given again under its number it amends what was given."""

    number: int
    drug: str
    dose: str
    course: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PrescriptionStopped:
    """The drug is not to be taken any more."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralGiven:
    """A study that the patient should ask for, by its code in the catalogue of studies."""

    number: int
    code: str
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralTaken:
    """The patient asked for the study: this is the request."""

    number: int
    request_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class NextVisitSuggested:
    """The patient should come again: in which form, and what the doctor says of it."""

    format: ConsultationFormat
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NextVisitBooked:
    """The doctor booked the next time for the patient: this is the consultation."""

    consultation_id: UUID


OutcomeEvent = (
    HistoryTaken
    | ConclusionGiven
    | PrescriptionGiven
    | PrescriptionStopped
    | ReferralGiven
    | ReferralTaken
    | NextVisitSuggested
    | NextVisitBooked
)

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Prescription:
    """A prescription as it stands. `is_amended`: it was given otherwise before."""

    given: PrescriptionGiven
    is_amended: bool = False
    is_stopped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Referral:
    given: ReferralGiven
    request_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was given so far; of texts all versions, the one that stands last."""

    history: tuple[str, ...] = ()
    conclusions: tuple[str, ...] = ()
    prescriptions: Mapping[int, Prescription] = field(default_factory=dict)
    referrals: Mapping[int, Referral] = field(default_factory=dict)
    next_visit: NextVisitSuggested | None = None
    next_id: UUID | None = None

    @property
    def is_given(self) -> bool:
        """Whether the patient was given anything."""
        return bool(
            self.conclusions or self.prescriptions or self.referrals or self.next_visit or self.next_id
        )


NOTHING = Outcome()


def evolve(outcome: Outcome | None, event: OutcomeEvent) -> Outcome:
    """Replay one event. Never refuses."""
    known = outcome or NOTHING
    match event:
        case HistoryTaken():
            return replace(known, history=(*known.history, event.text))
        case ConclusionGiven():
            return replace(known, conclusions=(*known.conclusions, event.text))
        case PrescriptionGiven() | PrescriptionStopped():
            return replace(known, prescriptions=_prescriptions(known.prescriptions, event))
        case ReferralGiven() | ReferralTaken():
            return replace(known, referrals=_referrals(known.referrals, event))
        case NextVisitSuggested():
            return replace(known, next_visit=event)
        case NextVisitBooked():
            return replace(known, next_id=event.consultation_id)
        case _:
            assert_never(event)


def _prescriptions(
    known: Mapping[int, Prescription], event: PrescriptionGiven | PrescriptionStopped
) -> Mapping[int, Prescription]:
    if isinstance(event, PrescriptionGiven):
        return {**known, event.number: Prescription(given=event, is_amended=event.number in known)}
    # What was given may have been erased.
    if event.number not in known:
        return known
    return {**known, event.number: replace(known[event.number], is_stopped=True)}


def _referrals(known: Mapping[int, Referral], event: ReferralGiven | ReferralTaken) -> Mapping[int, Referral]:
    if isinstance(event, ReferralGiven):
        return {**known, event.number: Referral(given=event)}
    if event.number not in known:
        return known
    return {**known, event.number: replace(known[event.number], request_id=event.request_id)}


# Decisions.


class TextMissingError(Exception):
    """There is nothing to record, or more than 8000 characters."""


class PrescriptionIncompleteError(Exception):
    """A prescription names the drug, the dose and the course, each in at most 300 characters."""


class PrescriptionUnknownError(Exception):
    """There is no such prescription, or it was stopped."""


class ReferralUnknownError(Exception):
    """There is no such referral or study."""


class ReferralTakenError(Exception):
    """The study was asked for already."""


class TooManyPartsError(Exception):
    """A consultation has at most 30 prescriptions and 30 referrals."""


def take_history(outcome: Outcome | None, text: str) -> tuple[HistoryTaken, ...]:
    known, said = outcome or NOTHING, _text(text)
    return () if known.history[-1:] == (said,) else (HistoryTaken(text=said),)


def conclude(outcome: Outcome | None, text: str) -> tuple[ConclusionGiven, ...]:
    known, said = outcome or NOTHING, _text(text)
    return () if known.conclusions[-1:] == (said,) else (ConclusionGiven(text=said),)


def prescribe(
    outcome: Outcome | None, *, drug: str, dose: str, course: str, number: int | None = None
) -> tuple[PrescriptionGiven, ...]:
    """A new prescription, or with a number another wording of it."""
    known = outcome or NOTHING
    lines = [_line(text) for text in (drug, dose, course)]
    if not all(lines):
        raise PrescriptionIncompleteError
    if number is None:
        if len(known.prescriptions) >= PARTS_MAX:
            raise TooManyPartsError
        number = max(known.prescriptions, default=0) + 1
    else:
        _standing(known, number)
    given = PrescriptionGiven(number=number, drug=lines[0], dose=lines[1], course=lines[2])
    before = known.prescriptions.get(number)
    return () if before is not None and before.given == given else (given,)


def stop_prescription(outcome: Outcome | None, number: int) -> PrescriptionStopped:
    _standing(outcome or NOTHING, number)
    return PrescriptionStopped(number=number)


def refer(outcome: Outcome | None, *, code: str, note: str | None) -> tuple[ReferralGiven, ...]:
    """To a study of the catalogue; the same study that was not asked for yet is not said twice."""
    known = outcome or NOTHING
    if code not in STUDIES:
        raise ReferralUnknownError
    said = _line(note or "") or None
    waiting = (one.given for one in known.referrals.values() if one.request_id is None)
    if any((given.code, given.note) == (code, said) for given in waiting):
        return ()
    if len(known.referrals) >= PARTS_MAX:
        raise TooManyPartsError
    return (ReferralGiven(number=max(known.referrals, default=0) + 1, code=code, note=said),)


def take_referral(outcome: Outcome | None, number: int, *, request_id: UUID) -> ReferralTaken:
    referral = (outcome or NOTHING).referrals.get(number)
    if referral is None:
        raise ReferralUnknownError
    if referral.request_id is not None:
        raise ReferralTakenError
    return ReferralTaken(number=number, request_id=request_id)


def suggest_next(
    outcome: Outcome | None, *, visit: ConsultationFormat, note: str | None
) -> tuple[NextVisitSuggested, ...]:
    said = NextVisitSuggested(format=visit, note=_line(note or "") or None)
    return () if (outcome or NOTHING).next_visit == said else (said,)


def _text(text: str) -> str:
    said = "\n".join(line.rstrip() for line in text.strip().splitlines())
    if not said or len(said) > TEXT_MAX:
        raise TextMissingError
    return said


def _line(text: str) -> str:
    """One line without needless spaces; what is too long is as good as missing."""
    said = " ".join(text.split())
    return said if len(said) <= LINE_MAX else ""


def _standing(outcome: Outcome, number: int) -> Prescription:
    found = outcome.prescriptions.get(number)
    if found is None or found.is_stopped:
        raise PrescriptionUnknownError
    return found
