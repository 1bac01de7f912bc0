"""What the steps of the demo share: who takes part, and how a form is posted as its page would."""

import re
from dataclasses import dataclass, field
from typing import Any

import httpx2

from api import laboratories
from api.demo_characters import Character
from api.demo_letters import code_in
from api.demo_peers import MailPeer, SmsPeer
from api.node import Node
from projections import PROJECTIONS
from projections.follow import wait_for


class StepFailedError(Exception):
    """A step of the demo did not hold."""


@dataclass(slots=True)
class Story:
    """What the demo has at hand while it runs."""

    opened: Node
    mail: MailPeer
    sms: SmsPeer
    sender: laboratories.Sender
    who: Character
    browser: httpx2.Client
    machine: httpx2.Client
    found: dict[str, Any] = field(default_factory=dict)


def post(story: Story, path: str, files: Any = None, **form: str) -> httpx2.Response:
    """Post a form as its page would: with the token of the session."""
    page = story.browser.get("/services")
    token = re.search(r'name="csrf" value="([^"]+)"', page.text)
    expect(token is not None, "the session is open")
    assert token is not None
    answer = story.browser.post(path, data=form | {"csrf": token[1]}, files=files)
    expect(answer.status_code < 400, f"{path} answers {answer.status_code}")
    return answer


def submit(story: Story, content: bytes, envelope_id: str) -> tuple[bytes, httpx2.Response]:
    """The laboratory seals the content and sends it."""
    key = story.machine.get("/v1/keys").json()
    envelope = story.sender.envelope(
        content,
        envelope_id=envelope_id,
        audience=key["audience"],
        recipient_key=laboratories.recipient_key(key["keys"][0]),
    )
    return envelope, story.machine.post("/v1/submissions", content=envelope)


def code(story: Story) -> str:
    """The code in the latest SMS."""
    return code_in(story.sms.accepted[-1].text)


def follow(story: Story) -> None:
    """Until every page shows what is recorded."""
    wait_for(story.opened.ledger, story.opened.ledger.last_position(), PROJECTIONS, seconds=10)


def expect(held: object, words: str) -> None:
    if not held:
        raise StepFailedError(words)
