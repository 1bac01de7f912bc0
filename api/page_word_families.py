"""Words of the sections that keep theirs in a module of their own: each section adds its line."""

from api.access_words import ACCESS_FAMILIES
from api.appeal_words import APPEAL_FAMILIES
from api.consultation_words import CONSULTATION_FAMILIES
from api.correction_words import CORRECTION_FAMILIES
from api.delivery_words import DELIVERY_FAMILIES
from api.destruction_words import DESTRUCTION_FAMILIES
from api.diagnosis_words import DIAGNOSIS_FAMILIES
from api.document_words import DOCUMENT_FAMILIES
from api.erasure_words import ERASURE_FAMILIES
from api.evidence_words import EVIDENCE_FAMILIES
from api.export_words import EXPORT_FAMILIES
from api.list_words import LIST_FAMILIES
from api.mail_words import MAIL_FAMILIES
from api.push_words import PUSH_FAMILIES
from api.report_words import REPORT_FAMILIES
from api.role_words import ROLE_FAMILIES
from api.share_words import SHARE_FAMILIES
from api.sms_words import SMS_FAMILIES
from api.ticket_words import TICKET_FAMILIES
from api.trend_words import TREND_FAMILIES

SECTION_FAMILIES: dict[str, tuple[str, ...]] = {
    **ACCESS_FAMILIES,
    **APPEAL_FAMILIES,
    **CONSULTATION_FAMILIES,
    **CORRECTION_FAMILIES,
    **DELIVERY_FAMILIES,
    **DESTRUCTION_FAMILIES,
    **DIAGNOSIS_FAMILIES,
    **DOCUMENT_FAMILIES,
    **ERASURE_FAMILIES,
    **EVIDENCE_FAMILIES,
    **EXPORT_FAMILIES,
    **LIST_FAMILIES,
    **MAIL_FAMILIES,
    **PUSH_FAMILIES,
    **REPORT_FAMILIES,
    **ROLE_FAMILIES,
    **SHARE_FAMILIES,
    **SMS_FAMILIES,
    **TICKET_FAMILIES,
    **TREND_FAMILIES,
}
