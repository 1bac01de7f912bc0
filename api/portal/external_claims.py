"""What a trusted identity provider says of a person, and whether it is the person of the profile.

Claims have the names of OIDC Core 5.1, the number is `snils`, and `verified` (at ESIA `trusted`) says that the
provider has seen the document. Only a whole agreement counts: it vouches for the person that it names.
"""

from typing import Any

from domain.identity import IdentityShortfallError, Proof
from domain.names import words
from domain.patient import ProfileStated
from domain.values import CheckDigitError, PatientId, snils
from ledger import identity
from ledger.codec import Circumstances
from ledger.store import Ledger

_AWAY = "provider-away"


def confirm_identity(
    ledger: Ledger, patient_id: PatientId, claims: dict[str, Any], by: Circumstances
) -> bool:
    """Whether the patient's identity is confirmed by what the provider says."""
    known = identity.look(ledger, patient_id)
    profile = known.patient.profile
    if profile is None or not vouches_for(claims, profile):
        return False
    try:
        identity.confirm(
            ledger,
            patient_id,
            by,
            proof=Proof.OIDC,
            profile_number=known.patient.profile_number,
        )
    except IdentityShortfallError:
        return False
    return True


def note_fault(ledger: Ledger, patient_id: PatientId, code: str, by: Circumstances) -> None:
    """That a provider could not be asked is not the patient's fault: the page of identity says so (S121)."""
    if code == _AWAY and identity.look(ledger, patient_id).patient.profile is not None:
        identity.fail_proof(ledger, patient_id, by)


def vouches_for(claims: dict[str, Any], profile: ProfileStated) -> bool:
    is_verified = claims.get("verified") is True or claims.get("trusted") is True
    try:
        number = snils(str(claims.get("snils", "")))
    except CheckDigitError:
        return False
    return (
        is_verified
        and number == profile.snils
        and str(claims.get("birthdate", "")) == profile.birth_date
        and words(str(claims.get("family_name", ""))) == words(profile.family)
        and words(str(claims.get("given_name", ""))) == words(profile.given)
    )
