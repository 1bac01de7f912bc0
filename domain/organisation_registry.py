"""The registry of medical organisations: what was imported, what it says of one organisation, and whether what a
patient states of it is so (S70-S76).

Its rows are public reference data beside the ledger; that they were imported is an event.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import assert_never

from domain.organisation import OrganisationKind
from domain.organisation_names import is_same_name
from domain.study_type import StudyType
from domain.values import CheckDigitError, inn, ogrn

# Events: what happened.


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationRegistryImported:
    """These organisations and no others are in the registry from now on. `sha256` is of the file, `as_of` the day
    that it speaks of, `refused` how many of its lines could not be used."""

    sha256: str
    rows: int
    refused: int
    as_of: date


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionPointsImported:
    """These points where samples are taken and no others are in the registry from now on."""

    sha256: str
    rows: int
    refused: int
    as_of: date


OrganisationRegistryEvent = OrganisationRegistryImported | CollectionPointsImported

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedFiles:
    """The files that the registry was made of last."""

    organisations: OrganisationRegistryImported | None = None
    points: CollectionPointsImported | None = None


def evolve(files: ImportedFiles | None, event: OrganisationRegistryEvent) -> ImportedFiles:
    """Replay one event. Never refuses."""
    known = files or ImportedFiles()
    match event:
        case OrganisationRegistryImported():
            return ImportedFiles(organisations=event, points=known.points)
        case CollectionPointsImported():
            return ImportedFiles(organisations=known.organisations, points=event)
        case _:
            assert_never(event)


# Decisions.


def import_file(
    files: ImportedFiles | None, imported: OrganisationRegistryEvent
) -> tuple[OrganisationRegistryEvent, ...]:
    """What is in the registry already is not imported again."""
    known = files or ImportedFiles()
    return () if imported in (known.organisations, known.points) else (imported,)


# What the registry says.


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate of accreditation; without `valid_until` it has no end."""

    number: str
    valid_until: date | None = None
    official_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Department:
    code: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredOrganisation:
    """A line of the registry of medical organisations (НСИ 1.2.643.5.1.13.13.11.1461)."""

    oid: str
    full_name: str
    inn: str
    ogrn: str
    short_name: str | None = None
    kpp: str | None = None
    region: str | None = None
    locality: str | None = None
    address: str | None = None
    kind: OrganisationKind = OrganisationKind.CLINIC
    closed_on: date | None = None
    certificate: Certificate | None = None
    departments: tuple[Department, ...] = ()

    @property
    def name(self) -> str:
        return self.short_name or self.full_name

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that is its own officially."""
        of_certificate = self.certificate.official_name if self.certificate else None
        return tuple(name for name in (of_certificate, self.full_name, self.short_name) if name)

    def department(self, code: str) -> Department | None:
        return next((one for one in self.departments if one.code == code), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionPoint:
    """Where an organisation takes samples, and for studies of which types; none stands for all."""

    point_id: str
    oid: str
    name: str
    address: str
    latitude: float | None = None
    longitude: float | None = None
    study_types: tuple[StudyType, ...] = ()


def is_same(
    *, oid: str | None, inn: str, ogrn: str, other_oid: str | None, other_inn: str, other_ogrn: str
) -> bool:
    """Whether two are one organisation: by the number in the registry where both have it, else as legal persons."""
    if oid and other_oid:
        return oid == other_oid
    return (inn, ogrn) == (other_inn, other_ogrn)


# Checking what a patient states (S74-S76).


class Finding(StrEnum):
    """What is wrong with a stated organisation. The values are codes of problems."""

    NAME_MISSING = "organisation-name-missing"
    INN_CHECK_FAILED = "organisation-inn-check-failed"
    OGRN_CHECK_FAILED = "organisation-ogrn-check-failed"
    NOT_IN_REGISTRY = "organisation-not-in-registry"
    INN_DIFFERS = "organisation-inn-differs"
    OGRN_DIFFERS = "organisation-ogrn-differs"
    NAME_DIFFERS = "organisation-name-differs"
    KIND_DIFFERS = "organisation-kind-differs"
    DEPARTMENT_UNKNOWN = "organisation-department-unknown"
    CLOSED = "organisation-closed"
    NOT_ACCREDITED = "organisation-not-accredited"
    ACCREDITATION_ENDED = "organisation-accreditation-ended"


@dataclass(frozen=True, slots=True)
class Found:
    """A finding at a field; `said` is what the registry says there, which is public."""

    finding: Finding
    field: str
    said: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What a patient states of an organisation. A kind or a department may be left open."""

    name: str
    inn: str
    ogrn: str
    kind: OrganisationKind | None = None
    department: str | None = None


def number_findings(stated: Stated) -> tuple[Found, ...]:
    """What can be seen without the registry: a missing name, check digits."""
    found = [] if stated.name.strip() else [Found(Finding.NAME_MISSING, "name")]
    if not _is_checked_inn(stated.inn):
        found.append(Found(Finding.INN_CHECK_FAILED, "inn"))
    if not is_checked_ogrn(stated.ogrn):
        found.append(Found(Finding.OGRN_CHECK_FAILED, "ogrn"))
    return tuple(found)


def findings(
    stated: Stated, candidates: tuple[RegisteredOrganisation, ...], *, today: date
) -> tuple[RegisteredOrganisation | None, tuple[Found, ...]]:
    """Which organisation of the registry is meant, and everything that does not fit. `candidates` are those with
    the stated ИНН or ОГРН: a legal person may stand there several times."""
    wrong = number_findings(stated)
    if wrong:
        return None, wrong
    entry = _meant(stated, candidates)
    if entry is None:
        return None, (Found(Finding.NOT_IN_REGISTRY, "inn"),)
    return entry, (*_differences(stated, entry), *standing(entry, today=today))


def standing(entry: RegisteredOrganisation, *, today: date) -> tuple[Found, ...]:
    """Whether it works, and is accredited on this day."""
    if entry.closed_on is not None and entry.closed_on <= today:
        return (Found(Finding.CLOSED, "form", entry.closed_on.isoformat()),)
    if entry.certificate is None:
        return (Found(Finding.NOT_ACCREDITED, "form"),)
    until = entry.certificate.valid_until
    if until is not None and until < today:
        return (Found(Finding.ACCREDITATION_ENDED, "form", until.isoformat()),)
    return ()


def _meant(stated: Stated, candidates: tuple[RegisteredOrganisation, ...]) -> RegisteredOrganisation | None:
    def fits(entry: RegisteredOrganisation) -> tuple[bool, bool, bool, str]:
        named = any(is_same_name(stated.name, name) for name in entry.names)
        return (entry.ogrn != stated.ogrn, not named, entry.closed_on is not None, entry.oid)

    return min(candidates, key=fits, default=None)


def _differences(stated: Stated, entry: RegisteredOrganisation) -> Iterator[Found]:
    if entry.inn != stated.inn:
        yield Found(Finding.INN_DIFFERS, "inn", entry.inn)
    if entry.ogrn != stated.ogrn:
        yield Found(Finding.OGRN_DIFFERS, "ogrn", entry.ogrn)
    if not any(is_same_name(stated.name, name) for name in entry.names):
        yield Found(Finding.NAME_DIFFERS, "name", entry.names[0])
    if stated.kind is not None and stated.kind is not entry.kind:
        yield Found(Finding.KIND_DIFFERS, "kind", entry.kind)
    if stated.department and entry.department(stated.department) is None:
        yield Found(Finding.DEPARTMENT_UNKNOWN, "department")


def _is_checked_inn(text: str) -> bool:
    try:
        return bool(inn(text))
    except CheckDigitError:
        return False


_PERSON_LENGTH = 15


def is_checked_ogrn(text: str) -> bool:
    """An ОГРН of 13 digits, or the ОГРНИП of 15 that a person in business has: the last is the rest modulo 13."""
    if len(text) == _PERSON_LENGTH and text.isascii() and text.isdigit():
        return int(text[:-1]) % 13 % 10 == int(text[-1])
    try:
        return bool(ogrn(text))
    except CheckDigitError:
        return False
