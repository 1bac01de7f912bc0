"""What each problem means and what to do about it: a stable code, and words in Russian and in English."""

from api.explanations.account import ACCOUNT
from api.explanations.appeals import APPEALS
from api.explanations.content import CONTENT
from api.explanations.envelope import ENVELOPE
from api.explanations.guardianship import GUARDIANSHIP
from api.explanations.identity import IDENTITY
from api.explanations.matching import MATCHING
from api.explanations.organisations import ORGANISATIONS
from api.explanations.permission import PERMISSION
from api.explanations.portal import PORTAL
from api.explanations.receiving import RECEIVING
from api.explanations.recovery import RECOVERY
from api.explanations.staff import STAFF
from api.explanations.words import Explanation

EXPLANATIONS: dict[str, Explanation] = {
    **ACCOUNT,
    **APPEALS,
    **ENVELOPE,
    **CONTENT,
    **GUARDIANSHIP,
    **IDENTITY,
    **MATCHING,
    **ORGANISATIONS,
    **PERMISSION,
    **PORTAL,
    **RECOVERY,
    **RECEIVING,
    **STAFF,
}

__all__ = ["EXPLANATIONS", "Explanation"]
