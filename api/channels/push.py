"""Web Push: a notice to the browsers of a person (RFC 8030), which only they can read (RFC 8291).

The library encrypts; this sends. A push service answers that it took the message, and never that it was shown; a
message that comes twice is one to its reader, for it has the same topic there and the same tag in the browser.
"""

import asyncio
import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

import aiohttp
import orjson
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from webpush import WebPush, WebPushSubscription  # type: ignore[import-untyped]

from api.channels.http_failures import GATEWAY_TIMEOUT
from api.channels.notice import Notice, NoticeKind, PushAddress
from api.channels.retry_after import seconds_of
from api.node import DATABASE_AWAY
from api.outcome import HandedOver, Outcome, RefusedForGood, RefusedForNow, Unknown, remote_id
from api.pages import Locale, phrase, plural_phrase
from api.push_origins import is_known
from api.settings import Settings
from api.vapid import Signer, key_of
from domain.values import PatientId
from ledger.custody import Custody

SEND_SECONDS: Final = 10.0
_CONNECT_SECONDS: Final = 5.0
_ANSWER_BYTES_MAX: Final = 65_536
_CONNECTIONS: Final = 64
# With these nothing of the message can have got out: there was no connection, or what a setting made was no address.
_NOT_SENT: Final = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
# So long a service keeps it for a browser that is away. A notice that came later would tell of the day before.
_LIFE: Final = timedelta(hours=72)
_SHORTEST: Final = timedelta(minutes=1)
# All are of one length, or the service could tell by it which words are inside.
_CONTENT_BYTES: Final = 1024
_GONE: Final = frozenset({404, 410})
# Not about this message: our word for who we are, the service's pace, its clock. What it does not take for another
# reason, it never will.
_FOR_NOW: Final = frozenset({401, 408, 425, 429})
# What counts when several browsers were told: that one took it; else that one may have, or may later.
_BEST: Final[Mapping[type, int]] = MappingProxyType(
    {HandedOver: 3, Unknown: 2, RefusedForNow: 1, RefusedForGood: 0}
)


def _nobody(patient_id: PatientId, subscription_id: UUID) -> None:
    del patient_id, subscription_id


def _unheard(endpoint: str, outcome: Outcome) -> None:
    del endpoint, outcome


def _never(endpoint: str) -> bool:
    del endpoint
    return False


@dataclass(slots=True)
class PushSender:
    """`gone` is told of each browser that its service knows no more, `heard` what the service of a browser answered;
    what `rests` says of a browser's service is asked before."""

    custody: Custody
    contact: str
    services: Sequence[str]
    width: int = 64
    gone: Callable[[PatientId, UUID], None] = _nobody
    heard: Callable[[str, Outcome], None] = _unheard
    rests: Callable[[str], bool] = _never
    _web_push: WebPush = field(init=False, repr=False)
    _signer: Signer = field(init=False, repr=False)
    _session: aiohttp.ClientSession | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        key = key_of(self.custody.push_seed)
        self._signer = Signer(key, contact=self.contact)
        self._web_push = WebPush(
            private_key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            public_key=key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            subscriber=self.contact,
        )
        # The library's own would sign each message anew, for an audience without its port.
        self._web_push.vapid = self._signer

    @classmethod
    def from_settings(cls, settings: Settings, custody: Custody) -> "PushSender | None":
        """None without a contact: push services want to know whom to write to."""
        if settings.push_contact is None:
            return None
        return cls(custody=custody, contact=settings.push_contact, services=settings.push_services)

    async def send(self, notice: Notice) -> Outcome:
        """To all of the person's browsers at once."""
        if not notice.browsers:
            return RefusedForGood("push-missing")
        if notice.kind is NoticeKind.PASSWORD:
            return RefusedForGood("not-by-push")  # a locked screen would show it
        topic = topic_of(notice.notification_id, self.custody.message_key)
        content = _content(notice, topic)
        outcomes = await asyncio.gather(
            *(self._push(notice, browser, content, topic) for browser in notice.browsers)
        )
        return max(outcomes, key=lambda outcome: _BEST[type(outcome)])

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        self._session = None

    async def _push(self, notice: Notice, browser: PushAddress, content: bytes, topic: str) -> Outcome:
        if not is_known(browser.endpoint, self.services):
            return RefusedForGood("subscription-elsewhere")
        if self.rests(browser.endpoint):
            return RefusedForNow("service-rests")
        try:
            body = self._encrypted(browser, content)
        except ValueError:
            return RefusedForGood("subscription-malformed")
        headers = {
            "TTL": str(_seconds_left(notice)),
            "Urgency": "high" if notice.is_urgent or notice.kind is NoticeKind.TEST else "normal",
            "Topic": topic,
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "Authorization": self._signer.authorization(browser.endpoint),
        }
        outcome = await self._posted(browser.endpoint, body, headers)
        self.heard(browser.endpoint, outcome)
        if isinstance(outcome, RefusedForGood) and outcome.code == "subscription-gone":
            # If it can't be recorded now, the service will say so again.
            with suppress(*DATABASE_AWAY):
                await asyncio.to_thread(self.gone, notice.recipient_id, browser.subscription_id)
        return outcome

    def _encrypted(self, browser: PushAddress, content: bytes) -> bytes:
        """ValueError for keys that are none. Nothing here waits: 0.16 ms."""
        subscription = WebPushSubscription.model_validate(
            {"endpoint": browser.endpoint, "keys": {"p256dh": browser.p256dh, "auth": browser.auth}}
        )
        return bytes(self._web_push.get(content, subscription).encrypted)

    async def _posted(self, endpoint: str, body: bytes, headers: dict[str, str]) -> Outcome:
        """The session is of the loop that sends, so it is opened there."""
        if self._session is None:
            self._session = _opened_session()
        try:
            async with (
                asyncio.timeout(SEND_SECONDS),
                # A redirect is not followed: nobody allowed where it leads.
                self._session.post(endpoint, data=body, headers=headers, allow_redirects=False) as response,
            ):
                await _read_out(response)
                return _outcome(response)
        except _NOT_SENT:
            return RefusedForNow("connection")
        except TimeoutError:
            return Unknown("timeout-after-request")
        except aiohttp.ClientError:
            return Unknown("connection-lost-after-request")


def _opened_session() -> aiohttp.ClientSession:
    """Connections to the few services are kept. Nothing of the environment (proxies, netrc) and no cookies."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=60.0),
        # How long all of it may take, whoever sends says.
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )


async def _read_out(response: aiohttp.ClientResponse) -> None:
    """What is left unread would cost the connection; an answer that does not end costs it too."""
    received = 0
    async for chunk in response.content.iter_any():
        received += len(chunk)
        if received > _ANSWER_BYTES_MAX:
            response.close()
            return


def _outcome(response: aiohttp.ClientResponse) -> Outcome:
    status = response.status
    if 200 <= status < 300:
        return HandedOver(_message_id(response))
    if status in _GONE:
        return RefusedForGood("subscription-gone")
    if status == GATEWAY_TIMEOUT:
        return Unknown(str(status))
    if 400 <= status < 500 and status not in _FOR_NOW:
        return RefusedForGood(str(status))
    return RefusedForNow(str(status), seconds_of(response.headers.get("Retry-After")))


def _message_id(response: aiohttp.ClientResponse) -> str | None:
    """The last part of the address that the service gave the message (RFC 8030, section 5), if it is a number."""
    location = urlsplit(response.headers.get("Location", "")).path
    return remote_id(location.rpartition("/")[2])


def _seconds_left(notice: Notice) -> int:
    left = notice.requested_at + _LIFE - datetime.now(UTC)
    return int(max(left, _SHORTEST).total_seconds())


def topic_of(notification_id: UUID, message_key: bytes) -> str:
    """32 letters of base64url, as many as RFC 8030, 5.4 allows. It tells the service nothing of the notification."""
    digest = hmac.digest(message_key, b"push-topic" + notification_id.bytes, hashlib.sha256)
    return urlsafe_b64encode(digest[:24]).decode()


def _content(notice: Notice, topic: str) -> bytes:
    """What the service worker shows; spaces behind JSON mean nothing."""
    content = {
        "kind": notice.kind.value,
        "title": phrase("push.notice.title", locale=notice.locale),
        "body": _words(notice.kind, notice.locale, notice.count, for_ward=notice.for_ward),
        "lang": notice.locale,
        "link": urlsplit(notice.link).path or "/",
        "tag": topic,
    }
    return orjson.dumps(content).ljust(_CONTENT_BYTES)


@lru_cache(maxsize=1024)
def _words(kind: NoticeKind, locale: Locale, count: int, *, for_ward: bool) -> str:
    """Nothing of what it says, nor whose it is: any passer-by may read a locked screen."""
    ward = "ward." if for_ward and kind is not NoticeKind.TEST else ""
    if kind is NoticeKind.DIGEST:
        return plural_phrase(f"push.notice.{ward}digest", count, locale=locale)
    return phrase(f"push.notice.{ward}{kind}", locale=locale)
