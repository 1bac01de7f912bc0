"""The profile of RFC 9421: what the RFC's own example and another signer say, and everything that is refused."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver
from http_message_signatures.algorithms import ED25519

from api.message_signatures import (
    COVERED,
    TAG,
    HeaderLines,
    SignedRequest,
    _verifier,
    read_claims,
    verify_signature,
)
from api.problems import ProblemError

URL = "https://letopis.example/v1/messages"
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = base64.urlsafe_b64encode(KEY.public_key().public_bytes_raw()).rstrip(b"=").decode()
CONTENT = b'{"resourceType": "Bundle"}'
DIGEST = "sha-256=:ouYR58Mfc7zOJZ2AD6ZGVZOL8VTUOXzs/VK4lu8S5DE=:"


class _Headers(dict[str, str]):
    """Headers as a client has them."""


class _Keys(HTTPSignatureKeyResolver):
    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:
        return KEY


class _Sent:
    def __init__(self, headers: dict[str, str]) -> None:
        self.method, self.url, self.headers = "POST", URL, _Headers(headers)


def signed(**changed: Any) -> SignedRequest:
    """A request as another implementation signs it."""
    sent = _Sent(
        {"content-type": "application/fhir+json", "idempotency-key": "1", "letopis-laboratory": "my-lab"}
    )
    arguments: dict[str, Any] = {
        "key_id": "k",
        "created": NOW,
        "expires": NOW + timedelta(minutes=5),
        "nonce": "n" * 16,
        "tag": TAG,
        "covered_component_ids": (*COVERED, "idempotency-key"),
        "body": CONTENT,
        "label": "any",
    }
    signer = HTTPMessageSigner(signature_algorithm=ED25519, key_resolver=_Keys())
    signer.sign(sent, **arguments | changed)
    return SignedRequest("POST", URL, HeaderLines((k.lower(), v) for k, v in sent.headers.items()))


def verified(request: SignedRequest, *, content: bytes = CONTENT, now: datetime = NOW) -> str:
    claims = read_claims(request, needed=(*COVERED, "idempotency-key"))
    return verify_signature(request, content, claims, public_key=PUBLIC, now=now)


def refusal(request: SignedRequest, **changed: Any) -> tuple[str, str | None]:
    with pytest.raises(ProblemError) as refused:
        verified(request, **changed)
    return refused.value.code, refused.value.field


def with_header(request: SignedRequest, name: str, value: str | None) -> SignedRequest:
    kept = [line for line in request.headers if line[0] != name]
    return replace(request, headers=HeaderLines([*kept, *([(name, value)] if value is not None else [])]))


def header(request: SignedRequest, name: str) -> str:
    (value,) = request.headers.values_of(name)
    return value


def test_the_example_of_the_rfc_verifies() -> None:
    """RFC 9421, B.2.6: its key, its request, its signature. It is not of our profile, but the verifier is ours."""
    pem = b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----\n"
    key = load_pem_public_key(pem)
    assert isinstance(key, Ed25519PublicKey)
    signature = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
    covered = '("date" "@method" "@path" "@authority" "content-type" "content-length")'
    lines = [
        ("host", "example.com"),
        ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("content-type", "application/json"),
        ("content-length", "18"),
        ("signature-input", f'sig-b26={covered};created=1618884473;keyid="test-key-ed25519"'),
        ("signature", f"sig-b26=:{signature}:"),
    ]
    url = "https://example.com/foo?param=Value&Pet=dog"
    request = SignedRequest("POST", url, HeaderLines(lines))
    (proven,) = _verifier("test-key-ed25519", key).verify(request, max_age=None)
    base = "\n".join(f"{name}: {value}" for name, value in proven.covered_components.items())
    key.verify(base64.b64decode(signature), base.encode())
    assert base.split("\n")[:3] == [
        '"date": Tue, 20 Apr 2021 02:07:55 GMT',
        '"@method": POST',
        '"@path": /foo',
    ]
    assert refusal(request) == ("signature-malformed", "signature-input")


def test_what_another_signer_signs_is_verified_and_the_base_is_what_was_signed() -> None:
    request = signed()
    base = verified(request)
    signature = base64.b64decode(header(request, "signature").removeprefix("any=:").removesuffix(":"))
    KEY.public_key().verify(signature, base.encode())
    assert base.split("\n")[0] == '"@method": POST' and f'"@target-uri": {URL}' in base


def test_more_may_be_covered_than_must_be() -> None:
    covered = ("@authority", "@path", *COVERED, "idempotency-key")
    assert '"@authority": letopis.example' in verified(signed(covered_component_ids=covered))


@pytest.mark.parametrize("left_out", [*COVERED, "idempotency-key"])
def test_nothing_that_must_be_covered_may_be_left_out(left_out: str) -> None:
    covered = [name for name in (*COVERED, "idempotency-key") if name != left_out]
    arguments: dict[str, Any] = {"covered_component_ids": covered}
    request = signed(**arguments)
    if left_out == "content-digest":  # the signer adds it of itself
        value = header(request, "signature-input").replace(' "content-digest"', "")
        request = with_header(request, "signature-input", value)
    assert refusal(request) == ("signature-covers-too-little", left_out)


@pytest.mark.parametrize("name", ["content-type", "idempotency-key", "letopis-laboratory"])
def test_a_header_changed_on_the_way_breaks_the_signature(name: str) -> None:
    request = signed()
    changed = with_header(request, name, header(request, name) + "x")
    assert refusal(changed) == ("signature-invalid", "signature")
    assert refusal(with_header(request, name, None)) == ("signature-invalid", "signature")


def test_another_method_or_address_breaks_the_signature() -> None:
    request = signed()
    assert refusal(replace(request, method="PUT"))[0] == "signature-invalid"
    assert refusal(replace(request, url=URL.replace("letopis", "other")))[0] == "signature-invalid"
    assert refusal(replace(request, url=URL + "?more"))[0] == "signature-invalid"


def test_other_content_is_not_what_was_signed() -> None:
    assert refusal(signed(), content=CONTENT + b" ") == ("digest-mismatch", "content-digest")


@pytest.mark.parametrize(
    ("created", "life", "code"),
    [
        (-601, 3600, "envelope-too-old"),
        (-301, 300, "envelope-too-old"),
        (601, 300, "envelope-from-future"),
        (-599, 3600, None),
        (-299, 300, None),
        (599, 300, None),
    ],
)
def test_a_signature_holds_for_a_while(created: int, life: int, code: str | None) -> None:
    begun = NOW + timedelta(seconds=created)
    request = signed(created=begun, expires=begun + timedelta(seconds=life))
    if code is None:
        assert verified(request)
    else:
        assert refusal(request) == (code, "signature-input")


CHANGES = {
    "no parameter created": ("created=1795", "kreated=1795"),
    "a parameter more": (';tag="', ';more=1;tag="'),
    "another algorithm": ('alg="ed25519"', 'alg="rsa-pss-sha512"'),
    "an algorithm that is no string": ('alg="ed25519"', "alg=ed25519"),
    "another tag": (f'tag="{TAG}"', 'tag="other"'),
    "a short nonce": ('nonce="nnnn', 'nonce="'),
    "a key id that is no string": ('keyid="k"', "keyid=7"),
    "the time as text": ("created=", 'created="'),
    "a component that is changed": ('"content-type"', '"content-type";sf'),
    "a component of the answer": ('"content-type"', '"content-type";req'),
    "a component twice": ('"content-type"', '"content-type" "content-type"'),
    "a component in capitals": ('"content-type"', '"Content-Type" "content-type"'),
    "no list": ("any=(", "any=1;x=("),
    "not a structured field": ("any=(", "any=(("),
    "two signatures": ("any=(", 'b=("@method");created=1, any=('),
    "a label twice": ("any=(", "any=1, any=("),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_signature_of_another_form_is_refused(name: str) -> None:
    request = signed()
    before, after = CHANGES[name]
    value = header(request, "signature-input")
    assert before in value
    code, _ = refusal(with_header(request, "signature-input", value.replace(before, after, 1)))
    assert code in {"signature-malformed", "signature-invalid"}


@pytest.mark.parametrize(
    "value",
    [
        "",
        "other=:AAAA:",
        "any=:AAAA:",
        "any=1",
        "any=:" + "A" * 86 + "==:, b=:AAAA:",
        "any=:" + "A" * 86 + "==:;x",
        "any=:" + "A" * 86 + "==:",
        "я",
        "any=:" + "A" * 5000 + ":",
    ],
)
def test_a_signature_that_is_none_is_refused(value: str) -> None:
    code, _ = refusal(with_header(signed(), "signature", value))
    assert code in {"signature-malformed", "signature-invalid"}


@pytest.mark.parametrize(
    "name", ["signature", "signature-input", "content-digest", "content-type", "idempotency-key"]
)
def test_no_header_may_stand_twice(name: str) -> None:
    request = signed()
    twice = replace(request, headers=HeaderLines([*request.headers, (name, header(request, name))]))
    code, _ = refusal(twice)
    assert code in {"signature-malformed", "signature-invalid", "digest-mismatch"}


@pytest.mark.parametrize(
    "value",
    ["sha-256=:AAAA:", "md5=:1B2M2Y8AsgTpgAmY7PhCfg==:", "sha-256=1", "sha-256", "", DIGEST + ", x=:AA=:"],
)
def test_a_digest_of_another_form_proves_nothing(value: str) -> None:
    sent = _Sent({"content-digest": value, "content-type": "a/b", "idempotency-key": "1"})
    sent.headers["letopis-laboratory"] = "my-lab"
    lines = HeaderLines(sent.headers.items())
    names = (*COVERED, "idempotency-key")
    values = dict(lines) | {"@method": "POST", "@target-uri": URL}
    stamp = int(NOW.timestamp())
    listed = " ".join(f'"{name}"' for name in names)
    parameters = f'({listed});created={stamp};expires={stamp + 60};nonce="{"n" * 16}";keyid="k";alg="ed25519";tag="{TAG}"'
    base = "\n".join([*(f'"{name}": {values[name]}' for name in names), f'"@signature-params": {parameters}'])
    signature = base64.b64encode(KEY.sign(base.encode())).decode()
    extra = [("signature-input", f"s={parameters}"), ("signature", f"s=:{signature}:")]
    request = SignedRequest("POST", URL, HeaderLines([*lines, *extra]))
    assert refusal(request) == ("digest-mismatch", "content-digest")
