"""Signing in by a real OpenID provider, and every lie that it, or somebody between, could tell."""

import base64
import html
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from time import time
from typing import Any
from urllib.parse import urlsplit

import httpx2
import psycopg
import pytest
from joserfc import jwk, jwt

from api.oidc import ALGORITHMS, Provider, RelyingParty, begin, load_providers
from api.portal.external_claims import vouches_for
from api.problems import ProblemError
from api.settings import Settings
from domain.external_account import ExternalAccountLinked, ExternalAccountUnlinked
from domain.identity import IdentityConfirmed
from domain.patient import ProfileStated
from domain.session import SessionOpened
from ledger import commands
from ledger.commands import by_patient
from tests.api.cast import ANNA, BORIS, Person, Portal, code_of
from tests.api.identity_provider import CLIENT_ID, CLIENT_SECRET, Forge, IdentityProvider

USERS = {
    "anna": {
        "given_name": ANNA.given,
        "family_name": ANNA.family,
        "birthdate": ANNA.birth_date,
        "snils": ANNA.snils,
        "verified": True,
    },
    "boris": {"given_name": BORIS.given, "family_name": BORIS.family},
}

PROFILE = ProfileStated(
    family=ANNA.family,
    given=ANNA.given,
    patronymic=None,
    birth_date=ANNA.birth_date,
    sex="female",
    snils=ANNA.snils,
)


@pytest.fixture
def esia(tmp_path: Path) -> Iterator[IdentityProvider]:
    with ExitStack() as stack:
        yield stack.enter_context(IdentityProvider(USERS, tmp_path / "esia").serving())


@pytest.fixture
def other(tmp_path: Path) -> Iterator[IdentityProvider]:
    """Another provider, with keys and accounts of its own."""
    with ExitStack() as stack:
        yield stack.enter_context(IdentityProvider(USERS, tmp_path / "other").serving())


@pytest.fixture
def settings(settings: Settings, esia: IdentityProvider, other: IdentityProvider, tmp_path: Path) -> Settings:
    path = tmp_path / "providers.json"
    configured = [
        esia.configuration("esia", is_strong=True, is_trusted=True),
        other.configuration("other", title="Другие услуги"),
    ]
    path.write_text(json.dumps(configured))
    esia.register(f"{settings.public_url}/external/esia/callback")
    other.register(f"{settings.public_url}/external/other/callback")
    return settings.model_copy(update={"oidc_providers": path})


@pytest.fixture
def anna(portal: Portal) -> Person:
    return portal.person(ANNA).register()


def leave(answer: httpx2.Response) -> str:
    """The address of the provider on the page that leads there."""
    assert answer.status_code == 200, answer.headers.get("location")
    found = re.search(r'<a class="button wide" href="([^"]+)"', answer.text)
    assert found is not None, answer.text
    return html.unescape(found[1])


def at_provider(url: str) -> str:
    """Where the provider sends the browser back to: our path with its answer."""
    answer = httpx2.get(url, timeout=60)
    back = urlsplit(answer.headers["location"])
    return f"{back.path}?{back.query}"


def link(person: Person, provider: str = "esia") -> httpx2.Response:
    return person.get(at_provider(leave(person.post(f"/external/{provider}/link"))))


def sign_in(person: Person, provider: str = "esia") -> httpx2.Response:
    return person.get(at_provider(leave(person.client.post(f"/external/{provider}/sign-in"))))


def signed_out(portal: Portal) -> Person:
    return portal.person(ANNA)


# What it gives.


def test_a_linked_account_signs_in(portal: Portal, anna: Person) -> None:
    assert "Тестовые услуги" in anna.get("/account/external").text
    assert link(anna).headers["location"].startswith("/account/external?notice=external-linked")
    (linked,) = portal.events(ExternalAccountLinked)
    assert linked.event.provider == "esia"
    stranger = signed_out(portal)
    assert "Войти через «Тестовые услуги»" in stranger.get("/sign-in").text
    assert sign_in(stranger).headers["location"] == "/reports" and stranger.is_signed_in
    assert portal.events(SessionOpened)[-1].event.factors == ("oidc:esia",)


def test_a_provider_that_is_not_strong_stands_for_the_password_only(portal: Portal, anna: Person) -> None:
    link(anna, "other")
    stranger = signed_out(portal)
    assert sign_in(stranger, "other").headers["location"] == "/sign-in/factor"
    assert not stranger.is_signed_in
    assert stranger.client.post("/sign-in/sms").headers["location"] == "/sign-in/code"
    stranger.client.post("/sign-in/code", data={"code": stranger.code()})
    assert stranger.is_signed_in
    assert portal.events(SessionOpened)[-1].event.factors == ("oidc:other", "sms-code")


def test_an_account_that_is_not_linked_opens_nothing(portal: Portal, anna: Person) -> None:
    stranger = signed_out(portal)
    answer = sign_in(stranger)
    assert (answer.status_code, code_of(answer)) == (403, "external-account-unknown")
    assert not stranger.is_signed_in


def test_an_account_that_was_unlinked_opens_nothing(portal: Portal, anna: Person) -> None:
    link(anna)
    elsewhere = signed_out(portal)
    assert sign_in(elsewhere).status_code == 303 and elsewhere.is_signed_in
    assert anna.post("/external/esia/unlink").headers["location"].endswith("notice=external-unlinked")
    assert anna.is_signed_in and not elsewhere.is_signed_in, "nor does what it opened stay open"
    assert len(portal.events(ExternalAccountUnlinked)) == 1
    assert code_of(sign_in(signed_out(portal))) == "external-account-unknown"
    assert link(anna).status_code == 303, "it may be linked again"


def test_one_account_opens_one_cabinet(portal: Portal, anna: Person, esia: IdentityProvider) -> None:
    link(anna)
    boris = portal.person(BORIS).register()
    assert code_of(link(boris)) == "external-account-taken"
    esia.user = "boris"
    assert link(boris).status_code == 303
    esia.user = "anna"
    assert code_of(link(boris)) == "external-account-linked"


def test_linking_asks_for_a_fresh_proof(anna: Person, sql: psycopg.Connection) -> None:
    sql.execute("UPDATE access.sessions SET proved_at = now() - interval '11 minutes'")
    for act in ("link", "unlink"):
        assert anna.post(f"/external/esia/{act}").headers["location"].startswith("/step-up")


def test_a_trusted_provider_confirms_who_the_patient_is(portal: Portal, anna: Person) -> None:
    commands.state_profile(portal.opened.ledger, anna.patient_id, PROFILE, by_patient(anna.patient_id))
    assert not portal.events(IdentityConfirmed)
    assert link(anna).headers["location"].endswith("notice=external-confirmed")
    (confirmed,) = portal.events(IdentityConfirmed)
    assert confirmed.event.proof == "oidc"


def test_a_provider_that_is_not_trusted_confirms_nobody(portal: Portal, anna: Person) -> None:
    commands.state_profile(portal.opened.ledger, anna.patient_id, PROFILE, by_patient(anna.patient_id))
    assert link(anna, "other").headers["location"].endswith("notice=external-linked")
    assert not portal.events(IdentityConfirmed)


@pytest.mark.parametrize(
    "changed",
    [
        {"snils": BORIS.snils},
        {"snils": ""},
        {"family_name": "Соколовская"},
        {"given_name": None},
        {"birthdate": "1984-02-28"},
        {"verified": False},
        {"verified": "true"},
    ],
)
def test_it_vouches_only_for_the_very_person_of_the_profile(changed: dict[str, object]) -> None:
    assert vouches_for(dict(USERS["anna"]), PROFILE)
    assert not vouches_for(USERS["anna"] | changed, PROFILE)


# Lies of the ID token. Each is signed rightly unless it says otherwise.


def signed(claims: dict[str, Any], key: jwk.RSAKey, **changed: Any) -> str:
    header = {"alg": "RS256", "kid": key.kid}
    kept = {name: value for name, value in (claims | changed).items() if value is not None}
    return jwt.encode(header, kept, key, algorithms=["RS256"])


def unsigned(claims: dict[str, Any], key: jwk.RSAKey) -> str:
    token = signed(claims, key).split(".")
    return f"{jwt_part({'alg': 'none'})}.{token[1]}."


def by_public_key(claims: dict[str, Any], key: jwk.RSAKey) -> str:
    """HS256 with the published key as the secret: who takes the token's word for the algorithm believes it."""
    pem = key.as_pem(private=False)
    secret = jwk.OctKey.import_key(pem.replace(b"-----BEGIN PUBLIC KEY-----", b"BEGIN"))
    return jwt.encode({"alg": "HS256", "kid": key.kid}, claims, secret, algorithms=["HS256"])


def by_client_secret(claims: dict[str, Any], key: jwk.RSAKey) -> str:
    secret = jwk.OctKey.import_key(CLIENT_SECRET)
    return jwt.encode({"alg": "HS256", "kid": key.kid}, claims, secret, algorithms=["HS256"])


def by_another_key(claims: dict[str, Any], key: jwk.RSAKey) -> str:
    stranger = jwk.RSAKey.generate_key(2048)
    return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, stranger, algorithms=["RS256"])


def altered(claims: dict[str, Any], key: jwk.RSAKey) -> str:
    head, _, signature = signed(claims, key).split(".")
    return f"{head}.{jwt_part(claims | {'sub': 'somebody else'})}.{signature}"


def jwt_part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


LIES: dict[str, Forge] = {
    "another nonce": lambda claims, key: signed(claims, key, nonce="another"),
    "no nonce": lambda claims, key: signed(claims, key, nonce=None),
    "for another client": lambda claims, key: signed(claims, key, aud=["somebody"]),
    "for another client too": lambda claims, key: signed(claims, key, aud=[CLIENT_ID, "somebody"]),
    "by another party": lambda claims, key: signed(claims, key, azp="somebody"),
    "of another issuer": lambda claims, key: signed(claims, key, iss="https://evil.example"),
    "expired": lambda claims, key: signed(claims, key, exp=int(time()) - 120),
    "without an end": lambda claims, key: signed(claims, key, exp=None),
    "of an hour ago": lambda claims, key: signed(claims, key, iat=int(time()) - 3600),
    "of tomorrow": lambda claims, key: signed(claims, key, iat=int(time()) + 86400),
    "of no time": lambda claims, key: signed(claims, key, iat=None),
    "of nobody": lambda claims, key: signed(claims, key, sub=None),
    "of an empty name": lambda claims, key: signed(claims, key, sub=""),
    "of a number": lambda claims, key: signed(claims, key, sub=7),
    "of another access token": lambda claims, key: signed(claims, key, at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
    "unsigned": unsigned,
    "by the public key": by_public_key,
    "by the client secret": by_client_secret,
    "by another key": by_another_key,
    "altered": altered,
    "no token": lambda _, __: "",
    "nonsense": lambda _, __: "a.b.c",
}


def test_no_lie_is_believed(portal: Portal, anna: Person, esia: IdentityProvider) -> None:
    link(anna)
    for name, forge in LIES.items():
        stranger = signed_out(portal)
        esia.forge = forge
        answer = sign_in(stranger)
        assert (answer.status_code, code_of(answer)) == (403, "provider-answer-invalid"), name
        assert not stranger.is_signed_in, name
    esia.forge = signed
    assert sign_in(signed_out(portal)).headers["location"] == "/reports", "the truth is"


def test_only_signatures_by_a_key_of_the_provider_alone_are_known() -> None:
    assert not [one for one in ALGORITHMS if one.startswith("HS") or one == "none"]


# The browser's way.


def test_the_answer_is_good_in_the_browser_that_began_only(portal: Portal, anna: Person) -> None:
    link(anna)
    attacker, victim = signed_out(portal), portal.person(BORIS)
    path = at_provider(leave(attacker.client.post("/external/esia/sign-in")))
    leave(victim.client.post("/external/esia/sign-in"))
    for person in (portal.person(BORIS), victim):
        assert person.get(path).headers["location"] == "/sign-in"
        assert not person.is_signed_in
    assert attacker.get(path).headers["location"] == "/reports"


def test_the_answer_is_good_once(portal: Portal, anna: Person, esia: IdentityProvider) -> None:
    link(anna)
    stranger = signed_out(portal)
    path = at_provider(leave(stranger.client.post("/external/esia/sign-in")))
    cookie = stranger.client.cookies["external"]
    stranger.get(path)
    asked = len(esia.asked)
    again = portal.person(ANNA)
    again.client.cookies.set("external", cookie)
    assert again.get(path).headers["location"] == "/sign-in" and len(esia.asked) == asked


def test_a_code_of_one_sign_in_is_not_taken_in_another(portal: Portal, anna: Person) -> None:
    """PKCE: the provider refuses a code that comes with the verifier of another sign-in."""
    link(anna)
    first, second = signed_out(portal), signed_out(portal)
    stolen = at_provider(leave(first.client.post("/external/esia/sign-in")))
    mine = at_provider(leave(second.client.post("/external/esia/sign-in")))
    code = re.search(r"code=([^&]+)", stolen)
    assert code is not None
    answer = second.get(re.sub(r"code=[^&]+", f"code={code[1]}", mine))
    assert answer.status_code == 403 and not second.is_signed_in


def test_an_answer_of_one_provider_is_not_taken_for_another(
    portal: Portal, anna: Person, esia: IdentityProvider, other: IdentityProvider
) -> None:
    """Mix-up: the state belongs to the provider, and the answer says of whom it is."""
    link(anna)
    stranger = signed_out(portal)
    path = at_provider(leave(stranger.client.post("/external/esia/sign-in")))
    crossed = path.replace("/external/esia/", "/external/other/")
    asked = len(other.asked)
    assert stranger.get(crossed).headers["location"] == "/sign-in" and len(other.asked) == asked
    changed = re.sub(r"iss=[^&]+", f"iss={other.issuer}", path)
    assert code_of(stranger.get(changed)) == "provider-answer-invalid"
    assert not stranger.is_signed_in


def test_what_began_in_one_session_is_not_linked_in_another(portal: Portal, anna: Person) -> None:
    path = at_provider(leave(anna.post("/external/esia/link")))
    boris = portal.person(BORIS).register()
    boris.client.cookies.set("external", anna.client.cookies["external"])
    assert code_of(boris.get(path)) == "provider-answer-invalid"
    assert not portal.events(ExternalAccountLinked)


def test_a_refusal_at_the_provider_is_told(anna: Person) -> None:
    path = at_provider(leave(anna.post("/external/esia/link")))
    refused = re.sub(r"code=[^&]+", "error=access_denied", path)
    assert code_of(anna.get(refused)) == "provider-refused"
    assert anna.get("/external/esia/callback?state=made-up").headers["location"] == "/sign-in"
    assert anna.client.post("/external/nobody/sign-in").status_code == 404


# What we ask of whom.


def party(esia: IdentityProvider, **changed: object) -> RelyingParty:
    provider = Provider.model_validate(esia.configuration("esia", **changed))
    return RelyingParty(provider, "http://127.0.0.1:1/callback")


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("token_endpoint", "http://evil.example/token"),
        ("token_endpoint", "https://169.254.169.254/latest"),
        ("token_endpoint", "https://localhost/token"),
        ("token_endpoint", "https://postgres/token"),
        ("jwks_uri", "file:///etc/passwd"),
        ("jwks_uri", "http://127.0.0.1:1/jwks.json"),
        ("authorization_endpoint", "javascript:alert(1)"),
        ("userinfo_endpoint", "https://[::1]/userinfo"),
        ("issuer", "https://evil.example"),
    ],
)
def test_discovery_can_not_send_us_where_it_likes(esia: IdentityProvider, name: str, url: str) -> None:
    esia.document = {name: url}
    with pytest.raises(ProblemError, match="provider-answer-invalid"):
        party(esia).authorization_url(begin())


@pytest.mark.parametrize("issuer", ["http://evil.example", "ftp://127.0.0.1", "http://10.0.0.5", "nonsense"])
def test_an_issuer_is_asked_by_tls(esia: IdentityProvider, issuer: str) -> None:
    with pytest.raises(ProblemError, match="provider-answer-invalid"):
        party(esia, issuer=issuer).authorization_url(begin())


def test_a_provider_that_is_away_is_said_to_be(portal: Portal, anna: Person, esia: IdentityProvider) -> None:
    with pytest.raises(ProblemError, match="provider-away"):
        party(esia, issuer="http://127.0.0.1:1").authorization_url(begin())


def test_a_file_that_is_wrong_stops_the_start(tmp_path: Path, esia: IdentityProvider) -> None:
    path = tmp_path / "providers.json"
    path.write_text(json.dumps([esia.configuration("esia", secret="unknown")]))
    with pytest.raises(ValueError, match="secret"):
        load_providers(path)
    assert load_providers(None) == ()
