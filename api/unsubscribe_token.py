"""The token of an address at which one person turns one channel off without signing in (RFC 8058).

It is the proof: who holds the message may do that much, and nothing else. It tells nothing of the person.
"""

from typing import Final
from uuid import UUID

from api import opaque_token
from domain.channel import Channel
from domain.values import PatientId
from ledger.codec import Circumstances

_USE: Final = b"unsubscribe"
# The place of a channel never changes: letters lie in mailboxes for years.
_CHANNELS: Final = (Channel.EMAIL, Channel.SMS, Channel.PUSH)


def make(message_key: bytes, patient_id: PatientId, channel: Channel) -> str:
    return opaque_token.seal(message_key, _USE, patient_id.bytes + bytes([_CHANNELS.index(channel)]))


def read(message_key: bytes, token: str) -> tuple[PatientId, Channel] | None:
    """Whose notices of which channel are to stop; None if the token is not ours."""
    content = opaque_token.unseal(message_key, _USE, token)
    if content is None or len(content) != 17 or content[16] >= len(_CHANNELS):
        return None
    return PatientId(UUID(bytes=content[:16])), _CHANNELS[content[16]]


def by_holder(patient_id: PatientId) -> Circumstances:
    """Who acts by the token: whoever has the message, in its reader's place."""
    return Circumstances(actor="link:unsubscribe", on_behalf_of=f"patient:{patient_id}")
