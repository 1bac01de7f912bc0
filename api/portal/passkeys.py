"""Passkeys (WebAuthn): adding one, and proving by one who one is. A passkey is two factors in itself, for the
device asks for a fingerprint, a face or a PIN before it signs: that it did (user verification) is required.

A challenge is kept here, not in the browser; it is good once, for five minutes, for one ceremony, and for the
session that asked for it if there was one. What the key signs names our address, so no other site can use it.
"""

import secrets
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from api.portal.sign_in import Session, token_digest
from api.problems import ProblemError
from api.settings import Settings
from domain import account
from domain.account import AuthenticatorKind
from domain.values import PatientId
from ledger.account import account_stream, change_account, load_account
from ledger.codec import Circumstances
from ledger.commands import by_patient
from ledger.store import Ledger

CHALLENGE_MINUTES = 5
_CREDENTIAL_MAX = 20_000
_NAME = "Летопись"
# What a browser may send instead of a credential: nothing that these say goes any further. The library looks into
# what it has decoded without asking of which type it is.
_MALFORMED = (WebAuthnException, ValueError, TypeError, LookupError, AttributeError, RecursionError)

Ceremony = Literal["add", "sign-in", "step-up", "recovery"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the browser is to do (JSON), and the token by which the challenge is found again."""

    options: str
    token: str


@dataclass(frozen=True, slots=True)
class _Known:
    """A passkey as it was stored."""

    authenticator_id: UUID
    patient_id: PatientId
    public_key: bytes
    sign_count: int
    is_backup_eligible: bool


@dataclass(frozen=True, slots=True)
class Passkeys:
    """Passkeys over one ledger, at one public address."""

    ledger: Ledger
    settings: Settings

    # Adding

    def ask_to_add(self, session: Session, *, name: str) -> Asked:
        patient_id = session.patient_id
        challenge, token = self._challenge("add", session.session_id)
        options = generate_registration_options(
            rp_id=self._rp_id,
            rp_name=_NAME,
            user_id=self._user_handle(patient_id),
            user_name=name,
            user_display_name=name,
            challenge=challenge,
            timeout=CHALLENGE_MINUTES * 60_000,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=self._descriptors(patient_id),
        )
        return Asked(options_to_json(options), token)

    def add(self, session: Session, *, token: str, credential: str, label: str, by: Circumstances) -> None:
        patient_id = session.patient_id
        challenge = self._take_challenge("add", token, session.session_id)
        try:
            made = verify_registration_response(
                credential=_limited(credential),
                expected_challenge=challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origin,
                require_user_verification=True,
            )
        except _MALFORMED:
            raise ProblemError("passkey-refused", "form") from None
        authenticator_id = uuid4()
        # It opens nothing before the ledger says that it is the patient's.
        with self.ledger.pool.connection() as connection:
            stored = connection.execute(
                "INSERT INTO access.passkeys (credential_id, authenticator_id, patient_id, public_key,"
                " sign_count, is_backup_eligible, is_backed_up) VALUES (%s, %s, %s, %s, %s, %s, %s)"
                " ON CONFLICT (credential_id) DO NOTHING RETURNING authenticator_id",
                (
                    made.credential_id,
                    authenticator_id,
                    patient_id,
                    made.credential_public_key,
                    made.sign_count,
                    made.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
                    made.credential_backed_up,
                ),
            ).fetchone()
        if stored is None:
            raise ProblemError("passkey-refused", "form")
        try:
            change_account(
                self.ledger,
                patient_id,
                lambda state: account.add(
                    state,
                    patient_id=patient_id,
                    authenticator_id=authenticator_id,
                    kind=AuthenticatorKind.PASSKEY,
                    label=label,
                ),
                by,
            )
        except (account.AuthenticatorsTooManyError, account.AuthenticatorLabelTooLongError):
            with self.ledger.pool.connection() as connection:
                connection.execute(
                    "DELETE FROM access.passkeys WHERE authenticator_id = %s", (authenticator_id,)
                )
            raise

    # Proving

    def ask(
        self, ceremony: Ceremony, *, patient_id: PatientId | None = None, session_id: UUID | None = None
    ) -> Asked:
        """Without a patient any passkey of this address may answer: it says itself whose it is."""
        challenge, token = self._challenge(ceremony, session_id)
        options = generate_authentication_options(
            rp_id=self._rp_id,
            challenge=challenge,
            timeout=CHALLENGE_MINUTES * 60_000,
            allow_credentials=self._descriptors(patient_id) if patient_id else None,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return Asked(options_to_json(options), token)

    def prove(
        self, ceremony: Ceremony, *, token: str, credential: str, session_id: UUID | None = None
    ) -> PatientId:
        """Whose passkey answered. Every refusal but the one of a copied key says the same."""
        challenge = self._take_challenge(ceremony, token, session_id)
        try:
            answer = parse_authentication_credential_json(_limited(credential))
            known = self._find(answer.raw_id)
            if known is None:
                raise ProblemError("passkey-refused", "form")
            handle = answer.response.user_handle
            if handle is not None and handle != self._user_handle(known.patient_id):
                raise ProblemError("passkey-refused", "form")
            shown = verify_authentication_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=self._rp_id,
                expected_origin=self._origin,
                credential_public_key=known.public_key,
                # The counter is compared below, in the database: here a copied key would look like a bad one.
                credential_current_sign_count=0,
                require_user_verification=True,
            )
        except _MALFORMED:
            raise ProblemError("passkey-refused", "form") from None
        is_eligible = shown.credential_device_type is CredentialDeviceType.MULTI_DEVICE
        if is_eligible != known.is_backup_eligible:
            raise ProblemError("passkey-refused", "form")
        self._count(known, answer.raw_id, shown.new_sign_count, is_backed_up=shown.credential_backed_up)
        return known.patient_id

    def _find(self, credential_id: bytes) -> _Known | None:
        """The passkey, if the ledger has it among the good ones of its owner."""
        with self.ledger.pool.connection() as connection:
            row = connection.execute(
                "SELECT authenticator_id, patient_id, public_key, sign_count, is_backup_eligible"
                " FROM access.passkeys WHERE credential_id = %s",
                (credential_id,),
            ).fetchone()
        if row is None:
            return None
        known = _Known(row[0], PatientId(row[1]), bytes(row[2]), row[3], row[4])
        good = load_account(self.ledger, known.patient_id).good(AuthenticatorKind.PASSKEY)
        return known if known.authenticator_id in {one.authenticator_id for one in good} else None

    def _count(self, known: _Known, credential_id: bytes, sign_count: int, *, is_backed_up: bool) -> None:
        """The counter must grow, unless the key does not count at all; one that does not has a copy."""
        with self.ledger.pool.connection() as connection:
            counted = connection.execute(
                "UPDATE access.passkeys SET sign_count = %(count)s, is_backed_up = %(backed_up)s,"
                " used_at = now() WHERE credential_id = %(id)s"
                " AND (sign_count < %(count)s OR (sign_count = 0 AND %(count)s = 0)) RETURNING sign_count",
                {"count": sign_count, "backed_up": is_backed_up, "id": credential_id},
            ).fetchone()
        if counted is None:
            change_account(
                self.ledger,
                known.patient_id,
                lambda state: account.suspect(
                    state, patient_id=known.patient_id, authenticator_id=known.authenticator_id
                ),
                by_patient(known.patient_id),
            )
            raise ProblemError("passkey-suspected", "form")

    # Challenges

    def _challenge(self, ceremony: Ceremony, session_id: UUID | None) -> tuple[bytes, str]:
        challenge, token = secrets.token_bytes(32), secrets.token_urlsafe(32)
        with self.ledger.pool.connection() as connection:
            connection.execute("DELETE FROM access.passkey_challenges WHERE expires_at < now()")
            connection.execute(
                "INSERT INTO access.passkey_challenges (token_digest, ceremony, session_id, challenge,"
                " expires_at) VALUES (%s, %s, %s, %s, now() + make_interval(mins => %s))",
                (token_digest(token), ceremony, session_id, challenge, CHALLENGE_MINUTES),
            )
        return challenge, token

    def _take_challenge(self, ceremony: Ceremony, token: str, session_id: UUID | None) -> bytes:
        """Taken before the answer is looked at, so that it is good once whatever comes."""
        with self.ledger.pool.connection() as connection:
            row = connection.execute(
                "DELETE FROM access.passkey_challenges WHERE token_digest = %s AND ceremony = %s"
                " AND session_id IS NOT DISTINCT FROM %s AND expires_at > now() RETURNING challenge",
                (token_digest(token), ceremony, session_id),
            ).fetchone()
        if row is None:
            raise ProblemError("passkey-refused", "form")
        return bytes(row[0])

    def _descriptors(self, patient_id: PatientId) -> list[PublicKeyCredentialDescriptor]:
        good = load_account(self.ledger, patient_id).good(AuthenticatorKind.PASSKEY)
        with self.ledger.pool.connection() as connection:
            rows: list[tuple[Any, ...]] = connection.execute(
                "SELECT credential_id FROM access.passkeys WHERE authenticator_id = ANY(%s)"
                " ORDER BY created_at",
                ([one.authenticator_id for one in good],),
            ).fetchall()
        return [PublicKeyCredentialDescriptor(id=bytes(row[0])) for row in rows]

    def _user_handle(self, patient_id: PatientId) -> bytes:
        """By what the key knows its owner: it tells nothing of them."""
        return account_stream(self.ledger, patient_id).bytes

    @property
    def _origin(self) -> str:
        parts = urlsplit(self.settings.public_url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def _rp_id(self) -> str:
        return urlsplit(self.settings.public_url).hostname or ""


def _limited(credential: str) -> str:
    if len(credential) > _CREDENTIAL_MAX:
        raise ValueError
    return credential
