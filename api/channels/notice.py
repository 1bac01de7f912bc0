"""A notice: what is said to one person by one channel, and the port through which a channel takes it.

The words follow from its kind. Nothing about health is in it, and no name of an organisation: those are read in
the cabinet, after signing in. What may carry a document is an e-mail, by its own consent, and sealed by a password.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from api.outcome import Outcome
from api.pages import Locale
from domain.values import PatientId


class NoticeKind(StrEnum):
    """Which words it has. `digest` tells of several reports, `test` was asked for to see whether notices arrive."""

    READY = "ready"
    CORRECTED = "corrected"
    WITHDRAWN = "withdrawn"
    DIGEST = "digest"
    DOCUMENT = "document"
    PASSWORD = "password"  # noqa: S105 - a kind of notice
    TEST = "test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that goes along, already sealed by its password."""

    file_name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PushAddress:
    """A browser that takes pushes: its subscription as the browser gave it (RFC 8030, RFC 8291), and our id of it."""

    subscription_id: UUID
    endpoint: str
    p256dh: str
    auth: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """The same at every try, so that what is sent twice is known again: by Message-ID, Topic or reference.
    `link` leads to a page that asks to sign in. `count` and `corrections` are a digest's. A channel reads the
    address that is its own."""

    notification_id: UUID
    recipient_id: PatientId
    kind: NoticeKind
    locale: Locale
    link: str
    requested_at: datetime
    email: str | None = None
    phone: str | None = None
    browsers: tuple[PushAddress, ...] = ()
    count: int = 1
    corrections: int = 0
    is_urgent: bool = False
    for_ward: bool = False
    attachment: Attachment | None = None
    password: str | None = None


class Sender(Protocol):
    """A channel. `send` never raises for what the other side does: that is an outcome. It may be called for many
    notices at once in one event loop; `width` says for how many. Connections are kept until `close`."""

    width: int

    async def send(self, notice: Notice) -> Outcome: ...

    async def close(self) -> None: ...
