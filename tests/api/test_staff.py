"""Staff get in by a link once, then by both factors; nobody guesses, and who is dismissed is out at once."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest

from api.laboratories import OPERATOR
from api.staff.door import WRONG_CODES_A_DAY
from domain.staff import Role, StaffMemberAdmitted, StaffMemberDismissed, StaffMemberEnrolled
from domain.staff_session import StaffSessionClosed, StaffSessionOpened, StaffSignInRefused
from tests.api.cast import ANNA, answered, browser, code_of
from tests.api.command import letopis
from tests.api.staff_cast import PASSWORD, Clock, Member

# The link.


def test_a_member_enrols_by_the_link_and_is_in(ivan: Member) -> None:
    assert ivan.open_link(ivan.admitted()).headers["location"] == "/staff/enrol"
    assert not ivan.is_signed_in
    assert ivan.enrol().headers["location"] == "/staff?notice=enrolled"
    assert ivan.is_signed_in and "ivan" in ivan.get("/staff").text
    (admitted,), (enrolled,), (opened,) = (
        ivan.portal.events(kind) for kind in (StaffMemberAdmitted, StaffMemberEnrolled, StaffSessionOpened)
    )
    assert (admitted.event.handle, admitted.event.roles) == ("ivan", (Role.OPERATOR,))
    assert enrolled.event.factors == opened.event.factors == ("password", "totp")
    assert opened.circumstances.actor == "staff:ivan"
    assert opened.circumstances.correlation_id == opened.stream_id


def test_a_link_is_good_once(ivan: Member, clock: Clock) -> None:
    path = ivan.admitted()
    ivan.open_link(path)
    thief = Member(ivan.portal, clock)
    thief.open_link(path)
    assert ivan.enrol().status_code == 303
    assert code_of(thief.enrol(password="пароль другого человека")) == "enrolment-link-expired"
    assert code_of(thief.get(path)) == "enrolment-link-expired"
    assert len(ivan.portal.events(StaffMemberEnrolled)) == 1 and not thief.is_signed_in


def test_two_browsers_with_one_link_at_the_same_moment_enrol_once(ivan: Member, clock: Clock) -> None:
    path = ivan.admitted()
    members = [Member(ivan.portal, clock) for _ in range(8)]
    for member in members:
        member.open_link(path)
    barrier = Barrier(len(members))

    def enrol(member: Member) -> int:
        barrier.wait()
        return answered(member.enrol).status_code

    with ThreadPoolExecutor(len(members)) as pool:
        answers = list(pool.map(enrol, members))
    assert sorted(answers) == [303] + [404] * 7


def test_a_link_is_good_for_a_day_and_an_unknown_one_looks_the_same(
    ivan: Member, sql: psycopg.Connection
) -> None:
    path = ivan.admitted()
    row = sql.execute("SELECT expires_at - now() FROM access.staff_enrolments").fetchone()
    assert row is not None and 23.9 < row[0].total_seconds() / 3600 <= 24
    sql.execute("UPDATE access.staff_enrolments SET expires_at = now() - interval '1 second'")
    late, unknown = ivan.get(path), ivan.get("/staff/enrol/" + "A" * 43)
    assert (late.status_code, code_of(late)) == (404, "enrolment-link-expired")
    assert late.text.replace(path, "") == unknown.text.replace("/staff/enrol/" + "A" * 43, "")
    assert ivan.get("/staff/enrol").status_code == 404


def test_enrolment_asks_for_a_long_password_and_for_the_code(ivan: Member) -> None:
    path = ivan.admitted()
    ivan.open_link(path)
    first = ivan.secret
    assert code_of(ivan.enrol(password="короткий")) == "password-too-short"
    assert code_of(ivan.enrol(code=ivan.wrong_code())) == "staff-code-wrong"
    ivan.open_link(path)
    assert ivan.secret == first, "the authenticator keeps what it was given"
    assert ivan.enrol().status_code == 303


def test_secrets_do_not_lie_open_in_the_database(ivan: Member, sql: psycopg.Connection) -> None:
    path = ivan.admitted()
    ivan.open_link(path)
    link = sql.execute("SELECT token_digest, totp_sealed FROM access.staff_enrolments").fetchone()
    ivan.enrol()
    kept = sql.execute("SELECT password_hash, totp_sealed FROM access.staff_credentials").fetchone()
    assert link is not None and kept is not None
    assert path.rpartition("/")[2].encode() not in link[0]
    assert ivan.secret not in link[1] and ivan.secret not in kept[1]
    assert kept[0].startswith("$argon2id$")


# Signing in.


def test_a_member_signs_in_with_both_factors_and_leaves(ivan: Member, clock: Clock) -> None:
    ivan.enrolled()
    assert ivan.post("/staff/sign-out").headers["location"] == "/staff/sign-in?notice=signed-out"
    assert not ivan.is_signed_in
    clock.next_step()
    assert ivan.sign_in().headers["location"] == "/staff"
    assert ivan.is_signed_in
    assert [closed.event.reason for closed in ivan.portal.events(StaffSessionClosed)] == ["signed-out"]


def test_a_code_is_taken_once(ivan: Member, clock: Clock) -> None:
    ivan.enrolled()
    assert code_of(ivan.sign_in()) == "staff-sign-in-refused", "the code of the enrolment"
    clock.next_step()
    with browser(ivan.portal.opened.settings.public_url) as thief:
        assert ivan.sign_in().status_code == 303
        assert code_of(ivan.sign_in(client=thief)) == "staff-sign-in-refused"
        clock.seconds -= 30
        assert code_of(ivan.sign_in(client=thief)) == "staff-sign-in-refused", "a clock that goes back"


def test_one_code_sent_five_times_at_once_opens_one_session(ivan: Member, clock: Clock) -> None:
    ivan.enrolled()
    clock.next_step()
    code, barrier = ivan.code(), Barrier(5)

    def one(_: int) -> int:
        with browser(ivan.portal.opened.settings.public_url) as client:
            barrier.wait()
            return answered(lambda: ivan.sign_in(code=code, client=client)).status_code

    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(one, range(5)))
    assert sorted(answers) == [303] + [403] * 4
    assert len(ivan.portal.events(StaffSessionOpened)) == 2


@pytest.mark.parametrize("steps", [-1, 1], ids=["the step before", "the step after"])
def test_a_code_of_a_neighbour_step_is_not_taken(ivan: Member, clock: Clock, steps: int) -> None:
    ivan.enrolled()
    clock.seconds += 300
    code = ivan.code()
    clock.seconds -= steps * 30
    assert code_of(ivan.sign_in(code=code)) == "staff-sign-in-refused"


@pytest.mark.parametrize("code", ["", "1", "1234567", "١٢٣٤٥٦", "abcdef"])
def test_what_is_no_code_is_refused(ivan: Member, clock: Clock, code: str) -> None:
    ivan.enrolled()
    clock.next_step()
    assert (ivan.sign_in(code=code).status_code, ivan.sign_in().status_code) == (403, 303)


def test_every_refusal_reads_the_same_and_is_recorded_for_members(ivan: Member, clock: Clock) -> None:
    ivan.enrolled()
    clock.next_step()
    wrong_password = ivan.sign_in(password="совсем другая фраза")
    wrong_code = ivan.sign_in(code=ivan.wrong_code())
    stranger = Member(ivan.portal, clock, handle="ivan", secret=ivan.secret)
    stranger.handle = "nobody"
    unknown = stranger.sign_in()
    pages = [
        page.text.replace('value="nobody"', 'value="ivan"') for page in (wrong_password, wrong_code, unknown)
    ]
    tokens = [ivan.token(), ""]
    for token in filter(None, tokens):
        pages = [page.replace(token, "") for page in pages]
    assert wrong_password.status_code == wrong_code.status_code == unknown.status_code == 403
    assert code_of(wrong_password) == code_of(wrong_code) == code_of(unknown) == "staff-sign-in-refused"
    reasons = [refused.event.reason for refused in ivan.portal.events(StaffSignInRefused)]
    assert reasons == ["password-wrong", "code-wrong"]


def test_five_failures_close_the_way_in_for_fifteen_minutes(
    ivan: Member, clock: Clock, sql: psycopg.Connection
) -> None:
    ivan.enrolled()
    clock.next_step()
    for _ in range(5):
        assert ivan.sign_in(password="совсем другая фраза").status_code == 403
    assert code_of(ivan.sign_in()) == "staff-sign-in-refused", "even with the right factors"
    assert len(ivan.portal.events(StaffSignInRefused)) == 5, "while it is closed, nothing is recorded"
    left = sql.execute("SELECT locked_until - now() FROM access.staff_credentials").fetchone()
    assert left is not None and 14 < left[0].total_seconds() / 60 <= 15
    sql.execute("UPDATE access.staff_credentials SET locked_until = now() - interval '1 second'")
    assert ivan.sign_in().status_code == 303


def test_sixteen_guesses_at_the_same_moment_are_five_tries(ivan: Member, clock: Clock) -> None:
    ivan.enrolled()
    clock.next_step()
    wrong, barrier = ivan.wrong_code(), Barrier(16)

    def guess(_: int) -> int:
        with browser(ivan.portal.opened.settings.public_url) as client:
            barrier.wait()
            return ivan.sign_in(code=wrong, client=client).status_code

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(guess, range(16))) == {403}
    assert len(ivan.portal.events(StaffSignInRefused)) == 5


def test_who_knows_the_password_has_twenty_guesses_of_the_code_a_day(
    ivan: Member, clock: Clock, sql: psycopg.Connection
) -> None:
    ivan.enrolled()
    clock.next_step()
    sql.execute("UPDATE access.staff_credentials SET code_failures = %s", (WRONG_CODES_A_DAY - 3,))
    for _ in range(3):
        assert ivan.sign_in(code=ivan.wrong_code()).status_code == 403
        sql.execute("UPDATE access.staff_credentials SET failures = 0, locked_until = NULL")
    assert ivan.sign_in().status_code == 403, "the right one comes too late today"
    sql.execute(
        "UPDATE access.staff_credentials SET failures = 0, locked_until = NULL, code_day = code_day - 1"
    )
    assert ivan.sign_in().status_code == 303
    row = sql.execute("SELECT code_failures FROM access.staff_credentials").fetchone()
    assert row == (0,), "a right code is no failure"


# Sessions.


@pytest.mark.parametrize(
    ("column", "late", "in_time"),
    [("seen_at", "15 minutes", "14 minutes"), ("created_at", "8 hours", "7 hours")],
)
def test_a_session_ends_by_itself(
    ivan: Member, sql: psycopg.Connection, column: str, late: str, in_time: str
) -> None:
    ivan.enrolled()
    sql.execute(f"UPDATE access.staff_sessions SET {column} = now() - interval '{in_time}'".encode())
    assert ivan.is_signed_in
    sql.execute(f"UPDATE access.staff_sessions SET {column} = now() - interval '{late}'".encode())
    assert ivan.get("/staff").headers["location"] == "/staff/sign-in?notice=session-ended"


def test_who_is_dismissed_is_out_at_once_and_stays_out(ivan: Member, clock: Clock) -> None:
    ivan.enrolled()
    assert ivan.is_signed_in
    ivan.door.dismiss("ivan", OPERATOR)
    assert not ivan.is_signed_in
    clock.next_step()
    assert ivan.sign_in().status_code == 403
    assert len(ivan.portal.events(StaffMemberDismissed)) == 1
    assert [closed.event.reason for closed in ivan.portal.events(StaffSessionClosed)] == ["dismissed"]


def test_the_ledger_alone_keeps_the_dismissed_out(ivan: Member, sql: psycopg.Connection) -> None:
    """Whatever else fails after the event: rows that were left behind open nothing."""
    ivan.enrolled()
    rows = sql.execute("SELECT * FROM access.staff_sessions").fetchall()
    ivan.door.dismiss("ivan", OPERATOR)
    for row in rows:
        sql.execute("INSERT INTO access.staff_sessions VALUES (%s, %s, %s, %s, %s, %s, %s)", row)
    assert not ivan.is_signed_in


def test_a_reset_takes_everything_away_and_gives_a_new_link(ivan: Member, clock: Clock) -> None:
    ivan.enrolled()
    before = ivan.secret
    path = ivan.path_of(ivan.door.reset("ivan", OPERATOR).address)
    assert not ivan.is_signed_in
    clock.next_step()
    assert ivan.sign_in().status_code == 403
    ivan.open_link(path)
    assert ivan.secret != before and ivan.enrol(password=PASSWORD + "!").status_code == 303
    assert ivan.is_signed_in


def test_a_dismissed_member_cannot_use_a_link(ivan: Member) -> None:
    path = ivan.admitted()
    ivan.open_link(path)
    ivan.door.dismiss("ivan", OPERATOR)
    assert code_of(ivan.enrol()) == code_of(ivan.get(path)) == "enrolment-link-expired"


def test_signing_in_again_ends_the_session_before(ivan: Member, clock: Clock) -> None:
    ivan.enrolled()
    earlier = ivan.client.cookies["staff-session"]
    clock.next_step()
    ivan.sign_in()
    assert ivan.client.cookies["staff-session"] != earlier and ivan.is_signed_in
    with browser(ivan.portal.opened.settings.public_url) as other:
        other.cookies.set("staff-session", earlier)
        assert other.get("/staff").status_code == 303


def test_a_session_of_a_patient_opens_no_staff_page_and_the_reverse(ivan: Member) -> None:
    anna = ivan.portal.person(ANNA).register()
    ivan.enrolled()
    patients, staffs = anna.client.cookies["session"], ivan.client.cookies["staff-session"]
    for cookies in ({"session": staffs}, {"staff-session": patients}, {"session": patients}):
        with browser(ivan.portal.opened.settings.public_url) as client:
            for name, value in cookies.items():
                client.cookies.set(name, value)
            answers = [client.get(path) for path in ("/staff", "/staff/quarantine")]
            assert {answer.headers["location"] for answer in answers} == {
                "/staff/sign-in?notice=session-ended"
            }
    with browser(ivan.portal.opened.settings.public_url) as client:
        client.cookies.set("session", staffs)
        client.cookies.set("staff-session", staffs)
        assert client.get("/reports").headers["location"] == "/sign-in?notice=session-ended"


# The command line.


def test_the_administrator_admits_lists_resets_and_dismisses(ivan: Member) -> None:
    opened = ivan.portal.opened
    admitted = letopis(opened, "staff", "admit", "ivan", "--role", "operator")
    assert admitted.returncode == 0, admitted.stderr
    ivan.open_link(ivan.path_of(admitted.stdout.strip()))
    assert ivan.enrol().status_code == 303
    again = letopis(opened, "staff", "admit", "ivan", "--role", "operator")
    assert again.returncode == 1 and "already" in again.stderr
    assert letopis(opened, "staff", "admit", "Иван", "--role", "operator").returncode == 1
    assert letopis(opened, "staff", "admit", "olga", "--role", "chief").returncode == 2
    listed = [json.loads(line) for line in letopis(opened, "staff", "list", "--json").stdout.splitlines()]
    assert listed == [
        {"handle": "ivan", "state": "enrolled", "roles": ["operator"]},
    ]
    reset = letopis(opened, "staff", "reset", "ivan")
    assert ivan.path_of(reset.stdout.strip()).startswith("/staff/enrol/") and not ivan.is_signed_in
    assert letopis(opened, "staff", "dismiss", "ivan").returncode == 0
    assert "ivan  dismissed" in letopis(opened, "staff", "list").stdout
    assert letopis(opened, "staff", "reset", "ivan").returncode == 1
