"""Words that are chosen at run time where proofs are handed out: what an event of a chain is, and what a ZIP says."""

from domain.patient_chain import FAMILIES

EVIDENCE_FAMILIES: dict[str, tuple[str, ...]] = {
    "evidence": ("readme",),
    "evidence.event": tuple(FAMILIES),
}
