"""Pages of accounts elsewhere: signing in by an identity provider, linking and unlinking one (OpenID Connect)."""

import secrets
from dataclasses import asdict
from typing import Any
from uuid import UUID, uuid4

from fastapi import APIRouter
from fastapi.responses import Response
from orjson import dumps, loads

from api import limits, oidc
from api.oidc import Begun, Provider, RelyingParty
from api.portal.external_claims import confirm_identity, note_fault
from api.portal.letting_in import ask_for_second_factor, let_in
from api.portal.open_sessions import end_others
from api.portal.refusing import form_page
from api.portal.sign_in import token_digest
from api.portal.web import Actor, Form, Person, Visit, cookie_name, go, set_cookie
from api.problems import ProblemError
from domain.external_account import ExternalAccountAlreadyLinkedError
from ledger import external_accounts, sealing
from ledger.recorder import MarkTakenError

router = APIRouter(include_in_schema=False)
MINUTES = 10


@router.post("/external/{provider}/sign-in")
def begin_sign_in(person: Person, provider: str, form: Form) -> Response:  # noqa: ARG001 - it was checked
    limits.take_from_address(person.request, person.ledger, person.settings, "external")
    return _begin(person, _party(person, provider), session_id=None)


@router.post("/external/{provider}/link")
def begin_linking(person: Actor, provider: str) -> Response:
    person.require_step_up()
    return _begin(person, _party(person, provider), session_id=person.signed_in().session_id)


@router.post("/external/{provider}/unlink")
def unlink(person: Actor, provider: str) -> Response:
    person.require_step_up()
    patient_id = person.signed_in().patient_id
    external_accounts.unlink(person.ledger, patient_id, provider=provider, by=person.by())
    _end_others(person)
    return go("/account/external", notice="external-unlinked")


@router.get("/account/external")
def external_page(person: Person) -> Response:
    return _external_page(person)


@router.get("/external/{provider}/callback")
def come_back(person: Person, provider: str) -> Response:
    """The browser is sent back here by a GET, as the protocol has it; what makes it safe to act is the state,
    which is good once and only in the browser that began."""
    begun = _begun(person, provider)
    if begun is None:
        return go("/sign-in")
    begin, session_id = begun
    party: RelyingParty | None = None
    try:
        party = _party(person, provider)
        claims = party.claims(dict(person.request.query_params), begin)
        if session_id is None:
            return _sign_in(person, party.provider, claims)
        return _link(person, party.provider, claims, session_id)
    except ProblemError as error:
        error = ProblemError(error.code, "form", retry_after=error.retry_after)
        if person.session is not None:
            if session_id is not None and party is not None and party.provider.is_trusted:
                note_fault(person.ledger, person.session.patient_id, error.code, person.by())
            return _external_page(person, error)
        return form_page(person, "sign_in.html", error)


def providers_of(person: Visit) -> list[dict[str, str]]:
    """What pages show: the configured providers, by name and title."""
    parties: dict[str, RelyingParty] = person.request.app.state.providers
    return [{"name": name, "title": party.provider.title} for name, party in parties.items()]


def _sign_in(person: Visit, provider: Provider, claims: dict[str, Any]) -> Response:
    found = external_accounts.find_linked(person.ledger, provider.name, claims["sub"])
    if found is None:
        raise ProblemError("external-account-unknown", "form")
    factor = f"oidc:{provider.name}"
    if provider.is_strong:
        return let_in(person, found, "/reports", factors=(factor,))
    return ask_for_second_factor(person, found, first_factor=factor)


def _link(person: Visit, provider: Provider, claims: dict[str, Any], session_id: UUID) -> Response:
    session = person.signed_in()
    if session.session_id != session_id:
        raise ProblemError("provider-answer-invalid", "form")
    try:
        external_accounts.link(
            person.ledger, session.patient_id, provider=provider.name, account=claims["sub"], by=person.by()
        )
    except MarkTakenError:
        raise ProblemError("external-account-taken", "form") from None
    except ExternalAccountAlreadyLinkedError:
        raise ProblemError("external-account-linked", "form") from None
    _end_others(person)
    is_confirmed = provider.is_trusted and confirm_identity(
        person.ledger, session.patient_id, claims, person.by()
    )
    return go("/account/external", notice="external-confirmed" if is_confirmed else "external-linked")


def _end_others(person: Visit) -> None:
    """With what the account opens has changed: who is in elsewhere may have come by it."""
    session = person.signed_in()
    kept = session.session_id
    end_others(person.ledger, session.patient_id, person.by(), kept=kept, reason="factors-changed")


def _begin(person: Visit, party: RelyingParty, *, session_id: UUID | None) -> Response:
    """A page that says to whom the browser goes: our forms may not lead to another site by themselves."""
    begun, browser = oidc.begin(), secrets.token_urlsafe(32)
    url = party.authorization_url(begun)
    with person.ledger.pool.connection() as connection:
        connection.execute(
            "INSERT INTO access.external_sign_ins (state_digest, browser_digest, provider, session_id,"
            " sealed, expires_at) VALUES (%s, %s, %s, %s, %s, now() + make_interval(mins => %s))",
            (
                token_digest(begun.state),
                token_digest(browser),
                party.provider.name,
                session_id,
                _seal(person, begun),
                MINUTES,
            ),
        )
    page = person.page("external_leave.html", url=url, title=party.provider.title)
    set_cookie(page, person.settings, "external", browser, seconds=MINUTES * 60)
    return page


def _begun(person: Visit, provider: str) -> tuple[Begun, UUID | None] | None:
    """What this browser began with this provider; it can come back once."""
    state = person.request.query_params.get("state", "")
    browser = person.request.cookies.get(cookie_name(person.settings, "external"), "")
    with person.ledger.pool.connection() as connection:
        row = connection.execute(
            "DELETE FROM access.external_sign_ins WHERE state_digest = %s AND browser_digest = %s"
            " AND provider = %s AND expires_at > now() RETURNING sealed, session_id",
            (token_digest(state), token_digest(browser), provider),
        ).fetchone()
    return (_unseal(person, bytes(row[0])), row[1]) if row else None


def _party(person: Visit, provider: str) -> RelyingParty:
    parties: dict[str, RelyingParty] = person.request.app.state.providers
    if provider not in parties:
        raise ProblemError("provider-unknown", "form")
    return parties[provider]


def _external_page(person: Visit, error: ProblemError | None = None) -> Response:
    linked = external_accounts.load_external(person.ledger, person.signed_in().patient_id)
    rows = [one | {"linked": linked.at(one["name"]) is not None} for one in providers_of(person)]
    return form_page(person, "external.html", error, rows=rows)


# What waits is sealed by a secret that is not in the database.


def _seal(person: Visit, begun: Begun) -> bytes:
    about = uuid4()
    content = dumps(asdict(begun))
    sealed, _ = sealing.seal(_key(person), about=about, header=b"external", plaintext=content)
    return about.bytes + sealed


def _unseal(person: Visit, sealed: bytes) -> Begun:
    about, body = UUID(bytes=sealed[:16]), sealed[16:]
    return Begun(**loads(sealing.unseal(_key(person), about=about, header=b"external", body=body)))


def _key(person: Visit) -> bytes:
    return sealing.derive(person.ledger.custody.message_key, b"access", b"external")
