"""Matching: by which numbers a laboratory's report recognises a patient, and what lets it reach them."""

from collections.abc import Sequence

from domain.consent import Consent
from domain.linkage import Linkage
from domain.numbers import Numbers
from domain.values import OrganisationId, PatientId

# Why a report waits: stable codes.
PATIENT_UNKNOWN = "patient-unknown"
PATIENT_AMBIGUOUS = "patient-ambiguous"
CHECK_DIGIT_FAILED = "check-digit-failed"
ORGANISATION_NOT_LINKED = "organisation-not-linked"
CONSENT_MISSING = "consent-missing"


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
