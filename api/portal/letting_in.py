"""Letting a person in, and the sign-in that is half done: the password was right, the second factor is to come."""

import secrets

from fastapi.responses import Response

from api.portal.sign_in import SESSION_HOURS, token_digest
from api.portal.web import Visit, cookie_name, go, set_cookie
from api.portal.whence import whence_of
from api.problems import ProblemError
from domain.values import PatientId
from ledger.account import load_account

HALF_MINUTES = 10
STRONG = frozenset({"passkey", "totp", "recovery-code"})
# A session that is open elsewhere vouched, and it may be one that was left open: it is no proof of its own.
SECOND_DEVICE = "second-device"
_COOKIES = ("challenge", "half", "passkey")


def let_in(
    person: Visit, patient_id: PatientId, path: str, *, factors: tuple[str, ...], notice: str | None = None
) -> Response:
    """A new session id at each sign-in; the session that the browser had before ends."""
    if person.session is not None:
        person.door.close_session(person.session, reason="replaced")
    first = _forget_half(person, patient_id)
    if first is not None and factors[0] == "password":
        factors = (first, *factors[1:])
    whence = whence_of(person.request, person.settings)
    # Whoever came in by less than the account has must show more before a sensitive act.
    is_weak = SECOND_DEVICE in factors or bool(load_account(person.ledger, patient_id).good())
    is_fresh = bool(STRONG & set(factors)) or not is_weak
    token = person.door.open_session(patient_id, factors=factors, whence=whence, is_fresh=is_fresh)
    response = go(path, notice=notice)
    set_cookie(response, person.settings, "session", token, seconds=SESSION_HOURS * 3600)
    for name in _COOKIES:
        response.delete_cookie(cookie_name(person.settings, name), path="/")
    return response


def ask_for_second_factor(
    person: Visit, patient_id: PatientId, *, first_factor: str = "password"
) -> Response:
    """The password was right, or an account elsewhere was shown. Who may choose among several second factors
    does so on a page of its own."""
    token = secrets.token_urlsafe(32)
    with person.ledger.pool.connection() as connection:
        connection.execute("DELETE FROM access.half_sign_ins WHERE expires_at < now()")
        connection.execute(
            "INSERT INTO access.half_sign_ins (token_digest, patient_id, first_factor, expires_at)"
            " VALUES (%s, %s, %s, now() + make_interval(mins => %s))",
            (token_digest(token), patient_id, first_factor, HALF_MINUTES),
        )
    response = go("/sign-in/factor")
    set_cookie(response, person.settings, "half", token, seconds=HALF_MINUTES * 60)
    return response


def half_signed_in(person: Visit) -> PatientId:
    """Whose password was right in this browser, a moment ago."""
    with person.ledger.pool.connection() as connection:
        row = connection.execute(
            "SELECT patient_id FROM access.half_sign_ins WHERE token_digest = %s AND expires_at > now()",
            (_half_digest(person),),
        ).fetchone()
    if row is None:
        raise ProblemError("sign-in-needed")
    return PatientId(row[0])


def _forget_half(person: Visit, patient_id: PatientId) -> str | None:
    """By what the half of the sign-in was done, if it was this patient's."""
    with person.ledger.pool.connection() as connection:
        row = connection.execute(
            "DELETE FROM access.half_sign_ins WHERE token_digest = %s RETURNING patient_id, first_factor",
            (_half_digest(person),),
        ).fetchone()
    return str(row[1]) if row is not None and row[0] == patient_id else None


def _half_digest(person: Visit) -> bytes:
    return token_digest(person.request.cookies.get(cookie_name(person.settings, "half"), ""))
