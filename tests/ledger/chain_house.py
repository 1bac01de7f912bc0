"""A small log with patients' chains in memory: honest, unless a test changes what it serves."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid5

import orjson

from ledger import checkpoint, completeness, leaf, merkle, patient_map
from ledger.checkpoint import Checkpoint
from ledger.completeness import Completeness
from ledger.note import Signer
from ledger.patient_map import MapLeaf

ORIGIN = "ledger.example/analyses"
LOG = Signer(ORIGIN, bytes(range(32)))
_NAMES = UUID("00000000-0000-4000-8000-000000000000")
_NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
COMMITMENTS = uuid5(_NAMES, "commitments")


def named(name: str) -> UUID:
    return uuid5(_NAMES, name)


@dataclass(slots=True)
class House:
    """`entries` are the leaves of the log in order, `chains` what each patient has, `served` the latest commitment: its
    stored bytes and index, and the chains as it says."""

    entries: list[bytes] = field(default_factory=list)
    chains: dict[UUID, list[bytes]] = field(default_factory=dict)
    versions: dict[UUID, int] = field(default_factory=dict)
    event: bytes = b""
    index: int = -1
    committed: dict[UUID, tuple[bytes, ...]] = field(default_factory=dict)

    def record(self, patient: UUID, stream: UUID, *names: str) -> None:
        """Events of a stream that is the patient's."""
        for name in names:
            self.chains.setdefault(patient, []).append(self._entry(stream, name, b"sealed"))

    def commit(self, *, chains: dict[UUID, list[bytes]] | None = None) -> None:
        """Commit to the chains; to others than those that are, when the house lies."""
        self.committed = {one: tuple(links) for one, links in (chains or self.chains).items()}
        leaves = self.map_leaves()
        said = {
            "position": len(self.entries),
            "root": patient_map.subtree(leaves).hash.hex(),
            "patients": len(leaves),
        }
        circumstances = {
            "actor": "system:patient-chains",
            "on_behalf_of": None,
            "causation_id": None,
            "correlation_id": None,
        }
        rest = b"\n".join((b"c2FsdHNhbHRzYWx0c2FsdA==", orjson.dumps(circumstances), orjson.dumps(said)))
        entry = self._entry(COMMITMENTS, "ChainsCommitted", rest)
        self.event, self.index = entry + b"\n" + rest, len(self.entries) - 1

    def prove(self, patient: UUID) -> Completeness:
        """The proof by the latest commitment, under a checkpoint of the whole log."""
        size = len(self.entries)
        hashes = [merkle.leaf_hash(entry) for entry in self.entries]
        read = lambda level, index: merkle.root_hash(hashes[index << level : (index + 1) << level])  # noqa: E731
        label = patient_map.label_of(ORIGIN, patient)
        return Completeness(
            patient_id=patient,
            links=self.committed[patient],
            nonce=self.nonce(label),
            siblings=tuple(patient_map.path(self.map_leaves(), label)),
            event=self.event,
            index=self.index,
            hashes=tuple(merkle.prove_inclusion(self.index, size, read)),
            checkpoint=checkpoint.sign(Checkpoint(ORIGIN, size, merkle.read_root(size, read)), LOG),
        )

    def map_leaves(self) -> list[MapLeaf]:
        found = []
        for patient, links in self.committed.items():
            label = patient_map.label_of(ORIGIN, patient)
            head = completeness.heads_of(label, links)[-1]
            placed = patient_map.leaf_hash(label, length=len(links), head=head, nonce=self.nonce(label))
            found.append(MapLeaf(label, placed))
        return sorted(found, key=lambda one: one.label)

    def nonce(self, label: bytes) -> bytes:
        return sha256(b"secret" + label).digest()

    def _entry(self, stream: UUID, name: str, rest: bytes) -> bytes:
        version = self.versions.get(stream, 0) + 1
        self.versions[stream] = version
        number = len(self.entries)
        head = leaf.header(
            origin=ORIGIN,
            event_id=named(f"event {number}"),
            stream_id=stream,
            version=version,
            name=name,
            schema_version=1,
            recorded_at=_NOON + timedelta(seconds=number),
            key_id=None,
        )
        self.entries.append(leaf.complete(head, rest=rest, commitment=None))
        return self.entries[-1]
