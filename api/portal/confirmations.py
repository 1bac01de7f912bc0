"""A sign-in that waits to be confirmed on another device where the person is signed in already.

The browser that waits shows a number; the other device must choose it among three (number matching), so that
nobody confirms by habit what somebody else began. Two minutes, one answer.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID, uuid4

from api.portal.sign_in import token_digest
from api.portal.whence import Whence, seal_network, unseal_network
from api.problems import ProblemError
from domain.values import PatientId
from ledger import commands
from ledger.store import Ledger

MINUTES: Final = 2
_CHOICES: Final = 3
State = Literal["waiting", "confirmed", "refused", "ended"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the other device is shown of a sign-in."""

    confirmation_id: UUID
    created_at: datetime
    device: str
    network: str
    choices: tuple[int, ...]


def begin(ledger: Ledger, patient_id: PatientId, whence: Whence) -> str:
    """The secret token of the browser that waits from now on."""
    token, confirmation_id = secrets.token_urlsafe(32), uuid4()
    choices = secrets.SystemRandom().sample(range(10, 100), _CHOICES)
    with ledger.pool.connection() as connection:
        connection.execute(
            "INSERT INTO access.confirmations (confirmation_id, token_digest, patient_id, number, choices,"
            " device, network_sealed, state, expires_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, 'waiting', now() + make_interval(mins => %s))",
            (
                confirmation_id,
                token_digest(token),
                patient_id,
                secrets.choice(choices),
                choices,
                whence.device,
                seal_network(ledger, confirmation_id, whence.network),
                MINUTES,
            ),
        )
    return token


def state_of(ledger: Ledger, token: str) -> tuple[State, int]:
    """What became of it, and the number to be chosen."""
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT CASE WHEN expires_at <= now() OR state = 'used' THEN 'ended' ELSE state END, number"
            " FROM access.confirmations WHERE token_digest = %s",
            (token_digest(token),),
        ).fetchone()
    return (row[0], row[1]) if row else ("ended", 0)


def use(ledger: Ledger, token: str) -> PatientId:
    """Whom the confirmed sign-in lets in; once."""
    with ledger.pool.connection() as connection:
        row = connection.execute(
            "UPDATE access.confirmations SET state = 'used' WHERE token_digest = %s AND state = 'confirmed'"
            " AND expires_at > now() RETURNING patient_id",
            (token_digest(token),),
        ).fetchone()
    if row is None:
        raise ProblemError("confirmation-ended", "form")
    return PatientId(row[0])


def waiting_for(ledger: Ledger, patient_id: PatientId) -> list[Waiting]:
    with ledger.pool.connection() as connection:
        rows = connection.execute(
            "SELECT confirmation_id, created_at, device, network_sealed, choices FROM access.confirmations"
            " WHERE patient_id = %s AND state = 'waiting' AND expires_at > now() ORDER BY created_at",
            (patient_id,),
        ).fetchall()
    return [
        Waiting(row[0], row[1], row[2], unseal_network(ledger, row[0], bytes(row[3])), tuple(row[4]))
        for row in rows
    ]


def answer(ledger: Ledger, patient_id: PatientId, confirmation_id: UUID, number: int | None) -> None:
    """The other device's one answer; None is "it was not me". What is refused ends every sign-in of the
    patient that is half done, and is recorded."""
    with ledger.pool.connection() as connection, connection.transaction():
        row = connection.execute(
            "UPDATE access.confirmations SET state = CASE WHEN number = %s THEN 'confirmed' ELSE 'refused' END"
            " WHERE confirmation_id = %s AND patient_id = %s AND state = 'waiting' AND expires_at > now()"
            " RETURNING state",
            (number, confirmation_id, patient_id),
        ).fetchone()
        if row is None:
            raise ProblemError("confirmation-ended", "form")
        if row[0] == "confirmed":
            return
        connection.execute("DELETE FROM access.half_sign_ins WHERE patient_id = %s", (patient_id,))
        connection.execute(
            "UPDATE access.challenges SET expires_at = now() WHERE subject = %s AND action = 'sign-in'"
            " AND used_at IS NULL",
            (patient_id,),
        )
    reason = "second-device-refused" if number is None else "second-device-number-wrong"
    commands.refuse_sign_in(ledger, patient_id, reason=reason)
    if number is not None:
        raise ProblemError("confirmation-number-wrong", "form")
