"""Words that the pages of an auditor, a laboratory and a compliance officer choose as they run."""

ROLE_FAMILIES: dict[str, tuple[str, ...]] = {
    "history.field": ("patient", "actor", "kind", "since", "until"),
    "history.wrong": ("patient", "kind", "since", "until"),
    "submissions.state": ("accepted", "quarantined", "received", "released"),
    "staff.consents.period": ("1", "30", "365"),
}
