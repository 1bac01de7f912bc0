"""Matching: by which numbers a laboratory's report recognises a patient, and what lets it reach them."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.consent import Consent
from domain.linkage import Linkage
from domain.values import CheckDigitError, Identifier, OrganisationId, PatientId, enp, snils

# Identifier systems in which laboratories send the two numbers (requirements.md, 5.3 and 5.4).
ENP_SYSTEMS = frozenset(
    {"urn:oid:1.2.643.2.69.1.1.1.6.228", "1.2.643.2.69.1.1.1.6.228", "http://fhir.ru/core/sid/enp"}
)
SNILS_SYSTEMS = frozenset(
    {
        "urn:oid:1.2.643.100.3",
        "1.2.643.100.3",
        "urn:oid:1.2.643.2.69.1.1.1.6.223",
        "1.2.643.2.69.1.1.1.6.223",
        "http://fhir.ru/core/sid/snils",
    }
)

# Why a report waits: stable codes.
PATIENT_UNKNOWN = "patient-unknown"
PATIENT_AMBIGUOUS = "patient-ambiguous"
CHECK_DIGIT_FAILED = "check-digit-failed"
ORGANISATION_NOT_LINKED = "organisation-not-linked"
CONSENT_MISSING = "consent-missing"


@dataclass(frozen=True, slots=True)
class Numbers:
    """The recognising numbers of a subject, each with its kind; `failed` names the kinds whose number
    has a wrong check digit: such a number recognises nobody."""

    good: tuple[tuple[str, str], ...]
    failed: tuple[str, ...]


def numbers_of(identifiers: Sequence[Identifier]) -> Numbers:
    """The policy number and СНИЛС among a subject's identifiers."""
    good: dict[tuple[str, str], None] = {}
    failed: dict[str, None] = {}
    for identifier in identifiers:
        for kind, systems, checked in (("enp", ENP_SYSTEMS, enp), ("snils", SNILS_SYSTEMS, snils)):
            if identifier.system in systems:
                try:
                    good[kind, checked(identifier.value)] = None
                except CheckDigitError:
                    failed[kind] = None
    return Numbers(tuple(good), tuple(failed))


def unrecognised(numbers: Numbers, found: Sequence[PatientId]) -> str | None:
    """Why the numbers, which lead to these patients, name nobody for certain; None if they name one."""
    if len(set(found)) > 1:
        return PATIENT_AMBIGUOUS
    if found:
        return None
    return CHECK_DIGIT_FAILED if numbers.failed and not numbers.good else PATIENT_UNKNOWN


def barrier(
    *,
    organisation_id: OrganisationId,
    linkage: Linkage | None,
    personal_data: Consent | None,
    transfer: Consent | None,
) -> str | None:
    """What keeps a recognised patient's report out of the cabinet; None if nothing does."""
    if linkage is None or not linkage.linked:
        return ORGANISATION_NOT_LINKED
    if personal_data is None or not personal_data.in_force:
        return CONSENT_MISSING
    if transfer is None or not transfer.permits(organisation_id):
        return CONSENT_MISSING
    return None
