"""Linkage: a patient's cabinet takes results from a medical organisation, until it is unlinked."""

from dataclasses import dataclass, replace
from typing import assert_never

from domain.values import OrganisationId, PatientId

# Events: what happened.


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationLinked:
    """The patient takes results of this organisation into the cabinet."""

    patient_id: PatientId
    organisation_id: OrganisationId


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationUnlinked:
    """The patient takes no more results of this organisation."""

    patient_id: PatientId
    organisation_id: OrganisationId


LinkageEvent = OrganisationLinked | OrganisationUnlinked

# State.


@dataclass(frozen=True, slots=True, kw_only=True)
class Linkage:
    patient_id: PatientId
    organisation_id: OrganisationId
    linked: bool


def evolve(linkage: Linkage | None, event: LinkageEvent) -> Linkage:
    """Replay one event. Never refuses."""
    match event:
        case OrganisationLinked():
            return Linkage(patient_id=event.patient_id, organisation_id=event.organisation_id, linked=True)
        case OrganisationUnlinked():
            assert linkage is not None
            return replace(linkage, linked=False)
        case _:
            assert_never(event)


# Decisions.


def link(
    linkage: Linkage | None, *, patient_id: PatientId, organisation_id: OrganisationId
) -> tuple[OrganisationLinked, ...]:
    """Link again after unlinking is allowed; linking twice changes nothing."""
    if linkage is not None and linkage.linked:
        return ()
    return (OrganisationLinked(patient_id=patient_id, organisation_id=organisation_id),)


def unlink(linkage: Linkage | None) -> tuple[OrganisationUnlinked, ...]:
    if linkage is None or not linkage.linked:
        return ()
    return (OrganisationUnlinked(patient_id=linkage.patient_id, organisation_id=linkage.organisation_id),)
