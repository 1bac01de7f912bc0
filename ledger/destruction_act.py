"""The act of destruction and the extract of the journal, with the log's proof of what they rest on.

The format is that of docs/evidence/destruction.md: one line of JSON in one spelling, with a signed statement. Everything
in it follows from stored events, so the same bytes can be made at any time and nothing is kept beside the ledger.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from domain.erasure import DestructionActDrawn, ErasureOrdered, PatientErased
from domain.values import Purpose
from ledger import checkpoint, merkle, note
from ledger.codec import RecordedEvent, name_of
from ledger.note import Signer, encode_base64

FORMAT = "letopis/destruction-act@v1"
METHOD = "crypto-erasure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What was destroyed, by the events that say so, before the act of it is recorded."""

    ordered: RecordedEvent
    erased: RecordedEvent
    epochs: tuple[RecordedEvent, ...]
    completed: RecordedEvent
    operator_name: str
    operator_address: str
    purposes: tuple[Purpose, ...]
    origin: str

    @property
    def events(self) -> tuple[RecordedEvent, ...]:
        return (self.ordered, self.erased, *self.epochs, self.completed)

    @property
    def number(self) -> str:
        return f"{self.erased.recorded_at.year}-{self.erased.position}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An event of the file: its stored bytes, and the hashes that prove its leaf. Without `index` it is a promise."""

    name: str
    leaf: bytes
    rest: bytes
    index: int | None = None
    hashes: tuple[bytes, ...] = ()


def act_of(drawn: Drawn) -> dict[str, Any]:
    """Point 3 of the order."""
    ordered, erased = drawn.ordered.event, drawn.erased.event
    assert isinstance(ordered, ErasureOrdered) and isinstance(erased, PatientErased)
    counts = erased.destroyed
    return _said_of(drawn) | {
        "completed_at": time_of(drawn.completed),
        "counts": {
            "documents": counts.documents,
            "keys": counts.keys,
            "marks": counts.marks,
            "reports": counts.reports,
        },
        "destroyed_by": drawn.erased.circumstances.actor,
        "due": ordered.due.isoformat(),
        "epochs": sorted(erased.epochs),
        "method": METHOD,
        "operator": {"address": drawn.operator_address, "name": drawn.operator_name},
        "ordered_at": time_of(drawn.ordered),
        "processor": None,
        "reference": ordered.reference,
    }


def extract_of(drawn: Drawn) -> dict[str, Any]:
    """Point 5 of the order."""
    return _said_of(drawn) | {
        "entries": [
            {
                "actor": one.circumstances.actor,
                "event": name_of(one.event),
                "event_id": str(one.event_id),
                "position": one.position,
                "recorded_at": time_of(one),
            }
            for one in drawn.events
        ]
    }


def _said_of(drawn: Drawn) -> dict[str, Any]:
    erased = drawn.erased.event
    assert isinstance(erased, PatientErased)
    return {
        "categories": sorted(drawn.purposes),
        "destroyed_at": time_of(drawn.erased),
        "ground": erased.ground.value,
        "number": drawn.number,
        "subject": {"patient": str(erased.patient_id)},
        "system": drawn.origin,
    }


def time_of(recorded: RecordedEvent) -> str:
    """As the leaf says it."""
    return recorded.leaf.decode().split("\n")[6]


def spelled(value: dict[str, Any]) -> bytes:
    """The one spelling of a value."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def sha256_of(value: dict[str, Any]) -> str:
    """By which the event names the act and the extract."""
    return hashlib.sha256(spelled(value)).hexdigest()


def to_bytes(drawn: Drawn, entries: Sequence[Entry], signed_note: bytes, signer: Signer) -> bytes:
    """The file. The entries are in the order of the log; the last is of DestructionActDrawn."""
    act, extract = act_of(drawn), extract_of(drawn)
    statement = note.sign(_statement_text(drawn, act, extract, entries, signed_note), signer)
    content = {
        "act": act,
        "checkpoint": signed_note.decode(),
        "events": [
            {
                "hashes": list(map(encode_base64, one.hashes)),
                "index": one.index,
                "leaf": one.leaf.decode(),
                "rest": one.rest.decode(),
            }
            for one in entries
        ],
        "extract": extract,
        "format": FORMAT,
        "statement": statement.decode(),
    }
    return spelled(content) + b"\n"


def _statement_text(
    drawn: Drawn,
    act: dict[str, Any],
    extract: dict[str, Any],
    entries: Sequence[Entry],
    signed_note: bytes,
) -> str:
    chain = "".join(
        f"{one.name} {'-' if one.index is None else one.index} {encode_base64(merkle.leaf_hash(one.leaf))}\n"
        for one in entries
    )
    tree = "-"
    if signed_note:
        signed = checkpoint.parse(note.parse(signed_note).text)
        tree = f"{signed.tree_size} {encode_base64(signed.root_hash)}"
    lines = (
        FORMAT,
        drawn.origin,
        f"number {drawn.number}",
        f"patient {act['subject']['patient']}",
        f"act sha256:{_digest(spelled(act))}",
        f"extract sha256:{_digest(spelled(extract))}",
        f"events {len(entries)}",
        f"chain sha256:{_digest(chain.encode())}",
        f"tree {tree}",
    )
    return "\n".join(lines) + "\n"


def _digest(content: bytes) -> str:
    return encode_base64(hashlib.sha256(content).digest())


def matches(drawn: Drawn, recorded: DestructionActDrawn) -> bool:
    """Whether the act made anew is the one that was recorded."""
    digests = (sha256_of(act_of(drawn)), sha256_of(extract_of(drawn)))
    return digests == (recorded.act_sha256, recorded.extract_sha256)
