"""Who of support has a ticket open at this moment: told to the patient as it is, and remembered by nobody."""

from collections.abc import Sequence
from uuid import UUID

from ledger.store import Ledger

# Longer than two beats of a stream, so that one that is late makes nobody seem gone.
PRESENT_SECONDS = 25


def come(ledger: Ledger, ticket_id: UUID, handle: str) -> None:
    with ledger.pool.connection() as connection:
        connection.execute(
            "INSERT INTO access.ticket_presence VALUES (%s, %s, now() + make_interval(secs => %s))"
            " ON CONFLICT (ticket_id, handle) DO UPDATE SET until = excluded.until",
            (ticket_id, handle, PRESENT_SECONDS),
        )


def leave(ledger: Ledger, ticket_id: UUID, handle: str) -> None:
    with ledger.pool.connection() as connection:
        connection.execute(
            "DELETE FROM access.ticket_presence WHERE ticket_id = %s AND handle = %s OR until < now()",
            (ticket_id, handle),
        )


def is_here(ledger: Ledger, ticket_id: UUID) -> bool:
    return looked_up(ledger, [ticket_id])[ticket_id][1]


def looked_up(ledger: Ledger, ticket_ids: Sequence[UUID]) -> dict[UUID, tuple[int, bool]]:
    """How long each stream is by now, and whether somebody of support has it open: one query for all of them."""
    with ledger.pool.connection() as connection:
        found = connection.execute(
            "SELECT asked.id, coalesce((SELECT max(e.originator_version) FROM ledger.events e"
            " WHERE e.originator_id = asked.id), 0), EXISTS (SELECT FROM access.ticket_presence p"
            " WHERE p.ticket_id = asked.id AND p.until > now()) FROM unnest(%s::uuid[]) AS asked (id)",
            (list(ticket_ids),),
            prepare=True,
        ).fetchall()
    return {row[0]: (int(row[1]), bool(row[2])) for row in found}
