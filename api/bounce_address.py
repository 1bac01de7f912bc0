"""Where letters come back to: an address for each notice (VERP), so that a report says of which it is, whatever
the servers on its way made of the letter itself."""

from dataclasses import dataclass
from typing import Final, Self
from uuid import UUID

from api import opaque_token
from api.settings import Settings

_USE: Final = b"bounce"


@dataclass(frozen=True, slots=True)
class Place:
    """The domain whose mail comes to our own listener, and the name before the plus (RFC 5233)."""

    local_part: str
    domain: str

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        if settings.bounce_domain is None:
            return None
        return cls(settings.bounce_local, settings.bounce_domain.lower())

    def address(self, token: str) -> str:
        return f"{self.local_part}+{token}@{self.domain}"

    def for_notice(self, message_key: bytes, notification_id: UUID) -> str:
        return self.address(opaque_token.seal(message_key, _USE, notification_id.bytes))

    def token_of(self, address: str) -> str | None:
        """What stands after the plus, if the address is of this place. Servers may have changed its case."""
        local_part, _, domain = address.lower().rpartition("@")
        name, plus, token = local_part.partition("+")
        return token if plus and (name, domain) == (self.local_part, self.domain) else None


def notice_of(message_key: bytes, token: str) -> UUID | None:
    """The notice whose letter came back; None if the token is not of one."""
    content = opaque_token.unseal(message_key, _USE, token)
    return UUID(bytes=content) if content is not None and len(content) == 16 else None
