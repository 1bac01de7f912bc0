"""A study request in the ledger: its time is free when nobody needs it, and only what the patient sees fulfils it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from domain.consent import ConsentKind
from domain.report_content import ReportContent, ReportStatus
from domain.sampling import SamplingPointStated
from domain.study_catalogue import STUDIES
from domain.study_request import Coverage, RequestStatus, StudyChosen
from domain.values import Identifier, OrganisationId, PatientId
from ledger import consents, misfiling, sampling, study_request
from ledger.commands import by_patient
from ledger.matching import release_held
from ledger.store import Ledger
from tests.ledger.test_matching import SNILS, agreed, patient, registered, stated
from tests.ledger.test_permission import DOCUMENT, PANELS, arrives, content
from tests.scenario import TESTER

NOW = datetime.now(UTC)


@pytest.fixture
def patient_id(ledger: Ledger) -> PatientId:
    found = patient(ledger, "+79990000001")
    stated(ledger, found, SNILS[0], "Соколова", "Анна", "1984-02-29")
    return found


@pytest.fixture
def organisation_id(ledger: Ledger, patient_id: PatientId) -> OrganisationId:
    laboratory_id = registered(ledger, "one")
    agreed(ledger, patient_id, laboratory_id)
    return OrganisationId(laboratory_id)


@pytest.fixture
def request_id(ledger: Ledger, patient_id: PatientId, organisation_id: OrganisationId) -> UUID:
    order = study_request.Order(organisation_id, STUDIES[PANELS[0]], Coverage.POLICY)
    return study_request.request_study(ledger, patient_id, order, by_patient(patient_id))


def answer(ledger: Ledger, request_id: UUID, *, second: int, status: ReportStatus) -> ReportContent:
    """A version of the report that names the request."""
    chosen = next(one.event for one in ledger.read(request_id) if isinstance(one.event, StudyChosen))
    sent = content("1", PANELS[0], sent_second=second)
    named = Identifier(system="urn:letopis:request", value=chosen.number)
    return replace(sent, status=status, identifiers=(*sent.identifiers, named))


def fulfilled(ledger: Ledger, request_id: UUID, report_id: UUID) -> bool:
    return study_request.fulfil(ledger, request_id, report_id=report_id, by=TESTER)


def take(ledger: Ledger, request_id: UUID, _: OrganisationId) -> None:
    study_request.take_sample(ledger, request_id, taken_at=NOW, now=NOW, by=TESTER)


def reach(ledger: Ledger, request_id: UUID, _: OrganisationId) -> None:
    study_request.reach_laboratory(ledger, request_id, at=NOW, by=TESTER)


def answered(ledger: Ledger, request_id: UUID, organisation_id: OrganisationId) -> None:
    sent = answer(ledger, request_id, second=1, status=ReportStatus.FINAL)
    assert fulfilled(ledger, request_id, arrives(ledger, organisation_id, sent))  # type: ignore[arg-type]


def cancel(ledger: Ledger, request_id: UUID, _: OrganisationId) -> None:
    study_request.cancel(ledger, request_id, reason="patient", by=TESTER)


@pytest.mark.parametrize("act", [take, reach, answered, cancel])
def test_a_time_that_nobody_needs_any_more_is_free(
    ledger: Ledger,
    organisation_id: OrganisationId,
    request_id: UUID,
    act: Callable[[Ledger, UUID, OrganisationId], None],
) -> None:
    point = SamplingPointStated(
        organisation_id=organisation_id,
        code="П-1",
        name="Пункт",
        address="ул. Примерная, 1",
        time_zone="Europe/Moscow",
        weekdays=tuple(range(7)),
        opens="08:00",
        closes="12:00",
        slot_minutes=30,
    )
    sampling.state_point(ledger, point, TESTER)
    week = {"now": NOW, "days": 7}
    every = sampling.free_slots(ledger, point, **week)
    study_request.schedule_sampling(
        ledger, request_id, point=point.code, starts_at=every[-1], now=NOW, by=TESTER
    )
    assert every[-1] not in sampling.free_slots(ledger, point, **week)
    act(ledger, request_id, organisation_id)
    assert sampling.free_slots(ledger, point, **week) == every


def test_a_version_that_is_held_fulfils_nothing_until_it_is_released(
    ledger: Ledger, patient_id: PatientId, organisation_id: OrganisationId, request_id: UUID
) -> None:
    laboratory_id, by = organisation_id, by_patient(patient_id)
    preliminary = answer(ledger, request_id, second=1, status=ReportStatus.PRELIMINARY)
    report_id = arrives(ledger, laboratory_id, preliminary)  # type: ignore[arg-type]
    consents.withdraw_consent(ledger, patient_id, ConsentKind.RESULTS_TRANSFER, by)
    final = answer(ledger, request_id, second=2, status=ReportStatus.FINAL)
    assert arrives(ledger, laboratory_id, final) == report_id  # type: ignore[arg-type]
    assert not fulfilled(ledger, request_id, report_id), "the patient sees the preliminary one"
    document = replace(DOCUMENT, kind=ConsentKind.RESULTS_TRANSFER)
    consents.grant_consent(ledger, patient_id, agreed=document, current=document, by=by)
    assert release_held(ledger, report_id)
    assert fulfilled(ledger, request_id, report_id)
    assert study_request.load_request(ledger, request_id)[0].status is RequestStatus.FULFILLED


def test_a_report_that_was_taken_from_the_patient_fulfils_nothing(
    ledger: Ledger, organisation_id: OrganisationId, request_id: UUID
) -> None:
    sent = answer(ledger, request_id, second=1, status=ReportStatus.FINAL)
    report_id = arrives(ledger, organisation_id, sent)  # type: ignore[arg-type]
    successor_id = misfiling.undo(ledger, report_id, TESTER)
    assert not fulfilled(ledger, request_id, report_id)
    assert not fulfilled(ledger, request_id, successor_id)
