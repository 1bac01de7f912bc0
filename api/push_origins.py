"""Push services: which hosts a notice may be sent to. The address comes from a browser, and nobody's word alone may
make this server call an address of their choosing (SSRF)."""

import re
from collections.abc import Iterable
from typing import Final

# Of Chrome, Edge, Opera, Samsung Internet and other browsers of Chromium's kind; of Firefox; of Edge; of Safari.
PUSH_SERVICES: Final = (
    "fcm.googleapis.com",
    "*.push.services.mozilla.com",
    "*.notify.windows.com",
    "*.push.apple.com",
)
ENDPOINT_MAX: Final = 2048
# Narrower than a URL may be, so that no two readers of it can disagree on its host: no user, no backslash.
_ENDPOINT: Final = re.compile(
    r"(?P<origin>(?P<scheme>https?)://(?P<host>[a-z0-9.-]+)(:[0-9]{1,5})?)/[!-\[\]-~]*"
)


def origin_of(endpoint: str) -> str:
    """The audience of what proves who we are (RFC 8292, section 2). ValueError for what is no endpoint."""
    found = _ENDPOINT.fullmatch(endpoint)
    if found is None or len(endpoint) > ENDPOINT_MAX:
        raise ValueError("no endpoint")
    return found["origin"]


def is_known(endpoint: str, services: Iterable[str]) -> bool:
    """Whether the endpoint is at one of the services: hosts, `*.` and a domain, or whole origins."""
    try:
        origin = origin_of(endpoint)
    except ValueError:
        return False
    return any(
        origin == service if "://" in service else _is_at(origin, service.lower()) for service in services
    )


def _is_at(origin: str, service: str) -> bool:
    """By https and at its own port only: another port is another server's."""
    scheme, _, host = origin.partition("://")
    is_host = host == service or (service.startswith("*.") and host.endswith(service[1:]))
    return scheme == "https" and is_host
