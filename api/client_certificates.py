"""Client certificates that a TLS-terminating proxy hands on (RFC 9440), and whom to believe that.

A header field can be sent by anybody. So it is believed only from the addresses that the operator named, and
from anybody else it is refused: left aside in silence it would hide that a proxy is not set up as it should be.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import http_sf
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from api.problems import ProblemError

Address = IPv4Address | IPv6Address

FIELDS = ("client-cert", "client-cert-chain")
_SIZE_MAX = 16_384


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 (hex) of the DER form: the name by which a certificate is registered."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def address_of(host: str | None) -> Address | None:
    """The address of a peer; an IPv4 address in IPv6 clothes is the IPv4 address. None of a socket file."""
    try:
        found = ip_address(host or "")
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def handed_on(
    headers: Sequence[tuple[str, str]], *, peer: Address | None, believed: Sequence[Address], now: datetime
) -> x509.Certificate | None:
    """The certificate that the proxy at `peer` vouches for; None if there is no such field."""
    values = [value for name, value in headers if name == "client-cert"]
    if not any(name in FIELDS for name, _ in headers):
        return None
    if peer is None or peer not in believed:
        raise ProblemError("client-certificate-not-believed", "client-cert")
    if not values:
        return None
    if len(values) > 1 or len(values[0]) > _SIZE_MAX:
        raise ProblemError("message-header-invalid", "client-cert")
    certificate = _parsed(values[0])
    # The proxy has checked the chain; that the time has not run out costs nothing to see again.
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise ProblemError("client-certificate-unknown", "client-cert")
    return certificate


def _parsed(value: str) -> x509.Certificate:
    try:
        found: Any = http_sf.parse(value.encode("ascii"), tltype="item")
        item, parameters = found
        if isinstance(item, bytes) and not parameters:
            return x509.load_der_x509_certificate(item)
    except ValueError:
        pass
    raise ProblemError("message-header-invalid", "client-cert")
