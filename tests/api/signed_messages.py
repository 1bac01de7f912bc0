"""Requests to /v1/messages signed by hand as RFC 9421, 2.5 says, with nothing but `cryptography`."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.api.cast import Laboratory

FHIR = "application/fhir+json"
COMPONENTS = (
    "@method",
    "@target-uri",
    "content-digest",
    "content-type",
    "idempotency-key",
    "letopis-laboratory",
)


@dataclass(frozen=True, slots=True)
class Signing:
    """How a request is signed; as it should be, but for what a test changes."""

    laboratory: Laboratory
    content_type: str = FHIR
    key: str | None = "order-1"
    handle: str | None = None
    url: str | None = None
    components: Sequence[str] = COMPONENTS
    created: datetime | None = None
    life_seconds: int = 300
    parameters: Mapping[str, str | int | None] | None = None
    signing_key: Ed25519PrivateKey | None = None
    algorithm: str = "sha-256"

    def headers(self, content: bytes) -> dict[str, str]:
        digest = base64.b64encode(hashlib.new(self.algorithm.replace("-", ""), content).digest()).decode()
        found = {
            "content-digest": f"{self.algorithm}=:{digest}:",
            "content-type": self.content_type,
            "letopis-laboratory": self.handle or self.laboratory.sender.handle,
        }
        if self.key is not None:
            found["idempotency-key"] = self.key
        names = [name for name in self.components if name.startswith("@") or name in found]
        parameters = self._parameters(names)
        values = found | {
            "@method": "POST",
            "@target-uri": self.url or f"{self.laboratory.opened.settings.public_url}/v1/messages",
        }
        lines = [f'"{name}": {values[name]}' for name in names]
        base = "\n".join([*lines, f'"@signature-params": {parameters}'])
        key = self.signing_key or private_key(self.laboratory)
        signature = base64.b64encode(key.sign(base.encode())).decode()
        return found | {"signature-input": f"sig1={parameters}", "signature": f"sig1=:{signature}:"}

    def _parameters(self, names: Sequence[str]) -> str:
        created = self.created or datetime.now(UTC)
        parameters: dict[str, str | int | None] = {
            "created": int(created.timestamp()),
            "expires": int((created + timedelta(seconds=self.life_seconds)).timestamp()),
            "nonce": base64.b64encode(hashlib.sha256(str(created).encode()).digest()).decode(),
            "keyid": self.laboratory.sender.key.thumbprint(),
            "alg": "ed25519",
            "tag": "letopis-submission",
        } | dict(self.parameters or {})
        said = "".join(
            f";{name}={value if isinstance(value, int) else json.dumps(value)}"
            for name, value in parameters.items()
            if value is not None
        )
        return f"({' '.join(json.dumps(name) for name in names)}){said}"


def private_key(laboratory: Laboratory) -> Ed25519PrivateKey:
    """The laboratory's key, from the numbers of its JWK."""
    number = str(laboratory.sender.key.as_dict(private=True)["d"])
    return Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(number + "=="))


def issue_of(answer: httpx2.Response) -> dict[str, Any]:
    """The one issue of an OperationOutcome."""
    assert answer.headers["content-type"] == FHIR, answer.text
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    (issue,) = outcome["issue"]
    return dict(issue)


def outcome_code(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, issue_of(answer)["details"]["coding"][0]["code"]
