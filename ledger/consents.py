"""Consents: a patient agrees to a document and takes that back; what the law asks for after that begins."""

from datetime import UTC, datetime
from uuid import UUID

from domain import consent
from domain.consent import WHOLE, ConsentDocument, ConsentKind, Scope
from domain.erasure import ErasureGround
from domain.obligation import Duty
from domain.values import OrganisationId, PatientId
from ledger import erasure_orders
from ledger.codec import Circumstances
from ledger.commands import decide_again
from ledger.obligations import arising, lifting, obligation_stream
from ledger.store import Ledger, Position, Write

CLOCK = Circumstances(actor="system:clockwork")


def consent_stream(
    ledger: Ledger, patient_id: PatientId, kind: ConsentKind, organisation_id: OrganisationId | None = None
) -> UUID:
    """A consent to electronic transfer has a stream for each organisation; the others have one."""
    if kind is not ConsentKind.ELECTRONIC_TRANSFER:
        return ledger.stream_of_ids("consent", patient_id, kind)
    if organisation_id is None:
        raise consent.OrganisationNotNamedError
    return ledger.stream_of_ids("consent", patient_id, kind, organisation_id)


def grant_consent(
    ledger: Ledger,
    patient_id: PatientId,
    *,
    agreed: ConsentDocument,
    current: ConsentDocument,
    by: Circumstances,
    scope: Scope = WHOLE,
    factors: tuple[str, ...] = (),
) -> Position:
    """Agree to the document within the scope. What a withdrawal before it obliged to, and was not done yet, is
    not to be done any more, an erasure neither."""
    kind = agreed.kind
    organisation_id = scope.organisations[0] if scope.organisations else None
    stream_id = consent_stream(ledger, patient_id, kind, organisation_id)

    def act() -> Position:
        state, version = ledger.load(stream_id, consent.evolve)
        granted = consent.grant(
            state,
            patient_id=patient_id,
            agreed=agreed,
            current=current,
            at=datetime.now(UTC),
            scope=scope,
            factors=factors,
        )
        writes = [Write(stream_id, version, granted)]
        if granted and state is not None and state.is_withdrawn:
            writes += lifting(ledger, kind=kind, consent_id=stream_id, consent_version=version)
        if granted and kind is ConsentKind.PERSONAL_DATA:
            writes += erasure_orders.calling_off(ledger, patient_id)
        return ledger.append(*writes, circumstances=by)

    return decide_again(act)


def withdraw_consent(
    ledger: Ledger,
    patient_id: PatientId,
    kind: ConsentKind,
    by: Circumstances,
    *,
    organisation_id: OrganisationId | None = None,
) -> Position:
    """Take it back, and begin what the law asks for then; with the consent to personal data the erasure is ordered.
    ConsentNotInForceError if there is none."""
    stream_id = consent_stream(ledger, patient_id, kind, organisation_id)

    def act() -> Position:
        state, version = ledger.load(stream_id, consent.evolve)
        withdrawn = consent.withdraw(state)
        now = datetime.now(UTC)
        duty = obligation_stream(ledger, stream_id, version + 1, Duty.DESTROY_DATA)
        ordered = (
            erasure_orders.ordering(
                ledger, patient_id, ground=ErasureGround.WITHDRAWAL, at=now, obligation_id=duty
            )
            if kind is ConsentKind.PERSONAL_DATA
            else []
        )
        return ledger.append(
            Write(stream_id, version, (withdrawn,)),
            *ordered,
            *arising(
                ledger,
                patient_id=patient_id,
                kind=kind,
                organisation_id=organisation_id,
                consent_id=stream_id,
                consent_version=version + 1,
                on=now.date(),
            ),
            circumstances=by,
        )

    return decide_again(act)


def expire_consent(ledger: Ledger, consent_id: UUID, *, now: datetime) -> bool:
    """Say that the term of a consent is over, if it is and nobody has said so; whether it was said now."""

    def act() -> bool:
        state, version = ledger.load(consent_id, consent.evolve)
        expired = consent.expire(state, at=now) if state is not None else ()
        writes = [Write(consent_id, version, expired)]
        for one in expired:
            if one.kind is ConsentKind.PERSONAL_DATA:
                writes += erasure_orders.ordering(
                    ledger, one.patient_id, ground=ErasureGround.CONSENT_EXPIRED, at=now
                )
        return bool(ledger.append(*writes, circumstances=CLOCK).event_ids)

    return decide_again(act)
