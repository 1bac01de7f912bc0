"""Words of the access log: by what each reading and each act of staff is called."""

from domain.reading import AccessLogForm, Medium, ReadingPurpose

# The stored name of a reading, and its word.
ACTIONS = {
    "ReportRead": "viewed",
    "ReportsListed": "listed",
    "AccessLogRead": "access-log-viewed",
    "HistoryRead": "history-viewed",
    "ProposalRead": "compared",
    "IdentityRead": "identity-viewed",
    "ScanRead": "scan-viewed",
    "AppealRead": "appeal-read",
    "ConsultationRead": "consultation-read",
    "TicketRead": "ticket-read",
    "PersonalDataTaken": "all-data-taken",
    "DocumentPasswordRead": "password-viewed",
    "CardNumberRead": "card-viewed",
    "RecordsExported": "records-exported",
    "StreamReplayed": "history-replayed",
    "EvidenceTaken": "evidence-taken",
}
# What staff do with a patient's data; other acts have one word.
STAFF_ACTS = (
    "IdentityConfirmed",
    "IdentityRefused",
    "ProfileSuspended",
    "ProfileRestored",
    "CardConfirmed",
    "CardRefused",
    "MatchConfirmed",
    "MatchDeclined",
    "ReportMatched",
    "ReportUnmatched",
    "GuardianshipConfirmed",
    "GuardianshipRefused",
    "GuardianshipEnded",
    "SectionsHidden",
    "CabinetHandedOver",
    "CabinetClaimRefused",
    "AppealTaken",
    "AppealAnswered",
    "CorrectionAcknowledged",
)
ACCESS_FAMILIES: dict[str, tuple[str, ...]] = {
    "access.role": (
        "guardian",
        "patient",
        "doctor",
        "link",
        "laboratory",
        "staff",
        "registrar",
        "operator",
        "auditor",
        "system",
    ),
    "access.action": (*ACTIONS.values(), *STAFF_ACTS, "other"),
    "access.purpose": tuple(ReadingPurpose),
    "access.right": tuple(ReadingPurpose),
    "access.medium": (*Medium, *AccessLogForm),
    "access.export": ("csv", "json"),
    "access.actor": ("you", "system", "other", "staff", "doctor", "link", "by_link", "laboratory"),
    "access.csv": ("at", "form", "right", "what", "role", "entry", "hidden"),
}
