"""What readers need, derived from the ledger; can be thrown away and rebuilt."""

from projections.audit import AUDIT
from projections.cabinet import CABINET
from projections.delivery import DELIVERY
from projections.intake import INTAKE
from projections.matching import MATCHING
from projections.projection import Projection
from projections.terminology import TERMINOLOGY
from projections.transparency import TRANSPARENCY

PROJECTIONS: tuple[Projection, ...] = (CABINET, AUDIT, DELIVERY, INTAKE, MATCHING, TERMINOLOGY, TRANSPARENCY)

__all__ = ["PROJECTIONS", "Projection"]
