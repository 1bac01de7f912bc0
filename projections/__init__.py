"""What readers need, derived from the ledger; can be thrown away and rebuilt."""

from projections.analytes import ANALYTES
from projections.appeals import APPEALS
from projections.audit import AUDIT
from projections.cabinet import CABINET
from projections.consultations import CONSULTATIONS
from projections.corrections import CORRECTIONS
from projections.delivery import DELIVERY
from projections.erasure import ERASURE
from projections.guardianship import GUARDIANSHIP
from projections.identity import IDENTITY
from projections.intake import INTAKE
from projections.matching import MATCHING
from projections.obligations import OBLIGATIONS
from projections.organisations import ORGANISATIONS
from projections.patient_chains import PATIENT_CHAINS
from projections.projection import Projection
from projections.sharing import SHARING
from projections.study_requests import STUDY_REQUESTS
from projections.terminology import TERMINOLOGY
from projections.tickets import TICKETS
from projections.transparency import TRANSPARENCY

PROJECTIONS: tuple[Projection, ...] = (
    CABINET,
    AUDIT,
    DELIVERY,
    INTAKE,
    CORRECTIONS,
    MATCHING,
    IDENTITY,
    GUARDIANSHIP,
    ORGANISATIONS,
    OBLIGATIONS,
    ERASURE,
    TERMINOLOGY,
    ANALYTES,
    APPEALS,
    TICKETS,
    STUDY_REQUESTS,
    SHARING,
    CONSULTATIONS,
    PATIENT_CHAINS,
    TRANSPARENCY,
)

__all__ = ["PATIENT_CHAINS", "PROJECTIONS", "Projection"]
