"""A later version of a report that the patient has: without permission it is recorded and not shown, in either order."""

from collections.abc import Callable
from uuid import UUID

import pytest

from api.result_sheet import sheet_of
from domain.announcement import ChannelsSuppressed
from domain.channel import Channel
from domain.consent import ConsentKind
from domain.notification import NotificationRequested
from domain.report import ReportRevised, ReportVersionsHeld, ReportVersionsReleased
from domain.values import OrganisationId, PatientId
from ledger import linkage, receiving
from ledger.commands import by_patient
from projections import cabinet
from tests.api.cast import ANNA, Laboratory, Portal, bundle, grant, settle, settled, withdraw
from tests.api.command import letopis

Act = Callable[[Portal, PatientId, OrganisationId], object]


def unlink(portal: Portal, patient_id: PatientId, organisation_id: OrganisationId) -> None:
    linkage.unlink_organisation(portal.opened.ledger, patient_id, organisation_id, by_patient(patient_id))


def link(portal: Portal, patient_id: PatientId, organisation_id: OrganisationId) -> None:
    linkage.link_organisation(portal.opened.ledger, patient_id, organisation_id, by_patient(patient_id))


def turn_off(portal: Portal, patient_id: PatientId, organisation_id: OrganisationId) -> None:
    receiving.turn_off(portal.opened.ledger, patient_id, organisation_id, by_patient(patient_id))


def turn_on(portal: Portal, patient_id: PatientId, organisation_id: OrganisationId) -> None:
    receiving.turn_on(portal.opened.ledger, patient_id, organisation_id, by_patient(patient_id))


def lose(kind: ConsentKind) -> Act:
    return lambda portal, patient_id, _: withdraw(portal.opened, patient_id, kind)


def give(kind: ConsentKind) -> Act:
    return lambda portal, patient_id, _: grant(portal.opened, patient_id, kind)


PERSONAL, TRANSFER = ConsentKind.PERSONAL_DATA, ConsentKind.RESULTS_TRANSFER
CASES = pytest.mark.parametrize(
    ("end", "begin", "reason"),
    [
        (lose(PERSONAL), give(PERSONAL), "consent-missing"),
        (lose(TRANSFER), give(TRANSFER), "transfer-consent-missing"),
        (unlink, link, "organisation-not-linked"),
        (turn_off, turn_on, "not-wanted"),
    ],
    ids=["personal-data", "transfer", "linkage", "settings"],
)


def sent(portal: Portal, laboratory: Laboratory, value: str, **changed: str) -> UUID:
    (answer,) = portal.submit(laboratory.seal(bundle("1", value=value, **changed))).json()["reports"]
    return UUID(answer["id"])


def shown(portal: Portal, patient_id: PatientId) -> list[tuple[int, str, str | None]]:
    """Number and status of each report in the cabinet, and why a later version waits."""
    portal.catch_up()
    ledger = portal.opened.ledger
    rows = cabinet.reports_of(ledger, patient_id)
    return [(row.version, row.status, sheet_of(ledger, row.report_id, patient_id).held) for row in rows]


@CASES
def test_a_version_that_comes_after_the_permission_ended_waits_for_it(
    portal: Portal, laboratory: Laboratory, end: Act, begin: Act, reason: str
) -> None:
    organisation_id = OrganisationId(laboratory.laboratory_id)
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    report_id = sent(portal, laboratory, "72.50")
    end(portal, anna, organisation_id)
    sent(portal, laboratory, "75.00", status="corrected")
    portal.notify()
    assert shown(portal, anna) == [(1, "final", reason)]
    versions = cabinet.versions_of(portal.opened.ledger, anna, report_id)
    assert [version.version for version in versions] == [1], "of the newer one only that it is there is said"
    # Without the consent to personal data the notice of the first one is not sent any more either.
    silent = [one.event for one in portal.events(ChannelsSuppressed) if one.event.report_version == 2]
    assert [[one.reason for one in event.channels] for event in silent] == [[reason] * len(Channel)]

    begin(portal, anna, organisation_id)
    portal.notify()
    assert shown(portal, anna) == [(2, "corrected", None)]
    assert len(portal.events(NotificationRequested)) == 1, "only the first version is announced"
    assert len(portal.events(ReportVersionsHeld)) == len(portal.events(ReportVersionsReleased)) == 1
    portal.notify()
    assert len(portal.events(ReportVersionsReleased)) == 1
    assert letopis(portal.opened, "rebuild", "--check").returncode == 0


@CASES
def test_a_version_that_came_before_the_permission_ended_stays(
    portal: Portal, laboratory: Laboratory, end: Act, begin: Act, reason: str
) -> None:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    sent(portal, laboratory, "72.50")
    sent(portal, laboratory, "75.00", status="corrected")
    end(portal, anna, OrganisationId(laboratory.laboratory_id))
    portal.notify()
    assert shown(portal, anna) == [(2, "corrected", None)]
    assert portal.events(ReportVersionsHeld) == []
    assert len(portal.events(NotificationRequested)) == 2


def test_the_hold_is_recorded_before_the_version_that_it_holds(
    portal: Portal, laboratory: Laboratory
) -> None:
    """So that a reader who stops between two events has not shown what was not permitted."""
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    sent(portal, laboratory, "72.50")
    withdraw(portal.opened, anna, TRANSFER)
    sent(portal, laboratory, "75.00", status="corrected")
    (held,), (revised,) = portal.events(ReportVersionsHeld), portal.events(ReportRevised)
    assert held.stream_id == revised.stream_id and held.version + 1 == revised.version


def test_several_versions_wait_and_the_one_that_stands_comes(portal: Portal, laboratory: Laboratory) -> None:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    report_id = sent(portal, laboratory, "72.50", issued="2026-11-22T14:00:00+03:00")
    withdraw(portal.opened, anna, TRANSFER)
    sent(portal, laboratory, "75.00", status="corrected", issued="2026-11-22T16:00:00+03:00")
    sent(portal, laboratory, "74.00", status="amended", issued="2026-11-22T15:00:00+03:00")
    assert shown(portal, anna) == [(1, "final", "transfer-consent-missing")]
    grant(portal.opened, anna, TRANSFER)
    sent(portal, laboratory, "76.00", status="corrected", issued="2026-11-22T17:00:00+03:00")
    assert shown(portal, anna) == [(4, "corrected", None)], "a version that is permitted brings what waited"
    versions = cabinet.versions_of(portal.opened.ledger, anna, report_id)
    assert [version.version for version in versions] == [1, 2, 3, 4]
    assert letopis(portal.opened, "rebuild", "--check").returncode == 0


def test_the_page_says_that_a_newer_version_waits_and_why(portal: Portal, laboratory: Laboratory) -> None:
    person = portal.person().register()
    anna = person.patient_id
    settle(portal.opened, anna, ANNA, laboratory.laboratory_id)
    report_id = sent(portal, laboratory, "72.50")
    withdraw(portal.opened, anna, TRANSFER)
    sent(portal, laboratory, "75.00", status="corrected")
    portal.catch_up()
    page = person.get(f"/reports/{report_id}").text
    assert "прислала более новую версию" in page and "Нет согласия на передачу результатов" in page
    assert "72,50" in page and "75,00" not in page


def test_an_auditor_makes_every_decision_again_by_the_command_line(
    portal: Portal, laboratory: Laboratory
) -> None:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    sent(portal, laboratory, "72.50")
    withdraw(portal.opened, anna, TRANSFER)
    sent(portal, laboratory, "75.00", status="corrected")
    found = letopis(portal.opened, "redecide")
    # The first version, its hold, and each channel of both.
    assert (found.returncode, found.stdout) == (0, "same: 8, differing: 0, erased: 0\n")
