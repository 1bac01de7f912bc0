"""`letopis verify`, `letopis export`: what an auditor takes away or has recomputed."""

import json
import sys
from base64 import b64encode
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from api.command_line.console import bring_up_to_date, progress
from api.log_server import policy_of
from api.node import Node, node
from api.settings import Settings
from ledger import note, witness_policy
from ledger.checkpoint_memory import CheckpointMemory
from ledger.cosignature import CosignatureVerifier
from ledger.store import Ledger
from projections import transparency, verify
from projections.export import export_log
from projections.verify_keys import verify_keys


def verify_log(
    vkey: Annotated[str | None, typer.Option(help="The pinned public key of the log.")] = None,
    checkpoints: Annotated[
        list[Path] | None,
        typer.Option("--checkpoint", help="A checkpoint that was kept outside: the log must go on from it."),
    ] = None,
    as_json_line: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Recompute the whole log from stored bytes. Exit 1 and name the first bad index if anything lies."""
    with node(Settings()) as opened:
        bring_up_to_date(opened.ledger)
        key = note.Verifier.from_vkey(vkey) if vkey else transparency.log_verifier(opened.ledger)
        with progress("verify", opened.ledger.last_position()) as seen:
            result = verify.verify(
                opened.conninfo,
                log=key,
                seen=seen,
                kept=[*(path.read_bytes() for path in checkpoints or ()), *_remembered(opened.ledger)],
                cosigners=[] if vkey else cosigners_of(opened),
            )
        if result.finding is None:
            # The program has the keys at hand, so it can say more than an auditor's role.
            result = replace(result, finding=verify_keys(opened.ledger))
    if as_json_line:
        finding = result.finding
        body = {
            "ok": finding is None,
            "events": result.events,
            "tree_size": result.tree_size,
            "root": b64encode(result.root_hash).decode(),
            "checkpoints": result.checkpoints,
            "documents": result.documents,
            "erasures": [asdict(one) for one in result.erasures],
            "finding": {
                "what": finding.what,
                "leaf_index": finding.leaf_index,
                "position": finding.position,
            }
            if finding
            else None,
        }
        print(json.dumps(body))
    else:
        print(result.sentence)
        for erased in result.erasures:
            print(erased.sentence)
    sys.exit(0 if result.finding is None else 1)


def cosigners_of(opened: Node) -> list[CosignatureVerifier]:
    """The log's second key, and those of the witnesses that the operator's policy names."""
    witnesses = witness_policy.parse(policy_of(opened)).witnesses
    return [transparency.log_cosigner(opened.ledger), *(one.key for one in witnesses)]


def _remembered(ledger: Ledger) -> list[bytes]:
    """What the signer signed last, if its folder is at hand: a database that was put back is shorter."""
    folder = ledger.custody.signer
    held = CheckpointMemory(folder).read() if folder is not None else None
    return [held] if held is not None else []


def export(
    log: Annotated[Path, typer.Option("--log", help="Folder for checkpoint and tiles (C2SP tlog-tiles).")],
) -> None:
    """Write the log as files that others can verify."""
    with node(Settings()) as opened:
        bring_up_to_date(opened.ledger)
        with progress("export", opened.ledger.last_position()) as seen:
            size = export_log(opened.ledger, log, seen=seen)
        vkey = transparency.log_verifier(opened.ledger).vkey
    print(f"tree size {size} in {log}\nkey {vkey}")
