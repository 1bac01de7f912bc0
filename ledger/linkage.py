"""Linkage in the ledger: a patient links an organisation, awaits one that is not connected yet, or lets go of one."""

from collections.abc import Callable, Iterable
from uuid import UUID

from domain import laboratory, linkage, patient
from domain.linkage import Linkage, LinkageEvent, OrganisationAwaited
from domain.values import LaboratoryId, OrganisationId, PatientId
from ledger.codec import Circumstances
from ledger.commands import LaboratoryNotFoundError, PatientNotFoundError, change, decide_again
from ledger.recorder import Guard
from ledger.store import Ledger, Position, Write

CONNECTOR = Circumstances(actor="system:clockwork")


def linkage_stream(ledger: Ledger, patient_id: PatientId, organisation_id: OrganisationId) -> UUID:
    return ledger.stream_of_ids("linkage", patient_id, organisation_id)


def link_organisation(
    ledger: Ledger,
    patient_id: PatientId,
    organisation_id: OrganisationId,
    by: Circumstances,
    *,
    oid: str | None = None,
    department: str | None = None,
    registry: str | None = None,
) -> Position:
    """Take results of a registered laboratory. PolicyMissingError without a policy (S36)."""
    if ledger.load(organisation_id, laboratory.evolve)[0] is None:
        raise LaboratoryNotFoundError
    return _join(
        ledger,
        patient_id,
        organisation_id,
        lambda state: linkage.link(
            state,
            patient_id=patient_id,
            organisation_id=organisation_id,
            oid=oid,
            department=department,
            registry=registry,
        ),
        by,
    )


def await_organisation(
    ledger: Ledger, awaited: OrganisationAwaited, by: Circumstances, *, department: str | None = None
) -> Position:
    """Wait for an organisation of the registry to be connected. PolicyMissingError without a policy (S36)."""
    return _join(
        ledger,
        awaited.patient_id,
        awaited.organisation_id,
        lambda state: linkage.wait_for(state, awaited, department=department),
        by,
    )


def _join(
    ledger: Ledger,
    patient_id: PatientId,
    organisation_id: OrganisationId,
    decide: Callable[[Linkage | None], Iterable[LinkageEvent]],
    by: Circumstances,
) -> Position:
    """The policy that it rests on must still be linked at its position."""
    stream_id = linkage_stream(ledger, patient_id, organisation_id)

    def act() -> Position:
        (owner, owner_version), (state, version) = ledger.load_all(
            (patient_id, patient.evolve), (stream_id, linkage.evolve)
        )
        if owner is None:
            raise PatientNotFoundError(patient_id)
        patient.require_policy(owner)
        return ledger.append(
            Write(stream_id, version, tuple(decide(state)), patient_id),
            circumstances=by,
            guards=(Guard(patient_id, owner_version),),
        )

    return decide_again(act)


def connect_organisation(
    ledger: Ledger, patient_id: PatientId, organisation_id: OrganisationId, laboratory_id: LaboratoryId
) -> bool:
    """What the patient awaits is this laboratory now: it is linked in the same append, unless they gave up waiting
    or have no policy any more. Whether it was."""

    def act() -> bool:
        linked_id = OrganisationId(laboratory_id)
        awaiting = linkage_stream(ledger, patient_id, organisation_id)
        linking = linkage_stream(ledger, patient_id, linked_id)
        (owner, owner_version), (awaited, awaited_version), (linked, linked_version) = ledger.load_all(
            (patient_id, patient.evolve), (awaiting, linkage.evolve), (linking, linkage.evolve)
        )
        connected = linkage.connect(awaited, laboratory_id)
        if not connected or owner is None or owner.policy is None:
            return False
        joined = linkage.link(
            linked,
            patient_id=patient_id,
            organisation_id=linked_id,
            oid=awaited.oid,
            department=awaited.department,
        )
        ledger.append(
            Write(awaiting, awaited_version, connected),
            Write(linking, linked_version, joined, patient_id),
            circumstances=CONNECTOR,
            guards=(Guard(patient_id, owner_version),),
        )
        return True

    return decide_again(act)


def unlink_organisation(
    ledger: Ledger, patient_id: PatientId, organisation_id: OrganisationId, by: Circumstances
) -> Position:
    return change(
        ledger, linkage_stream(ledger, patient_id, organisation_id), linkage.evolve, linkage.unlink, by
    )
