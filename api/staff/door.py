"""How staff get in: enrolment by a link, then password and a code of an authenticator (TOTP, RFC 6238).

Figures of reliability.md G16: five wrong tries in a row close the way in for 15 minutes, and a day has at
most 20 wrong codes after the right password. A code is good in its own 30 seconds only, and once. Counters
are raised in the database before anything is compared, so a burst of parallel guesses gets no free ones.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any
from uuid import UUID

from argon2.exceptions import VerifyMismatchError
from psycopg import Connection

from api.passwords import require_good
from api.portal.sign_in import HASHER, HASHING, NOBODYS_HASH, PASSWORD_MAX, hash_password, hold_back
from api.problems import ProblemError
from api.settings import Settings
from api.totp import SECRET_BYTES, step_of
from domain.staff import Role, StaffMember, StaffMemberUnknownError, admitted
from domain.values import OrganisationId, StaffMemberId
from ledger import sealing, staff
from ledger.codec import Circumstances
from ledger.store import Ledger

FACTORS = ("password", "totp")
LINK_HOURS = 24
FAILURES_MAX = 5
LOCK_MINUTES = 15
WRONG_CODES_A_DAY = 20
SESSION_IDLE_MINUTES = 15
SESSION_HOURS = 8
FRESH_MINUTES = 10


@dataclass(frozen=True, slots=True)
class StaffSession:
    """An open session of a member of staff; `csrf` is the token of its forms. `is_fresh`: the second factor was proved
    a moment ago."""

    session_id: UUID
    member_id: StaffMemberId
    member: StaffMember
    csrf: str
    is_fresh: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """A link by which a member sets up their factors. Whoever has the address may use it, once."""

    address: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a link opens: whose it is, and the secret for their authenticator."""

    member_id: StaffMemberId
    member: StaffMember
    totp_secret: bytes


@dataclass(frozen=True, slots=True)
class StaffDoor:
    """Staff's way in, over one ledger."""

    ledger: Ledger
    settings: Settings

    # What an administrator does

    def admit(
        self,
        handle: str,
        roles: Sequence[Role],
        by: Circumstances,
        *,
        organisation_id: OrganisationId | None = None,
    ) -> Link:
        return self._link(staff.admit(self.ledger, handle, roles, by, organisation_id=organisation_id))

    def reset(self, handle: str, by: Circumstances) -> Link:
        """A new link; what the member signed in with, and their sessions, are gone."""
        member_id = self._admitted(handle)
        with self.ledger.pool.connection() as connection, connection.transaction():
            closed = _take_away(connection, member_id)
            staff.reset(self.ledger, member_id, by)
        staff.close_sessions(self.ledger, closed, reason="reset", by=by)
        return self._link(member_id)

    def dismiss(self, handle: str, by: Circumstances) -> None:
        member_id = self._admitted(handle)
        # The event lies inside the transaction: if it can't be recorded, nothing is taken away either.
        with self.ledger.pool.connection() as connection, connection.transaction():
            closed = _take_away(connection, member_id)
            staff.dismiss(self.ledger, member_id, by)
        staff.close_sessions(self.ledger, closed, reason="dismissed", by=by)

    def _admitted(self, handle: str) -> StaffMemberId:
        member_id = staff.member_id_of(self.ledger, handle)
        admitted(staff.load_member(self.ledger, member_id))
        return member_id

    def _link(self, member_id: StaffMemberId) -> Link:
        token = secrets.token_urlsafe(32)
        sealed = self._seal(member_id, secrets.token_bytes(SECRET_BYTES))
        with self.ledger.pool.connection() as connection:
            row = connection.execute(
                "INSERT INTO access.staff_enrolments (member_id, token_digest, totp_sealed, expires_at)"
                " VALUES (%s, %s, %s, now() + make_interval(hours => %s))"
                " ON CONFLICT (member_id) DO UPDATE SET token_digest = excluded.token_digest,"
                " totp_sealed = excluded.totp_sealed, expires_at = excluded.expires_at RETURNING expires_at",
                (member_id, _digest(token), sealed, LINK_HOURS),
            ).fetchone()
        assert row is not None
        return Link(f"{self.settings.public_url}/staff/enrol/{token}", row[0])

    # Enrolment

    def enrolment(self, token: str) -> Enrolment:
        """What the link of this token opens; it says the same of every link that opens nothing."""
        with self.ledger.pool.connection() as connection:
            row = connection.execute(
                "SELECT member_id, totp_sealed FROM access.staff_enrolments"
                " WHERE token_digest = %s AND expires_at > now()",
                (_digest(token),),
            ).fetchone()
        if row is None:
            raise ProblemError("enrolment-link-expired")
        member_id = StaffMemberId(row[0])
        try:
            member = admitted(staff.load_member(self.ledger, member_id))
        except StaffMemberUnknownError:
            raise ProblemError("enrolment-link-expired") from None
        return Enrolment(member_id, member, self._unseal(member_id, bytes(row[1])))

    def enrol(self, token: str, *, password: str, code: str) -> str:
        """Set the password and the second factor; the token of the member's first session."""
        found = self.enrolment(token)
        require_good(password, about=(found.member.handle,))
        password_hash = hash_password(password)
        step = step_of(found.totp_secret, code)
        if step is None:
            raise ProblemError("staff-code-wrong", "code")
        by = staff.by_member(found.member.handle)
        with self.ledger.pool.connection() as connection, connection.transaction():
            used = connection.execute(
                "DELETE FROM access.staff_enrolments WHERE token_digest = %s AND expires_at > now()"
                " RETURNING totp_sealed",
                (_digest(token),),
            ).fetchone()
            if used is None:
                raise ProblemError("enrolment-link-expired")
            connection.execute(
                "INSERT INTO access.staff_credentials (member_id, password_hash, totp_sealed, last_step)"
                " VALUES (%s, %s, %s, %s)",
                (found.member_id, password_hash, used[0], step),
            )
            staff.enrol(self.ledger, found.member_id, factors=FACTORS, by=by)
        return self._open_session(found.member_id, found.member)

    # Signing in

    def sign_in(self, handle: str, *, password: str, code: str) -> str:
        """The token of a new session. Every refusal says the same and takes as long."""
        began = monotonic()
        member_id = staff.member_id_of(self.ledger, handle)
        row = self._count_try(member_id)
        with HASHING:
            try:
                HASHER.verify(row[0] if row else NOBODYS_HASH, password[:PASSWORD_MAX])
                is_right = row is not None
            except VerifyMismatchError:
                is_right = False
        # While the way in is closed, tries are not recorded: nobody can fill the ledger with them.
        if is_right and not self._pass_code(member_id, code):
            staff.refuse_sign_in(self.ledger, member_id, reason="code-wrong")
            is_right = False
        elif row is not None and not is_right:
            staff.refuse_sign_in(self.ledger, member_id, reason="password-wrong")
        member = staff.load_member(self.ledger, member_id) if is_right else None
        if member is None or not member.is_admitted:
            hold_back(began)
            raise ProblemError("staff-sign-in-refused", "form")
        return self._open_session(member_id, member)

    def _count_try(self, member_id: StaffMemberId) -> tuple[str] | None:
        """The password's hash, if another try is allowed; the try is counted first."""
        with self.ledger.pool.connection() as connection:
            return connection.execute(
                "UPDATE access.staff_credentials SET"
                " failures = CASE WHEN locked_until <= now() THEN 1 ELSE failures + 1 END,"
                " locked_until = CASE WHEN locked_until <= now() THEN NULL WHEN failures + 1 >= %s"
                " THEN now() + make_interval(mins => %s) END"
                " WHERE member_id = %s AND (locked_until IS NULL OR locked_until <= now())"
                " RETURNING password_hash",
                (FAILURES_MAX, LOCK_MINUTES, member_id),
            ).fetchone()

    def _pass_code(self, member_id: StaffMemberId, code: str) -> bool:
        """Whether the code is the one of this step and was not used yet. It is counted as wrong before
        it is looked at, and the count is given back to a right one."""
        with self.ledger.pool.connection() as connection:
            row = connection.execute(
                "UPDATE access.staff_credentials SET code_day = current_date,"
                " code_failures = CASE WHEN code_day = current_date THEN code_failures + 1 ELSE 1 END"
                " WHERE member_id = %s AND (code_day <> current_date OR code_failures < %s)"
                " RETURNING totp_sealed",
                (member_id, WRONG_CODES_A_DAY),
            ).fetchone()
            step = step_of(self._unseal(member_id, bytes(row[0])), code) if row else None
            if step is None:
                return False
            used = connection.execute(
                "UPDATE access.staff_credentials SET last_step = %s, failures = 0, locked_until = NULL,"
                " code_failures = greatest(code_failures - 1, 0)"
                " WHERE member_id = %s AND last_step < %s RETURNING last_step",
                (step, member_id, step),
            ).fetchone()
        return used is not None

    # Sessions

    def _open_session(self, member_id: StaffMemberId, member: StaffMember) -> str:
        """The secret token of a new session: kept by the browser, never by us."""
        token = secrets.token_urlsafe(32)
        session_id = staff.open_session(self.ledger, member_id, handle=member.handle, factors=FACTORS)
        with self.ledger.pool.connection() as connection:
            connection.execute(
                "INSERT INTO access.staff_sessions (token_digest, session_id, member_id, csrf)"
                " VALUES (%s, %s, %s, %s)",
                (_digest(token), session_id, member_id, secrets.token_urlsafe(32)),
            )
        return token

    def prove_again(self, session: StaffSession, *, code: str) -> str:
        """The member proved the second factor once more: the session goes on under a new id, and the new token is the
        only one that opens it. How long it may live at most is counted from its first opening."""
        member_id = session.member_id
        if self._count_try(member_id) is None:
            raise ProblemError("staff-step-up-closed", "code")
        if not self._pass_code(member_id, code):
            staff.refuse_sign_in(self.ledger, member_id, reason="step-up-code-wrong")
            raise ProblemError("staff-step-up-refused", "code")
        token = secrets.token_urlsafe(32)
        handle, factors = session.member.handle, (*FACTORS, "totp")
        # Nothing counts as proved before it is recorded.
        session_id = staff.open_session(self.ledger, member_id, handle=handle, factors=factors)
        with self.ledger.pool.connection() as connection:
            goes_on = connection.execute(
                "UPDATE access.staff_sessions SET token_digest = %s, session_id = %s, csrf = %s, proved_at = now()"
                " WHERE session_id = %s RETURNING session_id",
                (_digest(token), session_id, secrets.token_urlsafe(32), session.session_id),
            ).fetchone()
        by = staff.by_member(handle, session_id=session_id)
        # Who was dismissed, or proved it in another tab meanwhile, has no session that could go on.
        ended = [session.session_id] if goes_on else [session_id]
        staff.close_sessions(self.ledger, ended, reason="replaced", by=by)
        if goes_on is None:
            raise ProblemError("staff-sign-in-needed")
        return token

    def session(self, token: str) -> StaffSession | None:
        """The session of a token, if it is open and the member still works here; using it keeps it open."""
        with self.ledger.pool.connection() as connection:
            row: tuple[Any, ...] | None = connection.execute(
                "UPDATE access.staff_sessions SET seen_at = now() WHERE token_digest = %s"
                " AND seen_at > now() - make_interval(mins => %s)"
                " AND created_at > now() - make_interval(hours => %s)"
                " RETURNING session_id, member_id, csrf, proved_at > now() - make_interval(mins => %s)",
                (_digest(token), SESSION_IDLE_MINUTES, SESSION_HOURS, FRESH_MINUTES),
            ).fetchone()
        if row is None:
            return None
        member_id = StaffMemberId(row[1])
        # The ledger decides, not the row: who was dismissed is out whatever else went wrong.
        member = staff.load_member(self.ledger, member_id)
        if member is None or not (member.is_admitted and member.is_enrolled):
            return None
        return StaffSession(row[0], member_id, member, row[2], row[3])

    def is_open(self, session: StaffSession, role: Role) -> bool:
        """Whether a session goes on and its member still has the role; to be asked does not keep it open."""
        with self.ledger.pool.connection() as connection:
            row = connection.execute(
                "SELECT FROM access.staff_sessions WHERE session_id = %s"
                " AND seen_at > now() - make_interval(mins => %s)"
                " AND created_at > now() - make_interval(hours => %s)",
                (session.session_id, SESSION_IDLE_MINUTES, SESSION_HOURS),
            ).fetchone()
        member = staff.load_member(self.ledger, session.member_id)
        return row is not None and member is not None and member.is_enrolled and member.may(role)

    def close_session(self, session: StaffSession, *, reason: str) -> None:
        by = staff.by_member(session.member.handle, session_id=session.session_id)
        staff.close_sessions(self.ledger, [session.session_id], reason=reason, by=by)
        with self.ledger.pool.connection() as connection:
            connection.execute(
                "DELETE FROM access.staff_sessions WHERE session_id = %s", (session.session_id,)
            )

    # The secret of the second factor is sealed by a secret that is not in the database.

    def _seal(self, member_id: StaffMemberId, secret: bytes) -> bytes:
        return sealing.seal(self._key(), about=member_id, header=b"totp", plaintext=secret)[0]

    def _unseal(self, member_id: StaffMemberId, sealed: bytes) -> bytes:
        return sealing.unseal(self._key(), about=member_id, header=b"totp", body=sealed)

    def _key(self) -> bytes:
        return sealing.derive(self.ledger.custody.message_key, b"access", b"totp")


def _take_away(connection: Connection[Any], member_id: StaffMemberId) -> list[UUID]:
    """Whatever opens the door to this member; the sessions that it closes."""
    connection.execute("DELETE FROM access.staff_credentials WHERE member_id = %s", (member_id,))
    connection.execute("DELETE FROM access.staff_enrolments WHERE member_id = %s", (member_id,))
    found = connection.execute(
        "DELETE FROM access.staff_sessions WHERE member_id = %s RETURNING session_id", (member_id,)
    ).fetchall()
    return [row[0] for row in found]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
