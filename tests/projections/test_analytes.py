"""Which reports measured the same: by what was recorded, for the patient alone, and as the code map says today."""

from dataclasses import replace
from uuid import UUID, uuid4

import psycopg

from domain.analyte import sent_code
from domain.code_map import LOINC, LocalCode, MappedCode
from domain.report import DestructionReason, ReportDestroyed, ReportVersionsHeld, ReportVersionsReleased
from domain.report_content import (
    Observation,
    ObservationStatus,
    ReportContent,
    ReportStatus,
    Value,
    ValueKind,
)
from domain.values import Coding, Concept, LaboratoryId, Quantity
from ledger import code_maps
from ledger.store import Ledger
from projections import ANALYTES
from projections.analytes import ListedAnalyte, Sighted, analytes_of, digest_of, latest_reports
from projections.follow import Follower
from projections.rebuild import check
from tests.examples import ANNA, BASIS, BORIS, INVITRO, MATCHED, RECEIVED, REVISED, SUBJECT, UNMATCHED
from tests.scenario import TESTER, recorded, rows

OTHER_LABORATORY = LaboratoryId(UUID("c0000000-0000-8000-8000-000000000002"))
GLUCOSE = Concept(text="Глюкоза", codings=(Coding(system=LOINC, code="14749-6"),))
GLUCOSE_BY_MASS = Concept(text="Glucose", codings=(Coding(system=LOINC, code="2345-7"),))
OWN_GLUCOSE = Concept(text="Глю", codings=(Coding(system="urn:lab", code="ГЛЮ-1"),))


def measured(*codes: Concept) -> ReportContent:
    value = Value(kind=ValueKind.QUANTITY, quantity=Quantity(value="5.1", unit="ммоль/л"))
    observations = tuple(
        Observation(code=code, status=ObservationStatus.FINAL, value=value) for code in codes
    )
    return ReportContent(status=ReportStatus.FINAL, subject=SUBJECT, observations=observations)


def received(
    ledger: Ledger, *codes: Concept, laboratory: LaboratoryId = INVITRO, patient: UUID = ANNA
) -> UUID:
    report_id = uuid4()
    event = replace(RECEIVED, laboratory_id=laboratory, content=measured(*codes))
    recorded(ledger, report_id, event, replace(MATCHED, patient_id=patient), subject=report_id)
    return report_id


def counted(found: list[ListedAnalyte]) -> dict[str, int]:
    return {one.name: one.reports for one in found}


def test_what_was_measured_is_listed_with_the_number_of_reports(ledger: Ledger, follower: Follower) -> None:
    hdl = Concept(text="ЛПВП", codings=(Coding(system=LOINC, code="14646-4"),))
    first, second = received(ledger, GLUCOSE), received(ledger, GLUCOSE, hdl)
    received(ledger, GLUCOSE, patient=BORIS)
    follower.catch_up()
    found = analytes_of(ledger, ANNA)
    assert counted(found) == {"Глюкоза": 2, "ЛПВП": 1}
    digests = next(one.digests for one in found if one.name == "Глюкоза")
    assert set(latest_reports(ledger, ANNA, digests, each=9)) == {first, second}
    assert latest_reports(ledger, ANNA, digests, each=1) == [second]


def test_a_code_of_a_system_that_is_called_by_one_letter_is_no_code_of_loinc(
    ledger: Ledger, follower: Follower
) -> None:
    """HL7 v2 calls a laboratory's own codes L (table 0396)."""
    own = Concept(text="Глю", codings=(Coding(system="L", code="2345-7"), Coding(system="=L", code="7")))
    received(ledger, own)
    follower.catch_up()
    (found,) = analytes_of(ledger, ANNA)
    assert found.analyte.loinc is None
    assert found.digests == (digest_of(ledger, ANNA, INVITRO, sent_code(own)),)


def test_a_mass_and_an_amount_of_two_laboratories_are_one_analyte(ledger: Ledger, follower: Follower) -> None:
    received(ledger, GLUCOSE)
    received(ledger, GLUCOSE_BY_MASS, laboratory=OTHER_LABORATORY)
    follower.catch_up()
    assert counted(analytes_of(ledger, ANNA)) == {"Glucose": 2}


def test_a_code_of_the_laboratorys_own_joins_when_it_is_mapped_and_parts_when_it_is_not(
    ledger: Ledger, follower: Follower
) -> None:
    received(ledger, GLUCOSE)
    received(ledger, OWN_GLUCOSE)
    received(ledger, OWN_GLUCOSE, laboratory=OTHER_LABORATORY)
    follower.catch_up()
    assert sorted(one.reports for one in analytes_of(ledger, ANNA)) == [1, 1, 1]
    local = LocalCode(system="urn:lab", code="ГЛЮ-1")
    mapped = MappedCode(local=local, standard=Coding(system=LOINC, code="14749-6"))
    code_maps.map_codes(ledger, INVITRO, [mapped], TESTER)
    assert sorted(one.reports for one in analytes_of(ledger, ANNA)) == [1, 2]
    code_maps.unmap_codes(ledger, INVITRO, [local], TESTER)
    assert sorted(one.reports for one in analytes_of(ledger, ANNA)) == [1, 1, 1]


def test_two_names_under_one_code_in_a_report_are_two_also_where_one_stands_alone(
    ledger: Ledger, follower: Follower
) -> None:
    code = (Coding(system=LOINC, code="18769-0"),)
    one, two = Concept(text="Амоксициллин", codings=code), Concept(text="Ципрофлоксацин", codings=code)
    received(ledger, one)
    received(ledger, one, two)
    follower.catch_up()
    assert counted(analytes_of(ledger, ANNA)) == {"Амоксициллин": 2, "Ципрофлоксацин": 1}


def test_a_held_version_counts_when_it_is_released(ledger: Ledger, follower: Follower, owner: Ledger) -> None:
    report_id = received(ledger, GLUCOSE)
    held = ReportVersionsHeld(patient_id=ANNA, shown_version=1, reason="organisation-not-linked", basis=BASIS)
    more = replace(REVISED, content=measured(GLUCOSE, OWN_GLUCOSE))
    recorded(ledger, report_id, held, more)
    follower.catch_up()
    assert counted(analytes_of(ledger, ANNA)) == {"Глюкоза": 1}
    recorded(ledger, report_id, ReportVersionsReleased(patient_id=ANNA, basis=BASIS))
    follower.catch_up()
    assert counted(analytes_of(ledger, ANNA)) == {"Глюкоза": 1, "Глю": 1}
    assert check(owner, ANALYTES).is_equal


def test_a_late_copy_changes_nothing_and_a_report_that_is_taken_away_is_gone(
    ledger: Ledger, follower: Follower
) -> None:
    report_id = received(ledger, GLUCOSE)
    recorded(ledger, report_id, replace(REVISED, content=measured(OWN_GLUCOSE), is_late=True))
    follower.catch_up()
    assert counted(analytes_of(ledger, ANNA)) == {"Глюкоза": 1}
    recorded(ledger, report_id, UNMATCHED)
    follower.catch_up()
    assert analytes_of(ledger, ANNA) == []
    recorded(ledger, report_id, ReportDestroyed(reason=DestructionReason.RETENTION_ENDED))
    follower.catch_up()
    assert rows(ledger, "SELECT FROM analytes.reports") == []


def test_what_is_not_for_these_eyes_is_not_counted(ledger: Ledger, follower: Follower) -> None:
    first, second = received(ledger, GLUCOSE), received(ledger, GLUCOSE, OWN_GLUCOSE)
    follower.catch_up()
    assert counted(analytes_of(ledger, ANNA, Sighted(only=[first]))) == {"Глюкоза": 1}
    assert counted(analytes_of(ledger, ANNA, Sighted(never=[second]))) == {"Глюкоза": 1}
    (found,) = analytes_of(ledger, ANNA, Sighted(never=[second]))
    assert latest_reports(ledger, ANNA, found.digests, each=9, sighted=Sighted(never=[second])) == [first]


def test_rows_say_neither_what_was_measured_nor_that_two_patients_share_it(
    ledger: Ledger, follower: Follower, sql: psycopg.Connection
) -> None:
    received(ledger, GLUCOSE)
    received(ledger, GLUCOSE, patient=BORIS)
    follower.catch_up()
    digests = sql.execute("SELECT unnest(digests) FROM analytes.reports").fetchall()
    assert len(set(digests)) == 2
    stored = "".join(str(row) for row in sql.execute("SELECT r::text FROM analytes.reports r").fetchall())
    assert "14749-6" not in stored and "Глюкоза" not in stored
    for one in analytes_of(ledger, ANNA):
        assert one.key not in {other.key for other in analytes_of(ledger, BORIS)}
