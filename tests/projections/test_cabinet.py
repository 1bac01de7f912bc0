"""What a patient sees follows from what was recorded."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest

from domain.laboratory import LaboratoryRegistered
from domain.linkage import OrganisationLinked, OrganisationUnlinked
from domain.reading import ReadingPurpose
from domain.report import DestructionReason, ReportDestroyed, ReportRekeyed
from domain.report_content import Observation, ReferenceRange, ReportStatus, Value, ValueKind
from domain.values import Coding, Concept, Quantity
from ledger.store import Ledger
from projections import CABINET, cabinet
from projections.follow import Follower
from projections.rebuild import check
from projections.summary import Summary, flag_word, summarise, title_of
from tests.examples import (
    ANNA,
    BORIS,
    CLINIC,
    CONTENT,
    ENP,
    INVITRO,
    MATCHED,
    OBSERVATION,
    OTHER_REPORT,
    READ,
    RECEIVED,
    REGISTERED,
    REPORT,
    REVISED,
    SNILS,
    UNMATCHED,
)
from tests.scenario import recorded, rows

LATER = datetime(2100, 1, 1, tzinfo=UTC)
LINKED = OrganisationLinked(patient_id=ANNA, organisation_id=CLINIC)
UNLINKED = OrganisationUnlinked(patient_id=ANNA, organisation_id=CLINIC)
SUMMARY = Summary(
    title="Глюкоза",
    laboratory="Лаборатория № 1",
    issued_at="2026-11-22T14:00:00.5+03:00",
    collected_at="2026-11-22T08:15:00+03:00",
    observations=1,
    flagged=1,
    critical=0,
    names=["lab", "лаборатория № 1"],
)


def test_a_received_report_is_in_the_patients_list(ledger: Ledger, follower: Follower) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=ANNA)
    follower.catch_up()
    (row,) = cabinet.reports_of(ledger, ANNA)
    event, _ = ledger.read(REPORT)
    assert (row.report_id, row.laboratory_id, row.version) == (REPORT, INVITRO, 1)
    assert (row.status, row.is_new, row.received_at) == ("preliminary", True, event.recorded_at)
    assert row.summary == SUMMARY


def test_nobody_else_sees_it(ledger: Ledger, follower: Follower) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=ANNA)
    follower.catch_up()
    assert cabinet.reports_of(ledger, BORIS) == []
    assert cabinet.report_of(ledger, BORIS, REPORT) is None
    assert cabinet.report_of(ledger, ANNA, OTHER_REPORT) is None


def test_a_revision_takes_the_place_of_the_version_before_it_and_both_are_known(
    ledger: Ledger, follower: Follower
) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED, REVISED, subject=ANNA)
    follower.catch_up()
    found = cabinet.report_of(ledger, ANNA, REPORT)
    assert found is not None
    row, position = found
    first, _, second = ledger.read_all()
    assert (row.version, row.status, position) == (2, "final", second.position)
    assert [(v.version, v.status, v.position) for v in cabinet.versions_of(ledger, ANNA, REPORT)] == [
        (1, "preliminary", first.position),
        (2, "final", second.position),
    ]


def test_a_report_is_new_until_its_owner_has_read_the_version(ledger: Ledger, follower: Follower) -> None:
    def is_new() -> bool:
        follower.catch_up()
        return cabinet.reports_of(ledger, ANNA)[0].is_new

    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=ANNA)
    assert is_new()
    recorded(ledger, UUID(int=1), replace(READ, report_version=1, purpose=ReadingPurpose.OPERATION))
    assert is_new()
    recorded(ledger, UUID(int=2), replace(READ, report_version=1))
    assert not is_new()
    recorded(ledger, REPORT, REVISED, subject=ANNA)
    assert is_new()
    recorded(ledger, UUID(int=3), replace(READ, report_version=2))
    # Reading the older version again makes nothing new.
    recorded(ledger, UUID(int=4), replace(READ, report_version=1))
    assert not is_new()


def test_new_reports_come_first_then_the_latest(ledger: Ledger, follower: Follower) -> None:
    streams = [UUID(int=number) for number in range(1, 5)]
    for stream_id in streams:
        recorded(ledger, stream_id, RECEIVED, MATCHED, subject=ANNA)
    recorded(ledger, UUID(int=9), replace(READ, report_id=streams[3], report_version=1))
    follower.catch_up()
    found = [row.report_id for row in cabinet.reports_of(ledger, ANNA)]
    assert found == [streams[2], streams[1], streams[0], streams[3]]
    assert len(cabinet.reports_of(ledger, ANNA, limit=2)) == 2


def test_a_report_without_a_patient_is_in_nobodys_list_until_it_is_matched(
    ledger: Ledger, follower: Follower
) -> None:
    recorded(ledger, REPORT, RECEIVED)
    follower.catch_up()
    assert cabinet.reports_of(ledger, ANNA) == []
    assert [row.report_id for row in cabinet.waiting(ledger, before=LATER, after=None)] == [REPORT]
    recorded(ledger, REPORT, MATCHED)
    follower.catch_up()
    assert [row.report_id for row in cabinet.reports_of(ledger, ANNA)] == [REPORT]
    assert cabinet.waiting(ledger, before=LATER, after=None) == []


def test_a_report_taken_from_its_patient_leaves_the_list_and_one_that_ended_leaves_no_row(
    ledger: Ledger, follower: Follower
) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED, UNMATCHED, subject=ANNA)
    recorded(ledger, OTHER_REPORT, RECEIVED, MATCHED, subject=ANNA)
    follower.catch_up()
    assert [row.report_id for row in cabinet.reports_of(ledger, ANNA)] == [OTHER_REPORT]
    recorded(ledger, OTHER_REPORT, ReportRekeyed(successor_id=UUID(int=5)))
    recorded(ledger, REPORT, ReportDestroyed(reason=DestructionReason.RETENTION_ENDED))
    follower.catch_up()
    assert rows(ledger, "SELECT report_id FROM cabinet.reports") == []
    assert rows(ledger, "SELECT report_id FROM cabinet.versions") == []


def test_a_late_version_is_known_and_does_not_stand(ledger: Ledger, follower: Follower) -> None:
    late = replace(REVISED, is_late=True, status=ReportStatus.AMENDED)
    recorded(ledger, REPORT, RECEIVED, MATCHED, late, subject=ANNA)
    recorded(ledger, OTHER_REPORT, RECEIVED, MATCHED, REVISED, late, subject=ANNA)
    follower.catch_up()
    found = {row.report_id: (row.version, row.status) for row in cabinet.reports_of(ledger, ANNA)}
    assert found == {REPORT: (1, "amended"), OTHER_REPORT: (2, "amended")}
    assert [version.version for version in cabinet.versions_of(ledger, ANNA, OTHER_REPORT)] == [1, 2, 3]


def test_laboratories_are_found_by_words_of_their_name_and_by_inn(ledger: Ledger, follower: Follower) -> None:
    other = LaboratoryRegistered(handle="city", name="Городская 100% больница_1", inn="3664069397", ogrn="1")
    recorded(ledger, INVITRO, REGISTERED)
    recorded(ledger, UUID(int=5), other)
    follower.catch_up()

    def names(search: str) -> list[str]:
        return [found.handle for found in cabinet.laboratories(ledger, search=search)]

    assert names("") == ["city", "invitro"]
    assert names("инвитро") == ["invitro"]
    assert names("больница городская") == ["city"]
    assert names("больница инвитро") == []
    assert names(" 7707083893 ") == ["invitro"]
    # What a search says is text, not a pattern.
    assert names("100%") == ["city"]
    assert names("%") == ["city"]
    assert names("_1") == ["city"]
    assert names("\\") == []


def test_linked_laboratories_are_those_not_unlinked_since(ledger: Ledger, follower: Follower) -> None:
    recorded(ledger, INVITRO, REGISTERED)

    def linked() -> list[str]:
        follower.catch_up()
        return [found.handle for found, _ in cabinet.linked_laboratories(ledger, ANNA)]

    assert linked() == []
    recorded(ledger, UUID(int=1), LINKED)
    assert linked() == ["invitro"]
    recorded(ledger, UUID(int=1), UNLINKED)
    assert linked() == []
    recorded(ledger, UUID(int=1), LINKED)
    assert linked() == ["invitro"]
    assert cabinet.linked_laboratories(ledger, BORIS) == []


def test_rows_say_nothing_of_health_without_a_key(ledger: Ledger, follower: Follower) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED, REVISED, subject=ANNA)
    follower.catch_up()
    dump = b"".join(
        block
        for table in ("reports", "versions")
        for block in dumped(ledger, f"COPY cabinet.{table} TO STDOUT")
    )
    for word in ("Глюкоза", "Соколова", "Лаборатория", ENP, SNILS):
        assert word.encode() not in dump


def dumped(ledger: Ledger, query: str) -> list[bytes]:
    with ledger.pool.connection() as connection, connection.cursor().copy(query.encode()) as copy:
        return [bytes(block) for block in copy]


def test_a_report_whose_key_was_erased_stays_in_the_list_without_a_word(
    ledger: Ledger, follower: Follower, sql: psycopg.Connection
) -> None:
    recorded(ledger, REPORT, RECEIVED, MATCHED, subject=ANNA)
    follower.catch_up()
    sql.execute("UPDATE ledger.data_keys SET wrapped = NULL, erased_at = now()")
    ledger.keys.forget()
    (row,) = cabinet.reports_of(ledger, ANNA)
    assert row.summary is None


def test_taking_events_together_is_taking_them_one_by_one(
    ledger: Ledger, follower: Follower, monkeypatch: pytest.MonkeyPatch, owner: Ledger
) -> None:
    """A batch is written kind after kind: no order of events within it may be lost by that."""
    recorded(ledger, UUID(int=1), LINKED, UNLINKED)
    recorded(ledger, REPORT, RECEIVED, REVISED, MATCHED, subject=ANNA)
    recorded(ledger, UUID(int=2), replace(READ, report_version=2))
    recorded(ledger, UUID(int=3), replace(READ, report_version=1))
    recorded(ledger, REPORT, replace(REVISED, content=CONTENT), subject=ANNA)
    recorded(ledger, UUID(int=1), LINKED)
    recorded(ledger, OTHER_REPORT, RECEIVED, MATCHED, replace(MATCHED, patient_id=BORIS), subject=BORIS)
    follower.catch_up()
    monkeypatch.setattr("projections.rebuild.BATCH", 1)
    assert check(owner, CABINET).is_equal


# What a measured value means to a reader.


def measured(
    value: str | None, *, low: str | None = None, high: str | None = None, **rest: object
) -> Observation:
    ranges = () if low is None and high is None else (ReferenceRange(low=quantity(low), high=quantity(high)),)
    given = None if value is None else Value(kind=ValueKind.QUANTITY, quantity=Quantity(value=value))
    plain = replace(OBSERVATION, interpretation=(), value=given, reference_ranges=ranges)
    return replace(plain, **rest)  # type: ignore[arg-type]


def quantity(value: str | None) -> Quantity | None:
    return None if value is None else Quantity(value=value)


# Less than 1 may be anything: no range can be applied to it.
BELOW_ONE = Value(kind=ValueKind.QUANTITY, quantity=Quantity(value="1", comparator="<"))


def flagged(code: str) -> tuple[Concept, ...]:
    return (Concept(text="без кода"), Concept(codings=(Coding(display="x"), Coding(code=code))))


@pytest.mark.parametrize(
    ("observation", "expected"),
    [
        (measured("5.0", low="4.1", high="6.1"), "normal"),
        (measured("4.0", low="4.1", high="6.1"), "low"),
        (measured("4.10", low="4.1", high="6.1"), "normal"),
        (measured("6.10", low="4.1", high="6.1"), "normal"),
        (measured("6.2", low="4.1", high="6.1"), "high"),
        (measured("10", high="9"), "high"),
        (measured("1", low="0.5"), "normal"),
        (measured("1"), None),
        (measured(None, low="1", high="2"), None),
        (measured("1", low="4.1", interpretation=flagged("N")), "normal"),
        (measured("5", low="4", high="6", interpretation=flagged("HH")), "critical-high"),
        (measured("5", interpretation=flagged("ll")), "critical-low"),
        (measured("5", low="4", high="6", interpretation=flagged("S")), None),
        (measured("5", interpretation=(*flagged("166717003"), *flagged("H"))), "high"),
        (measured("5", interpretation=(Concept(codings=(Coding(code="1"), Coding(code="L"))),)), "low"),
        (replace(measured("1", low="4"), value=BELOW_ONE), None),
        (replace(measured("1", low="4"), value=Value(kind=ValueKind.TEXT, text="обнаружено")), None),
    ],
)
def test_a_flag_is_the_laboratorys_own_or_else_follows_from_a_plain_range(
    observation: Observation, expected: str | None
) -> None:
    assert flag_word(observation) == expected


def test_a_summary_counts_what_is_out_of_the_ordinary() -> None:
    observations = (
        measured("5", low="4", high="6"),
        measured("9", low="4", high="6"),
        measured("5", interpretation=flagged("LL")),
        measured("5"),
    )
    found = summarise(replace(CONTENT, observations=observations))
    assert (found.observations, found.flagged, found.critical) == (4, 2, 1)


def test_a_summary_makes_do_with_what_there_is() -> None:
    bare = summarise(replace(CONTENT, code=None, specimens=(), observations=(), performer=None))
    assert (bare.title, bare.collected_at, bare.laboratory) == (None, "2026-11-22", None)
    assert summarise(replace(CONTENT, code=None)).title == "Глюкоза в плазме"
    coded = Concept(codings=(Coding(code="14749-6"), Coding(code="1", display="Глюкоза")))
    assert title_of(coded) == "Глюкоза"
    assert title_of(Concept(codings=(Coding(code="14749-6"),))) == "14749-6"
    assert title_of(Concept()) is None
