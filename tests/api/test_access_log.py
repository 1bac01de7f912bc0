"""Who looked at my data: every reading is counted, by name, and nothing of it is lost in folding."""

import csv
import io
import re
from collections import Counter
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest

from api.access_export import COLUMNS, csv_of
from api.access_words import ACTIONS
from domain.reading import (
    AccessLogForm,
    AccessLogRead,
    ConsultationRead,
    IdentityRead,
    Medium,
    ReadingPurpose,
    ReportRead,
    ReportsListed,
    TicketRead,
)
from ledger.codec import Circumstances
from ledger.commands import by_patient, record_reading
from ledger.guardianship import by_guardian
from ledger.staff import by_member
from ledger.store import Ledger, Write
from projections import AUDIT, access_log
from projections.access_log import Asked
from projections.audit import READINGS
from projections.follow import Follower
from tests.api.cast import ANNA as HER
from tests.api.cast import Laboratory, Person, Portal, bundle, settle
from tests.examples import ANNA, BORIS

READERS = (
    (by_patient(ANNA), ReadingPurpose.OWN_CABINET),
    (by_guardian(BORIS, ANNA), ReadingPurpose.LEGAL_REPRESENTATIVE),
    (by_member("irina"), ReadingPurpose.TREATMENT),
    (Circumstances(actor=f"share:{UUID(int=7)}"), ReadingPurpose.SHARED_LINK),
    (by_member("ivan"), ReadingPurpose.OPERATION),
)
REPORTS = [UUID(int=number) for number in range(1, 11)]
READS = 10_000


def read(number: int) -> tuple[ReportRead, Circumstances]:
    by, purpose = READERS[number % len(READERS)]
    reading = ReportRead(
        patient_id=ANNA,
        report_id=REPORTS[number // 7 % len(REPORTS)],
        report_version=1,
        purpose=purpose,
        medium=(None, Medium.PDF, Medium.TREND)[number % 3],
    )
    return reading, by


def read_ten_thousand_times(ledger: Ledger) -> None:
    """As many readings as a machine makes, each an event of its own; a few appends for speed."""
    for by, _ in READERS:
        events = [reading for reading, who in map(read, range(READS)) if who is by]
        for start in range(0, len(events), 1000):
            part = events[start : start + 1000]
            ledger.append(*(Write(uuid4(), 0, (one,)) for one in part), circumstances=by)
    Follower(ledger, [AUDIT]).catch_up()


def test_ten_thousand_readings_are_folded_and_none_is_lost(ledger: Ledger) -> None:
    read_ten_thousand_times(ledger)
    asked = Asked(patient_id=ANNA, time_zone="Europe/Moscow")
    log = access_log.log_of(ledger, asked)
    raw = list(access_log.every_reading(ledger, asked, until_position=ledger.last_position()))
    assert log.readings == len(raw) == READS
    # Each page's lines together are all of them, and each line's count is what the raw log holds of it.
    lines = [
        line
        for page in range(1, log.total // 50 + 2)
        for line in access_log.log_of(ledger, asked, page=page).lines
    ]
    assert len(lines) == log.total and sum(line.count for line in lines) == READS
    counted = Counter(
        (one.entry.actor, one.entry.report_id, one.entry.recorded_at.date()) for one in raw if one.entry
    )
    folded = Counter[tuple[str, UUID | None, date]]()
    for line in lines:
        folded[line.actor, line.report_id, line.last_at.date()] += line.count
    assert folded == counted
    assert {line.role for line in lines} == {"patient", "guardian", "doctor", "link", "staff"}
    of_line, total = access_log.readings_of_line(ledger, asked, lines[0].positions[0])
    assert total == lines[0].count and {one.actor for one in of_line} == {lines[0].actor}
    assert sum(lines[0].media.values()) == sum("medium" in one.entry.detail for one in raw if one.entry
        and (one.entry.actor, one.entry.report_id) == (lines[0].actor, lines[0].report_id))  # fmt: skip

    # To whom five reports are not shown: what is about them is counted with what she looked at alone.
    listed = ReportsListed(patient_id=ANNA, count=10, purpose=ReadingPurpose.OWN_CABINET)
    record_reading(ledger, listed, by_patient(ANNA))
    Follower(ledger, [AUDIT]).catch_up()
    limited = Asked(patient_id=ANNA, time_zone="Europe/Moscow", seen=frozenset(REPORTS[:5]))
    part = access_log.log_of(ledger, limited)
    kept = sum(one.entry.report_id in REPORTS[5:] for one in raw if one.entry)
    assert part.hidden == kept + 1 and part.readings + part.hidden == READS + 1
    assert all(line.report_id in REPORTS[:5] for line in part.lines)
    exported = list(access_log.every_reading(ledger, limited, until_position=ledger.last_position()))
    assert sum(one.entry is None for one in exported) == part.hidden and len(exported) == READS + 1


def test_that_a_ward_talked_to_a_doctor_or_to_support_is_not_told_to_who_sees_a_part(ledger: Ledger) -> None:
    """Nor does a filter tell it by what is counted."""
    treated, doctor = ReadingPurpose.TREATMENT, by_member("irina")
    for reading, by in (
        (ConsultationRead(patient_id=ANNA, consultation_id=uuid4(), purpose=treated), doctor),
        (IdentityRead(patient_id=ANNA, purpose=treated), doctor),
        (ReportsListed(patient_id=ANNA, count=1, purpose=treated), doctor),
        (
            TicketRead(
                patient_id=ANNA, ticket_id=uuid4(), ticket_version=1, purpose=ReadingPurpose.OPERATION
            ),
            by_member("oleg"),
        ),
        (IdentityRead(patient_id=ANNA, purpose=ReadingPurpose.OPERATION), by_member("ivan")),
    ):
        record_reading(ledger, reading, by)
    Follower(ledger, [AUDIT]).catch_up()
    for role, told in ((None, ["staff:ivan"]), ("doctor", []), ("patient", []), ("staff", ["staff:ivan"])):
        asked = Asked(patient_id=ANNA, time_zone="Europe/Moscow", role=role, seen=frozenset())
        log = access_log.log_of(ledger, asked)
        assert ([line.actor for line in log.lines], log.hidden) == (told, 4), role
    everything = access_log.log_of(ledger, Asked(patient_id=ANNA, time_zone="Europe/Moscow"))
    assert (everything.readings, everything.hidden) == (5, 0)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"role": "doctor"}, {"doctor"}),
        ({"role": "link"}, {"link"}),
        ({"report_id": REPORTS[0]}, {"patient"}),
        ({"since": date(2020, 1, 1), "until": date(2020, 1, 2)}, set()),
    ],
)
def test_the_log_is_filtered(ledger: Ledger, given: dict[str, object], expected: set[str]) -> None:
    for number in range(len(READERS)):
        reading, by = read(number)
        report_id = REPORTS[number]
        record_reading(
            ledger,
            ReportRead(patient_id=ANNA, report_id=report_id, report_version=1, purpose=reading.purpose),
            by,
        )
    Follower(ledger, [AUDIT]).catch_up()
    asked = Asked(patient_id=ANNA, time_zone="Europe/Moscow", **given)  # type: ignore[arg-type]
    assert {line.role for line in access_log.log_of(ledger, asked).lines} == expected


# The page and the files, over HTTP.


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> Person:
    person = portal.person(HER).register()
    settle(portal.opened, person.patient_id, HER, laboratory.laboratory_id)
    answer = portal.submit(laboratory.seal(bundle("1"))).json()
    report_id = answer["reports"][0]["id"]
    portal.catch_up()
    for _ in range(3):
        assert person.get(f"/reports/{report_id}").status_code == 200
    portal.catch_up()
    return person


def test_the_page_folds_a_day_and_unfolds_it(portal: Portal, anna: Person) -> None:
    page = anna.get("/access").text
    assert "3 раза за день" in page and "Креатинин в сыворотке" in page
    assert re.search(r"Всего \d+ запис", page) and "строках: повторные" in page
    found = re.search(r'href="(/access\?report=[0-9a-f-]+)"', page)
    assert found is not None
    assert "Только результат: Креатинин в сыворотке" in anna.get(found[1]).text
    position = next(
        one.position
        for one in portal.opened.ledger.read_all(limit=10_000)
        if isinstance(one.event, ReportRead)
    )
    line = anna.get(f"/access/{position}").text
    assert line.count("<li>") >= 3
    assert anna.get("/access/1").status_code == 404
    assert "Под такой отбор ничего не подходит" in anna.get("/access?from=2020-01-01&to=2020-01-02").text


def test_the_log_is_taken_as_a_file_and_that_is_in_it(portal: Portal, anna: Person) -> None:
    table = anna.get("/access/log.csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert "letopis-access-log.csv" in table.headers["content-disposition"]
    lines = list(csv.reader(io.StringIO(table.content.decode("utf-8-sig")), delimiter=";"))
    assert lines[0][:2] == ["Когда", "Кто"] or lines[0][1] == "Кто"
    assert sum("Креатинин в сыворотке" in line for line in lines) == 3
    forms = [one.event.form for one in portal.events(AccessLogRead)]
    assert forms == [AccessLogForm.CSV]
    portal.catch_up()
    log = anna.get("/access/log.json").json()
    assert log["patient"] == str(anna.patient_id)
    viewed = [one for one in log["readings"] if one["action"] == "viewed"]
    assert len(viewed) == 3 and {one["role"] for one in viewed} == {"patient"}
    assert all(datetime.fromisoformat(one["at"]) <= datetime.now(UTC) for one in viewed)
    assert [one["medium"] for one in log["readings"] if one["action"] == "access-log-viewed"][-1] == "csv"


def test_no_name_is_run_as_a_formula() -> None:
    row = dict.fromkeys(COLUMNS, "=HYPERLINK(1)")
    body = b"".join(csv_of([row], "ru", lambda given: given)).decode("utf-8-sig")
    assert body.splitlines()[1].split(";") == ["'=HYPERLINK(1)"] * len(COLUMNS)


def test_every_reading_has_a_word_of_its_own() -> None:
    assert set(READINGS) <= set(ACTIONS)
