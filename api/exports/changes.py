"""What a later version of a report changed, by the names of its fields and never by their values."""

from uuid import UUID

from domain import report as reports
from domain.version_changes import changes_between
from ledger.store import Ledger, StreamErasedError


def changed_fields(ledger: Ledger, report_id: UUID, position: int) -> list[str] | None:
    """Of the version that was recorded at the position, against the one that stood before it. None if it was erased."""
    try:
        after, _ = ledger.load(report_id, reports.evolve, as_of=position)
        before, _ = ledger.load(report_id, reports.evolve, as_of=position - 1)
    except StreamErasedError:
        return None
    if before is None or after is None:
        return None
    found = changes_between(before.current, after.versions[-1])
    names = {fact.value for fact in found.facts}
    for one in found.findings:
        if one.before is None or one.after is None:
            names.add("observation-added" if one.before is None else "observation-removed")
        names |= {f"observation-{aspect}" for aspect in one.aspects}
    return sorted(names)
