"""A log of made-up leaves, whole in memory: signed at any size, forked at any place, written as files."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from uuid import UUID

from ledger import checkpoint, cosignature, leaf, merkle, tiles, witness
from ledger.checkpoint import Checkpoint
from ledger.cosignature import Cosigner, Kind
from ledger.note import Signer

ORIGIN = "ledger.example/analyses"
LOG = Signer(ORIGIN, bytes(range(32)))
LOG_ML_DSA = Cosigner(ORIGIN, bytes(range(64, 96)), Kind.ML_DSA_44)
WITNESS = Cosigner("witness.example/w1", bytes(range(32, 64)), Kind.ED25519)
WITNESS_ML_DSA = Cosigner("witness.example/w1", bytes(range(32, 64)), Kind.ML_DSA_44)


def entry(number: int, branch: int = 0) -> bytes:
    """A leaf as Letopis writes it. Of another branch it is another event."""
    head = leaf.header(
        origin=ORIGIN,
        event_id=UUID(int=number << 32 | branch),
        stream_id=UUID(int=number),
        version=1,
        name="ReportReceived",
        schema_version=1,
        recorded_at=datetime.fromtimestamp(1_700_000_000 + number, UTC),
        key_id=None,
    )
    return leaf.complete(head, rest=b"%d of %d" % (number, branch), commitment=None)


@dataclass(frozen=True)
class SmallLog:
    """So many entries; from `forked_at` on they are those of another branch."""

    size: int
    forked_at: int | None = None
    branch: int = 1

    @cached_property
    def entries(self) -> list[bytes]:
        forked_at = self.size if self.forked_at is None else self.forked_at
        return [entry(number, self.branch * (number >= forked_at)) for number in range(self.size)]

    @cached_property
    def hashes(self) -> list[bytes]:
        return [merkle.leaf_hash(one) for one in self.entries]

    def subtree(self, level: int, index: int) -> bytes:
        return merkle.root_hash(self.hashes[index << level : (index + 1) << level])

    def checkpoint(self, size: int | None = None) -> Checkpoint:
        size = self.size if size is None else size
        return Checkpoint(ORIGIN, size, merkle.root_hash(self.hashes[:size]))

    def signed(
        self, size: int | None = None, *, at: int | None = None, by: tuple[Cosigner, ...] = ()
    ) -> bytes:
        """The log's note; with a time also the log's line of ML-DSA-44, and those of witnesses."""
        signed = checkpoint.sign(self.checkpoint(size), LOG)
        if at is None:
            return signed
        text = checkpoint.to_text(self.checkpoint(size))
        lines = [cosignature.cosign(text, cosigner=one, at=at) for one in (LOG_ML_DSA, *by)]
        return cosignature.with_lines(signed, lines)

    def consistency(self, old_size: int, new_size: int | None = None) -> tuple[bytes, ...]:
        new_size = self.size if new_size is None else new_size
        return tuple(merkle.prove_consistency(old_size, new_size, self.subtree))

    def request(self, old_size: int, size: int | None = None) -> bytes:
        """To add the checkpoint of this size, with a right proof if there is one."""
        size = self.size if size is None else size
        proof = self.consistency(old_size, size) if 0 < old_size <= size else ()
        return witness.to_bytes(witness.Request(old_size, proof, self.signed(size)))

    def write(self, folder: Path, signed: bytes | None = None) -> None:
        """As C2SP tlog-tiles has it; no longer partial tiles are left as they are."""
        files = {"checkpoint": self.signed() if signed is None else signed}
        for bundle in tiles.bundles_of(self.size):
            first = bundle.index * tiles.TILE_WIDTH
            files[bundle.path] = tiles.encode_entries(self.entries[first : first + bundle.width])
        for tile, content in tiles.changed_tiles(0, self.hashes, lambda *_: b""):
            files[tile.path] = content
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
