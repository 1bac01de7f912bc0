"""What waits for the patient and why, as pages show it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from api.portal.seen_reports import sees_everything
from api.portal.web import Visit
from domain.permission import IDENTITY_UNCONFIRMED
from ledger.identity import look
from ledger.waiting_reports import reasons_of
from projections import cabinet, matching

# Of what waits, where its reason is mended; a consent where it is not said.
_MENDED_AT: Mapping[str, str] = MappingProxyType(
    {
        "organisation-not-linked": "/services/organisations",
        "identity-unconfirmed": "/services/identity",
        "service-suspended": "/services/identity",
        "policy-unlinked": "/services/policy",
        "not-wanted": "/services/receiving",
    }
)


def mended_at(reason: str) -> str:
    """The page where the patient takes away what keeps results back."""
    return _MENDED_AT.get(reason, "/consents")


def waiting_of(person: Visit) -> list[dict[str, Any]]:
    """How many results wait, by organisation and cause. Whose identity is not confirmed is told only that
    results do not come for that: a number that they lay claim to might be another person's. A guardian to whom a
    section is closed is told nothing: it might be of that one."""
    if not sees_everything(person):
        return []
    ledger, patient_id = person.ledger, person.patient_id
    known = look(ledger, patient_id)
    if known.identity is None or not known.identity.is_believed(known.patient):
        return [{"count": None, "organisation": None, "reason": IDENTITY_UNCONFIRMED}]
    waiting = matching.waiting_for(ledger, patient_id)
    if not waiting:
        return []
    names = {row.laboratory_id: row.name for row in cabinet.laboratories(ledger, limit=1000)}
    counted = reasons_of(ledger, patient_id, waiting)
    return [
        {"count": count, "organisation": names.get(organisation_id, "—"), "reason": reason}
        for (organisation_id, reason), count in counted.most_common()
    ]
