"""The map of patients' chains in rows: what the next commitment makes of it, and the way down to one patient's place.

The map is stored as of the latest commitment: a place for each patient, and the nodes down to buckets of 64 to 128
places, on average. What is in a bucket is hashed anew when one of its places changes, all of it under new nonces: who
sees siblings of theirs change learns that something happened to somebody of their bucket, and not to whom.
"""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ledger import patient_map
from ledger.patient_map import LABEL_BITS, MapLeaf, Subtree
from projections.projection import Rows

BUCKET_PLACES = 64
# A prefix of labels: its length in bits, and the bits.
Prefix = tuple[int, int]
ROOT: Prefix = (0, 0)


class Place(NamedTuple):
    """One patient's: how long the chain is that is committed to, and its head."""

    label: bytes
    length: int
    head: bytes


@dataclass(frozen=True, slots=True)
class Advance:
    """What the commitment of this number makes of the map. `nodes` are those that change; with `is_whole` there are no
    others: the buckets have another size than before."""

    number: int
    places: Sequence[Place]
    nodes: Mapping[Prefix, Subtree]
    patients: int
    is_whole: bool

    @property
    def root(self) -> bytes:
        return self.nodes.get(ROOT, Subtree()).hash


def bucket_depth(patients: int) -> int:
    """How many bits of a label name its bucket."""
    return max((patients // BUCKET_PLACES).bit_length() - 1, 0)


def advanced(
    rows: Rows, key: bytes, *, number: int, patients_before: int, changed: Sequence[Place]
) -> Advance:
    """The map with these places changed, or new. Nothing is written."""
    patients = patients_before + len(changed) - _known(rows, changed)
    depth = bucket_depth(patients)
    is_whole = number == 1 or depth != bucket_depth(patients_before)
    if is_whole:
        touched: Iterable[int] = range(1 << depth)
    else:
        touched = sorted({prefix_of(place.label, depth) for place in changed})
    buckets = _buckets(rows, depth, touched, changed)
    nodes: dict[Prefix, Subtree] = {}
    for prefix, places in buckets.items():
        leaves = [leaf_of(key, place, stirred=number) for place in places]
        nodes[depth, prefix] = patient_map.subtree(leaves, depth=depth)
    if not is_whole:
        nodes |= _siblings(rows, nodes)
    changing = {(depth, prefix) for prefix in buckets}
    for above in reversed(range(depth)):
        for prefix in {prefix >> 1 for level, prefix in changing if level == above + 1}:
            halves = (nodes.get((above + 1, prefix << 1 | half), Subtree()) for half in (0, 1))
            nodes[above, prefix] = patient_map.joined(*halves)
            changing.add((above, prefix))
    written = {prefix: nodes[prefix] for prefix in changing}
    return Advance(number, changed, written, patients, is_whole)


def write(rows: Rows, advance: Advance) -> None:
    rows.execute(
        "INSERT INTO places SELECT * FROM unnest(%b::bytea[], %b::bigint[], %b::bytea[])"
        " ON CONFLICT (label) DO UPDATE SET length = excluded.length, head = excluded.head",
        (
            [place.label for place in advance.places],
            [place.length for place in advance.places],
            [place.head for place in advance.places],
        ),
    )
    if advance.is_whole:
        rows.execute("DELETE FROM nodes")
    nodes = [(prefix, node) for prefix, node in sorted(advance.nodes.items()) if node.leaves]
    rows.execute(
        "INSERT INTO nodes SELECT *, %b FROM unnest(%b::int[], %b::bigint[], %b::bytea[], %b::bigint[])"
        " ON CONFLICT (depth, prefix) DO UPDATE SET hash = excluded.hash, leaves = excluded.leaves,"
        " stirred = excluded.stirred",
        (
            advance.number,
            [depth for (depth, _), _ in nodes],
            [prefix for (_, prefix), _ in nodes],
            [node.hash for _, node in nodes],
            [node.leaves for _, node in nodes],
        ),
    )


def way_to(rows: Rows, key: bytes, label: bytes, *, patients: int) -> tuple[bytes, list[bytes]]:
    """The nonce of the label's place, and the siblings from the root down to it. The label must have a place."""
    depth = bucket_depth(patients)
    on_way = [(level, prefix_of(label, level)) for level in range(depth + 1)]
    beside = [(level, prefix ^ 1) for level, prefix in on_way[1:]]
    found = _nodes(rows, [*on_way, *beside])
    siblings: list[bytes] = []
    for below, sibling in zip(on_way, beside, strict=False):
        # Who is alone under a prefix has its place there.
        if found[below][0].leaves == 1:
            break
        siblings.append(found.get(sibling, _NOTHING)[0].hash)
    stirred = found[on_way[-1]][1]
    places = _buckets(rows, depth, [on_way[-1][1]], ())[on_way[-1][1]]
    if len(siblings) == depth:
        leaves = [leaf_of(key, place, stirred=stirred) for place in places]
        siblings += patient_map.path(leaves, label, depth=depth)
    return nonce_of(key, label, stirred=stirred), siblings


def leaf_of(key: bytes, place: Place, *, stirred: int) -> MapLeaf:
    nonce = nonce_of(key, place.label, stirred=stirred)
    placed = patient_map.leaf_hash(place.label, length=place.length, head=place.head, nonce=nonce)
    return MapLeaf(place.label, placed)


def nonce_of(key: bytes, label: bytes, *, stirred: int) -> bytes:
    return hmac.digest(key, label + stirred.to_bytes(8, "big"), "sha256")


def prefix_of(label: bytes, depth: int) -> int:
    """The first bits of a label as a number."""
    return int.from_bytes(label[:8], "big") >> (64 - depth)


_NOTHING = (Subtree(), 0)


def _known(rows: Rows, changed: Sequence[Place]) -> int:
    row = rows.execute(
        "SELECT count(*) FROM places WHERE label = ANY(%b::bytea[])", ([place.label for place in changed],)
    ).fetchone()
    assert row is not None
    return int(row[0])


def _buckets(
    rows: Rows, depth: int, prefixes: Iterable[int], changed: Sequence[Place]
) -> dict[int, list[Place]]:
    """The places of each of these buckets in order of label, with those that change as they will be."""
    wanted = list(prefixes)
    ends = [_ends(depth, prefix) for prefix in wanted]
    found = rows.execute(
        "SELECT p.label, p.length, p.head FROM unnest(%b::bytea[], %b::bytea[]) AS bucket (first, last)"
        " CROSS JOIN LATERAL (SELECT label, length, head FROM places"
        " WHERE label BETWEEN bucket.first AND bucket.last) p",
        ([first for first, _ in ends], [last for _, last in ends]),
    ).fetchall()
    merged = {bytes(row[0]): Place(bytes(row[0]), row[1], bytes(row[2])) for row in found}
    merged |= {place.label: place for place in changed}
    buckets: dict[int, list[Place]] = {prefix: [] for prefix in wanted}
    for label in sorted(merged):
        buckets[prefix_of(label, depth)].append(merged[label])
    return buckets


def _ends(depth: int, prefix: int) -> tuple[bytes, bytes]:
    """The first and the last label that begin with these bits."""
    free = LABEL_BITS - depth
    first = prefix << free
    return first.to_bytes(32, "big"), (first | ((1 << free) - 1)).to_bytes(32, "big")


def _siblings(rows: Rows, nodes: Mapping[Prefix, Subtree]) -> dict[Prefix, Subtree]:
    """What stands beside the ways from these nodes to the root, and does not change."""
    ways = {(level, prefix >> (depth - level)) for depth, prefix in nodes for level in range(1, depth + 1)}
    beside = {(level, prefix ^ 1) for level, prefix in ways} - ways
    return {prefix: node for prefix, (node, _) in _nodes(rows, sorted(beside)).items()}


def _nodes(rows: Rows, prefixes: Sequence[Prefix]) -> dict[Prefix, tuple[Subtree, int]]:
    """Those of the nodes that are not empty, and when each was stirred last."""
    found = rows.execute(
        "SELECT n.depth, n.prefix, n.hash, n.leaves, n.stirred FROM nodes n"
        " JOIN unnest(%b::int[], %b::bigint[]) AS asked (depth, prefix) USING (depth, prefix)",
        ([depth for depth, _ in prefixes], [prefix for _, prefix in prefixes]),
    ).fetchall()
    return {(row[0], row[1]): (Subtree(bytes(row[2]), row[3]), row[4]) for row in found}
