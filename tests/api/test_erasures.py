"""A patient withdraws consent, everything of theirs is destroyed when it is due, and the officer sees it; afterwards
nobody finds them and they may come as somebody new."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from api import erasing
from api.node import Node
from domain.consent import ConsentKind
from domain.erasure import ErasureGround, ErasureNotConfirmedError, HoldReason, PatientErased
from domain.report import ReportMatched
from domain.staff import Role
from ledger import erasure
from ledger.store import Ledger
from projections import PROJECTIONS
from projections.follow import parked
from projections.transparency import log_verifier
from projections.verify import verify
from tests.api.cast import ANNA, BORIS, Laboratory, Person, Portal, bundle, settle, withdraw
from tests.api.command import letopis
from tests.api.staff_cast import Clock, Member

VALUE = "72.50"


@pytest.fixture
def officer(portal: Portal, clock: Clock) -> Member:
    member = Member(portal, clock, handle="olga")
    member.enrolled(Role.COMPLIANCE)
    return member


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> Person:
    """Anna with a report, an appeal to nobody, and a neighbour's report in the same house."""
    person = portal.person(ANNA).register()
    settle(portal.opened, person.patient_id, ANNA, laboratory.laboratory_id)
    for number, who in (("R-1", ANNA), ("R-2", ANNA), ("R-3", BORIS)):
        assert portal.submit(laboratory.seal(bundle(number, who, value=VALUE))).status_code < 300
    portal.catch_up()
    return person


@pytest.fixture
def pavel(portal: Portal, clock: Clock) -> Member:
    return Member(portal, clock, handle="pavel").enrolled(Role.COMPLIANCE)


def later(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def rows_of(opened: Node, text: str) -> Iterator[tuple[str, int]]:
    """Tables of the whole database in which the text stands."""
    with opened.ledger.pool.connection() as connection:
        for view in PROJECTIONS:
            for table in view.tables:
                (found,) = connection.execute(
                    f"SELECT count(*) FROM {view.name}.{table} AS one WHERE one::text LIKE %s".encode(),
                    (f"%{text}%",),
                ).fetchall()
                if found[0]:
                    yield f"{view.name}.{table}", found[0]


def readable(ledger: Ledger) -> str:
    return "".join(repr(one.event) for one in ledger.read_all(limit=5000))


def test_a_patient_withdraws_and_is_nobody_any_more(
    portal: Portal, anna: Person, officer: Member, database: str
) -> None:
    opened, patient_id = portal.opened, anna.patient_id
    ledger = opened.ledger
    assert len(portal.events(ReportMatched)) == 2
    withdraw(opened, patient_id, ConsentKind.PERSONAL_DATA)
    portal.catch_up()
    assert "будет уничтожено" in anna.get("/consents").text
    assert str(patient_id) in officer.get("/staff/erasures").text
    assert ANNA.family in readable(ledger) and ANNA.phone in readable(ledger)

    assert erasing.erase_due(ledger, later(0)) == 0
    assert erasing.erase_due(ledger, later(31)) == 1
    portal.catch_up()
    erasing.sweep(ledger)

    text = readable(ledger)
    assert ANNA.family not in text and ANNA.phone not in text and ANNA.snils not in text
    assert BORIS.family in text, "another's report waits as before"
    assert not anna.is_signed_in
    assert anna.ask_to_sign_in().status_code == 422 or ledger.find("phone", ANNA.phone) is None
    page = officer.get("/staff/erasures").text
    assert "Ключи уничтожены" in page and "2 результата" in page
    assert parked(ledger, PROJECTIONS) == {}
    tables = dict(rows_of(opened, str(patient_id)))
    assert not {"cabinet.reports", "matching.patient_names", "organisations.linkages"} & tables.keys()
    verified = verify(database, log=log_verifier(ledger))
    assert verified.finding is None
    assert {one.name for one in verified.erasures} == {"PatientErased", "ReportDestroyed"}

    # The same phone is somebody new, whose next report is theirs.
    again = portal.person(ANNA).register()
    assert again.patient_id != patient_id


def test_an_officer_orders_and_holds(portal: Portal, anna: Person, officer: Member, pavel: Member) -> None:
    ledger, patient_id = portal.opened.ledger, anna.patient_id
    wrong = officer.post("/staff/erasures/order", patient="Анна", ground="order", due="")
    assert wrong.status_code == 422 and 'id="patient-error"' in wrong.text
    today = datetime.now(UTC).date()
    asked = {"patient": str(patient_id), "ground": "order", "due": today.isoformat(), "reference": "02-17/44"}
    past = officer.post("/staff/erasures/order", **asked | {"due": (today - timedelta(1)).isoformat()})
    assert past.status_code == 422 and "erasure-day-past" in past.text
    assert officer.post("/staff/erasures/order", **asked).status_code == 303
    other = officer.post("/staff/erasures/order", **asked | {"due": (today + timedelta(9)).isoformat()})
    assert other.status_code == 409 and "erasure-ordered-already" in other.text
    assert officer.post("/staff/erasures/order", **asked).status_code == 303, "the same said twice"
    held = {"held_patient": str(patient_id), "reason": "legal-claim", "until": ""}
    assert officer.post("/staff/erasures/hold", **held).status_code == 303
    assert pavel.post(f"/staff/erasures/{patient_id}/confirm").status_code == 303
    portal.catch_up()
    page = officer.get("/staff/erasures").text
    assert "02-17/44" in page and "Суд или расследование" in page
    assert erasing.erase_due(ledger, later(1)) == 0
    state = erasure.load(ledger, patient_id)
    assert state is not None
    (hold,) = state.holds
    path = f"/staff/erasures/{patient_id}/holds/{hold.hold_id}/release"
    assert officer.post(path).status_code == 303
    assert officer.post(path).status_code == 404
    portal.catch_up()
    assert erasing.erase_due(ledger, later(1)) == 1
    portal.catch_up()
    assert officer.post("/staff/erasures/order", **asked).status_code == 409


def test_what_one_officer_orders_another_confirms(
    portal: Portal, anna: Person, officer: Member, pavel: Member
) -> None:
    ledger, at = portal.opened.ledger, f"/staff/erasures/{anna.patient_id}"
    today = datetime.now(UTC).date().isoformat()
    asked = {"patient": str(anna.patient_id), "ground": "order", "due": today, "reference": "02-17/44"}
    assert officer.post(f"{at}/confirm").status_code == 409, "nothing is ordered"
    assert officer.post("/staff/erasures/order", **asked).status_code == 303
    portal.catch_up()
    assert erasing.erase_due(ledger, later(9)) == 0
    with pytest.raises(ErasureNotConfirmedError):
        erasing.erase_now(ledger, anna.patient_id, erasing.BY, today=later(9).date())
    own = officer.post(f"{at}/confirm")
    assert own.status_code == 403 and "erasure-same-person" in own.text
    assert f'action="{at}/confirm"' not in officer.get("/staff/erasures").text
    assert f'action="{at}/confirm"' in pavel.get("/staff/erasures").text
    # By the other door it is the same person.
    same = letopis(portal.opened, "erasure", "confirm", str(anna.patient_id), "--by", "olga")
    assert same.returncode == 1 and "another person" in same.stderr

    assert pavel.post(f"{at}/call-off", call_off="").status_code == 422
    assert pavel.post(f"{at}/call-off", call_off="mistake").headers["location"].endswith("called-off")
    assert pavel.post(f"{at}/confirm").status_code == 409, "called off"
    assert officer.post("/staff/erasures/order", **asked).status_code == 303
    assert pavel.post(f"{at}/confirm").headers["location"].endswith("erasure-confirmed")
    assert pavel.post(f"{at}/confirm").status_code == 409
    portal.catch_up()
    assert "pavel" in officer.get("/staff/erasures").text
    assert erasing.erase_due(ledger, later(1)) == 1
    assert pavel.post(f"{at}/call-off", call_off="mistake").status_code == 409


def test_an_order_that_nobody_confirms_does_not_put_off_a_withdrawal(
    portal: Portal, anna: Person, officer: Member
) -> None:
    ledger, today = portal.opened.ledger, datetime.now(UTC).date()
    asked = {"patient": str(anna.patient_id), "ground": "order", "due": today.isoformat()}
    withdraw(portal.opened, anna.patient_id, ConsentKind.PERSONAL_DATA)
    assert officer.post("/staff/erasures/order", **asked).status_code == 303
    portal.catch_up()
    assert officer.get("/staff/erasures").text.count("Уничтожить до") == 2
    assert erasing.erase_due(ledger, later(1)) == 0
    assert erasing.erase_due(ledger, later(31)) == 1
    (erased,) = [one.event for one in portal.events(PatientErased)]
    assert isinstance(erased, PatientErased) and erased.ground is ErasureGround.WITHDRAWAL


def test_an_hour_old_session_proves_the_second_factor_again(
    portal: Portal, anna: Person, officer: Member, clock: Clock
) -> None:
    old = "UPDATE access.staff_sessions SET proved_at = now() - interval '11 minutes'"
    at, ledger = f"/staff/erasures/{anna.patient_id}", portal.opened.ledger
    grave = {
        "/staff/erasures/order": {"patient": str(anna.patient_id)},
        f"{at}/confirm": {},
        f"{at}/call-off": {"call_off": "mistake"},
        f"{at}/holds/{anna.patient_id}/release": {},
        "/staff/exports": {},
        f"/staff/exports/{anna.patient_id}/continue": {},
        "/staff/exports/person": {"person": str(anna.patient_id)},
    }
    with ledger.pool.connection() as connection:
        connection.execute(old)
    position = ledger.last_position()
    for path, form in grave.items():
        assert officer.post(path, **form).headers["location"] == "/staff/step-up?to=/", path
    assert ledger.last_position() == position
    assert officer.get("/staff/erasures").status_code == 200, "to look needs no more than the session"

    before = {cookie.value for cookie in officer.client.cookies.jar}
    clock.next_step()
    wrong = officer.post("/staff/step-up", code=officer.wrong_code(), to="/staff/exports")
    assert wrong.status_code == 403 and "staff-step-up-refused" in wrong.text
    assert 'name="to" value="/staff/exports"' in wrong.text
    right = officer.post("/staff/step-up", code=officer.code(), to="/staff/exports")
    assert right.headers["location"] == "/staff/exports"
    assert before.isdisjoint({cookie.value for cookie in officer.client.cookies.jar}), "under a new token"
    assert officer.post("/staff/exports/person", person=str(anna.patient_id)).status_code == 200
    assert officer.get("/staff/step-up?to=https://evil.example/").headers["location"] == "/staff"
    # A code is good once, and five wrong ones close it.
    with ledger.pool.connection() as connection:
        connection.execute(old)
    codes = [officer.code(), *[officer.wrong_code()] * 4]
    assert all(officer.post("/staff/step-up", code=one, to="").status_code == 403 for one in codes)
    clock.next_step()
    assert officer.post("/staff/step-up", code=officer.code(), to="").status_code == 429


def test_who_keeps_medical_records_holds_them(portal: Portal, anna: Person) -> None:
    ledger, patient_id = portal.opened.ledger, anna.patient_id
    withdraw(portal.opened, patient_id, ConsentKind.PERSONAL_DATA)
    portal.catch_up()
    assert erasing.erase_due(ledger, later(31), medical_years=25) == 0
    state = erasure.load(ledger, patient_id)
    assert state is not None
    assert [one.reason for one in state.holds] == [HoldReason.MEDICAL_RECORDS]
    assert state.holds[0].until == erasing._later(later(31).date(), 25)
    portal.catch_up()
    assert erasing.erase_due(ledger, later(32), medical_years=25) == 0
    # Who released it knew better, and the next step does not contradict them.
    erasure.release_hold(ledger, patient_id, state.holds[0].hold_id, erasing.BY)
    portal.catch_up()
    assert erasing.erase_due(ledger, later(33), medical_years=25) == 1
    assert erasing._later(date(2024, 2, 29), 1) == date(2025, 3, 1)


def test_the_command_line_orders_lists_and_erases(
    portal: Portal, anna: Person, officer: Member, pavel: Member
) -> None:
    patient_id, opened = anna.patient_id, portal.opened

    def run(*words: str) -> Any:
        return letopis(opened, "erasure", *words)

    assert run("run", str(patient_id)).returncode == 1
    by = ("--by", officer.handle)
    order = ("order", str(patient_id), "--reference", "Дело 44", "--due")
    assert run(*order, "2026-12-01", "--by", "nobody").returncode == 1
    assert run(*order, "2026-12-01", *by).returncode == 0
    assert run(*order, "2026-12-02", *by).returncode == 1
    assert "unconfirmed" in run("list").stdout
    assert run("run", str(patient_id)).returncode == 1
    assert run("call-off", str(patient_id), "--reason", "mistake", *by).returncode == 0
    assert run(*order, "2026-12-01", *by).returncode == 0
    assert run("confirm", str(patient_id), *by).returncode == 1
    assert run("confirm", str(patient_id), "--by", "pavel").returncode == 0
    told = run("list").stdout
    assert f'"patient_id": "{patient_id}"' in told and "Дело 44" in told
    done = run("run", str(patient_id))
    assert done.returncode == 0 and '"reports": 2' in done.stdout
    assert not anna.is_signed_in
