"""A receipt of a result: what shows, without us and without a network, that the log holds it and all of its versions.

It is one line of JSON in one spelling (keys in order, no blanks):

    {"checkpoint": <signed note>, "content": {"data": <the event>, "key": <base64>, "version": <n>},
     "current": <n>, "format": "letopis/result-receipt@v1", "statement": <signed note>,
     "versions": [{"hashes": [<base64>], "index": <n>, "leaf": <text>, "status": <word>}]}

The statement is signed (C2SP signed-note) under `<origin>/receipts`, and short enough for a QR code:

    letopis/result-receipt@v1
    <origin>
    report <id>
    shown <version>
    current <version>
    versions <count>
    chain sha256:<base64>
    tree <size> <base64(root hash)>      ("tree -": no checkpoint yet, a promise)

`chain` is the digest of a line a version: `<number> <status> <index> <base64(leaf hash)>`. So nobody but us can leave a
version out; and where we did, the log itself holds the leaf that convicts us. `content.data` are the very bytes that the
leaf of the version commits to: HMAC-SHA-256 under `content.key`, which opens this one event and no other. A version that
does not reach the patient is `held`: of what it says not even the status is here.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, NoReturn
from uuid import UUID

import orjson

from ledger import checkpoint, leaf, merkle, note, sealing
from ledger.checkpoint import Checkpoint
from ledger.leaf import Leaf, LeafMalformedError
from ledger.merkle import InvalidProofError
from ledger.note import InvalidNoteError, Signer, Verifier, decode_base64, encode_base64
from ledger.store import Ledger

FORMAT = "letopis/result-receipt@v1"
HELD = "held"
RECEIPT_BYTES_MAX = 20_000_000
_KEY_BYTES = 32
_FIRST, _FURTHER = "ReportReceived", "ReportRevised"


class InvalidReceiptError(Exception):
    """The receipt does not hold: it was changed, cut, or is of another log. The message says where."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One version in the log: its leaf, and the hashes that prove it. Without `index` it is a promise."""

    leaf: bytes
    status: str
    index: int | None = None
    hashes: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What the shown version says, and the key of its commitment."""

    version: int
    key: bytes
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What is signed; `current` is the version that stands for the patient."""

    report_id: UUID
    current: int
    entries: tuple[Entry, ...]
    opened: Opened
    checkpoint: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenVersion:
    """A version that the log holds, as a checked receipt says."""

    number: int
    status: str
    event_id: UUID
    recorded_at: datetime
    index: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What a checked receipt proves. `tree` is None for a promise: no checkpoint was there yet."""

    report_id: UUID
    shown: int
    current: int
    versions: tuple[ProvenVersion, ...]
    data: bytes
    tree: Checkpoint | None

    @property
    def is_current(self) -> bool:
        """Whether no later version had taken the place of the shown one."""
        return self.shown == self.current


# Written.


def open_version(ledger: Ledger, report_id: UUID, stream_version: int, *, number: int) -> Opened:
    """What the event of a version says, by its stored bytes. KeyErasedError if its key is gone."""
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT state FROM ledger.events WHERE originator_id = %s AND originator_version = %s",
            (report_id, stream_version),
            prepare=True,
        ).fetchone()
    assert row is not None
    entry, rest = leaf.split(bytes(row[0]))
    found = leaf.parse(entry)
    assert found.key_id is not None
    secret = ledger.keys.open(found.key_id)
    salt, circumstances, body = rest.split(b"\n", 2)
    # What the seal is bound to: the first eight lines of the leaf, the salt and the circumstances.
    head = b"".join(line + b"\n" for line in entry.split(b"\n")[:8])
    data = sealing.unseal(secret, about=found.event_id, header=head + salt + b"\n" + circumstances, body=body)
    return Opened(version=number, key=sealing.derive(secret, b"commit", found.event_id.bytes), data=data)


def statement_of(receipt: Receipt, signer: Signer, *, origin: str) -> bytes:
    """The signed statement: the short form of the receipt."""
    return note.sign(_statement_text(receipt, origin), signer)


def to_bytes(receipt: Receipt, statement: bytes) -> bytes:
    """The file; the same bytes for the same receipt."""
    return _written(
        {
            "checkpoint": receipt.checkpoint.decode(),
            "content": {
                "data": receipt.opened.data.decode(),
                "key": encode_base64(receipt.opened.key),
                "version": receipt.opened.version,
            },
            "current": receipt.current,
            "format": FORMAT,
            "statement": statement.decode(),
            "versions": [
                {
                    "hashes": list(map(encode_base64, one.hashes)),
                    "index": one.index,
                    "leaf": one.leaf.decode(),
                    "status": one.status,
                }
                for one in receipt.entries
            ],
        }
    )


def _written(content: dict[str, Any]) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def _statement_text(receipt: Receipt, origin: str) -> str:
    chain = "".join(
        f"{number} {one.status} {'-' if one.index is None else one.index}"
        f" {encode_base64(merkle.leaf_hash(one.leaf))}\n"
        for number, one in enumerate(receipt.entries, 1)
    )
    tree = "-"
    if receipt.checkpoint:
        signed = checkpoint.parse(note.parse(receipt.checkpoint).text)
        tree = f"{signed.tree_size} {encode_base64(signed.root_hash)}"
    lines = (
        FORMAT,
        origin,
        f"report {receipt.report_id}",
        f"shown {receipt.opened.version}",
        f"current {receipt.current}",
        f"versions {len(receipt.entries)}",
        f"chain sha256:{encode_base64(hashlib.sha256(chain.encode()).digest())}",
        f"tree {tree}",
    )
    return "\n".join(lines) + "\n"


# Read and checked.


def verify(content: bytes, *, log: Verifier, receipts: Verifier) -> Proven:
    """What the receipt proves, by the log's key and the key of receipts. InvalidReceiptError if anything in it was
    changed or left out."""
    try:
        return _verified(content, log, receipts)
    except (InvalidNoteError, InvalidProofError, LeafMalformedError) as error:
        raise InvalidReceiptError(str(error) or type(error).__name__) from error


def _verified(content: bytes, log: Verifier, receipts: Verifier) -> Proven:
    receipt, statement = _parsed(content)
    leaves = [leaf.parse(one.leaf) for one in receipt.entries]
    _check_chain(receipt, leaves, log.name)
    signed = note.open(statement, [receipts])
    _require(_is_signed_once(statement, signed), "the statement has more than one signature")
    _require(signed.text == _statement_text(receipt, log.name), "the statement says something else")
    tree = _check_tree(receipt, log)
    commitment = hmac.digest(receipt.opened.key, receipt.opened.data, "sha256")
    shown = leaves[receipt.opened.version - 1]
    _require(hmac.compare_digest(commitment, shown.commitment or b""), "the content is not what was recorded")
    return Proven(
        report_id=receipt.report_id,
        shown=receipt.opened.version,
        current=receipt.current,
        versions=tuple(
            ProvenVersion(
                number=number,
                status=entry.status,
                event_id=found.event_id,
                recorded_at=found.recorded_at,
                index=entry.index,
            )
            for number, (entry, found) in enumerate(zip(receipt.entries, leaves, strict=True), 1)
        ),
        data=receipt.opened.data,
        tree=tree,
    )


def _check_chain(receipt: Receipt, leaves: Sequence[Leaf], origin: str) -> None:
    names = [one.name for one in leaves]
    _require(names == [_FIRST] + [_FURTHER] * (len(leaves) - 1), "an event is no version of a report")
    _require(all(one.origin == origin for one in leaves), "a leaf is of another log")
    _require(all(one.stream_id == receipt.report_id for one in leaves), "a leaf is of another report")
    _require(all(a.version < b.version for a, b in pairwise(leaves)), "the versions are out of order")
    shown, current = receipt.opened.version, receipt.current
    _require(1 <= shown <= len(leaves) and 1 <= current <= len(leaves), "a version is not in the chain")
    indexes = [one.index for one in receipt.entries if one.index is not None]
    _require(all(a < b for a, b in pairwise(indexes)), "the places in the log are out of order")


def _check_tree(receipt: Receipt, log: Verifier) -> Checkpoint | None:
    if not receipt.checkpoint:
        is_bare = all(one.index is None and not one.hashes for one in receipt.entries)
        _require(is_bare, "there are proofs and no checkpoint")
        return None
    signed = checkpoint.verify(receipt.checkpoint, log)
    opened = note.open(receipt.checkpoint, [log])
    _require(_is_signed_once(receipt.checkpoint, opened), "the checkpoint has more than one signature")
    for one in receipt.entries:
        _require(one.index is not None, "a version has no place in the log")
        assert one.index is not None
        merkle.check_inclusion(
            one.hashes,
            index=one.index,
            tree_size=signed.tree_size,
            leaf=merkle.leaf_hash(one.leaf),
            root=signed.root_hash,
        )
    return signed


def _is_signed_once(content: bytes, opened: note.Note) -> bool:
    """Whether nothing was written under the text but the one signature: a line of a key that nobody knows would be a
    byte that nobody checks."""
    return len(opened.signatures) == 1 and content == f"{opened.text}\n{opened.signatures[0].line}".encode()


def _parsed(content: bytes) -> tuple[Receipt, bytes]:
    """The parts of the file, strictly: what was read is what would be written. Nothing in them is verified yet."""
    _require(len(content) <= RECEIPT_BYTES_MAX, "the receipt is too large")
    try:
        found = orjson.loads(content)
        _require(found["format"] == FORMAT, "this is not a receipt of version 1")
        receipt = Receipt(
            report_id=leaf.parse(found["versions"][0]["leaf"].encode()).stream_id,
            current=_number(found["current"]),
            entries=tuple(map(_entry, found["versions"])),
            opened=Opened(
                version=_number(found["content"]["version"]),
                key=decode_base64(found["content"]["key"]),
                data=found["content"]["data"].encode(),
            ),
            checkpoint=found["checkpoint"].encode(),
        )
        statement = found["statement"].encode()
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        reason = "a part of the receipt is missing or of another form"
        raise InvalidReceiptError(reason) from error
    _require(to_bytes(receipt, statement) == content, "the receipt is not in its one spelling")
    # HMAC takes a shorter key for the same one with zeros behind it.
    _require(len(receipt.opened.key) == _KEY_BYTES, "the key has not 32 bytes")
    return receipt, statement


def _entry(found: dict[str, Any]) -> Entry:
    return Entry(
        leaf=found["leaf"].encode(),
        status=str(found["status"]),
        index=None if found["index"] is None else _number(found["index"]),
        hashes=tuple(map(decode_base64, found["hashes"])),
    )


def _number(found: object) -> int:
    if type(found) is not int or found < 0:
        _refuse("a number is of another form")
    return found


def _require(condition: bool, reason: str) -> None:
    if not condition:
        _refuse(reason)


def _refuse(reason: str) -> NoReturn:
    raise InvalidReceiptError(reason)
