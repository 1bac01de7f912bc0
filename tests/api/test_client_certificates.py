"""Client certificates over HTTP: believed only from the proxy that the operator named, and never passed over."""

import ast
import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from api import laboratories
from api.client_certificates import address_of, fingerprint
from api.settings import Settings
from domain.laboratory import LaboratoryRegistered
from domain.submission import SubmissionReceived, SubmissionRefused
from tests.api.cast import Laboratory, Portal, bundle
from tests.api.command import letopis
from tests.api.signed_messages import FHIR, Signing, outcome_code

PROXY = "127.0.0.2"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"client_cert_from": (ip_address(PROXY),)})


@pytest.fixture
def proxy(portal: Portal) -> Iterator[httpx2.Client]:
    """A client at the proxy's address."""
    url = portal.opened.settings.public_url
    with httpx2.Client(
        base_url=url, transport=httpx2.HTTPTransport(local_address=PROXY), timeout=60
    ) as client:
        yield client


def post(client: httpx2.Client, content: bytes, headers: dict[str, str]) -> httpx2.Response:
    return client.post("/v1/messages", content=content, headers=headers)


def issued(name: str, *, days: int = 1) -> x509.Certificate:
    """A certificate that is its own authority: whom to trust is the proxy's business."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    until = datetime.now(UTC) + timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(until - timedelta(days=3))
        .not_valid_after(until)
        .sign(key, hashes.SHA256())
    )


@pytest.fixture
def certificate(portal: Portal, laboratory: Laboratory, tmp_path: Path) -> x509.Certificate:
    """A client certificate that is registered by the command line."""
    made = issued("laboratory")
    file = tmp_path / "lab.pem"
    file.write_bytes(made.public_bytes(Encoding.PEM))
    done = letopis(portal.opened, "lab", "certificate", laboratory.sender.handle, "--certificate", str(file))
    assert done.returncode == 0, done.stderr
    assert fingerprint(made) in done.stdout
    return made


def handed_on(certificate: x509.Certificate, **headers: str) -> dict[str, str]:
    der = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    plain = {"content-type": FHIR, "idempotency-key": "order-1", "client-cert": f":{der}:"}
    return plain | {name.replace("_", "-"): value for name, value in headers.items()}


def test_a_certificate_from_our_proxy_stands_for_its_laboratory(
    portal: Portal, proxy: httpx2.Client, laboratory: Laboratory, certificate: x509.Certificate
) -> None:
    content = bundle("1")
    answer = post(proxy, content, handed_on(certificate))
    assert outcome_code(answer) == (201, "patient-unknown")
    (received,) = portal.events(SubmissionReceived)
    assert received.event.laboratory_id == laboratory.laboratory_id
    assert received.event.key_id == f"certificate:{fingerprint(certificate)}"
    kept = portal.opened.ledger.read_document(received.event.document.document_id)
    head, _, found = kept.partition(b"\n\n")
    assert found == content
    der = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()
    assert head.decode().split("\n") == [
        "letopis/message@v1",
        f'"content-type": {FHIR}',
        '"idempotency-key": order-1',
        f"certificate: {der}",
    ]
    assert post(proxy, content, handed_on(certificate)).content == answer.content


def test_a_certificate_from_anybody_else_is_refused_and_not_passed_over(
    portal: Portal, laboratory: Laboratory, certificate: x509.Certificate
) -> None:
    """Even if a stranger says that the proxy sent them."""
    refused = (403, "client-certificate-not-believed")
    pretended = handed_on(certificate, x_forwarded_for=PROXY, forwarded=f"for={PROXY}", x_real_ip=PROXY)
    for headers in (handed_on(certificate), pretended):
        assert outcome_code(post(portal.machine, bundle("1"), headers)) == refused
    signed = Signing(laboratory).headers(bundle("1")) | {"client-cert-chain": ":AAAA:"}
    assert outcome_code(post(portal.machine, bundle("1"), signed)) == refused
    assert len(portal.events(SubmissionRefused)) == 3 and not portal.events(SubmissionReceived)


def test_the_address_of_a_peer_has_one_form() -> None:
    assert address_of("::ffff:10.0.0.1") == address_of("10.0.0.1") == ip_address("10.0.0.1")
    assert address_of(None) is None and address_of("") is None and address_of("proxy.local") is None


def test_the_proxies_are_named_with_commas_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().client_cert_from == ()
    monkeypatch.setenv("LETOPIS_CLIENT_CERT_FROM", "10.0.0.1, fd00::1")
    assert Settings().client_cert_from == (ip_address("10.0.0.1"), ip_address("fd00::1"))
    monkeypatch.setenv("LETOPIS_CLIENT_CERT_FROM", "10.0.0.0/8")
    with pytest.raises(ValueError, match="client_cert_from"):
        Settings()


def test_a_certificate_that_is_nobodys_or_revoked_or_out_of_time_is_refused(
    portal: Portal,
    proxy: httpx2.Client,
    laboratory: Laboratory,
    certificate: x509.Certificate,
    tmp_path: Path,
) -> None:
    unknown = (403, "client-certificate-unknown")
    for other in (issued("other"), issued("old", days=-1)):
        assert outcome_code(post(proxy, bundle("1"), handed_on(other))) == unknown
    handle = laboratory.sender.handle
    arguments = ("lab", "revoke-certificate", handle, "--certificate", str(tmp_path / "lab.pem"))
    assert letopis(portal.opened, *arguments).returncode == 0
    assert outcome_code(post(proxy, bundle("1"), handed_on(certificate))) == unknown
    assert letopis(portal.opened, *arguments).returncode == 1
    for value in ("", "abc", ":!!:", ":AAAA:", "1", ":AAAA:;x=1"):
        answer = post(proxy, bundle("1"), handed_on(certificate) | {"client-cert": value})
        assert outcome_code(answer) == (400, "message-header-invalid"), value


def test_each_proof_that_is_shown_must_hold(
    portal: Portal, proxy: httpx2.Client, laboratory: Laboratory, certificate: x509.Certificate
) -> None:
    content, both = bundle("1"), Signing(laboratory).headers(bundle("1"))
    shown = {"client-cert": handed_on(certificate)["client-cert"]}
    assert outcome_code(post(proxy, content, both | shown)) == (201, "patient-unknown")
    other = {"client-cert": handed_on(issued("other"))["client-cert"]}
    assert outcome_code(post(proxy, content, both | other)) == (403, "client-certificate-unknown")
    wrong = replace(Signing(laboratory), signing_key=Ed25519PrivateKey.generate()).headers(content)
    assert outcome_code(post(proxy, content, wrong | shown)) == (403, "signature-invalid")
    added = LaboratoryRegistered(handle="gemotest", name="Гемотест", inn="7707083893", ogrn="1027700132195")
    laboratories.add(portal.opened.ledger, portal.opened.settings.home, added)
    named = handed_on(certificate, letopis_laboratory="gemotest")
    assert outcome_code(post(proxy, content, named)) == (403, "issuer-mismatch")


def test_a_certificate_is_of_one_laboratory(
    portal: Portal,
    proxy: httpx2.Client,
    laboratory: Laboratory,
    certificate: x509.Certificate,
    tmp_path: Path,
) -> None:
    other = LaboratoryRegistered(handle="gemotest", name="Гемотест", inn="7707083893", ogrn="1027700132195")
    laboratories.add(portal.opened.ledger, portal.opened.settings.home, other)
    arguments = ("lab", "certificate", "gemotest", "--certificate", str(tmp_path / "lab.pem"))
    assert letopis(portal.opened, *arguments).returncode == 1
    assert letopis(portal.opened, *arguments[:2], "nobody", *arguments[3:]).returncode == 1


def test_no_server_of_ours_lets_the_request_say_who_its_peer_is() -> None:
    """uvicorn would believe X-Forwarded-For of everybody on the same machine; then a stranger there is our proxy."""
    servers = []
    for path in (Path(__file__).parents[2] / "api").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (
                isinstance(node, ast.Call) and ast.unparse(node.func) in ("uvicorn.Config", "uvicorn.run")
            ):
                continue
            if ast.unparse(node.args[0]) != "''":  # it only binds a socket
                said = {one.arg: ast.unparse(one.value) for one in node.keywords}
                servers.append((path.name, said.get("proxy_headers")))
    assert len(servers) >= 2 and {said for _, said in servers} == {"False"}, servers
