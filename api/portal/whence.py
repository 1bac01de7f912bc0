"""From where a person comes: the browser, the system and the network, told so coarsely that it names nobody.

It is shown to the person themselves, so that they see a session that is not theirs. A network is 256 addresses
(IPv4) or a site (IPv6 /48), and is sealed wherever it is kept.
"""

from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final
from uuid import UUID

from fastapi import Request
from ua_parser import parse_os, parse_user_agent

from api.arrivals import asker
from api.settings import Settings
from ledger import sealing
from ledger.store import Ledger

_USER_AGENT_MAX = 512


@dataclass(frozen=True, slots=True)
class Whence:
    """`device` is like "Firefox, Linux", `network` like 192.0.2.0/24; empty where nothing is known."""

    device: str = ""
    network: str = ""


NOWHERE: Final = Whence()


def whence_of(request: Request, settings: Settings) -> Whence:
    return Whence(device_of(request.headers.get("user-agent", "")), _network_of(request, settings))


def device_of(user_agent: str) -> str:
    """Browser and system by their names, without versions. Whatever else stands in the header is not kept."""
    text = user_agent[:_USER_AGENT_MAX]
    found = (parse_user_agent(text), parse_os(text))
    return ", ".join(one.family for one in found if one is not None)


def _network_of(request: Request, settings: Settings) -> str:
    address = asker(request, settings)
    if address is None:
        return ""
    return str(ip_network((address, 24 if address.version == 4 else 48), strict=False))


def seal_network(ledger: Ledger, session_id: UUID, network: str) -> bytes:
    """Under a secret that is not in the database."""
    return sealing.seal(_key(ledger), about=session_id, header=b"network", plaintext=network.encode())[0]


def unseal_network(ledger: Ledger, session_id: UUID, sealed: bytes | None) -> str:
    if sealed is None:
        return ""
    return sealing.unseal(_key(ledger), about=session_id, header=b"network", body=sealed).decode()


def _key(ledger: Ledger) -> bytes:
    return sealing.derive(ledger.custody.message_key, b"access", b"network")
