"""Failures on demand, for integrators to try their error paths: only in a sandbox, in front of the whole program.

Nothing here is known to the production code. What can really happen really happens: a refusal is recorded, a
quarantined submission lies in quarantine. Only `not-ready` is played.
"""

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from enum import StrEnum
from threading import Lock

from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from joserfc.jwk import OKPKey
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import laboratories
from api.compact_form import EnvelopeError
from api.envelope import SignedContent, unseal, verify
from api.envelope_keys import load_key, public_jwk
from api.formats import content_of
from api.node import Node
from api.problems import MEDIA_TYPE, problem_document
from domain.submission import EnvelopeReplayedError
from ledger import commands, intake, onboarding
from ledger.intake import Envelope, Problem

HEADER = b"letopis-sandbox-failure"
SLOW_SECONDS = 10.0
RETRY_AFTER_SECONDS = 1
# What a submission is quarantined with on demand.
QUARANTINE_CODE = "no-report-in-content"
_REMEMBERED = 1000


class Failure(StrEnum):
    NOT_READY = "not-ready"  # 503 and Retry-After; nothing was stored
    SLOW = "slow"  # stored at once, answered late
    DROP = "drop"  # stored, then the connection is closed without an answer
    QUARANTINE = "quarantine"  # 422: kept, with a reason
    UNKNOWN_KEY = "unknown-key"  # 403: signed with a key that nobody registered
    TOO_LARGE = "too-large"  # 413


# What passes by itself strikes a submission once, so that its repeat shows how it ends.
PASSING = frozenset({Failure.NOT_READY, Failure.SLOW, Failure.DROP})


class Strikes:
    """Which submissions a failure has struck."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._struck: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    def strikes(self, failure: Failure, submission: bytes) -> bool:
        """Whether it strikes: always, or the first time."""
        if failure not in PASSING:
            return True
        name = (failure.value, hashlib.sha256(submission).digest())
        with self._lock:
            if name in self._struck:
                return False
            self._struck[name] = None
            if len(self._struck) > _REMEMBERED:
                self._struck.popitem(last=False)
        return True


class Failing:
    """The application, with failures for those who ask for one in the header of a submission."""

    def __init__(self, application: ASGIApp, node: Node, *, slow_seconds: float = SLOW_SECONDS) -> None:
        self._application = application
        self._node = node
        self._slow_seconds = slow_seconds
        self._strikes = Strikes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = _asked(scope)
        if asked is None:
            await self._application(scope, receive, send)
            return
        if asked not in list(Failure):
            field = HEADER.decode()
            await _problem("request-malformed", field=field)(scope, receive, send)
            return
        failure, envelope = Failure(asked), await _body(receive)
        if not self._strikes.strikes(failure, envelope):
            await self._application(scope, _again(envelope, receive), send)
            return
        await self._fail(failure, envelope, (scope, receive, send))

    async def _fail(self, failure: Failure, envelope: bytes, call: tuple[Scope, Receive, Send]) -> None:
        scope, receive, send = call
        match failure:
            case Failure.NOT_READY:
                await _problem("not-ready", retry_after=RETRY_AFTER_SECONDS)(scope, receive, send)
                return
            case Failure.SLOW:
                send = self._late(send)
            case Failure.DROP:
                await self._application(scope, _again(envelope, receive), _unheard)
                await _hang_up(send)
                return
            case Failure.QUARANTINE:
                await run_in_threadpool(quarantine, self._node, envelope)
            case Failure.UNKNOWN_KEY:
                envelope = await run_in_threadpool(by_a_stranger, self._node, envelope)
            case Failure.TOO_LARGE:
                envelope = bytes(2 * self._node.settings.submission_limit_bytes + 65537)
        await self._application(scope, _again(envelope, receive), send)

    def _late(self, send: Send) -> Send:
        async def late(message: Message) -> None:
            if message["type"] == "http.response.start":
                await asyncio.sleep(self._slow_seconds)
            await send(message)

        return late


def _asked(scope: Scope) -> str | None:
    if scope["type"] != "http" or (scope["method"], scope["path"]) != ("POST", "/v1/submissions"):
        return None
    return next((value.decode("latin-1").strip() for name, value in scope["headers"] if name == HEADER), None)


def _problem(code: str, *, field: str | None = None, retry_after: int | None = None) -> JSONResponse:
    document = problem_document(code, field)
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return JSONResponse(document, document["status"], headers=headers, media_type=MEDIA_TYPE)


async def _body(receive: Receive) -> bytes:
    return b"".join([part async for part in _parts(receive)])


async def _parts(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


def _again(body: bytes, receive: Receive) -> Receive:
    """The request as if its body came now; behind it what really comes."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


async def _unheard(message: Message) -> None:
    """Nobody reads the answer."""


async def _hang_up(send: Send) -> None:
    """ASGI knows no way to close a connection, but `send` is a method of uvicorn's cycle of request and answer."""
    transport: asyncio.Transport = getattr(send, "__self__").transport  # noqa: B009 - not in the type of Send
    transport.abort()
    # Until the cycle has heard of it: it would answer 500 in place of the application.
    await asyncio.sleep(0.01)


# What is done to the ledger. Afterwards the application answers as it does to the same thing in production.


def quarantine(node: Node, envelope: bytes) -> None:
    """Record the submission in quarantine, so that the application finds it there when it takes it in. What
    it would refuse is left to it."""
    try:
        signed = _unsealed(node, envelope)
        laboratory_id, laboratory = onboarding.load_laboratory(node.ledger, signed.issuer)
        public_key = laboratory.key(signed.key_id)
        if public_key is None:
            return
        opened = verify(
            signed,
            key=_public_key(public_key),
            issuer=laboratory.handle,
            audience=node.settings.public_url,
            now=datetime.now(UTC),
        )
        accepted = Envelope(
            laboratory_id=laboratory_id,
            envelope_id=opened.envelope_id,
            key_id=opened.key_id,
            content_type=opened.content_type,
            content=opened.content,
            signed=signed.compact,
        )
        intake.accept(node.ledger, accepted, Problem(QUARANTINE_CODE, "sandbox"))
    except (EnvelopeError, EnvelopeReplayedError, commands.LaboratoryNotFoundError):
        return


def by_a_stranger(node: Node, envelope: bytes) -> bytes:
    """The same submission, signed with a key that nobody registered."""
    try:
        signed = _unsealed(node, envelope)
    except EnvelopeError:
        return envelope
    return laboratories.stranger(signed.issuer).envelope(
        content_of(signed.compact),
        envelope_id=signed.envelope_id,
        audience=signed.audience,
        recipient_key=load_key(public_jwk(node.intake_key), "X25519", private=False),
        content_type=signed.content_type,
    )


def _unsealed(node: Node, envelope: bytes) -> SignedContent:
    return unseal(
        envelope,
        recipient_keys={node.intake_key.thumbprint(): node.intake_key},
        size_limit=node.settings.submission_limit_bytes,
    )


def _public_key(x: str) -> OKPKey:
    return load_key(json.dumps({"kty": "OKP", "crv": "Ed25519", "x": x}), "Ed25519", private=False)
