"""What a certificate says of decisions: those that came out otherwise are counted, and the first is named."""

from collections.abc import Iterator
from unittest.mock import patch
from uuid import UUID

import pytest

from api import certifying
from domain.replay_certificate import ReplayedDecisions
from ledger.redeciding import Redecided
from ledger.store import Ledger

EVENT = UUID(int=1)
MISSING, WITHDRAWN = "consent-missing", "consent-withdrawn"


@pytest.mark.parametrize(
    ("decided", "again"),
    [(None, MISSING), (MISSING, None), (MISSING, WITHDRAWN)],
    ids=["would be barred now", "would be permitted now", "has another reason"],
)
def test_each_way_of_coming_out_otherwise_counts(
    ledger: Ledger, decided: str | None, again: str | None
) -> None:
    made = [
        Redecided(3, EVENT, MISSING, MISSING),
        Redecided(5, EVENT, None, None, is_lost=True),
        Redecided(7, EVENT, decided, again),
        Redecided(9, EVENT, decided, again),
    ]

    def redecide_all(_: Ledger, *, until: int) -> Iterator[Redecided]:
        return (one for one in made if one.position <= until)

    with patch.object(certifying, "redecide_all", redecide_all):
        found = certifying._decisions(ledger, 9, lambda _: None)
    assert found == ReplayedDecisions(same=1, differing=2, erased=1, differs_at=7)
