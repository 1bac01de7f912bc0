"""Every route: closed to strangers, deaf to other sites, safe in its headers, and silent about others."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from api.node import Node
from api.portal.web import SECURITY_HEADERS
from tests.api.cast import (
    ANNA,
    BORIS,
    PASSWORD,
    Laboratory,
    Person,
    Portal,
    browser,
    bundle,
    code_of,
    settled,
)
from tests.api.route_table import MACHINE_ROWS, addressed, answered


@pytest.fixture
def anna(portal: Portal) -> Person:
    return portal.person(ANNA)


# Requests of other sites.

FORGED: dict[str, dict[str, str]] = {
    "of another site": {"Sec-Fetch-Site": "cross-site"},
    "of a neighbour": {"Sec-Fetch-Site": "same-site"},
    "of another origin": {"Origin": "https://evil.example"},
    "of no origin": {"Origin": "null"},
    "of another port": {"Origin": "http://127.0.0.1:1"},
    "that does not say": {},
}


def test_a_form_of_another_site_is_refused_even_with_the_right_token(anna: Person) -> None:
    anna.register()
    token = anna.token()
    for name, headers in FORGED.items():
        with httpx2.Client(base_url=anna.client.base_url, cookies=anna.client.cookies, timeout=60) as forger:
            answer = forger.post("/sign-out", data={"csrf": token}, headers=headers)
        assert (answer.status_code, code_of(answer)) == (403, "cross-site"), name
        assert anna.is_signed_in, name


def test_a_form_without_the_token_of_the_session_is_refused(anna: Person) -> None:
    anna.register()
    for form in ({}, {"csrf": ""}, {"csrf": "wrong"}, {"csrf": anna.token()[:-1]}):
        answer = anna.client.post("/sign-out", data=form)
        assert (answer.status_code, code_of(answer)) == (403, "cross-site")
        assert anna.is_signed_in


def test_the_token_of_another_session_is_refused(portal: Portal) -> None:
    anna, boris = portal.person(ANNA).register(), portal.person(BORIS).register()
    answer = anna.client.post("/sign-out", data={"csrf": boris.token()})
    assert answer.status_code == 403 and anna.is_signed_in


def test_a_form_of_our_own_page_is_taken_as_browsers_mark_it(anna: Person) -> None:
    anna.register()
    answer = anna.client.post(
        "/sign-out", data={"csrf": anna.token()}, headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert answer.status_code == 303 and not anna.is_signed_in


# Every route, so that a new one is looked at too.

# Pages that anybody may see: they show nothing of anybody. The text of a consent is the same for all.
OPEN_PAGES = {
    "/",
    "/register",
    "/register/code",
    "/sign-in",
    "/sign-in/code",
    "/consents/personal-data/document",
    "/consents/personal-data/documents/1/ru",
    # Recovery shows nothing of anybody before the code to the phone (test_recovery.py).
    "/recover",
    "/recover/code",
    "/recover/proof",
    "/recover/password",
    # What a link opens is its secret; without it there is nothing (test_staff.py).
    "/staff/sign-in",
    "/staff/enrol",
    "/staff/enrol/token",
    "/unsubscribe/token",
    # Answers to frequent questions, the same for all.
    "/help",
    # A script, the same for all.
    "/sw.js",
    # What a link opens is decrypted in the browser: the page itself is the same for all (test_share_pages.py).
    "/view",
}
# Taken from anywhere, for mail programs send it: its address is the proof (RFC 8058; test_unsubscribe.py).
FROM_ANYWHERE = "/unsubscribe/token"
OPEN_FORMS = {
    FROM_ANYWHERE,
    "/register",
    "/register/code",
    "/register/code/resend",
    "/sign-in",
    "/sign-in/code",
    "/sign-in/code/resend",
    # Recovery begins with a code to the phone; the rest is good for its browser (test_recovery.py).
    "/recover",
    "/recover/code",
    "/recover/code/resend",
    "/recover/wait",
    "/recover/totp",
    "/recover/recovery-code",
    "/recover/passkey",
    "/recover/passkey/options",
    "/recover/password",
    "/passwords/estimate",
    "/external/esia/sign-in",
    # What a passkey signs is its proof (test_passkeys.py).
    "/sign-in/passkey",
    "/sign-in/passkey/options",
    "/staff/sign-in",
    "/staff/enrol",
}
# What machines ask is signed by a laboratory, or said of the log as a whole.
IS_MACHINES = {path for _, _, path in MACHINE_ROWS}


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Each method and path that people are answered, with an id where the path asks for one."""
    for method, path in sorted(answered(app)):
        if path not in IS_MACHINES:
            yield method, addressed(path, {"kind": "personal-data", "token": "token"})


def test_no_page_and_no_form_is_open_to_who_has_not_signed_in(portal: Portal, opened: Node) -> None:
    looked_at = 0
    with browser(opened.settings.public_url) as client:
        for method, path in routes(create_app(opened, works=False)):
            if path in (OPEN_PAGES if method == "GET" else OPEN_FORMS):
                continue
            answer = client.request(method, path)
            assert answer.status_code == 303, f"{method} {path}: {answer.status_code}"
            door = "/staff/sign-in" if path.startswith("/staff") else "/sign-in"
            assert answer.headers["location"].startswith(door), f"{method} {path}"
            looked_at += 1
    assert looked_at > 15


def test_no_form_is_taken_from_elsewhere(portal: Portal, opened: Node) -> None:
    looked_at = 0
    anna = portal.person(ANNA).register()
    for method, path in routes(create_app(opened, works=False)):
        if method == "GET" or path == FROM_ANYWHERE:
            continue
        answer = anna.client.request(method, path, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403, f"{method} {path}: {answer.status_code}"
        looked_at += 1
    assert looked_at > 10


def test_every_page_has_the_headers_that_keep_it_safe_and_is_not_stored(
    portal: Portal, laboratory: Laboratory, opened: Node
) -> None:
    anna = portal.person(ANNA).register()
    pages = [path for method, path in routes(create_app(opened, works=False)) if method == "GET"]
    for path in (*pages, "/no-such-page"):
        answer = anna.get(path)
        for name, value in SECURITY_HEADERS.items():
            assert answer.headers.get(name) == value, f"{path} {name}"
        assert "script-src 'self';" in answer.headers["Content-Security-Policy"]
        if answer.headers.get("content-type", "").startswith("text/html"):
            assert answer.headers.get("cache-control") == "no-store", path


# Another patient's report.


def test_a_report_of_somebody_else_looks_like_one_that_is_not_there(
    portal: Portal, laboratory: Laboratory
) -> None:
    settled(portal.opened, BORIS, laboratory.laboratory_id)
    answer = portal.submit(laboratory.seal(bundle("1", BORIS)))
    theirs, nobodys = answer.json()["reports"][0]["id"], str(uuid4())
    portal.catch_up()
    anna = portal.person(ANNA).register()
    last = portal.opened.ledger.last_position()
    seen, unseen = anna.get(f"/reports/{theirs}"), anna.get(f"/reports/{nobodys}")
    assert (seen.status_code, unseen.status_code) == (404, 404)
    assert seen.text.replace(theirs, "") == unseen.text.replace(nobodys, "")
    assert sorted(seen.headers) == sorted(unseen.headers)
    assert portal.opened.ledger.last_position() == last, "a refusal is no reading"


def test_the_page_that_asks_for_the_code_of_a_policy_says_that_it_was_sent(anna: Person) -> None:
    anna.register()
    assert "Код подтверждения отправлен" in anna.get("/services/policy/code?notice=policy-code-sent").text


# The door over TLS.


def test_over_tls_cookies_are_bound_to_the_host(serve: Callable[..., Portal]) -> None:
    portal = serve()
    secured = portal.opened.settings.model_copy(update={"public_url": "https://letopis.example"})
    app = create_app(
        Node(secured, portal.opened.conninfo, portal.opened.ledger, portal.opened.intake_key), works=False
    )
    client = TestClient(app, base_url="https://letopis.example")
    answer = client.post(
        "/register",
        data={"phone": ANNA.phone, "password": PASSWORD},
        headers={"Origin": "https://letopis.example"},
        follow_redirects=False,
    )
    assert answer.headers["set-cookie"].startswith("__Host-challenge=")
    assert "Secure" in answer.headers["set-cookie"]
    assert "max-age=" in answer.headers["strict-transport-security"]
