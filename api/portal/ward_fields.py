"""What a guardian writes of a ward, and a claimant of themselves: every field checked, every wrong one named."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from api.pages import Locale
from api.portal.web import told
from api.problems import ProblemError
from domain.guardianship import GuardianshipDocument, GuardianshipKind, WardCapacity, WardDescribed
from domain.takeover import ClaimantDescribed
from domain.values import CheckDigitError, enp, snils

_OLDEST = date(1900, 1, 1)
_NAME_MAX, _DOCUMENT_MAX = 100, 60
Errors = dict[str, dict[str, str]]


def read_request(
    form: Mapping[str, str], locale: Locale
) -> tuple[tuple[GuardianshipKind, WardDescribed] | None, Errors]:
    """The kind of guardianship and the ward; or what is wrong, by field."""
    read, errors = _read(form, _REQUEST, locale)
    if errors:
        return None, errors
    return (read.pop("kind"), WardDescribed(**read)), {}


def read_claim(form: Mapping[str, str], locale: Locale) -> tuple[ClaimantDescribed | None, Errors]:
    read, errors = _read(form, _CLAIM, locale)
    return (None if errors else ClaimantDescribed(**read)), errors


def _read(
    form: Mapping[str, str], checks: Mapping[str, Callable[[str], Any]], locale: Locale
) -> tuple[dict[str, Any], Errors]:
    read: dict[str, Any] = {}
    errors: Errors = {}
    for field, check in checks.items():
        try:
            read[field] = check(" ".join(form.get(field, "").split()))
        except ProblemError as error:
            errors |= told(error, locale)
    return read, errors


def _named(field: str, *, is_optional: bool = False) -> Callable[[str], str | None]:
    def check(text: str) -> str | None:
        if (not text and not is_optional) or len(text) > _NAME_MAX:
            raise ProblemError("name-missing", field)
        return text or None

    return check


def _birth_date(text: str) -> str:
    if not text:
        raise ProblemError("field-missing", "birth_date")
    try:
        found = datetime.strptime(text, "%d.%m.%Y").date()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        raise ProblemError("birth-date-malformed", "birth_date") from None
    if not _OLDEST <= found <= datetime.now(UTC).date():
        raise ProblemError("birth-date-malformed", "birth_date")
    return found.isoformat()


def _sex(text: str) -> str:
    if text not in ("male", "female"):
        raise ProblemError("sex-missing", "sex")
    return text


def _snils(text: str) -> str:
    if not text:
        raise ProblemError("field-missing", "snils")
    try:
        return snils(text)
    except CheckDigitError:
        raise ProblemError("snils-check-failed", "snils") from None


def _policy(text: str) -> str | None:
    try:
        return enp(text) if text else None
    except CheckDigitError:
        raise ProblemError("policy-check-failed", "policy") from None


def _chosen(field: str, kinds: type[StrEnum]) -> Callable[[str], StrEnum]:
    def check(text: str) -> StrEnum:
        try:
            return kinds(text)
        except ValueError:
            raise ProblemError("choice-missing", field) from None

    return check


def _document_number(text: str) -> str:
    if not text or len(text) > _DOCUMENT_MAX:
        raise ProblemError("document-number-missing", "document_number")
    return text


# In the order of the page.
_REQUEST: Mapping[str, Callable[[str], Any]] = {
    "capacity": _chosen("capacity", WardCapacity),
    "kind": _chosen("kind", GuardianshipKind),
    "family": _named("family"),
    "given": _named("given"),
    "patronymic": _named("patronymic", is_optional=True),
    "birth_date": _birth_date,
    "sex": _sex,
    "snils": _snils,
    "policy": _policy,
    "document": _chosen("document", GuardianshipDocument),
    "document_number": _document_number,
}
_CLAIM: Mapping[str, Callable[[str], Any]] = {
    "snils": _snils,
    "birth_date": _birth_date,
    "document_number": _document_number,
}
