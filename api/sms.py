"""A short message handed to the operator's HTTP gateway."""

import json
from typing import Final

import httpx2

from api.outcome import HandedOver, Outcome, RefusedForGood, RefusedForNow, Unknown, remote_id

_ANSWER_LIMIT: Final = 65_536
# Unlike the dot of SMTP, HTTP has no point before which the gateway cannot have accepted, once the request
# is on its way. So only these are certain: no connection, or a request that did not get out whole.
_NOT_SENT: Final = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.WriteError,
    httpx2.WriteTimeout,
)
_NO_ANSWER: Final = (httpx2.ReadTimeout, httpx2.ReadError, httpx2.RemoteProtocolError)
# Not about this message: our token, our pace, our clock. The rest of 4xx is.
_FOR_NOW: Final = frozenset({401, 407, 408, 425, 429})
_GATEWAY_TIMEOUT: Final = 504


def send_sms(
    *, gateway_url: str, token: str, phone: str, text: str, reference: str, timeout_seconds: float
) -> Outcome:
    """One POST. `reference` is our number, by which the gateway can be asked what became of it.

    A redirect is not followed: it would carry the token and the phone to an address nobody configured.
    """
    body = {"to": phone, "text": text, "reference": reference}
    headers = {"Authorization": f"Bearer {token}"}
    try:
        with (
            httpx2.Client(timeout=timeout_seconds, follow_redirects=False) as client,
            client.stream("POST", gateway_url, json=body, headers=headers) as response,
        ):
            if response.is_success:
                return HandedOver(_remote_id(response))
            return _refused(response.status_code)
    except _NOT_SENT:
        return RefusedForNow("connection")
    except httpx2.ReadTimeout:
        return Unknown("timeout-after-request")
    except _NO_ANSWER:
        return Unknown("connection-lost-after-request")


def _refused(status: int) -> Outcome:
    if status == _GATEWAY_TIMEOUT:  # a proxy waited in our place and gave up: the same as our own timeout
        return Unknown(str(status))
    is_final = 400 <= status < 500 and status not in _FOR_NOW
    return RefusedForGood(str(status)) if is_final else RefusedForNow(str(status))


def _remote_id(response: httpx2.Response) -> str | None:
    """The gateway's number. The status has said that it accepted: a broken body changes nothing."""
    received = bytearray()
    try:
        for chunk in response.iter_bytes():
            received += chunk
            if len(received) > _ANSWER_LIMIT:
                return None
        answer = json.loads(received)
    except (httpx2.HTTPError, ValueError, RecursionError):
        return None
    given = answer.get("id") if isinstance(answer, dict) else None
    return remote_id(str(given)) if isinstance(given, str | int) else None
