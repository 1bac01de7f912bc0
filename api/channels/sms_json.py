"""An SMS handed to the operator's HTTP gateway in a form of our own: one POST of JSON.

It is told `to`, `text` and `reference`, our number, by which it can be asked what became of the message and by which
its receipt names it (api/sms_receipts.py). It answers 2xx with its own `id`, or a status of refusal; with the
error `number-unknown` if there is no such number.
"""

import json
from typing import Final

from api.channels import sms_http
from api.channels.short_message import NUMBER_UNKNOWN, ShortMessage
from api.outcome import Outcome, remote_id

# The errors that our form knows; of others the status is told.
_ERRORS: Final = frozenset({NUMBER_UNKNOWN})


class JsonGateway:
    """One gateway, and the connections to it."""

    width = sms_http.WIDTH

    def __init__(self, *, url: str, token: str, timeout_seconds: float = sms_http.SECONDS) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = sms_http.client_of(timeout_seconds)

    async def submit(self, message: ShortMessage) -> Outcome:
        body = {"to": message.phone, "text": message.text, "reference": message.reference}
        request = self._client.build_request("POST", self._url, json=body, headers=self._headers)
        return await sms_http.hand_over(self._client, request, number=_number, refusal=_refusal)

    async def close(self) -> None:
        await self._client.aclose()


def _number(body: bytes) -> str | None:
    given = _member(body, "id")
    return remote_id(str(given)) if isinstance(given, str | int) else None


def _refusal(body: bytes) -> str | None:
    given = _member(body, "error")
    return given if isinstance(given, str) and given in _ERRORS else None


def _member(body: bytes, name: str) -> object:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return answer.get(name) if isinstance(answer, dict) else None
