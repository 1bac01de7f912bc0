"""`letopis monitor`: watch a log that somebody else keeps. It needs nothing of a Letopis of one's own: a folder for
what it has seen."""

import json
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import httpx2
import typer
from rich.console import Console

from api.observing.log_source import HttpSource, LogSource, client, source_of
from api.observing.monitor import AGE_SECONDS_MAX, NO_POLICY, Look, Monitor, Verdict
from api.observing.monitor_memory import MonitorFolderBusyError, MonitorMemoryDamagedError, opened_monitor
from api.observing.witness_memory import origin_hash
from ledger import fork_evidence
from ledger.fork_evidence import NotEvidenceError
from ledger.note import InvalidKeyError, encode_base64
from ledger.witness_policy import InvalidPolicyError, LogKey, Policy, log_key
from ledger.witness_policy import parse as parse_policy

err = Console(stderr=True)
_CHECKPOINT = "/checkpoint"


def monitor(
    *,
    log: Annotated[
        str | None, typer.Option(help="The log: an address such as https://…/log, or a folder.")
    ] = None,
    vkey: Annotated[list[str] | None, typer.Option(help="Its public key; again for its second key.")] = None,
    policy: Annotated[
        Path | None, typer.Option(help="File (tlog-policy): keys and the quorum to ask for.")
    ] = None,
    state: Annotated[Path | None, typer.Option(help="Folder for what was seen, and for evidence.")] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(
            help="What others saw: a monitor's folder, a mirror, or a witness's address; again for more."
        ),
    ] = None,
    entries: Annotated[
        bool, typer.Option("--entries", help="Read every entry, and recompute the root.")
    ] = False,
    once: Annotated[
        bool, typer.Option("--once", help="Look once. Without it: until the log is found to lie.")
    ] = False,
    every: Annotated[int, typer.Option(min=1, help="Seconds between two looks.")] = 60,
    max_age: Annotated[
        int, typer.Option(min=1, help="Seconds; an older signature is found stale.")
    ] = AGE_SECONDS_MAX,
    as_json_line: Annotated[bool, typer.Option("--json", help="One JSON object a look.")] = False,
    check_evidence: Annotated[
        Path | None, typer.Option(help="Check an evidence file, and nothing else.")
    ] = None,
) -> None:
    """Watch a log. Exit 0: all is well; 1: the log contradicts itself; 2: set up wrongly; 3: a person should look."""
    rules, keys = _trusted(vkey or [], policy)
    if check_evidence is not None:
        _check_evidence(check_evidence, keys)
        return
    if log is None or state is None or len({key.name for key in keys}) != 1:
        raise typer.BadParameter("--log, --state and the keys of one log (--vkey or --policy) are needed")
    try:
        with client() as http, opened_monitor(state) as memory:
            others = [(place, _other(place, keys[0].name, http)) for place in compare or []]
            watch = Monitor(source_of(log, http), memory, keys, rules, others, entries, max_age)
            sys.exit(_watch(watch, once=once, every=every, as_json_line=as_json_line))
    except (MonitorFolderBusyError, MonitorMemoryDamagedError, OSError) as error:
        _refuse(str(error) if isinstance(error, OSError) else (error.__doc__ or "").strip())


def _watch(watch: Monitor, *, once: bool, every: int, as_json_line: bool) -> int:
    """The last look's verdict. One lie ends it, so that whoever supervises the process hears of it."""
    while True:
        now = int(time.time())
        look = watch.look(now=now)
        print(
            json.dumps(_as_json(look, now), ensure_ascii=False) if as_json_line else _sentence(look),
            flush=True,
        )
        if once or look.verdict is Verdict.ALARM:
            return int(look.verdict)
        time.sleep(every)


def _trusted(vkeys: Sequence[str], file: Path | None) -> tuple[Policy, list[LogKey]]:
    """The policy and the log's keys. Those that were named come first; the policy's are taken if none was."""
    try:
        rules = parse_policy(file.read_bytes()) if file else NO_POLICY
        keys = [log_key(vkey) for vkey in vkeys]
    except (InvalidKeyError, InvalidPolicyError, OSError) as error:
        _refuse(f"--vkey or --policy: {error}")
    origins = {key.name for key in keys}
    keys += [
        log.key for log in rules.logs if (not origins or log.key.name in origins) and log.key not in keys
    ]
    return rules, keys


def _other(place: str, origin: str, http: httpx2.Client) -> LogSource:
    """A witness keeps the checkpoints of many logs, each under the hash of its origin; a log, a mirror and another
    monitor are named by the checkpoint itself, or by their folder."""
    if not place.startswith(("http://", "https://")):
        return source_of(place, http)
    if place.endswith(_CHECKPOINT):
        return HttpSource(place.removesuffix(_CHECKPOINT), http)
    return HttpSource(f"{place.rstrip('/')}/{origin_hash(origin)}", http)


def _check_evidence(file: Path, keys: Sequence[LogKey]) -> None:
    try:
        first, second = fork_evidence.verify(file.read_bytes(), keys)
    except (NotEvidenceError, OSError) as error:
        err.print(f"{file}: {error}", markup=False)
        sys.exit(1)
    print(
        f"{first.origin} signed two trees that contradict each other: one of {first.tree_size} entries with the root "
        f"{encode_base64(first.root_hash)}, and one of {second.tree_size} that does not begin with it"
    )


def _as_json(look: Look, now: int) -> dict[str, Any]:
    seen = look.checkpoint
    return {
        "verdict": look.verdict.name.lower(),
        "time": _iso(now),
        "log": seen.origin if seen else None,
        "tree_size": seen.tree_size if seen else None,
        "root": encode_base64(seen.root_hash) if seen else None,
        "newest_signature": _iso(look.newest) if look.newest is not None else None,
        "cosigned": {name: _iso(at) for name, at in look.cosigned.items()},
        "entries_read": look.entries,
        "findings": [
            {"what": found.what, "detail": found.detail, "evidence": found.evidence or None}
            for found in look.findings
        ],
    }


def _sentence(look: Look) -> str:
    lines = [f"{found.what}: {found.detail} {found.evidence}".rstrip() for found in look.findings]
    if look.checkpoint:
        by = ", ".join(look.cosigned) or "no witness"
        lines.append(f"{look.verdict.name.lower()}: {look.checkpoint.tree_size} entries, cosigned by {by}")
    return "\n".join(lines)


def _refuse(words: str) -> NoReturn:
    """1 would say that the log lies."""
    err.print(words, markup=False)
    sys.exit(2)


def _iso(at: int) -> str:
    """A cosigner may write any time; what no calendar holds stays a number."""
    try:
        return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return str(at)
