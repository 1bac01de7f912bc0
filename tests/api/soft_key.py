"""A passkey in software, which does as the test says: also what no honest authenticator would."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import cbor2
import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

USER_PRESENT, USER_VERIFIED, BACKUP_ELIGIBLE, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40
HONEST = USER_PRESENT | USER_VERIFIED


@dataclass(slots=True)
class SoftKey:
    """One credential (ES256)."""

    origin: str
    rp_id: str = "localhost"
    credential_id: bytes = b"soft-key-000001"
    private_key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    user_handle: bytes = b""
    sign_count: int = 0

    def make(self, options: dict[str, Any], *, flags: int = HONEST, **client: str) -> str:
        """The answer to a request for a new passkey."""
        self.user_handle = base64url_to_bytes(options["user"]["id"])
        numbers = self.private_key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = (
            bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + cbor2.dumps(cose)
        )
        data = self._data(flags | ATTESTED) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client_data = self._client_data("webauthn.create", options, client)
        return self._answer(clientDataJSON=client_data, attestationObject=attestation)

    def sign(self, options: dict[str, Any], *, flags: int = HONEST, **client: str) -> str:
        """The answer to a request for a proof."""
        data = self._data(flags)
        client_data = self._client_data("webauthn.get", options, client)
        signature = self.private_key.sign(data + hashlib.sha256(client_data).digest(), ec.ECDSA(SHA256()))
        return self._answer(
            clientDataJSON=client_data,
            authenticatorData=data,
            signature=signature,
            userHandle=self.user_handle,
        )

    def _data(self, flags: int) -> bytes:
        rp_id_hash = hashlib.sha256(self.rp_id.encode()).digest()
        return rp_id_hash + bytes([flags]) + self.sign_count.to_bytes(4, "big")

    def _client_data(self, kind: str, options: dict[str, Any], changed: dict[str, str]) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        return orjson.dumps(said | changed)

    def _answer(self, **response: bytes) -> str:
        name = bytes_to_base64url(self.credential_id)
        encoded = {key: bytes_to_base64url(value) for key, value in response.items()}
        return orjson.dumps({"id": name, "rawId": name, "type": "public-key", "response": encoded}).decode()
