"""The secrets that lie outside the database: key-encryption keys, index key, log key, intake key.

Each secret is one file of mode 0600 in one folder. They are made once, by `create`, and never made
anew by accident: a ledger whose secrets are lost must say so, not start with fresh ones.
"""

import fcntl
import hmac
import os
import secrets
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12


class SecretMissingError(Exception):
    """A secret file is missing: restore the folder of secrets from its backup."""


class KeyNotUnwrappedError(Exception):
    """A wrapped key does not open: it was changed, moved to another row, or wrapped by another key."""


@dataclass(frozen=True, slots=True)
class Custody:
    """Secrets of one ledger. `wrapping_keys` are by epoch; new keys are wrapped by the latest.
    `index_key` makes marks, which can be made anew under another key; `stream_key` makes stream ids,
    which are for ever; `log_seed` signs checkpoints; from `message_key` follows what goes out with messages:
    codes, Message-IDs, tokens of links and return addresses, passwords of documents, the key of pushes."""

    folder: Path
    wrapping_keys: dict[int, bytes]
    index_key: bytes
    stream_key: bytes
    log_seed: bytes
    message_key: bytes

    @property
    def epoch(self) -> int:
        return max(self.wrapping_keys)

    @property
    def fingerprint(self) -> bytes:
        """By which a ledger knows its own secrets again, without telling anything of them."""
        keys = self.stream_key + self.log_seed + self.message_key
        return hmac.digest(self.stream_key, b"letopis/secrets@v1" + keys, "sha256")

    @property
    def receipt_seed(self) -> bytes:
        """Signs receipts."""
        return hmac.digest(self.stream_key, b"letopis/receipt-key@v1", "sha256")

    @property
    def sample_seed(self) -> bytes:
        """Signs the sample reports that the system sends by itself."""
        return hmac.digest(self.stream_key, b"letopis/sample-key@v1", "sha256")

    @property
    def push_seed(self) -> bytes:
        """Signs to push services that it is we who write (VAPID)."""
        return hmac.digest(self.message_key, b"letopis/push-key@v1", "sha512")

    def wrap(self, key: bytes, *, about: bytes) -> bytes:
        """The key sealed under the current epoch; it opens only with the same `about`."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + _aead(self.wrapping_keys[self.epoch]).encrypt(nonce, key, about)

    def unwrap(self, wrapped: bytes, *, epoch: int, about: bytes) -> bytes:
        if epoch not in self.wrapping_keys:
            raise SecretMissingError(f"key-encryption key of epoch {epoch}")
        try:
            return _aead(self.wrapping_keys[epoch]).decrypt(
                wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], about
            )
        except InvalidTag:
            raise KeyNotUnwrappedError from None


@lru_cache(maxsize=8)
def _aead(wrapping_key: bytes) -> AESGCM:
    """Made once: its key schedule takes longer than wrapping does."""
    return AESGCM(wrapping_key)


def create(folder: Path) -> None:
    """Make all secrets in a folder that has none. A folder that has some is left as it is: a secret that
    is missing there was lost, and a fresh one in its place would open nothing."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not any(folder.glob("*.key")):
            for name in ("index", "stream", "log", "message", "kek-1"):
                create_file(folder / f"{name}.key", secrets.token_bytes(KEY_BYTES))


def load(folder: Path) -> Custody:
    """The secrets of the folder; every one of them must be there."""
    epochs = {int(path.stem.removeprefix("kek-")): _read(path) for path in folder.glob("kek-*.key")}
    if not epochs:
        raise SecretMissingError(f"no key-encryption key in {folder}")
    return Custody(
        folder=folder,
        wrapping_keys=epochs,
        index_key=_read(folder / "index.key"),
        stream_key=_read(folder / "stream.key"),
        log_seed=_read(folder / "log.key"),
        message_key=_read(folder / "message.key"),
    )


def create_file(path: Path, content: bytes) -> None:
    """Written whole under another name, then linked: nobody ever reads half a secret."""
    if path.exists():
        return
    draft = path.with_suffix(f".{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    _make_durable(path.parent)


def _make_durable(folder: Path) -> None:
    """A new name in a folder is on the disk only when the folder is: a key lost to a power cut after
    the data that it wraps was stored would be lost for good."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> bytes:
    try:
        secret = path.read_bytes()
    except FileNotFoundError:
        raise SecretMissingError(str(path)) from None
    if len(secret) != KEY_BYTES:
        raise SecretMissingError(f"{path} is not {KEY_BYTES} bytes long")
    return secret
