"""Letters that come back, from the envelope of the letter that went out to the state of its notice."""

import smtplib
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event as Signal
from threading import Thread
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from api import bounces, unsubscribe_token
from api.bounce_address import Place, notice_of
from api.node import Node
from api.settings import Settings
from domain import notification
from domain.channel import Channel
from domain.notification import NotificationRequested, NotificationReturned, NotificationStatus
from domain.receiving import ReceivingSettingsChanged
from domain.values import PatientId
from ledger.receiving import load_receiving
from tests.api.cast import ANNA, Laboratory, Portal, bundle, settled
from tests.api.dsn_samples import DELIVERED, NOTHING_FINAL, POSTFIX
from tests.api.mail_relays import server_tls
from tests.api.sending_cast import with_settings

DOMAIN = "returns.letopis.example"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"bounce_domain": DOMAIN})


@pytest.fixture
def door(opened: Node) -> Iterator[int]:
    with listening(opened) as port:
        yield port


@contextmanager
def listening(opened: Node, port: int = 0) -> Iterator[int]:
    """The door is open; at which port."""
    place = Place.of(opened.settings)
    assert place is not None
    stop, ready, ports = Signal(), Signal(), []

    def heard(of: int) -> None:
        ports.append(of)
        ready.set()

    thread = Thread(target=bounces.run, args=(opened, place, port, stop), kwargs={"ready": heard})
    thread.start()
    assert ready.wait(60)
    try:
        yield ports[0]
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> PatientId:
    return settled(portal.opened, ANNA, laboratory.laboratory_id)


@pytest.fixture
def comes_back_to(portal: Portal, laboratory: Laboratory, anna: PatientId) -> str:
    """The return address of a letter that went out to Anna."""
    assert portal.submit(laboratory.seal(bundle("1"))).status_code == 201
    portal.notify()
    (accepted,) = portal.mail.accepted
    return accepted.sender


def bring(port: int, to: str, content: bytes = POSTFIX, *, sender: str = "") -> tuple[int, bytes]:
    """What the door says of it, at the first step at which it says no."""
    with smtplib.SMTP("127.0.0.1", port, timeout=60) as server:
        server.ehlo("mx.example")
        for code, said in (server.mail(sender), server.rcpt(to)):
            if code >= 400:
                return code, said
        return server.data(content)


def state(portal: Portal) -> notification.Notification:
    (requested,) = portal.events(NotificationRequested)
    found, _ = portal.opened.ledger.load(requested.stream_id, notification.evolve)
    assert found is not None
    return found


def test_a_letter_that_comes_back_is_recorded_as_returned(
    portal: Portal, door: int, comes_back_to: str
) -> None:
    assert comes_back_to.endswith(f"@{DOMAIN}") and len(comes_back_to.partition("@")[0]) <= 64
    assert bring(door, comes_back_to)[0] == 250
    assert state(portal).status is NotificationStatus.RETURNED
    (returned,) = portal.events(NotificationReturned)
    assert returned.event.reason == "5.1.1"
    assert bring(door, comes_back_to)[0] == 250, "a server may bring it twice"
    assert len(portal.events(NotificationReturned)) == 1


def test_a_server_on_the_way_may_change_the_case_of_the_address(
    portal: Portal, door: int, comes_back_to: str
) -> None:
    assert bring(door, comes_back_to.upper())[0] == 250
    assert state(portal).status is NotificationStatus.RETURNED


def test_a_letter_that_reached_its_mailbox_is_delivered_for_good(
    portal: Portal, door: int, comes_back_to: str
) -> None:
    assert bring(door, comes_back_to, DELIVERED)[0] == 250
    assert bring(door, comes_back_to, POSTFIX)[0] == 250
    assert state(portal).status is NotificationStatus.DELIVERED


@pytest.mark.parametrize("form", ["delayed", "words-only", "report-attached"])
def test_what_reports_nothing_final_changes_nothing(
    portal: Portal, door: int, comes_back_to: str, form: str
) -> None:
    assert bring(door, comes_back_to, NOTHING_FINAL[form])[0] == 250
    assert state(portal).status is NotificationStatus.HANDED_OVER


def test_only_reports_about_our_own_letters_are_taken(opened: Node, door: int) -> None:
    place = Place.of(opened.settings)
    assert place is not None
    ours = place.for_notice(opened.ledger.custody.message_key, uuid4())
    forged = place.for_notice(b"another key of somebody else, 32b", uuid4())
    for stranger in (
        "anna@example.test",
        f"bounces@{DOMAIN}",
        f"bounces+@{DOMAIN}",
        f"postmaster@{DOMAIN}",
        forged,
    ):
        assert bring(door, stranger)[0] == 550, stranger
    assert bring(door, ours.replace(DOMAIN, "example.test"))[0] == 550, "nothing is relayed"
    assert bring(door, ours[:-1] + ("a" if ours[-1] != "a" else "b"))[0] == 550
    assert bring(door, ours, sender="eve@example.test")[0] == 550, "who reports has no return address"
    assert bring(door, ours)[0] == 250, "a notice that is not in this ledger is no reason to bring it again"


def test_a_message_has_one_recipient_and_a_bounded_size(opened: Node, door: int) -> None:
    place = Place.of(opened.settings)
    assert place is not None
    one, other = (place.for_notice(opened.ledger.custody.message_key, uuid4()) for _ in range(2))
    with smtplib.SMTP("127.0.0.1", door, timeout=60) as server:
        server.ehlo("mx.example")
        server.mail("")
        assert (server.rcpt(one)[0], server.rcpt(other)[0]) == (250, 452)
    large = POSTFIX + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * (bounces.SIZE_BYTES_MAX // 72)
    assert bring(door, one, large)[0] == 552


def test_while_the_database_is_away_the_other_server_keeps_it(
    opened: Node, door: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> bool:
        raise OSError("connection to Anna's database lost")

    monkeypatch.setattr(bounces, "record_receipt", away)
    place = Place.of(opened.settings)
    assert place is not None
    code, said = bring(door, place.for_notice(opened.ledger.custody.message_key, uuid4()))
    assert code == 451 and b"Anna" not in said


def test_what_comes_back_may_come_over_tls(opened: Node, tmp_path: Path) -> None:
    _, certificate = server_tls(tmp_path)
    secured = with_settings(opened, bounce_certificate=certificate, bounce_key=tmp_path / "relay.key")
    place = Place.of(secured.settings)
    assert place is not None
    with listening(secured) as port, smtplib.SMTP("127.0.0.1", port, timeout=60) as server:
        server.ehlo("mx.example")
        assert server.has_extn("starttls")
        server.starttls(context=ssl.create_default_context(cafile=certificate))
        server.ehlo("mx.example")
        assert not server.has_extn("starttls")
        to = place.for_notice(opened.ledger.custody.message_key, uuid4())
        assert server.sendmail("", [to], POSTFIX) == {}


def test_over_tls_a_conversation_counts_once(opened: Node, tmp_path: Path) -> None:
    _, certificate = server_tls(tmp_path)
    secured = with_settings(opened, bounce_certificate=certificate, bounce_key=tmp_path / "relay.key")
    context = ssl.create_default_context(cafile=certificate)
    with listening(secured) as port:
        many = [from_host(2, port) for _ in range(bounces.CONNECTIONS_OF_ONE_MAX)]
        many[-1].starttls(context=context)
        assert many[-1].noop()[0] == 250, "the last place is its own"
        with pytest.raises(smtplib.SMTPException):
            from_host(2, port)
        for one in many:
            one.close()


def test_without_a_certificate_no_tls_is_offered(door: int) -> None:
    with smtplib.SMTP("127.0.0.1", door, timeout=60) as server:
        server.ehlo("mx.example")
        assert not server.has_extn("starttls")


def test_a_certificate_without_its_key_is_told_at_the_start(tmp_path: Path) -> None:
    _, certificate = server_tls(tmp_path)
    with pytest.raises(ValidationError, match="no pair"):
        Settings(bounce_certificate=certificate)


def from_host(last: int, door: int) -> smtplib.SMTP:
    return smtplib.SMTP("127.0.0.1", door, timeout=60, source_address=(f"127.0.0.{last}", 0))


def test_no_more_conversations_at_once_than_allowed(door: int) -> None:
    of_one = bounces.CONNECTIONS_OF_ONE_MAX
    many = [from_host(2 + place // of_one, door) for place in range(bounces.CONNECTIONS_MAX)]
    with pytest.raises(smtplib.SMTPException):
        from_host(1, door)
    for one in many:
        one.close()


def test_one_host_does_not_shut_the_door_for_the_others(door: int) -> None:
    many = [from_host(2, door) for _ in range(bounces.CONNECTIONS_OF_ONE_MAX)]
    with pytest.raises(smtplib.SMTPException):
        from_host(2, door)
    with from_host(3, door) as other:
        assert other.noop()[0] == 250
    for one in many:
        one.close()


def keep_talking(talker: smtplib.SMTP, *, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        talker.noop()
        time.sleep(0.05)


def test_who_only_keeps_talking_is_hung_up_on(opened: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounces, "CONVERSATION_SECONDS", 0.5)
    with (
        listening(opened) as port,
        from_host(2, port) as talker,
        pytest.raises(smtplib.SMTPServerDisconnected),
    ):
        keep_talking(talker, seconds=60)


def test_a_mail_to_the_unsubscribe_address_turns_email_off(
    portal: Portal, door: int, anna: PatientId
) -> None:
    opened = portal.opened
    place = Place.of(opened.settings)
    assert place is not None
    token = unsubscribe_token.make(opened.ledger.custody.message_key, anna, Channel.EMAIL)
    mail = b"Subject: unsubscribe\r\n\r\n"
    assert bring(door, place.address(token), mail, sender=ANNA.email)[0] == 250
    assert Channel.EMAIL not in load_receiving(opened.ledger, anna).settings.channels
    by = portal.events(ReceivingSettingsChanged)[-1].circumstances
    assert (by.actor, by.on_behalf_of) == ("link:unsubscribe", f"patient:{anna}"), (
        "as by the page of the link"
    )
    assert bring(door, place.address(token), mail, sender=ANNA.email)[0] == 250


def test_a_token_of_one_use_is_none_of_the_other() -> None:
    key, who = b"k" * 32, PatientId(UUID(int=7))
    place = Place("bounces", DOMAIN)
    of_notice = place.token_of(place.for_notice(key, who))
    of_channel = unsubscribe_token.make(key, who, Channel.SMS)
    assert of_notice is not None
    assert notice_of(key, of_notice) == who and unsubscribe_token.read(key, of_notice) is None
    assert (
        unsubscribe_token.read(key, of_channel) == (who, Channel.SMS) and notice_of(key, of_channel) is None
    )
