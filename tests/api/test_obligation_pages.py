"""An operator sees what withdrawn consents oblige to, the overdue first, and says what was done."""

from uuid import uuid4

import pytest

from api.consent_documents import current
from api.staff import web as staff_web
from domain.consent import ConsentKind, Scope
from domain.obligation import ObligationArose, ObligationExtended, ObligationMet
from domain.values import OrganisationId
from ledger.commands import by_patient
from ledger.consents import grant_consent, withdraw_consent
from tests.api.cast import ANNA, Laboratory, Portal, code_of, settled, withdraw
from tests.api.command import letopis
from tests.api.staff_cast import Member

LIST = "/staff/obligations"


@pytest.fixture(autouse=True)
def _nobody_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The views follow when the test says so: no page needs to wait for them."""
    monkeypatch.setattr(staff_web, "FOLLOW_SECONDS", 0.0)


@pytest.fixture
def operator(ivan: Member) -> Member:
    return ivan.enrolled()


def told_late(portal: Portal, laboratory: Laboratory) -> str:
    """Anna withdrew a consent that the laboratory is to be told of; the obligation's id."""
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id, consents=())
    document = current(ConsentKind.ELECTRONIC_TRANSFER, "ru").document
    organisation_id, by = OrganisationId(laboratory.laboratory_id), by_patient(anna)
    scope = Scope(organisations=(organisation_id,))
    ledger = portal.opened.ledger
    grant_consent(ledger, anna, agreed=document, current=document, by=by, scope=scope)
    withdraw_consent(ledger, anna, document.kind, by, organisation_id=organisation_id)
    portal.catch_up()
    (arose,) = portal.events(ObligationArose)
    return str(arose.stream_id)


def test_an_obligation_is_shown_without_a_name_and_met_by_an_act(
    portal: Portal, laboratory: Laboratory, operator: Member
) -> None:
    obligation_id = told_late(portal, laboratory)
    page = operator.get(LIST).text
    assert "Сообщить организации об отзыве" in page and ANNA.family not in page
    assert operator.post(f"{LIST}/{obligation_id}/meet", proof="consent-withdrawn").status_code == 404
    answer = operator.post(f"{LIST}/{obligation_id}/meet", proof="letter")
    assert answer.headers["location"] == f"{LIST}?notice=obligation-met"
    (met,) = portal.events(ObligationMet)
    assert met.circumstances.actor == "staff:ivan"
    portal.catch_up()
    assert "Обязательств нет" in operator.get(LIST).text
    again = operator.post(f"{LIST}/{obligation_id}/meet", proof="letter")
    assert (again.status_code, code_of(again)) == (409, "obligation-closed")
    assert letopis(portal.opened, "rebuild", "--check").returncode == 0


def test_a_term_is_extended_once(portal: Portal, laboratory: Laboratory, operator: Member) -> None:
    obligation_id = told_late(portal, laboratory)
    assert operator.post(f"{LIST}/{obligation_id}/extend").status_code == 303
    assert len(portal.events(ObligationExtended)) == 1
    again = operator.post(f"{LIST}/{obligation_id}/extend")
    assert (again.status_code, code_of(again)) == (409, "obligation-closed")
    for act in ("meet", "extend"):
        assert operator.post(f"{LIST}/{uuid4()}/{act}", proof="letter").status_code == 404


def test_what_is_overdue_comes_first(portal: Portal, laboratory: Laboratory, operator: Member) -> None:
    anna = settled(portal.opened, ANNA, laboratory.laboratory_id)
    withdraw(portal.opened, anna, ConsentKind.PERSONAL_DATA)
    portal.catch_up()
    with portal.opened.ledger.pool.connection() as connection:
        connection.execute("UPDATE obligations.obligations SET due = '2020-01-01' WHERE outcome IS NULL")
    page = operator.get(LIST).text
    assert "Просрочено: 1" in page and "Уничтожить данные" in page
    assert "Отправлено письмо" not in page, "destroying is an act of its own"
