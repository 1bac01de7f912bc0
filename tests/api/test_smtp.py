"""SMTP: what each thing that a relay does, or does not, is worth to us; and connections that are kept."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api import smtp
from api.demo_peers import AcceptedMail, Fault, MailPeer
from api.outcome import HandedOver, Outcome, RefusedForGood, RefusedForNow, Unknown
from api.smtp import MESSAGES_MAX, Mail, Relay, Tls
from api.smtp_pool import Pool
from tests.api.mail_relays import controller, only, over_tls, scripted, server_tls

ANNA = "anna@example.test"


def mail(recipient: str = ANNA, content: bytes = b"Subject: x\r\n\r\nText\r\n", **changes: Any) -> Mail:
    sender = "no-reply@letopis.example"
    return Mail(
        **({"sender": sender, "recipient": recipient, "content": content, "envelope_id": "e1"} | changes)
    )


def pool(port: int, *, seconds: float = 10.0, width: int = 4, **options: Any) -> Pool:
    relay = Relay(host="127.0.0.1", port=port, name="letopis.example", **options)
    return Pool(relay, width=width, timeout_seconds=seconds)


def sent(port: int, *mails: Mail, seconds: float = 10.0, width: int = 4, **options: Any) -> Any:
    """The outcomes, one after another over one pool; just it if one mail was sent."""

    async def run() -> list[Outcome]:
        through = pool(port, seconds=seconds, width=width, **options)
        try:
            return [await through.send(one) for one in mails or (mail(),)]
        finally:
            await through.close()

    outcomes = asyncio.run(run())
    return outcomes if len(mails) > 1 else outcomes[0]


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[MailPeer]:
    with MailPeer(tmp_path / "mail", stall_seconds=6) as peer:
        yield peer


# The outcome.


def test_an_accepted_message_is_kept_as_it_was_given(peer: MailPeer) -> None:
    content = b"Subject: x\r\n\r\nfirst\r\n.\r\n.second\r\n"
    assert sent(peer.port, mail(content=content)) == HandedOver("000001")
    [accepted] = peer.accepted
    assert accepted == AcceptedMail("no-reply@letopis.example", (ANNA,), accepted.path)
    assert accepted.path.read_bytes() == content


@pytest.mark.parametrize(
    ("fault", "outcome", "was_accepted"),
    [
        (Fault.DROP_BEFORE, RefusedForNow("connection"), False),
        (Fault.DROP_AFTER, Unknown("connection-lost-after-dot"), True),
        (Fault.REFUSE_FOR_NOW, RefusedForNow("451 4.3.0"), False),
        (Fault.REFUSE_FOR_GOOD, RefusedForGood("550 5.7.1"), False),
    ],
)
def test_the_outcome_says_what_the_relay_did(
    peer: MailPeer, fault: Fault, outcome: Outcome, *, was_accepted: bool
) -> None:
    peer.fault = fault
    assert sent(peer.port) == outcome
    assert bool(peer.accepted) is was_accepted
    peer.fault = None
    assert isinstance(sent(peer.port), HandedOver)


def test_silence_before_the_dot_is_a_refusal_for_now(peer: MailPeer) -> None:
    peer.fault = Fault.STALL_BEFORE
    assert sent(peer.port, seconds=1.5) == RefusedForNow("timeout")
    assert not peer.accepted


def test_silence_after_the_dot_is_unknown(peer: MailPeer) -> None:
    peer.fault = Fault.STALL_AFTER
    assert sent(peer.port, seconds=1.5) == Unknown("timeout-after-dot")
    assert peer.accepted


def test_a_relay_that_is_not_there_refuses_for_now() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert sent(unused.getsockname()[1]) == RefusedForNow("connection")


READY = [b"220 relay", b"250 relay", b"250 ok", b"250 ok", b"354 go"]


@pytest.mark.parametrize(
    ("replies", "outcome"),
    [
        ([b"554 no service"], RefusedForNow("554")),
        ([b"220 relay", b"550 who"], RefusedForNow("550")),
        ([b"220 relay", b"502 what", b"554 no"], RefusedForNow("554")),
        ([b"nonsense"], RefusedForNow("reply-not-understood")),
        ([*READY[:2], b"550 sender"], RefusedForGood("550")),
        ([*READY[:2], b"451 4.7.1 greylisted"], RefusedForNow("451 4.7.1")),
        ([*READY[:3], b"550 5.1.1 <anna@example.test> is unknown"], RefusedForGood("550 5.1.1")),
        ([*READY[:3], b"550-5.1.1 two\r\n550 5.1.1 lines"], RefusedForGood("550 5.1.1")),
        ([*READY[:3], b"550 4.1.1 of two minds"], RefusedForGood("550")),
        ([*READY[:3], b"421 closing"], RefusedForNow("421")),
        ([*READY[:4], b"554 no data"], RefusedForGood("554")),
        ([*READY[:4], b"250 not 354"], RefusedForNow("250")),
        ([*READY[:4], b"nonsense"], RefusedForNow("reply-not-understood")),
        ([*READY[:4]], RefusedForNow("connection")),
        ([*READY, b"552 5.3.4 too big"], RefusedForGood("552 5.3.4")),
        ([*READY, b"421 closing"], RefusedForNow("421")),
        ([*READY, b"354 again"], Unknown("reply-not-understood")),
        ([*READY, b"nonsense"], Unknown("reply-not-understood")),
        ([*READY], Unknown("connection-lost-after-dot")),
        ([*READY, b"250 2.0.0 Ok: queued as 4XyZ12"], HandedOver("4XyZ12")),
        ([*READY, b"250 OK id=1rQ2ab-000abc-Xy"], HandedOver("1rQ2ab-000abc-Xy")),
        ([*READY, b"250 2.0.0 3fa5ba8b Message accepted for delivery"], HandedOver("3fa5ba8b")),
        ([*READY, b"250 2.0.0: 3fa5ba8b Message accepted for delivery"], HandedOver("3fa5ba8b")),
        ([*READY, b"250 Thanks, anna@example.test"], HandedOver(None)),
    ],
    ids=lambda value: value[-1].decode() + f" at {len(value)}" if isinstance(value, list) else "",
)
def test_each_reply_of_a_relay_has_its_outcome(replies: list[bytes], outcome: Outcome) -> None:
    with scripted(replies) as relay:
        assert sent(relay.port) == outcome


LARGE = mail(content=b"Subject: x\r\n\r\n" + b"0123456789" * 7 + b"\r\n" + b"text\r\n" * 1_000_000)


def test_a_connection_that_breaks_within_the_body_is_before_the_dot() -> None:
    """More than the socket buffers hold, so the break must show while the body is still with us."""
    with scripted(READY, reads_body=False) as relay:
        assert sent(relay.port, LARGE) == RefusedForNow("connection")


def test_a_relay_that_stops_reading_within_the_body_is_before_the_dot() -> None:
    with scripted(READY, reads_body=False, pause_seconds=3) as relay:
        assert sent(relay.port, LARGE, seconds=1.5) == RefusedForNow("timeout")


# What relays can do.


def test_a_name_beyond_ascii_goes_where_the_relay_can(peer: MailPeer) -> None:
    assert isinstance(sent(peer.port, mail("анна@xn--80a1acny.xn--p1ai")), HandedOver)
    assert peer.accepted[0].recipients == ("анна@xn--80a1acny.xn--p1ai",)


def test_a_name_beyond_ascii_is_refused_for_good_where_the_relay_cannot() -> None:
    with controller(enable_SMTPUTF8=False) as relay:
        beyond = mail("анна@xn--80a1acny.xn--p1ai")
        outcomes = sent(relay.port, beyond, mail())
    assert outcomes[0] == RefusedForGood("smtputf8-not-offered") and isinstance(outcomes[1], HandedOver)


OFFERS = b"250-relay\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250 DSN"


def test_where_the_relay_can_the_commands_go_together_and_the_dot_alone() -> None:
    with scripted(
        [b"220 relay", OFFERS, b"250 ok\r\n250 ok\r\n354 go", b"250 queued as 1"], together=3
    ) as relay:
        assert sent(relay.port) == HandedOver("1")
    assert relay.heard[1] == (
        b"MAIL FROM:<no-reply@letopis.example> SIZE=20 RET=HDRS ENVID=e1\r\n"
        b"RCPT TO:<anna@example.test> NOTIFY=FAILURE\r\n"
        b"DATA\r\n"
    )


def test_a_relay_that_wants_a_message_to_nobody_gets_no_dot() -> None:
    """RFC 2920, 3.1: with the recipient refused, DATA may have been taken all the same."""
    refusing = [b"220 relay", OFFERS, b"250 ok\r\n550 5.1.1 unknown\r\n354 go", b"250 queued as 1"]
    taking = [b"220 relay", OFFERS, b"250 ok\r\n250 ok\r\n354 go", b"250 queued as 2"]
    with scripted(refusing, taking, together=3) as relay:
        outcomes = sent(relay.port, mail(), mail(), seconds=3)
    assert outcomes == [RefusedForGood("550 5.1.1"), HandedOver("2")]


def test_the_relay_is_asked_to_tell_of_deliveries_if_the_settings_want_it() -> None:
    with scripted(
        [b"220 relay", OFFERS, b"250 ok\r\n250 ok\r\n354 go", b"250 queued as 1"], together=3
    ) as relay:
        sent(relay.port, asks_delivery=True)
    assert b"NOTIFY=SUCCESS,FAILURE" in relay.heard[1]


# Connections that are kept.


def test_one_connection_takes_many_messages_also_after_a_refusal(peer: MailPeer) -> None:
    async def run() -> list[Outcome]:
        through = pool(peer.port)
        outcomes = [await through.send(mail()) for _ in range(3)]
        peer.fault = Fault.REFUSE_FOR_GOOD
        outcomes.append(await through.send(mail()))
        peer.fault = None
        outcomes.append(await through.send(mail()))
        await through.close()
        return outcomes

    assert [type(one) for one in asyncio.run(run())] == [HandedOver] * 3 + [RefusedForGood, HandedOver]
    assert peer.connections == 1


def test_a_refused_recipient_does_not_spoil_the_connection_for_the_next() -> None:
    replies = [*READY[:3], b"550 5.1.1 no", b"250 reset", *READY[2:], b"250 queued as 2"]
    with scripted(replies) as relay:
        assert sent(relay.port, mail(), mail()) == [RefusedForGood("550 5.1.1"), HandedOver("2")]
    assert b"RSET\r\n" in relay.heard


def test_a_connection_that_the_relay_has_closed_meanwhile_costs_no_try(peer: MailPeer) -> None:
    async def run() -> list[Outcome]:
        through = pool(peer.port)
        first = await asyncio.gather(*(through.send(mail()) for _ in range(4)))
        peer.hang_up_on_all()
        later = await asyncio.gather(*(through.send(mail()) for _ in range(4)))
        await through.close()
        return [*first, *later]

    assert [type(one) for one in asyncio.run(run())] == [HandedOver] * 8
    assert len(peer.accepted) == 8


def test_a_relay_that_says_goodbye_on_a_kept_connection_costs_no_try() -> None:
    scripts = [[*READY, b"250 queued as 1", b"421 4.4.2 idle too long"], [*READY, b"250 queued as 2"]]
    with scripted(*scripts) as relay:
        assert sent(relay.port, mail(), mail()) == [HandedOver("1"), HandedOver("2")]


def test_a_connection_is_left_after_its_share_of_messages(peer: MailPeer) -> None:
    outcomes = sent(peer.port, *[mail()] * (MESSAGES_MAX + 1))
    assert {type(one) for one in outcomes} == {HandedOver}
    assert peer.connections == 2


def test_connections_that_were_idle_for_long_are_all_left(
    peer: MailPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> list[Outcome]:
        through = pool(peer.port)
        outcomes = await asyncio.gather(*(through.send(mail()) for _ in range(4)))
        monkeypatch.setattr(smtp, "IDLE_SECONDS", 0.0)
        await asyncio.sleep(0.05)
        outcomes.append(await through.send(mail()))
        assert len(through._kept) == 1
        await through.close()
        return outcomes

    assert {type(one) for one in asyncio.run(run())} == {HandedOver}
    assert peer.connections == 5


def test_no_more_connections_at_once_than_the_pool_is_wide(peer: MailPeer) -> None:
    async def run() -> list[Outcome]:
        through = pool(peer.port, width=3)
        outcomes = await asyncio.gather(*(through.send(mail()) for _ in range(30)))
        await through.close()
        return list(outcomes)

    assert {type(one) for one in asyncio.run(run())} == {HandedOver}
    assert peer.connections <= 3 and len(peer.accepted) == 30


# TLS and passwords.


def trusted(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate)


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_trusted_relay_gets_the_password_and_the_message_over_tls(tls: Tls, tmp_path: Path) -> None:
    context, certificate = server_tls(tmp_path)
    options: dict[str, Any] = {"tls": tls, "context": trusted(certificate), "username": "relay"}
    with controller(**over_tls(tls, context), authenticator=only("relay", "secret")) as relay:
        taken = sent(relay.port, mail(), mail(), password="secret", **options)
        assert [type(one) for one in taken] == [HandedOver] * 2
        assert sent(relay.port, password="wrong", **options) == RefusedForNow("535 5.7.8")


def test_a_password_also_goes_by_the_older_way(tmp_path: Path) -> None:
    context, certificate = server_tls(tmp_path)
    asks = {"auth_exclude_mechanism": ["PLAIN"], "authenticator": only("relay", "secret")}
    options: dict[str, Any] = {"tls": "implicit", "context": trusted(certificate), "username": "relay"}
    with controller(**over_tls("implicit", context), **asks) as relay:
        assert isinstance(sent(relay.port, password="secret", **options), HandedOver)
        assert sent(relay.port, password="wrong", **options) == RefusedForNow("535 5.7.8")


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_relay_that_nobody_vouches_for_gets_nothing(tls: Tls, tmp_path: Path) -> None:
    context, _ = server_tls(tmp_path)
    with controller(**over_tls(tls, context)) as relay:
        outcome = sent(relay.port, tls=tls, context=ssl.create_default_context())
    assert outcome == RefusedForNow("certificate")


def test_a_relay_without_tls_gets_nothing_when_tls_is_asked_for(peer: MailPeer) -> None:
    outcome = sent(peer.port, tls="starttls", context=ssl.create_default_context())
    assert outcome == RefusedForNow("tls-not-offered")
    assert not peer.accepted


def test_what_was_said_before_the_handshake_is_not_heard_after_it(tmp_path: Path) -> None:
    """Somebody on the way adds answers in the clear, to be taken for the relay's own."""
    context, certificate = server_tls(tmp_path)
    replies = [
        b"220 relay",
        b"250-relay\r\n250 STARTTLS",
        b"220 go\r\n250-x\r\n250 AUTH PLAIN",
        b"250 injected",
    ]
    with scripted(replies, tls=context) as relay:
        outcome = sent(relay.port, tls="starttls", context=trusted(certificate), username="a", password="b")
    assert outcome == RefusedForNow("auth-not-offered")


def test_a_password_is_never_sent_in_the_clear(peer: MailPeer) -> None:
    assert sent(peer.port, username="relay", password="secret") == RefusedForNow("password-in-the-clear")
    assert not peer.accepted
