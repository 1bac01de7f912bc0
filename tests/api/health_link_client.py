"""A client of SMART Health Links written from the specification alone, strict in what it takes: none of our code."""

import base64
import json
import zlib
from dataclasses import dataclass
from typing import Any

import httpx2
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def unpadded(text: str) -> bytes:
    assert "=" not in text
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(frozen=True, slots=True)
class HealthLink:
    """What a link says of itself."""

    payload: dict[str, Any]

    @classmethod
    def read(cls, text: str) -> "HealthLink":
        bare = text.rpartition("#")[2]
        assert bare.startswith("shlink:/")
        raw = unpadded(bare.removeprefix("shlink:/"))
        payload = json.loads(raw)
        minified = json.dumps(payload, separators=(",", ":"), ensure_ascii=False)
        assert raw.decode() == minified, "not minified"
        assert len(payload["url"]) <= 128
        assert len(unpadded(payload["url"].rpartition("/")[2])) >= 32, "256 bits"
        assert len(payload["key"]) == 43 and len(unpadded(payload["key"])) == 32
        assert list(payload.get("flag", "")) == sorted(set(payload.get("flag", "")) & set("LPU"))
        assert len(payload.get("label", "")) <= 80
        assert payload.get("v", 1) == 1 and isinstance(payload.get("exp", 0), int)
        return cls(payload)

    @property
    def flags(self) -> str:
        return str(self.payload.get("flag", ""))

    def ask(self, client: httpx2.Client, passcode: str | None = None, **body: object) -> httpx2.Response:
        said: dict[str, object] = {"recipient": "Поликлиника № 7"} | body
        if passcode is not None:
            said["passcode"] = passcode
        answer = client.post(self.payload["url"], json=said, headers={"Origin": "https://viewer.example"})
        assert answer.headers["access-control-allow-origin"] == "*"
        return answer

    def files(self, client: httpx2.Client, passcode: str | None = None, **body: object) -> list[Any]:
        answer = self.ask(client, passcode, **body)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        return [self.opened(client, file) for file in answer.json()["files"]]

    def opened(self, client: httpx2.Client, file: dict[str, Any]) -> Any:
        assert file["contentType"] == "application/fhir+json"
        assert ("embedded" in file) != ("location" in file)
        if "location" in file:
            answer = client.get(file["location"])
            assert (answer.status_code, answer.headers["content-type"]) == (200, "application/jose")
            return self.decrypted(answer.text)
        return self.decrypted(file["embedded"])

    def decrypted(self, jwe: str) -> Any:
        """RFC 7516, 5.2, of the one algorithm that links have."""
        head, encrypted_key, nonce, body, tag = jwe.split(".")
        header = json.loads(unpadded(head))
        assert (header["alg"], header["enc"]) == ("dir", "A256GCM") and encrypted_key == ""
        assert header["cty"] == "application/fhir+json"
        assert len(unpadded(nonce)) == 12 and len(unpadded(tag)) == 16
        sealed = unpadded(body) + unpadded(tag)
        plain = AESGCM(unpadded(self.payload["key"])).decrypt(unpadded(nonce), sealed, head.encode())
        raw = zlib.decompress(plain, wbits=-15) if header.get("zip") == "DEF" else plain
        return json.loads(raw, parse_float=str, parse_int=str)
