"""The act of destruction: the same bytes from the same events, and every word of it follows from what the log proves."""

import hashlib
import json
import os
from base64 import b64encode
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest

from domain import Event
from domain.erasure import (
    Destroyed,
    DestructionActDrawn,
    ErasureCompleted,
    ErasureGround,
    ErasureOrdered,
    PatientErased,
)
from domain.key_epoch import KeyEpochDestroyed
from domain.values import Purpose
from ledger import checkpoint, leaf, merkle, note
from ledger.checkpoint import Checkpoint
from ledger.codec import Circumstances, RecordedEvent, name_of, to_data
from ledger.destruction_act import Drawn, Entry, act_of, extract_of, sha256_of, to_bytes
from tests.examples import ANNA

GOLDEN = Path(__file__).parents[1] / "golden" / "evidence"
ORIGIN = "letopis.test/log"
LOG = note.Signer(ORIGIN, bytes(32))
RECEIPTS = note.Signer(f"{ORIGIN}/receipts", bytes(range(32)))
ERASURES, EPOCHS = UUID(int=0xE), UUID(int=0xF)
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
HAPPENED: tuple[tuple[UUID, str, Event], ...] = (
    (
        ERASURES,
        f"patient:{ANNA}",
        ErasureOrdered(patient_id=ANNA, ground=ErasureGround.WITHDRAWAL, due=date(2026, 12, 26)),
    ),
    (
        ERASURES,
        "system:erasure",
        PatientErased(
            patient_id=ANNA,
            ground=ErasureGround.WITHDRAWAL,
            destroyed=Destroyed(keys=9, documents=4, marks=3, reports=2),
            epochs=(1, 2),
        ),
    ),
    (EPOCHS, "system:key-epochs", KeyEpochDestroyed(epoch=1)),
    (EPOCHS, "system:key-epochs", KeyEpochDestroyed(epoch=2)),
    (ERASURES, "system:key-epochs", ErasureCompleted(patient_id=ANNA, epochs=(1, 2))),
)


def stored(number: int, stream: UUID, actor: str, event: Event) -> tuple[RecordedEvent, Entry]:
    """As it would lie in the ledger, with nothing in it by chance."""
    happened_at = NOON + timedelta(hours=number)
    circumstances = {"actor": actor, "on_behalf_of": None, "causation_id": None, "correlation_id": None}
    lines = (b64encode(bytes([number]) * 16), json.dumps(circumstances).encode(), to_data(event))
    rest = b"\n".join(lines)
    head = leaf.header(
        origin=ORIGIN,
        event_id=UUID(int=number),
        stream_id=stream,
        version=number,
        name=name_of(event),
        schema_version=1,
        recorded_at=happened_at,
        key_id=None,
    )
    whole = leaf.complete(head, rest=rest, commitment=None)
    recorded = RecordedEvent(
        event=event,
        event_id=UUID(int=number),
        stream_id=stream,
        version=number,
        recorded_at=happened_at,
        circumstances=Circumstances(actor=actor),
        position=40 + number,
        leaf=whole,
    )
    return recorded, Entry(name=name_of(event), leaf=whole, rest=rest)


def drawn() -> tuple[Drawn, list[Entry]]:
    events, entries = zip(*(stored(number, *one) for number, one in enumerate(HAPPENED, 1)), strict=True)
    found = Drawn(
        ordered=events[0],
        erased=events[1],
        epochs=events[2:4],
        completed=events[4],
        operator_name="ГБУЗ «Летопись»",
        operator_address="Москва, Тестовая ул., 1",
        purposes=(Purpose.RESULTS, Purpose.CONTACTS, Purpose.IDENTITY),
        origin=ORIGIN,
    )
    recorded = DestructionActDrawn(
        patient_id=ANNA,
        number=found.number,
        operator_name=found.operator_name,
        operator_address=found.operator_address,
        purposes=(Purpose.CONTACTS, Purpose.IDENTITY, Purpose.RESULTS),
        act_sha256=sha256_of(act_of(found)),
        extract_sha256=sha256_of(extract_of(found)),
        keep_until=date(2029, 11, 26),
    )
    return found, [*entries, stored(6, ERASURES, "system:key-epochs", recorded)[1]]


def in_a_log(entries: list[Entry]) -> tuple[list[Entry], bytes]:
    """A log of these leaves with others between them, and the checkpoint over all."""
    leaves = [line for one in entries for line in (b"another leaf\n", one.leaf)]
    hashes = [merkle.leaf_hash(one) for one in leaves]

    def read(level: int, index: int) -> bytes:
        return merkle.root_hash(hashes[index << level : (index + 1) << level])

    tree = Checkpoint(ORIGIN, len(hashes), merkle.root_hash(hashes))
    proven = [
        Entry(
            name=one.name,
            leaf=one.leaf,
            rest=one.rest,
            index=2 * number + 1,
            hashes=tuple(merkle.prove_inclusion(2 * number + 1, len(hashes), read)),
        )
        for number, one in enumerate(entries)
    ]
    return proven, checkpoint.sign(tree, LOG)


def made() -> bytes:
    found, entries = drawn()
    return to_bytes(found, *in_a_log(entries), RECEIPTS)


def test_the_file_is_the_golden_one_to_the_byte() -> None:
    path = GOLDEN / "destruction-act.json"
    if "LETOPIS_WRITE_GOLDEN" in os.environ and not path.exists():
        path.write_bytes(made())
        vkeys = (LOG.verifier.vkey, RECEIPTS.verifier.vkey)
        path.with_suffix(".vkeys").write_text("".join(f"{one}\n" for one in vkeys))
    assert made() == path.read_bytes()


def test_everything_in_it_follows_from_the_spelling_the_keys_and_the_log() -> None:
    """The steps of docs/evidence/destruction.md, by other code than what wrote it."""
    content = made()
    found = json.loads(content)
    assert content == spelled(found) + b"\n"
    lines = note.open(found["statement"].encode(), [RECEIPTS.verifier]).text.split("\n")
    assert lines[:2] == ["letopis/destruction-act@v1", ORIGIN]
    assert lines[4:7] == [
        f"act sha256:{digest(found['act'])}",
        f"extract sha256:{digest(found['extract'])}",
        "events 6",
    ]
    tree = checkpoint.verify(found["checkpoint"].encode(), LOG.verifier)
    said = []
    for one in found["events"]:
        parsed = leaf.parse(one["leaf"].encode())
        assert parsed.digest == hashlib.sha256(one["rest"].encode()).digest()
        merkle.check_inclusion(
            [note.decode_base64(value) for value in one["hashes"]],
            index=one["index"],
            tree_size=tree.tree_size,
            leaf=merkle.leaf_hash(one["leaf"].encode()),
            root=tree.root_hash,
        )
        said.append((parsed.name, json.loads(one["rest"].split("\n", 2)[2])))
    assert all(a["index"] < b["index"] for a, b in pairwise(found["events"]))
    recorded = said[-1][1]
    assert recorded["act_sha256"] == hashlib.sha256(spelled(found["act"])).hexdigest()
    assert recorded["extract_sha256"] == hashlib.sha256(spelled(found["extract"])).hexdigest()
    assert found["act"]["epochs"] == said[1][1]["epochs"]
    assert [name for name, _ in said[2:4]] == ["KeyEpochDestroyed"] * 2


@pytest.mark.parametrize(
    "name", ["operator", "subject", "destroyed_by", "categories", "system", "method", "ground"]
)
def test_the_act_has_what_the_order_asks_for(name: str) -> None:
    assert json.loads(made())["act"][name]


def test_without_a_checkpoint_it_is_a_promise() -> None:
    found, entries = drawn()
    promise = json.loads(to_bytes(found, entries, b"", RECEIPTS))
    assert promise["checkpoint"] == ""
    assert promise["statement"].split("\n")[8] == "tree -"


def spelled(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def digest(value: object) -> str:
    return b64encode(hashlib.sha256(spelled(value)).digest()).decode()
