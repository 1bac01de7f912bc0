"""«Push-уведомления»: the browsers that show a person's notices, and the worker in the browser that shows them.

They are of who is signed in, whatever cabinet they look into: the device is theirs.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from fastapi import APIRouter
from fastapi.responses import FileResponse, Response

from api import limits
from api.pages import STATIC, datetime_text
from api.portal.web import Actor, Form, Person, Visit, go, told
from api.portal.whence import device_of
from api.problems import ProblemError, explain
from api.push_origins import is_known
from api.vapid import application_server_key
from domain.channel import Channel
from domain.push_subscription import BROWSERS_MAX, PushSubscribed
from ledger.push_subscriptions import load_subscriptions, push_stream, subscribe, unsubscribe
from ledger.receiving import load_receiving

router = APIRouter(include_in_schema=False)

PAGE: Final = "/notifications/push"
# RFC 8291, section 3.2: sixteen octets.
_AUTH_BYTES: Final = 16
_BASE64URL: Final = re.compile(r"[\w-]{1,128}={0,2}", re.ASCII)


@router.get("/sw.js")
def service_worker() -> Response:
    """At the root, for a worker may do nothing outside of its own folder. Asked for anew when it is looked at."""
    return FileResponse(STATIC / "sw.js", media_type="text/javascript", headers={"Cache-Control": "no-cache"})


@router.get(PAGE)
def push_page(person: Person) -> Response:
    return _page(person)


@router.post(PAGE)
def turn_on(person: Actor, form: Form) -> Response:
    """The browser's own word of where it is told, as its script put it into the form."""
    try:
        _require_subscription(person, form)
        limits.take(person.ledger, "push", str(person.signed_in().patient_id))
    except ProblemError as error:
        return _page(person, error)
    subscribe(
        person.ledger,
        person.signed_in().patient_id,
        endpoint=form["endpoint"],
        p256dh=form["p256dh"].rstrip("="),
        auth=form["auth"].rstrip("="),
        label=device_of(person.request.headers.get("user-agent", "")) or None,
        by=person.by(),
    )
    return go(PAGE, notice="push-on")


@router.post(PAGE + "/{subscription_id}/remove")
def turn_off(person: Actor, subscription_id: UUID) -> Response:
    """Another person's browser is none of theirs: the answer is as for one that does not exist."""
    patient_id = person.signed_in().patient_id
    if load_subscriptions(person.ledger, patient_id).find(subscription_id) is None:
        raise ProblemError("not-found")
    unsubscribe(person.ledger, patient_id, subscription_id, person.by())
    return go(PAGE, notice="push-off")


def _require_subscription(person: Visit, form: dict[str, str]) -> None:
    if person.settings.push_contact is None:
        raise ProblemError("push-not-here", "form")
    if not _are_keys(form.get("p256dh", ""), form.get("auth", "")):
        raise ProblemError("push-subscription-malformed", "form")
    if not is_known(form.get("endpoint", ""), person.settings.push_services):
        raise ProblemError("push-service-unknown", "form")


def _are_keys(p256dh: str, auth: str) -> bool:
    """A point of the curve and a secret of its length: what is not would fail at each notice."""
    try:
        point, secret = _decoded(p256dh), _decoded(auth)
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
    except ValueError:
        return False
    return len(secret) == _AUTH_BYTES


def _decoded(text: str) -> bytes:
    if not _BASE64URL.fullmatch(text):  # the library skips what is no letter of it, however much there is
        raise ValueError("not base64url")
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _page(person: Visit, error: ProblemError | None = None) -> Response:
    patient_id = person.signed_in().patient_id
    settings = load_receiving(person.ledger, patient_id).settings
    return person.page(
        "push.html",
        status=explain(error.code).status if error else 200,
        errors=told(error, person.locale) if error else {},
        is_here=person.settings.push_contact is not None,
        is_chosen=Channel.PUSH in settings.channels,
        server_key=application_server_key(person.ledger.custody),
        browsers_max=BROWSERS_MAX,
        browsers=_browsers(person),
    )


def _browsers(person: Visit) -> list[dict[str, str]]:
    """`digest` lets the page's script find the browser that it runs in; the address itself stays here."""
    patient_id = person.signed_in().patient_id
    since = {
        recorded.event.subscription_id: recorded.recorded_at
        for recorded in person.ledger.read(push_stream(person.ledger, patient_id))
        if isinstance(recorded.event, PushSubscribed)
    }
    return [
        {
            "id": str(one.subscription_id),
            "label": one.label or "",
            "since": datetime_text(
                since[one.subscription_id], locale=person.locale, time_zone=person.settings.time_zone
            ),
            "digest": urlsafe_b64encode(sha256(one.endpoint.encode()).digest()).rstrip(b"=").decode(),
        }
        for one in load_subscriptions(person.ledger, patient_id).subscriptions
    ]
