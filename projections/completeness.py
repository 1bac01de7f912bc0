"""What proves to a patient that their results are all there: their chain as of the latest commitment, and that one in
the log."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from domain.values import PatientId
from ledger import completeness
from ledger.completeness import Completeness, Proven
from ledger.leaf import parse, split
from ledger.patient_chains import nonce_key
from ledger.patient_map import label_of
from ledger.store import Ledger
from projections import transparency
from projections.chain_map import way_to
from projections.patient_chains import last_commitment
from projections.projection import Rows
from projections.transparency import NotIntegratedError


class NotCommittedError(NotIntegratedError):
    """Nothing was committed to yet that the patient has a part in: within a minute of their first consent it is."""


class Standing(NamedTuple):
    """How a patient's chain stands: how many events are in it by now, how many of them were committed to, how many
    reports are the patient's by those, and when it was committed to last."""

    length: int
    committed: int
    reports: int
    committed_at: datetime | None


class Link(NamedTuple):
    """An event of a patient's chain; `is_committed`: it is in the proof."""

    name: str
    event_id: UUID
    recorded_at: datetime
    is_committed: bool


def completeness_of(ledger: Ledger, patient_id: PatientId) -> Completeness:
    """The proof by the latest commitment. NotCommittedError if the patient has no part in one yet, NotIntegratedError if
    it is under no signed checkpoint yet: within a second it is."""
    label = label_of(ledger.origin, patient_id)
    with ledger.pool.connection() as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute("SET LOCAL search_path TO patient_chains")
        rows: Rows = connection.cursor()
        last = last_commitment(rows)
        place = rows.execute("SELECT length FROM places WHERE label = %s", (label,)).fetchone()
        if place is None:
            raise NotCommittedError(patient_id)
        links = rows.execute(
            "SELECT substring(e.state FOR 1024) FROM links l JOIN ledger.events e"
            " ON e.notification_id = l.position WHERE l.patient_id = %s AND l.number <= %s ORDER BY l.number",
            (patient_id, place[0]),
        ).fetchall()
        nonce, siblings = way_to(rows, nonce_key(ledger), label, patients=last.patients)
        event = rows.execute(
            "SELECT e.state FROM ledger.events e JOIN commitments c ON e.notification_id = c.position"
            " WHERE c.number = %s",
            (last.number,),
        ).fetchone()
    assert event is not None and last.event_id is not None
    index, hashes, note = _in_log(ledger, last.event_id)
    return Completeness(
        patient_id=patient_id,
        links=tuple(split(bytes(row[0]))[0] for row in links),
        nonce=nonce,
        siblings=tuple(siblings),
        event=bytes(event[0]),
        index=index,
        hashes=hashes,
        checkpoint=note,
    )


def checked(ledger: Ledger, proof: Completeness) -> Proven:
    """What the proof says. Ours are checked before they leave: what does not hold is an alarm, not an answer."""
    return completeness.verify(completeness.to_bytes(proof), log=transparency.log_verifier(ledger))


_STANDING = """
SELECT coalesce((SELECT length FROM patient_chains.chains WHERE patient_id = %(patient)s), 0), place.length,
    (SELECT count(*) FROM (
        SELECT DISTINCT ON (e.originator_id) e.topic FROM patient_chains.links l
        JOIN ledger.events e ON e.notification_id = l.position
        WHERE l.patient_id = %(patient)s AND l.number <= place.length
            AND e.topic IN ('ReportMatched', 'ReportUnmatched')
        ORDER BY e.originator_id, l.number DESC
    ) last WHERE last.topic = 'ReportMatched'),
    (SELECT recorded_at FROM patient_chains.commitments ORDER BY number DESC LIMIT 1)
FROM (SELECT coalesce(max(length), 0) AS length FROM patient_chains.places WHERE label = %(label)s) place
"""


def standing_of(ledger: Ledger, patient_id: PatientId) -> Standing:
    asked = {"patient": patient_id, "label": label_of(ledger.origin, patient_id)}
    with ledger.pool.connection() as connection:
        row = connection.execute(_STANDING, asked).fetchone()
    assert row is not None
    return Standing(*row)


def latest_links(ledger: Ledger, patient_id: PatientId, *, limit: int) -> list[Link]:
    """The last events of the chain, the latest first."""
    committed = standing_of(ledger, patient_id).committed
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT l.number, substring(e.state FOR 1024) FROM patient_chains.links l"
            " JOIN ledger.events e ON e.notification_id = l.position"
            " WHERE l.patient_id = %s ORDER BY l.number DESC LIMIT %s",
            (patient_id, limit),
        ).fetchall()
    leaves = [(number, parse(split(bytes(state))[0])) for number, state in found]
    return [Link(one.name, one.event_id, one.recorded_at, number <= committed) for number, one in leaves]


def is_link(ledger: Ledger, patient_id: PatientId, event_id: UUID) -> bool:
    """Whether the event is in the patient's chain."""
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT EXISTS (SELECT FROM transparency.leaves t JOIN patient_chains.links l USING (position)"
            " WHERE t.event_id = %s AND l.patient_id = %s)",
            (event_id, patient_id),
        ).fetchone()
    return bool(row and row[0])


def stored_event(ledger: Ledger, event_id: UUID) -> tuple[UUID, bytes] | None:
    """The stream and the stored bytes of an event that has a place in the log."""
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT e.originator_id, e.state FROM transparency.leaves t"
            " JOIN ledger.events e ON e.notification_id = t.position WHERE t.event_id = %s",
            (event_id,),
        ).fetchone()
    return (row[0], bytes(row[1])) if row else None


def _in_log(ledger: Ledger, event_id: UUID) -> tuple[int, tuple[bytes, ...], bytes]:
    """The place of an event in the log, its proof, and the newest checkpoint that it is under."""
    index = transparency.leaf_index_of(ledger, event_id)
    published, signed = transparency.latest_published(ledger), transparency.latest(ledger)
    if index is None:
        raise NotIntegratedError(event_id)
    for one in (published, signed):
        if one is not None and index < one.tree_size:
            return index, transparency.inclusion(ledger, [index], one.tree_size)[0], one.note
    raise NotIntegratedError(event_id)
