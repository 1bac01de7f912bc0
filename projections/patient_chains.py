"""Patients' chains: of which events each patient's results are made, in order, and what was committed to of them.

`domain/patient_chain.py` says which events make links of whose chain. A row a link, without the leaf: that is the beginning
of the event's stored bytes. At each ChainsCommitted the map is brought to where the event says that the chains stood; if
its root is another, the event is parked, and with it every later commitment: that is an alarm, and nothing is committed
to any more.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from domain.patient_chain import (
    FAMILIES,
    ChainsCommitted,
    Committed,
    is_taken_back,
    named_owner,
)
from domain.values import PatientId
from ledger import merkle, patient_chains, patient_map
from ledger.arrays import BIGINTS, BYTES, UUIDS, column
from ledger.codec import RecordedEvent
from ledger.completeness import next_head
from ledger.leaf import split
from ledger.patient_chains import nonce_key
from ledger.store import Ledger
from projections.chain_map import Advance, Place, advanced, write
from projections.projection import Projection, Rows


class ChainsDifferError(Exception):
    """A commitment says another root than the events make: either it is false, or events were changed."""


# How events change the rows.

# The columns of a link.
_LINK = (UUIDS, BIGINTS, BIGINTS, BIGINTS, BYTES)


def apply(rows: Rows, events: Sequence[RecordedEvent], ledger: Ledger) -> None:
    """Links up to each commitment, then the map as it says."""
    links: list[RecordedEvent] = []
    for recorded in events:
        if isinstance(recorded.event, ChainsCommitted):
            _take_links(rows, links, ledger)
            links = []
            _follow(rows, recorded, recorded.event, ledger)
        else:
            links.append(recorded)
    _take_links(rows, links, ledger)


@dataclass(frozen=True, slots=True)
class _Link:
    """An event that joins a chain; `joined` is the position at which it does."""

    patient_id: PatientId
    position: int
    joined: int
    leaf_hash: bytes


@dataclass(slots=True)
class _Stream:
    """Whose a stream is, and up to which version it is in the chain of each who has or had it."""

    owner: PatientId | None
    versions: dict[PatientId, int]


# A stream's events: version, position and leaf hash of each.
_Past = dict[UUID, list[tuple[int, int, bytes]]]


def _take_links(rows: Rows, events: Sequence[RecordedEvent], ledger: Ledger) -> None:
    if not events:
        return
    streams = _streams(rows, {recorded.stream_id for recorded in events})
    past = _past(rows, events, streams)
    links = [link for recorded in events for link in _links_of(recorded, streams, past)]
    _lengthen(rows, links, ledger.origin)
    known = [(stream_id, one) for stream_id, one in streams.items() if one.versions]
    kept = [(stream_id, one, patient_id) for stream_id, one in known for patient_id in one.versions]
    rows.execute(
        "INSERT INTO streams SELECT * FROM unnest(%b::uuid[], %b::uuid[], %b::bigint[], %b::boolean[])"
        " ON CONFLICT (stream_id, patient_id) DO UPDATE"
        " SET version = excluded.version, is_theirs = excluded.is_theirs",
        (
            column(UUIDS, [stream_id for stream_id, _, _ in kept]),
            column(UUIDS, [patient_id for _, _, patient_id in kept]),
            column(BIGINTS, [one.versions[patient_id] for _, one, patient_id in kept]),
            [one.owner == patient_id for _, one, patient_id in kept],
        ),
    )


def _links_of(recorded: RecordedEvent, streams: dict[UUID, _Stream], past: _Past) -> Iterator[_Link]:
    """The links that an event makes: itself, and at the first that says whose a stream is, all before it."""
    assert recorded.position is not None
    stream = streams[recorded.stream_id]
    stream.owner = named_owner(recorded.event) or stream.owner
    if stream.owner is None:
        return
    done = stream.versions.get(stream.owner, 0)
    for version, position, leaf_hash in past.get(recorded.stream_id, ()):
        if done < version < recorded.version:
            yield _Link(stream.owner, position, recorded.position, leaf_hash)
    yield _Link(stream.owner, recorded.position, recorded.position, merkle.leaf_hash(recorded.leaf))
    stream.versions[stream.owner] = recorded.version
    if is_taken_back(recorded.event):
        stream.owner = None


def _streams(rows: Rows, stream_ids: set[UUID]) -> dict[UUID, _Stream]:
    streams = {stream_id: _Stream(None, {}) for stream_id in stream_ids}
    found = rows.execute(
        "SELECT stream_id, patient_id, version, is_theirs FROM streams WHERE stream_id = ANY(%b::uuid[])",
        (column(UUIDS, stream_ids),),
    ).fetchall()
    for stream_id, patient_id, version, is_theirs in found:
        streams[stream_id].versions[patient_id] = version
        if is_theirs:
            streams[stream_id].owner = patient_id
    return streams


def _past(rows: Rows, events: Sequence[RecordedEvent], streams: dict[UUID, _Stream]) -> _Past:
    """Events that may have to join behind the one that says whose they are: those of the batch, and of the ledger where
    the batch begins in the middle of what joins."""
    past: _Past = {}
    owners: dict[UUID, set[PatientId]] = {}
    for recorded in events:
        assert recorded.position is not None
        entry = (recorded.version, recorded.position, merkle.leaf_hash(recorded.leaf))
        past.setdefault(recorded.stream_id, []).append(entry)
        if named := named_owner(recorded.event):
            owners.setdefault(recorded.stream_id, set()).add(named)
    begun_before = [
        stream_id
        for stream_id, named_owners in owners.items()
        if any(streams[stream_id].versions.get(one, 0) < past[stream_id][0][0] - 1 for one in named_owners)
    ]
    if begun_before:
        found = rows.execute(
            # The leaf is the beginning of the bytes, and never as long as this.
            "SELECT originator_id, originator_version, notification_id, substring(state FOR 1024)"
            " FROM ledger.events WHERE originator_id = ANY(%b::uuid[])"
            " ORDER BY originator_id, originator_version",
            (begun_before,),
        ).fetchall()
        past |= {stream_id: [] for stream_id in begun_before}
        for stream_id, version, position, state in found:
            past[stream_id].append((version, position, merkle.leaf_hash(split(bytes(state))[0])))
    return past


def _lengthen(rows: Rows, links: Sequence[_Link], origin: str) -> None:
    if not links:
        return
    patients = list({link.patient_id: None for link in links})
    found = rows.execute(
        "SELECT patient_id, label, length, head FROM chains WHERE patient_id = ANY(%b::uuid[])",
        (column(UUIDS, patients),),
    ).fetchall()
    chains = {row[0]: Place(bytes(row[1]), row[2], bytes(row[3])) for row in found}
    made: list[tuple[UUID, int, int, int, bytes]] = []
    for link in links:
        known = chains.get(link.patient_id) or _begun(origin, link.patient_id)
        longer = Place(known.label, known.length + 1, next_head(known.head, link.leaf_hash))
        chains[link.patient_id] = longer
        made.append((link.patient_id, longer.length, link.position, link.joined, longer.head))
    rows.execute(
        "INSERT INTO links SELECT * FROM"
        " unnest(%b::uuid[], %b::bigint[], %b::bigint[], %b::bigint[], %b::bytea[])",
        tuple(column(kind, values) for kind, values in zip(_LINK, zip(*made, strict=True), strict=True)),
    )
    rows.execute(
        "INSERT INTO chains SELECT * FROM unnest(%b::uuid[], %b::bytea[], %b::bigint[], %b::bytea[])"
        " ON CONFLICT (patient_id) DO UPDATE SET length = excluded.length, head = excluded.head",
        (
            column(UUIDS, patients),
            column(BYTES, [chains[patient_id].label for patient_id in patients]),
            column(BIGINTS, [chains[patient_id].length for patient_id in patients]),
            column(BYTES, [chains[patient_id].head for patient_id in patients]),
        ),
    )


def _begun(origin: str, patient_id: PatientId) -> Place:
    """A chain without a link: its head is the label."""
    label = patient_map.label_of(origin, patient_id)
    return Place(label, 0, label)


def _follow(rows: Rows, recorded: RecordedEvent, event: ChainsCommitted, ledger: Ledger) -> None:
    """Bring the map to where the commitment says, and see that it is what the events make."""
    before = last_commitment(rows)
    advance = _advance(rows, before, ledger, until=event.position)
    said = (recorded.version, event.root, event.patients)
    is_said = bool(advance.places) and (advance.number, advance.root.hex(), advance.patients) == said
    if not is_said or recorded.stream_id != patient_chains.commitments_stream(ledger):
        raise ChainsDifferError(recorded.position)
    write(rows, advance)
    rows.execute(
        "INSERT INTO commitments VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (
            advance.number,
            recorded.position,
            recorded.event_id,
            recorded.recorded_at,
            event.position,
            advance.root,
            advance.patients,
        ),
    )


# What is to be committed to.


@dataclass(frozen=True, slots=True)
class Commitment:
    """The latest commitment that the view has followed; number 0 if there is none."""

    number: int
    event_id: UUID | None
    recorded_at: datetime | None
    chains_until: int
    root: bytes
    patients: int


_NONE = Commitment(0, None, None, 0, b"", 0)


def commit_due(ledger: Ledger, now: datetime, *, every: timedelta) -> int:
    """Commit to the chains as the view has them, if one changed and the last commitment is old enough; how many
    commitments were made. Nothing is, while an event is parked: what can't be followed must not be vouched for."""
    with ledger.pool.connection() as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute("SET LOCAL search_path TO patient_chains")
        rows: Rows = connection.cursor()
        last = last_commitment(rows)
        if last.recorded_at is not None and now - last.recorded_at < every:
            return 0
        found = rows.execute(
            "SELECT position, EXISTS (SELECT FROM parked), EXISTS (SELECT FROM links WHERE joined > %s)"
            " FROM tracking",
            (last.chains_until,),
        ).fetchone()
        assert found is not None
        until, has_parked, has_changed = found
        if has_parked or not has_changed:
            return 0
        advance = _advance(rows, last, ledger, until=until)
    committed = Committed(position=last.chains_until, root=last.root.hex()) if last.number else None
    position = patient_chains.commit(
        ledger,
        committed,
        number=advance.number,
        position=until,
        root=advance.root,
        patients=advance.patients,
    )
    return 0 if position is None else 1


def last_commitment(rows: Rows) -> Commitment:
    found = rows.execute(
        "SELECT number, event_id, recorded_at, chains_until, root, patients FROM commitments"
        " ORDER BY number DESC LIMIT 1"
    ).fetchone()
    if found is None:
        return _NONE
    number, event_id, recorded_at, chains_until, root, patients = found
    return Commitment(number, event_id, recorded_at, chains_until, bytes(root), patients)


def last_of(ledger: Ledger) -> Commitment:
    """The latest commitment; number 0 if there is none."""
    with ledger.pool.connection() as connection, connection.transaction():
        connection.execute("SET LOCAL search_path TO patient_chains")
        return last_commitment(connection.cursor())


def uncommitted(ledger: Ledger) -> int:
    """How many links no commitment covers yet: for longer than a few minutes that is an alarm."""
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT count(*) FROM patient_chains.links WHERE joined >"
            " (SELECT coalesce(max(chains_until), 0) FROM patient_chains.commitments)"
        ).fetchone()
    return int(row[0]) if row else 0


def set_aside(ledger: Ledger, *, limit: int = 20) -> list[tuple[int, str]]:
    """The first events that could not be taken, with the reasons: of commitments, those that are false."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT position, reason FROM patient_chains.parked ORDER BY position LIMIT %s", (limit,)
        ).fetchall()
    return [(row[0], row[1]) for row in found]


def _advance(rows: Rows, last: Commitment, ledger: Ledger, *, until: int) -> Advance:
    """The map of the next commitment, with the chains as they stood at the position."""
    found = rows.execute(
        "SELECT DISTINCT ON (l.patient_id) c.label, l.number, l.head FROM links l JOIN chains c USING (patient_id)"
        " WHERE l.joined > %s AND l.joined <= %s ORDER BY l.patient_id, l.number DESC",
        (last.chains_until, until),
    ).fetchall()
    return advanced(
        rows,
        nonce_key(ledger),
        number=last.number + 1,
        patients_before=last.patients,
        changed=[Place(bytes(label), length, bytes(head)) for label, length, head in found],
    )


PATIENT_CHAINS = Projection(
    name="patient_chains",
    tables={
        "chains": "patient_id",
        "links": "patient_id, number",
        "streams": "stream_id, patient_id",
        "commitments": "number",
        "places": "label",
        "nodes": "depth, prefix",
    },
    apply=apply,
    names=frozenset(FAMILIES) | {"ChainsCommitted"},
)
