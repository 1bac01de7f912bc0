"""A ledger that holds other events than those that were signed is not served."""

import pytest

from api.backup.wholeness import RolledBackError, require_reached
from ledger import checkpoint, custody, note
from ledger.checkpoint import Checkpoint
from ledger.store import Ledger
from projections import transparency
from projections.follow import Follower
from tests.examples import ANNA, EXAMPLES
from tests.scenario import recorded


def test_as_many_events_under_another_root_are_not_this_ledger(ledger: Ledger, follower: Follower) -> None:
    recorded(ledger, ANNA, EXAMPLES["PatientRegistered"][0])
    follower.catch_up()
    signed = transparency.latest(ledger)
    assert signed is not None and ledger.custody.signer is not None
    assert require_reached(ledger, signed.note).tree_size == signed.tree_size
    log = note.Signer(ledger.origin, custody.load_log_keys(ledger.custody.signer).seed)
    other = checkpoint.sign(Checkpoint(ledger.origin, signed.tree_size, bytes(32)), log)
    with pytest.raises(RolledBackError, match="holds others"):
        require_reached(ledger, other)
