"""Open sessions of a patient: proved once more, listed, ended one by one or all others at once."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from api.portal.sign_in import SESSION_HOURS, SESSION_IDLE_MINUTES, Session, token_digest
from api.portal.whence import Whence, seal_network, unseal_network
from api.problems import ProblemError
from domain.values import PatientId
from ledger import account
from ledger.codec import Circumstances
from ledger.store import Ledger


@dataclass(frozen=True, slots=True)
class OpenSession:
    """One of a patient's sessions, as they are shown it."""

    session_id: UUID
    opened_at: datetime
    seen_at: datetime
    device: str
    network: str
    factors: tuple[str, ...]


def prove_again(ledger: Ledger, session: Session, *, factor: str, whence: Whence) -> str:
    """The person proved who they are once more: the session goes on under a new id, and the new token is the
    only one that opens it. How long it may live at most is counted from its first opening."""
    token, session_id = secrets.token_urlsafe(32), uuid4()
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "UPDATE access.sessions SET token_digest = %s, session_id = %s, csrf = %s, device = %s,"
            " factors = array_append(factors, %s), network_sealed = %s WHERE session_id = %s RETURNING factors",
            (
                token_digest(token),
                session_id,
                secrets.token_urlsafe(32),
                whence.device,
                factor,
                seal_network(ledger, session_id, whence.network),
                session.session_id,
            ),
        ).fetchone()
    if row is None:
        raise ProblemError("sign-in-needed")
    # Nothing counts as proved before it is recorded; if it can't be, nobody has the new token either.
    account.continue_session(
        ledger,
        session.patient_id,
        session_id=session_id,
        continues=session.session_id,
        factors=tuple(row[0]),
    )
    with ledger.pool.connection() as connection:
        connection.execute(
            "UPDATE access.sessions SET proved_at = now(), seen_at = now() WHERE session_id = %s",
            (session_id,),
        )
        # A picture that is being scanned meanwhile stays the same.
        connection.execute(
            "UPDATE access.totp_offers SET session_id = %s WHERE session_id = %s",
            (session_id, session.session_id),
        )
    return token


def open_sessions(ledger: Ledger, patient_id: PatientId) -> list[OpenSession]:
    """Those that still open something, the one used last first."""
    with ledger.pool.connection() as connection:
        rows = connection.execute(
            "SELECT session_id, created_at, seen_at, device, network_sealed, factors FROM access.sessions"
            " WHERE patient_id = %s AND seen_at > now() - make_interval(mins => %s)"
            " AND created_at > now() - make_interval(hours => %s) ORDER BY seen_at DESC",
            (patient_id, SESSION_IDLE_MINUTES, SESSION_HOURS),
        ).fetchall()
    return [
        OpenSession(row[0], row[1], row[2], row[3], unseal_network(ledger, row[0], row[4]), tuple(row[5]))
        for row in rows
    ]


def end_session(ledger: Ledger, patient_id: PatientId, session_id: UUID, by: Circumstances) -> None:
    """End one of the patient's own sessions. Another's is not found, like one that is not."""
    with ledger.pool.connection() as connection:
        ended = connection.execute(
            "DELETE FROM access.sessions WHERE session_id = %s AND patient_id = %s RETURNING session_id",
            (session_id, patient_id),
        ).fetchone()
    if ended is None:
        raise ProblemError("not-found")
    account.close_sessions(ledger, [session_id], reason="ended-elsewhere", by=by)


def end_others(
    ledger: Ledger, patient_id: PatientId, by: Circumstances, *, kept: UUID | None, reason: str
) -> int:
    """End every session of the patient but the one that is kept, and every sign-in and recovery that is half
    done; how many sessions that were."""
    with ledger.pool.connection() as connection:
        rows = connection.execute(
            "DELETE FROM access.sessions WHERE patient_id = %s AND session_id IS DISTINCT FROM %s"
            " RETURNING session_id",
            (patient_id, kept),
        ).fetchall()
        connection.execute("DELETE FROM access.half_sign_ins WHERE patient_id = %s", (patient_id,))
        connection.execute("DELETE FROM access.confirmations WHERE patient_id = %s", (patient_id,))
        connection.execute("DELETE FROM access.recoveries WHERE patient_id = %s", (patient_id,))
        # Neither a code that was sent before may let anybody in after it, nor one that is sent again in its
        # place: that would go to the old phone, and ask for no password.
        connection.execute(
            "UPDATE access.challenges SET expires_at = now() WHERE subject = %s"
            " AND action IN ('sign-in', 'recovery') AND used_at IS NULL AND expires_at > now()",
            (patient_id,),
        )
    account.close_sessions(ledger, [row[0] for row in rows], reason=reason, by=by)
    return len(rows)
