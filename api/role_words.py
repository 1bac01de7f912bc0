"""Words that the pages of an auditor, a laboratory and a compliance officer choose as they run."""

from domain.decision_policy import POLICIES

ROLE_FAMILIES: dict[str, tuple[str, ...]] = {
    "history.field": ("patient", "actor", "kind", "since", "until", "report", "stream", "first", "last"),
    "history.wrong": ("patient", "kind", "since", "until", "report", "stream", "first", "last"),
    "replay.wrong": ("stream", "at", "other"),
    "decisions.rules": tuple(POLICIES),
    "replay.field": ("stream", "at", "other"),
    "submissions.state": ("accepted", "quarantined", "received", "released", "destroyed"),
    "staff.consents.period": ("1", "30", "365"),
}
