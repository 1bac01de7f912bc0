"""Analytes: which of a patient's reports measured the same.

A row for each report, with a digest of each thing that it measured. Digests are keyed by the patient: equal ones are of
one patient only, so no row tells what was measured. What they stand for is sealed beside them. Which codes mean the same
is decided when it is asked: a code that is mapped later joins, without a rebuild.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from uuid import UUID

import orjson

from domain.analyte import Analyte, Sent, SentCode, grouped, sent_codes
from domain.code_map import FSLI, LOINC, CodeMap, named
from domain.report import (
    ReportDestroyed,
    ReportMatched,
    ReportReceived,
    ReportRekeyed,
    ReportRevised,
    ReportUnmatched,
    ReportVersionsHeld,
    ReportVersionsReleased,
)
from domain.report_content import ReportContent
from domain.values import Coding, Concept, PatientId
from ledger import code_maps, sealing
from ledger.codec import RecordedEvent
from ledger.store import Ledger
from projections.packed_rows import packed
from projections.projection import Projection, Rows
from projections.summary import title_of

_OF_REPORTS = (
    ReportReceived
    | ReportRevised
    | ReportMatched
    | ReportUnmatched
    | ReportVersionsHeld
    | ReportVersionsReleased
    | ReportRekeyed
    | ReportDestroyed
)
_SHORT = {LOINC: "L", FSLI: "F"}
_LONG = {short: system for system, short in _SHORT.items()}
_AS_SENT = "="


# How events change the rows.

_INSERT = "INSERT INTO reports SELECT * FROM json_populate_recordset(NULL::reports, %s)"


@dataclass(slots=True)
class _Row:
    """A report's row while the events of a batch change it. `digests`, of what the patient has, are made when it is
    written."""

    report_id: UUID
    patient_id: PatientId | None
    laboratory_id: UUID
    received: int
    key_id: UUID
    codes: bytes
    is_held: bool = False
    held_codes: bytes | None = None
    digests: Sequence[str] = field(default=(), compare=False)

    def revise(self, codes: bytes) -> None:
        if self.is_held:
            self.held_codes = codes
        else:
            self.codes = codes

    def release(self) -> None:
        """What was held is what the patient has, or whoever gets the report next."""
        self.codes = self.held_codes or self.codes
        self.is_held, self.held_codes = False, None


@dataclass(slots=True)
class _Codes:
    """What the reports of a batch measured: sealed under their keys, and open. What was sealed just now is known."""

    secrets: Mapping[UUID, bytes | None]
    known: dict[bytes, tuple[SentCode, ...]] = field(default_factory=dict)

    def sealed(self, recorded: RecordedEvent, content: ReportContent) -> bytes | None:
        secret = self.secrets[recorded.key_id] if recorded.key_id else None
        if secret is None:
            return None
        codes = sent_codes(content)
        sealed = sealing.seal_row(secret, about=_about(recorded.stream_id), plaintext=_plain(codes))
        self.known[sealed] = codes
        return sealed

    def opened(self, row: _Row) -> tuple[SentCode, ...]:
        """Nothing, if the key was destroyed."""
        secret = self.secrets[row.key_id]
        if secret is None:
            return ()
        return self.known.get(row.codes) or _opened(row.report_id, row.codes, secret)


def apply(rows: Rows, events: Sequence[RecordedEvent], ledger: Ledger) -> None:
    """The rows of the reports that something happened to, changed in memory, take the place of the old ones. Most later
    versions measured the same."""
    changed = [recorded for recorded in events if isinstance(recorded.event, _OF_REPORTS)]
    begun = {recorded.stream_id for recorded in changed if isinstance(recorded.event, ReportReceived)}
    earlier = list({recorded.stream_id for recorded in changed} - begun)
    known = _found(rows, earlier) if earlier else {}
    found = {report_id: replace(row) for report_id, row in known.items()}
    codes = _Codes(
        ledger.keys.find_all(
            [recorded.key_id for recorded in changed if recorded.key_id]
            + [row.key_id for row in found.values()]
        )
    )
    for recorded in changed:
        _change(found, recorded, codes)
    if gone := [report_id for report_id, row in known.items() if found.get(report_id) != row]:
        rows.execute("DELETE FROM reports WHERE report_id = ANY(%b::uuid[])", (gone,))
    if made := [row for report_id, row in found.items() if known.get(report_id) != row]:
        _write(rows, ledger, made, codes)


def _found(rows: Rows, report_ids: list[UUID]) -> dict[UUID, _Row]:
    found = rows.execute(
        "SELECT report_id, patient_id, laboratory_id, received, key_id, codes, is_held, held_codes"
        " FROM reports WHERE report_id = ANY(%b::uuid[])",
        (report_ids,),
    ).fetchall()
    return {row[0]: _Row(*row) for row in found}


def _change(found: dict[UUID, _Row], recorded: RecordedEvent, codes: _Codes) -> None:
    report_id, event = recorded.stream_id, recorded.event
    if isinstance(event, ReportReceived):
        if (sealed := codes.sealed(recorded, event.content)) is not None:
            assert recorded.key_id is not None
            position = recorded.position or 0
            found[report_id] = _Row(report_id, None, event.laboratory_id, position, recorded.key_id, sealed)
        return
    row = found.get(report_id)
    if row is None:
        return
    match event:
        case ReportRevised(is_late=False):
            row.revise(codes.sealed(recorded, event.content) or row.codes)
        case ReportMatched():
            row.patient_id = event.patient_id
        case ReportUnmatched():
            row.patient_id = None
            row.release()
        case ReportVersionsHeld():
            row.is_held = True
        case ReportVersionsReleased():
            row.release()
        case ReportRekeyed() | ReportDestroyed():
            del found[report_id]


def _write(rows: Rows, ledger: Ledger, kept: list[_Row], codes: _Codes) -> None:
    for row in kept:
        if row.patient_id is not None:
            row.digests = _digests(ledger, row.patient_id, row.laboratory_id, codes.opened(row))
    rows.execute(_INSERT, (packed(kept),))


def _plain(codes: Sequence[SentCode]) -> bytes:
    return orjson.dumps(
        [[code.name, *([_shortened(system), one] for system, one in code.codings)] for code in codes]
    )


def _shortened(system: str) -> str:
    """LOINC and ФСЛИ by a letter; a system that is called so itself, as local codes are in HL7 (table 0396), or begins
    as this, behind a sign."""
    if system in _LONG or system.startswith(_AS_SENT):
        return _AS_SENT + system
    return _SHORT.get(system, system)


def _lengthened(system: str) -> str:
    return _LONG.get(system) or system.removeprefix(_AS_SENT)


def _opened(report_id: UUID, sealed: bytes, secret: bytes) -> tuple[SentCode, ...]:
    plain = orjson.loads(sealing.unseal_row(secret, about=_about(report_id), sealed=sealed))
    return tuple(
        SentCode(name, tuple((_lengthened(system), code) for system, code in codings))
        for name, *codings in plain
    )


def _about(report_id: UUID) -> bytes:
    return b"analytes.reports.codes/" + report_id.bytes


def _digests(
    ledger: Ledger, patient_id: PatientId, laboratory_id: UUID, codes: Sequence[SentCode]
) -> list[str]:
    """Distinct, for names that differ in their spelling only are one."""
    blocks = (_block_of(laboratory_id, code) for code in codes)
    marks = sealing.marks(_key(ledger, patient_id), blocks).hex()
    width = 2 * sealing.MARK_BYTES
    return list(dict.fromkeys(marks[place : place + width] for place in range(0, len(marks), width)))


def digest_of(ledger: Ledger, patient_id: PatientId, laboratory_id: UUID, code: SentCode) -> UUID:
    """What a row has in the place of a code. The laboratory is in it, for codes of its own mean something to it only."""
    return UUID(bytes=sealing.marks(_key(ledger, patient_id), [_block_of(laboratory_id, code)]))


def key_of(ledger: Ledger, patient_id: PatientId, analyte: Analyte) -> str:
    """The analyte's name in an address: it says nothing, and to nobody else it leads anywhere."""
    block = sealing.mark_block(_written("analyte", *analyte.parts))
    return sealing.marks(_key(ledger, patient_id), [block]).hex()


def _key(ledger: Ledger, patient_id: PatientId) -> bytes:
    return sealing.derive(ledger.custody.index_key, b"analytes", patient_id.bytes)


@lru_cache(maxsize=10_000)
def _block_of(laboratory_id: UUID, code: SentCode) -> bytes:
    """The same for all patients, and in most of a laboratory's reports."""
    return sealing.mark_block(_written(str(laboratory_id), *code.parts))


def _written(*parts: str) -> str:
    return "\x00".join(f"{len(part)}:{part}" for part in parts)


# Queries.


@dataclass(frozen=True, slots=True)
class ListedAnalyte:
    """An analyte in a patient's cabinet: its last name and all that it was called, in how many reports it is, and the
    digests that it has there."""

    key: str
    analyte: Analyte
    name: str
    names: tuple[str, ...]
    reports: int
    digests: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Sighted:
    """Which of the patient's reports count for who looks: `only` these, if they are named, and `never` those."""

    only: Collection[UUID] | None = None
    never: Collection[UUID] = ()

    @property
    def parameters(self) -> tuple[list[UUID] | None, list[UUID] | None, list[UUID]]:
        only = None if self.only is None else list(self.only)
        return only, only, list(self.never)


ALL = Sighted()
_SIGHTED = "(%s::uuid[] IS NULL OR report_id = ANY(%s)) AND NOT report_id = ANY(%s::uuid[])"


def analytes_of(ledger: Ledger, patient_id: PatientId, sighted: Sighted = ALL) -> list[ListedAnalyte]:
    """What was ever measured of the patient, those of the same meaning together. Opens one row for each report that is
    the latest of something."""
    with ledger.of_patient(patient_id) as connection:
        found = connection.execute(
            "WITH counted AS (SELECT digest, count(*) AS reports, max(received) AS received"
            f" FROM analytes.reports, unnest(digests) AS digest WHERE patient_id = %s AND {_SIGHTED} GROUP BY digest)"
            " SELECT r.report_id, r.laboratory_id, r.key_id, r.codes, array_agg(c.digest), array_agg(c.reports)"
            " FROM counted c JOIN analytes.reports r ON r.patient_id = %s AND r.received = c.received"
            " GROUP BY r.report_id ORDER BY r.received DESC".encode(),
            (patient_id, *sighted.parameters, patient_id),
        ).fetchall()
    secrets = ledger.keys.find_all([row[2] for row in found])
    sent: dict[UUID, Sent] = {}
    counts: dict[UUID, int] = {}
    for report_id, laboratory_id, key_id, sealed, digests, reports in found:
        if (secret := secrets[key_id]) is None:
            continue
        codes = _opened(report_id, bytes(sealed), secret)
        by_digest = {digest_of(ledger, patient_id, laboratory_id, code): code for code in codes}
        for digest, count in zip(digests, reports, strict=True):
            if digest in by_digest:
                sent[digest] = Sent(by_digest[digest], laboratory_id, codes)
                counts[digest] = count
    maps = {one: code_maps.load(ledger, one) for one in {row[1] for row in found}}
    return [
        ListedAnalyte(
            key_of(ledger, patient_id, analyte),
            analyte,
            names[0],
            tuple(dict.fromkeys(names)),
            sum(counts[digest] for digest in digests),
            tuple(digests),
        )
        for analyte, digests in grouped(sent, maps).items()
        if (names := [_name(sent[digest], maps[sent[digest].laboratory_id]) for digest in digests])
    ]


def _name(sent: Sent, code_map: CodeMap) -> str:
    """What the laboratory calls it; where it says a code only, what that code means, or the code."""
    if sent.code.name:
        return sent.code.name
    codings = tuple(Coding(system=system or None, code=code) for system, code in sent.code.codings)
    return title_of(named(Concept(codings=codings), code_map)) or "—"


def latest_reports(
    ledger: Ledger, patient_id: PatientId, digests: Collection[UUID], *, each: int, sighted: Sighted = ALL
) -> list[UUID]:
    """The reports that have the latest measurements, so many of each digest."""
    with ledger.of_patient(patient_id) as connection:
        found = connection.execute(
            "SELECT DISTINCT report_id FROM (SELECT report_id,"
            " row_number() OVER (PARTITION BY digest ORDER BY received DESC) AS place"
            " FROM analytes.reports, unnest(digests) AS digest"
            f" WHERE patient_id = %s AND digest = ANY(%s) AND {_SIGHTED}) m WHERE place <= %s".encode(),
            (patient_id, list(digests), *sighted.parameters, each),
        ).fetchall()
    return [row[0] for row in found]


def digests_in(ledger: Ledger, patient_id: PatientId, report_id: UUID) -> set[UUID]:
    """What one of the patient's reports measured."""
    with ledger.of_patient(patient_id) as connection:
        row = connection.execute(
            "SELECT digests FROM analytes.reports WHERE patient_id = %s AND report_id = %s",
            (patient_id, report_id),
        ).fetchone()
    return set(row[0]) if row else set()


def alike_before(
    ledger: Ledger, patient_id: PatientId, report_id: UUID, digests: Collection[UUID], sighted: Sighted = ALL
) -> UUID | None:
    """The report before this one that has most of the same: of two that have as much, the later."""
    with ledger.of_patient(patient_id) as connection:
        row = connection.execute(
            "SELECT report_id FROM analytes.reports, unnest(digests) AS digest"
            " WHERE patient_id = %s AND digest = ANY(%s) AND received <"
            " (SELECT received FROM analytes.reports WHERE report_id = %s)"
            f" AND {_SIGHTED} GROUP BY report_id ORDER BY count(*) DESC, received DESC LIMIT 1".encode(),
            (patient_id, list(digests), report_id, *sighted.parameters),
        ).fetchone()
    return row[0] if row else None


ANALYTES = Projection(
    name="analytes",
    tables={"reports": "report_id"},
    apply=apply,
    names=frozenset(
        {
            "ReportReceived",
            "ReportRevised",
            "ReportMatched",
            "ReportUnmatched",
            "ReportVersionsHeld",
            "ReportVersionsReleased",
            "ReportRekeyed",
            "ReportDestroyed",
        }
    ),
)
