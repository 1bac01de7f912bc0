"""Values that several aggregates speak of: identifiers and their check digits, codes, quantities.

Text that a laboratory sent is kept as it was sent. A decimal is therefore a string: 72.50 is not 72.5
in a laboratory, and a number that was never a float cannot be rounded.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NewType
from uuid import UUID

PatientId = NewType("PatientId", UUID)
LaboratoryId = NewType("LaboratoryId", UUID)
OrganisationId = NewType("OrganisationId", UUID)
StaffMemberId = NewType("StaffMemberId", UUID)


class Purpose(StrEnum):
    """Why personal data is kept. Each patient has one data key for each purpose."""

    IDENTITY = "identity"
    CONTACTS = "contacts"
    RESULTS = "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """A code in a code system (FHIR Coding): LOINC, ФСЛИ, UCUM, or the laboratory's own."""

    system: str | None = None
    code: str | None = None
    display: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Concept:
    """What is meant, in as many code systems as were sent (FHIR CodeableConcept)."""

    codings: tuple[Coding, ...] = ()
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """A number that somebody gave (FHIR Identifier); `kind` is the code of its type, if it was sent."""

    system: str | None = None
    value: str
    kind: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A measured amount (FHIR Quantity). `value` is the decimal exactly as sent."""

    value: str | None = None
    unit: str | None = None
    comparator: str | None = None
    system: str | None = None
    code: str | None = None

    @property
    def number(self) -> Decimal | None:
        return None if self.value is None else Decimal(self.value)


class CheckDigitError(ValueError):
    """The check digit does not fit the number: a digit is wrong or missing."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


_SPACES_AND_DASHES = str.maketrans("", "", " -\u00a0\u2010\u2011\u2013")


# By Luhn's formula: a digit doubled, and the digits of what comes out added up.
_DOUBLED = str.maketrans("0123456789", "0246813579")


def digits_only(text: str) -> str:
    """The number without the spaces and dashes that people write in it."""
    return text.translate(_SPACES_AND_DASHES)


def _number_of(text: str, *, lengths: tuple[int, ...], field: str) -> str:
    """The digits, if there are only digits and as many as the number has."""
    number = digits_only(text)
    if not (len(number) in lengths and number.isascii() and number.isdigit()):
        raise CheckDigitError(field)
    return number


def enp(text: str) -> str:
    """A checked number of the single OMS policy: 16 digits, the last by Luhn (HL7 table 0061, M10).

    >>> enp("9911 1111 1111 1112")
    '9911111111111112'
    """
    number = _number_of(text, lengths=(16,), field="policy_number")
    doubled = number[-2::-2].translate(_DOUBLED)
    # All zeros pass the sum, and are no number.
    if int(number) == 0 or sum(map(int, number[-1::-2] + doubled)) % 10:
        raise CheckDigitError("policy_number")
    return number


def snils(text: str) -> str:
    """A checked СНИЛС: 11 digits; numbers up to 001-001-998 were issued without a check.

    >>> snils("112-233-445 95")
    '11223344595'
    """
    number = _number_of(text, lengths=(11,), field="snils")
    total = sum(int(digit) * weight for digit, weight in zip(number[:9], range(9, 0, -1), strict=True))
    if int(number[:9]) > 1_001_998 and total % 101 % 100 != int(number[9:]):
        raise CheckDigitError("snils")
    return number


def inn(text: str) -> str:
    """A checked ИНН: 10 digits of an organisation or 12 of a person.

    >>> inn("7707083893")
    '7707083893'
    """
    number = _number_of(text, lengths=(10, 12), field="inn")
    weights = (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)
    for place in (9,) if len(number) == 10 else (10, 11):
        total = sum(int(d) * w for d, w in zip(number[:place], weights[-place:], strict=True))
        if total % 11 % 10 != int(number[place]):
            raise CheckDigitError("inn")
    return number


class OidMalformedError(ValueError):
    """The text is not an object identifier: numbers with dots between, such as 1.2.643.5.1.13.13.12.2.77.1."""


_OID = re.compile(r"(?:[01]\.[1-3]?\d|2\.(?:0|[1-9]\d*))(?:\.(?:0|[1-9]\d*))+")
_OID_LENGTH_MAX = 128


def oid(text: str) -> str:
    """A well-formed object identifier (ISO/IEC 9834).

    >>> oid("urn:oid:1.2.643.5.1.13.13.12.2.77.1")
    '1.2.643.5.1.13.13.12.2.77.1'
    """
    number = text.strip().removeprefix("urn:oid:")
    if len(number) > _OID_LENGTH_MAX or not _OID.fullmatch(number):
        raise OidMalformedError
    return number


def ogrn(text: str) -> str:
    """A checked ОГРН: 13 digits, the last is the first twelve modulo 11.

    >>> ogrn("1027700132195")
    '1027700132195'
    """
    number = _number_of(text, lengths=(13,), field="ogrn")
    if int(number[:12]) % 11 % 10 != int(number[12]):
        raise CheckDigitError("ogrn")
    return number


def okpo(text: str) -> str:
    """A checked ОКПО: 8 digits of an organisation, 10 of an entrepreneur, 14 of a part of an organisation
    (ПР 50.1.024: weights from 1 to 10 and again; where that gives 10, from 3; where it does again, 0).

    >>> okpo("00242766")
    '00242766'
    """
    number = _number_of(text, lengths=(8, 10, 14), field="okpo")
    for shift in (0, 2):
        weighted = (int(digit) * ((place + shift) % 10 + 1) for place, digit in enumerate(number[:-1]))
        control = sum(weighted) % 11
        if control < 10:
            break
    if int(number) == 0 or control % 10 != int(number[-1]):
        raise CheckDigitError("okpo")
    return number
