"""A real OpenID provider (idpyoidc, certified) on the loopback address, and ways to make it lie."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from idpyoidc.server import Server, user_info
from idpyoidc.server.configure import OPConfiguration
from idpyoidc.server.oidc.authorization import Authorization
from idpyoidc.server.oidc.provider_config import ProviderConfiguration
from idpyoidc.server.oidc.token import Token
from idpyoidc.server.oidc.userinfo import UserInfo
from joserfc.jwk import RSAKey

CLIENT_ID = "letopis"
CLIENT_SECRET = "a-secret-that-only-both-of-us-know"
_CRYPT = {
    "kwargs": {
        "keys": {"key_defs": [{"type": "OCT", "use": ["enc"], "kid": one} for one in ("password", "salt")]},
        "iterations": 1,
    }
}
_KEYS = [{"type": "RSA", "use": ["sig"]}, {"type": "EC", "crv": "P-256", "use": ["sig"]}]
# The claims and the private key that signs: the ID token that is sent instead.
Forge = Callable[[dict[str, Any], RSAKey], str]


class IdentityProvider:
    """Whoever comes is `user`, without a question. `forge` makes another ID token of the right one; `document`
    changes what discovery says."""

    def __init__(self, users: dict[str, dict[str, Any]], folder: Path) -> None:
        self.user = next(iter(users))
        self.forge: Forge | None = None
        self.document: dict[str, Any] = {}
        self.asked: list[str] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.issuer = f"http://127.0.0.1:{self._http.server_port}"
        folder.mkdir()
        (folder / "users.json").write_text(json.dumps(users))
        self._server = Server(
            OPConfiguration(conf=_configuration(self.issuer, folder, self.user), base_path=str(folder)),
            cwd=str(folder),
        )

    def register(self, redirect_uri: str) -> None:
        self._server.context.cdb[CLIENT_ID] = {
            "client_secret": CLIENT_SECRET,
            "redirect_uris": [(redirect_uri, None)],
            "client_salt": "salt",
            "token_endpoint_auth_method": "client_secret_basic",
            "response_types_supported": ["code"],
            "allowed_scopes": ["openid", "profile"],
        }

    def configuration(self, name: str, **changed: object) -> dict[str, object]:
        """As an operator of ours would configure it."""
        plain = {"name": name, "title": "Тестовые услуги", "issuer": self.issuer}
        return plain | {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET} | changed

    @contextmanager
    def serving(self) -> Iterator["IdentityProvider"]:
        thread = Thread(target=self._http.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            self._http.server_close()
            thread.join(timeout=60)

    def answer(
        self, path: str, form: dict[str, str], authorization: str
    ) -> tuple[int, dict[str, str], bytes]:
        """What the library answers, with the lies of the test."""
        self.asked.append(path)
        if path == "/jwks.json":
            keys = json.dumps(self._server.keyjar.export_jwks()).encode()
            return 200, {"Content-Type": "application/json"}, keys
        name = {"/.well-known/openid-configuration": "provider_config"}.get(path, path.strip("/"))
        endpoint = self._server.get_endpoint(name)
        for method in self._server.context.authn_broker.db.values():
            method["method"].user = self.user
        http_info = {"headers": {"authorization": authorization} if authorization else {}}
        request = endpoint.parse_request(form, http_info=http_info)
        if "error" in request:
            return 400, {}, request.to_json().encode()
        arguments = endpoint.process_request(request, http_info=http_info)
        said = endpoint.do_response(request=request, **arguments)["response"]
        if name == "authorization":
            return 302, {"Location": said}, b""
        content = json.loads(said)
        if name == "provider_config":
            content |= self.document
        if "id_token" in content and self.forge is not None:
            claims = json.loads(_unpadded(content["id_token"].split(".")[1]))
            content["id_token"] = self.forge(claims, self._signing_key())
        status = 400 if "error" in content else 200
        return status, {"Content-Type": "application/json"}, json.dumps(content).encode()

    def _signing_key(self) -> RSAKey:
        (found,) = self._server.keyjar.get_signing_key("RSA")
        pem = found.private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return RSAKey.import_key(pem, {"kid": found.kid})


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _configuration(issuer: str, folder: Path, user: str) -> dict[str, Any]:
    return {
        "issuer": issuer,
        "httpc_params": {"verify": False, "timeout": 1},
        "keys": {"uri_path": "jwks.json", "key_defs": _KEYS},
        "endpoint": {
            "provider_config": {
                "path": ".well-known/openid-configuration",
                "class": ProviderConfiguration,
                "kwargs": {},
            },
            "authorization": {"path": "authorization", "class": Authorization, "kwargs": {}},
            "token": {
                "path": "token",
                "class": Token,
                "kwargs": {"client_authn_method": ["client_secret_basic"]},
            },
            "userinfo": {
                "path": "userinfo",
                "class": UserInfo,
                "kwargs": {"client_authn_method": ["bearer_header"]},
            },
        },
        "userinfo": {"class": user_info.UserInfo, "kwargs": {"db_file": str(folder / "users.json")}},
        "authentication": {
            "anon": {
                "acr": "anon",
                "class": "idpyoidc.server.user_authn.user.NoAuthn",
                "kwargs": {"user": user},
            }
        },
        "add_on": {
            "pkce": {
                "function": "idpyoidc.server.oauth2.add_on.pkce.add_support",
                "kwargs": {"essential": True, "code_challenge_methods": {"S256": True}},
            }
        },
        "scopes_to_claims": {
            "openid": ["sub"],
            "profile": ["given_name", "family_name", "birthdate", "snils", "verified"],
        },
        "session_params": {"encrypter": _CRYPT},
        "token_handler_args": {
            "code": {"lifetime": 600, "kwargs": {"crypt_conf": _CRYPT}},
            "token": {
                "class": "idpyoidc.server.token.jwt_token.JWTToken",
                "kwargs": {"lifetime": 3600, "add_claims_by_scope": True},
            },
            "id_token": {"class": "idpyoidc.server.token.id_token.IDToken", "kwargs": {}},
        },
    }


def _handler(provider: IdentityProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(urlsplit(self.path).query)

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode())

        def _answer(self, query: str) -> None:
            form = {name: values[0] for name, values in parse_qs(query).items()}
            path = urlsplit(self.path).path
            status, headers, body = provider.answer(path, form, self.headers.get("Authorization", ""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    return Handler
