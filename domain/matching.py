"""Matching: by which numbers a laboratory's report recognises a patient, when that is doubted, and when a
person may be asked whether a name is theirs. What lets it reach them is `permission`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from domain import names
from domain.names import NameKeys
from domain.numbers import UNCHECKED, Numbers, numbers_of
from domain.patient import Patient, ProfileStated
from domain.report_content import Subject
from domain.values import PatientId

# Why a report waits whose patient is not known for certain: stable codes.
PATIENT_UNKNOWN = "patient-unknown"
PATIENT_AMBIGUOUS = "patient-ambiguous"
CHECK_DIGIT_FAILED = "check-digit-failed"
IDENTITY_CONTRADICTS = "identity-contradicts"

# By what a report was matched, beside the kinds of checked numbers.
LABORATORY_PATIENT_ID = "laboratory-patient-id"
PERSON = "person"

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_SEXES = ("male", "female")


def unrecognised(numbers: Numbers, found: Sequence[PatientId]) -> str | None:
    """Why the numbers, which lead to these patients, name nobody for certain; None if they name one."""
    if len(set(found)) > 1:
        return PATIENT_AMBIGUOUS
    if found:
        return None
    return CHECK_DIGIT_FAILED if numbers.failed and not numbers.good else PATIENT_UNKNOWN


def doubted(patient: Patient | None, subject: Subject, *, matched_by: str) -> str | None:
    """Why a report is not this patient's for certain although a number leads to them; None if it is.

    A checked number outweighs a changed name or a wrong date, not both at once: then it is a slip that hit
    another person's number. A laboratory's own number, which nothing checks, outweighs neither; nor does a policy
    without a check digit, which anybody may state, and which therefore recognises only who is described at all."""
    if patient is None:
        return None
    if contradicts(patient, numbers_of(subject.identifiers)):
        return PATIENT_AMBIGUOUS
    if patient.profile is None:
        return None
    if matched_by == LABORATORY_PATIENT_ID or matched_by in UNCHECKED:
        found = agreement(patient.profile, subject)
        is_alike = found.is_alike if matched_by in UNCHECKED else not found.is_broken
        return None if is_alike else IDENTITY_CONTRADICTS
    return IDENTITY_CONTRADICTS if _is_plainly_another(patient.profile, subject) else None


def contradicts(patient: Patient, numbers: Numbers) -> bool:
    """Whether a good number is not the patient's, who has another of the kind."""
    own = {"enp": patient.enp, "snils": patient.profile.snils if patient.profile else None}
    sent: dict[str, set[str]] = {}
    for kind, number in numbers.good:
        sent.setdefault(kind, set()).add(number)
    return any(own.get(kind) is not None and own[kind] not in found for kind, found in sent.items())


# Comparing persons


@dataclass(frozen=True, slots=True)
class Agreement:
    """What two descriptions of a person have in common; None where one of them does not say it."""

    family: bool | None
    given: bool | None
    birth_date: bool | None
    sex: bool | None

    @property
    def is_broken(self) -> bool:
        """Whether anything differs."""
        return False in (self.family, self.given, self.birth_date, self.sex)

    @property
    def is_alike(self) -> bool:
        """Whether both say the same family name and birth date, and nothing differs."""
        return self.family is True and self.birth_date is True and not self.is_broken


def agreement(profile: ProfileStated, subject: Subject) -> Agreement:
    """What a patient's profile and the subject of a report have in common."""
    own_family, own_given = names.words(profile.family), _given_words(profile)
    family, given = _subject_words(subject)
    return Agreement(
        family=names.is_part(own_family, family) if own_family and family else None,
        given=names.is_part(own_given, given) if own_given and given else None,
        birth_date=_same_date(profile.birth_date, subject.birth_date),
        sex=profile.sex == subject.sex if profile.sex in _SEXES and subject.sex in _SEXES else None,
    )


def is_proposed(profile: ProfileStated, subject: Subject) -> bool:
    """Whether a person may be asked if the subject is the patient: the whole name and the birth date are
    the same, and the sex is not another."""
    found = agreement(profile, subject)
    is_same = found.birth_date is True and found.sex is not False
    return is_same and name_of_profile(profile).fits(name_of_subject(subject))


def name_of_profile(profile: ProfileStated) -> NameKeys:
    patronymic = (profile.patronymic,) if profile.patronymic else ()
    return names.keys_of(profile.family, (profile.given, *patronymic))


def name_of_subject(subject: Subject) -> NameKeys:
    return names.keys_of(subject.family, subject.given, subject.name_text or subject.family)


def whole_date(text: str | None) -> str | None:
    """The day of a FHIR date, if it names one."""
    return text[:10] if text is not None and _DATE.match(text) else None


def known_sex(text: str | None) -> str | None:
    """The sex, if it tells two persons apart."""
    return text if text in _SEXES else None


def _is_plainly_another(profile: ProfileStated, subject: Subject) -> bool:
    """Birth date and family name both differ, and the names are not spellings of one."""
    if _same_date(profile.birth_date, subject.birth_date) is not False:
        return False
    own, (family, _) = names.words(profile.family), _subject_words(subject)
    return bool(own and family) and not names.is_alike(own, family)


def _given_words(profile: ProfileStated) -> tuple[str, ...]:
    return names.words(f"{profile.given} {profile.patronymic or ''}")


def _subject_words(subject: Subject) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of the family name and of the given names; of a name that came in one piece, all for both."""
    if subject.family:
        return names.words(subject.family), names.words(" ".join(subject.given))
    text = names.words(subject.name_text or "")
    return text, text


def _same_date(one: str | None, other: str | None) -> bool | None:
    """Whether two FHIR dates are one, as far as both go; None if they agree and one goes no further."""
    if not one or not other:
        return None
    length = min(len(one), len(other), 10)
    if one[:length] != other[:length]:
        return False
    return True if length == 10 else None
