"""What a patient permits, looked at by one query: who they are, what they linked, consented to and chose."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from domain import consent, identity, linkage, patient, permission, push_subscription, receiving
from domain.consent import ConsentKind
from domain.patient import Patient
from domain.permission import Basis, Grounds, LookedAt
from domain.study_type import StudyType
from domain.values import OrganisationId, PatientId
from ledger.consents import consent_stream
from ledger.identity import identity_stream
from ledger.linkage import linkage_stream
from ledger.push_subscriptions import push_stream
from ledger.receiving import receiving_stream
from ledger.recorder import Guard
from ledger.states import Asked, Evolve, Folded
from ledger.store import Ledger

# By what each stream is called in a basis, in the order in which they are asked for.
PATIENT, IDENTITY, LINKAGE, RECEIVING, PUSH = "patient", "identity", "linkage", "receiving", "push"
PERSONAL_DATA = f"consent/{ConsentKind.PERSONAL_DATA}"
TRANSFER = f"consent/{ConsentKind.RESULTS_TRANSFER}"
NOTICES = f"consent/{ConsentKind.NOTIFICATIONS}"
DOCUMENTS = f"consent/{ConsentKind.RESULTS_BY_EMAIL}"
# How each is folded, and which of the grounds it is.
FOLDS: Mapping[str, tuple[Evolve, str]] = MappingProxyType(
    {
        PATIENT: (patient.evolve, "patient"),
        IDENTITY: (identity.evolve, "identity"),
        LINKAGE: (linkage.evolve, "linkage"),
        PERSONAL_DATA: (consent.evolve, "personal_data"),
        TRANSFER: (consent.evolve, "transfer"),
        NOTICES: (consent.evolve, "notices"),
        RECEIVING: (receiving.evolve, "receiving"),
        PUSH: (push_subscription.evolve, "pushes"),
        DOCUMENTS: (consent.evolve, "documents"),
    }
)
# What a report's way to the patient rests on, and what a notice and the document that goes along do.
OF_REPORTS = (PATIENT, IDENTITY, LINKAGE, PERSONAL_DATA, TRANSFER, RECEIVING)
OF_NOTICES = (PATIENT, PERSONAL_DATA, NOTICES, RECEIVING, PUSH, DOCUMENTS)
# Of what a guardian is told, beside what they permit themselves: the ward's age and consents.
WARD, OF_WARD = "ward/", (PATIENT, PERSONAL_DATA, NOTICES)


@dataclass(frozen=True, slots=True)
class Permissions:
    """What a patient permits an organisation; `guards` are the streams that it rests on, by what they are."""

    patient_id: PatientId
    organisation_id: OrganisationId
    grounds: Grounds
    guards: Mapping[str, Guard]

    @property
    def patient(self) -> Patient | None:
        return self.grounds.patient

    def barrier(self, study_types: frozenset[StudyType]) -> str | None:
        """What keeps a report of these types from the patient, if anything does."""
        return permission.barrier(self.grounds, organisation_id=self.organisation_id, study_types=study_types)

    @property
    def report_guards(self) -> tuple[Guard, ...]:
        return tuple(self.guards[what] for what in OF_REPORTS)

    @property
    def report_basis(self) -> Basis:
        return basis_of(self.guards, OF_REPORTS, at=self.grounds.at)

    @property
    def notice_guards(self) -> tuple[Guard, ...]:
        return tuple(self.guards[what] for what in OF_NOTICES)

    @property
    def notice_basis(self) -> Basis:
        return basis_of(self.guards, looked_at_for_notices(self.grounds), at=self.grounds.at)


def permissions_of_all(
    ledger: Ledger,
    patient_ids: Sequence[PatientId],
    organisation_id: OrganisationId,
    *,
    at: datetime,
) -> list[Permissions]:
    """Of several patients, by one query for all, as it stands at the time. What was erased of one permits nothing, and
    does not stand in the way of the others."""
    return permissions_beside(ledger, patient_ids, organisation_id, at=at)[0]


def permissions_beside(
    ledger: Ledger,
    patient_ids: Sequence[PatientId],
    organisation_id: OrganisationId,
    *beside: Asked,
    at: datetime,
) -> tuple[list[Permissions], list[Folded | None]]:
    """As `permissions_of_all`, and what these other streams fold into, by the same query."""
    asked = [
        (stream_id, FOLDS[what][0])
        for patient_id in patient_ids
        for what, stream_id in streams_of(ledger, patient_id, organisation_id).items()
    ]
    loaded = ledger.load_unerased(*beside, *asked)
    folded = [
        one if one is not None else (None, _length(ledger, stream_id))
        for one, (stream_id, _) in zip(loaded[len(beside) :], asked, strict=True)
    ]
    found = []
    for place, patient_id in enumerate(patient_ids):
        part = slice(place * len(FOLDS), (place + 1) * len(FOLDS))
        states: dict[str, Any] = {}
        guards: dict[str, Guard] = {}
        for what, (stream_id, _), (state, version) in zip(FOLDS, asked[part], folded[part], strict=True):
            states[FOLDS[what][1]] = state
            guards[what] = Guard(stream_id, version)
        found.append(Permissions(patient_id, organisation_id, Grounds(at=at, **states), guards))
    return found, loaded[: len(beside)]


def _length(ledger: Ledger, stream_id: UUID) -> int:
    return sum(1 for _ in ledger.read(stream_id))


def notices_permitted(
    ledger: Ledger, patient_id: PatientId, *, at: datetime
) -> tuple[Grounds, Mapping[str, Guard]]:
    """What a patient permits of notices, whoever they are about, and the streams that it rests on."""
    return notices_permitted_of_all(ledger, [patient_id], at=at)[patient_id]


def notices_permitted_of_all(
    ledger: Ledger, patient_ids: Sequence[PatientId], *, at: datetime
) -> dict[PatientId, tuple[Grounds, Mapping[str, Guard]]]:
    """As `notices_permitted`, of several patients by one query."""
    streams = {patient_id: _own_streams(ledger, patient_id) for patient_id in patient_ids}
    asked = [(of_one[what], FOLDS[what][0]) for of_one in streams.values() for what in OF_NOTICES]
    folded = iter(ledger.load_all(*asked)) if asked else iter(())
    found: dict[PatientId, tuple[Grounds, Mapping[str, Guard]]] = {}
    for patient_id, of_one in streams.items():
        states: dict[str, Any] = {}
        guards: dict[str, Guard] = {}
        for what in OF_NOTICES:
            states[FOLDS[what][1]], version = next(folded)
            guards[what] = Guard(of_one[what], version)
        found[patient_id] = (Grounds(at=at, **states), guards)
    return found


def of_ward(guards: Mapping[str, Guard]) -> dict[str, Guard]:
    """What a ward permits, as it is called in the basis of what a guardian is told."""
    return {f"{WARD}{what}": guards[what] for what in OF_WARD}


def looked_at_for_notices(grounds: Grounds) -> tuple[str, ...]:
    """What the rule of notices looks at: at the consent to documents only where its patient wants documents."""
    sends_documents = grounds.receiving is not None and grounds.receiving.settings.sends_documents
    return OF_NOTICES if sends_documents else tuple(what for what in OF_NOTICES if what != DOCUMENTS)


def basis_of(guards: Mapping[str, Guard], rests_on: Iterable[str], *, at: datetime) -> Basis:
    """A stream that is not there was looked at too: that nothing is in it counts."""
    return Basis(
        at=at,
        looked_at=tuple(
            LookedAt(what=what, stream_id=guards[what].stream_id, version=guards[what].version)
            for what in rests_on
        ),
    )


def streams_of(ledger: Ledger, patient_id: PatientId, organisation_id: OrganisationId) -> dict[str, UUID]:
    """The streams by what they are, in the order of FOLDS."""
    streams = _own_streams(ledger, patient_id)
    streams[LINKAGE] = linkage_stream(ledger, patient_id, organisation_id)
    return {what: streams[what] for what in FOLDS}


def _own_streams(ledger: Ledger, patient_id: PatientId) -> dict[str, UUID]:
    """Those that are of no organisation."""
    return {
        PATIENT: patient_id,
        IDENTITY: identity_stream(ledger, patient_id),
        PERSONAL_DATA: consent_stream(ledger, patient_id, ConsentKind.PERSONAL_DATA),
        TRANSFER: consent_stream(ledger, patient_id, ConsentKind.RESULTS_TRANSFER),
        NOTICES: consent_stream(ledger, patient_id, ConsentKind.NOTIFICATIONS),
        RECEIVING: receiving_stream(ledger, patient_id),
        PUSH: push_stream(ledger, patient_id),
        DOCUMENTS: consent_stream(ledger, patient_id, ConsentKind.RESULTS_BY_EMAIL),
    }
