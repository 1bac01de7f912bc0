"""What a SMART Health Link is made of: the link itself, its passcode, and files encrypted under its key.

HL7 FHIR IG "SMART Health Cards and Links" 1.0.0 (STU 1), "Links specification". Our links are plain ones: a client that
knows nothing but that text opens them.
"""

import base64
import secrets
from datetime import UTC
from io import BytesIO
from typing import Any, Final

import orjson
import segno
from joserfc import jwe
from joserfc.jwk import OctKey

from api.settings import Settings
from domain.sharing import Share, ShareDescribed

# Where links of ours are asked; the secret part follows.
PATH: Final = "/shl"
VIEWER: Final = "/view"
FILE_TYPE: Final = "application/fhir+json"
URL_MAX: Final = 128
PASSCODE_DIGITS: Final = 6
_ALGORITHMS: Final = ["dir", "A256GCM", "DEF"]


class LinkTooLongError(Exception):
    """The address of the installation is too long for a link: the specification allows 128 characters."""


def new_passcode() -> str:
    """Six digits: with ten tries for as long as the link lives, one guess in a hundred thousand succeeds."""
    return f"{secrets.randbelow(10**PASSCODE_DIGITS):0{PASSCODE_DIGITS}d}"


def manifest_url(settings: Settings, token: str) -> str:
    url = f"{settings.public_url}{PATH}/{token}"
    if len(url) > URL_MAX:
        raise LinkTooLongError
    return url


def payload_of(settings: Settings, share: Share, described: ShareDescribed) -> dict[str, Any]:
    """The link's payload. `L`: what stands behind it may change, and may be asked for again; `P`: a passcode is needed.
    `U` is never set: a bare file could neither be counted nor kept behind a passcode."""
    assert described.token is not None and described.key is not None
    flags = ("L" if share.openings_max is None else "") + ("P" if share.needs_passcode else "")
    found: dict[str, Any] = {"url": manifest_url(settings, described.token), "key": described.key}
    found["exp"] = int(share.until.astimezone(UTC).timestamp())
    if flags:
        found["flag"] = flags
    if described.label:
        found["label"] = described.label
    return found | {"v": 1}


def link_of(settings: Settings, share: Share, described: ShareDescribed) -> str:
    """The link as a client of the specification takes it."""
    raw = orjson.dumps(payload_of(settings, share, described))
    return f"shlink:/{base64.urlsafe_b64encode(raw).rstrip(b'=').decode()}"


def viewer_link(settings: Settings, share: Share, described: ShareDescribed) -> str:
    """The link before which our viewer stands. What follows the # never reaches a server."""
    return f"{settings.public_url}{VIEWER}#{link_of(settings, share, described)}"


def encrypted(content: bytes, key: str) -> str:
    """A file of the link as a compact JWE. Each encryption draws a nonce of its own, as one key is for all files."""
    header = {"alg": "dir", "enc": "A256GCM", "cty": FILE_TYPE, "zip": "DEF"}
    secret = OctKey.import_key({"kty": "oct", "k": key})
    return jwe.encrypt_compact(header, content, secret, algorithms=_ALGORITHMS)


def picture(text: str, kind: str) -> bytes:
    """A QR code with error correction M, as the specification recommends; black on white in every theme, or phones
    could not read it."""
    found = BytesIO()
    segno.make(text, error="m", micro=False, boost_error=False).save(
        found, kind=kind, scale=4, border=4, dark="#000", light="#fff"
    )
    return found.getvalue()
