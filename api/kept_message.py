"""How a message that came over HTTP without an envelope is kept: what proves its sender, then its bytes.

    letopis/message@v1
    "@method": POST
    "@target-uri": https://letopis.example/v1/messages
    …
    "@signature-params": ("@method" "@target-uri" …);created=…;keyid="…";alg="ed25519";…
    signature: <base64>

    <the content, byte for byte>

The lines between the first and `signature:` are the signature base of RFC 9421, 2.5, as it was signed, so
whoever has the laboratory's public key can verify its signature later, without this program. For a client
certificate `certificate:` takes the place of `signature:`, with the DER form in base64, and the lines before it
name the content type and the idempotency key. No line of the head is empty: the first empty line ends it.

The form is for ever: documents of this form lie sealed beside the events.
"""

import base64
from collections.abc import Iterable

_FIRST_LINE = b"letopis/message@v1"


def kept_signed(base: str, signature: bytes, content: bytes) -> bytes:
    """`base` is the signature base that `signature` is over."""
    return _kept([*base.split("\n"), f"signature: {base64.b64encode(signature).decode()}"], content)


def kept_certified(
    certificate: bytes, content: bytes, *, content_type: str, idempotency_key: str | None
) -> bytes:
    """`certificate` is in DER form."""
    lines = [f'"content-type": {content_type}']
    if idempotency_key is not None:
        lines.append(f'"idempotency-key": {idempotency_key}')
    return _kept([*lines, f"certificate: {base64.b64encode(certificate).decode()}"], content)


def is_message(document: bytes) -> bool:
    """Whether a kept document is of this form."""
    return document.startswith(_FIRST_LINE + b"\n")


def message_in(document: bytes) -> bytes:
    """The content of a kept document of this form."""
    return document.partition(b"\n\n")[2]


def _kept(lines: Iterable[str], content: bytes) -> bytes:
    head = [line.encode("ascii") for line in lines]
    assert all(line and b"\n" not in line for line in head)
    return b"\n".join([_FIRST_LINE, *head, b"", content])
