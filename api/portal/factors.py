"""Second factors that are typed: codes of an authenticator program, and recovery codes.

A day has at most 20 wrong ones, of both together (reliability.md, G16). A try is counted in the database
before it is looked at, so a burst of parallel guesses gets no free ones, and a right one gets its count back.
"""

import hmac
import secrets
from dataclasses import dataclass
from uuid import UUID, uuid4

from api.problems import ProblemError
from api.totp import SECRET_BYTES, step_of
from domain import account
from domain.account import AuthenticatorKind
from domain.values import PatientId
from ledger import sealing
from ledger.account import change_account, load_account
from ledger.codec import Circumstances
from ledger.store import Ledger

WRONG_CODES_A_DAY = 20
OFFER_MINUTES = 15
RECOVERY_CODES = 10
# 80 bits: nobody guesses one, and it can still be typed. Without I, L, O and U nobody misreads it either.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RECOVERY_CHARACTERS = 16
_MISREAD = str.maketrans("ILO", "110")


@dataclass(frozen=True, slots=True)
class Offer:
    """A secret for an authenticator program, which counts once its first code was entered."""

    authenticator_id: UUID
    secret: bytes


@dataclass(frozen=True, slots=True)
class Factors:
    """What patients type as a second factor, over one ledger."""

    ledger: Ledger

    # Setting up an authenticator program

    def offer_totp(self, patient_id: PatientId, session_id: UUID) -> Offer:
        """The secret that is on offer in this session; while an offer is good it stays the same, however often it
        is looked at. Another session's is never shown: who saw it there would know the codes for ever."""
        new = Offer(uuid4(), secrets.token_bytes(SECRET_BYTES))
        with self.ledger.pool.connection() as connection, connection.transaction():
            connection.execute(
                "INSERT INTO access.totp_offers AS old"
                " (patient_id, session_id, authenticator_id, secret_sealed, expires_at)"
                " VALUES (%s, %s, %s, %s, now() + make_interval(mins => %s))"
                " ON CONFLICT (patient_id) DO UPDATE SET session_id = excluded.session_id,"
                " authenticator_id = excluded.authenticator_id, secret_sealed = excluded.secret_sealed,"
                " expires_at = excluded.expires_at"
                " WHERE old.expires_at <= now() OR old.session_id <> excluded.session_id",
                (
                    patient_id,
                    session_id,
                    new.authenticator_id,
                    self._seal(new.authenticator_id, new.secret),
                    OFFER_MINUTES,
                ),
            )
            # The row is locked by now, whether or not it was changed.
            row = connection.execute(
                "SELECT authenticator_id, secret_sealed FROM access.totp_offers WHERE patient_id = %s",
                (patient_id,),
            ).fetchone()
        assert row is not None
        return Offer(row[0], self._unseal(row[0], bytes(row[1])))

    def take_totp(
        self, patient_id: PatientId, session_id: UUID, *, code: str, label: str, by: Circumstances
    ) -> None:
        """The program's first code is right: from now on it is a second factor."""
        self._count_try(patient_id)
        with self.ledger.pool.connection() as connection, connection.transaction():
            row = connection.execute(
                "SELECT authenticator_id, secret_sealed FROM access.totp_offers"
                " WHERE patient_id = %s AND session_id = %s AND expires_at > now() FOR UPDATE",
                (patient_id, session_id),
            ).fetchone()
            if row is None:
                raise ProblemError("totp-offer-expired", "code")
            step = step_of(self._unseal(row[0], bytes(row[1])), code)
            if step is None:
                raise ProblemError("totp-code-wrong", "code")
            # It opens nothing before the ledger says that it is the patient's.
            connection.execute(
                "INSERT INTO access.totp (authenticator_id, patient_id, secret_sealed, last_step)"
                " VALUES (%s, %s, %s, %s) ON CONFLICT (authenticator_id) DO NOTHING",
                (row[0], patient_id, row[1], step),
            )
        change_account(
            self.ledger,
            patient_id,
            lambda state: account.add(
                state,
                patient_id=patient_id,
                authenticator_id=row[0],
                kind=AuthenticatorKind.TOTP,
                label=label,
            ),
            by,
        )
        with self.ledger.pool.connection() as connection:
            connection.execute("DELETE FROM access.totp_offers WHERE authenticator_id = %s", (row[0],))
        self._give_back(patient_id)

    # Passing

    def pass_totp(self, patient_id: PatientId, code: str) -> None:
        """Whether the code is the one of this step and was not used yet."""
        programs = load_account(self.ledger, patient_id).good(AuthenticatorKind.TOTP)
        self._count_try(patient_id)
        with self.ledger.pool.connection() as connection:
            row = connection.execute(
                "SELECT authenticator_id, secret_sealed FROM access.totp WHERE authenticator_id = ANY(%s)",
                ([program.authenticator_id for program in programs],),
            ).fetchone()
            step = step_of(self._unseal(row[0], bytes(row[1])), code) if row else None
            used = None
            if row is not None and step is not None:
                used = connection.execute(
                    "UPDATE access.totp SET last_step = %s WHERE authenticator_id = %s AND last_step < %s"
                    " RETURNING last_step",
                    (step, row[0], step),
                ).fetchone()
        if used is None:
            raise ProblemError("totp-code-wrong", "totp_code")
        self._give_back(patient_id)

    def pass_recovery_code(self, patient_id: PatientId, code: str, by: Circumstances) -> None:
        """Whether the code is one of those that are left; it is good no more."""
        self._count_try(patient_id)
        with self.ledger.pool.connection() as connection:
            used = connection.execute(
                "DELETE FROM access.recovery_codes WHERE patient_id = %s AND code_digest = %s"
                " RETURNING patient_id",
                (patient_id, self._digest(patient_id, code)),
            ).fetchone()
        if used is None:
            raise ProblemError("recovery-code-wrong", "recovery_code")
        change_account(
            self.ledger,
            patient_id,
            lambda state: account.use_recovery_code(state, patient_id=patient_id),
            by,
        )
        self._give_back(patient_id)

    def _count_try(self, patient_id: PatientId) -> None:
        with self.ledger.pool.connection() as connection:
            row = connection.execute(
                "INSERT INTO access.factor_tries AS old (patient_id, day, failures)"
                " VALUES (%s, current_date, 1) ON CONFLICT (patient_id) DO UPDATE SET day = current_date,"
                " failures = CASE WHEN old.day = current_date THEN old.failures + 1 ELSE 1 END"
                " WHERE old.day <> current_date OR old.failures < %s RETURNING failures",
                (patient_id, WRONG_CODES_A_DAY),
            ).fetchone()
        if row is None:
            raise ProblemError("factor-tries-used-up", "form", retry_after=3600)

    def _give_back(self, patient_id: PatientId) -> None:
        with self.ledger.pool.connection() as connection:
            connection.execute(
                "UPDATE access.factor_tries SET failures = greatest(failures - 1, 0) WHERE patient_id = %s",
                (patient_id,),
            )

    # Recovery codes

    def issue_recovery_codes(self, patient_id: PatientId, by: Circumstances) -> list[str]:
        """New codes, shown once and kept as digests; the earlier ones are good no more."""
        codes = [
            "".join(secrets.choice(_ALPHABET) for _ in range(_RECOVERY_CHARACTERS))
            for _ in range(RECOVERY_CODES)
        ]
        # Who breaks off between the two has no good codes, and asks for new ones.
        with self.ledger.pool.connection() as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", (str(patient_id),))
            connection.execute("DELETE FROM access.recovery_codes WHERE patient_id = %s", (patient_id,))
            connection.execute(
                "INSERT INTO access.recovery_codes (patient_id, code_digest) SELECT %s, unnest(%s::bytea[])",
                (patient_id, [self._digest(patient_id, code) for code in codes]),
            )
        change_account(
            self.ledger,
            patient_id,
            lambda state: account.issue_recovery_codes(state, patient_id=patient_id, count=RECOVERY_CODES),
            by,
        )
        return ["-".join(code[start : start + 4] for start in range(0, len(code), 4)) for code in codes]

    # Removing

    def remove(self, patient_id: PatientId, authenticator_id: UUID, by: Circumstances) -> None:
        """Remove an authenticator program or a passkey. It opens nothing once the ledger has it; then what it
        was known by goes too."""
        change_account(
            self.ledger,
            patient_id,
            lambda state: account.remove(state, patient_id=patient_id, authenticator_id=authenticator_id),
            by,
        )
        with self.ledger.pool.connection() as connection:
            connection.execute("DELETE FROM access.totp WHERE authenticator_id = %s", (authenticator_id,))
            connection.execute("DELETE FROM access.passkeys WHERE authenticator_id = %s", (authenticator_id,))

    # The secret of a program is sealed, and a recovery code digested, by a secret that is not in the database.

    def _digest(self, patient_id: PatientId, code: str) -> bytes:
        plain = "".join(code.upper().replace("-", "").split()).translate(_MISREAD)
        return hmac.digest(self._key(b"recovery"), patient_id.bytes + plain.encode(), "sha256")

    def _seal(self, authenticator_id: UUID, secret: bytes) -> bytes:
        return sealing.seal(self._key(b"totp"), about=authenticator_id, header=b"totp", plaintext=secret)[0]

    def _unseal(self, authenticator_id: UUID, sealed: bytes) -> bytes:
        return sealing.unseal(self._key(b"totp"), about=authenticator_id, header=b"totp", body=sealed)

    def _key(self, label: bytes) -> bytes:
        return sealing.derive(self.ledger.custody.message_key, b"access", label)
