"""Renderings: by what the bytes in which a report left can be made again, and whether bytes are those that left.

The digest is keyed by what is derived from the report's own data key. A bare hash would let whoever has the log try
what a result says; under this key nobody can once the report is erased.
"""

import hmac
from uuid import UUID

from domain.reading import Rendering
from domain.values import Purpose
from ledger import sealing
from ledger.keys import KeyErasedError
from ledger.store import Ledger


def rendering_of(
    ledger: Ledger,
    report_id: UUID,
    content: bytes,
    *,
    position: int,
    release: str,
    locale: str,
    time_zone: str,
    tree_size: int | None = None,
) -> Rendering:
    """What is recorded of bytes that are about to leave. KeyErasedError if the report was erased."""
    return Rendering(
        position=position,
        digest=_digest(ledger, report_id, content),
        release=release,
        locale=locale,
        time_zone=time_zone,
        tree_size=tree_size,
    )


def matches(ledger: Ledger, report_id: UUID, content: bytes, rendering: Rendering) -> bool:
    """Whether these are the very bytes that left. KeyErasedError if the report was erased."""
    return hmac.compare_digest(_digest(ledger, report_id, content), rendering.digest)


def _digest(ledger: Ledger, report_id: UUID, content: bytes) -> str:
    key = sealing.derive(_data_key(ledger, report_id), b"rendering", report_id.bytes)
    return hmac.digest(key, content, "sha256").hex()


def _data_key(ledger: Ledger, report_id: UUID) -> bytes:
    """The report's own, as it is: asked for in the usual way, one that was erased would be replaced by a new one."""
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT key_id FROM ledger.data_keys WHERE subject = %s AND purpose = %s AND wrapped IS NOT NULL",
            (report_id, Purpose.RESULTS),
            prepare=True,
        ).fetchone()
    if row is None:
        raise KeyErasedError(report_id)
    return ledger.keys.open(row[0])
