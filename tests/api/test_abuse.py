"""What somebody with an account of their own might do to others by it: keep the threads of pages busy, take a doctor's
whole week, fill the disk; and addresses that nothing of ours leads to."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event
from uuid import UUID

import httpx2
import pytest

from api import limits
from api.portal import downloads, web
from domain.consultation import ConsultationBooked
from domain.sharing import ReportsShared
from ledger.doctors import free_slots
from tests.api import consultation_cast
from tests.api.cast import ANNA, AUTHORITIES, Laboratory, Person, Portal, bundle, code_of
from tests.api.staff_cast import Clock, Member
from tests.api.test_scan_content import picture

# As many as there are threads in the pool of pages, and some more.
ARCHIVES = 44


@pytest.fixture(autouse=True)
def _nobody_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The views follow when the test says so: no page needs to wait for them."""
    monkeypatch.setattr(web, "FOLLOW_SECONDS", 0.0)


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> Person:
    return consultation_cast.patient(portal, laboratory, ANNA)


@pytest.fixture
def vera(portal: Portal, clock: Clock, laboratory: Laboratory) -> Member:
    return consultation_cast.receiving(portal, clock, laboratory)


def report_of(person: Person, laboratory: Laboratory) -> UUID:
    answer = person.portal.submit(laboratory.seal(bundle("Л-1"))).json()
    person.portal.catch_up()
    return UUID(answer["reports"][0]["id"])


def test_archives_in_the_making_keep_no_page_waiting(
    anna: Person, laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    report_id, released = report_of(anna, laboratory), Event()

    def stuck(*_: object, **__: object) -> Iterator[bytes]:
        released.wait(90)
        yield b"PK"

    monkeypatch.setattr(downloads, "archive_of", stuck)
    monkeypatch.setattr(limits, "take", lambda *_, **__: None)
    token, cookies = anna.token(), dict(anna.client.cookies)
    url = anna.portal.opened.settings.public_url

    def ask(_: int) -> int:
        form = {"csrf": token, "report": str(report_id)}
        with httpx2.Client(
            base_url=url, headers={"Origin": url}, cookies=cookies, timeout=120, verify=AUTHORITIES
        ) as client:
            return client.post("/reports/archive", data=form).status_code

    with ThreadPoolExecutor(ARCHIVES) as pool:
        answers = [pool.submit(ask, number) for number in range(ARCHIVES)]
        try:
            for _ in range(5):
                # Who had to wait for an archive would wait until all are released.
                assert anna.client.get("/reports", timeout=60).status_code == 200
        finally:
            released.set()
        assert {one.result() for one in answers} == {200}


def test_nobody_takes_a_doctors_whole_week(portal: Portal, anna: Person, vera: Member) -> None:
    for _ in range(limits.OF_ONE_SUBJECT["consultation"].tries - 1):
        limits.take(portal.opened.ledger, "consultation", str(anna.patient_id))
    now = datetime.now(UTC)
    first, second, *_ = free_slots(portal.opened.ledger, consultation_cast.id_of(vera), now=now, days=4)
    assert consultation_cast.book(anna, vera, first).startswith("/consultations/")
    form = {"slot": second.starts_at.isoformat(), "format": "video", "confirmed": "yes"}
    refused = anna.post(f"/consultations/new/{consultation_cast.id_of(vera)}", **form)
    assert (refused.status_code, code_of(refused)) == (429, "tries-too-many")
    assert len(portal.events(ConsultationBooked)) == 1


def test_shares_of_a_day_are_counted(anna: Person, laboratory: Laboratory) -> None:
    ledger, report_id = anna.portal.opened.ledger, report_of(anna, laboratory)
    for _ in range(limits.OF_ONE_SUBJECT["share"].tries):
        limits.take(ledger, "share", str(anna.patient_id))
    form = {f"report-{report_id}": "yes", "kind": "link", "term": "1", "openings": "1", "nonce": "1"}
    assert code_of(anna.post("/shares", **form)) == "tries-too-many"
    assert anna.portal.events(ReportsShared) == []


def test_scans_that_come_and_go_are_counted(
    portal: Portal, anna: Person, vera: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was removed stays in the ledger, sealed: nobody fills the disk with it."""
    path = consultation_cast.book(anna, vera, consultation_cast.slot(portal, vera))
    taken: list[str] = []
    monkeypatch.setattr(limits, "take", lambda _, act, subject, *__: taken.append(f"{act}:{subject}"))
    answer = anna.client.post(
        f"{path}/scans", data={"csrf": anna.token()}, files={"scan": ("а.png", picture("PNG"), "image/png")}
    )
    assert answer.status_code == 303 and f"scan:{anna.patient_id}" in taken


def test_an_address_that_nothing_leads_to_is_answered(anna: Person, laboratory: Laboratory) -> None:
    report = f"/reports/{report_of(anna, laboratory)}"
    for address in (
        "/access?page=" + "9" * 5000,
        f"{report}/original/-1",
        f"{report}/original/-100",
        f"{report}/versions/-1",
        f"{report}/pdf?version=-1",
        f"{report}/as-of/" + "9" * 40,
        "/reports?from=9999-12-31&to=9999-12-31",
        "/trends?from=0001-01-01",
    ):
        answer = anna.get(address)
        assert answer.status_code in (200, 404, 422), f"{address[:60]}: {answer.status_code}"


def test_a_day_at_the_end_of_the_calendar_is_wrong_beside_its_field(
    anna: Person, vera: Member, laboratory: Laboratory
) -> None:
    form = {f"report-{report_of(anna, laboratory)}": "yes", "kind": "link", "openings": "1", "nonce": "1"}
    answer = anna.post("/shares", term="date", until="31.12.9999", **form)
    assert (answer.status_code, code_of(answer)) == (422, "share-term-wrong")
    for day in ("0001-01-01", "9999-12-31"):
        assert vera.get(f"/staff/consultations?day={day}").status_code == 200
