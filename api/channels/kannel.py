"""An SMS handed to Kannel's smsbox: its `sendsms` by POST, so that no phone and no text stands in a log of addresses.

smsbox gives no number for a message. So its receipt comes by the address that is told with the message, which has our
number and a seal of it in it (api/sms_receipts.py).
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from api.channels import sms_http
from api.channels.gsm import segments_of
from api.channels.short_message import ShortMessage
from api.outcome import Outcome

# Kannel's dlr-mask: reached the phone, did not, kept by the centre, taken by the centre, refused by the centre.
_ALL_RECEIPTS: Final = 31
_GSM_7, _UCS_2 = 0, 2

# Where the receipt of our number is to be told.
ReceiptUrl = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Smsbox:
    """Where it is and who we are there. `url` is that of sendsms."""

    url: str
    user: str
    password: str = field(repr=False)
    sender: str


class KannelGateway:
    """One smsbox, and the connections to it."""

    width = sms_http.WIDTH

    def __init__(
        self,
        smsbox: Smsbox,
        *,
        receipt_url: ReceiptUrl | None = None,
        timeout_seconds: float = sms_http.SECONDS,
    ) -> None:
        self._smsbox = smsbox
        self._receipt_url = receipt_url
        self._client = sms_http.client_of(timeout_seconds)

    async def submit(self, message: ShortMessage) -> Outcome:
        request = self._client.build_request(
            "POST",
            self._smsbox.url,
            content=message.text.encode("utf-8", "replace"),
            headers=_headers(self._smsbox, message, self._receipt_url),
        )
        return await sms_http.hand_over(self._client, request, number=_nothing, refusal=_nothing)

    async def close(self) -> None:
        await self._client.aclose()


def _headers(smsbox: Smsbox, message: ShortMessage, receipt_url: ReceiptUrl | None) -> dict[str, str]:
    """What smsbox takes beside a text that is the body (Kannel's user guide, «SMS push by POST»)."""
    told = {
        "Content-Type": "text/plain; charset=UTF-8",
        "X-Kannel-Username": smsbox.user,
        "X-Kannel-Password": smsbox.password,
        "X-Kannel-From": smsbox.sender,
        "X-Kannel-To": message.phone,
        "X-Kannel-Coding": str(_UCS_2 if segments_of(message.text).is_ucs2 else _GSM_7),
    }
    if receipt_url is not None and message.wants_receipt:
        told |= {"X-Kannel-DLR-Mask": str(_ALL_RECEIPTS), "X-Kannel-DLR-Url": receipt_url(message.reference)}
    return told


def _nothing(body: bytes) -> None:
    """smsbox answers in words for people, which may repeat what was sent."""


# Receipts.


def receipt_url(public_url: str, message_key: bytes, reference: str) -> str:
    """Kannel puts what became of the message, and the centre's number of it, where %d and %F are."""
    seal = receipt_seal(message_key, reference)
    return f"{public_url}/receipts/sms/kannel/{reference}?seal={seal}&status=%d&number=%F"


def receipt_seal(message_key: bytes, reference: str) -> str:
    """Whoever knows it was told it by us, with this very message."""
    return hmac.digest(message_key, b"letopis/kannel-receipt@v1" + reference.encode(), "sha256").hex()
