"""Terminology: the codes of their own that laboratories send without a code of LOINC or ФСЛИ.

One row a report that has such codes, sealed under the report's key. Whether a code is mapped is not kept here
but looked up, so a mapping needs no rebuild.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from domain.code_map import CodeMap, LocalCode, local_codes
from domain.report import ReportDestroyed, ReportReceived, ReportRekeyed, ReportRevised
from domain.report_content import ReportContent
from domain.values import Concept
from ledger import sealing
from ledger.codec import RecordedEvent
from ledger.store import Ledger
from projections.projection import Projection, Rows

PAGE = 2000


@dataclass(frozen=True, slots=True)
class SeenCode:
    """A local code, and how many observations have it in the reports as they stand."""

    local: LocalCode
    observations: int


# How events change the rows.


def apply(rows: Rows, events: Sequence[RecordedEvent], ledger: Ledger) -> None:
    """The last event of each report decides what its row is, or that it has none."""
    last = {recorded.stream_id: recorded for recorded in events if _decides(recorded)}
    if not last:
        return
    begun = {recorded.stream_id for recorded in events if isinstance(recorded.event, ReportReceived)}
    if before := list(last.keys() - begun):
        rows.execute("DELETE FROM local_codes WHERE report_id = ANY(%b::uuid[])", (before,))
    counted = {
        report_id: (recorded.event.laboratory_id, recorded.key_id, counts)
        for report_id, recorded in last.items()
        if isinstance(recorded.event, ReportReceived | ReportRevised)
        and recorded.key_id is not None
        and (counts := Counter(local_codes(_measured(recorded.event.content))))
    }
    secrets = ledger.keys.find_all([key_id for _, key_id, _ in counted.values()]) if counted else {}
    made = [
        (report_id, laboratory_id, key_id, _sealed(report_id, counts, secret))
        for report_id, (laboratory_id, key_id, counts) in counted.items()
        if (secret := secrets[key_id]) is not None
    ]
    if made:
        rows.execute(
            "INSERT INTO local_codes SELECT * FROM unnest(%b::uuid[], %b::uuid[], %b::uuid[], %b::bytea[])",
            tuple(map(list, zip(*made, strict=True))),
        )


def _decides(recorded: RecordedEvent) -> bool:
    match recorded.event:
        case ReportReceived() | ReportRekeyed() | ReportDestroyed():
            return True
        case ReportRevised():
            return not recorded.event.is_late
        case _:
            return False


def _measured(content: ReportContent) -> Iterator[Concept]:
    """What was measured: the codes of observations and of their components."""
    for observation in content.observations:
        yield observation.code
        for component in observation.components:
            yield component.code


def _sealed(report_id: UUID, counts: Mapping[LocalCode, int], secret: bytes) -> bytes:
    plain = sorted((local.system or "", local.code, count) for local, count in counts.items())
    return sealing.seal_row(secret, about=_about(report_id), plaintext=orjson.dumps(plain))


def _about(report_id: UUID) -> bytes:
    return b"terminology.local_codes.codes/" + report_id.bytes


# Queries.


def unmapped_codes(ledger: Ledger, laboratory_id: UUID, code_map: CodeMap) -> list[SeenCode]:
    """The laboratory's codes that mean nothing to others yet, the most frequent first. Opens a row for each
    report that has local codes."""
    seen: Counter[LocalCode] = Counter()
    for system, code, count in _opened(ledger, laboratory_id):
        seen[LocalCode(system=system or None, code=code)] += count
    found = [SeenCode(local, count) for local, count in seen.items() if local not in code_map.codes]
    return sorted(found, key=lambda code: (-code.observations, code.local.system or "", code.local.code))


def _opened(ledger: Ledger, laboratory_id: UUID) -> Iterator[tuple[str, str, int]]:
    after = UUID(int=0)
    while True:
        with ledger.pool.connection() as connection:
            page = connection.execute(
                "SELECT report_id, key_id, codes FROM terminology.local_codes"
                " WHERE laboratory_id = %s AND report_id > %s ORDER BY report_id LIMIT %s",
                (laboratory_id, after, PAGE),
            ).fetchall()
        if not page:
            return
        secrets = ledger.keys.find_all([row[1] for row in page])
        for report_id, key_id, codes in page:
            if (secret := secrets[key_id]) is not None:
                yield from orjson.loads(
                    sealing.unseal_row(secret, about=_about(report_id), sealed=bytes(codes))
                )
        after = page[-1][0]


TERMINOLOGY = Projection(
    name="terminology",
    tables={"local_codes": "report_id"},
    apply=apply,
    names=frozenset({"ReportReceived", "ReportRevised", "ReportRekeyed", "ReportDestroyed"}),
)
