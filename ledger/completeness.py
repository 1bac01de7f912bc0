"""The completeness proof: all events that a patient's results are made of, in their order, and that nothing is left out.

One line of JSON in one spelling (keys in order, no blanks, a newline at the end):

    {"checkpoint": <signed note>, "commitment": {"event": <stored bytes>, "hashes": [<base64>], "index": <n>},
     "format": "letopis/completeness@v1", "links": [<leaf text>], "nonce": <base64>, "patient": <uuid>,
     "siblings": [<base64>]}

The leaves of `links` make the patient's chain: head 0 is the patient's label, and each next head is
SHA-256(0x02 || head || leaf hash), where the leaf hash is that of RFC 6962. Length and head are in the map of all
patients (`patient_map`), whose root is in the event ChainsCommitted, which is in the log, under the checkpoint. So there
is one list for each patient at each commitment, the same for whoever asks. Who keeps what a proof said (`Kept`) learns
from the next one whether something was dropped, hidden or put in another order since. docs/evidence/completeness.md says
it for those who check, and what the proof does not show.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn
from uuid import UUID

import orjson

from domain.patient_chain import FAMILIES
from ledger import checkpoint, leaf, merkle, patient_map
from ledger.checkpoint import Checkpoint
from ledger.leaf import Leaf, LeafMalformedError
from ledger.merkle import InvalidProofError
from ledger.note import InvalidNoteError, Verifier, decode_base64, encode_base64
from ledger.patient_map import MapLeaf

FORMAT = "letopis/completeness@v1"
KEPT_FORMAT = "letopis/completeness-kept@v1"
BYTES_MAX = 50_000_000
_HASH_BYTES = 32


class InvalidCompletenessError(Exception):
    """The proof does not hold, or contradicts what was kept of an older one. The message says where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """The parts of a proof. `event` are the stored bytes of ChainsCommitted, `index` its place in the log."""

    patient_id: UUID
    links: tuple[bytes, ...]
    nonce: bytes
    siblings: tuple[bytes, ...]
    event: bytes
    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a holder keeps of a proof that was checked, to hold the next one against: the chain's length and head, which
    commitment it was (the stream of commitments, and the number in it), and the tree that it was proved in."""

    origin: str
    patient_id: UUID
    length: int
    head: bytes
    commitments: UUID
    number: int
    map_root: bytes
    tree_size: int
    tree_root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What a checked proof says: the events in order with the heads after each, and what to keep. `patients` are those
    who have a chain."""

    links: tuple[Leaf, ...]
    heads: tuple[bytes, ...]
    position: int
    patients: int
    tree: Checkpoint
    kept: Kept

    @property
    def reports(self) -> tuple[UUID, ...]:
        """The reports that are the patient's: matched, and not taken back."""
        last: dict[UUID, bool] = {}
        for one in self.links:
            if one.name == "ReportMatched":
                last[one.stream_id] = True
            elif one.name == "ReportUnmatched":
                last[one.stream_id] = False
        return tuple(stream_id for stream_id, is_theirs in last.items() if is_theirs)


# The chain.


def next_head(head: bytes, leaf_hash: bytes) -> bytes:
    """SHA-256(0x02 || head || leaf hash)."""
    return hashlib.sha256(b"\x02" + head + leaf_hash).digest()


def heads_of(label: bytes, leaves: Iterable[bytes]) -> tuple[bytes, ...]:
    """The heads of a chain of leaves: the label, and one after each leaf."""
    heads = [label]
    for entry in leaves:
        heads.append(next_head(heads[-1], merkle.leaf_hash(entry)))
    return tuple(heads)


# Written.


def to_bytes(proof: Completeness) -> bytes:
    """The file; the same bytes for the same proof."""
    content = {
        "checkpoint": proof.checkpoint.decode(),
        "commitment": {
            "event": proof.event.decode(),
            "hashes": list(map(encode_base64, proof.hashes)),
            "index": proof.index,
        },
        "format": FORMAT,
        "links": [one.decode() for one in proof.links],
        "nonce": encode_base64(proof.nonce),
        "patient": str(proof.patient_id),
        "siblings": list(map(encode_base64, proof.siblings)),
    }
    return _written(content)


def kept_to_bytes(kept: Kept) -> bytes:
    """What the holder keeps, as a file; the same bytes for the same."""
    content = {
        "commitments": str(kept.commitments),
        "format": KEPT_FORMAT,
        "head": encode_base64(kept.head),
        "length": kept.length,
        "map_root": encode_base64(kept.map_root),
        "number": kept.number,
        "origin": kept.origin,
        "patient": str(kept.patient_id),
        "tree_root": encode_base64(kept.tree_root),
        "tree_size": kept.tree_size,
    }
    return _written(content)


def _written(content: dict[str, Any]) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


# Read and checked.


def verify(content: bytes, *, log: Verifier, kept: Kept | None = None) -> Proven:
    """What the proof says, by the log's key. InvalidCompletenessError if anything in it was changed or left out, or if
    it does not go on from what was kept."""
    try:
        proven = _verified(_parsed(content), log)
    except (InvalidNoteError, InvalidProofError, LeafMalformedError) as error:
        raise InvalidCompletenessError(str(error) or type(error).__name__) from error
    if kept is not None:
        _check_goes_on(proven, kept)
    return proven


def _verified(proof: Completeness, log: Verifier) -> Proven:
    tree = checkpoint.verify(proof.checkpoint, log)
    entry, said = _commitment(proof.event, log.name)
    merkle.check_inclusion(
        proof.hashes,
        index=proof.index,
        tree_size=tree.tree_size,
        leaf=merkle.leaf_hash(leaf.split(proof.event)[0]),
        root=tree.root_hash,
    )
    links = tuple(leaf.parse(one) for one in proof.links)
    _check_links(links, log.name)
    label = patient_map.label_of(log.name, proof.patient_id)
    heads = heads_of(label, proof.links)
    placed = patient_map.leaf_hash(label, length=len(links), head=heads[-1], nonce=proof.nonce)
    map_root = patient_map.root_of(MapLeaf(label, placed), proof.siblings)
    _require(map_root == said.root, "the list of events is not what was committed to")
    return Proven(
        links=links,
        heads=heads,
        position=said.position,
        patients=said.patients,
        tree=tree,
        kept=Kept(
            origin=log.name,
            patient_id=proof.patient_id,
            length=len(links),
            head=heads[-1],
            commitments=entry.stream_id,
            number=entry.version,
            map_root=map_root,
            tree_size=tree.tree_size,
            tree_root=tree.root_hash,
        ),
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """What ChainsCommitted says."""

    position: int
    root: bytes
    patients: int


def _commitment(event: bytes, origin: str) -> tuple[Leaf, _Said]:
    """The event of stored bytes: its leaf, and what it says in clear."""
    entry, rest = leaf.split(event)
    found = leaf.parse(entry)
    _require(found.origin == origin, "the commitment is of another log")
    is_one = (found.name, found.schema_version) == ("ChainsCommitted", 1)
    _require(is_one and found.key_id is None and found.commitment is None, "the event is no commitment")
    _require(
        hashlib.sha256(rest).digest() == found.digest, "the commitment says something else than its leaf"
    )
    parts = rest.split(b"\n")
    _require(len(parts) == 3, "the commitment is not in its one spelling")
    try:
        body = orjson.loads(parts[2])
        said = _Said(_number(body["position"]), bytes.fromhex(body["root"]), _number(body["patients"]))
    except (ValueError, TypeError, KeyError) as error:
        reason = "the commitment says nothing that is known"
        raise InvalidCompletenessError(reason) from error
    spelled = {"position": said.position, "root": said.root.hex(), "patients": said.patients}
    _require(orjson.dumps(spelled) == parts[2], "the commitment is not in its one spelling")
    _require(len(said.root) == _HASH_BYTES, "the root has not 32 bytes")
    return found, said


def _check_links(links: Sequence[Leaf], origin: str) -> None:
    """Every stream that is in a chain is there from its first event on, without a gap."""
    versions: dict[UUID, int] = {}
    families: dict[UUID, str] = {}
    for one in links:
        _require(one.origin == origin, "an event is of another log")
        family = FAMILIES.get(one.name)
        _require(family is not None, "an event is of a kind that makes no link")
        _require(families.setdefault(one.stream_id, str(family)) == family, "a stream is of two kinds")
        expected = versions.get(one.stream_id, 0) + 1
        _require(one.version == expected, "an event of a stream is missing, or is there twice")
        versions[one.stream_id] = one.version
    _require(len(links) > 0, "the list is empty")


def _check_goes_on(proven: Proven, kept: Kept) -> None:
    """Whether the proof goes on from what was kept: reasons in the order of what they would mean."""
    now = proven.kept
    _require(
        (now.origin, now.patient_id) == (kept.origin, kept.patient_id), "the proof is of another patient"
    )
    _require(now.commitments == kept.commitments, "the commitments are of another stream")
    _require(now.number >= kept.number, "the commitment is older than the one that was kept")
    is_same = now.number == kept.number
    _require(not is_same or now.map_root == kept.map_root, "there are two commitments of one number")
    _require(now.length >= kept.length, "events are missing: the list is shorter than the one that was kept")
    _require(
        proven.heads[kept.length] == kept.head,
        "an event that was there is missing, changed, or in another place",
    )
    _require(now.tree_size >= kept.tree_size, "the checkpoint is older than the one that was kept")
    is_same = now.tree_size == kept.tree_size
    _require(not is_same or now.tree_root == kept.tree_root, "there are two trees of one size")


def kept_from_bytes(content: bytes) -> Kept:
    """What was kept. InvalidCompletenessError if the file is not in its one spelling."""
    try:
        found = orjson.loads(content)
        kept = Kept(
            origin=str(found["origin"]),
            patient_id=UUID(found["patient"]),
            length=_number(found["length"]),
            head=decode_base64(found["head"]),
            commitments=UUID(found["commitments"]),
            number=_number(found["number"]),
            map_root=decode_base64(found["map_root"]),
            tree_size=_number(found["tree_size"]),
            tree_root=decode_base64(found["tree_root"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        reason = "what was kept is of another form"
        raise InvalidCompletenessError(reason) from error
    _require(kept_to_bytes(kept) == content, "what was kept is not in its one spelling")
    return kept


def _parsed(content: bytes) -> Completeness:
    """The parts of the file, strictly: what was read is what would be written. Nothing in them is verified yet."""
    _require(len(content) <= BYTES_MAX, "the proof is too large")
    try:
        found = orjson.loads(content)
        _require(found["format"] == FORMAT, "this is no completeness proof of version 1")
        proof = Completeness(
            patient_id=UUID(found["patient"]),
            links=tuple(one.encode() for one in found["links"]),
            nonce=decode_base64(found["nonce"]),
            siblings=tuple(map(decode_base64, found["siblings"])),
            event=found["commitment"]["event"].encode(),
            index=_number(found["commitment"]["index"]),
            hashes=tuple(map(decode_base64, found["commitment"]["hashes"])),
            checkpoint=found["checkpoint"].encode(),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        reason = "a part of the proof is missing or of another form"
        raise InvalidCompletenessError(reason) from error
    _require(to_bytes(proof) == content, "the proof is not in its one spelling")
    _require(len(proof.nonce) == _HASH_BYTES, "the nonce has not 32 bytes")
    _require(all(len(one) == _HASH_BYTES for one in proof.siblings), "a hash has not 32 bytes")
    _require(len(proof.siblings) < patient_map.LABEL_BITS, "the path is longer than a label")
    return proof


def _number(found: Any) -> int:
    if type(found) is not int or not 0 <= found <= patient_map.LENGTH_MAX:
        _refuse("a number is of another form")
    return found


def _require(condition: bool, reason: str) -> None:
    if not condition:
        _refuse(reason)


def _refuse(reason: str) -> NoReturn:
    raise InvalidCompletenessError(reason)
