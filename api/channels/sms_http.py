"""One request to a gateway of SMS by HTTP, and what its answer or silence means."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Final

import httpx2

from api.channels.http_failures import GATEWAY_TIMEOUT, NOT_SENT
from api.channels.retry_after import seconds_of
from api.outcome import HandedOver, Outcome, RefusedForGood, RefusedForNow, Unknown

SECONDS: Final = 30.0
# However slowly an answer drips: shorter than the lease of an attempt.
_LONGEST_SECONDS: Final = 90.0
# As many at once as a gateway has connections from us.
WIDTH: Final = 20
_ANSWER_LIMIT: Final = 65_536
_NO_ANSWER: Final = (httpx2.ReadTimeout, httpx2.ReadError, httpx2.RemoteProtocolError)
# Not about this message: our token, our right, our pace, our clock. The rest of 4xx is.
_FOR_NOW: Final = frozenset({401, 403, 407, 408, 425, 429})

# What an answer says beyond its status: our number for the message if it was accepted, else a code that names the
# reason. What they return may not become a way to store text with us: they give what they know, or None.
Read = Callable[[bytes], str | None]


def client_of(timeout_seconds: float = SECONDS) -> httpx2.AsyncClient:
    """A redirect is not followed: it would carry the token and the phone to an address nobody configured."""
    limits = httpx2.Limits(max_connections=WIDTH, max_keepalive_connections=WIDTH)
    return httpx2.AsyncClient(timeout=timeout_seconds, follow_redirects=False, limits=limits)


async def hand_over(
    client: httpx2.AsyncClient, request: httpx2.Request, *, number: Read, refusal: Read
) -> Outcome:
    """Send it once. A connection that was kept and had died is no exception to the rule: who knows what it took."""
    try:
        async with asyncio.timeout(_LONGEST_SECONDS):
            response = await client.send(request, stream=True)
            try:
                body = await _body(response)
            finally:
                await response.aclose()
    except NOT_SENT:
        return RefusedForNow("connection")
    except (httpx2.ReadTimeout, TimeoutError):
        return Unknown("timeout-after-request")
    except _NO_ANSWER:
        return Unknown("connection-lost-after-request")
    if response.is_success:
        return HandedOver(number(body))
    return _refused(response, refusal(body))


def _refused(response: httpx2.Response, reason: str | None) -> Outcome:
    status = response.status_code
    if status == GATEWAY_TIMEOUT:
        return Unknown(str(status))
    is_final = 400 <= status < 500 and status not in _FOR_NOW
    if is_final:
        return RefusedForGood(reason or str(status))
    return RefusedForNow(str(status), seconds_of(response.headers.get("Retry-After")))


async def _body(response: httpx2.Response) -> bytes:
    """What came of it. The status has said what became of the message: a broken body changes nothing."""
    received = bytearray()
    try:
        async with aclosing(response.aiter_bytes()) as chunks:
            async for chunk in chunks:
                received += chunk
                if len(received) > _ANSWER_LIMIT:
                    return b""
    except httpx2.HTTPError:
        return b""
    return bytes(received)
