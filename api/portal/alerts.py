"""What a signed-in person must see on every page: somebody is trying to get into their account,
or a result that they had was corrected."""

from dataclasses import dataclass
from datetime import UTC, datetime

from domain.values import PatientId
from ledger.recovery import load_recovery
from ledger.store import Ledger
from projections.corrections_overview import count_unknown


@dataclass(frozen=True, slots=True)
class Alert:
    """A line above the page, with the page where one can act."""

    text_id: str
    href: str


def alerts_of(ledger: Ledger, patient_id: PatientId) -> list[Alert]:
    now = datetime.now(UTC)
    found = []
    recovery = load_recovery(ledger, patient_id)
    if recovery.is_waiting(now) or recovery.is_open(now):
        found.append(Alert("alert.recovery", "/account/recovery"))
    with ledger.pool.connection() as connection:
        waiting = connection.execute(
            "SELECT FROM access.confirmations WHERE patient_id = %s AND expires_at > now()"
            " AND state = 'waiting' LIMIT 1",
            (patient_id,),
            prepare=True,
        ).fetchone()
    if waiting is not None:
        found.append(Alert("alert.confirmation", "/account/confirm"))
    if count_unknown(ledger, patient_id):
        found.append(Alert("alert.correction", "/corrections"))
    return found
