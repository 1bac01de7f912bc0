"""Words that a page chooses at run time: closed sets, so that a test can hold both catalogues to them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from domain.reading import ReadingPurpose
from domain.report_content import ObservationStatus, ReportStatus
from domain.study_type import StudyType
from domain.submission import ReleaseReason

_SEVERITIES = ("low", "high", "critical-low", "critical-high", "critical", "abnormal", "normal")
_STEPS = ("phone", "profile", "policy", "organisation", "consents", "email")
_CONSENTS = ("personal-data", "results-transfer", "notifications")
_EXPLAINED = tuple(status for status in ReportStatus if status is not ReportStatus.FINAL)

# An id of a family is "<family>.<member>", as in "notice.policy-linked".
FAMILIES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "nav": ("reports", "services", "consents", "access", "notifications", "settings", "help"),
        "notice": (
            "registered",
            "signed-out",
            "session-ended",
            "code-sent",
            "phone-confirmed",
            "profile-saved",
            "policy-linked",
            "organisation-added",
            "consent-granted",
            "consent-withdrawn",
            "consent-not-read",
            "policy-code-sent",
        ),
        "report.status": tuple(ReportStatus),
        "report.explained": _EXPLAINED,
        "observation.status": tuple(ObservationStatus),
        "section": tuple(StudyType),
        "flag": _SEVERITIES,
        "services.step": _STEPS,
        "services.hint": _STEPS,
        "organisation.kind": ("clinic", "laboratory", "hospital"),
        "organisation.status": ("active", "pending", "confirmed", "refused"),
        "consents.title": _CONSENTS,
        "consents.purpose": _CONSENTS,
        "consents.effect": _CONSENTS,
        "consents.state": ("granted", "withdrawn", "none"),
        "access.role": ("patient", "laboratory", "staff", "operator", "auditor", "system"),
        "access.action": ("viewed", "listed", "access-log-viewed", "compared"),
        "access.purpose": ("own-cabinet", "audit", "operation"),
        "notification.channel": ("email", "sms", "push"),
        "notification.state": (
            "requested",
            "attempted",
            "waiting",
            "handed-over",
            "unknown",
            "failed",
            "suppressed",
        ),
        "mail.subject": ("ready", "withdrawn"),
        "mail.text": ("ready", "withdrawn"),
        "notification.about": ("withdrawn",),
        "notification.reason": (
            "consent-missing",
            "consent-withdrawn",
            "email-missing",
            "address-refused",
            "channel-unavailable",
            "digest",
            "version-late",
        ),
        "sms": ("code", "already-registered"),
        "language": ("ru", "en"),
        "staff.section": ("quarantine", "matches", "misfiled"),
        "staff.section.text": ("quarantine", "matches", "misfiled"),
        "staff.notice": (
            "signed-out",
            "session-ended",
            "enrolled",
            "recorded",
            "stays",
            "stays-otherwise",
            "released",
            "matched",
            "confirmed-organisation-not-linked",
            "confirmed-consent-missing",
            "confirmed-waits",
            "declined",
            "taken",
            "taken-before",
        ),
        "staff.actor": ("patient", "laboratory", "staff", "operator", "auditor", "system"),
        "staff.purpose": tuple(ReadingPurpose),
        "quarantine.filter": ("lab", "reason"),
        "quarantine.any": ("lab", "reason"),
        "quarantine.form": ("utf-8", "windows-1251", "hexadecimal"),
        "release": tuple(ReleaseReason),
        "match.by": ("number", "name"),
        "match.sex": ("same", "unknown"),
        "match.numbers": ("contradict", "lead-to-patient", "check-digit-failed", "unknown"),
        "match.field": ("family", "given", "birth_date", "sex", "enp", "snils", "laboratory"),
        "match.agreement": ("same", "differs", "unknown"),
    },
)
