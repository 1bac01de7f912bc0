"""Codes of an authenticator program (TOTP, RFC 6238), as patients and staff both use them.

A code is good in its own 30 seconds only: a neighbour's would live longer than ASVS 6.5.5 lets it. That no
step is accepted twice is for the caller to see to, in the database.
"""

from base64 import b32encode
from io import BytesIO
from time import time

import segno
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP

STEP_SECONDS = 30
SECRET_BYTES = 20
ISSUER = "Letopis"


def authenticator(secret: bytes) -> TOTP:
    """What common authenticator programs do: six digits, SHA-1, a step of 30 seconds."""
    return TOTP(secret, 6, SHA1(), STEP_SECONDS)  # noqa: S303 - HMAC-SHA-1, as they all expect


def step_of(secret: bytes, code: str) -> int | None:
    """The time step whose code this is: the present one or none."""
    seconds = time()
    try:
        authenticator(secret).verify("".join(code.split()).encode(), int(seconds))
    except InvalidToken:
        return None
    return int(seconds) // STEP_SECONDS


def address(secret: bytes, name: str) -> str:
    """The otpauth address that programs take, by a link or as a QR code."""
    return authenticator(secret).get_provisioning_uri(name, ISSUER)


def manual_key(secret: bytes) -> str:
    """The secret for typing in, in groups of four."""
    text = b32encode(secret).decode().rstrip("=")
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def qr_svg(secret: bytes, name: str) -> bytes:
    """The address as a picture, black on white in every theme, or phones could not read it."""
    picture = BytesIO()
    code = segno.make(address(secret, name), error="m", micro=False)
    code.save(picture, kind="svg", scale=5, border=4, dark="#000", light="#fff")
    return picture.getvalue()
