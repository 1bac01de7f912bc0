"""What the signer signed last, outside the database: a database that was restored or forked can't be signed.

One small file in the signer's folder, the signed note itself. It is replaced by compare-and-swap: whoever writes says
what it believes to be there. So two signers of one folder never both win, and a crash at any step leaves the old note
or the new one, whole.
"""

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ledger.custody import replace_file


class MemoryMovedError(Exception):
    """Another signer of this folder was first: look again at what it signed."""


@dataclass(frozen=True, slots=True)
class CheckpointMemory:
    """The file `last-checkpoint` of a signer's folder."""

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / "last-checkpoint"

    def read(self) -> bytes | None:
        """The note that was signed last; None if none was, ever."""
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None

    def replace(self, expected: bytes | None, signed_note: bytes) -> None:
        """On the disk when this returns. MemoryMovedError, and nothing is changed, if something else than
        expected is there."""
        descriptor = os.open(self.folder / "last-checkpoint.lock", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if self.read() != expected:
                raise MemoryMovedError
            try:
                replace_file(self.path, signed_note)
            except OSError:
                # Whether the new note is there nobody knows now; it was shown to nobody, and is looked at again.
                with suppress(OSError):
                    self.path.with_name("last-checkpoint.draft").unlink()
                raise
        finally:
            os.close(descriptor)
