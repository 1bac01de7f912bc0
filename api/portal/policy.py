"""The OMS policy: its kind and number, confirmed by a code to the owner, and how to unlink it (S31-S36)."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from fastapi.responses import Response
from orjson import dumps, loads

from api.portal.sign_in import CODE_MINUTES
from api.portal.web import Actor, Form, Person, Visit, go, set_cookie, told
from api.problems import ProblemError, explain
from domain.patient import (
    PolicyAlreadyLinkedError,
    PolicyLinked,
    PolicyMissingError,
    ProfileMissingError,
)
from domain.policy import (
    Policy,
    PolicyFieldError,
    PolicyKind,
    old_policy,
    single_policy,
    temporary_policy,
)
from ledger import commands
from ledger.policy import unlink_policy
from ledger.recorder import MarkTakenError

router = APIRouter(include_in_schema=False)


@router.get("/services/policy")
def policy_page(person: Person) -> Response:
    return _policy_page(person)


@router.post("/services/policy")
def send_policy_code(person: Actor, form: Form) -> Response:
    """Check the fields and send the code by which the account's owner confirms the policy (S33)."""
    try:
        policy = _read(form, today=_today(person))
        patient = commands.load_patient(person.ledger, person.patient_id)
        if patient.profile is None:
            raise ProblemError("profile-missing", "number")
        challenge_id = _challenge(person, dumps(_fields(policy)))
    except ProblemError as error:
        return _policy_page(person, error, form)
    response = go("/services/policy/code", notice="policy-code-sent")
    set_cookie(response, person.settings, "challenge", str(challenge_id), seconds=CODE_MINUTES * 60)
    return response


@router.get("/services/policy/code")
def policy_code_page(person: Person) -> Response:
    return _policy_code_page(person)


@router.post("/services/policy/code")
def link_policy(person: Actor, form: Form) -> Response:
    try:
        passed = person.door.pass_code("policy", person.challenge_id(), form.get("code", ""))
        if passed.subject != person.patient_id:
            raise ProblemError("code-expired", "code")
        fields = loads(passed.pending)
        policy = Policy(**fields | {"kind": PolicyKind(fields["kind"])})
        commands.link_policy(person.ledger, person.patient_id, policy, person.by())
    except ProblemError as error:
        return _policy_code_page(person, error)
    except MarkTakenError:
        return _policy_page(person, ProblemError("policy-taken", "number"))
    except PolicyAlreadyLinkedError:
        return _policy_page(person, ProblemError("policy-already-linked", "number"))
    except ProfileMissingError:
        return _policy_page(person, ProblemError("profile-missing", "number"))
    return go("/services", notice="policy-linked")


@router.post("/services/policy/code/resend")
def resend_policy_code(person: Actor) -> Response:
    try:
        waiting = person.door.pending("policy", person.challenge_id())
        if waiting.subject != person.patient_id:
            raise ProblemError("code-expired", "code")
        challenge_id = _challenge(person, waiting.pending)
    except ProblemError as error:
        return _policy_code_page(person, error)
    response = go("/services/policy/code", notice="code-sent")
    set_cookie(response, person.settings, "challenge", str(challenge_id), seconds=CODE_MINUTES * 60)
    return response


@router.get("/services/policy/unlink")
def unlink_page(person: Person) -> Response:
    """What ends with the policy, before anything does."""
    person.signed_in()
    return person.page("policy_unlink.html", policy=_shown(person))


@router.post("/services/policy/unlink")
def unlink(person: Actor) -> Response:
    person.require_step_up()
    try:
        unlink_policy(person.ledger, person.patient_id, person.by())
    except PolicyMissingError:
        raise ProblemError("policy-not-linked") from None
    return go("/services/policy", notice="policy-unlinked")


def _challenge(person: Visit, pending: bytes) -> Any:
    """A code goes to the phone of whoever is signed in, whosever policy it is."""
    account = commands.load_patient(person.ledger, person.signed_in().patient_id)
    return person.door.challenge(
        "policy",
        account.phone or "",
        locale=person.locale,
        subject=person.patient_id,
        pending=pending,
    )


def _read(form: dict[str, str], *, today: date) -> Policy:
    """The policy that the form describes; a form without a kind is of the single one."""
    kind, number = form.get("kind", PolicyKind.SINGLE), form.get("number", "")
    try:
        if kind == PolicyKind.OLD:
            return old_policy(form.get("series", ""), number)
        if kind == PolicyKind.TEMPORARY:
            return temporary_policy(number, _day(form.get("issued_on", "")), today=today)
        if kind == PolicyKind.SINGLE:
            return single_policy(number)
    except PolicyFieldError as error:
        raise ProblemError(error.code, error.field) from None
    raise ProblemError("policy-kind-missing", "kind")


def _day(text: str) -> date | None:
    if not text.strip():
        return None
    try:
        return datetime.strptime(text.strip(), "%d.%m.%Y").replace(tzinfo=UTC).date()
    except ValueError:
        raise PolicyFieldError("policy-issued-malformed", "issued_on") from None


def _today(person: Visit) -> date:
    return datetime.now(ZoneInfo(person.settings.time_zone)).date()


def _fields(policy: Policy) -> dict[str, str | None]:
    return {
        "kind": policy.kind,
        "number": policy.number,
        "series": policy.series,
        "issued_on": policy.issued_on,
        "valid_until": policy.valid_until,
    }


def _shown(person: Visit) -> dict[str, Any] | None:
    """The linked policy by its last digits."""
    linked = commands.load_patient(person.ledger, person.patient_id).policy_linked
    if linked is None:
        return None
    events = [one for one in person.ledger.read(person.patient_id) if type(one.event) is PolicyLinked]
    return {
        "kind": linked.kind or PolicyKind.SINGLE,
        "number_masked": f"•••• {linked.number[-4:]}",
        "linked_at": events[-1].recorded_at,
        "valid_until": linked.valid_until,
    }


def _policy_page(
    person: Visit, error: ProblemError | None = None, values: dict[str, str] | None = None
) -> Response:
    person.signed_in()
    return person.page(
        "policy.html",
        status=explain(error.code).status if error else 200,
        policy=_shown(person),
        kinds=[kind.value for kind in PolicyKind],
        errors=told(error, person.locale) if error else {},
        values=values or {},
    )


def _policy_code_page(person: Visit, error: ProblemError | None = None) -> Response:
    account = commands.load_patient(person.ledger, person.signed_in().patient_id)
    error = ProblemError(error.code, "code") if error else None
    return person.page(
        "code.html",
        status=explain(error.code).status if error else 200,
        action="/services/policy/code",
        phone_tail=(account.phone or "")[-4:],
        minutes=CODE_MINUTES,
        errors=told(error, person.locale) if error else {},
        values={},
    )
