"""Signing in: passwords, codes by SMS and e-mail, sessions. Secrets and counters live in the schema `access`.

Figures of reliability.md G16: a code has six digits, five tries, ten minutes, one use; a phone gets
ten codes a day. Counters are raised in the database before anything is compared, so a burst of
parallel guesses gets no free ones.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from threading import BoundedSemaphore
from time import monotonic, sleep
from typing import Any, Literal
from uuid import UUID, uuid4

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from psycopg import Connection

from api.channels.sms import send_now
from api.outcome import HandedOver
from api.pages import Locale, phrase
from api.portal.whence import NOWHERE, Whence, seal_network
from api.problems import ProblemError
from api.settings import Settings
from domain.values import PatientId
from ledger import commands, sealing
from ledger.store import Ledger

CODE_MINUTES = 10
CODE_TRIES = 5
CODES_A_DAY = 10
# Of these so many for acts that anybody can begin who knows the number: nobody uses up its owner's.
STRANGERS_CODES_A_DAY = 5
PASSWORD_FAILURES = 5
PASSWORD_LOCK_MINUTES = 15
# Each further failure doubles the wait up to this; after so many in a row only recovery opens (SP 800-63B: 100).
PASSWORD_LOCK_MINUTES_MAX = 240
PASSWORD_FAILURES_MAX = 100
PASSWORD_MIN, PASSWORD_MAX = 15, 200
SESSION_IDLE_MINUTES = 30
SESSION_NOTED_SECONDS = 60
SESSION_HOURS = 12
# A sensitive act asks for a factor again when the last proof is older.
STEP_UP_MINUTES = 10

Action = Literal["register", "sign-in", "step-up", "policy", "recovery", "phone", "phone-check", "email"]
_STRANGERS = ("register", "recovery", "phone", "email")

# OWASP's second choice of parameters; the semaphore keeps a crowd at the door from taking all memory.
HASHER = PasswordHasher(time_cost=1, memory_cost=47104, parallelism=1)
HASHING = BoundedSemaphore(4)
REFUSAL_SECONDS = 0.5
NOBODYS_HASH = HASHER.hash(secrets.token_hex(16))


@dataclass(frozen=True, slots=True)
class Session:
    """An open session of a patient; `csrf` is the token of its forms. `is_fresh`: they proved who they are
    within the last minutes."""

    session_id: UUID
    patient_id: PatientId
    csrf: str
    is_fresh: bool
    # Under which guardianship they look into another's cabinet; whether they still may, is asked each time.
    guardianship_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """A code to be sent; nothing is, if it `is_silent`."""

    challenge_id: UUID
    code: str
    is_silent: bool


@dataclass(frozen=True, slots=True)
class Passed:
    """A challenge that was met: whom it was about, and what waited for it."""

    subject: UUID | None
    pending: bytes


def phone_of(text: str) -> str:
    """A Russian mobile number in E.164 form."""
    digits = re.sub(r"\D", "", text)
    if len(digits) == 11 and digits[0] in "78":
        digits = digits[1:]
    if not re.fullmatch("9[0-9]{9}", digits):
        raise ProblemError("phone-malformed", "phone")
    return f"+7{digits}"


def hold_back(began: float) -> None:
    """A refusal is said at one moment, whatever was done before it: what is recorded of a known name takes some
    milliseconds, by which it could be told from others."""
    sleep(max(0.0, began + REFUSAL_SECONDS - monotonic()))


def hash_password(password: str) -> str:
    if len(password) < PASSWORD_MIN:
        raise ProblemError("password-too-short", "password")
    if len(password) > PASSWORD_MAX:
        raise ProblemError("password-too-long", "password")
    with HASHING:
        return HASHER.hash(password)


@dataclass(frozen=True, slots=True)
class Door:
    """The way in, over one ledger."""

    ledger: Ledger
    settings: Settings

    # Passwords

    def set_password(self, patient_id: UUID, password_hash: str) -> None:
        with self.ledger.pool.connection() as connection:
            connection.execute(
                "INSERT INTO access.credentials (patient_id, password_hash) VALUES (%s, %s)"
                " ON CONFLICT (patient_id) DO UPDATE SET password_hash = excluded.password_hash,"
                " failures = 0, locked_until = NULL",
                (patient_id, password_hash),
            )

    def check_password(self, phone: str, password: str) -> PatientId:
        """Whose phone and password these are. The answer to a wrong one takes as long and says as
        much whether or not the phone has a cabinet."""
        began = monotonic()
        found = self.ledger.find("phone", phone)
        row = self._count_try(found) if found else None
        with HASHING:
            try:
                HASHER.verify(row[0] if row else NOBODYS_HASH, password[:PASSWORD_MAX])
                is_right = row is not None
            except VerifyMismatchError:
                is_right = False
        if found is None or not is_right:
            if found is not None:
                commands.refuse_sign_in(self.ledger, PatientId(found), reason="password-wrong")
            hold_back(began)
            raise ProblemError("sign-in-refused", "form")
        with self.ledger.pool.connection() as connection:
            connection.execute(
                "UPDATE access.credentials SET failures = 0, locked_until = NULL WHERE patient_id = %s",
                (found,),
            )
        return PatientId(found)

    def _count_try(self, patient_id: UUID) -> tuple[str] | None:
        """The password's hash, if another try is allowed; the try is counted first."""
        with self.ledger.pool.connection() as connection:
            return connection.execute(
                "UPDATE access.credentials SET failures = failures + 1,"
                " locked_until = CASE WHEN failures + 1 >= %(free)s"
                " THEN now() + make_interval(mins => least(%(most)s,"
                " %(first)s * power(2, least(failures + 1 - %(free)s, 10)))::int) END"
                " WHERE patient_id = %(patient_id)s AND failures < %(last)s"
                " AND (locked_until IS NULL OR locked_until <= now())"
                " RETURNING password_hash",
                {
                    "free": PASSWORD_FAILURES,
                    "first": PASSWORD_LOCK_MINUTES,
                    "most": PASSWORD_LOCK_MINUTES_MAX,
                    "last": PASSWORD_FAILURES_MAX,
                    "patient_id": patient_id,
                },
            ).fetchone()

    # Codes

    def challenge(
        self,
        action: Action,
        phone: str,
        *,
        locale: Locale,
        subject: UUID | None = None,
        pending: bytes = b"",
        is_possible: bool = True,
        otherwise: str = "sms.already-registered",
    ) -> UUID:
        """Send a code to the phone; the id of the challenge. With `is_possible` False the code that is
        sent opens nothing: the phone's owner is told why (`otherwise`), and nobody else learns anything."""
        issued = self.issue_code(
            action, "phone", phone, subject=subject, pending=pending, is_possible=is_possible
        )
        text = phrase("sms.code" if is_possible else otherwise, locale=locale, code=issued.code)
        if not issued.is_silent:
            self._send(phone, text, reference=str(issued.challenge_id))
        return issued.challenge_id

    def issue_code(
        self,
        action: Action,
        kind: Literal["phone", "email"],
        address: str,
        *,
        subject: UUID | None = None,
        pending: bytes = b"",
        is_possible: bool = True,
    ) -> Issued:
        """A new code for the owner of a phone or a mailbox, to be sent by who asked for it."""
        challenge_id, code = uuid4(), f"{secrets.randbelow(10**6):06d}"
        with self.ledger.pool.connection() as connection, connection.transaction():
            counted = _mailbox(address) if kind == "email" else address
            mark = sealing.mark(self.ledger.custody.index_key, kind, counted)
            # One address's challenges are counted one after another; the column has the name of the first kind.
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (mark.hex(),))
            is_silent = _is_used_up(connection, action, mark)
            # A new code ends the earlier ones of the same act.
            connection.execute(
                "UPDATE access.challenges SET tries_left = 0 WHERE phone_mark = %s AND action = %s",
                (mark, action),
            )
            connection.execute(
                "INSERT INTO access.challenges (challenge_id, action, phone_mark, subject, code_digest,"
                " sealed, tries_left, expires_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, now() + make_interval(mins => %s))",
                (
                    challenge_id,
                    action,
                    mark,
                    subject,
                    self._digest(challenge_id, code)
                    if is_possible and not is_silent
                    else secrets.token_bytes(32),
                    self._seal(challenge_id, pending),
                    CODE_TRIES,
                    CODE_MINUTES,
                ),
            )
        return Issued(challenge_id, code, is_silent)

    def pass_code(self, action: Action, challenge_id: UUID, code: str) -> Passed:
        """Meet a challenge with the code that was sent. The try is counted before the code is looked at."""
        with self.ledger.pool.connection() as connection:
            row = connection.execute(
                "UPDATE access.challenges SET tries_left = tries_left - 1 WHERE challenge_id = %s"
                " AND action = %s AND tries_left > 0 AND used_at IS NULL AND expires_at > now()"
                " RETURNING code_digest, subject, sealed",
                (challenge_id, action),
            ).fetchone()
            if row is None:
                raise ProblemError("code-expired", "code")
            if not hmac.compare_digest(bytes(row[0]), self._digest(challenge_id, code.strip())):
                raise ProblemError("code-wrong", "code")
            used = connection.execute(
                "UPDATE access.challenges SET used_at = now() WHERE challenge_id = %s AND used_at IS NULL"
                " RETURNING challenge_id",
                (challenge_id,),
            ).fetchone()
        if used is None:
            raise ProblemError("code-expired", "code")
        return Passed(row[1], self._unseal(challenge_id, bytes(row[2])))

    def pending(self, action: Action, challenge_id: UUID) -> Passed:
        """What waits for a challenge that is still open: to show the page, or to send the code again."""
        with self.ledger.pool.connection() as connection:
            row = connection.execute(
                "SELECT subject, sealed FROM access.challenges WHERE challenge_id = %s AND action = %s"
                " AND used_at IS NULL AND expires_at > now()",
                (challenge_id, action),
            ).fetchone()
        if row is None:
            raise ProblemError("code-expired", "code")
        return Passed(row[0], self._unseal(challenge_id, bytes(row[1])))

    def _send(self, phone: str, text: str, *, reference: str) -> None:
        outcome = send_now(self.settings, phone=phone, text=text, reference=reference)
        if outcome is None:
            raise ProblemError("sms-unavailable", "phone")
        if not isinstance(outcome, HandedOver):
            raise ProblemError("sms-unavailable", "phone", retry_after=60)

    def _digest(self, challenge_id: UUID, code: str) -> bytes:
        return hmac.digest(self._key(b"code"), challenge_id.bytes + code.encode(), "sha256")

    def _seal(self, challenge_id: UUID, pending: bytes) -> bytes:
        return sealing.seal(self._key(b"pending"), about=challenge_id, header=b"pending", plaintext=pending)[
            0
        ]

    def _unseal(self, challenge_id: UUID, sealed: bytes) -> bytes:
        return sealing.unseal(self._key(b"pending"), about=challenge_id, header=b"pending", body=sealed)

    def _key(self, label: bytes) -> bytes:
        return sealing.derive(self.ledger.custody.message_key, b"access", label)

    # Sessions

    def open_session(
        self,
        patient_id: PatientId,
        *,
        factors: tuple[str, ...],
        whence: Whence = NOWHERE,
        is_fresh: bool = True,
    ) -> str:
        """The secret token of a new session: kept by the browser, never by us. Without `is_fresh` it does not
        count as a proof for sensitive acts."""
        token = secrets.token_urlsafe(32)
        session_id = commands.open_session(self.ledger, patient_id, factors=factors)
        with self.ledger.pool.connection() as connection:
            connection.execute(
                "INSERT INTO access.sessions (token_digest, session_id, patient_id, csrf, factors, device,"
                " network_sealed, proved_at) VALUES (%s, %s, %s, %s, %s, %s, %s,"
                " CASE WHEN %s THEN now() ELSE '-infinity' END)",
                (
                    token_digest(token),
                    session_id,
                    patient_id,
                    secrets.token_urlsafe(32),
                    list(factors),
                    whence.device,
                    seal_network(self.ledger, session_id, whence.network),
                    is_fresh,
                ),
            )
        return token

    def session(self, token: str) -> Session | None:
        """The session of a token, if it is open; using it keeps it open. That it is used is noted once in a minute: a
        page need not wait for another write to be durable."""
        with self.ledger.pool.connection() as connection:
            row: tuple[Any, ...] | None = connection.execute(
                "WITH found AS (SELECT * FROM access.sessions WHERE token_digest = %s"
                " AND seen_at > now() - make_interval(mins => %s)"
                " AND created_at > now() - make_interval(hours => %s)),"
                " used AS (UPDATE access.sessions SET seen_at = now() FROM found"
                " WHERE sessions.token_digest = found.token_digest"
                " AND found.seen_at < now() - make_interval(secs => %s))"
                " SELECT session_id, patient_id, csrf, proved_at > now() - make_interval(mins => %s),"
                " guardianship_id FROM found",
                (
                    token_digest(token),
                    SESSION_IDLE_MINUTES,
                    SESSION_HOURS,
                    SESSION_NOTED_SECONDS,
                    STEP_UP_MINUTES,
                ),
            ).fetchone()
        return Session(*row) if row else None

    def is_open(self, session_id: UUID) -> bool:
        """Whether a session goes on; to be asked does not keep it open."""
        with self.ledger.pool.connection() as connection:
            row = connection.execute(
                "SELECT FROM access.sessions WHERE session_id = %s"
                " AND seen_at > now() - make_interval(mins => %s)"
                " AND created_at > now() - make_interval(hours => %s)",
                (session_id, SESSION_IDLE_MINUTES, SESSION_HOURS),
            ).fetchone()
        return row is not None

    def close_session(self, session: Session, *, reason: str) -> None:
        by = commands.by_patient(session.patient_id, session_id=session.session_id)
        commands.close_session(self.ledger, session.session_id, reason=reason, by=by)
        with self.ledger.pool.connection() as connection:
            connection.execute("DELETE FROM access.sessions WHERE session_id = %s", (session.session_id,))


def _is_used_up(connection: Connection[Any], action: Action, mark: bytes) -> bool:
    """Whether this phone or mailbox gets no more codes today. A stranger is told so of their own only: how many the owner
    was sent is not their business, so beyond those they are answered as if one were sent."""
    row = connection.execute(
        "SELECT count(*), count(*) FILTER (WHERE action = ANY(%s)) FROM access.challenges"
        " WHERE phone_mark = %s AND created_at > now() - interval '1 day'",
        (list(_STRANGERS), mark),
    ).fetchone()
    assert row is not None
    is_over, is_stranger = bool(row[0] >= CODES_A_DAY), action in _STRANGERS
    if row[1] >= STRANGERS_CODES_A_DAY if is_stranger else is_over:
        raise ProblemError("codes-too-many", "phone", retry_after=3600)
    return is_over


def _mailbox(address: str) -> str:
    """What most servers take for one: nobody gets more letters by writing an address in capitals, or with a tag."""
    local_part, _, domain = address.lower().rpartition("@")
    return f"{local_part.partition('+')[0]}@{domain}"


def token_digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
