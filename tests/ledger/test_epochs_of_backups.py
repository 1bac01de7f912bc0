"""An epoch is not destroyed while the backups that are kept open by it alone."""

from uuid import UUID

import pytest

from domain.backup import BackupDiscarded, BackupTaken
from ledger import key_epochs
from ledger.key_epochs import EpochNeededError
from ledger.store import Ledger
from tests.scenario import TESTER, recorded

OLD, NEW = UUID(int=1), UUID(int=2)


def taken(ledger: Ledger, backup_id: UUID, *epochs: int) -> None:
    event = BackupTaken(
        backup_id=backup_id, position=1, tree_size=1, epochs=epochs, manifest_sha256="00" * 32
    )
    recorded(ledger, key_epochs.backups_of(ledger), event)


def test_an_epoch_waits_for_a_backup_that_opens_without_it(ledger: Ledger) -> None:
    taken(ledger, OLD, 1)
    with pytest.raises(EpochNeededError):
        key_epochs.rotate(ledger, by=TESTER)
    assert key_epochs.living(ledger) == (1, 2)
    taken(ledger, NEW, 2)
    assert key_epochs.rotate(ledger, by=TESTER) == (1,)
    assert key_epochs.living(ledger) == (2,)


def test_an_epoch_that_no_backup_needs_is_destroyed(ledger: Ledger) -> None:
    taken(ledger, OLD, 1)
    recorded(ledger, key_epochs.backups_of(ledger), BackupDiscarded(backup_id=OLD))
    assert key_epochs.rotate(ledger, by=TESTER) == (1,)


def test_an_operator_may_give_the_backups_up(ledger: Ledger) -> None:
    taken(ledger, OLD, 1)
    assert key_epochs.rotate(ledger, by=TESTER, force=True) == (1,)
