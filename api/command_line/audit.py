"""`letopis audit`: what an auditor asks, read-only by rights. Each look is recorded first, by the program's own role; the
reading itself is done in the role of auditors, which has no right to keys: what is sealed stays sealed."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import psycopg
import typer

from api.command_line.console import err, opened_node, progress, refuse, words_of
from api.laboratories import OPERATOR
from api.node import Node
from domain.decision_policy import (
    POLICIES,
    DecisionPolicy,
    PolicyMalformedError,
    PolicyUnknownError,
    policy_named,
    policy_of,
)
from domain.reading import (
    DecisionsTried,
    Evidence,
    EvidenceTaken,
    HistoryRead,
    ReadingPurpose,
    StreamReplayed,
)
from domain.values import PatientId
from ledger import replay_certificate
from ledger.commands import record_reading
from ledger.redeciding import Redecided, Rules, redecide_all
from ledger.replay_certificate import CertificateNotFoundError
from projections import PROJECTIONS
from projections.history import Asked, Line, lines
from projections.replay import view_at
from projections.stream_replay import (
    StreamAt,
    StreamNotFoundError,
    StreamTooLongError,
    changes,
    patient_of,
    stream_at,
)

audit = typer.Typer(
    no_args_is_help=True, help="What an auditor asks: by pseudonyms, read-only, each look recorded."
)
_READ_ONLY = "-c role=letopis_auditor -c default_transaction_read_only=on"
_AS_JSON = typer.Option("--json", help="One JSON object a line.")


@contextmanager
def _as_auditor(opened: Node) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(opened.conninfo, options=_READ_ONLY) as connection:
        yield connection


@audit.command()
def history(
    *,
    patient: Annotated[UUID | None, typer.Option(help="The patient's pseudonym.")] = None,
    actor: Annotated[str | None, typer.Option(help="Who acted, such as patient:<id>.")] = None,
    kind: Annotated[str | None, typer.Option(help="The event's stored name.")] = None,
    report: Annotated[UUID | None, typer.Option(help="The report's id.")] = None,
    stream: Annotated[UUID | None, typer.Option(help="The stream's id.")] = None,
    since: Annotated[datetime | None, typer.Option(help="From this time on (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(help="Before this time (UTC).")] = None,
    first: Annotated[int | None, typer.Option(help="From this position on.")] = None,
    last: Annotated[int | None, typer.Option(help="Up to this position.")] = None,
    before: Annotated[int | None, typer.Option(help="The page before this position.")] = None,
    after: Annotated[int | None, typer.Option(help="The page after this position.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    as_json: Annotated[bool, _AS_JSON] = False,
) -> None:
    """Lines of the audit trail, the latest first, each with its leaf index."""
    asked = Asked(
        patient_id=patient,
        actor=actor,
        name=kind,
        report_id=report,
        stream_id=stream,
        since=since,
        until=until,
        first=first,
        last=last,
        before=before,
        after=after,
    )
    with opened_node() as opened:
        reading = HistoryRead(
            patient_id=PatientId(patient) if patient else None, purpose=ReadingPurpose.AUDIT
        )
        record_reading(opened.ledger, reading, OPERATOR)
        with _as_auditor(opened) as connection:
            found = lines(connection, asked, limit=limit)
    for line in found:
        print(json.dumps(_fields(line), ensure_ascii=False) if as_json else _words(line))


def _fields(line: Line) -> dict[str, Any]:
    entry = line.entry
    return {
        "position": entry.position,
        "leaf_index": line.leaf_index,
        "event_id": str(entry.event_id),
        "recorded_at": entry.recorded_at.isoformat(),
        "kind": entry.name,
        "stream_id": str(line.stream_id),
        "version": line.version,
        "actor": entry.actor,
        "on_behalf_of": entry.on_behalf_of,
        "patient_id": str(entry.patient_id) if entry.patient_id else None,
        "report_id": str(entry.report_id) if entry.report_id else None,
        "detail": entry.detail,
        "sealed": line.is_sealed,
        "erased": line.is_erased,
    }


def _words(line: Line) -> str:
    entry = line.entry
    state = "erased" if line.is_erased else "sealed" if line.is_sealed else "clear"
    leaf = "-" if line.leaf_index is None else line.leaf_index
    whose = f" of {entry.patient_id}" if entry.patient_id else ""
    return f"{entry.position} leaf {leaf} {entry.recorded_at.isoformat()} {entry.name} by {entry.actor}{whose} ({state})"


@audit.command()
def replay(
    *,
    stream: Annotated[UUID | None, typer.Option(help="The stream to show.")] = None,
    view: Annotated[str | None, typer.Option(help="The view to make as it was.")] = None,
    at: Annotated[int, typer.Option("--at", help="The position of the ledger.")],
    other: Annotated[int | None, typer.Option("--and", help="A later position to compare with.")] = None,
    as_json: Annotated[bool, _AS_JSON] = False,
) -> None:
    """A stream as it stood at a position, or at two; or a view at a position beside what it is now."""
    if (stream is None) == (view is None):
        raise typer.BadParameter("name one: --stream or --view")
    if stream is not None:
        _replay_stream(stream, at, other, as_json=as_json)
    else:
        _replay_view(str(view), at, as_json=as_json)


def _replay_stream(stream: UUID, at: int, other: int | None, *, as_json: bool) -> None:
    with opened_node(StreamNotFoundError, StreamTooLongError) as opened:
        with _as_auditor(opened) as connection:
            patient_id = patient_of(connection, stream)
        for position in (at,) if other is None else (at, other):
            reading = StreamReplayed(
                patient_id=patient_id, stream_id=stream, position=position, purpose=ReadingPurpose.AUDIT
            )
            record_reading(opened.ledger, reading, OPERATOR)
        with _as_auditor(opened) as connection:
            then = stream_at(connection, stream, at)
            later = None if other is None else stream_at(connection, stream, other)
    if later is None:
        _show_stream(then, as_json=as_json)
        return
    for change in changes(then, later):
        if as_json:
            found = {"field": change.field, "earlier": change.earlier, "later": change.later}
            print(json.dumps(found, ensure_ascii=False))
        else:
            print(f"{change.field}: {change.earlier or '-'} -> {change.later or '-'}")


def _show_stream(then: StreamAt, *, as_json: bool) -> None:
    if as_json:
        body = {
            "stream_id": str(then.stream_id),
            "position": then.position,
            "version": then.version,
            "state": then.state,
            "events": [{"position": one.position, "kind": one.name} for one in then.told],
        }
        print(json.dumps(body, ensure_ascii=False))
        return
    print(f"stream {then.stream_id} at position {then.position}: version {then.version}")
    for field, value in then.state.items():
        print(f"{field}: {value}")


def _replay_view(name: str, at: int, *, as_json: bool) -> None:
    chosen = next((one for one in PROJECTIONS if one.name == name), None)
    if chosen is None:
        raise typer.BadParameter(f"views: {', '.join(one.name for one in PROJECTIONS)}")
    with opened_node() as opened, opened.as_owner() as owner, progress(name, at) as seen:
        # Digests only, of everybody: nobody's data is shown.
        reading = HistoryRead(patient_id=None, purpose=ReadingPurpose.AUDIT)
        record_reading(opened.ledger, reading, OPERATOR)
        stands_at, found = view_at(owner, chosen, at, seen=seen)
    for one in found:
        word = "same" if one.then == one.now else "other"
        if as_json:
            print(
                json.dumps(
                    {
                        "view": name,
                        "table": one.table,
                        "at": min(at, stands_at),
                        "now": stands_at,
                        "rows_then": one.rows_then,
                        "rows_now": one.rows_now,
                        "sha256_then": one.then,
                        "sha256_now": one.now,
                    }
                )
            )
        else:
            print(
                f"{name}.{one.table}: {one.rows_then} rows at {min(at, stands_at)}, {one.rows_now} at {stands_at}: {word}"
            )
            print(f"  {one.then}\n  {one.now}")


@audit.command()
def certificate(
    event_id: Annotated[UUID | None, typer.Argument(help="Its event; without it the newest one.")] = None,
) -> None:
    """The newest replay certificate, or one by its event (docs/evidence/certificate.md)."""
    with opened_node(CertificateNotFoundError) as opened:
        if event_id is None:
            given = replay_certificate.latest(opened.ledger)
        else:
            given = replay_certificate.certificate(opened.ledger, event_id)
        if given is None:
            refuse(words_of(CertificateNotFoundError()))
        taken = EvidenceTaken(
            patient_id=None, evidence=Evidence.EVENT, about=given.event_id, purpose=ReadingPurpose.AUDIT
        )
        record_reading(opened.ledger, taken, OPERATOR)
        print(replay_certificate.sign(opened.ledger, given).decode(), end="")


@audit.command()
def decisions(
    *,
    policy: Annotated[
        str, typer.Option(help="A policy by its name, or a file with one; without it the rules in force.")
    ] = "in-force",
    as_json: Annotated[bool, _AS_JSON] = False,
) -> None:
    """Make every recorded decision again and list those that come out otherwise under the policy. Exit 1 if there are
    any under the rules in force."""
    try:
        tried = policy_of(Path(policy).read_bytes()) if Path(policy).is_file() else policy_named(policy)
    except (PolicyMalformedError, PolicyUnknownError) as error:
        raise typer.BadParameter(f"{words_of(error)} ({error}) Known: {', '.join(POLICIES)}") from None
    with opened_node() as opened, tempfile.TemporaryFile("w+") as listed:
        counts = _try(opened, tried, listed, as_json=as_json)
        reading = DecisionsTried(
            position=opened.ledger.last_position(),
            policy=None if tried == POLICIES["in-force"] else tried.name,
            differing=counts["differing"],
            purpose=ReadingPurpose.AUDIT,
        )
        # Recorded before a line of it leaves.
        record_reading(opened.ledger, reading, OPERATOR)
        listed.seek(0)
        for line in listed:
            print(line, end="")
    err.print(f"same: {counts['same']}, differing: {counts['differing']}, erased: {counts['erased']}")
    if counts["differing"] and tried == POLICIES["in-force"]:
        raise typer.Exit(1)


def _try(opened: Node, tried: DecisionPolicy, listed: Any, *, as_json: bool) -> dict[str, int]:
    counts = {"same": 0, "differing": 0, "erased": 0}
    for one in redecide_all(opened.ledger, rules=Rules.of(tried)):
        outcome = "erased" if one.is_lost else "same" if one.is_same else "differing"
        counts[outcome] += 1
        if outcome == "differing":
            listed.write(f"{_decision(one, as_json=as_json)}\n")
    return counts


def _decision(one: Redecided, *, as_json: bool) -> str:
    decided, again = one.decided or "permitted", one.again or "permitted"
    if as_json:
        found = {
            "position": one.position,
            "event_id": str(one.event_id),
            "channel": one.channel,
            "decided": decided,
            "again": again,
        }
        return json.dumps(found)
    by = f" by {one.channel}" if one.channel else ""
    return f"{one.position} {one.event_id}{by}: {decided}, again: {again}"
