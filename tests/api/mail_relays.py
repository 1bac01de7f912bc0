"""Relays to hand mail to in tests: aiosmtpd's, with TLS and passwords, and one that answers by a script."""

import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from api.smtp import Tls


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


@dataclass
class Scripted:
    """What was said to it, and where it listens."""

    port: int = 0
    heard: list[bytes] = field(default_factory=list)


@contextmanager
def scripted(
    *scripts: list[bytes],
    reads_body: bool = True,
    pause_seconds: float = 0,
    together: int = 1,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Scripted]:
    """A relay that answers each connection by its script: one reply for each command, then it hangs up. After EHLO
    it hears as many commands `together` before it answers, and after "220 go" it begins TLS."""
    ended = threading.Event()
    relay = Scripted()
    left = list(scripts)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                self.answer(left.pop(0))

        def answer(self, replies: list[bytes]) -> None:
            for number, reply in enumerate(replies):
                self.wfile.write(reply + b"\r\n")
                if reply.startswith(b"220 go"):
                    assert tls is not None
                    self.request = tls.wrap_socket(self.request, server_side=True)
                    self.setup()
                if not reply.split(b"\n")[-1].startswith(b"354 go"):
                    commands = together if number == 1 else 1
                    relay.heard.append(b"".join(self.rfile.readline() for _ in range(commands)))
                elif not reads_body:
                    ended.wait(pause_seconds)
                    return
                else:
                    while self.rfile.readline() not in (b".\r\n", b""):
                        pass

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        if not reads_body:
            server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        relay.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield relay
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
