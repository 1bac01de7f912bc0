"""E-mail that something is ready: the same message each time, and an honest outcome of each attempt."""

import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as default_policy
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from api.demo_peers import AcceptedMail, Fault, MailPeer
from api.mail import MailMalformedError, Tls, compose, send
from api.outcome import HandedOver, Outcome, RefusedForGood, RefusedForNow, Unknown

SUBJECT = "Готов новый документ — «Летопись»"
SENT_AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def notification(**changes: Any) -> EmailMessage:
    arguments: dict[str, Any] = {
        "notification_id": UUID("01890a5d-ac96-774b-bcce-b302099a8057"),
        "recipient": "anna@example.test",
        "sender": "no-reply@letopis.example",
        "subject": SUBJECT,
        "text": "В кабинете готов документ:\nhttps://letopis.example/d/1\n.\nТочка.\n",
        "html": "<p>В кабинете готов документ: <a href='https://letopis.example/d/1'>открыть</a></p>",
        "locale": "ru",
        "sent_at": SENT_AT,
        "message_key": b"k" * 32,
    }
    return compose(**(arguments | changes))


def sent(
    port: int, message: EmailMessage | None = None, *, seconds: float = 10.0, tls: Tls = "none"
) -> Outcome:
    return send(
        message or notification(),
        host="127.0.0.1",
        port=port,
        tls=tls,
        username=None,
        password=None,
        timeout_seconds=seconds,
    )


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[MailPeer]:
    with MailPeer(tmp_path / "mail", stall_seconds=6) as peer:
        yield peer


# The message.


def test_an_accepted_message_is_kept_as_it_was_composed(peer: MailPeer) -> None:
    assert sent(peer.port) == HandedOver("000001")
    [accepted] = peer.accepted
    assert accepted == AcceptedMail("no-reply@letopis.example", ("anna@example.test",), accepted.path)
    message = message_from_bytes(accepted.path.read_bytes(), policy=default_policy)
    assert isinstance(message, EmailMessage)
    assert message["Subject"] == SUBJECT
    assert message["Date"].datetime == SENT_AT
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "ru"
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    lines = text.get_content().splitlines()
    assert lines == ["В кабинете готов документ:", "https://letopis.example/d/1", ".", "Точка."]
    assert "открыть" in html.get_content()
    assert message.get_content_type() == "multipart/alternative"
    assert not message.defects


def test_a_message_sent_twice_is_the_same_bytes_with_the_same_id(peer: MailPeer) -> None:
    assert (sent(peer.port), sent(peer.port)) == (HandedOver("000001"), HandedOver("000002"))
    first, second = (accepted.path.read_bytes() for accepted in peer.accepted)
    assert first == second
    assert message_from_bytes(first)["Message-ID"] == notification()["Message-ID"]


def test_a_message_id_tells_nothing_without_the_key() -> None:
    name, _, domain = notification()["Message-ID"].strip("<>").partition("@")
    assert (len(name), domain) == (32, "letopis.example")
    assert int(name, 16)
    other_key = notification(message_key=b"l" * 32)["Message-ID"]
    other_notification = notification(notification_id=UUID(int=7))["Message-ID"]
    assert len({notification()["Message-ID"], other_key, other_notification}) == 3


@pytest.mark.parametrize(
    "address",
    [
        "anna@example.test\r\nBcc: eve@example.test",
        "anna@example.test\n",
        "anna\r\n@example.test",
        "anna@exa\0mple.test",
        "anna@example.test> SIZE=1",
        "anna,eve@example.test",
        "<anna@example.test>",
        "Анна <anna@example.test>",
        '"a b"@example.test',
        "anna@[127.0.0.1]",
        "anna@",
        "@example.test",
        "anna",
        "",
        ".anna@example.test",
        "a" * 65 + "@example.test",
        "anna@" + "a" * 64 + ".test",
        "anna@-example.test",
    ],
)
def test_an_address_that_is_not_one_plain_address_is_refused(address: str) -> None:
    for field in ("recipient", "sender"):
        with pytest.raises(MailMalformedError) as refused:
            notification(**{field: address})
        assert refused.value.field == field
        assert "anna" not in str(refused.value)


@pytest.mark.parametrize("subject", ["a\r\nBcc: eve@example.test", "a\nb", "a\rb", "a\0b", "a\u2028b"])
def test_a_subject_of_several_lines_is_refused(subject: str) -> None:
    with pytest.raises(MailMalformedError):
        notification(subject=subject)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(MailMalformedError):
        notification(sent_at=SENT_AT.replace(tzinfo=None))


def test_a_domain_beyond_ascii_is_sent_as_dns_knows_it(peer: MailPeer) -> None:
    assert isinstance(sent(peer.port, notification(recipient="anna@Почта.рф")), HandedOver)
    assert peer.accepted[0].recipients == ("anna@xn--80a1acny.xn--p1ai",)


def test_a_name_beyond_ascii_is_sent_where_the_relay_can(peer: MailPeer) -> None:
    assert isinstance(sent(peer.port, notification(recipient="анна@почта.рф")), HandedOver)
    assert peer.accepted[0].recipients == ("анна@xn--80a1acny.xn--p1ai",)
    assert "To: анна@xn--80a1acny.xn--p1ai\r\n".encode() in peer.accepted[0].path.read_bytes()  # RFC 6532


def test_a_name_beyond_ascii_is_refused_for_good_where_the_relay_cannot() -> None:
    with controller(enable_SMTPUTF8=False) as relay:
        outcome = sent(relay.port, notification(recipient="анна@почта.рф"))
    assert outcome == RefusedForGood("smtputf8-not-offered")


# The outcome.


@pytest.mark.parametrize(
    ("fault", "outcome", "was_accepted"),
    [
        (Fault.DROP_BEFORE, RefusedForNow("connection"), False),
        (Fault.DROP_AFTER, Unknown("connection-lost-after-dot"), True),
        (Fault.REFUSE_FOR_NOW, RefusedForNow("451"), False),
        (Fault.REFUSE_FOR_GOOD, RefusedForGood("550"), False),
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
        ([*READY[:2], b"550 sender"], RefusedForGood("550")),
        ([*READY[:2], b"451 greylisted"], RefusedForNow("451")),
        ([*READY[:3], b"550 no such user"], RefusedForGood("550")),
        ([*READY[:3], b"421 closing"], RefusedForNow("421")),
        ([*READY[:4], b"554 no data"], RefusedForGood("554")),
        ([*READY[:4], b"250 not 354"], RefusedForNow("250")),
        ([*READY[:4], b"nonsense"], RefusedForNow("-1")),
        ([*READY[:4]], RefusedForNow("connection")),
        ([*READY, b"552 too big"], RefusedForGood("552")),
        ([*READY, b"421 closing"], RefusedForNow("421")),
        ([*READY, b"354 again"], Unknown("reply-not-understood")),
        ([*READY, b"nonsense"], Unknown("connection-lost-after-dot")),
        ([*READY], Unknown("connection-lost-after-dot")),
        ([*READY, b"250 2.0.0 Ok: queued as 4XyZ12"], HandedOver("4XyZ12")),
        ([*READY, b"250 OK id=1rQ2ab-000abc-Xy"], HandedOver("1rQ2ab-000abc-Xy")),
        ([*READY, b"250 2.0.0 3fa5ba8b Message accepted for delivery"], HandedOver("3fa5ba8b")),
        ([*READY, b"250 Thanks, anna@example.test"], HandedOver(None)),
    ],
    ids=lambda value: value[-1].decode() + f" at {len(value)}" if isinstance(value, list) else "",
)
def test_each_reply_of_a_relay_has_its_outcome(replies: list[bytes], outcome: Outcome) -> None:
    with scripted(replies) as port:
        assert sent(port) == outcome


def test_a_connection_that_breaks_within_the_body_is_before_the_dot() -> None:
    """More than the socket buffers hold, so the break must show while the body is still with us."""
    large = notification(text="текст\n" * 600_000)
    with scripted(READY, reads_body=False) as port:
        assert sent(port, large) == RefusedForNow("connection")


def test_a_relay_that_stops_reading_within_the_body_is_before_the_dot() -> None:
    large = notification(text="текст\n" * 600_000)
    with scripted(READY, reads_body=False, pause_seconds=3) as port:
        assert sent(port, large, seconds=1.5) == RefusedForNow("timeout")


def test_a_line_that_begins_with_a_dot_does_not_end_the_message(peer: MailPeer) -> None:
    message = notification()
    message.clear_content()
    message.set_content("first\n.\n.second\n", cte="7bit")
    assert isinstance(sent(peer.port, message), HandedOver)
    assert peer.accepted[0].path.read_bytes().endswith(b"first\r\n.\r\n.second\r\n")


# The connection.


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_trusted_relay_gets_the_password_and_the_message_over_tls(
    tls: Tls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, certificate = server_tls(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with controller(**over_tls(tls, context), authenticator=only("relay", "secret")) as relay:
        assert isinstance(login(relay.port, tls, "secret"), HandedOver)
        assert login(relay.port, tls, "wrong") == RefusedForNow("535")


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_relay_that_nobody_vouches_for_gets_nothing(tls: Tls, tmp_path: Path) -> None:
    context, _ = server_tls(tmp_path)
    with controller(**over_tls(tls, context)) as relay:
        assert sent(relay.port, tls=tls) == RefusedForNow("connection")


def test_a_relay_without_tls_gets_nothing_when_tls_is_asked_for(peer: MailPeer) -> None:
    assert sent(peer.port, tls="starttls") == RefusedForNow("not-offered")
    assert not peer.accepted


def test_a_password_is_never_sent_in_the_clear(peer: MailPeer) -> None:
    with pytest.raises(MailMalformedError):
        login(peer.port, "none", "secret")


def login(port: int, tls: Tls, password: str) -> Outcome:
    return send(
        notification(),
        host="127.0.0.1",
        port=port,
        tls=tls,
        username="relay",
        password=password,
        timeout_seconds=10,
    )


def only(username: str, password: str) -> Any:
    def authenticator(
        _server: SMTP, _session: object, _envelope: object, _mechanism: str, given: Any
    ) -> AuthResult:
        expected = (username.encode(), password.encode())
        return AuthResult(success=(given.login, given.password) == expected, handled=False)

    return authenticator


def over_tls(tls: Tls, context: ssl.SSLContext) -> dict[str, Any]:
    if tls == "implicit":
        return {"ssl_context": context, "auth_require_tls": False}
    return {"tls_context": context, "require_starttls": True}


class Accepting:
    """A relay's handler without hooks: aiosmtpd then accepts everything."""


class AnyPort(Controller):
    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def controller(**options: Any) -> Iterator[Controller]:
    relay = AnyPort(Accepting(), hostname="127.0.0.1", port=0, **options)
    relay.start()
    try:
        yield relay
    finally:
        relay.stop()


@contextmanager
def scripted(replies: list[bytes], *, reads_body: bool = True, pause_seconds: float = 0) -> Iterator[int]:
    """A relay that answers by a script: one reply for each command, then it hangs up."""
    ended = threading.Event()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for reply in replies:
                self.wfile.write(reply + b"\r\n")
                if reply.startswith(b"354 go"):
                    if not reads_body:
                        ended.wait(pause_seconds)
                        return
                    while self.rfile.readline() not in (b".\r\n", b""):
                        pass
                else:
                    self.rfile.readline()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        if not reads_body:
            server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            ended.set()
            server.shutdown()
            thread.join()


def server_tls(folder: Path) -> tuple[ssl.SSLContext, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, key_pem = folder / "relay.pem", folder / "relay.key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key_pem)
    return context, pem
