"""An OpenID Connect relying party: authorization code with PKCE, state and nonce (OIDC Core 3.1; RFC 7636, 9700).

Which providers there are is configured (LETOPIS_OIDC_PROVIDERS, a JSON file). Nothing is asked of any other
host than the issuer's and those that its discovery document names, by TLS, without following redirects.
"""

import hashlib
import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from threading import Lock
from time import monotonic, time
from typing import Any, Final
from urllib.parse import quote_plus, urlencode, urlsplit

import httpx2
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ConfigDict, Field

from api.problems import ProblemError

# Only signatures by a key that the provider alone has: neither none nor a shared secret.
ALGORITHMS: Final = ("RS256", "PS256", "ES256")
_DISCOVERY: Final = "/.well-known/openid-configuration"
_ANSWER_BYTES_MAX: Final = 262_144
_TIMEOUT_SECONDS: Final = 10.0
_KEPT_SECONDS: Final = 600.0
# For so long a provider that did not answer is not asked what it publishes: one that hangs must not hold all up.
_AWAY_SECONDS: Final = 10.0
# Clocks differ; and a token is for now, however long the provider would let it live.
_SKEW_SECONDS: Final = 60
_AGE_SECONDS_MAX: Final = 600
_LOOPBACK: Final = "127.0.0.1"


class Provider(BaseModel):
    """One identity provider, as the operator configured it. `is_strong`: it asks for two factors, so ours is not
    asked for. `is_trusted`: it has seen the document of a person whose claims say that they are verified."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern="^[a-z][a-z0-9-]{1,31}$")
    title: str
    issuer: str
    client_id: str
    client_secret: str
    scopes: tuple[str, ...] = ("openid", "profile")
    is_strong: bool = False
    is_trusted: bool = False


@dataclass(frozen=True, slots=True)
class Begun:
    """What a sign-in with a provider began with; kept until the browser comes back."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What the provider's discovery document says, after it was checked."""

    authorization: str
    token: str
    keys: str
    userinfo: str | None
    by_post: bool
    says_issuer: bool


@dataclass(slots=True)
class _Kept:
    endpoints: Endpoints
    keys: Any
    until: float


def load_providers(path: Path | None) -> tuple[Provider, ...]:
    """The configured providers; a file that is wrong stops the start, not the first patient."""
    if path is None:
        return ()
    return tuple(Provider.model_validate(one) for one in json.loads(path.read_text(encoding="utf-8")))


def begin() -> Begun:
    return Begun(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))


@dataclass(slots=True)
class RelyingParty:
    """We, towards one provider. What discovery says is remembered for ten minutes."""

    provider: Provider
    redirect_uri: str
    _lock: Lock = field(default_factory=Lock)
    _kept: _Kept | None = None
    _away_until: float = 0.0

    def authorization_url(self, begun: Begun) -> str:
        """Where the browser goes."""
        challenge = _base64(hashlib.sha256(begun.verifier.encode()).digest())
        query = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": " ".join(self.provider.scopes),
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self._known().endpoints.authorization}?{urlencode(query)}"

    def claims(self, answer: Mapping[str, str], begun: Begun) -> dict[str, Any]:
        """Who came back, by what the provider signed. ProblemError if anything is not as it must be."""
        endpoints = self._known().endpoints
        # Who answers for whom: a code of one provider must not be handed to another (RFC 9207).
        issuer = answer.get("iss")
        if issuer != self.provider.issuer and (issuer is not None or endpoints.says_issuer):
            raise ProblemError("provider-answer-invalid", "iss")
        if "error" in answer or not answer.get("code"):
            raise ProblemError("provider-refused", "form")
        tokens = self._exchange(endpoints, answer["code"], begun.verifier)
        claims = self._verified(str(tokens.get("id_token", "")), begun.nonce, tokens.get("access_token"))
        return claims | self._further(endpoints, claims["sub"], tokens.get("access_token"))

    def _exchange(self, endpoints: Endpoints, code: str, verifier: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": verifier,
        }
        auth = None
        if endpoints.by_post:
            form |= {"client_id": self.provider.client_id, "client_secret": self.provider.client_secret}
        else:
            # RFC 6749 2.3.1: both are form-encoded before they are joined.
            auth = (quote_plus(self.provider.client_id), quote_plus(self.provider.client_secret))
        return self._ask("POST", endpoints.token, data=form, auth=auth)

    def _further(self, endpoints: Endpoints, subject: str, access_token: object) -> dict[str, Any]:
        """What the provider says beside: only of whom it just signed for, and nothing of the token again."""
        if not self.provider.is_trusted or endpoints.userinfo is None or not isinstance(access_token, str):
            return {}
        headers = {"Authorization": f"Bearer {access_token}"}
        found = self._ask("GET", endpoints.userinfo, headers=headers)
        if found.get("sub") != subject:
            raise ProblemError("provider-answer-invalid", "sub")
        signed = ("iss", "sub", "aud", "exp", "iat", "nonce", "azp", "at_hash")
        return {name: value for name, value in found.items() if name not in signed}

    # The ID token

    def _verified(self, id_token: str, nonce: str, access_token: object) -> dict[str, Any]:
        for is_fresh in (False, True):
            keys = self._known(is_fresh=is_fresh).keys
            try:
                token = jwt.decode(id_token, keys, algorithms=list(ALGORITHMS))
                break
            except (JoseError, ValueError):
                # A new key may have come into use since we looked; once more with what is published now.
                if is_fresh:
                    raise ProblemError("provider-answer-invalid", "id_token") from None
        claims = token.claims
        wrong = self._wrong(claims, nonce, access_token, algorithm=str(token.header.get("alg")))
        if wrong is not None:
            raise ProblemError("provider-answer-invalid", wrong)
        return claims

    def _wrong(
        self, claims: dict[str, Any], nonce: str, access_token: object, *, algorithm: str
    ) -> str | None:
        """The first claim that is not as it must be (OIDC Core 3.1.3.7)."""
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        now, issued, expires = time(), _number(claims.get("iat")), _number(claims.get("exp"))
        subject, at_hash = claims.get("sub"), claims.get("at_hash")
        checks = {
            "iss": claims.get("iss") == self.provider.issuer,
            "aud": self.provider.client_id in audiences,
            "azp": claims.get("azp", self.provider.client_id if len(audiences) == 1 else None)
            == self.provider.client_id,
            "exp": now < expires + _SKEW_SECONDS,
            "iat": now - _AGE_SECONDS_MAX < issued < now + _SKEW_SECONDS,
            "nonce": hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()),
            "sub": isinstance(subject, str) and 0 < len(subject) <= 255 and subject.isprintable(),
            "at_hash": at_hash is None
            or (isinstance(access_token, str) and at_hash == _half_hash(access_token)),
            "alg": algorithm in ALGORITHMS,
        }
        return next((name for name, is_right in checks.items() if not is_right), None)

    # What the provider publishes

    def _known(self, *, is_fresh: bool = False) -> _Kept:
        with self._lock:
            if self._kept is None or is_fresh or self._kept.until < monotonic():
                # Who waited for the lock meanwhile does not wait for the provider once more, each in turn.
                if self._away_until > monotonic():
                    raise ProblemError("provider-away", "form", retry_after=60)
                try:
                    self._kept = self._fetched()
                except ProblemError as error:
                    if error.code == "provider-away":
                        self._away_until = monotonic() + _AWAY_SECONDS
                    raise
            return self._kept

    def _fetched(self) -> _Kept:
        endpoints = self._discovered()
        try:
            keys = KeySet.import_key_set(self._ask("GET", endpoints.keys))  # type: ignore[arg-type]
        except (JoseError, KeyError, TypeError, ValueError):
            raise ProblemError("provider-away", "form") from None
        return _Kept(endpoints, keys, monotonic() + _KEPT_SECONDS)

    def _discovered(self) -> Endpoints:
        found = self._ask("GET", self.provider.issuer.rstrip("/") + _DISCOVERY)
        if found.get("issuer") != self.provider.issuer:
            raise ProblemError("provider-answer-invalid", "iss")
        userinfo = found.get("userinfo_endpoint")
        methods = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return Endpoints(
            authorization=self._allowed(found.get("authorization_endpoint")),
            token=self._allowed(found.get("token_endpoint")),
            keys=self._allowed(found.get("jwks_uri")),
            userinfo=self._allowed(userinfo) if userinfo is not None else None,
            by_post="client_secret_basic" not in methods and "client_secret_post" in methods,
            says_issuer=found.get("authorization_response_iss_parameter_supported") is True,
        )

    def _allowed(self, url: object) -> str:
        """An address that the provider may send us to: by TLS, and a name in the public net. A provider on our
        own machine, as tests have it, may name its own address only."""
        parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
        own = urlsplit(self.provider.issuer)
        host = parts.hostname or ""
        if (parts.scheme, parts.netloc) == (own.scheme, own.netloc):
            is_allowed = parts.scheme == "https" or (parts.scheme == "http" and host == _LOOPBACK)
        else:
            is_allowed = parts.scheme == "https" and not _is_local(host)
        if not is_allowed:
            raise ProblemError("provider-answer-invalid", "endpoint")
        return parts.geturl()

    def _ask(self, method: str, url: str, **given: Any) -> dict[str, Any]:
        try:
            with (
                httpx2.Client(timeout=_TIMEOUT_SECONDS, follow_redirects=False, trust_env=False) as client,
                client.stream(method, self._allowed(url), **given) as response,
            ):
                received = bytearray()
                for part in response.iter_bytes():
                    received += part
                    if len(received) > _ANSWER_BYTES_MAX:
                        raise ProblemError("provider-away", "form")
                status = response.status_code
        except httpx2.HTTPError:
            raise ProblemError("provider-away", "form", retry_after=60) from None
        if status in (400, 401, 403):
            raise ProblemError("provider-refused", "form")
        try:
            found = json.loads(received) if status == 200 else None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise ProblemError("provider-away", "form", retry_after=60)
        return found


def _is_local(host: str) -> bool:
    """A name of this machine, or an address written out: no provider on the net is named so."""
    try:
        ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or "." not in host
    return True


def _number(value: object) -> float:
    """A time as a number; what is none was long ago."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _half_hash(access_token: str) -> str:
    """`at_hash` for the algorithms of 256 bits: the left half of the digest."""
    return _base64(hashlib.sha256(access_token.encode()).digest()[:16])


def _base64(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()
