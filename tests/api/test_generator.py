"""The sandbox's generator: believable reports, the same for the same seed, and the same facts in every format."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random

import hl7 as hl7_library
import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.observation import Observation as R4Observation

from api.formats import content_type_of, read
from api.sandbox.catalogue import BLOOD, CULTURE, LOINC, PANELS, Panel
from api.sandbox.fhir_writer import fhir_json
from api.sandbox.hl7_writer import CHARACTER_SETS, hl7
from api.sandbox.pdf_writer import lines, page
from api.sandbox.people import people
from api.sandbox.reports import DrawnReport, cancelled, corrected, draw, finished, preliminary, series
from api.sandbox.writers import WRITERS
from api.settings import Settings
from domain.report import is_same_subject
from domain.report_content import Observation, ObservationStatus, ReportContent, ReportStatus
from domain.values import Quantity, enp, snils
from tests.api.command import letopis

NOW = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
PEOPLE = people(7, 12)
every_format = pytest.mark.parametrize("name", WRITERS)
with_observations = pytest.mark.parametrize("name", [name for name in WRITERS if name != "pdf"])


def versions(panel: Panel, number: int) -> Iterator[DrawnReport]:
    """Every kind of version that the generator makes."""
    drawn = draw(Random(number), PEOPLE[number % 12], now=NOW, number=f"T{number}", panel=panel)
    yield drawn
    first = preliminary(drawn)
    yield first
    yield finished(drawn, first)
    yield corrected(drawn)
    yield cancelled(drawn)


ALL_VERSIONS = [
    pytest.param(version, id=f"{panel.short}-{version.status.value}-{version.version}")
    for number, panel in enumerate(PANELS)
    for version in versions(panel, number)
]


def read_one(name: str, report: DrawnReport) -> ReportContent:
    writer = WRITERS[name]
    content = writer.write(report)
    assert content_type_of(content) == writer.content_type
    found = read(writer.content_type, content)
    assert isinstance(found, tuple), found
    assert len(found) == 1
    return found[0]


def measured(content: ReportContent) -> list[Observation]:
    """The observations but for the panel that a document puts around them."""
    return [one for one in content.observations if not one.members]


def without_unit_one(quantity: Quantity | None) -> tuple[str | None, str | None, str | None]:
    if quantity is None:
        return None, None, None
    return quantity.comparator, quantity.value, None if quantity.code == "1" else quantity.code


# What is the same in every format


@with_observations
@pytest.mark.parametrize("report", ALL_VERSIONS)
def test_a_format_gives_back_the_values_that_were_drawn(name: str, report: DrawnReport) -> None:
    found = measured(read_one(name, report))
    assert len(found) == len(report.findings)
    for one, drawn in zip(found, report.findings, strict=True):
        assert (LOINC, drawn.test.loinc) in {(coding.system, coding.code) for coding in one.code.codings}
        ucum = drawn.test.unit.ucum if drawn.test.unit else None
        if drawn.amount is not None:
            assert one.value is not None
            assert without_unit_one(one.value.quantity) == (drawn.comparator, drawn.amount, ucum)
        elif drawn.choice is None:
            assert one.value is None
        elif drawn.choice.coding is None:
            assert one.value is not None and one.value.text == drawn.choice.text
        else:
            assert one.value is not None and one.value.concept is not None
            assert one.value.concept.text == drawn.choice.text
            coded = [(coding.system, coding.code) for coding in one.value.concept.codings]
            assert coded == [(drawn.choice.coding.system, drawn.choice.coding.code)]


@with_observations
@pytest.mark.parametrize("report", ALL_VERSIONS)
def test_a_format_gives_back_ranges_flags_and_notes(name: str, report: DrawnReport) -> None:
    for one, drawn in zip(measured(read_one(name, report)), report.findings, strict=True):
        ends = [without_unit_one(end) for limits in one.reference_ranges for end in limits.ends]
        ucum = drawn.test.unit.ucum if drawn.test.unit else None
        usual = (drawn.usual.low, drawn.usual.high) if drawn.usual else ()
        assert ends == [(None, end, ucum) if end else (None, None, None) for end in usual]
        flags = [coding.code for flag in one.interpretation for coding in flag.codings]
        assert flags == ([drawn.flag] if drawn.flag else [])
        assert one.notes == ((drawn.note,) if drawn.note else ())


@every_format
@pytest.mark.parametrize("report", ALL_VERSIONS)
def test_a_format_gives_back_the_patient_the_times_and_the_status(name: str, report: DrawnReport) -> None:
    content, person = read_one(name, report), report.person
    subject = content.subject
    assert (subject.family, subject.given) == (person.family, (person.given, person.patronymic))
    assert (subject.birth_date, subject.sex) == (person.birth_date.isoformat(), person.sex)
    numbers = {(one.system, one.value.replace("-", "").replace(" ", "")) for one in subject.identifiers}
    assert {
        ("urn:oid:1.2.643.100.3", person.snils),
        ("urn:oid:1.2.643.2.69.1.1.1.6.228", person.enp),
    } <= numbers
    assert report.report_number in {one.value for one in content.identifiers}
    assert content.issued_at == report.issued_at.isoformat()
    assert content.effective_at == report.collected_at.isoformat()
    # A document is complete when it is signed: after its preliminary version it is a corrected one.
    is_new_document = name == "cda" and report.version > 1 and report.status is ReportStatus.FINAL
    assert content.status is (ReportStatus.CORRECTED if is_new_document else report.status)


@with_observations
@pytest.mark.parametrize("report", ALL_VERSIONS)
def test_a_format_gives_back_the_status_of_each_value(name: str, report: DrawnReport) -> None:
    content = read_one(name, report)
    # CDA has no word for a corrected observation: it is the document that is a further version.
    sent = {ObservationStatus.CORRECTED: ObservationStatus.FINAL} if name == "cda" else {}
    expected = [sent.get(one.status, one.status) for one in report.findings]
    assert [one.status for one in measured(content)] == expected
    taken = content.specimens[0]
    assert taken.kind is not None and taken.kind.text == report.panel.specimen
    assert taken.collected_at == report.collected_at.isoformat()
    assert taken.received_at == report.received_at.isoformat()


@pytest.mark.parametrize("name", ["fhir", "fhir-xml", "cda"])
def test_units_are_printed_in_russian_beside_their_code(name: str) -> None:
    report = draw(Random(1), PEOPLE[0], now=NOW, number="1", panel=BLOOD)
    first = measured(read_one(name, report))[0]
    assert first.value is not None and first.value.quantity is not None
    assert (first.value.quantity.unit, first.value.quantity.code) == ("г/л", "g/L")


@every_format
def test_a_further_version_is_known_as_one(name: str) -> None:
    for number, panel in enumerate(PANELS):
        drawn = draw(Random(number), PEOPLE[0], now=NOW, number=str(number), panel=panel)
        first = read_one(name, drawn)
        for version in (corrected(drawn), cancelled(drawn)):
            later = read_one(name, version)
            assert later != first
            assert {one.value for one in later.identifiers} == {one.value for one in first.identifiers}
            assert is_same_subject(first.subject, later.subject)


# What is drawn


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    for name, writer in WRITERS.items():
        one, again, other = (
            [writer.write(report) for report in series(seed, 7, people(seed, 3), now=NOW)]
            for seed in (5, 5, 6)
        )
        assert one == again, name
        assert not set(one) & set(other), name


def test_every_panel_comes_before_one_comes_again() -> None:
    drawn = series(1, 14, PEOPLE, now=NOW)
    assert [report.panel.short for report in drawn] == 2 * [panel.short for panel in PANELS]
    assert len({report.report_number for report in drawn}) == 14


def test_people_have_numbers_that_pass_and_differ() -> None:
    found = people(3, 200)
    assert found[:10] == people(3, 10)
    assert all(enp(one.enp) == one.enp and snils(one.snils_printed) == one.snils for one in found)
    for numbers in (
        {one.enp for one in found}, {one.snils for one in found}, {one.phone for one in found},
    ):  # fmt: skip
        assert len(numbers) == 200
    assert all(re.fullmatch(r"\+79\d{9}", one.phone) for one in found)
    assert {one.sex for one in found} == {"male", "female"}


def test_flags_agree_with_ranges_and_both_kinds_come() -> None:
    flags: list[str | None] = []
    for report in series(11, 140, PEOPLE, now=NOW):
        for finding in report.findings:
            flags.append(finding.flag)
            if finding.usual is None or finding.amount is None:
                continue
            value = Decimal(finding.amount)
            is_high = finding.usual.high is not None and value > Decimal(finding.usual.high)
            is_low = finding.usual.low is not None and value < Decimal(finding.usual.low)
            assert finding.flag == ("H" if is_high else "L" if is_low else "N")
            assert value >= 0
    assert {"H", "L", "N", "A", "S", "R"} <= set(flags)
    assert flags.count("N") > len(flags) / 2


def test_ranges_are_those_of_the_patients_sex() -> None:
    man = next(one for one in PEOPLE if one.sex == "male")
    woman = next(one for one in PEOPLE if one.sex == "female")
    limits = [
        draw(Random(1), who, now=NOW, number="1", panel=BLOOD).findings[0].usual for who in (man, woman)
    ]
    assert [(one.low, one.high) for one in limits if one] == [("130", "160"), ("120", "140")]


def test_a_culture_has_two_antibiotics() -> None:
    report = draw(Random(1), PEOPLE[0], now=NOW, number="1", panel=CULTURE)
    assert [one.flag in {"S", "R"} for one in report.findings] == [False, True, True]
    assert report.findings[1].test != report.findings[2].test


@pytest.mark.parametrize("character_set", CHARACTER_SETS)
def test_hl7_is_in_the_character_set_that_it_names(character_set: str) -> None:
    report = draw(Random(1), PEOPLE[0], now=NOW, number="1", panel=BLOOD)
    sent = hl7(report, character_set=character_set)
    assert report.person.family.encode(CHARACTER_SETS[character_set]) in sent
    assert sent.split(b"\r")[0].split(b"|")[17] == character_set.encode()


def test_a_pdf_is_whole() -> None:
    """The table says where each object begins, as a reader of PDF goes through it."""
    report = draw(Random(1), PEOPLE[0], now=NOW, number="1", panel=BLOOD)
    found = page(lines(report))
    start = int(re.findall(rb"startxref\n(\d+)", found)[0])
    places = [int(place) for place in re.findall(rb"(\d{10}) 00000 n", found[start:])]
    assert found[start:].startswith(b"xref\n0 6\n")
    for number, place in enumerate(places, start=1):
        assert found[place:].startswith(b"%d 0 obj" % number)
    stream = re.findall(rb"/Length (\d+) >>\nstream\n(.*?)\nendstream", found, re.DOTALL)
    assert [(int(size), len(content)) for size, content in stream] == [(len(stream[0][1]),) * 2]
    assert b"Hemoglobin" in found


# The command


def generated(*arguments: str | Path) -> list[Path]:
    done = letopis(Settings(home=Path("/nowhere")), "sandbox", "generate", *arguments)
    assert done.returncode == 0, done.stderr
    return [Path(line) for line in done.stdout.splitlines()]


@every_format
def test_the_command_writes_files_that_can_be_read(tmp_path: Path, name: str) -> None:
    paths = generated("--format", name, "--count", "2", "--seed", "3", "--out", tmp_path, "--versions")
    assert len(paths) == len(set(paths)) == 8
    statuses = []
    for path in paths:
        content = path.read_bytes()
        assert content_type_of(content) == WRITERS[name].content_type
        found = read(WRITERS[name].content_type, content)
        assert isinstance(found, tuple), found
        statuses.append(found[0].status.value)
    whole = "corrected" if name == "cda" else "final"
    assert statuses == 2 * ["preliminary", whole, "corrected", "cancelled"]


def test_the_command_writes_the_same_for_the_same_seed(tmp_path: Path) -> None:
    one, again, other = (
        [path.read_bytes() for path in generated("--count", "3", "--seed", seed, "--out", tmp_path / folder)]
        for seed, folder in (("3", "one"), ("3", "again"), ("4", "other"))
    )
    assert one == again
    assert not set(one) & set(other)


def test_the_command_tells_what_it_cannot_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for arguments in (("--format", "docx"), ("--count", "0"), ("--out", str(tmp_path / "file" / "x"))):
        done = letopis(Settings(home=Path("/nowhere")), "sandbox", "generate", *arguments)
        assert done.returncode == 2
        assert done.stderr and "Traceback" not in done.stderr


# Others' libraries find the same: our readers could agree with our writers on an error.


@pytest.mark.parametrize("report", ALL_VERSIONS)
def test_a_bundle_is_valid_to_an_independent_library(report: DrawnReport) -> None:
    bundle = Bundle.model_validate_json(fhir_json(report))
    found = [entry.resource for entry in bundle.entry if isinstance(entry.resource, R4Observation)]
    assert len(found) == len(report.findings)
    for one, drawn in zip(found, report.findings, strict=True):
        if drawn.amount is not None:
            assert one.valueQuantity.value == Decimal(drawn.amount)
        assert one.status == drawn.status.value


@pytest.mark.parametrize("report", ALL_VERSIONS)
def test_a_message_is_read_alike_by_an_independent_library(report: DrawnReport) -> None:
    message = hl7_library.parse(hl7(report).decode())
    segments = message.segments("OBX")
    assert len(segments) == len(report.findings)
    for segment, drawn in zip(segments, report.findings, strict=True):
        assert str(segment[3][0][0]) == drawn.test.loinc
        assert str(segment[8]) == (drawn.flag or "")
        if drawn.amount is not None:
            assert str(segment[5]) == "^".join(filter(None, (drawn.comparator, drawn.amount)))
        elif drawn.choice is not None and drawn.choice.coding is None:
            assert message.unescape(str(segment[5])) == drawn.choice.text
    assert str(message.segment("PID")[5][0][0]) == report.person.family
