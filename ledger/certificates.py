"""Client certificates of laboratories: a certificate names the laboratory that may send with it."""

from uuid import UUID

from domain import laboratory
from domain.laboratory import Laboratory
from domain.values import LaboratoryId
from ledger.codec import Circumstances
from ledger.commands import LaboratoryNotFoundError, change
from ledger.onboarding import load_laboratory
from ledger.recorder import Mark
from ledger.store import Ledger, Position

_KIND = "client-certificate"


def add(ledger: Ledger, handle: str, *, certificate_sha256: str, by: Circumstances) -> Position:
    """MarkTakenError if another laboratory has this certificate."""
    found, known = load_laboratory(ledger, handle)
    mark = ledger.mark(_KIND, certificate_sha256, found)
    return change(
        ledger,
        found,
        laboratory.evolve,
        lambda state: laboratory.add_certificate(_registered(state), certificate_sha256=certificate_sha256),
        by,
        marks=() if certificate_sha256 in known.certificates else (mark,),
    )


def revoke(ledger: Ledger, handle: str, *, certificate_sha256: str, by: Circumstances) -> Position:
    found, _ = load_laboratory(ledger, handle)
    released: tuple[Mark, ...] = (ledger.mark(_KIND, certificate_sha256, found),)
    return change(
        ledger,
        found,
        laboratory.evolve,
        lambda state: (
            laboratory.revoke_certificate(_registered(state), certificate_sha256=certificate_sha256),
        ),
        by,
        released=released,
    )


def laboratory_of(ledger: Ledger, certificate_sha256: str) -> tuple[LaboratoryId, Laboratory]:
    """Whose certificate this is; LaboratoryNotFoundError if nobody's."""
    found: UUID | None = ledger.find(_KIND, certificate_sha256)
    if found is None:
        raise LaboratoryNotFoundError
    state, _ = ledger.load(found, laboratory.evolve)
    known = _registered(state)
    # The index only finds; what is in force the events say.
    if certificate_sha256 not in known.certificates:
        raise LaboratoryNotFoundError
    return LaboratoryId(found), known


def _registered(state: Laboratory | None) -> Laboratory:
    if state is None:
        raise LaboratoryNotFoundError
    return state
