"""The log for the world: checkpoint, tiles and entries by HTTP (C2SP tlog-tiles), and whose signatures to ask for.

What it shows is public by design: no name, number or text of anybody, but which kinds of events there were, when, and
which of them belong to one pseudonymous stream (docs/evidence/log.md says what follows from that).
"""

import gzip
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api import verifier_file
from api.node import Node
from api.problems import ProblemError
from ledger import tiles, witness_policy
from ledger.store import Ledger
from ledger.tiles import BundleId, InvalidTileError
from projections import transparency
from projections.export import read_file

router = APIRouter(tags=["log"])

TEXT = "text/plain; charset=utf-8"
# A file of a tree never changes; a checkpoint is worth nothing when it is old.
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
NEVER = {"Cache-Control": "no-store"}


@router.get("/log/checkpoint", summary="The published checkpoint, with cosignatures")
def published_checkpoint(request: Request) -> Response:
    """A C2SP signed note: origin, tree size, root; the log's Ed25519 and ML-DSA-44 lines; the lines of witnesses."""
    published = transparency.latest_published(_ledger(request))
    if published is None:
        raise ProblemError("not-found")
    return Response(published.note, media_type=TEXT, headers=NEVER)


@router.get("/log/verifier.py", summary="The stand-alone verifier")
def verifier() -> Response:
    """One file that checks what is handed out here, without us (docs/evidence/verifier.md)."""
    return Response(verifier_file.content(), media_type="text/x-python; charset=utf-8", headers=NEVER)


@router.get("/log/tile/{path:path}", summary="A tile of hashes, or a bundle of entries")
def tile(request: Request, path: str) -> Response:
    """Of the tree that is published: `<level>/<N>[.p/<W>]`, or `entries/<N>[.p/<W>]`."""
    try:
        file = tiles.parse_path(f"tile/{path}")
    except InvalidTileError:
        raise ProblemError("not-found") from None
    ledger = _ledger(request)
    published = transparency.latest_published(ledger)
    content = read_file(ledger, file, published.tree_size) if published else None
    if content is None:
        raise ProblemError("not-found")
    headers = dict(FOR_EVER)
    if isinstance(file, BundleId):
        # Hashes don't compress; leaves do, to a half. Both are public, so their length betrays nothing.
        headers["Vary"] = "Accept-Encoding"
        if _takes_gzip(request):
            content = gzip.compress(content, 1, mtime=0)
            headers["Content-Encoding"] = "gzip"
    return Response(content, media_type="application/octet-stream", headers=headers)


@router.get("/log/policy", summary="Whose signatures to ask for")
def policy(request: Request) -> Response:
    """A C2SP tlog-policy: the log's keys, and the witnesses that the operator chose. Whoever does not trust the
    operator writes one of their own."""
    node: Node = request.app.state.node
    return Response(policy_of(node), media_type=TEXT, headers=NEVER)


@router.get("/v1/log/checkpoint", summary="The latest signed checkpoint")
def checkpoint(request: Request) -> Response:
    """A C2SP signed note with the log's Ed25519 signature alone, as receipts quote it: origin, tree size, root."""
    signed = transparency.latest(_ledger(request))
    if signed is None:
        raise ProblemError("not-found")
    return Response(signed.note, media_type=TEXT, headers=NEVER)


@router.get("/v1/log/key", summary="The log's public keys")
def log_key(request: Request) -> dict[str, Any]:
    """The vkeys (C2SP signed-note) to pin: Ed25519, ML-DSA-44, and those of the witnesses that are asked."""
    node: Node = request.app.state.node
    witnesses = witness_policy.parse(policy_of(node)).witnesses
    return {
        "origin": node.ledger.origin,
        "vkey": transparency.log_verifier(node.ledger).vkey,
        "mldsa_vkey": transparency.log_cosigner(node.ledger).vkey,
        "witnesses": [{"name": one.name, "vkey": one.key.vkey} for one in witnesses],
        "log": f"{node.settings.public_url}/log",
        "policy": f"{node.settings.public_url}/log/policy",
    }


def policy_of(node: Node) -> bytes:
    """The operator's policy; where it names no log, ours stands before it."""
    path = node.settings.witness_policy
    written = path.read_bytes() if path is not None else b"quorum none\n"
    if witness_policy.parse(written).logs:
        return written
    keys = (transparency.log_verifier(node.ledger).vkey, transparency.log_cosigner(node.ledger).vkey)
    return "".join(f"log {vkey} {node.settings.public_url}/log\n" for vkey in keys).encode() + written


def _ledger(request: Request) -> Ledger:
    node: Node = request.app.state.node
    return node.ledger


def _takes_gzip(request: Request) -> bool:
    accepted = request.headers.get("accept-encoding", "").split(",")
    return any(
        one.strip().partition(";")[0] == "gzip" and "q=0" not in one.replace(" ", "") for one in accepted
    )
