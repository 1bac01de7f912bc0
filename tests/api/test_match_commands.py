"""A person decides whose a report is; what they decided holds, and no name ever decides by itself."""

import json
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from api import laboratories
from api.laboratories import OPERATOR
from domain.laboratory import LaboratoryRegistered
from domain.numbers import LaboratoryNumber
from domain.patient import LaboratoryPatientIdLinked, LaboratoryPatientIdUnlinked
from domain.proposal import MatchConfirmed, MatchDeclined, MatchProposed
from domain.reading import ProposalRead
from domain.report import ReportMatched
from domain.values import LaboratoryId, OrganisationId, PatientId
from ledger import proposals
from ledger.commands import by_patient
from ledger.linkage import link_organisation
from projections import audit, cabinet
from tests.api.cast import (
    ALL_CONSENTS,
    ANNA,
    BORIS,
    SNILS_SYSTEM,
    Laboratory,
    Portal,
    Who,
    bundle,
    grant,
    settled,
    who,
)
from tests.api.command import letopis

OWN_SYSTEM = "urn:lab:patients"
OWN = (OWN_SYSTEM, "П-0042")
WRONG_SNILS = (SNILS_SYSTEM, "254-636-254 26")


def sent(
    portal: Portal, laboratory: Laboratory, number: str, person: Who = ANNA, *ids: tuple[str, str]
) -> UUID:
    """A report about the person by name and birth date, with these numbers only; its id."""
    answer = portal.submit(laboratory.seal(bundle(number, person, identifiers=ids)))
    assert answer.status_code == 201, answer.text
    (report,) = answer.json()["reports"]
    return UUID(report["report_id"] if "report_id" in report else report["id"])


def held(portal: Portal, report_id: UUID) -> str | None:
    """Why the report waited when it came."""
    found = [
        report.held
        for recorded in portal.opened.ledger.read_all(limit=10_000)
        for report in getattr(recorded.event, "reports", ())
        if report.report_id == report_id
    ]
    return found[0]


def listed(portal: Portal) -> list[dict[str, Any]]:
    found = letopis(portal.opened, "match", "list", "--json")
    assert found.returncode == 0, found.stderr
    return [json.loads(line) for line in found.stdout.splitlines()]


def matched(portal: Portal) -> list[tuple[UUID, PatientId, str]]:
    return [
        (recorded.stream_id, recorded.event.patient_id, recorded.event.matched_by)
        for recorded in portal.events(ReportMatched)
    ]


def decided(portal: Portal, *arguments: str | UUID, code: str | None = None) -> str:
    """What the command said; with `code` it must refuse with that code, in words."""
    found = letopis(portal.opened, "match", *map(str, arguments))
    if code is None:
        assert found.returncode == 0, found.stderr
        return found.stdout
    assert found.returncode == 1 and found.stderr.startswith(f"{code}: "), found.stderr
    assert len(found.stderr.splitlines()) >= 2
    return found.stderr


def confirmed(portal: Portal, report_id: UUID, patient_id: PatientId) -> proposals.Confirmed:
    return proposals.confirm(portal.opened.ledger, report_id, patient_id, OPERATOR)


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> PatientId:
    return settled(portal.opened, ANNA, laboratory.laboratory_id)


def test_a_person_confirms_and_from_then_on_the_laboratorys_number_recognises(
    portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    report_id = sent(portal, laboratory, "1", ANNA, OWN, WRONG_SNILS)
    assert held(portal, report_id) == "check-digit-failed"
    (line,) = listed(portal)
    assert line == {
        "report": str(report_id),
        "laboratory": laboratory.sender.handle,
        "patient": str(anna),
        "by": "name",
        "agree": ["name", "birth_date"],
        "numbers": "check-digit-failed",
        "confirmable": True,
    }
    assert str(report_id) in decided(portal, "list")
    assert decided(portal, "confirm", report_id, anna) == f"{report_id}: matched\n"
    assert matched(portal) == [(report_id, anna, "person")]
    (event,) = portal.events(MatchConfirmed)
    assert event.circumstances.actor == OPERATOR.actor
    assert listed(portal) == []
    assert [row.report_id for row in cabinet.reports_of(portal.opened.ledger, anna)] == [report_id]
    second = sent(portal, laboratory, "2", ANNA, OWN)
    assert held(portal, second) is None
    assert matched(portal)[1:] == [(second, anna, "laboratory-patient-id")]


def test_both_are_shown_side_by_side_and_that_is_recorded_and_told_to_the_patient(
    portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    report_id = sent(portal, laboratory, "1", replace(ANNA, family="СОКОЛОВА"), OWN)
    body = json.loads(decided(portal, "show", report_id, anna, "--json"))
    assert body["fields"]["family"] == ["СОКОЛОВА", "Соколова"]
    assert body["fields"]["birth_date"] == [ANNA.birth_date, ANNA.birth_date]
    assert body["fields"]["snils"] == ["", ANNA.snils]
    assert (body["agree"]["family"], body["agree"]["sex"]) == ("same", "not known")
    assert body["confirmable"]
    (read,) = portal.events(ProposalRead)
    assert (read.event.patient_id, read.event.report_id) == (anna, report_id)
    assert read.circumstances.actor == OPERATOR.actor
    portal.catch_up()
    (entry,) = audit.readings_of(portal.opened.ledger, anna)
    assert (entry.name, entry.detail["purpose"]) == ("ProposalRead", "operation")
    assert "СОКОЛОВА" in decided(portal, "show", report_id, anna)


def test_what_nothing_proposes_is_neither_shown_nor_decided(
    portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    report_id = sent(portal, laboratory, "1", BORIS, OWN)
    before = portal.opened.ledger.last_position()
    for verb in ("show", "confirm", "decline"):
        decided(portal, verb, report_id, anna, code="match-not-proposed")
    decided(portal, "confirm", uuid4(), anna, code="report-not-found")
    # Two ids stand beside each other: one of them may be taken for the other, or for a laboratory's.
    for other in (uuid4(), report_id, laboratory.laboratory_id):
        decided(portal, "confirm", report_id, other, code="patient-not-found")
    decided(portal, "confirm", anna, anna, code="report-not-found")
    assert portal.opened.ledger.last_position() == before


def test_a_good_number_of_another_person_is_never_confirmed(
    portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    report_id = sent(portal, laboratory, "1", ANNA, (SNILS_SYSTEM, BORIS.snils))
    assert held(portal, report_id) == "patient-unknown"
    (line,) = listed(portal)
    assert (line["numbers"], line["confirmable"]) == ("contradict", False)
    decided(portal, "confirm", report_id, anna, code="match-contradicted")
    assert "not confirmable" in decided(portal, "show", report_id, anna)
    # The number finds its owner afterwards: they are told apart, and by name nobody is proposed.
    boris = settled(portal.opened, BORIS, laboratory.laboratory_id)
    decided(portal, "confirm", report_id, anna, code="match-contradicted")
    assert not portal.events(MatchConfirmed) and matched(portal) == []
    portal.notify()
    (line,) = listed(portal)
    assert (line["by"], line["patient"]) == ("number", str(boris))


def test_what_was_declined_is_not_proposed_again(
    portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    report_id = sent(portal, laboratory, "1", ANNA)
    decided(portal, "decline", report_id, anna)
    (event,) = portal.events(MatchDeclined)
    assert event.circumstances.actor == OPERATOR.actor
    assert listed(portal) == []
    portal.notify()
    assert matched(portal) == []


def test_a_confirmation_is_remembered_until_linkage_and_consent_come(
    portal: Portal, laboratory: Laboratory
) -> None:
    anna = settled(portal.opened, ANNA, None, consents=())
    report_id = sent(portal, laboratory, "1", ANNA, OWN)
    assert decided(portal, "confirm", report_id, anna).endswith("confirmed, waits: organisation-not-linked\n")
    portal.notify()
    assert matched(portal) == [] and listed(portal) == []
    ledger = portal.opened.ledger
    link_organisation(ledger, anna, OrganisationId(laboratory.laboratory_id), by_patient(anna))
    assert confirmed(portal, report_id, anna) == proposals.Confirmed(False, "consent-missing")
    for kind in ALL_CONSENTS:
        grant(portal.opened, anna, kind)
    portal.notify()
    assert matched(portal) == [(report_id, anna, "person")]
    assert len(portal.events(MatchConfirmed)) == 1


def test_a_confirmation_does_not_outlive_a_number_that_says_otherwise(
    portal: Portal, laboratory: Laboratory
) -> None:
    anna = settled(portal.opened, ANNA, None)
    report_id = sent(portal, laboratory, "1", ANNA, OWN)
    proposals.confirm(portal.opened.ledger, report_id, anna, OPERATOR, links_number=False)
    boris = settled(portal.opened, BORIS, laboratory.laboratory_id)
    linked(portal, laboratory.laboratory_id, boris)
    link_organisation(portal.opened.ledger, anna, OrganisationId(laboratory.laboratory_id), by_patient(anna))
    portal.notify()
    assert matched(portal) == []


# The laboratory's own numbers.


def linked(portal: Portal, laboratory_id: LaboratoryId, patient_id: PatientId) -> None:
    proposals.link_number(portal.opened.ledger, laboratory_id, patient_id, LaboratoryNumber(*OWN), OPERATOR)


def test_an_operator_links_a_laboratorys_number_and_unlinks_it(
    portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    first = sent(portal, laboratory, "1", ANNA, OWN)
    handle = laboratory.sender.handle
    arguments = (handle, "--patient", anna, "--number", OWN[1], "--system", OWN_SYSTEM)
    decided(portal, "link-id", *arguments)
    decided(portal, "link-id", *arguments)
    assert len(portal.events(LaboratoryPatientIdLinked)) == 1
    # What waited is found by it too.
    portal.notify()
    assert matched(portal) == [(first, anna, "laboratory-patient-id")]
    decided(portal, "unlink-id", *arguments)
    assert len(portal.events(LaboratoryPatientIdUnlinked)) == 1
    assert held(portal, sent(portal, laboratory, "2", ANNA, OWN)) == "patient-unknown"
    decided(portal, "unlink-id", *arguments, code="laboratory-patient-id-unknown")
    decided(portal, "link-id", *arguments)
    assert held(portal, sent(portal, laboratory, "3", ANNA, OWN)) is None


def test_a_number_that_cannot_be_linked_is_refused_with_its_reason(
    portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    linked(portal, laboratory.laboratory_id, anna)
    boris = settled(portal.opened, BORIS, laboratory.laboratory_id)
    handle = laboratory.sender.handle
    for patient_id, number, system, code in (
        (boris, OWN[1], OWN_SYSTEM, "laboratory-patient-id-taken"),
        (boris, "0000", OWN_SYSTEM, "laboratory-patient-id-filler"),
        (boris, BORIS.snils, SNILS_SYSTEM, "laboratory-patient-id-system"),
        (uuid4(), "17", "", "patient-not-found"),
        (laboratory.laboratory_id, "17", "", "patient-not-found"),
    ):
        arguments = ("--patient", patient_id, "--number", number, "--system", system)
        decided(portal, "link-id", handle, *arguments, code=code)
    decided(portal, "link-id", "nobody", "--patient", boris, "--number", "17", code="laboratory-not-found")
    assert len(portal.events(LaboratoryPatientIdLinked)) == 1


def test_a_confirmation_whose_number_is_anothers_is_refused_whole(
    portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    """Anna and a namesake of the same day: the report's second number is the namesake's."""
    namesake = settled(portal.opened, who(3), laboratory.laboratory_id)
    report_id = sent(portal, laboratory, "1", ANNA, OWN)
    linked(portal, laboratory.laboratory_id, namesake)
    decided(portal, "confirm", report_id, anna, code="match-contradicted")
    portal.notify()
    assert matched(portal) == [(report_id, namesake, "laboratory-patient-id")]
    decided(portal, "confirm", report_id, anna, code="report-not-waiting")


def test_equal_numbers_of_two_laboratories_are_two(
    portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    registered = LaboratoryRegistered(handle="helix", name="Хеликс", inn="7830002293", ogrn="1027739054420")
    other_id, sender = laboratories.add(portal.opened.ledger, portal.opened.settings.home, registered)
    other = Laboratory(other_id, sender, portal.opened)
    linked(portal, laboratory.laboratory_id, anna)
    assert held(portal, sent(portal, other, "1", ANNA, OWN)) == "patient-unknown"
    boris = settled(portal.opened, BORIS, other_id)
    linked(portal, other_id, boris)
    assert held(portal, sent(portal, other, "2", BORIS, OWN)) is None
    assert [patient_id for _, patient_id, _ in matched(portal)] == [boris]


@pytest.mark.parametrize(
    "case",
    [
        (BORIS, (OWN,), "identity-contradicts"),
        (replace(ANNA, birth_date="1984-02-28"), (OWN,), "identity-contradicts"),
        (ANNA, (OWN, (SNILS_SYSTEM, BORIS.snils)), "patient-ambiguous"),
        (ANNA, (OWN, WRONG_SNILS), None),
        (ANNA, ((OWN_SYSTEM, "П-0043"),), "patient-unknown"),
        (ANNA, (("urn:lab:other", OWN[1]),), "patient-unknown"),
    ],
)
def test_a_laboratorys_number_recognises_only_if_nothing_contradicts(
    portal: Portal,
    laboratory: Laboratory,
    anna: PatientId,
    case: tuple[Who, tuple[tuple[str, str], ...], str | None],
) -> None:
    person, ids, expected = case
    linked(portal, laboratory.laboratory_id, anna)
    assert held(portal, sent(portal, laboratory, "1", person, *ids)) == expected


def test_a_checked_number_and_a_laboratorys_number_of_two_people_name_nobody(
    portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    boris = settled(portal.opened, BORIS, laboratory.laboratory_id)
    linked(portal, laboratory.laboratory_id, boris)
    report_id = sent(portal, laboratory, "1", ANNA, (SNILS_SYSTEM, ANNA.snils), OWN)
    assert held(portal, report_id) == "patient-ambiguous"
    portal.notify()
    assert matched(portal) == [] and listed(portal) == []


# A number that hit another person.


def test_a_slip_in_a_number_that_hits_another_person_is_held_and_a_person_decides(
    portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    report_id = sent(portal, laboratory, "1", BORIS, (SNILS_SYSTEM, ANNA.snils))
    assert held(portal, report_id) == "identity-contradicts"
    for _ in range(3):
        portal.notify()
    assert len(portal.events(MatchProposed)) == 1 and matched(portal) == []
    (line,) = listed(portal)
    assert (line["by"], line["numbers"], line["agree"]) == ("number", "lead-to-patient", [])
    assert line["confirmable"]
    assert "same: the number, not the person;" in letopis(portal.opened, "match", "list").stdout
    decided(portal, "confirm", report_id, anna)
    assert matched(portal) == [(report_id, anna, "person")]


def test_a_slip_is_found_too_when_the_number_gets_its_owner_later(
    portal: Portal, laboratory: Laboratory
) -> None:
    report_id = sent(portal, laboratory, "1", BORIS, (SNILS_SYSTEM, ANNA.snils))
    assert held(portal, report_id) == "patient-unknown"
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    for _ in range(3):
        portal.notify()
    assert matched(portal) == []
    (proposed,) = portal.events(MatchProposed)
    assert (proposed.event.report_id, proposed.event.patient_id) == (report_id, anna)
    decided(portal, "decline", report_id, anna)
    portal.notify()
    assert listed(portal) == [] and len(portal.events(MatchProposed)) == 1


def test_a_married_name_or_a_wrong_date_alone_does_not_hold_a_checked_number(
    portal: Portal, laboratory: Laboratory, anna: PatientId
) -> None:
    for number, person in enumerate((replace(ANNA, family="Орлова"), replace(ANNA, birth_date="1990-01-01"))):
        assert held(portal, sent(portal, laboratory, str(number), person, (SNILS_SYSTEM, ANNA.snils))) is None
    assert [kind for _, _, kind in matched(portal)] == ["snils", "snils"]


@pytest.mark.parametrize(
    ("family", "snils"),
    [
        ("Соколова", "{0}-{1}-{2} {3}"),
        ("СОКОЛОВА\u200f", "{0}\u00a0{1}\u00a0{2}\u00a0{3}"),
        ("Cоколова", "{0}{1}{2}{3}"),
    ],
)
def test_however_name_and_number_are_written_it_is_the_same_patient_and_is_kept_as_sent(
    portal: Portal, laboratory: Laboratory, anna: PatientId, family: str, snils: str
) -> None:
    """reliability.md, fault 60."""
    number = snils.format(ANNA.snils[:3], ANNA.snils[3:6], ANNA.snils[6:9], ANNA.snils[9:])
    person = replace(ANNA, family=family, birth_date="1990-01-01")
    report_id = sent(portal, laboratory, "1", person, (SNILS_SYSTEM, number))
    assert matched(portal) == [(report_id, anna, "snils")]
    told = json.loads(letopis(portal.opened, "report", str(report_id), "--json").stdout)
    assert told["patient"]["family"] == family
