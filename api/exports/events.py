"""Events as records: what the leaf says, the circumstances, and the data of those in clear, byte for byte."""

from binascii import b2a_base64
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import islice
from typing import Any

import orjson

from api.exports.forms import base64_cell, json_cell
from api.exports.plan import Plan
from api.exports.rows import Batch, Row
from domain.reading import ExportForm
from ledger.store import Ledger
from projections import records
from projections.records import BATCH, LeafChecks, StoredRow
from projections.transparency import LeafMissingError

_OF_PATIENT = f"""
SELECT l.leaf_index, e.notification_id, e.state FROM ledger.events e
JOIN transparency.leaves l ON l.position = e.notification_id
WHERE e.notification_id IN ({records.OF_PATIENT})
  AND e.notification_id > %(after)s AND e.notification_id <= %(until)s ORDER BY 2 LIMIT %(limit)s
"""


def read(ledger: Ledger, plan: Plan, *, after: int, limit: int) -> Iterator[Batch]:
    """The next events. LeafMissingError if one of them is not what the log has at its place."""
    if plan.patient_id is not None:
        yield from _of_patient(ledger, plan, after=after, limit=limit)
        return
    first, _ = records.leaves_between(ledger, after, after) if after > plan.after else plan.leaves
    made = _MADE.get(plan.form, event_row)
    with ledger.pool.connection() as connection:
        checks = LeafChecks(connection, first)
        for batch in records.events_as_stored(ledger, after=after, until=plan.until, limit=limit):
            yield Batch(batch[-1][0], _rows(batch, checks, made))


def _rows(
    batch: list[StoredRow], checks: LeafChecks, made: Callable[[int, int, bytes, bytes], Any]
) -> list[Row]:
    first = checks.index
    halves = [state.partition(b"\n\n") for _, state in batch]
    # Not a byte of it is believed before the leaf is what the log has the hash of.
    checks.see([leaf for leaf, _, _ in halves])
    return [
        (position, made(index, position, leaf, rest))
        for index, ((position, _), (leaf, _, rest)) in enumerate(zip(batch, halves, strict=True), first)
    ]


# The loops that cost: what `event_row` gives, as orjson and the table's writer write it, in a third of the time. All that a
# leaf may hold stands in JSON as it is, and circumstances and data are JSON; in a table, what is base64 or JSON may need a sign
# before it or around it.
_HEAD = (
    b'{"leaf_index":%d,"position":%d,"event_id":"%b","stream_id":"%b","version":%b,"name":"%b","schema_version":%b,'
    b'"recorded_at":"%b",'
)
_CLEAR = _HEAD + b'"key_id":null,"digest":"%b","commitment":null,"salt":"%b","circumstances":%b,"data":%b}\n'
_SEALED = (
    _HEAD + b'"key_id":"%b","digest":"%b","commitment":"%b","salt":null,"circumstances":%b,"data":null}\n'
)
_CELLS = b"%d,%d,%b,%b,%b,%b,%b,%b,"
_CLEAR_CELLS = _CELLS + b",%b,,%b,%b,%b\r\n"
_SEALED_CELLS = _CELLS + b"%b,%b,%b,,%b,\r\n"


def event_line(index: int, position: int, leaf: bytes, rest: bytes) -> bytes:
    """The line of NDJSON."""
    head, (key_id, digest, commitment), (salt, circumstances, body) = _parts(index, position, leaf, rest)
    if key_id == b"-":
        return _CLEAR % (*head, digest, salt, circumstances, body)
    return _SEALED % (*head, key_id, digest, commitment, circumstances)


def event_cells(index: int, position: int, leaf: bytes, rest: bytes) -> bytes:
    """The line of CSV."""
    head, (key_id, digest, commitment), (salt, circumstances, body) = _parts(index, position, leaf, rest)
    digest, circumstances = base64_cell(digest), json_cell(circumstances)
    if key_id == b"-":
        return _CLEAR_CELLS % (*head, digest, base64_cell(salt), circumstances, json_cell(body))
    return _SEALED_CELLS % (*head, key_id, digest, base64_cell(commitment), circumstances)


_MADE: dict[ExportForm, Callable[[int, int, bytes, bytes], bytes]] = {
    ExportForm.NDJSON: event_line,
    ExportForm.CSV: event_cells,
}


def _parts(
    index: int, position: int, leaf: bytes, rest: bytes
) -> tuple[tuple[Any, ...], tuple[bytes, bytes, bytes], list[bytes]]:
    """What both lines begin with; key, digest and commitment; salt, circumstances and body."""
    _, _, event_id, stream_id, version, name, recorded_at, key_id, digest, commitment = leaf.split(b"\n")
    _require_digest(digest, rest, position)
    name, _, schema = name.partition(b"@")
    head = (index, position, event_id, stream_id, version, name, schema, recorded_at)
    return head, (key_id, digest, commitment), rest.split(b"\n", 2)


def _require_digest(digest: bytes, rest: bytes, position: int) -> None:
    if b2a_base64(sha256(rest).digest(), newline=False) != digest:
        raise LeafMissingError(position)


def event_row(index: int, position: int, leaf: bytes, rest: bytes) -> dict[str, Any]:
    """The row, for every other form."""
    lines = leaf.decode().split("\n")
    _, _, event_id, stream_id, version, name, recorded_at, key_id, digest, commitment = lines
    _require_digest(digest.encode(), rest, position)
    name, _, schema_version = name.partition("@")
    salt, circumstances, body = rest.split(b"\n", 2)
    is_clear = key_id == "-"
    return {
        "leaf_index": index,
        "position": position,
        "event_id": event_id,
        "stream_id": stream_id,
        "version": int(version),
        "name": name,
        "schema_version": int(schema_version),
        "recorded_at": recorded_at,
        "key_id": None if is_clear else key_id,
        "digest": digest,
        "commitment": None if commitment == "-" else commitment,
        "salt": salt.decode() if is_clear else None,
        "circumstances": orjson.Fragment(circumstances),
        "data": orjson.Fragment(body) if is_clear else None,
    }


def _of_patient(ledger: Ledger, plan: Plan, *, after: int, limit: int) -> Iterator[Batch]:
    """Those of their results and those that the trail has under the pseudonym, as they are in an export of everybody."""
    asked = {"patient": plan.patient_id, "after": after, "until": plan.until, "limit": limit}
    with records.streamed(ledger, _OF_PATIENT, asked) as rows:
        while batch := list(islice(rows, BATCH)):
            found: list[Row] = []
            for index, position, state in batch:
                leaf, _, rest = state.partition(b"\n\n")
                found.append((position, event_row(index, position, leaf, rest)))
            yield Batch(batch[-1][1], found)
