"""Pages that add a second factor: an authenticator program (TOTP) and a passkey."""

from fastapi import APIRouter
from fastapi.responses import Response

from api import totp
from api.portal.account import changed
from api.portal.factors import OFFER_MINUTES, Factors
from api.portal.passkeys import CHALLENGE_MINUTES, Asked, Passkeys
from api.portal.web import Actor, Form, Person, Visit, cookie_name, go, set_cookie, told
from api.problems import ProblemError, explain
from domain import account
from ledger import commands
from ledger.account import load_account

router = APIRouter(include_in_schema=False)


@router.get("/account/totp")
def totp_page(person: Person) -> Response:
    person.require_step_up()
    return _totp_page(person)


@router.get("/account/totp/qr.svg")
def totp_picture(person: Person) -> Response:
    """The secret as a QR code, for who may see the page around it."""
    person.require_step_up()
    session = person.signed_in()
    offer = Factors(person.ledger).offer_totp(session.patient_id, session.session_id)
    picture = totp.qr_svg(offer.secret, _name(person))
    return Response(picture, media_type="image/svg+xml", headers={"Cache-Control": "no-store"})


@router.post("/account/totp")
def add_totp(person: Actor, form: Form) -> Response:
    person.require_step_up()
    try:
        Factors(person.ledger).take_totp(
            person.signed_in().patient_id,
            person.signed_in().session_id,
            code=form.get("code", ""),
            label=form.get("label", "").strip(),
            by=person.by(),
        )
    except ProblemError as error:
        return _totp_page(person, error)
    except (
        account.TotpAlreadyAddedError,
        account.AuthenticatorsTooManyError,
        account.AuthenticatorLabelTooLongError,
    ) as error:
        return _totp_page(person, _problem_of(error))
    return changed(person, "authenticator-added")


@router.get("/account/passkey")
def passkey_page(person: Person) -> Response:
    person.require_step_up()
    return _passkey_page(person)


@router.post("/account/passkey/options")
def passkey_options(person: Actor) -> Response:
    person.require_step_up()
    asked = Passkeys(person.ledger, person.settings).ask_to_add(person.signed_in(), name=_name(person))
    return options_answer(person, asked)


@router.post("/account/passkey")
def add_passkey(person: Actor, form: Form) -> Response:
    person.require_step_up()
    try:
        Passkeys(person.ledger, person.settings).add(
            person.signed_in(),
            token=passkey_token(person),
            credential=form.get("credential", ""),
            label=form.get("label", "").strip(),
            by=person.by(),
        )
    except ProblemError as error:
        return _passkey_page(person, error)
    except (account.AuthenticatorsTooManyError, account.AuthenticatorLabelTooLongError) as error:
        return _passkey_page(person, _problem_of(error))
    return changed(person, "authenticator-added")


def options_answer(person: Visit, asked: Asked) -> Response:
    """What the script hands to the browser; the challenge is bound to a cookie that no script can read."""
    response = Response(asked.options, media_type="application/json", headers={"Cache-Control": "no-store"})
    set_cookie(response, person.settings, "passkey", asked.token, seconds=CHALLENGE_MINUTES * 60)
    return response


def passkey_token(person: Visit) -> str:
    return person.request.cookies.get(cookie_name(person.settings, "passkey"), "")


def _problem_of(error: Exception) -> ProblemError:
    if isinstance(error, account.AuthenticatorLabelTooLongError):
        return ProblemError("authenticator-label-too-long", "label")
    if isinstance(error, account.TotpAlreadyAddedError):
        return ProblemError("totp-already-added", "form")
    return ProblemError("authenticators-too-many", "form")


def _name(person: Visit) -> str:
    """By what the person tells this account from others in their program: the phone that they sign in with."""
    return commands.load_patient(person.ledger, person.signed_in().patient_id).phone or ""


def _totp_page(person: Visit, error: ProblemError | None = None) -> Response:
    patient_id = person.signed_in().patient_id
    programs = load_account(person.ledger, patient_id).authenticators
    if error is None and any(one.kind is account.AuthenticatorKind.TOTP for one in programs):
        return go("/account")
    offer = Factors(person.ledger).offer_totp(patient_id, person.signed_in().session_id)
    return person.page(
        "totp.html",
        status=explain(error.code).status if error else 200,
        secret=totp.manual_key(offer.secret),
        address=totp.address(offer.secret, _name(person)),
        minutes=OFFER_MINUTES,
        errors=told(error, person.locale) if error else {},
        values={},
    )


def _passkey_page(person: Visit, error: ProblemError | None = None) -> Response:
    return person.page(
        "passkey.html",
        status=explain(error.code).status if error else 200,
        errors=told(error, person.locale) if error else {},
        values={},
    )
