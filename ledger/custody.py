"""The secrets that lie outside the database: key-encryption keys, index key, intake key, keys of the log.

Each secret is one file of mode 0600 in one folder. They are made once, by `create`, and never made
anew by accident: a ledger whose secrets are lost must say so, not start with fresh ones.

What signs the log lies in a folder of its own, the signer's, which no other process reads: `Custody`, that every
process holds, knows only the public keys.
"""

import fcntl
import hmac
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ledger.durable import make_durable

KEY_BYTES = 32
MLDSA_PUBLIC_BYTES = 1312
NONCE_BYTES = 12


class SecretMissingError(Exception):
    """A secret file is missing: restore the folder of secrets from its backup."""


class ForeignSignerError(Exception):
    """The signer's folder has other keys than the ledger's log: point LETOPIS_SIGNER_HOME at the right folder, or
    restore it from its backup."""


class KeyNotUnwrappedError(Exception):
    """A wrapped key does not open: it was changed, moved to another row, or wrapped by another key."""


@dataclass(frozen=True, slots=True)
class Custody:
    """Secrets of one ledger. `wrapping_keys` are by epoch; new keys are wrapped by the latest. They are what
    the folder had when `refresh` last looked: epochs begin and are destroyed while processes run.
    `index_key` makes marks, which can be made anew under another key; `stream_key` makes stream ids,
    which are for ever; `log_public_key` (Ed25519) and `log_cosigner_key` (ML-DSA-44) verify checkpoints; from
    `message_key` follows what goes out with messages: codes, Message-IDs, tokens of links and return addresses,
    passwords of documents, the key of pushes. `signer` is the signer's folder, if it is at hand; `before` a
    fingerprint of older form."""

    folder: Path
    wrapping_keys: dict[int, bytes]
    index_key: bytes
    stream_key: bytes
    log_public_key: bytes
    log_cosigner_key: bytes
    message_key: bytes
    signer: Path | None = None
    before: bytes = field(default=b"", repr=False)

    @property
    def epoch(self) -> int:
        return max(self.wrapping_keys)

    @property
    def fingerprint(self) -> bytes:
        """By which a ledger knows its own secrets again, without telling anything of them.

        A ledger that is older than the signer's folder knows them by what followed from the log's secret key. That
        is kept in a file, tied to the secrets that lie beside it: with others among them it counts for nothing."""
        keys = self.stream_key + self.log_public_key + self.message_key
        before, tie = self.before[:KEY_BYTES], self.before[KEY_BYTES:]
        if hmac.compare_digest(tie, hmac.digest(self.stream_key, before + keys, "sha256")):
            return before
        return hmac.digest(self.stream_key, b"letopis/secrets@v2" + keys, "sha256")

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

    def wrap(self, key: bytes, *, about: bytes, epoch: int | None = None) -> bytes:
        """The key sealed under the epoch, the latest by default; it opens only with the same `about`."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + _aead(self.wrapping_keys[epoch or self.epoch]).encrypt(nonce, key, about)

    def unwrap(self, wrapped: bytes, *, epoch: int, about: bytes) -> bytes:
        if epoch not in self.wrapping_keys:
            self.refresh()
        wrapping_key = self.wrapping_keys.get(epoch)
        if wrapping_key is None:
            raise SecretMissingError(f"key-encryption key of epoch {epoch}")
        try:
            return _aead(wrapping_key).decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], about)
        except InvalidTag:
            raise KeyNotUnwrappedError from None

    def refresh(self) -> None:
        """Take up the epochs that were begun since, and forget those that were destroyed."""
        found = _wrapping_keys(self.folder)
        if not found or found == self.wrapping_keys:
            return
        self.wrapping_keys.update(found)
        for epoch in self.wrapping_keys.keys() - found.keys():
            self.wrapping_keys.pop(epoch, None)
        _aead.cache_clear()


@lru_cache(maxsize=8)
def _aead(wrapping_key: bytes) -> AESGCM:
    """Made once: its key schedule takes longer than wrapping does."""
    return AESGCM(wrapping_key)


def signer_beside(folder: Path) -> Path:
    """Where the signer's folder is, if nobody says otherwise."""
    return folder.with_name("signer")


def create(folder: Path, signer: Path | None = None) -> None:
    """Make all secrets in a folder that has none, and the keys of the log in the signer's. A folder that has some
    is left as it is: a secret that is missing there was lost, and a fresh one in its place would open nothing.

    Once the log's key lay among the others: it is moved."""
    signer = signer or signer_beside(folder)
    with _locked(folder):
        if (folder / "log.key").exists():
            _part_log_key(folder, signer)
        elif not any(folder.glob("*.key")):
            create_log_keys(signer)
            publish_log_keys(signer, folder)
            _create_others(folder)
        elif (signer / "log.public").exists():
            publish_log_keys(signer, folder)


def create_apart(folder: Path) -> None:
    """As `create`, where the signer lives elsewhere: its public keys must be brought here before."""
    with _locked(folder):
        if (folder / "log.public").exists() and not any(folder.glob("*.key")):
            _create_others(folder)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _create_others(folder: Path) -> None:
    for name in ("index", "stream", "message", "kek-1"):
        create_file(folder / f"{name}.key", secrets.token_bytes(KEY_BYTES))


def load(folder: Path, signer: Path | None = None) -> Custody:
    """The secrets of the folder; every one of them must be there. `signer` is the folder of the signer, if one is at
    hand: by default the one beside, if it is there."""
    beside = signer_beside(folder)
    epochs = _wrapping_keys(folder)
    if not epochs:
        raise SecretMissingError(f"no key-encryption key in {folder}")
    return Custody(
        folder=folder,
        wrapping_keys=epochs,
        index_key=_read(folder / "index.key"),
        stream_key=_read(folder / "stream.key"),
        log_public_key=_read(folder / "log.public"),
        log_cosigner_key=_read(folder / "log-mldsa.public", size=MLDSA_PUBLIC_BYTES),
        message_key=_read(folder / "message.key"),
        signer=signer or (beside if beside.exists() else None),
        before=_read(before, size=2 * KEY_BYTES) if (before := folder / "fingerprint").exists() else b"",
    )


# The signer's folder.


@dataclass(frozen=True, slots=True)
class LogKeys:
    """What signs the log: seeds of Ed25519 (RFC 8032) and of ML-DSA-44 (FIPS 204). Only the signer loads them."""

    folder: Path
    seed: bytes = field(repr=False)
    mldsa_seed: bytes = field(repr=False)


def create_log_keys(signer: Path) -> None:
    """Make those that the signer's folder lacks; where one was before, its public key says so."""
    signer.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("log", "log-mldsa"):
        if not (signer / f"{name}.public").exists():
            create_file(signer / f"{name}.key", secrets.token_bytes(KEY_BYTES))
    keys = load_log_keys(signer)
    ed25519 = Ed25519PrivateKey.from_private_bytes(keys.seed).public_key().public_bytes_raw()
    mldsa = MLDSA44PrivateKey.from_seed_bytes(keys.mldsa_seed).public_key().public_bytes_raw()
    create_file(signer / "log.public", ed25519)
    create_file(signer / "log-mldsa.public", mldsa)


def load_log_keys(signer: Path) -> LogKeys:
    """The keys of the log, for the signer alone."""
    return LogKeys(signer, _read(signer / "log.key"), _read(signer / "log-mldsa.key"))


def publish_log_keys(signer: Path, folder: Path) -> None:
    """Give the public keys to those who verify. A folder of secrets that has others belongs to another signer."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("log.public", "log-mldsa.public"):
        public = (signer / name).read_bytes()
        create_file(folder / name, public)
        if (folder / name).read_bytes() != public:
            raise ForeignSignerError(str(signer))


def _part_log_key(folder: Path, signer: Path) -> None:
    """Move the log's key and its memory out of the other secrets. Each step can be done again, and the key is taken
    away last: wherever this stops, it is whole in one of the two."""
    seed, stream_key = _read(folder / "log.key"), _read(folder / "stream.key")
    message_key = _read(folder / "message.key")
    signer.mkdir(mode=0o700, parents=True, exist_ok=True)
    create_file(signer / "log.key", seed)
    if _read(signer / "log.key") != seed:
        raise ForeignSignerError(str(signer))
    create_log_keys(signer)
    publish_log_keys(signer, folder)
    public_key = _read(folder / "log.public")
    before = hmac.digest(stream_key, b"letopis/secrets@v1" + stream_key + seed + message_key, "sha256")
    tie = hmac.digest(stream_key, before + stream_key + public_key + message_key, "sha256")
    create_file(folder / "fingerprint", before + tie)
    if (memory := folder / "last-checkpoint").exists():
        replace_file(signer / "last-checkpoint", memory.read_bytes())
        memory.unlink()
    (folder / "log.key").unlink()
    make_durable(folder)


def add_epoch(folder: Path, epoch: int) -> None:
    """Make the key-encryption key of an epoch, durable before anything is wrapped by it. One that is there stays."""
    create_file(_epoch_file(folder, epoch), secrets.token_bytes(KEY_BYTES))


def destroy_epoch(folder: Path, epoch: int) -> None:
    """Destroy the key-encryption key of an epoch: overwritten, then unlinked, each on the disk. Nothing, if it is gone.

    A file system that copies on write and an SSD may keep the old block until they use it again, and copies of the
    folder are out of reach from here: docs/backup.md says what the operator must do about both."""
    path = _epoch_file(folder, epoch)
    try:
        descriptor = os.open(path, os.O_WRONLY)
    except FileNotFoundError:
        return
    try:
        os.write(descriptor, secrets.token_bytes(KEY_BYTES))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    path.unlink()
    make_durable(folder)


def _epoch_file(folder: Path, epoch: int) -> Path:
    return folder / f"kek-{epoch}.key"


def _wrapping_keys(folder: Path) -> dict[int, bytes]:
    """By epoch. One that is destroyed while we look is not there."""
    found = {}
    for path in folder.glob("kek-*.key"):
        epoch = int(path.stem.removeprefix("kek-"))
        try:
            found[epoch] = _read(path)
        except SecretMissingError:
            if path.exists():
                raise
    return found


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
    make_durable(path.parent)


def replace_file(path: Path, content: bytes) -> None:
    """Whole and on the disk when this returns; until then, what was there before."""
    draft = path.with_name(f"{path.name}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.replace(path)
    make_durable(path.parent)


def _read(path: Path, *, size: int = KEY_BYTES) -> bytes:
    try:
        secret = path.read_bytes()
    except FileNotFoundError:
        raise SecretMissingError(str(path)) from None
    if len(secret) != size:
        raise SecretMissingError(f"{path} is not {size} bytes long")
    return secret
