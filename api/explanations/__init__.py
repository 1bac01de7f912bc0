"""What each problem means and what to do about it: a stable code, and words in Russian and in English."""

from api.explanations.content import CONTENT
from api.explanations.envelope import ENVELOPE
from api.explanations.matching import MATCHING
from api.explanations.portal import PORTAL
from api.explanations.staff import STAFF
from api.explanations.words import Explanation

EXPLANATIONS: dict[str, Explanation] = {**ENVELOPE, **CONTENT, **MATCHING, **PORTAL, **STAFF}

__all__ = ["EXPLANATIONS", "Explanation"]
