"""The laboratory's client over HTTP: seals files, posts them, and posts again what may not have arrived."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2
from joserfc.jwk import OKPKey

from api.formats import content_type_of
from api.laboratories import Sender, envelope_id_of, recipient_key

TRIES = 6
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_TIMEOUT_SECONDS = 60.0
_TOO_MANY_STATUS = 429
_KEPT_STATUS = 422


class IntakeUnreachableError(Exception):
    """The address does not answer as a Letopis does: is it right, and is the server running?"""


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom to encrypt to, and for whom to sign: `GET /v1/keys`."""

    audience: str
    key: OKPKey


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a file: recorded, duplicate, quarantined, rejected, or unsent (not known to be stored)."""

    outcome: str
    reports: tuple[str, ...] = ()
    problem: dict[str, Any] | None = None
    body: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Intake:
    """One Letopis, as a laboratory sees it. `headers` go with each submission."""

    http: httpx2.Client
    headers: dict[str, str]
    tries: int = TRIES
    pause: Callable[[float], None] = time.sleep

    def recipient(self) -> Recipient:
        answer = self._persistently(lambda: self.http.get("/v1/keys"))
        try:
            sent = answer.json() if answer is not None else {}
            return Recipient(str(sent["audience"]), recipient_key(sent["keys"][0]))
        except (ValueError, KeyError, TypeError, IndexError):
            raise IntakeUnreachableError from None

    def submit(self, sender: Sender, recipient: Recipient, content: bytes) -> Told:
        """Seal once and post until there is an answer: the same `jti` again is the same submission, so
        nothing is recorded twice however often it has to be repeated."""
        envelope = sender.envelope(
            content,
            content_type=content_type_of(content),
            envelope_id=envelope_id_of(content),
            audience=recipient.audience,
            recipient_key=recipient.key,
        )
        headers = {"Content-Type": "application/jose", **self.headers}
        answer = self._persistently(
            lambda: self.http.post("/v1/submissions", content=envelope, headers=headers)
        )
        return _told(answer)

    def _persistently(self, ask: Callable[[], httpx2.Response]) -> httpx2.Response | None:
        """The first answer that is not about a passing trouble, else the last one; None if there was none."""
        answer = None
        for number in range(self.tries):
            if number:
                self.pause(_pause_seconds(number, answer))
            try:
                answer = ask()
            except httpx2.TransportError:
                answer = None
                continue
            if not _may_pass(answer):
                break
        return answer


def client(url: str) -> httpx2.Client:
    """IntakeUnreachableError if it is no address."""
    try:
        found = httpx2.URL(url)
        if found.scheme in {"http", "https"} and found.host:
            return httpx2.Client(base_url=found, timeout=_TIMEOUT_SECONDS)
    except httpx2.InvalidURL:
        pass
    raise IntakeUnreachableError


def _may_pass(answer: httpx2.Response) -> bool:
    """Too many at once, or a trouble of the server's own: what was sent is not known to be stored."""
    return answer.is_server_error or answer.status_code == _TOO_MANY_STATUS


def _pause_seconds(number: int, answer: httpx2.Response | None) -> float:
    """As long as the server asks for, else twice as long each time."""
    asked = answer.headers.get("Retry-After", "") if answer is not None else ""
    seconds = (
        float(asked) if asked.isascii() and asked.isdigit() else _FIRST_PAUSE_SECONDS * 2 ** (number - 1)
    )
    return min(seconds, _LONGEST_PAUSE_SECONDS)


def _told(answer: httpx2.Response | None) -> Told:
    body = _body(answer) if answer is not None else None
    if answer is None or body is None or _may_pass(answer):
        return Told("unsent", problem=_problem(body or {}, "no-answer"), body=body)
    if answer.is_success:
        reports = [one for one in body.get("reports", []) if isinstance(one, dict)]
        ids = tuple(str(one.get("id")) for one in reports)
        is_known = bool(reports) and all(one.get("outcome") == "duplicate" for one in reports)
        held = next((one["held"] for one in reports if isinstance(one.get("held"), dict)), None)
        problem = _problem(held, "held") if held else None
        return Told("duplicate" if is_known else "recorded", ids, problem, body)
    outcome = "quarantined" if answer.status_code == _KEPT_STATUS else "rejected"
    return Told(outcome, problem=_problem(body, "no-answer"), body=body)


def _body(answer: httpx2.Response) -> dict[str, Any] | None:
    try:
        found = answer.json()
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _problem(document: dict[str, Any], otherwise: str) -> dict[str, Any]:
    """As `letopis ingest` shows it."""
    return {
        "code": document.get("code", otherwise),
        "detail": document.get("title"),
        "field": document.get("field"),
    }
