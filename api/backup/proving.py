"""Proving a backup: restored beside, verified against what was signed, replayed, and opened."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from api.backup.folder import Backup, BackupFolder
from api.backup.recovery import Recovery
from api.node import Node, owner_of
from domain import backup as backups
from domain.backup import BackupProved
from ledger import key_epochs, merkle, tiles
from ledger.codec import Circumstances
from ledger.commands import decide_again
from ledger.store import Ledger, Write
from projections import PROJECTIONS, rebuild, transparency, verify
from projections.follow import Follower

Told = Callable[[str], None]


class BackupFailedError(Exception):
    """The backup does not hold what was recorded. Take another, and find out why before you discard this one."""


def prove(
    node: Node, folder: BackupFolder, backup: Backup, *, by: Circumstances, told: Told = lambda _: None
) -> BackupProved:
    """Restore the backup and all WAL that was archived into a folder of its own, and look at it as an auditor would."""
    with tempfile.TemporaryDirectory(prefix=".proof-", dir=folder.path) as temporary:
        recovery = Recovery(Path(temporary), folder)
        recovery.lay_out(backup)
        recovery.configure()
        # It archives nothing: the archive is of the ledger that lives.
        with recovery.running({}) as conninfo:
            recovery.reach_end(conninfo, told)
            recovery.promote(conninfo)
            # Without the signer's keys: a copy is looked at, never signed.
            custody = replace(node.ledger.custody, signer=None)
            with Ledger(conninfo, custody, role=owner_of(conninfo)) as copy:
                proved = _examine(node, copy, conninfo, backup, told)
    return _record(node.ledger, proved, by)


def _examine(node: Node, copy: Ledger, conninfo: str, backup: Backup, told: Told) -> BackupProved:
    follower = Follower(copy, PROJECTIONS)
    while follower.step():
        pass
    position = copy.last_position()
    if position < backup.position:
        raise BackupFailedError(f"it ends at position {position}, and should reach {backup.position}")
    told("verify")
    verified = verify.verify(conninfo, log=transparency.log_verifier(copy))
    if verified.finding is not None:
        raise BackupFailedError(verified.sentence)
    tree_size = _compare_signed(node.ledger, copy)
    for view in PROJECTIONS:
        told(view.name)
        if not rebuild.check(copy, view).is_equal:
            raise BackupFailedError(f"the view {view.name} differs from a replay")
    _require_opens(node.ledger, copy)
    return BackupProved(backup_id=backup.backup_id, position=position, tree_size=tree_size)


def _compare_signed(live: Ledger, copy: Ledger) -> int:
    """The size of the last checkpoint of the live ledger that the copy reaches: its root must be the copy's too."""
    with copy.pool.connection() as connection, connection.transaction():
        rows = connection.cursor()
        rows.execute("SET LOCAL search_path TO transparency")
        size = transparency.size_of(rows)
        signed = transparency.latest_within(live, size)
        if signed is None:
            return 0
        read = tiles.subtree_reader(size, lambda *tile: transparency.read_tile(rows, *tile))
        if merkle.read_root(signed.tree_size, read) != signed.root_hash:
            raise BackupFailedError(f"its tree of {signed.tree_size} has another root than was signed")
        return signed.tree_size


def _require_opens(live: Ledger, copy: Ledger) -> None:
    """Every data key that lives here opens there, unless it was stored later."""
    counted = key_epochs.live_keys(copy)
    lost = {epoch: keys for epoch, keys in counted.items() if epoch not in key_epochs.living(live)}
    if lost:
        words = ", ".join(f"{keys} of epoch {epoch}" for epoch, keys in lost.items())
        raise BackupFailedError(f"data keys that nothing opens: {words}; WAL behind the rotation is missing")


def _record(ledger: Ledger, proved: BackupProved, by: Circumstances) -> BackupProved:
    def act() -> BackupProved:
        stream = key_epochs.backups_of(ledger)
        state, version = ledger.load(stream, backups.evolve)
        event = backups.prove(
            state, backup_id=proved.backup_id, position=proved.position, tree_size=proved.tree_size
        )
        ledger.append(Write(stream, version, (event,)), circumstances=by)
        return event

    return decide_again(act)


def discard(ledger: Ledger, folder: BackupFolder, backup_id: UUID, *, by: Circumstances) -> None:
    """Throw a backup away. The event first: what is half gone must not count as kept."""

    def act() -> None:
        stream = key_epochs.backups_of(ledger)
        state, version = ledger.load(stream, backups.evolve)
        event = backups.discard(state, backup_id=backup_id)
        ledger.append(Write(stream, version, (event,)), circumstances=by)

    decide_again(act)
    folder.remove(backup_id)
