"""Sight: what one decision about reports has looked at. Everything is asked for once, and what is known to be
needed together is asked for together: fifty reports of a batch cost three queries, not a hundred and fifty.

It may be old by the time of the append; expected versions and guards say so then.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

from domain import report
from domain.report import Report
from domain.values import OrganisationId, PatientId
from ledger.permissions import Permissions, permissions_beside
from ledger.states import Asked, Folded
from ledger.store import Ledger, StreamErasedError

Number = tuple[str, str]


class Sight:
    """One decision's view of the ledger, for an organisation's reports."""

    def __init__(self, ledger: Ledger, organisation_id: OrganisationId) -> None:
        self.ledger = ledger
        self.organisation_id = organisation_id
        # One time for the whole decision: what terms are compared with.
        self.at = datetime.now(UTC)
        self._reports: dict[UUID, Folded | None] = {}
        self._owners: dict[Number, UUID | None] = {}
        self._permitted: dict[PatientId, Permissions] = {}

    def remember(self, report_id: UUID, folded: Folded | None) -> None:
        """A report that was looked at: None if its content was erased."""
        self._reports[report_id] = folded

    def look_ahead(self, numbers: Iterable[Number], *beside: Asked) -> list[Folded | None]:
        """At whom these numbers lead to, and at what those permit; what these other streams fold into, by the same
        query."""
        owners = self.owners(list(dict.fromkeys(numbers)))
        patients = [PatientId(owner) for owner in dict.fromkeys(owners.values())]
        unknown = [one for one in patients if one not in self._permitted]
        return self._look_at(unknown, *beside) if unknown or beside else []

    def report(self, report_id: UUID) -> tuple[Report | None, int]:
        """The report and its stream's version; StreamErasedError if its content was erased."""
        if report_id not in self._reports:
            (self._reports[report_id],) = self.ledger.load_unerased((report_id, report.evolve))
        folded = self._reports[report_id]
        if folded is None:
            raise StreamErasedError(report_id)
        return folded

    def owners(self, numbers: Sequence[Number]) -> dict[Number, UUID]:
        """Who has these numbers, each with its kind; those that nobody has are left out."""
        unknown = [one for one in numbers if one not in self._owners]
        if unknown:
            found = self.ledger.find_all(unknown)
            self._owners.update((one, found.get(one)) for one in unknown)
        return {one: owner for one in numbers if (owner := self._owners[one]) is not None}

    def permitted(self, patient_id: PatientId) -> Permissions:
        if patient_id not in self._permitted:
            self._look_at([patient_id])
        return self._permitted[patient_id]

    def _look_at(self, patient_ids: Sequence[PatientId], *beside: Asked) -> list[Folded | None]:
        found, folded = permissions_beside(
            self.ledger, patient_ids, self.organisation_id, *beside, at=self.at
        )
        self._permitted |= {permitted.patient_id: permitted for permitted in found}
        return folded
