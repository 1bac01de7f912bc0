"""B3: what was shown can be made again, byte for byte, whatever has happened since; and what can't is found out."""

import json
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api import result_article, result_sheet
from api.report_as_of import Verdict, verdict_of
from domain.code_map import LocalCode, MappedCode
from domain.consent import ConsentKind, ConsentNotInForceError
from domain.laboratory import DepartmentAdded
from domain.reading import Medium, ReportRead
from domain.study_type import StudyType
from domain.values import Coding, LaboratoryId
from ledger import code_maps, misfiling, onboarding
from ledger.rendering import matches
from projections import PROJECTIONS
from projections.follow import Follower
from tests.api.cast import ANNA, Laboratory, Person, Portal, bundle, code_of, grant, settle, who, withdraw
from tests.api.command import letopis
from tests.scenario import TESTER

TRANSFER = ConsentKind.RESULTS_TRANSFER
ISSUED = datetime(2026, 11, 22, 14, tzinfo=UTC)


class House:
    """A patient who reads one report of a laboratory, and everything that may happen around it."""

    def __init__(self, portal: Portal, laboratory: Laboratory) -> None:
        self.portal, self.laboratory = portal, laboratory
        self.ledger = portal.opened.ledger
        self.person: Person = portal.person().register()
        settle(portal.opened, self.person.patient_id, ANNA, laboratory.laboratory_id)
        self.begin()

    def begin(self) -> None:
        """Another report."""
        self.number, self.hours = str(uuid4()), 0
        grant(self.portal.opened, self.person.patient_id, TRANSFER)
        self.report_id = self.send("70.00", "final", 0)

    def send(self, value: str, status: str, hours: int) -> UUID:
        self.hours += hours
        issued = (ISSUED + timedelta(hours=self.hours)).isoformat()
        # A code of the laboratory's own without a name: what it is called follows from the code map.
        sent = json.loads(
            bundle(self.number, value=value, status=status, issued=issued, conclusion=f"{value}!")
        )
        sent["entry"][1]["resource"]["code"] = {"coding": [{"system": "urn:lab:codes", "code": "CREA"}]}
        sent["entry"][0]["resource"]["category"] = [{"text": "Отделение 7"}]
        (answer,) = self.portal.submit(self.laboratory.seal(json.dumps(sent).encode())).json()["reports"]
        return UUID(answer["id"])

    def map_code(self, name: str) -> None:
        mapped = MappedCode(
            local=LocalCode(system="urn:lab:codes", code="CREA"),
            standard=Coding(system="http://loinc.org", code="14682-9", display=name),
        )
        code_maps.map_codes(self.ledger, LaboratoryId(self.laboratory.laboratory_id), [mapped], TESTER)

    def file_under(self, section: StudyType) -> None:
        stated = DepartmentAdded(code="7", name="Отделение 7", section=section)
        onboarding.state_laboratory(self.ledger, self.laboratory.sender.handle, stated, TESTER)

    def catch_up(self) -> None:
        assert Follower(self.ledger, PROJECTIONS).catch_up()

    def read(self, path: str = "", language: str = "ru") -> bytes:
        """The article as it came over HTTP."""
        self.catch_up()
        page = self.person.get(f"/reports/{self.report_id}{path}?lang={language}")
        assert page.status_code == 200, page.text
        found = re.search(rb'<article id="result".*</article>', page.content, re.DOTALL)
        assert found is not None
        return found[0]

    def readings(self) -> list[Any]:
        return [one for one in self.portal.events(ReportRead) if one.event.report_id == self.report_id]


@pytest.fixture
def house(portal: Portal, laboratory: Laboratory) -> House:
    return House(portal, laboratory)


values = st.sampled_from(["71.00", "72.50", "90.10"])
statuses = st.sampled_from(["preliminary", "final", "corrected", "amended"])
steps = st.one_of(
    st.tuples(st.just("send"), values, statuses, st.sampled_from([-1, 0, 1])),
    st.tuples(st.just("map"), st.sampled_from(["Креатинин", "Креатинин крови"])),
    st.tuples(st.just("section"), st.sampled_from(list(StudyType))),
    st.tuples(st.just("withdraw")),
    st.tuples(st.just("grant")),
    st.tuples(st.just("read"), st.sampled_from(["ru", "en"])),
)


def happen(house: House, step: tuple[Any, ...]) -> None:
    match step:
        case ("send", value, status, hours):
            house.send(value, status, hours)
        case ("map", name):
            house.map_code(name)
        case ("section", section):
            house.file_under(section)
        case ("withdraw",):
            with suppress(ConsentNotInForceError):
                withdraw(house.portal.opened, house.person.patient_id, TRANSFER)
        case ("grant",):
            grant(house.portal.opened, house.person.patient_id, TRANSFER)
        case ("read", language):
            shown = house.read(language=language)
            logged = house.readings()[-1].event
            assert matches(house.ledger, house.report_id, shown, logged.rendering), (
                "what was logged is what left"
            )


def test_whatever_happens_each_logged_digest_is_that_of_the_bytes_made_again(house: House) -> None:
    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(steps, min_size=2, max_size=7))
    def law(history: list[tuple[Any, ...]]) -> None:
        house.begin()
        for step in [*history, ("read", "ru"), ("map", str(uuid4())), ("send", "99.00", "corrected", 1)]:
            happen(house, step)
        found = house.readings()
        assert found
        assert {verdict_of(house.ledger, one.event) for one in found} == {Verdict.SAME}

    law()


def test_a_clock_in_what_is_shown_is_found(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = result_article._result
    monkeypatch.setattr(result_article, "_result", lambda sheet: plain(sheet) | {"title": str(uuid4())})
    house.read()
    assert verdict_of(house.ledger, house.readings()[-1].event) is Verdict.DIFFERENT


def test_what_is_of_now_among_what_was_then_is_found(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.read()
    house.map_code("Креатинин")
    (logged,) = house.readings()
    assert verdict_of(house.ledger, logged.event) is Verdict.SAME
    newest = code_maps.load
    monkeypatch.setattr(result_sheet.code_maps, "load", lambda ledger, of, *, as_of: newest(ledger, of))
    assert verdict_of(house.ledger, logged.event) is Verdict.DIFFERENT


def test_the_page_shows_what_was_then_and_says_that_the_digest_agrees(house: House) -> None:
    shown = house.read()
    logged = house.readings()[-1]
    house.send("99.00", "corrected", 1)
    house.catch_up()
    page = house.person.get(f"/reports/{house.report_id}/as-of/{logged.event.rendering.position}")
    assert shown in page.content and "байт в байт" in page.text and "99,00" not in page.text
    assert "70,00" not in house.read().decode().partition("<dl")[2], "now the corrected value stands"
    again = house.readings()[-2].event
    assert (again.medium, again.rendering.position) == (Medium.PAGE, logged.event.rendering.position)
    english = house.person.get(
        f"/reports/{house.report_id}/as-of/{logged.event.rendering.position}?lang=en&reading={logged.position}"
    )
    assert shown in english.content and "byte for byte" in english.text
    other = house.person.get(f"/reports/{house.report_id}/as-of/{logged.position + 1}?lang=ru")
    assert "сверить отпечаток не с чем" in other.text


def test_under_another_release_equality_is_not_claimed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.portal.results.RELEASE", "0123456789abcdef")
    house.read()
    logged = house.readings()[-1].event
    assert verdict_of(house.ledger, logged) is Verdict.SAME, "equal bytes are equal whoever made them"
    monkeypatch.setattr("api.report_as_of.result_article", lambda *_: "<article>other words</article>")
    assert verdict_of(house.ledger, logged) is Verdict.OTHER_RELEASE
    house.catch_up()
    page = house.person.get(f"/reports/{house.report_id}/as-of/{logged.rendering.position}").text
    assert "не подтверждено" in page and "0123456789abcdef" in page


def test_a_position_before_the_report_and_a_strangers_report_are_not_there(
    house: House, portal: Portal
) -> None:
    house.read()
    position = house.readings()[-1].event.rendering.position
    for wrong in (1, 0, -1, 10**6, 2**80):
        assert code_of(house.person.get(f"/reports/{house.report_id}/as-of/{wrong}")) == "not-found"
    stranger = portal.person(who(7)).register()
    assert code_of(stranger.get(f"/reports/{house.report_id}/as-of/{position}")) == "not-found"


def test_what_was_erased_is_gone_for_who_had_read_it_and_was_never_there_for_others(
    house: House, portal: Portal
) -> None:
    house.read()
    position = house.readings()[-1].event.rendering.position
    misfiling.undo(house.ledger, house.report_id, TESTER)
    house.catch_up()
    gone = house.person.get(f"/reports/{house.report_id}/as-of/{position}")
    assert (gone.status_code, code_of(gone)) == (410, "result-erased")
    stranger = portal.person(who(7)).register()
    assert code_of(stranger.get(f"/reports/{house.report_id}/as-of/{position}")) == "not-found"


def test_an_operator_makes_it_again_by_the_command_line(house: House, tmp_path: Any) -> None:
    house.read()
    pdf = house.person.get(f"/reports/{house.report_id}/pdf")
    assert pdf.status_code == 200
    position = house.readings()[-1].event.rendering.position
    house.send("99.00", "corrected", 1)
    file = tmp_path / "then.pdf"
    found = letopis(
        house.portal.opened,
        "report",
        str(house.report_id),
        "--as-of",
        str(position),
        "--json",
        "--pdf",
        str(file),
    )
    assert found.returncode == 0, found.stderr
    said = json.loads(found.stdout)
    assert (said["as_of"], said["version_shown"], said["versions"]) == (position, 1, 1)
    assert {one["verdict"] for one in said["readings"]} == {"same"} and said["readings"][0]["medium"] == "pdf"
    assert file.read_bytes().startswith(b"%PDF")
    reading = house.readings()[-1].event
    assert (reading.purpose, reading.medium) == ("operation", Medium.PDF)
    assert verdict_of(house.ledger, reading) is Verdict.SAME
    refused = letopis(house.portal.opened, "report", str(house.report_id), "--as-of", "1")
    assert refused.returncode == 1
