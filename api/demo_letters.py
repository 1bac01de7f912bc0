"""The letters that the demo's mail server accepted, read as a mail program would."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage

from api.demo_peers import MailPeer


def latest(peer: MailPeer) -> EmailMessage:
    """The letter that arrived last."""
    return message_from_bytes(peer.accepted[-1].path.read_bytes(), _class=EmailMessage, policy=policy.default)


def text_of(letter: EmailMessage) -> str:
    """Its plain text."""
    body = letter.get_body(("plain",))
    return str(body.get_content()) if body else ""


def code_in(text: str) -> str:
    """The code of six digits that stands in a message."""
    found = re.search(r"\b(\d{6})\b", text)
    assert found is not None, "a message with a code arrived"
    return found[1]
