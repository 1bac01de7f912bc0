"""A patient withdraws consent, everything of theirs is destroyed when it is due, and the officer sees it; afterwards
nobody finds them and they may come as somebody new."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from api import erasing
from api.node import Node
from domain.consent import ConsentKind
from domain.erasure import HoldReason
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


def test_an_officer_orders_and_holds(portal: Portal, anna: Person, officer: Member) -> None:
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


def test_the_command_line_orders_lists_and_erases(portal: Portal, anna: Person) -> None:
    patient_id, opened = anna.patient_id, portal.opened

    def run(*words: str) -> Any:
        return letopis(opened, "erasure", *words)

    assert run("run", str(patient_id)).returncode == 1
    assert run("order", str(patient_id), "--due", "2026-12-01", "--reference", "Дело 44").returncode == 0
    assert run("order", str(patient_id), "--due", "2026-12-02").returncode == 1
    told = run("list").stdout
    assert f'"patient_id": "{patient_id}"' in told and "Дело 44" in told
    done = run("run", str(patient_id))
    assert done.returncode == 0 and '"reports": 2' in done.stdout
    assert not anna.is_signed_in
