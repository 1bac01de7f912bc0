"""Before a sensitive act a person proves once more who they are; the session goes on under a new id."""

import psycopg
import pytest

from api.portal.step_up import local_path
from domain.session import SessionClosed, SessionOpened
from tests.api.cast import ANNA, BORIS, Person, Portal, code_of


@pytest.fixture
def anna(portal: Portal) -> Person:
    return portal.person(ANNA).register()


@pytest.fixture
def stale(anna: Person, sql: psycopg.Connection) -> Person:
    """Anna, who proved who she is more than ten minutes ago."""
    grow_old(sql)
    return anna


def grow_old(sql: psycopg.Connection) -> None:
    sql.execute("UPDATE access.sessions SET proved_at = now() - interval '601 seconds'")


def test_who_has_just_signed_in_is_not_asked_again(anna: Person) -> None:
    assert anna.get("/step-up?to=/consents").headers["location"] == "/consents"


def test_a_code_by_sms_proves_who_has_nothing_else_and_leads_back(stale: Person) -> None:
    page = stale.get("/step-up?to=/consents")
    assert page.status_code == 200 and "Получить код" in page.text
    assert stale.post("/step-up/sms", to="/consents").headers["location"] == "/step-up/code"
    assert ANNA.phone[-4:] in stale.get("/step-up/code").text
    answer = stale.post("/step-up/code", code=stale.code())
    assert (answer.status_code, answer.headers["location"]) == (303, "/consents")
    assert stale.get("/step-up?to=/consents").status_code == 303, "fresh"


def test_the_session_goes_on_under_a_new_id_and_a_new_token(stale: Person) -> None:
    before = stale.client.cookies["session"]
    stale.post("/step-up/sms", to="/")
    stale.post("/step-up/code", code=stale.code())
    assert stale.client.cookies["session"] != before and stale.is_signed_in
    first, second = stale.portal.events(SessionOpened)
    assert second.event.continues == first.stream_id and second.stream_id != first.stream_id
    assert second.event.factors == ("password", "sms-code", "sms-code")
    (closed,) = stale.portal.events(SessionClosed)
    assert (closed.stream_id, closed.event.reason) == (first.stream_id, "replaced")
    with stale.portal.person(ANNA).client as thief:
        thief.cookies.set("session", before)
        assert thief.get("/services").status_code == 303, "the old token opens nothing"


def test_the_longest_life_of_a_session_is_counted_from_its_opening(
    stale: Person, sql: psycopg.Connection
) -> None:
    sql.execute("UPDATE access.sessions SET created_at = now() - interval '719 minutes'")
    stale.post("/step-up/sms", to="/")
    stale.post("/step-up/code", code=stale.code())
    assert stale.is_signed_in
    sql.execute("UPDATE access.sessions SET created_at = created_at - interval '2 minutes'")
    assert not stale.is_signed_in


def test_a_wrong_code_proves_nothing_and_five_end_the_challenge(stale: Person) -> None:
    stale.post("/step-up/sms", to="/consents")
    right = stale.code()
    for _ in range(5):
        assert code_of(stale.post("/step-up/code", code=f"{(int(right) + 1) % 10**6:06d}")) == "code-wrong"
    assert code_of(stale.post("/step-up/code", code=right)) == "code-expired"
    assert stale.get("/step-up").status_code == 200


def test_a_code_is_of_one_session(portal: Portal, stale: Person, sql: psycopg.Connection) -> None:
    stale.post("/step-up/sms", to="/")
    code, challenge = stale.code(), stale.client.cookies["challenge"]
    boris = portal.person(BORIS).register()
    again = portal.person(ANNA).sign_in()
    grow_old(sql)
    for other in (boris, again):
        other.client.cookies.set("challenge", challenge)
        assert code_of(other.post("/step-up/code", code=code)) == "code-expired"
        assert other.get("/step-up").status_code == 200, "still not proved"


def test_a_code_for_signing_in_does_not_prove_again(stale: Person) -> None:
    stale.ask_to_sign_in()
    assert code_of(stale.post("/step-up/code", code=stale.code())) == "code-expired"


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "",
        "/step-up?to=/step-up",
        "/consents\r\nSet-Cookie: a=b",
    ],
)
def test_it_leads_to_no_other_site(to: str) -> None:
    assert local_path(to) == "/"


def test_an_address_of_another_site_leads_to_the_start(anna: Person, sql: psycopg.Connection) -> None:
    away = {"to": "https://evil.example"}
    assert anna.client.get("/step-up", params=away).headers["location"] == "/"
    grow_old(sql)
    assert "evil.example" not in anna.client.get("/step-up", params=away).text
    anna.post("/step-up/sms", **away)
    assert anna.post("/step-up/code", code=anna.code()).headers["location"] == "/"


@pytest.mark.parametrize("path", ["/consents", "/reports?after=7", "/services/policy"])
def test_it_leads_back_to_a_page_of_ours(path: str) -> None:
    assert local_path(path) == path
