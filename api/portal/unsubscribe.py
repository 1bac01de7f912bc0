"""Stopping notices by the link in one of them, without signing in (RFC 8058).

Who holds the message may do this much: the token is the proof, so there is no session and no token of a form, which
a mail program would not have. Asking for the page changes nothing, for mail scanners open every link.
"""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from api import unsubscribe_token
from api.portal.web import Visit, locale_of
from api.problems import ProblemError
from domain.channel import Channel
from domain.values import PatientId
from ledger.receiving import load_receiving, turn_channel_off
from ledger.store import Ledger

router = APIRouter(include_in_schema=False)


@router.get("/unsubscribe/{token}")
def unsubscribe_page(request: Request, token: str) -> Response:
    """What would stop, and a button. It names nobody: whoever holds the letter may not be its reader."""
    ledger = request.app.state.door.ledger
    patient_id, channel = _meant(ledger, token)
    is_on = load_receiving(ledger, patient_id).notices(channel)
    return _page(request, channel, token=token, is_done=not is_on)


@router.post("/unsubscribe/{token}")
def unsubscribe(request: Request, token: str) -> Response:
    """By the button, or by a mail program in one click. Saying it twice changes nothing; consents stay."""
    ledger = request.app.state.door.ledger
    patient_id, channel = _meant(ledger, token)
    turn_channel_off(ledger, patient_id, channel, unsubscribe_token.by_holder(patient_id))
    return _page(request, channel, token=token, is_done=True)


def _meant(ledger: Ledger, token: str) -> tuple[PatientId, Channel]:
    """Whose notices by which channel; a token that is not ours names nothing that exists."""
    found = unsubscribe_token.read(ledger.custody.message_key, token)
    if found is None:
        raise ProblemError("not-found")
    return found


def _page(request: Request, channel: Channel, *, token: str, is_done: bool) -> Response:
    """The same for everybody, signed in or not."""
    stranger = Visit(request, request.app.state.door, locale_of(request), None)
    page = stranger.page("unsubscribe.html", channel=channel.value, token=token, is_done=is_done)
    # The address is the proof: it goes to no other page.
    page.headers["Referrer-Policy"] = "no-referrer"
    return page
