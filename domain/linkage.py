"""Linkage: a patient's cabinet takes results from a medical organisation, until it is unlinked.

An organisation that submits reports is linked by the id of its laboratory. One that does not yet, and stands in
the registry, is awaited under an id of its own, until a laboratory that is this organisation is registered.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from domain.values import LaboratoryId, OrganisationId, PatientId

# Events: what happened.


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationLinked:
    """The patient takes results of this organisation into the cabinet. `oid` is its number in the registry of
    medical organisations, `registry` the SHA-256 of the file that it was checked against."""

    patient_id: PatientId
    organisation_id: OrganisationId
    oid: str | None = None
    registry: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationAwaited:
    """The patient wants results of an organisation of the registry that does not submit any yet."""

    patient_id: PatientId
    organisation_id: OrganisationId
    oid: str
    inn: str
    ogrn: str
    registry: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartmentChosen:
    """To which department of the organisation the patient goes, by its code. What a department treats says
    something of the patient: that is sealed."""

    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationConnected:
    """The awaited organisation is connected: it is this laboratory, which is linked from now on."""

    patient_id: PatientId
    organisation_id: OrganisationId
    laboratory_id: LaboratoryId


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationUnlinked:
    """The patient takes no more results of this organisation, or awaits it no more."""

    patient_id: PatientId
    organisation_id: OrganisationId


LinkageEvent = (
    OrganisationLinked | OrganisationAwaited | DepartmentChosen | OrganisationConnected | OrganisationUnlinked
)

# State.


class LinkageStatus(StrEnum):
    LINKED = "linked"
    AWAITED = "awaited"
    CONNECTED = "connected"
    UNLINKED = "unlinked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Linkage:
    """`department` and `oid` are as they were stated last."""

    patient_id: PatientId
    organisation_id: OrganisationId
    linked: bool
    status: LinkageStatus = LinkageStatus.UNLINKED
    department: str | None = None
    oid: str | None = None
    laboratory_id: LaboratoryId | None = None


def evolve(linkage: Linkage | None, event: LinkageEvent) -> Linkage:
    """Replay one event. Never refuses."""
    match event:
        case OrganisationLinked():
            return _joined(event, LinkageStatus.LINKED)
        case OrganisationAwaited():
            return _joined(event, LinkageStatus.AWAITED)
        case DepartmentChosen():
            assert linkage is not None
            return replace(linkage, department=event.code)
        case OrganisationConnected():
            assert linkage is not None
            return replace(linkage, status=LinkageStatus.CONNECTED, laboratory_id=event.laboratory_id)
        case OrganisationUnlinked():
            assert linkage is not None
            return replace(linkage, linked=False, status=LinkageStatus.UNLINKED)
        case _:
            assert_never(event)


def _joined(event: OrganisationLinked | OrganisationAwaited, status: LinkageStatus) -> Linkage:
    return Linkage(
        patient_id=event.patient_id,
        organisation_id=event.organisation_id,
        linked=status is LinkageStatus.LINKED,
        status=status,
        oid=event.oid,
    )


# Decisions.


def link(
    linkage: Linkage | None,
    *,
    patient_id: PatientId,
    organisation_id: OrganisationId,
    oid: str | None = None,
    department: str | None = None,
    registry: str | None = None,
) -> tuple[OrganisationLinked | DepartmentChosen, ...]:
    """Link again after unlinking is allowed; linking twice changes nothing but the department."""
    if linkage is not None and linkage.linked:
        return _chosen(department, linkage.department)
    linked = OrganisationLinked(
        patient_id=patient_id,
        organisation_id=organisation_id,
        oid=oid or (linkage.oid if linkage else None),
        registry=registry,
    )
    return (linked, *_chosen(department, None))


def wait_for(
    linkage: Linkage | None, awaited: OrganisationAwaited, *, department: str | None = None
) -> tuple[OrganisationAwaited | DepartmentChosen, ...]:
    """Waiting twice changes nothing but the department."""
    if linkage is not None and linkage.status is LinkageStatus.AWAITED:
        return _chosen(department, linkage.department)
    return (awaited, *_chosen(department, None))


def _chosen(department: str | None, before: str | None) -> tuple[DepartmentChosen, ...]:
    return () if department in (None, before) else (DepartmentChosen(code=str(department)),)


def connect(linkage: Linkage | None, laboratory_id: LaboratoryId) -> tuple[OrganisationConnected, ...]:
    """Only what is awaited is connected: who gave up waiting is not linked behind their back."""
    if linkage is None or linkage.status is not LinkageStatus.AWAITED:
        return ()
    connected = OrganisationConnected(
        patient_id=linkage.patient_id, organisation_id=linkage.organisation_id, laboratory_id=laboratory_id
    )
    return (connected,)


def unlink(linkage: Linkage | None) -> tuple[OrganisationUnlinked, ...]:
    if linkage is None or linkage.status not in (LinkageStatus.LINKED, LinkageStatus.AWAITED):
        return ()
    return (OrganisationUnlinked(patient_id=linkage.patient_id, organisation_id=linkage.organisation_id),)
