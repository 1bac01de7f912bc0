"""What each problem means and what to do about it: a stable code, and words in Russian and in English."""

from api.explanations.account import ACCOUNT
from api.explanations.appeals import APPEALS
from api.explanations.consultations import CONSULTATIONS
from api.explanations.contacts import CONTACTS
from api.explanations.content import CONTENT
from api.explanations.delivery import DELIVERY
from api.explanations.documents import DOCUMENTS
from api.explanations.envelope import ENVELOPE
from api.explanations.erasure import ERASURE
from api.explanations.evidence import EVIDENCE
from api.explanations.exports import EXPORTS
from api.explanations.guardianship import GUARDIANSHIP
from api.explanations.help import HELP
from api.explanations.identity import IDENTITY
from api.explanations.matching import MATCHING
from api.explanations.organisations import ORGANISATIONS
from api.explanations.permission import PERMISSION
from api.explanations.portal import PORTAL
from api.explanations.push import PUSH
from api.explanations.receiving import RECEIVING
from api.explanations.recovery import RECOVERY
from api.explanations.reports import REPORTS
from api.explanations.results import RESULTS
from api.explanations.sharing import SHARING
from api.explanations.sms import SMS
from api.explanations.staff import STAFF
from api.explanations.take_away import TAKE_AWAY
from api.explanations.trends import TRENDS
from api.explanations.words import Explanation

EXPLANATIONS: dict[str, Explanation] = {
    **ACCOUNT,
    **APPEALS,
    **CONSULTATIONS,
    **CONTACTS,
    **DOCUMENTS,
    **ENVELOPE,
    **EVIDENCE,
    **CONTENT,
    **DELIVERY,
    **ERASURE,
    **EXPORTS,
    **GUARDIANSHIP,
    **HELP,
    **IDENTITY,
    **MATCHING,
    **ORGANISATIONS,
    **PERMISSION,
    **PORTAL,
    **RECOVERY,
    **RECEIVING,
    **PUSH,
    **REPORTS,
    **RESULTS,
    **SHARING,
    **SMS,
    **STAFF,
    **TRENDS,
    **TAKE_AWAY,
}

__all__ = ["EXPLANATIONS", "Explanation"]
