"""Which codes laboratories send without a standard one follows from the reports as they stand."""

from dataclasses import replace
from uuid import UUID

import pytest

from domain import code_map, report, report_content
from domain.code_map import CodeMap, LocalCode, MappedCode
from domain.report_content import Component, Observation, ObservationStatus
from domain.values import Coding, Concept, LaboratoryId
from ledger import code_maps
from ledger.insertion import Erasure
from ledger.store import Ledger, Write
from projections import terminology
from projections.follow import Follower
from projections.rebuild import check
from projections.terminology import TERMINOLOGY, SeenCode
from tests.examples import INVITRO, SUBMISSION
from tests.scenario import TESTER, recorded, rows

OTHER = LaboratoryId(UUID(int=77))
FIRST, SECOND = UUID(int=1), UUID(int=2)
LOINC = Coding(system=code_map.LOINC, code="718-7")
HGB = Coding(code="HGB")
GLU = Coding(system="urn:lab:codes", code="GLU", display="Глюкоза")
HGB_SEEN, GLU_SEEN = LocalCode(code="HGB"), LocalCode(system="urn:lab:codes", code="GLU")


def received(
    *codings: tuple[Coding, ...],
    laboratory_id: LaboratoryId = INVITRO,
    components: tuple[Component, ...] = (),
) -> report.ReportReceived:
    observations = tuple(
        Observation(code=Concept(codings=found), status=ObservationStatus.FINAL, components=components)
        for found in codings
    )
    content = report_content.ReportContent(
        status=report_content.ReportStatus.FINAL,
        subject=report_content.Subject(family="Соколова"),
        observations=observations,
    )
    return report.ReportReceived(laboratory_id=laboratory_id, submission_id=SUBMISSION, content=content)


def revised(*codings: tuple[Coding, ...]) -> report.ReportRevised:
    content = received(*codings).content
    return report.ReportRevised(laboratory_id=INVITRO, submission_id=SUBMISSION, content=content)


def unmapped(ledger: Ledger, laboratory_id: LaboratoryId = INVITRO) -> list[SeenCode]:
    return terminology.unmapped_codes(ledger, laboratory_id, code_maps.load(ledger, laboratory_id))


def followed(ledger: Ledger, follower: Follower) -> None:
    recorded(ledger, FIRST, received((HGB,), (HGB,), (GLU,), (HGB, LOINC), (LOINC,)))
    parts = (Component(code=Concept(codings=(GLU,))), Component(code=Concept(text="без кода")))
    recorded(ledger, SECOND, received((LOINC,), laboratory_id=OTHER, components=parts))
    recorded(ledger, UUID(int=3), received((LOINC,)))
    follower.catch_up()


def test_codes_without_a_standard_one_are_counted_for_each_laboratory(
    ledger: Ledger, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed(ledger, follower)
    recorded(ledger, UUID(int=4), received((HGB,)))
    follower.catch_up()
    assert unmapped(ledger) == [SeenCode(HGB_SEEN, 3), SeenCode(GLU_SEEN, 1)]
    assert unmapped(ledger, OTHER) == [SeenCode(GLU_SEEN, 1)]
    assert rows(ledger, "SELECT count(*) FROM terminology.local_codes") == [(3,)]
    monkeypatch.setattr(terminology, "PAGE", 1)
    assert unmapped(ledger) == [SeenCode(HGB_SEEN, 3), SeenCode(GLU_SEEN, 1)]


def test_a_later_version_takes_the_place_of_the_one_before_and_a_late_one_does_not(
    ledger: Ledger, follower: Follower, owner: Ledger
) -> None:
    followed(ledger, follower)
    recorded(ledger, FIRST, replace(revised((HGB,), (HGB,), (HGB,)), is_late=True))
    follower.catch_up()
    assert unmapped(ledger) == [SeenCode(HGB_SEEN, 2), SeenCode(GLU_SEEN, 1)]
    recorded(ledger, FIRST, revised((GLU,)), revised((HGB,)))
    follower.catch_up()
    assert unmapped(ledger) == [SeenCode(HGB_SEEN, 1)]
    recorded(ledger, FIRST, revised((LOINC,)))
    follower.catch_up()
    assert unmapped(ledger) == []
    assert check(owner, TERMINOLOGY).is_equal


def test_a_code_that_is_mapped_is_no_longer_among_them(ledger: Ledger, follower: Follower) -> None:
    followed(ledger, follower)
    mapped = MappedCode(local=HGB_SEEN, standard=LOINC)
    assert code_maps.map_codes(ledger, INVITRO, [mapped], TESTER) == 1
    assert code_maps.map_codes(ledger, INVITRO, [mapped], TESTER) == 0
    assert unmapped(ledger) == [SeenCode(GLU_SEEN, 1)]
    code_maps.unmap_codes(ledger, INVITRO, [mapped.local], TESTER)
    assert len(unmapped(ledger)) == 2
    assert code_maps.load(ledger, INVITRO) == code_maps.load(ledger, OTHER) == CodeMap()


def test_the_codes_lie_sealed_and_the_rebuilt_view_is_the_live_one(
    ledger: Ledger, follower: Follower, owner: Ledger
) -> None:
    followed(ledger, follower)
    ((stored,),) = rows(ledger, "SELECT codes FROM terminology.local_codes WHERE report_id = %s", (FIRST,))
    assert b"HGB" not in bytes(stored) and b"GLU" not in bytes(stored)
    assert check(owner, TERMINOLOGY).is_equal


@pytest.mark.parametrize(
    "end",
    [
        report.ReportDestroyed(reason=report.DestructionReason.RETENTION_ENDED),
        report.ReportRekeyed(successor_id=UUID(int=9)),
    ],
    ids=["destroyed", "rekeyed"],
)
def test_a_report_that_ends_takes_its_codes_with_it(
    ledger: Ledger, follower: Follower, owner: Ledger, end: report.ReportDestroyed | report.ReportRekeyed
) -> None:
    followed(ledger, follower)
    ledger.append(Write(FIRST, 1, (end,), FIRST), circumstances=TESTER, erased=[Erasure(FIRST)])
    for opened in (ledger, owner):
        opened.keys.forget()
    follower.catch_up()
    assert unmapped(ledger) == []
    assert rows(ledger, "SELECT count(*) FROM terminology.local_codes") == [(1,)]
    assert check(owner, TERMINOLOGY).is_equal
    assert rows(ledger, "SELECT count(*) FROM terminology.parked") == [(0,)]
