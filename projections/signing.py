"""Signing: the tree as it stands becomes a checkpoint, if it extends everything that was signed before.

Only the signer does this, under its own role and with keys that no other process reads. What was signed last it has
from its own memory, not from the database: a tree that does not extend that is never signed. It sees hashes only; that
each is of an event as it is stored, whoever verifies the log finds out.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from ledger import checkpoint, custody, merkle, note, tiles
from ledger.checkpoint import Checkpoint
from ledger.checkpoint_memory import CheckpointMemory, MemoryMovedError
from ledger.cosignature import Cosigner, Kind
from ledger.custody import LogKeys
from ledger.store import Ledger
from projections.publishing import Pool, Publishing, as_signer
from projections.transparency import ForkError, read_tile, size_of


@dataclass(frozen=True, slots=True)
class Signing:
    """A signer: the database as its role sees it, its keys, and the name of the log."""

    pool: Pool
    keys: LogKeys
    origin: str

    @property
    def signer(self) -> note.Signer:
        """The log signs under its origin (C2SP tlog-checkpoint)."""
        return note.Signer(self.origin, self.keys.seed)

    @property
    def cosigner(self) -> Cosigner:
        """Beside it stands a line of ML-DSA-44, for the day when Ed25519 is broken."""
        return Cosigner(self.origin, self.keys.mldsa_seed, Kind.ML_DSA_44)

    @property
    def memory(self) -> CheckpointMemory:
        return CheckpointMemory(self.keys.folder)

    @property
    def publishing(self) -> Publishing:
        return Publishing(self.pool, self.cosigner, self.memory)

    def sign(self) -> Checkpoint | None:
        """Sign the tree, if it grew. ForkError if it does not extend what was signed before, by the database or by
        the signer's memory.

        The memory is written first: whatever anybody sees was remembered. A crash in between leaves a checkpoint
        that nobody saw; the next round stores it, as it is."""
        held = self.memory.read()
        remembered = self._opened(held)
        with self._reading() as rows:
            stored = self._last_stored(rows)
            last = self._opened(stored)
            size = size_of(rows)
            read = tiles.subtree_reader(size, lambda *tile: read_tile(rows, *tile))
            for one in (last, remembered):
                if one.tree_size > size or merkle.read_root(one.tree_size, read) != one.root_hash:
                    raise ForkError(f"signed {one.tree_size}, now {size}")
            found = Checkpoint(self.origin, size, merkle.read_root(size, read))
        if size == last.tree_size:
            if stored is not None and remembered.tree_size < size:
                # A signer's folder that was restored, with an older memory or none, goes on from here.
                self._remember(held, stored)
            return None
        signed_note = checkpoint.sign(found, self.signer)
        if size != remembered.tree_size and not self._remember(held, signed_note):
            return None
        if held is not None and last.tree_size < remembered.tree_size < size:
            self._store(remembered, held)
        self._store(found, signed_note)
        return found

    def consistency(self, old_size: int, new_size: int) -> list[bytes]:
        """The proof that the tree of one size begins with that of the other, for witnesses."""
        with self._reading() as rows:
            read = tiles.subtree_reader(new_size, lambda *tile: read_tile(rows, *tile))
            return merkle.prove_consistency(old_size, new_size, read)

    def _opened(self, signed_note: bytes | None) -> Checkpoint:
        """What a note says that this signer must have signed; the empty tree if there is none."""
        if signed_note is None:
            return Checkpoint(self.origin, 0, merkle.EMPTY_ROOT)
        try:
            return checkpoint.verify(signed_note, self.signer.verifier)
        except note.InvalidNoteError:
            raise ForkError("the last checkpoint was not signed with this key") from None

    def _remember(self, held: bytes | None, signed_note: bytes) -> bool:
        """Whether this signer was the first of those that share the folder."""
        try:
            self.memory.replace(held, signed_note)
        except MemoryMovedError:
            return False
        return True

    def _last_stored(self, rows: psycopg.Cursor[Any]) -> bytes | None:
        row = rows.execute("SELECT note FROM log.checkpoints ORDER BY tree_size DESC LIMIT 1").fetchone()
        return bytes(row[0]) if row else None

    def _store(self, signed: Checkpoint, signed_note: bytes) -> None:
        """Stored already, it is the same: a size was signed once."""
        with as_signer(self.pool) as connection:
            connection.execute(
                "INSERT INTO log.checkpoints (tree_size, root_hash, note) VALUES (%s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                (signed.tree_size, signed.root_hash, signed_note),
            )

    @contextmanager
    def _reading(self) -> Iterator[psycopg.Cursor[Any]]:
        """The tree and the checkpoints at one moment, whatever the follower does meanwhile."""
        with self.pool.connection() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            connection.execute("SET LOCAL ROLE letopis_signer")
            connection.execute("SET LOCAL search_path TO transparency")
            yield connection.cursor()


def sign_at_hand(ledger: Ledger) -> Checkpoint | None:
    """What a command does that was asked for the log as it is now: sign and publish, where the signer's folder lies
    beside the secrets. Elsewhere the signer does it by itself, and soon. None if nothing was to be signed."""
    folder = ledger.custody.signer
    if folder is None or not os.access(folder / "log.key", os.R_OK):
        return None
    signing = Signing(ledger.pool, custody.load_log_keys(folder), ledger.origin)
    signed = signing.sign()
    signing.publishing.publish_without_witnesses()
    return signed
