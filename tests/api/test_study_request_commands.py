"""`letopis study-request`: an organisation states its points, and says what became of samples."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from api.node import Node
from domain.study_catalogue import STUDIES
from domain.study_request import Coverage, RequestStatus, StudyChosen
from domain.values import OrganisationId
from ledger import study_request
from ledger.commands import by_patient
from ledger.study_request import Order
from tests.api.cast import ANNA, Laboratory, Portal, settled
from tests.api.command import letopis


@pytest.fixture
def asked(portal: Portal, laboratory: Laboratory) -> tuple[UUID, str]:
    """A request, and the number that the patient says at the organisation."""
    patient_id = settled(portal.opened, ANNA, laboratory.laboratory_id)
    order = Order(OrganisationId(laboratory.laboratory_id), STUDIES["58410-2"], Coverage.CONTRACT)
    request_id = study_request.request_study(portal.opened.ledger, patient_id, order, by_patient(patient_id))
    (chosen,) = portal.events(StudyChosen)
    return request_id, chosen.event.number


def status(opened: Node, request_id: UUID) -> RequestStatus:
    return study_request.load_request(opened.ledger, request_id)[0].status


def test_a_sample_is_followed_by_its_number(opened: Node, asked: tuple[UUID, str]) -> None:
    request_id, number = asked
    at = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    said = letopis(opened, "study-request", "taken", "invitro", number.lower().replace("-", ""), "--at", at)
    assert said.returncode == 0, said.stderr
    assert status(opened, request_id) is RequestStatus.SAMPLED
    assert letopis(opened, "study-request", "reached", "invitro", number).returncode == 0
    assert letopis(opened, "study-request", "paid", "invitro", number).returncode == 0
    assert status(opened, request_id) is RequestStatus.AT_LABORATORY
    assert letopis(opened, "study-request", "cancel", "invitro", number).returncode == 0
    closed = letopis(opened, "study-request", "taken", "invitro", number)
    assert closed.returncode == 1 and "fulfilled or cancelled" in closed.stderr


def test_what_is_not_so_is_refused_in_words(opened: Node, asked: tuple[UUID, str]) -> None:
    unknown = letopis(opened, "study-request", "taken", "invitro", "00000-00000")
    assert unknown.returncode == 1 and "no such study request" in unknown.stderr
    future = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    late = letopis(opened, "study-request", "taken", "invitro", asked[1], "--at", future)
    assert late.returncode == 1 and "still to come" in late.stderr
    assert letopis(opened, "study-request", "taken", "invitro", asked[1], "--at", "noon").returncode == 2


def test_a_point_is_stated_listed_and_closed(opened: Node, laboratory: Laboratory) -> None:
    stated = letopis(
        opened, "study-request", "point", "invitro", "П-1", "--address", "ул. Примерная, 1", "--days", "1,3-5"
    )
    assert stated.returncode == 0, stated.stderr
    (line,) = letopis(opened, "study-request", "points", "invitro").stdout.splitlines()
    assert json.loads(line)["weekdays"] == [1, 3, 4, 5]
    wrong = letopis(
        opened, "study-request", "point", "invitro", "П-2", "--address", "там же", "--opens", "12:00"
    )
    assert wrong.returncode == 1 and "open before it closes" in wrong.stderr
    assert letopis(opened, "study-request", "close-point", "invitro", "П-1").returncode == 0
    assert letopis(opened, "study-request", "points", "invitro").stdout == ""
    again = letopis(opened, "study-request", "close-point", "invitro", "П-1")
    assert again.returncode == 1 and "no such point" in again.stderr
