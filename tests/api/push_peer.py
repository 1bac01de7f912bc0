"""A push service on the loopback address (RFC 8030), with browsers that can read what they are sent (RFC 8291).

It keeps what it accepted, opens it by another library than the one that sealed it, and does wrong when told to.
"""

import base64
import secrets
from asyncio import sleep
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from time import monotonic
from time import sleep as rest
from typing import Any
from uuid import UUID, uuid4

import http_ece
import jwt
import orjson
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.channels.notice import PushAddress


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def unbase64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(frozen=True, slots=True)
class PushBrowser:
    """A browser with a subscription: where it is told, and the key that opens what it is told."""

    subscription_id: UUID
    token: str
    origin: str
    key: EllipticCurvePrivateKey
    auth: bytes

    @property
    def address(self) -> PushAddress:
        return PushAddress(
            subscription_id=self.subscription_id,
            endpoint=f"{self.origin}/push/{self.token}",
            p256dh=base64url(
                self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
            ),
            auth=base64url(self.auth),
        )

    def open(self, body: bytes) -> bytes:
        return bytes(http_ece.decrypt(body, private_key=self.key, auth_secret=self.auth, version="aes128gcm"))


@dataclass(frozen=True, slots=True)
class Pushed:
    """What the service was handed; `claims` are what the sender signed, `server_key` by which key."""

    token: str
    headers: dict[str, str]
    body: bytes
    claims: dict[str, Any]
    server_key: str


@dataclass(slots=True)
class PushPeer:
    """`answers` are what it says of a browser instead of taking the message, `waits` is for how long it is silent."""

    origin: str = ""
    accepted: list[Pushed] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    answers: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)
    waits: dict[str, float] = field(default_factory=dict)

    def browser(self, *, answers: int = 0, waits: float = 0.0, **headers: str) -> PushBrowser:
        token = secrets.token_urlsafe(16)
        if answers:
            self.answers[token] = (answers, {name.replace("_", "-"): text for name, text in headers.items()})
        if waits:
            self.waits[token] = waits
        key = generate_private_key(SECP256R1())
        return PushBrowser(uuid4(), token, self.origin, key, secrets.token_bytes(16))

    def told(self, browser: PushBrowser) -> list[dict[str, Any]]:
        """What this browser was told, opened."""
        return [orjson.loads(browser.open(one.body)) for one in self.accepted if one.token == browser.token]

    async def take(self, request: Request) -> Response:
        token = request.path_params["token"]
        body = await request.body()
        self.asked.append(token)
        await sleep(self.waits.get(token, 0.0))
        if token in self.answers:
            status, headers = self.answers[token]
            return Response(status_code=status, headers=headers)
        claims, server_key = self._proven(request.headers["authorization"])
        self.accepted.append(Pushed(token, dict(request.headers), body, claims, server_key))
        message = f"message-{len(self.accepted)}"
        return Response(status_code=201, headers={"Location": f"{self.origin}/message/{message}"})

    def _proven(self, authorization: str) -> tuple[dict[str, Any], str]:
        """RFC 8292, section 4.2: signed by the key that is named, for this service, for no more than a day."""
        scheme, _, rest_of_it = authorization.partition(" ")
        assert scheme == "vapid"
        given = dict(part.strip().split("=", 1) for part in rest_of_it.split(","))
        key = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), unbase64url(given["k"]))
        claims = jwt.decode(
            given["t"],
            key,
            algorithms=["ES256"],
            audience=self.origin,
            options={"require": ["exp", "aud", "sub"]},
        )
        return claims, given["k"]


@contextmanager
def push_peer() -> Iterator[PushPeer]:
    """The service, running."""
    peer = PushPeer()
    app = Starlette(routes=[Route("/push/{token}", peer.take, methods=["POST"])])
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_level="error", timeout_keep_alive=75, timeout_graceful_shutdown=1)
    )
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    give_up = monotonic() + 30
    while not server.started:
        assert thread.is_alive() and monotonic() < give_up, "the push service does not start"
        rest(0.01)
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    peer.origin = f"http://{host}:{port}"
    try:
        yield peer
    finally:
        server.should_exit = True
        thread.join(timeout=60)
