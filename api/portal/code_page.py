"""The page that asks for a code by SMS, for acts that have one field and nothing more."""

from fastapi.responses import Response
from orjson import loads

from api.portal.refusing import form_page
from api.portal.sign_in import CODE_MINUTES, Action
from api.portal.web import Visit, go, set_cookie
from api.problems import ProblemError
from domain.values import PatientId


def to_code(person: Visit, path: str, challenge_id: object, *, notice: str | None = None) -> Response:
    """On to the page of the code; the browser remembers which one it waits for."""
    response = go(path, notice=notice)
    set_cookie(response, person.settings, "challenge", str(challenge_id), seconds=CODE_MINUTES * 60)
    return response


def code_page(
    person: Visit,
    action: Action,
    path: str,
    *,
    begin: str,
    error: ProblemError | None = None,
    subject: PatientId | None = None,
) -> Response:
    """The page; without a challenge that waits, the page where the act begins. With `subject` it must be
    theirs."""
    try:
        waiting = person.door.pending(action, person.challenge_id())
        if subject is not None and waiting.subject != subject:
            raise ProblemError("code-expired", "code")
        phone = loads(waiting.pending)["phone"]
    except ProblemError:
        if error is None:
            return go(begin)
        phone = ""
    # Whatever is wrong is said at the only field of this page.
    error = ProblemError(error.code, "code", retry_after=error.retry_after) if error else None
    return form_page(person, "code.html", error, action=path, phone_tail=phone[-4:], minutes=CODE_MINUTES)
