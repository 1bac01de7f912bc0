"""The OMS policy: its number, confirmed by a code to the owner (S31-S36)."""

from fastapi import APIRouter
from fastapi.responses import Response
from orjson import dumps, loads

from api.portal.sign_in import CODE_MINUTES
from api.portal.web import Actor, Form, Person, Visit, go, set_cookie, told
from api.problems import ProblemError, explain
from domain.patient import PolicyAlreadyLinkedError, PolicyLinked, ProfileMissingError
from domain.values import CheckDigitError, enp
from ledger import commands
from ledger.recorder import MarkTakenError

router = APIRouter(include_in_schema=False)


@router.get("/services/policy")
def policy_page(person: Person) -> Response:
    return _policy_page(person)


@router.post("/services/policy")
def send_policy_code(person: Actor, form: Form) -> Response:
    """Check the number and send the code by which its owner confirms it (S33)."""
    patient = commands.load_patient(person.ledger, person.patient_id)
    try:
        try:
            number = enp(form.get("number", ""))
        except CheckDigitError:
            raise ProblemError("policy-check-failed", "number") from None
        if patient.profile is None:
            raise ProblemError("profile-missing", "number")
        challenge_id = person.door.challenge(
            "policy",
            patient.phone or "",
            locale=person.locale,
            subject=person.patient_id,
            pending=dumps({"phone": patient.phone, "number": number}),
        )
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
    session = person.signed_in()
    try:
        passed = person.door.pass_code("policy", person.challenge_id(), form.get("code", ""))
        if passed.subject != session.patient_id:
            raise ProblemError("code-expired", "code")
        number = loads(passed.pending)["number"]
        commands.link_policy(person.ledger, session.patient_id, number, person.by())
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
        challenge_id = person.door.challenge(
            "policy",
            loads(waiting.pending)["phone"],
            locale=person.locale,
            subject=person.patient_id,
            pending=waiting.pending,
        )
    except ProblemError as error:
        return _policy_code_page(person, error)
    response = go("/services/policy/code", notice="code-sent")
    set_cookie(response, person.settings, "challenge", str(challenge_id), seconds=CODE_MINUTES * 60)
    return response


def _policy_page(
    person: Visit, error: ProblemError | None = None, values: dict[str, str] | None = None
) -> Response:
    patient_id = person.patient_id
    number = commands.load_patient(person.ledger, patient_id).policy
    policy = None
    if number is not None:
        linked = [event for event in person.ledger.read(patient_id) if type(event.event) is PolicyLinked]
        policy = {"number_masked": f"•••• •••• •••• {number[-4:]}", "linked_at": linked[-1].recorded_at}
    return person.page(
        "policy.html",
        status=explain(error.code).status if error else 200,
        policy=policy,
        errors=told(error, person.locale) if error else {},
        values=values or {},
    )


def _policy_code_page(person: Visit, error: ProblemError | None = None) -> Response:
    patient = commands.load_patient(person.ledger, person.patient_id)
    error = ProblemError(error.code, "code") if error else None
    return person.page(
        "code.html",
        status=explain(error.code).status if error else 200,
        action="/services/policy/code",
        phone_tail=(patient.phone or "")[-4:],
        minutes=CODE_MINUTES,
        errors=told(error, person.locale) if error else {},
        values={},
    )
