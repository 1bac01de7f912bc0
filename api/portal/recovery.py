"""Recovery: a forgotten password is set anew with a code by SMS and a second proof, or after a day's wait.

Whoever has only the phone may have stolen it: so an account that has a stronger factor asks for it, and one
that has none makes them wait while the owner is told and may call it off. Nobody is signed in by it: signing
in asks for a second factor as ever. Who has lost everything is not helped here; they write to the operator.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response
from orjson import dumps, loads

from api import limits
from api.passwords import require_good
from api.portal.code_page import code_page, to_code
from api.portal.open_sessions import end_others
from api.portal.passwords import with_suggestion, words_of
from api.portal.refusing import form_page
from api.portal.sign_in import hash_password, phone_of, token_digest
from api.portal.telling import tell
from api.portal.web import Actor, Form, Person, Visit, cookie_name, go, set_cookie
from api.problems import ProblemError
from domain.recovery import STRONG_PROOFS, RecoveryProofNeededError, RecoveryWaitingError
from domain.values import PatientId
from ledger import commands
from ledger.account import load_account
from ledger.recovery import (
    cancel_recovery,
    has_strong_factor,
    load_recovery,
    recover_password,
    request_recovery,
)

router = APIRouter(include_in_schema=False)
MINUTES = 15


@dataclass(frozen=True, slots=True)
class Recovering:
    """Whose password it is about, and what they have shown."""

    patient_id: PatientId
    proofs: tuple[str, ...]


@router.get("/recover")
def recover_page(person: Person) -> Response:
    return form_page(person, "recover.html")


@router.post("/recover")
def ask_to_recover(person: Person, form: Form) -> Response:
    """Whether the phone has a cabinet is told to its owner only, by SMS."""
    try:
        limits.take_from_address(person.request, person.ledger, person.settings, "recovery")
        phone = phone_of(form.get("phone", ""))
        challenge_id = _send(person, phone)
    except ProblemError as error:
        return form_page(person, "recover.html", error, values={"phone": form.get("phone", "")})
    return to_code(person, "/recover/code", challenge_id)


@router.get("/recover/code")
def recover_code_page(person: Person) -> Response:
    return _code_page(person)


@router.post("/recover/code")
def recover_by_code(person: Person, form: Form) -> Response:
    try:
        limits.take_from_address(person.request, person.ledger, person.settings, "code")
        passed = person.door.pass_code("recovery", person.challenge_id(), form.get("code", ""))
    except ProblemError as error:
        return _code_page(person, error)
    assert passed.subject is not None
    token = secrets.token_urlsafe(32)
    with person.ledger.pool.connection() as connection:
        connection.execute(
            "INSERT INTO access.recoveries (token_digest, patient_id, proofs, expires_at)"
            " VALUES (%s, %s, %s, now() + make_interval(mins => %s))",
            (token_digest(token), passed.subject, ["sms-code"], MINUTES),
        )
    response = go("/recover/proof")
    set_cookie(response, person.settings, "recovery", token, seconds=MINUTES * 60)
    response.delete_cookie(cookie_name(person.settings, "challenge"), path="/")
    return response


@router.post("/recover/code/resend")
def resend_recovery_code(person: Person, form: Form) -> Response:  # noqa: ARG001 - the form was checked
    try:
        phone = loads(person.door.pending("recovery", person.challenge_id()).pending)["phone"]
        challenge_id = _send(person, phone)
    except ProblemError as error:
        return _code_page(person, error)
    return to_code(person, "/recover/code", challenge_id, notice="code-sent")


@router.get("/recover/proof")
def proof_page(person: Person) -> Response:
    return proofs_page(person)


@router.post("/recover/wait")
def begin_to_wait(person: Person, form: Form) -> Response:  # noqa: ARG001 - the form was checked
    """The day begins; the owner is told on the phone and in every open session."""
    try:
        recovering = recovering_of(person)
        asked = request_recovery(person.ledger, recovering.patient_id, now=datetime.now(UTC))
    except RecoveryProofNeededError:
        return go("/recover/proof")
    except ProblemError:
        return go("/recover", notice="recovery-ended")
    if asked.event_ids:
        phone = commands.load_patient(person.ledger, recovering.patient_id).phone or ""
        tell(person.door, phone, "recovery-waits", locale=person.locale)
    return go("/recover/proof")


@router.get("/recover/password")
def new_password_page(person: Person) -> Response:
    try:
        recovering = recovering_of(person)
    except ProblemError:
        return go("/recover", notice="recovery-ended")
    return (
        _password_page(person, recovering.patient_id) if may_set(person, recovering) else go("/recover/proof")
    )


@router.post("/recover/password")
def set_new_password(person: Person, form: Form) -> Response:
    try:
        recovering = recovering_of(person)
    except ProblemError:
        return go("/recover", notice="recovery-ended")
    suggested = with_suggestion(form)
    if suggested is not None:
        return _password_page(person, recovering.patient_id, values=suggested)
    try:
        _set(person, recovering, form.get("password", ""))
    except ProblemError as error:
        return _password_page(person, recovering.patient_id, error)
    response = go("/sign-in", notice="password-changed")
    response.delete_cookie(cookie_name(person.settings, "recovery"), path="/")
    return response


@router.get("/account/recovery")
def waiting_page(person: Person) -> Response:
    """What the owner sees of a recovery that waits, and how they call it off."""
    session = person.signed_in()
    recovery = load_recovery(person.ledger, session.patient_id)
    now = datetime.now(UTC)
    is_pending = recovery.is_waiting(now) or recovery.is_open(now)
    return person.page("recovery_waits.html", opens_at=recovery.opens_at if is_pending else None)


@router.post("/account/recovery/cancel")
def call_off(person: Actor) -> Response:
    patient_id = person.signed_in().patient_id
    cancel_recovery(person.ledger, patient_id, person.by())
    with person.ledger.pool.connection() as connection:
        connection.execute("DELETE FROM access.recoveries WHERE patient_id = %s", (patient_id,))
    return go("/account", notice="recovery-cancelled")


# Also for the modules that take one more proof.


def recovering_of(person: Visit) -> Recovering:
    """Who recovers in this browser; `recovery-ended` if nobody, or not any more."""
    token = person.request.cookies.get(cookie_name(person.settings, "recovery"), "")
    with person.ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT patient_id, proofs FROM access.recoveries WHERE token_digest = %s AND expires_at > now()",
            (token_digest(token),),
        ).fetchone()
    if row is None:
        raise ProblemError("recovery-ended", "form")
    return Recovering(PatientId(row[0]), tuple(row[1]))


def proved(person: Visit, proof: str) -> Response:
    """One more proof was shown in this browser."""
    token = person.request.cookies.get(cookie_name(person.settings, "recovery"), "")
    with person.ledger.pool.connection() as connection:
        connection.execute(
            "UPDATE access.recoveries SET proofs = array_append(proofs, %s) WHERE token_digest = %s",
            (proof, token_digest(token)),
        )
    return go("/recover/password")


def proofs_page(person: Visit, error: ProblemError | None = None) -> Response:
    """What is needed beside the code: one of the account's stronger factors, or time."""
    try:
        recovering = recovering_of(person)
    except ProblemError:
        return go("/recover", notice="recovery-ended")
    if error is None and may_set(person, recovering):
        return go("/recover/password")
    account = load_account(person.ledger, recovering.patient_id)
    factors = [one for one in account.second_factors() if one in STRONG_PROOFS]
    recovery = load_recovery(person.ledger, recovering.patient_id)
    return form_page(
        person,
        "recover_proof.html",
        error,
        factors=factors,
        opens_at=recovery.opens_at if recovery.is_waiting(datetime.now(UTC)) else None,
    )


def may_set(person: Visit, recovering: Recovering) -> bool:
    """The page of the new password is of use. Whether it may be set is decided when it is."""
    if STRONG_PROOFS & set(recovering.proofs):
        return True
    if has_strong_factor(load_account(person.ledger, recovering.patient_id)):
        return False
    return load_recovery(person.ledger, recovering.patient_id).is_open(datetime.now(UTC))


def _set(person: Visit, recovering: Recovering, password: str) -> None:
    patient_id = recovering.patient_id
    patient = commands.load_patient(person.ledger, patient_id)
    require_good(password, about=words_of(patient))
    password_hash = hash_password(password)
    try:
        # The events lie inside the transaction: if they are refused, the password stays as it was.
        with person.ledger.pool.connection() as connection, connection.transaction():
            connection.execute(
                "UPDATE access.credentials SET password_hash = %s, failures = 0, locked_until = NULL"
                " WHERE patient_id = %s",
                (password_hash, patient_id),
            )
            connection.execute("DELETE FROM access.recoveries WHERE patient_id = %s", (patient_id,))
            recover_password(person.ledger, patient_id, now=datetime.now(UTC), proofs=recovering.proofs)
    except (RecoveryWaitingError, RecoveryProofNeededError):
        raise ProblemError("recovery-waits", "form") from None
    by = commands.by_patient(patient_id)
    end_others(person.ledger, patient_id, by, kept=None, reason="factors-changed")
    tell(person.door, patient.phone or "", "password-changed", locale=person.locale)


def _send(person: Visit, phone: str) -> UUID:
    limits.take(person.ledger, "recovery", phone)
    found = person.ledger.find("phone", phone)
    return person.door.challenge(
        "recovery",
        phone,
        locale=person.locale,
        subject=found,
        pending=dumps({"phone": phone}),
        is_possible=found is not None,
        otherwise="sms.no-cabinet",
    )


def _code_page(person: Visit, error: ProblemError | None = None) -> Response:
    return code_page(person, "recovery", "/recover/code", begin="/recover", error=error)


def _password_page(
    person: Visit,
    patient_id: PatientId,
    error: ProblemError | None = None,
    values: dict[str, str] | None = None,
) -> Response:
    patient = commands.load_patient(person.ledger, patient_id)
    return form_page(person, "recover_password.html", error, values=values, phone=patient.phone or "")
