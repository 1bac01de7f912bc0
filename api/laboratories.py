"""A laboratory's side: its keys as files, and envelopes as its system would make them.

Used by `letopis lab` and `letopis ingest`, by the demo and by tests; the server never reads these keys.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from joserfc.jwk import OKPKey

from api.envelope import seal
from api.envelope_keys import generate_key, load_key, private_jwk
from domain.laboratory import LaboratoryKeyAdded, LaboratoryRegistered, Statement
from domain.values import LaboratoryId
from ledger import onboarding
from ledger.codec import Circumstances
from ledger.custody import create_file
from ledger.store import Ledger

OPERATOR = Circumstances(actor="operator:command-line")


class LaboratoryKeyMissingError(Exception):
    """There is no signing key of this laboratory on this machine: run `letopis lab add`."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A laboratory that can sign: its handle, and its private key."""

    handle: str
    key: OKPKey

    def envelope(
        self,
        content: bytes,
        *,
        envelope_id: str,
        audience: str,
        recipient_key: OKPKey,
        content_type: str = "application/fhir+json",
    ) -> bytes:
        """The content in an envelope for this system, signed now."""
        return seal(
            content,
            content_type=content_type,
            signing_key=self.key,
            key_id=self.key.thumbprint(),
            issuer=self.handle,
            audience=audience,
            envelope_id=envelope_id,
            issued_at=datetime.now(UTC),
            recipient_key=recipient_key,
        )


def envelope_id_of(content: bytes) -> str:
    """The same file sent again is the same submission."""
    return f"file-{hashlib.sha256(content).hexdigest()}"


def add(
    ledger: Ledger, home: Path, registered: LaboratoryRegistered, *stated: Statement
) -> tuple[LaboratoryId, Sender]:
    """Register a laboratory with a new key, which is kept in its file under `home`."""
    path = _path(home, registered.handle)
    laboratory_id = onboarding.register_laboratory(ledger, registered, *stated, by=OPERATOR)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        create_file(path, private_jwk(generate_key("Ed25519")).encode())
    sender = load(home, registered.handle)
    _register_key(ledger, sender)
    return laboratory_id, sender


def key_made_elsewhere(public_jwk: str) -> LaboratoryKeyAdded:
    """The key in the text of a public JWK. KeyUnusableError if it is none, or tells the private part."""
    key = load_key(public_jwk, "Ed25519", private=False)
    return LaboratoryKeyAdded(key_id=key.thumbprint(), public_key=str(key.as_dict(private=False)["x"]))


def rotate(ledger: Ledger, home: Path, handle: str) -> tuple[Sender, Sender]:
    """The old key and a new one, which is in force beside it and is signed with from now on. The old file
    is kept under another name."""
    old = load(home, handle)
    new = Sender(handle, generate_key("Ed25519"))
    # Registered first: a key that is on the disk alone would sign what is refused.
    _register_key(ledger, new)
    path = _path(home, handle)
    create_file(path.with_suffix(f".{old.key.thumbprint()}.old"), path.read_bytes())
    draft = path.with_suffix(".new")
    create_file(draft, private_jwk(new.key).encode())
    draft.replace(path)
    return old, new


def _register_key(ledger: Ledger, sender: Sender) -> None:
    onboarding.add_laboratory_key(
        ledger,
        sender.handle,
        key_id=sender.key.thumbprint(),
        public_key=str(sender.key.as_dict(private=False)["x"]),
        by=OPERATOR,
    )


def load(home: Path, handle: str) -> Sender:
    try:
        return Sender(handle, load_key(_path(home, handle).read_text(), "Ed25519", private=True))
    except FileNotFoundError:
        raise LaboratoryKeyMissingError(handle) from None


def known(home: Path) -> Iterator[str]:
    """The handles whose keys lie under `home`."""
    for path in sorted((home / "laboratories").glob("*.jwk")):
        yield path.stem


class HandleMalformedError(ValueError):
    """A handle is made of Latin letters, digits and dashes."""


def checked_handle(text: str) -> str:
    """A handle that can name a file."""
    if not text.replace("-", "").replace("_", "").isalnum():
        raise HandleMalformedError
    return text


def new_handle(text: str) -> str:
    """A handle that goes into a header of HTTP too (Letopis-Laboratory)."""
    if not text.isascii():
        raise HandleMalformedError
    return checked_handle(text)


def _path(home: Path, name: str) -> Path:
    try:
        return home / "laboratories" / f"{checked_handle(name)}.jwk"
    except HandleMalformedError:
        raise LaboratoryKeyMissingError(name) from None


def stranger(handle: str) -> Sender:
    """Somebody who signs with a key that nobody registered."""
    return Sender(handle, generate_key("Ed25519"))


def recipient_key(jwk: dict[str, str]) -> OKPKey:
    """The intake's key, as `GET /v1/keys` gives it."""
    return load_key(json.dumps(jwk), "X25519", private=False)
