"""How an organisation of a patient stands: confirmed, active, sending by itself, and why not (S42, S75)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from api.pages import Locale, date_text, phrase
from api.problems import explain
from domain.laboratory import Laboratory, LaboratoryAccredited
from domain.linkage import LinkageStatus
from domain.organisation import USUAL_FORMATS, Format, OrganisationKind
from domain.organisation_registry import (
    Certificate,
    Department,
    Finding,
    Found,
    RegisteredOrganisation,
    is_same,
    standing,
)
from domain.permission import BARRIERS
from domain.study_type import StudyType
from domain.values import OrganisationId, PatientId
from ledger import organisation_registry
from ledger.commands import LaboratoryNotFoundError
from ledger.onboarding import laboratory_of_id
from ledger.permissions import permissions_of_all
from ledger.store import Ledger
from projections.organisations import LinkageRow

NOT_CONNECTED = "organisation-not-connected"


@dataclass(frozen=True, slots=True)
class Status:
    """A word of the family `organisation.status`, and the code of the problem that is the reason, if there is one."""

    name: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """An organisation as the patient has it, as the registry has it, and as it is connected."""

    row: LinkageRow
    entry: RegisteredOrganisation | None
    laboratory: Laboratory | None
    statuses: tuple[Status, ...]

    @property
    def name(self) -> str:
        if self.laboratory is not None:
            return self.laboratory.name
        return self.entry.name if self.entry else ""

    @property
    def kind(self) -> OrganisationKind:
        """Whoever submits reports is a laboratory, until something else is stated."""
        stated = self.laboratory.kind if self.laboratory else None
        return stated or (self.entry.kind if self.entry else OrganisationKind.LABORATORY)

    @property
    def formats(self) -> tuple[Format, ...]:
        """In what it sends results (S72)."""
        return self.laboratory.formats if self.laboratory else USUAL_FORMATS[self.kind]

    def department_name(self, code: str) -> str:
        of_laboratory = self.laboratory.department(code) if self.laboratory else None
        of_entry = self.entry.department(code) if self.entry else None
        found = of_laboratory or of_entry
        return found.name if found else code


def standing_of(ledger: Ledger, patient_id: PatientId, row: LinkageRow) -> Standing:
    laboratory = _laboratory(ledger, row.organisation_id)
    entry = entry_of(ledger, row, laboratory)
    statuses = tuple(_statuses(ledger, patient_id, row, entry, laboratory))
    return Standing(row, entry, laboratory, statuses)


def entry_of(ledger: Ledger, row: LinkageRow, laboratory: Laboratory | None) -> RegisteredOrganisation | None:
    """The line of the registry: by its OID, else as the legal person that the laboratory is."""
    oid = (laboratory.oid if laboratory else None) or row.oid
    found = organisation_registry.find_by_oid(ledger, oid) if oid else None
    if found is None and laboratory is not None:
        found = entry_of_laboratory(ledger, laboratory)
    return as_connected(found, laboratory) if found else None


def entry_of_laboratory(ledger: Ledger, laboratory: Laboratory) -> RegisteredOrganisation | None:
    candidates = organisation_registry.find_by_numbers(ledger, inn=laboratory.inn, ogrn=laboratory.ogrn)
    same = [
        one
        for one in candidates
        if is_same(
            oid=one.oid,
            inn=one.inn,
            ogrn=one.ogrn,
            other_oid=laboratory.oid,
            other_inn=laboratory.inn,
            other_ogrn=laboratory.ogrn,
        )
    ]
    return min(same, key=lambda one: (one.closed_on is not None, one.oid), default=None)


def as_connected(entry: RegisteredOrganisation, laboratory: Laboratory | None) -> RegisteredOrganisation:
    """With what the laboratory stated here: its departments, and its certificate if it is newer than the registry's
    or the only one."""
    if laboratory is None:
        return entry
    own = {one.code: Department(code=one.code, name=one.name) for one in laboratory.departments}
    departments = {one.code: one for one in entry.departments} | own
    entry = replace(entry, departments=tuple(departments.values()))
    shown = laboratory.accreditation
    if shown is None or (entry.certificate is not None and not _outlives(shown, entry.certificate)):
        return entry
    name = entry.certificate.official_name if entry.certificate else None
    certificate = Certificate(
        number=shown.certificate_number, valid_until=shown.valid_until, official_name=name
    )
    return replace(entry, certificate=certificate)


def _outlives(shown: LaboratoryAccredited, known: Certificate) -> bool:
    if known.valid_until is None:
        return False
    return shown.valid_until is None or shown.valid_until > known.valid_until


def _statuses(
    ledger: Ledger,
    patient_id: PatientId,
    row: LinkageRow,
    entry: RegisteredOrganisation | None,
    laboratory: Laboratory | None,
) -> Iterable[Status]:
    if row.status is LinkageStatus.UNLINKED:
        yield Status("unlinked")
        return
    yield _confirmed(ledger, entry, laboratory)
    if row.status is LinkageStatus.AWAITED:
        yield Status("awaited", NOT_CONNECTED)
        return
    yield Status("active")
    barrier = transfer_barrier(ledger, patient_id, row.organisation_id)
    yield Status("not-automatic", barrier) if barrier else Status("automatic")


def _confirmed(ledger: Ledger, entry: RegisteredOrganisation | None, laboratory: Laboratory | None) -> Status:
    """Where no registry was ever imported, the operator who registered the laboratory stands for it."""
    if entry is None:
        has_registry = organisation_registry.revision(ledger) is not None
        is_registered = laboratory is not None and not has_registry
        return Status("confirmed") if is_registered else Status("not-confirmed", Finding.NOT_IN_REGISTRY)
    found = standing(entry, today=datetime.now(UTC).date())
    return Status("not-confirmed", found[0].finding) if found else Status("confirmed")


def transfer_barrier(ledger: Ledger, patient_id: PatientId, organisation_id: OrganisationId) -> str | None:
    """What keeps every kind of report of this organisation from the patient; None if some would come."""
    (permitted,) = permissions_of_all(ledger, [patient_id], organisation_id, at=datetime.now(UTC))
    barriers = [permitted.barrier(frozenset({study_type})) for study_type in StudyType]
    return None if None in barriers else barriers[0]


def _laboratory(ledger: Ledger, organisation_id: OrganisationId) -> Laboratory | None:
    try:
        return laboratory_of_id(ledger, organisation_id)
    except LaboratoryNotFoundError:
        return None


# Findings in words


def told(found: Iterable[Found], locale: Locale) -> dict[str, dict[str, str]]:
    """Findings as the forms show errors: by field, the first of each, with what the registry says."""
    errors: dict[str, dict[str, str]] = {}
    language = 0 if locale == "ru" else 1
    for one in found:
        explanation = explain(one.finding)
        text = explanation.title[language]
        if one.said:
            said = phrase("organisation.said.registry", locale=locale, said=_said(one, locale))
            text = f"{text} {said}"
        error = {"code": one.finding.value, "text": text, "advice": explanation.advice[language]}
        errors.setdefault(one.field, error)
    return errors


def _said(found: Found, locale: Locale) -> str:
    said = found.said or ""
    match found.finding:
        case Finding.KIND_DIFFERS:
            return phrase(f"organisation.kind.{said}", locale=locale)
        case Finding.CLOSED | Finding.ACCREDITATION_ENDED:
            return date_text(said, locale=locale)
        case _:
            return said


def reason_text(code: str, locale: Locale) -> str:
    """For the patient: what a barrier says of a report, it says to the laboratory that sent one."""
    if code in BARRIERS:
        return phrase(f"barrier.{code}", locale=locale)
    return explain(code).title[0 if locale == "ru" else 1]
