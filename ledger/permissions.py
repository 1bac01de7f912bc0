"""What a patient permits, looked at by one query: who they are, what they linked, what they consented to."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain import consent, linkage, patient
from domain.consent import Consent, ConsentKind
from domain.linkage import Linkage
from domain.patient import Patient
from domain.values import OrganisationId, PatientId
from ledger.commands import consent_stream, linkage_stream
from ledger.recorder import Guard
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


def permissions_of(ledger: Ledger, patient_id: PatientId, organisation_id: OrganisationId) -> Permissions:
    linkage_id = linkage_stream(ledger, patient_id, organisation_id)
    consent_ids = {kind: consent_stream(ledger, patient_id, kind) for kind in ConsentKind}
    (known, patient_version), (linked, linkage_version), *consents = ledger.load_all(
        (patient_id, patient.evolve),
        (linkage_id, linkage.evolve),
        *((stream_id, consent.evolve) for stream_id in consent_ids.values()),
    )
    found = dict(zip(consent_ids, consents, strict=True))
    return Permissions(
        patient_id=patient_id,
        patient=known,
        linkage=linked,
        consents={kind: state for kind, (state, _) in found.items()},
        patient_guard=Guard(patient_id, patient_version),
        linkage_guard=Guard(linkage_id, linkage_version),
        consent_guards={kind: Guard(consent_ids[kind], version) for kind, (_, version) in found.items()},
    )
