"""What a person types about themselves, field by field: what is kept of it, or what is wrong with it (S82-S90).

The same rules serve the form as a whole and one field while it is typed. Spaces and dashes in numbers are what
people write, so they are taken out; a letter among digits, or of another alphabet in a name, is a mistake.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeVar

from api.citizenships import codes
from api.problems import ProblemError
from api.regions import REGIONS
from domain.identity_document import PASSPORT_AGE, DocumentKind, IdentityDocument, birthday
from domain.patient import ProfileStated
from domain.values import CheckDigitError, digits_only, inn, snils

T = TypeVar("T")
OLDEST = date(1900, 1, 1)
NAME_LENGTH_MAX = 100
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_DAY = re.compile(r"\d{2}\.\d{2}\.\d{4}")
_CYRILLIC, _LATIN = re.compile(r"[а-яё]", re.IGNORECASE), re.compile(r"[a-z]", re.IGNORECASE)
# Letters, with what stands between the parts of a name: Анна-Мария, д’Артаньян, Мамед оглы.
_NAME = re.compile(r"[^\W\d_]+(?:[ .'’-]+[^\W\d_]+)*\.?")
_ISSUER_CODE = re.compile(r"\d{3}-\d{3}")
_ROMAN_SERIES = re.compile(r"[IVXLC]{1,7}-[А-ЯЁ]{2}")
_NUMBER = re.compile(r"[0-9A-ZА-ЯЁ]{1,20}")
_DOCUMENT_FIELDS = (
    "document_kind",
    "document_series",
    "document_number",
    "document_issued_on",
    "document_issuer_code",
    "document_valid_until",
)
# What has advice of its own when it is empty.
_WHEN_EMPTY = {
    "family": "name-missing",
    "given": "name-missing",
    "sex": "sex-missing",
    "document_kind": "document-kind-missing",
}


@dataclass(frozen=True, slots=True)
class Read:
    """What was read from a form. `profile` is None if something that it needs is wrong; `texts` are the fields
    as they are kept, `errors` what is wrong, by field."""

    profile: ProfileStated | None
    email: str | None
    texts: Mapping[str, str]
    errors: Mapping[str, ProblemError]


@dataclass(slots=True)
class _Form:
    """A form while it is read: every wrong field is found, not only the first."""

    given: Mapping[str, str]
    errors: dict[str, ProblemError] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def take(self, name: str, check: Callable[[str], T], *, needed: bool = True) -> T | None:
        """The value of a field; None if it is empty and may be, or wrong."""
        text = self.given.get(name, "").strip()
        if not text:
            if needed:
                self.fail(name, _WHEN_EMPTY.get(name, "field-missing"))
            return None
        try:
            value = check(text)
        except ProblemError as error:
            self.fail(name, error.code)
            return None
        self.texts[name] = f"{value:%d.%m.%Y}" if isinstance(value, date) else str(value)
        return value

    def fail(self, name: str, code: str) -> None:
        self.errors.setdefault(name, ProblemError(code, name))


def read_profile(given: Mapping[str, str], *, today: date) -> Read:
    """The whole form. What does not agree with another field is wrong too."""
    form = _Form(given)
    born = form.take("birth_date", lambda text: _past(text, today))
    stated: dict[str, Any] = {
        "family": form.take("family", _name),
        "given": form.take("given", _name),
        "patronymic": form.take("patronymic", _name, needed=False),
        "birth_date": born.isoformat() if born else None,
        "sex": form.take("sex", _sex),
        "citizenship": form.take("citizenship", _one_of(codes(), "citizenship-unknown"), needed=False),
        "region": form.take("region", _one_of(REGIONS, "region-unknown"), needed=False),
        "snils": form.take("snils", _snils),
        "inn": form.take("inn", _inn, needed=False),
        "document": _document(form, born, today),
    }
    email = form.take("email", email_of, needed=False)
    _require_one_alphabet(form, stated)
    profile = None if form.errors.keys() - {"email"} else ProfileStated(**stated)
    return Read(profile, email, form.texts, form.errors)


def _require_one_alphabet(form: _Form, stated: Mapping[str, Any]) -> None:
    """A name of one person is written in one alphabet: a look-alike letter is found by nobody."""
    names = [name for name in ("family", "given", "patronymic") if stated[name]]
    if len({bool(_LATIN.search(stated[name])) for name in names}) > 1:
        for name in names:
            if _LATIN.search(stated[name]):
                form.fail(name, "name-mixed-alphabets")


# One field


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > NAME_LENGTH_MAX:
        raise ProblemError("name-missing")
    if _CYRILLIC.search(name) and _LATIN.search(name):
        raise ProblemError("name-mixed-alphabets")
    if not _NAME.fullmatch(name):
        raise ProblemError("name-characters")
    return name


def _day(text: str, code: str) -> date:
    try:
        if _DAY.fullmatch(text):
            return datetime.strptime(text, "%d.%m.%Y").date()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        pass
    raise ProblemError(code)


def _past(text: str, today: date) -> date:
    found = _day(text, "birth-date-malformed")
    if not OLDEST <= found <= today:
        raise ProblemError("birth-date-malformed")
    return found


def _sex(text: str) -> str:
    if text not in ("male", "female"):
        raise ProblemError("sex-missing")
    return text


def _one_of(known: Mapping[str, str] | frozenset[str], code: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in known:
            raise ProblemError(code)
        return text

    return check


def _digits(text: str) -> str:
    digits = digits_only(text)
    if digits and not (digits.isascii() and digits.isdigit()):
        raise ProblemError("digits-only")
    return digits


def _snils(text: str) -> str:
    try:
        return snils(_digits(text))
    except CheckDigitError:
        raise ProblemError("snils-check-failed") from None


def _inn(text: str) -> str:
    digits = _digits(text)
    try:
        if len(digits) == 12:
            return inn(digits)
    except CheckDigitError:
        pass
    raise ProblemError("inn-check-failed")


def email_of(text: str) -> str:
    """An address as it may be sent to (S87)."""
    text = text.strip()
    if len(text) > 254 or not _EMAIL.fullmatch(text):
        raise ProblemError("email-malformed", "email")
    return text


# The identity document


def _document(form: _Form, born: date | None, today: date) -> IdentityDocument | None:
    if not any(form.given.get(name, "").strip() for name in _DOCUMENT_FIELDS):
        return None
    kind = form.take("document_kind", _kind)
    if kind is None:
        return None
    is_passport = kind is DocumentKind.PASSPORT_RF
    number = form.take("document_number", _number_of(kind))
    needs_series = kind in (DocumentKind.PASSPORT_RF, DocumentKind.BIRTH_CERTIFICATE)
    series = form.take("document_series", _series_of(kind), needed=needs_series)
    issued_on = form.take("document_issued_on", lambda text: _day(text, "document-date-malformed"))
    issuer = form.take("document_issuer_code", _issuer_code) if is_passport else None
    ends = kind in (DocumentKind.FOREIGN_PASSPORT, DocumentKind.RESIDENCE_PERMIT)
    until = (
        form.take("document_valid_until", lambda text: _day(text, "document-date-malformed"), needed=False)
        if ends
        else None
    )
    if issued_on is not None:
        _require_possible(form, kind, issued_on=issued_on, until=until, born=born, today=today)
    if number is None or issued_on is None:
        return None
    return IdentityDocument(
        kind=kind,
        series=series,
        number=number,
        issued_on=issued_on,
        issuer_code=issuer,
        valid_until=until,
    )


def _require_possible(
    form: _Form, kind: DocumentKind, *, issued_on: date, until: date | None, born: date | None, today: date
) -> None:
    """Dates that contradict each other: each by itself looks right."""
    if issued_on > today:
        form.fail("document_issued_on", "document-in-future")
    elif born is not None and issued_on < born:
        form.fail("document_issued_on", "document-before-birth")
    elif born is not None and kind is DocumentKind.PASSPORT_RF and issued_on < birthday(born, PASSPORT_AGE):
        form.fail("document_issued_on", "document-before-age")
    if until is not None and until <= issued_on:
        form.fail("document_valid_until", "document-ends-before-issue")


def _kind(text: str) -> DocumentKind:
    try:
        return DocumentKind(text)
    except ValueError:
        raise ProblemError("document-kind-missing") from None


def _number_of(kind: DocumentKind) -> Callable[[str], str]:
    has_six_digits = kind in (DocumentKind.PASSPORT_RF, DocumentKind.BIRTH_CERTIFICATE)

    def check(text: str) -> str:
        if has_six_digits:
            number = _digits(text)
            if len(number) != 6:
                raise ProblemError("document-number-malformed")
            return number
        number = digits_only(text).upper()
        if not _NUMBER.fullmatch(number):
            raise ProblemError("document-number-malformed")
        return number

    return check


def _series_of(kind: DocumentKind) -> Callable[[str], str]:
    def check(text: str) -> str:
        if kind is DocumentKind.PASSPORT_RF:
            series = _digits(text)
            if len(series) == 4:
                return series
        elif kind is DocumentKind.BIRTH_CERTIFICATE:
            # The Roman number is often typed with Russian letters.
            number, _, letters = text.upper().replace(" ", "").partition("-")
            series = f"{number.translate(str.maketrans('ХСІ', 'XCI'))}-{letters}"
            if _ROMAN_SERIES.fullmatch(series):
                return series
        elif _NUMBER.fullmatch(series := digits_only(text).upper()):
            return series
        raise ProblemError("document-series-malformed")

    return check


def _issuer_code(text: str) -> str:
    digits = _digits(text)
    code = f"{digits[:3]}-{digits[3:]}"
    if not _ISSUER_CODE.fullmatch(code):
        raise ProblemError("document-issuer-code-malformed")
    return code
