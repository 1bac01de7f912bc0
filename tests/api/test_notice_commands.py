"""`letopis notice`: an operator without a browser sees what reached nobody, and tries it again or gives it up."""

import json
from uuid import UUID

import pytest

from api.demo_peers import Fault
from domain.notification import NotificationAbandoned, NotificationRequested, NotificationRetried
from tests.api.cast import ANNA, Laboratory, Portal, bundle, settled
from tests.api.command import letopis


@pytest.fixture
def dead(portal: Portal, laboratory: Laboratory) -> UUID:
    """A notice that the relay refused for good."""
    settled(portal.opened, ANNA, laboratory.laboratory_id)
    assert portal.submit(laboratory.seal(bundle("1"))).status_code == 201
    portal.mail.fault = Fault.REFUSE_FOR_GOOD
    portal.notify()
    portal.mail.fault = None
    found: UUID = portal.events(NotificationRequested)[0].stream_id
    return found


def test_a_dead_letter_is_listed_shown_tried_again_and_gone(portal: Portal, dead: UUID) -> None:
    run = letopis(portal.opened, "notice", "list", "--json")
    line = json.loads(run.stdout)
    assert (line["notification"], line["channel"], line["reason"]) == (str(dead), "email", "550 5.7.1")
    assert str(dead) in letopis(portal.opened, "notice", "list", "--channel", "email").stdout
    assert not letopis(portal.opened, "notice", "list", "--channel", "sms").stdout
    shown = letopis(portal.opened, "notice", "show", str(dead)).stdout
    events = [json.loads(one)["event"] for one in shown.splitlines()]
    assert events == ["NotificationRequested", "NotificationAttempted", "NotificationFailed"]
    assert ANNA.email not in run.stdout + shown and ANNA.family not in shown
    assert letopis(portal.opened, "notice", "retry", str(dead)).returncode == 0
    (retried,) = portal.events(NotificationRetried)
    assert retried.circumstances.actor == "operator:command-line"
    portal.notify()
    assert len(portal.mail.accepted) == 1
    assert "Every notice" in letopis(portal.opened, "notice", "list").stderr


def test_all_dead_letters_of_a_reason_are_given_up(portal: Portal, dead: UUID) -> None:
    letopis(portal.opened, "notice", "abandon", "--all", "--reason", "another")
    assert not portal.events(NotificationAbandoned)
    run = letopis(portal.opened, "notice", "abandon", "--all", "--reason", "550 5.7.1")
    assert run.stdout == f"{dead}: abandoned\n"
    again = letopis(portal.opened, "notice", "abandon", str(dead))
    assert again.returncode == 1 and "come to an end" in again.stderr


def test_what_is_no_notification_is_refused(portal: Portal) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"
    for command in ("show", "retry", "abandon"):
        run = letopis(portal.opened, "notice", command, nobody)
        assert run.returncode == 1 and "no such notification" in run.stderr
    assert letopis(portal.opened, "notice", "retry").returncode == 2
