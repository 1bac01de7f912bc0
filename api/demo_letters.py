"""The letters that the demo's mail server accepted, read as a mail program would."""

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage

from api.demo_peers import AcceptedMail, MailPeer, SmsPeer


def latest(peer: MailPeer) -> EmailMessage:
    """The letter that arrived last."""
    return _read(peer.accepted[-1])


def arrived(mail: MailPeer, sms: SmsPeer, after: tuple[int, int], until: tuple[int, int]) -> Iterator[str]:
    """A line for each letter and each SMS that came between two counts of them: what people would see."""
    for accepted in mail.accepted[after[0] : until[0]]:
        letter = _read(accepted)
        code = re.search(r"\b\d{6}\b", text_of(letter))
        said = f"{letter['subject']} {code[0] if code else ''}".strip()
        yield f"  e-mail to {', '.join(accepted.recipients)}: {said} ({accepted.path})"
    for message in sms.accepted[after[1] : until[1]]:
        yield f"  SMS to {message.to}: {message.text}"


def _read(accepted: AcceptedMail) -> EmailMessage:
    return message_from_bytes(accepted.path.read_bytes(), _class=EmailMessage, policy=policy.default)


def text_of(letter: EmailMessage) -> str:
    """Its plain text."""
    body = letter.get_body(("plain",))
    return str(body.get_content()) if body else ""


def code_in(text: str) -> str:
    """The code of six digits that stands in a message."""
    found = re.search(r"\b(\d{6})\b", text)
    assert found is not None, "a message with a code arrived"
    return found[1]
