"""An epoch of keys that begins while an erasure looks for what it has to destroy."""

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from ledger import erasure, key_epochs
from ledger.key_epochs import living_now
from ledger.store import Ledger
from tests.ledger.test_erasure import TODAY, ordered, person
from tests.scenario import TESTER


def once(act: Callable[[], object]) -> Callable[[Ledger], Any]:
    """`living_now`, and what another process does right after the first look."""
    done: list[object] = []

    def looked(ledger: Ledger) -> Any:
        found = living_now(ledger)
        if not done:
            done.append(act())
        return found

    return looked


def test_an_erasure_names_the_epoch_that_began_while_it_looked(ledger: Ledger) -> None:
    """A key may have been wrapped by it already: the erasure is complete only once that one is destroyed too."""
    anna = person(ledger)
    ordered(ledger, anna)
    with patch.object(key_epochs, "living_now", once(lambda: key_epochs.begin(ledger, by=TESTER))):
        assert erasure.erase(ledger, anna, TESTER, today=TODAY).epochs == (1, 2)
