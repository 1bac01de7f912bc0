"""Rules of backups: only what is kept is proved or thrown away."""

from uuid import UUID

from domain.backup import (
    BackupDiscarded,
    BackupNotFoundError,
    BackupProved,
    BackupTaken,
    discard,
    prove,
)
from tests.scenario import given

ID = UUID(int=80)
TAKEN = BackupTaken(backup_id=ID, position=42, tree_size=40, epochs=(1,), manifest_sha256="ab" * 32)
PROVED = BackupProved(backup_id=ID, position=60, tree_size=60)
DISCARDED = BackupDiscarded(backup_id=ID)


def test_a_kept_backup_is_proved_as_often_as_one_likes() -> None:
    given(TAKEN).when(prove, backup_id=ID, position=60, tree_size=60).then(PROVED)
    given(TAKEN, PROVED).when(prove, backup_id=ID, position=60, tree_size=60).then(PROVED)


def test_a_discarded_backup_is_gone() -> None:
    given(TAKEN, PROVED).when(discard, backup_id=ID).then(DISCARDED)
    given(TAKEN, DISCARDED).when(discard, backup_id=ID).then_refused(BackupNotFoundError)
    given(TAKEN, DISCARDED).when(prove, backup_id=ID, position=60, tree_size=60).then_refused(
        BackupNotFoundError
    )


def test_nothing_is_proved_that_was_not_taken() -> None:
    given().when(prove, backup_id=ID, position=1, tree_size=1).then_refused(BackupNotFoundError)
