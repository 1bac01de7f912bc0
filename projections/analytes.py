"""Analytes: which of a patient's reports measured the same.

A row for each thing that a report measured, under a digest that is keyed by the patient too: equal digests are of one
patient only, so no row tells what was measured. What the digests stand for is sealed in one row a report. Which codes
mean the same is decided when it is asked: a code that is mapped later joins, without a rebuild.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
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
from projections.projection import Projection, Rows
from projections.summary import title_of

DIGEST_BYTES = 16
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


# How events change the rows.


@dataclass(slots=True)
class _Row:
    """A report's row while the events of a batch change it."""

    report_id: UUID
    patient_id: PatientId | None
    laboratory_id: UUID
    received: int
    key_id: UUID
    codes: bytes
    is_held: bool = False
    held_codes: bytes | None = None

    def revise(self, codes: bytes) -> None:
        if self.is_held:
            self.held_codes = codes
        else:
            self.codes = codes

    def release(self) -> None:
        """What was held is what the patient has, or whoever gets the report next."""
        self.codes = self.held_codes or self.codes
        self.is_held, self.held_codes = False, None


def apply(rows: Rows, events: Sequence[RecordedEvent], ledger: Ledger) -> None:
    """The rows of the reports that something happened to, changed in memory, take the place of the old ones."""
    changed = [recorded for recorded in events if isinstance(recorded.event, _OF_REPORTS)]
    if not changed:
        return
    touched = list({recorded.stream_id for recorded in changed})
    found = _found(rows, touched)
    secrets = ledger.keys.find_all(
        [recorded.key_id for recorded in changed if recorded.key_id] + [row.key_id for row in found.values()]
    )
    for recorded in changed:
        _change(found, recorded, secrets)
    for table in ("measured", "reports"):
        rows.execute(f"DELETE FROM {table} WHERE report_id = ANY(%b::uuid[])".encode(), (touched,))
    _write(rows, ledger, list(found.values()), secrets)


def _found(rows: Rows, report_ids: list[UUID]) -> dict[UUID, _Row]:
    found = rows.execute(
        "SELECT report_id, patient_id, laboratory_id, received, key_id, codes, is_held, held_codes"
        " FROM reports WHERE report_id = ANY(%b::uuid[])",
        (report_ids,),
    ).fetchall()
    return {
        report_id: _Row(
            report_id, patient_id, issuer, received, key_id, bytes(codes), is_held, held and bytes(held)
        )
        for report_id, patient_id, issuer, received, key_id, codes, is_held, held in found
    }


def _change(found: dict[UUID, _Row], recorded: RecordedEvent, secrets: Mapping[UUID, bytes | None]) -> None:
    report_id, event = recorded.stream_id, recorded.event
    if isinstance(event, ReportReceived):
        if (codes := _sealed(recorded, event.content, secrets)) is not None:
            assert recorded.key_id is not None
            position = recorded.position or 0
            found[report_id] = _Row(report_id, None, event.laboratory_id, position, recorded.key_id, codes)
        return
    row = found.get(report_id)
    if row is None:
        return
    match event:
        case ReportRevised(is_late=False):
            row.revise(_sealed(recorded, event.content, secrets) or row.codes)
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


def _write(rows: Rows, ledger: Ledger, kept: list[_Row], secrets: Mapping[UUID, bytes | None]) -> None:
    if not kept:
        return
    rows.execute(
        "INSERT INTO reports SELECT * FROM unnest(%b::uuid[], %b::uuid[], %b::uuid[], %b::bigint[], %b::uuid[],"
        " %b::bytea[], %b::bool[], %b::bytea[])",
        (
            [row.report_id for row in kept],
            [row.patient_id for row in kept],
            [row.laboratory_id for row in kept],
            [row.received for row in kept],
            [row.key_id for row in kept],
            [row.codes for row in kept],
            [row.is_held for row in kept],
            [row.held_codes for row in kept],
        ),
    )
    measured = [
        (row.patient_id, digest, row.received, row.report_id)
        for row in kept
        if row.patient_id is not None and (secret := secrets[row.key_id]) is not None
        for digest in _digests(
            ledger, row.patient_id, row.laboratory_id, _opened(row.report_id, row.codes, secret)
        )
    ]
    if measured:
        rows.execute(
            "INSERT INTO measured SELECT * FROM unnest(%b::uuid[], %b::bytea[], %b::bigint[], %b::uuid[])",
            tuple(map(list, zip(*measured, strict=True))),
        )


def _sealed(
    recorded: RecordedEvent, content: ReportContent, secrets: Mapping[UUID, bytes | None]
) -> bytes | None:
    secret = secrets[recorded.key_id] if recorded.key_id else None
    if secret is None:
        return None
    plain = [
        [code.name, *([_SHORT.get(system, system), one] for system, one in code.codings)]
        for code in sent_codes(content)
    ]
    return sealing.seal_row(secret, about=_about(recorded.stream_id), plaintext=orjson.dumps(plain))


def _opened(report_id: UUID, sealed: bytes, secret: bytes) -> tuple[SentCode, ...]:
    plain = orjson.loads(sealing.unseal_row(secret, about=_about(report_id), sealed=sealed))
    return tuple(
        SentCode(name, tuple((_LONG.get(system, system), code) for system, code in codings))
        for name, *codings in plain
    )


def _about(report_id: UUID) -> bytes:
    return b"analytes.reports.codes/" + report_id.bytes


def _digests(
    ledger: Ledger, patient_id: PatientId, laboratory_id: UUID, codes: Sequence[SentCode]
) -> list[bytes]:
    """Distinct, for names that differ in their spelling only are one."""
    return list(dict.fromkeys(digest_of(ledger, patient_id, laboratory_id, code) for code in codes))


def digest_of(ledger: Ledger, patient_id: PatientId, laboratory_id: UUID, code: SentCode) -> bytes:
    """What a row has in the place of a code. The laboratory is in it, for codes of its own mean something to it only."""
    return _mark(ledger, patient_id, (str(laboratory_id), *code.parts))


def key_of(ledger: Ledger, patient_id: PatientId, analyte: Analyte) -> str:
    """The analyte's name in an address: it says nothing, and to nobody else it leads anywhere."""
    return _mark(ledger, patient_id, ("analyte", *analyte.parts)).hex()


def _mark(ledger: Ledger, patient_id: PatientId, parts: tuple[str, ...]) -> bytes:
    text = "\x00".join(f"{len(part)}:{part}" for part in (str(patient_id), *parts))
    return sealing.mark(ledger.custody.index_key, "analyte", text)[:DIGEST_BYTES]


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
    digests: tuple[bytes, ...]


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
            f" FROM analytes.measured WHERE patient_id = %s AND {_SIGHTED} GROUP BY digest)"
            " SELECT r.report_id, r.laboratory_id, r.key_id, r.codes, array_agg(c.digest), array_agg(c.reports)"
            " FROM counted c JOIN analytes.reports r ON r.patient_id = %s AND r.received = c.received"
            " GROUP BY r.report_id ORDER BY r.received DESC".encode(),
            (patient_id, *sighted.parameters, patient_id),
        ).fetchall()
    secrets = ledger.keys.find_all([row[2] for row in found])
    sent: dict[bytes, Sent] = {}
    counts: dict[bytes, int] = {}
    for report_id, laboratory_id, key_id, sealed, digests, reports in found:
        if (secret := secrets[key_id]) is None:
            continue
        codes = _opened(report_id, bytes(sealed), secret)
        by_digest = {digest_of(ledger, patient_id, laboratory_id, code): code for code in codes}
        for digest, count in zip(map(bytes, digests), reports, strict=True):
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
    ledger: Ledger, patient_id: PatientId, digests: Collection[bytes], *, each: int, sighted: Sighted = ALL
) -> list[UUID]:
    """The reports that have the latest measurements, so many of each digest."""
    with ledger.of_patient(patient_id) as connection:
        found = connection.execute(
            "SELECT DISTINCT m.report_id FROM unnest(%s::bytea[]) AS asked (digest) CROSS JOIN LATERAL"
            " (SELECT report_id FROM analytes.measured WHERE patient_id = %s AND digest = asked.digest"
            f" AND {_SIGHTED} ORDER BY received DESC LIMIT %s) m".encode(),
            (list(digests), patient_id, *sighted.parameters, each),
        ).fetchall()
    return [row[0] for row in found]


def digests_in(ledger: Ledger, patient_id: PatientId, report_id: UUID) -> set[bytes]:
    """What one of the patient's reports measured."""
    with ledger.of_patient(patient_id) as connection:
        found = connection.execute(
            "SELECT digest FROM analytes.measured WHERE patient_id = %s AND report_id = %s",
            (patient_id, report_id),
        ).fetchall()
    return {bytes(row[0]) for row in found}


def alike_before(
    ledger: Ledger, patient_id: PatientId, report_id: UUID, digests: Collection[bytes], sighted: Sighted = ALL
) -> UUID | None:
    """The report before this one that has most of the same: of two that have as much, the later."""
    with ledger.of_patient(patient_id) as connection:
        row = connection.execute(
            "SELECT report_id FROM analytes.measured WHERE patient_id = %s AND digest = ANY(%s) AND received <"
            " (SELECT received FROM analytes.reports WHERE report_id = %s)"
            f" AND {_SIGHTED} GROUP BY report_id, received ORDER BY count(*) DESC, received DESC LIMIT 1".encode(),
            (patient_id, list(digests), report_id, *sighted.parameters),
        ).fetchone()
    return row[0] if row else None


ANALYTES = Projection(
    name="analytes",
    tables={"reports": "report_id", "measured": "patient_id, digest, received"},
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
