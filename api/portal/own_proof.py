"""The proof that nothing is missing, which goes with whatever a patient takes away of their own."""

from api.evidence_files import COMPLETENESS, completeness_proof
from api.portal.web import Visit
from domain.reading import Evidence, EvidenceTaken, ReadingPurpose
from ledger.readings import record_readings
from projections.transparency import NotIntegratedError


def proof_beside(person: Visit) -> dict[str, bytes]:
    """The file by its name; none to a guardian, who is not shown that there is what they may not see, and none while
    nothing was committed to."""
    if person.acting is not None:
        return {}
    try:
        proof = completeness_proof(person.ledger, person.patient_id)
    except NotIntegratedError:
        return {}
    taken = EvidenceTaken(
        patient_id=person.patient_id,
        evidence=Evidence.COMPLETENESS,
        about=None,
        purpose=ReadingPurpose.OWN_CABINET,
    )
    record_readings(person.ledger, [taken], person.by())
    return {COMPLETENESS: proof}
