"""Evidence of every kind, made with fixed keys and without a database: what the verifier and its mutants stand on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import UUID

import orjson

from ledger import checkpoint, cosignature, leaf, merkle, note, proof, receipt, result_receipt, sealing, tiles
from ledger.checkpoint import Checkpoint
from ledger.cosignature import Cosigner, Kind
from ledger.note import Signer, encode_base64
from ledger.proof import Proof
from ledger.result_receipt import Entry, Opened

GOLDEN = Path(__file__).parents[1] / "golden" / "evidence"
ORIGIN = "ledger.example/analyses"
LOG = Signer(ORIGIN, bytes(range(32)))
RECEIPTS = Signer(f"{ORIGIN}/receipts", bytes(range(32, 64)))
LOG_ML_DSA = Cosigner(ORIGIN, bytes(range(64, 96)), Kind.ML_DSA_44)
WITNESSES = (
    Cosigner("witness.example/w1", bytes(range(96, 128)), Kind.ED25519),
    Cosigner("witness.example/w2", bytes(range(128, 160)), Kind.ML_DSA_44),
)
OTHER = Signer(ORIGIN, bytes(32))
AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
SECRET = bytes(range(160, 192))
DATA = b'{"content":{"observations":[{"value":"73.10"}]}}'
REPORT = UUID(int=0x8000_4000_8000_0000_0000_0001)
VKEYS = (LOG.verifier.vkey, RECEIPTS.verifier.vkey, LOG_ML_DSA.verifier.vkey)
POLICY = (
    f"log {LOG.verifier.vkey}\n"
    + "".join(f"witness w{n} {one.verifier.vkey}\n" for n, one in enumerate(WITNESSES, 1))
    + "group both all w1 w2\nquorum both\n"
)


def event_id(index: int) -> UUID:
    return UUID(int=0x8000_4000_8000_0000_0001_0000 + index)


def entry(
    index: int,
    *,
    stream: UUID | None = None,
    version: int = 1,
    name: str = "ReportRead",
    rest: bytes = b"rest",
    commitment: bytes | None = None,
) -> bytes:
    """A leaf as the ledger writes it."""
    head = leaf.header(
        origin=ORIGIN,
        event_id=event_id(index),
        stream_id=stream or UUID(int=0x8000_4000_8000_0000_0002_0000 + index),
        version=version,
        name=name,
        schema_version=1,
        recorded_at=AT + timedelta(seconds=index),
        key_id=event_id(0) if commitment else None,
    )
    return leaf.complete(head, rest=rest, commitment=commitment)


@dataclass(frozen=True)
class Tree:
    """A log of these entries, as its readers may see it."""

    entries: tuple[bytes, ...]
    origin: str = ORIGIN
    signer: Signer = LOG
    leaves: list[bytes] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "leaves", [merkle.leaf_hash(one) for one in self.entries])

    def read(self, level: int, index: int) -> bytes:
        return merkle.root_hash(self.leaves[index << level : (index + 1) << level])

    def at(self, size: int) -> Checkpoint:
        return Checkpoint(self.origin, size, merkle.root_hash(self.leaves[:size]))

    def signed(self, size: int) -> bytes:
        """As receipts quote it: one signature."""
        return checkpoint.sign(self.at(size), self.signer)

    def published(self, size: int, *, at: int = 1_764_158_400) -> bytes:
        """As witnesses cosigned it."""
        text = checkpoint.to_text(self.at(size))
        lines = [cosignature.cosign(text, cosigner=one, at=at).line for one in WITNESSES]
        return self.signed(size) + "".join(lines).encode()

    def proof(self, index: int, size: int) -> bytes:
        hashes = tuple(merkle.prove_inclusion(index, size, self.read))
        return proof.to_bytes(Proof(index, hashes, self.published(size)))

    def consistency(self, old: int, new: int) -> bytes:
        hashes = merkle.prove_consistency(old, new, self.read)
        lines = [f"old {old}", *map(encode_base64, hashes)]
        return "\n".join([*lines, "", ""]).encode() + self.published(new)

    def write(self, folder: Path, size: int) -> Path:
        """The log as files."""
        held = {"checkpoint": self.published(size)}
        for bundle in tiles.bundles_of(size):
            first = bundle.index * tiles.TILE_WIDTH
            held[bundle.path] = tiles.encode_entries(self.entries[first : first + bundle.width])
        changed = tiles.changed_tiles(0, self.leaves[:size], lambda *_: b"")
        held |= {tile.path: content for tile, content in changed}
        for name, content in held.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return folder


def report_entry(index: int, version: int) -> bytes:
    name = "ReportReceived" if version == 1 else "ReportRevised"
    commitment = sealing.commit(SECRET, about=event_id(index), plaintext=DATA)
    return entry(index, stream=REPORT, version=version, name=name, commitment=commitment)


# Two versions of a report among others, as leaves 3 and 9 of 13.
TREE = Tree(
    tuple(
        report_entry(index, 1) if index == 3 else report_entry(index, 2) if index == 9 else entry(index)
        for index in range(13)
    )
)
SIZE = 13


def result() -> bytes:
    """A result's receipt: its second version is shown and stands."""
    signed = TREE.signed(SIZE)
    entries = tuple(
        Entry(
            leaf=TREE.entries[index],
            status=status,
            index=index,
            hashes=tuple(merkle.prove_inclusion(index, SIZE, TREE.read)),
        )
        for index, status in ((3, "final"), (9, "corrected"))
    )
    opened = Opened(version=2, key=sealing.derive(SECRET, b"commit", event_id(9).bytes), data=DATA)
    made = result_receipt.Receipt(
        report_id=REPORT, current=2, entries=entries, opened=opened, checkpoint=signed
    )
    return result_receipt.to_bytes(made, result_receipt.statement_of(made, RECEIPTS, origin=ORIGIN))


def submission() -> bytes:
    """A laboratory's receipt, for leaf 5."""
    made = receipt.Receipt(
        origin=ORIGIN,
        submission_id=event_id(5),
        laboratory_id=event_id(6),
        number=7,
        content=b"sealed envelope",
        received_at=AT + timedelta(seconds=5),
        leaf=TREE.entries[5],
    )
    return note.sign(receipt.to_text(made), RECEIPTS)


def consent() -> bytes:
    """A consent's receipt, for leaf 6."""
    hashed = encode_base64(TREE.leaves[6])
    document = {"kind": "processing", "version": "1.0", "language": "ru", "sha256": "ab" * 32}
    said = {
        "version": "KI-CR-v1.1.0",
        "consentReceiptID": str(event_id(6)),
        "piiPrincipalName": "Анна Соколова",
        "spiCat": [],
        "document": document,
        "origin": ORIGIN,
        "leafHash": hashed,
    }
    content = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    lines = (
        "letopis/consent-receipt@v1",
        ORIGIN,
        f"consent {event_id(6)}",
        "kind processing",
        f"document 1.0 ru sha256:{'ab' * 32}",
        f"given {AT.isoformat()}",
        f"leaf {hashed}",
        f"content sha256:{encode_base64(sha256(content).digest())}",
    )
    signed = note.sign("\n".join(lines) + "\n", RECEIPTS)
    return orjson.dumps({"receipt": said, "note": signed.decode()}, option=orjson.OPT_INDENT_2)


def golden(name: str) -> Callable[[], bytes]:
    return lambda: (GOLDEN / name).read_bytes()


def golden_keys() -> list[str]:
    """The public keys of the worked examples."""
    files = [*GOLDEN.glob("*.vkey"), *GOLDEN.glob("*.vkeys"), *GOLDEN.glob("export/keys.txt")]
    return [line for path in files for line in path.read_text().split("\n") if line]


# Each kind of file that may be changed, by the verifier's name of it.
FILES: dict[str, Callable[[], bytes]] = {
    "checkpoint": lambda: TREE.published(SIZE),
    "proof": lambda: TREE.proof(9, SIZE),
    "consistency": lambda: TREE.consistency(6, SIZE),
    "receipt": result,
    "submission": submission,
    "consent": consent,
    "completeness": golden("completeness-1.json"),
    "certificate": golden("certificate-differs.note"),
    "act": golden("destruction-act.json"),
}
