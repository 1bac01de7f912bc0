"""What waits for a patient, counted by cause: only reports that are theirs for certain are spoken of."""

from collections import Counter
from collections.abc import Iterable
from uuid import UUID

from domain import report
from domain.matching import PERSON
from domain.permission import BARRIERS
from domain.values import OrganisationId, PatientId
from ledger.matching import confirmed_match, match_of
from ledger.sight import Sight
from ledger.store import Ledger


def reasons_of(
    ledger: Ledger, patient_id: PatientId, report_ids: Iterable[UUID]
) -> Counter[tuple[OrganisationId, str]]:
    """How many of these reports wait, by who issued them and what keeps them back. One that might be another
    person's is not counted: whoever lays claim to a number must not learn by it what others have."""
    counted: Counter[tuple[OrganisationId, str]] = Counter()
    sights: dict[OrganisationId, Sight] = {}
    asked = list(report_ids)
    loaded = ledger.load_unerased(*((one, report.evolve) for one in asked))
    for report_id, folded in zip(asked, loaded, strict=True):
        state = folded[0] if folded is not None else None
        if state is None or not report.match(state, patient_id=patient_id, matched_by=PERSON):
            continue
        organisation_id = OrganisationId(state.laboratory_id)
        sight = sights.setdefault(organisation_id, Sight(ledger, organisation_id))
        match = confirmed_match(sight, report_id, state, patient_id)
        if match.permitted is None:
            match = match_of(sight, state.current)
        is_theirs = match.permitted is not None and match.permitted.patient_id == patient_id
        if is_theirs and match.held in BARRIERS:
            counted[organisation_id, match.held or ""] += 1
    return counted
