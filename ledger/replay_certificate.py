"""The replay certificate: that the whole history was replayed, and what came of it, as a signed note (see
docs/evidence/certificate.md). A pure function of the recorded HistoryReplayed, so it is stored nowhere else."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from domain.replay_certificate import (
    HistoryReplayed,
    ReplayedDecisions,
    ReplayedView,
    evolve,
    is_clean,
)
from ledger import merkle, note
from ledger.codec import Circumstances, RecordedEvent
from ledger.commands import change
from ledger.note import Verifier, decode_base64, encode_base64
from ledger.receipt import signer_of
from ledger.store import Ledger, Position

FIRST_LINE = "letopis/replay-certificate@v1"
_NUMBER = r"(?:0|[1-9][0-9]*)"
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_HEX = r"[0-9a-f]{64}"
_BASE64 = r"[A-Za-z0-9+/]{43}="
_VIEW = re.compile(
    rf"view ([a-z][a-z0-9_]*) ({_HEX}) ({_NUMBER})(?: rebuilt ({_HEX}) (-|{_NUMBER}))?\n", re.ASCII
)
_TEXT = re.compile(
    rf"{FIRST_LINE}\n"
    r"(?P<origin>[^\n]+)\n"
    rf"event (?P<event>{_UUID})\n"
    rf"leaf (?P<leaf>{_BASE64})\n"
    rf"number (?P<number>{_NUMBER})\n"
    r"recorded (?P<recorded>[^\n]+)\n"
    rf"position (?P<position>{_NUMBER})\n"
    r"release (?P<release>[^ \n]+)\n"
    rf"tree (?P<size>{_NUMBER}) (?P<root>{_BASE64})\n"
    rf"log (?:sound|broken (?P<index>-|{_NUMBER}) (?P<finding>[^\n]+))\n"
    rf"(?P<views>(?:view [^\n]+\n)*)"
    rf"decisions (?P<same>{_NUMBER}) (?P<differing>{_NUMBER}) (?P<erased>{_NUMBER}) (?P<first>-|{_NUMBER})\n"
    r"verdict (?P<verdict>clean|differs)\n",
    re.ASCII,
)
_CLEAN, _DIFFERS = "clean", "differs"


class InvalidCertificateError(Exception):
    """The certificate does not hold: it was changed, or is of another log. The message says where."""


class CertificateNotFoundError(Exception):
    """There is no such certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a certificate says: the event, and where and when it was recorded."""

    origin: str
    event_id: UUID
    leaf_hash: bytes
    number: int
    recorded_at: datetime
    replayed: HistoryReplayed


def replays_stream(ledger: Ledger) -> UUID:
    return ledger.stream_id("history", "replays")


def record(ledger: Ledger, replayed: HistoryReplayed, by: Circumstances) -> Position:
    """Record the outcome, whatever it is."""
    return change(ledger, replays_stream(ledger), evolve, lambda _: (replayed,), by)


def certificates(ledger: Ledger, *, limit: int) -> list[Certificate]:
    """So many that were given last, the newest first."""
    found = ledger.recorder.select_events(replays_stream(ledger), desc=True, limit=limit)
    return _read(ledger, found)


def latest(ledger: Ledger) -> Certificate | None:
    return next(iter(certificates(ledger, limit=1)), None)


def certificate(ledger: Ledger, event_id: UUID) -> Certificate:
    """One by its event. CertificateNotFoundError if there is none."""
    stream_id = replays_stream(ledger)
    with ledger.pool.connection() as connection:
        # Certificates are one a night, and only those whose bytes name the event are read.
        rows = connection.execute(
            "SELECT originator_version FROM ledger.events WHERE originator_id = %s AND position(%s::bytea IN state) > 0",
            (stream_id, str(event_id).encode()),
        ).fetchall()
    for (version,) in rows:
        for one in _read(ledger, ledger.recorder.select_events(stream_id, gt=version - 1, lte=version)):
            if one.event_id == event_id:
                return one
    raise CertificateNotFoundError(event_id)


def stored_bytes(ledger: Ledger, given: Certificate) -> bytes:
    """The bytes that the leaf commits to, and the leaf: nobody's data is in them."""
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT state FROM ledger.events WHERE originator_id = %s AND originator_version = %s",
            (replays_stream(ledger), given.number),
        ).fetchone()
    assert row is not None
    return bytes(row[0])


def _read(ledger: Ledger, stored: Sequence[StoredEvent]) -> list[Certificate]:
    recorded = ledger.mapper.to_recorded_events([(one, None) for one in stored])
    return [_of(ledger, one) for one in recorded]


def _of(ledger: Ledger, recorded: RecordedEvent) -> Certificate:
    assert isinstance(recorded.event, HistoryReplayed)
    return Certificate(
        origin=ledger.origin,
        event_id=recorded.event_id,
        leaf_hash=merkle.leaf_hash(recorded.leaf),
        number=recorded.version,
        recorded_at=recorded.recorded_at,
        replayed=recorded.event,
    )


# Written.


def sign(ledger: Ledger, given: Certificate) -> bytes:
    """The file: the same bytes each time."""
    return note.sign(to_text(given), signer_of(ledger))


def to_text(given: Certificate) -> str:
    replayed, decisions = given.replayed, given.replayed.decisions
    log = "sound"
    if replayed.finding is not None:
        log = f"broken {_or_dash(replayed.finding_index)} {replayed.finding}"
    lines = (
        FIRST_LINE,
        given.origin,
        f"event {given.event_id}",
        f"leaf {encode_base64(given.leaf_hash)}",
        f"number {given.number}",
        f"recorded {given.recorded_at.isoformat()}",
        f"position {replayed.position}",
        f"release {replayed.release}",
        f"tree {replayed.tree_size} {encode_base64(bytes.fromhex(replayed.root))}",
        f"log {log}",
        *map(_view_line, replayed.views),
        f"decisions {decisions.same} {decisions.differing} {decisions.erased} {_or_dash(decisions.differs_at)}",
        f"verdict {_CLEAN if is_clean(replayed) else _DIFFERS}",
    )
    return "\n".join(lines) + "\n"


def _view_line(view: ReplayedView) -> str:
    line = f"view {view.name} {view.sha256} {view.parked}"
    if view.rebuilt_sha256 is None:
        return line
    return f"{line} rebuilt {view.rebuilt_sha256} {_or_dash(view.differs_at)}"


def _or_dash(number: int | None) -> str:
    return "-" if number is None else str(number)


# Read and checked.


def verify(content: bytes, receipts: Verifier) -> Certificate:
    """What the certificate says, by the key of receipts alone. InvalidCertificateError if it is not in its one
    spelling, or its verdict is not the one that its lines give."""
    try:
        opened = note.open(content, [receipts])
    except note.InvalidNoteError as error:
        raise InvalidCertificateError(str(error) or type(error).__name__) from error
    if len(opened.signatures) != 1 or content != f"{opened.text}\n{opened.signatures[0].line}".encode():
        _refuse("the certificate has more than one signature")
    given = parse(opened.text)
    if f"{given.origin}/receipts" != receipts.name:
        _refuse("the certificate is of another log")
    return given


def parse(text: str) -> Certificate:
    """What the text says, strictly: what was read is what would be written."""
    match = _TEXT.fullmatch(text)
    if match is None:
        _refuse("this is not a replay certificate of version 1")
    try:
        given = _parsed(match)
        is_same = to_text(given) == text
    except ValueError:
        is_same = False
    if not is_same:
        _refuse("the certificate is not in its one spelling, or its verdict is not its own")
    return given


def _parsed(match: re.Match[str]) -> Certificate:
    views = tuple(map(_parsed_view, match["views"].splitlines(keepends=True)))
    names = [view.name for view in views]
    if names != sorted(set(names)):
        _refuse("the views are not in order")
    return Certificate(
        origin=match["origin"],
        event_id=UUID(match["event"]),
        leaf_hash=decode_base64(match["leaf"]),
        number=int(match["number"]),
        recorded_at=datetime.fromisoformat(match["recorded"]),
        replayed=HistoryReplayed(
            position=int(match["position"]),
            release=match["release"],
            tree_size=int(match["size"]),
            root=decode_base64(match["root"]).hex(),
            views=views,
            decisions=ReplayedDecisions(
                same=int(match["same"]),
                differing=int(match["differing"]),
                erased=int(match["erased"]),
                differs_at=_number(match["first"]),
            ),
            finding=match["finding"],
            finding_index=_number(match["index"]),
        ),
    )


def _parsed_view(line: str) -> ReplayedView:
    match = _VIEW.fullmatch(line)
    if match is None:
        _refuse("a line of a view is of another form")
    name, sha256, parked, rebuilt, position = match.groups()
    return ReplayedView(
        name=name,
        sha256=sha256,
        parked=int(parked),
        rebuilt_sha256=rebuilt,
        differs_at=_number(position),
    )


def _number(found: str | None) -> int | None:
    return None if found in {None, "-"} else int(found or 0)


def _refuse(reason: str) -> NoReturn:
    raise InvalidCertificateError(reason)
