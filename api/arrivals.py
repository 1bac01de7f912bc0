"""How what laboratories send by HTTP is taken off the line: from whom, and no further than the limits."""

import asyncio

from fastapi import Request

from api.client_certificates import Address, address_of
from api.node import Node
from api.problems import ProblemError
from api.refusals import Gate, Refusals
from api.settings import Settings

# A body of the largest size comes in this time over a line of 1 Mbit/s.
BODY_SECONDS = 180.0


async def read_body(request: Request, *, limit: int, field: str) -> bytes:
    """The body, read no further than the limit and for no longer than the patience."""
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise ProblemError("submission-too-large", field)
                parts.append(part)
    except TimeoutError:
        raise ProblemError("submission-too-slow", field) from None
    return b"".join(parts)


def peer_of(request: Request) -> Address | None:
    """Who is at the other end of the connection: a laboratory, or our own proxy."""
    return address_of(request.client.host if request.client else None)


def asker(request: Request, settings: Settings) -> Address | None:
    """The address of who asks. Our proxies say for whom they speak; others may say what they like."""
    peer = peer_of(request)
    if peer not in settings.client_cert_from:
        return peer
    forwarded = request.headers.getlist("x-forwarded-for")
    # The last one is the proxy's own word; those before it are the sender's.
    return (address_of(forwarded[-1].rpartition(",")[2].strip()) if forwarded else None) or peer


def gate_of(request: Request) -> Gate:
    """The limit for refusals of this sender."""
    node: Node = request.app.state.node
    refusals: Refusals = request.app.state.refusals
    return refusals.gate(asker(request, node.settings))
