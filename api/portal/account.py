"""The account («Безопасность»): with what a person signs in, where they are signed in, what happened of late."""

from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from api.portal.factors import Factors
from api.portal.open_sessions import end_others, end_session, open_sessions
from api.portal.security_events import security_events
from api.portal.web import Actor, Form, Person, Visit, go, told
from api.problems import ProblemError, explain
from domain import account
from ledger.account import change_account, load_account

router = APIRouter(include_in_schema=False)
RECOVERY_CODES_FEW = 3


@router.get("/account")
def account_page(person: Person) -> Response:
    return _page(person)


@router.post("/account/authenticators/remove")
def remove_authenticator(person: Actor, form: Form) -> Response:
    person.require_step_up()
    try:
        Factors(person.ledger).remove(
            person.signed_in().patient_id, uuid_of(form.get("authenticator", "")), person.by()
        )
    except account.AuthenticatorUnknownError:
        raise ProblemError("not-found") from None
    return changed(person, "authenticator-removed")


@router.get("/account/recovery-codes")
def recovery_codes_page(person: Person) -> Response:
    person.require_step_up()
    return _recovery_codes_page(person, [])


@router.post("/account/recovery-codes")
def issue_recovery_codes(person: Actor) -> Response:
    """The only answer that shows them: they are kept as digests."""
    person.require_step_up()
    codes = Factors(person.ledger).issue_recovery_codes(person.signed_in().patient_id, person.by())
    changed(person, "authenticator-added")
    return _recovery_codes_page(person, codes)


@router.post("/account/sms")
def turn_sms(person: Actor, form: Form) -> Response:
    person.require_step_up()
    patient_id = person.signed_in().patient_id
    decide = account.turn_sms_off if form.get("turn") == "off" else account.turn_sms_on
    try:
        change_account(
            person.ledger, patient_id, lambda state: decide(state, patient_id=patient_id), person.by()
        )
    except account.StrongerFactorMissingError:
        return _page(person, ProblemError("stronger-factor-missing", "form"))
    return changed(person, "sms-turned-off" if decide is account.turn_sms_off else "sms-turned-on")


@router.post("/account/sessions/end")
def end_one_session(person: Actor, form: Form) -> Response:
    session = person.signed_in()
    session_id = uuid_of(form.get("session", ""))
    if session_id == session.session_id:
        raise ProblemError("not-found")
    end_session(person.ledger, session.patient_id, session_id, person.by())
    return go("/account", notice="session-was-ended")


@router.post("/account/sessions/end-others")
def end_other_sessions(person: Actor) -> Response:
    _end_others(person, "ended-elsewhere")
    return go("/account", notice="other-sessions-ended")


def changed(person: Visit, notice: str) -> Response:
    """With what a person signs in has changed: who was signed in elsewhere must do it again (ASVS 7.4.3)."""
    _end_others(person, "factors-changed")
    return go("/account", notice=notice)


def uuid_of(text: str) -> UUID:
    """An id that a form names; what can't be one names nothing that exists."""
    try:
        return UUID(text)
    except ValueError:
        raise ProblemError("not-found") from None


def _end_others(person: Visit, reason: str) -> None:
    session = person.signed_in()
    end_others(person.ledger, session.patient_id, person.by(), kept=session.session_id, reason=reason)


def _page(person: Visit, error: ProblemError | None = None) -> Response:
    session = person.signed_in()
    state = load_account(person.ledger, session.patient_id)
    return person.page(
        "account.html",
        status=explain(error.code).status if error else 200,
        authenticators=[
            {
                "id": one.authenticator_id,
                "kind": one.kind,
                "label": one.label,
                "is_suspected": one.is_suspected,
            }
            for one in state.authenticators
        ],
        has_totp=any(one.kind is account.AuthenticatorKind.TOTP for one in state.authenticators),
        recovery_codes=state.recovery_codes,
        takes_sms=state.takes_sms,
        may_turn_sms_off=bool(state.good()) and state.recovery_codes > 0,
        advice=_advice(state),
        sessions=[
            {
                "id": one.session_id,
                "is_this": one.session_id == session.session_id,
                "device": one.device,
                "network": one.network,
                "opened_at": one.opened_at,
                "seen_at": one.seen_at,
            }
            for one in open_sessions(person.ledger, session.patient_id)
        ],
        events=security_events(person.ledger, session.patient_id),
        errors=told(error, person.locale) if error else {},
        values={},
    )


def _advice(state: account.Account) -> str | None:
    """The one thing that would make the account safer now."""
    if not state.good():
        return "stronger"
    if state.recovery_codes == 0:
        return "recovery-codes"
    return "recovery-codes-few" if state.recovery_codes < RECOVERY_CODES_FEW else None


def _recovery_codes_page(person: Visit, codes: list[str]) -> Response:
    state = load_account(person.ledger, person.signed_in().patient_id)
    return person.page("recovery_codes.html", codes=codes, left=state.recovery_codes)
