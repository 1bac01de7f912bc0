"""What a patient permits, looked at by one query: who they are, what they linked, what they consented to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from domain import consent, linkage, patient
from domain.consent import Consent, ConsentKind
from domain.linkage import Linkage
from domain.patient import Patient
from domain.values import OrganisationId, PatientId
from ledger.commands import consent_stream, linkage_stream
from ledger.recorder import Guard
from ledger.states import Evolve
from ledger.store import Ledger


@dataclass(frozen=True, slots=True)
class Permissions:
    """The patient, their linkage with one organisation and their consents; `guards` are what each rests on."""

    patient_id: PatientId
    patient: Patient | None
    linkage: Linkage | None
    consents: Mapping[ConsentKind, Consent | None]
    patient_guard: Guard
    linkage_guard: Guard
    consent_guards: Mapping[ConsentKind, Guard]

    @property
    def notice_guards(self) -> tuple[Guard, Guard]:
        """What a notice rests on: the consent to notices, and the address."""
        return (self.consent_guards[ConsentKind.NOTIFICATIONS], self.patient_guard)


def permissions_of_all(
    ledger: Ledger, patient_ids: Sequence[PatientId], organisation_id: OrganisationId
) -> list[Permissions]:
    """Of several patients, by one query for all."""
    kinds = list(ConsentKind)
    asked = [
        one for patient_id in patient_ids for one in _streams(ledger, patient_id, organisation_id, kinds)
    ]
    folded = ledger.load_all(*asked)
    size = 2 + len(kinds)
    found = []
    for place, patient_id in enumerate(patient_ids):
        streams = [stream_id for stream_id, _ in asked[place * size : (place + 1) * size]]
        states = folded[place * size : (place + 1) * size]
        guards = [Guard(stream_id, version) for stream_id, (_, version) in zip(streams, states, strict=True)]
        found.append(
            Permissions(
                patient_id=patient_id,
                patient=states[0][0],
                linkage=states[1][0],
                consents=dict(zip(kinds, (state for state, _ in states[2:]), strict=True)),
                patient_guard=guards[0],
                linkage_guard=guards[1],
                consent_guards=dict(zip(kinds, guards[2:], strict=True)),
            )
        )
    return found


def _streams(
    ledger: Ledger, patient_id: PatientId, organisation_id: OrganisationId, kinds: Sequence[ConsentKind]
) -> list[tuple[UUID, Evolve]]:
    return [
        (patient_id, patient.evolve),
        (linkage_stream(ledger, patient_id, organisation_id), linkage.evolve),
        *((consent_stream(ledger, patient_id, kind), consent.evolve) for kind in kinds),
    ]
