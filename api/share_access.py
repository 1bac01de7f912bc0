"""What opens a link, in the schema `access`: its passcode with the tries that are left, and files to be fetched once.

A try is taken before the passcode is judged and given back if it was right, so a burst of parallel guesses gets no
more than there are, and none of them waits for a lock while another is judged. Who dies in between has lost a try:
the count errs to the safe side. Nothing here is history; that is in the share's stream.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final
from uuid import UUID

from argon2.exceptions import VerifyMismatchError

from api.portal.sign_in import HASHER, HASHING
from domain.sharing import PASSCODE_TRIES
from ledger.store import Ledger

# The specification's longest life of a file's address.
FILE_LIFE: Final = timedelta(hours=1)
PASSCODE_MAX: Final = 64


class Answer(Enum):
    RIGHT = "right"
    WRONG = "wrong"
    # Others judge the last tries at this moment.
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Judged:
    answer: Answer
    tries_left: int


def keep_passcode(ledger: Ledger, share_id: UUID, passcode: str, *, until: datetime) -> None:
    """Its hash alone: the passcode is shown once, when the link is made."""
    with HASHING:
        hashed = HASHER.hash(passcode)
    with ledger.pool.connection() as connection:
        connection.execute(
            "INSERT INTO access.share_passcodes VALUES (%s, %s, %s, %s)",
            (share_id, hashed, PASSCODE_TRIES, until),
        )


def judge(ledger: Ledger, share_id: UUID, passcode: str | None) -> Judged:
    """Whether the passcode is right. None is no try: nothing was guessed."""
    if not passcode or len(passcode) > PASSCODE_MAX:
        return Judged(Answer.WRONG, tries_left(ledger, share_id))
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "UPDATE access.share_passcodes SET tries_left = tries_left - 1 WHERE share_id = %s"
            " AND tries_left > 0 RETURNING passcode_hash, tries_left",
            (share_id,),
        ).fetchone()
    if row is None:
        return Judged(Answer.BUSY, 0)
    try:
        with HASHING:
            HASHER.verify(row[0], passcode)
    except VerifyMismatchError:
        return Judged(Answer.WRONG, row[1])
    with ledger.pool.connection() as connection:
        connection.execute(
            "UPDATE access.share_passcodes SET tries_left = tries_left + 1 WHERE share_id = %s", (share_id,)
        )
    return Judged(Answer.RIGHT, row[1] + 1)


def tries_left(ledger: Ledger, share_id: UUID) -> int:
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT tries_left FROM access.share_passcodes WHERE share_id = %s", (share_id,)
        ).fetchone()
    return row[0] if row else 0


def extend_passcode(ledger: Ledger, share_id: UUID, *, until: datetime) -> None:
    with ledger.pool.connection() as connection:
        connection.execute(
            "UPDATE access.share_passcodes SET expires_at = %s WHERE share_id = %s", (until, share_id)
        )


def forget_passcode(ledger: Ledger, share_id: UUID) -> None:
    """Of a share that was taken back: nothing of it opens anything."""
    with ledger.pool.connection() as connection, connection.transaction():
        connection.execute("DELETE FROM access.share_passcodes WHERE share_id = %s", (share_id,))
        connection.execute("DELETE FROM access.share_files WHERE share_id = %s", (share_id,))


def name_file(ledger: Ledger, share_id: UUID, report_id: UUID, *, now: datetime) -> str:
    """The secret part of an address where the file can be fetched once."""
    token = secrets.token_urlsafe(32)
    with ledger.pool.connection() as connection:
        connection.execute(
            "INSERT INTO access.share_files VALUES (%s, %s, %s, %s)",
            (_digest(token), share_id, report_id, now + FILE_LIFE),
        )
    return token


def take_file(ledger: Ledger, share_id: UUID, token: str, *, now: datetime) -> UUID | None:
    """Which report it is, if it was not fetched yet; from now on it was."""
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "DELETE FROM access.share_files WHERE token_digest = %s AND share_id = %s AND expires_at > %s"
            " RETURNING report_id",
            (_digest(token), share_id, now),
        ).fetchone()
    return row[0] if row else None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
