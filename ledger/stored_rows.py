"""The stored rows of the log as a verifier reads them: in order, each with its leaf index, judged by its own bytes and by the
row before it in its stream. Whoever reads the whole log and whoever reads a stretch of it judges by this."""

import hashlib
import re
from binascii import b2a_base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

import orjson
import psycopg

from ledger import leaf

CHUNK = 4096
PORTION = 64
_EVENTS = """
SELECT e.notification_id, e.originator_id::text, e.originator_version, e.topic, e.state, l.leaf_index,
       l.event_id::text
FROM ledger.events e LEFT JOIN transparency.leaves l ON l.position = e.notification_id
"""
# The range is said of both tables: the planner does not take it over from one to the other.
_WITHIN = "AND l.position BETWEEN %(begin)s AND %(end)s WHERE e.notification_id BETWEEN %(begin)s AND %(end)s"
_IN_ORDER = " ORDER BY e.notification_id"
LOWEST, HIGHEST = -(2**63), 2**63 - 1
Row = tuple[int, str, int, str, bytes, int | None, str | None]
# The id of an event that waits for its leaf index is compared with nothing: its form is looked at.
_STRICT = leaf.pattern()
_ENDING = leaf.ending()
# The events that name a stored document, and what each is called in a finding.
_WITH_DOCUMENT = {
    "SubmissionReceived": "a submission",
    "ScanAdded": "a scan",
    "ConsultationScanAttached": "a consultation's scan",
    "TicketFileAttached": "a ticket's file",
}
# The events that are stored with the destruction of keys.
DESTROYING = frozenset(
    {
        "ScanRemoved",
        "ConsultationScanRemoved",
        "ReportDestroyed",
        "ReportRekeyed",
        "SubmissionDestroyed",
        "PatientErased",
    }
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and where."""

    what: str
    leaf_index: int | None
    position: int


def chunks(
    connection: psycopg.Connection[Any], within: tuple[int, int] | None = None
) -> Iterator[Sequence[Row]]:
    """All events, or those of these positions, some thousands at a time. They come in small portions, so that the database
    goes on while these are worked on."""
    begin, end = within or (LOWEST, HIGHEST)
    query = _EVENTS + (_WITHIN if within else "") + _IN_ORDER
    with connection.cursor(binary=True) as cursor:
        rows = cursor.stream(query.encode(), {"begin": begin, "end": end}, size=PORTION)
        while chunk := list(islice(rows, CHUNK)):
            yield chunk


def take_sound(
    rows: Sequence[Row],
    origin: str,
    *,
    first: int,
    versions: dict[str, int],
    hashes: list[bytes],
    begun: dict[str, int] | None = None,
) -> int:
    """How many rows from the beginning on have leaves from index `first` on and agree with themselves and with the version
    before of their stream; their leaf hashes and versions are added. Of a stream that was not met yet the version is 1;
    who begins in the middle gives `begun`, where it is noted instead. This is the loop that costs: what a leaf must begin
    with is compared whole, and only what no column says is parsed."""
    sha256 = hashlib.sha256
    for expected, row in enumerate(rows, first):
        _, stream_id, version, name, state, leaf_index, event_id = row
        beginning = leaf.beginning(origin, str(event_id), stream_id, version, name)
        match = _ENDING.match(state, len(beginning))
        before = versions.get(stream_id, 0)
        if before == 0 and begun is not None:
            begun[stream_id] = version
            before = version - 1
        if not (
            leaf_index == expected
            and match is not None
            and state.startswith(beginning)
            and name.isalpha()
            and name.isascii()
            and state[(end := match.end()) : end + 1] == b"\n"
            and match[4] == b2a_base64(sha256(state[end + 1 :]).digest(), newline=False)
            and 0 < version == before + 1
        ):
            return expected - first
        hashes.append(sha256(b"\x00" + state[:end]).digest())
        versions[stream_id] = version
    return len(rows)


def fault_of(row: Row, origin: str, *, expected: int, before: int, is_behind: bool) -> Fault | None:
    """What is wrong with a row that is not sound; nothing is, if it only waits for its leaf index. `before` is the last
    version of its stream, and `is_behind` says that a row before it waits."""
    position, stream_id, version, name, state, leaf_index, _ = row
    match = _pattern_of(origin).match(state)
    if leaf_index is not None and (leaf_index != expected or is_behind):
        return Fault("an event is missing or was put in", expected, position)
    is_strict = leaf_index is not None or _STRICT.match(state) is not None
    places = (stream_id.encode(), b"%d" % version, name.encode())
    if match is None or not is_strict or match.group(3, 4, 5) != places:
        return Fault("the leaf does not agree with its row", leaf_index, position)
    rest = state[match.end() :]
    digest = b2a_base64(hashlib.sha256(rest[1:]).digest(), newline=False)
    if not rest.startswith(b"\n") or digest != match[9]:
        return Fault("the stored bytes do not agree with their leaf", leaf_index, position)
    if version != before + 1:
        return Fault("a version of the stream is missing", leaf_index, position)
    if leaf_index is not None:
        return Fault("the leaf index belongs to another event", leaf_index, position)
    return None


@cache
def _pattern_of(origin: str) -> re.Pattern[bytes]:
    """Of this log's leaves. Ids are compared with the columns, so their form needs no look."""
    return leaf.pattern(origin, ids="[^\n]{36}")


# What the rows name: documents, the numbers of submissions, and keys that are gone.


@dataclass(frozen=True, slots=True)
class Named:
    """A document that an event names: under which key, and its digest."""

    key_id: str
    sealed_sha256: str
    position: int
    leaf_index: int | None


@dataclass(frozen=True, slots=True)
class Submitted:
    """A submission by its stream."""

    stream_id: str
    laboratory_id: str
    position: int
    leaf_index: int | None


class NamesNothingError(Exception):
    """An event that should name a document names none."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.what)
        self.fault = fault


def named_documents(rows: Sequence[Row]) -> tuple[dict[str, Named], list[Submitted]]:
    """The documents that these events name, and the submissions among them."""
    named: dict[str, Named] = {}
    submitted: list[Submitted] = []
    for position, stream_id, _, name, state, leaf_index, _ in rows:
        if name in _WITH_DOCUMENT:
            try:
                event = orjson.loads(state.rpartition(b"\n")[2])
                document = event["document"]
                said = Named(document["key_id"], document["sealed_sha256"], position, leaf_index)
                named[document["document_id"]] = said
                if name == "SubmissionReceived":
                    submitted.append(Submitted(stream_id, event["laboratory_id"], position, leaf_index))
            except (ValueError, KeyError, TypeError):
                what = f"{_WITH_DOCUMENT[name]} names no document"
                raise NamesNothingError(Fault(what, leaf_index, position)) from None
    return named, submitted


def destroying(rows: Sequence[Row]) -> list[int]:
    """The positions of those of these events that destroyed keys."""
    return [row[0] for row in rows if row[3] in DESTROYING]


def gone_keys(connection: psycopg.Connection[Any]) -> frozenset[str]:
    """The data keys that were destroyed."""
    found = connection.execute("SELECT key_id::text FROM ledger.data_keys WHERE erased_at IS NOT NULL")
    return frozenset(row[0] for row in found)


def last_sealed(rows: Sequence[Row], key_ids: frozenset[str]) -> dict[str, int]:
    """By each of these keys, where the last of these events stands that it seals: the eighth line of a leaf is the key's id."""
    if not key_ids:
        return {}
    sealed = ((row[4].split(b"\n", 8)[7].decode(), row[0]) for row in rows)
    return {key_id: position for key_id, position in sealed if key_id in key_ids}


def _as_array(ids: Sequence[str]) -> str:
    """As text, which is one parameter: the driver asks for the type of each value of a list."""
    return "{" + ",".join(ids) + "}"


def stored_documents(
    connection: psycopg.Connection[Any], document_ids: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """Those of the documents that are there: the key and the digest of each."""
    found = connection.execute(
        "SELECT document_id::text, key_id::text, sealed FROM ledger.documents"
        " WHERE document_id = ANY(%s::uuid[])",
        (_as_array(document_ids),),
        binary=True,
    )
    return {row[0]: (row[1], hashlib.sha256(row[2]).hexdigest()) for row in found}


def stored_numbers(
    connection: psycopg.Connection[Any], stream_ids: Sequence[str]
) -> dict[str, tuple[str, int]]:
    """By whom each of the submissions was numbered, and how."""
    found = connection.execute(
        "SELECT subject::text, counter::text, number FROM ledger.numbers WHERE subject = ANY(%s::uuid[])",
        (_as_array(stream_ids),),
    )
    return {row[0]: (row[1], row[2]) for row in found}
