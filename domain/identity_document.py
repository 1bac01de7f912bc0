"""Identity documents: which there are, and until when each proves who somebody is."""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum


class DocumentKind(StrEnum):
    """What proves who somebody is."""

    PASSPORT_RF = "passport-rf"
    FOREIGN_PASSPORT = "foreign-passport"
    RESIDENCE_PERMIT = "residence-permit"
    BIRTH_CERTIFICATE = "birth-certificate"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityDocument:
    """A document as its owner states it. `issuer_code` is that of a passport of Russia, such as 770-001;
    `valid_until` is what is printed, where something is."""

    kind: DocumentKind
    series: str | None = None
    number: str
    issued_on: date
    issuer_code: str | None = None
    valid_until: date | None = None


# A passport of Russia is given at 14 and changed at 20 and at 45, each within 90 days of the birthday
# (government decree 2267 of 23.12.2023). A birth certificate serves until there is a passport.
PASSPORT_AGE = 14
_CHANGED_AT = (20, 45)
_CHANGED_WITHIN = timedelta(days=90)


def birthday(birth_date: date, age: int) -> date:
    """The day on which this age is reached; who was born on 29 February reaches it on 1 March."""
    year = birth_date.year + age
    try:
        return birth_date.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


def valid_until(document: IdentityDocument, birth_date: date) -> date | None:
    """The last day on which the document proves anything; None if it never ends.

    >>> passport = IdentityDocument(kind=DocumentKind.PASSPORT_RF, number="000001", issued_on=date(2004, 3, 10))
    >>> valid_until(passport, date(1984, 3, 1))
    datetime.date(2029, 5, 30)
    """
    match document.kind:
        case DocumentKind.PASSPORT_RF:
            changes = (birthday(birth_date, age) for age in _CHANGED_AT)
            ahead = [day for day in changes if document.issued_on < day]
            return ahead[0] + _CHANGED_WITHIN if ahead else None
        case DocumentKind.BIRTH_CERTIFICATE:
            return birthday(birth_date, PASSPORT_AGE) + _CHANGED_WITHIN
        case DocumentKind.FOREIGN_PASSPORT | DocumentKind.RESIDENCE_PERMIT:
            return document.valid_until
