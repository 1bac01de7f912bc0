"""Words that the pages of the diagnosis choose at run time: what is checked, what was found, and in which field."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from domain.diagnosis import Check, Verdict
from domain.identity import Cause, SuspensionReason

DIAGNOSES = (
    "phone-ok",
    "phone-not-confirmed",
    "profile-ok",
    "profile-missing",
    "profile-incomplete",
    "region-ok",
    "region-missing",
    "region-not-connected",
    "document-ok",
    "document-missing",
    "document-expired",
    "identity-ok",
    "identity-not-sent",
    "identity-waiting",
    "identity-refused",
    "suspension-ok",
    "suspended",
    "policy-ok",
    "policy-missing",
    "policy-ended",
    "organisation-ok",
    "organisation-missing",
    "organisation-awaited",
    "organisation-not-confirmed",
    "organisation-cannot-send",
    "receiving-ok",
    "transfer-off",
    "study-types-declined",
    "consent-personal-data-ok",
    "consent-results-transfer-ok",
    "consent-notifications-ok",
    "consent-not-given",
    "consent-withdrawn",
    "consent-over",
    "consent-has-new-text",
    "contacts-ok",
    "email-missing",
    "notices-off",
    "appeal-ok",
    "appeal-waiting",
    "appeal-overdue",
    "appeal-refused",
    "waiting-ok",
    "reports-waiting",
    "views-ok",
    "views-behind",
    "notices-ok",
    "relay-missing",
    "notices-stuck",
    "notices-failed",
    "browser-hint",
    "results-ok",
    "no-result-yet",
)
DIAGNOSED_FIELDS = (
    "family",
    "given",
    "patronymic",
    "birth_date",
    "sex",
    "snils",
    "inn",
    "citizenship",
    "document",
    "region",
    "phone",
    "policy",
    "email",
    "identity-document",
)

DIAGNOSIS_FAMILIES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "diagnosis.check": tuple(Check),
        "diagnosis.verdict": tuple(Verdict),
        "diagnosis.group": ("needs-you", "needs-organisation", "our-fault"),
        "diagnosis.code": DIAGNOSES,
        "diagnosis.reason": (*Cause, *SuspensionReason),
        "diagnosis.field": DIAGNOSED_FIELDS,
    }
)
