"""A patient asks for a study, books a time that nobody else gets, and sees where it is until the result is there."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any
from uuid import UUID

import pytest

from api.study_matching import fulfil_requests
from domain.laboratory import LaboratoryStudyTypesAllowed
from domain.linkage import OrganisationLinked
from domain.receiving import ReceivingSettings, ReceivingSettingsChanged
from domain.sampling import SamplingPointStated
from domain.study_request import (
    Coverage,
    PaymentWord,
    SamplingScheduled,
    StudyChosen,
    StudyPaid,
    StudyRequested,
    StudyRequestFulfilled,
)
from domain.study_type import StudyType
from domain.values import OrganisationId
from ledger import commands, onboarding, sampling, study_request
from ledger.commands import by_patient
from ledger.linkage import unlink_organisation
from ledger.policy import unlink_policy
from ledger.receiving import load_receiving, save_settings
from ledger.recorder import MarkTakenError
from projections import matching
from tests.api.cast import ANNA, BORIS, ENP_SYSTEM, Laboratory, Person, Portal, bundle, code_of, settle
from tests.scenario import TESTER

TSH = {"coding": [{"system": "http://loinc.org", "code": "3016-3", "display": "ТТГ"}]}


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> Person:
    return patient(portal, laboratory, ANNA)


def patient(portal: Portal, laboratory: Laboratory, who: Any) -> Person:
    person = portal.person(who).register()
    settle(portal.opened, person.patient_id, who, laboratory.laboratory_id)
    portal.catch_up()
    return person


@pytest.fixture
def point(portal: Portal, laboratory: Laboratory) -> SamplingPointStated:
    """Open every day, so that no test depends on the day it runs."""
    stated = SamplingPointStated(
        organisation_id=OrganisationId(laboratory.laboratory_id),
        code="П-1",
        name="Процедурный кабинет",
        address="ул. Примерная, 1",
        time_zone="Europe/Moscow",
        weekdays=(0, 1, 2, 3, 4, 5, 6),
        opens="08:00",
        closes="09:00",
        slot_minutes=15,
    )
    sampling.state_point(portal.opened.ledger, stated, TESTER)
    return stated


def order(laboratory: Laboratory, **changed: str) -> dict[str, str]:
    plain = {"organisation": str(laboratory.laboratory_id), "study": "3016-3", "coverage": "policy"}
    return plain | changed


def ask(person: Person, laboratory: Laboratory, **changed: str) -> str:
    """The path of the new request, or the code of the refusal."""
    answer = person.post("/services/studies", **order(laboratory, **changed))
    if answer.status_code != 303:
        return code_of(answer)
    person.portal.catch_up()
    return answer.headers["location"].partition("?")[0]


def free(person: Person, path: str) -> list[str]:
    return re.findall(r'<option value="(П-1\|[^"]+)"', person.get(path).text)


def request_id_of(path: str) -> UUID:
    return UUID(path.rpartition("/")[2])


def test_only_studies_that_the_organisation_makes_are_offered(
    portal: Portal, laboratory: Laboratory, anna: Person, point: SamplingPointStated
) -> None:
    page = anna.get("/services/studies").text
    assert "Тиреотропный гормон (ТТГ)" in page and "УЗИ органов брюшной полости" in page
    allowed = LaboratoryStudyTypesAllowed(study_types=(StudyType.HORMONES, StudyType.BLOOD_COUNT))
    onboarding.state_laboratory(portal.opened.ledger, "invitro", allowed, TESTER)
    page = anna.get("/services/studies").text
    assert "Тиреотропный гормон (ТТГ)" in page and "УЗИ органов брюшной полости" not in page
    urgent = anna.get("/services/studies?urgent=yes").text
    assert "Общий анализ крови" in urgent and "Тиреотропный" not in urgent
    assert ask(anna, laboratory, study="24558-9") == "study-not-available"
    assert ask(anna, laboratory, urgent="yes") == "study-not-urgent"
    assert ask(anna, laboratory, study="nonsense") == "study-missing"
    assert ask(anna, laboratory, coverage="gift") == "study-coverage-missing"


def test_what_is_asked_for_is_shown_before_it_is_recorded(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    page = anna.post("/services/studies/check", **order(laboratory)).text
    assert "Проверьте введённые данные" in page and "Соколова Анна" in page and "Лаборатория Инвитро" in page
    assert ANNA.enp not in page and not portal.events(StudyRequested)
    path = ask(anna, laboratory)
    (requested,) = portal.events(StudyRequested)
    assert requested.event.patient_id == anna.patient_id
    (chosen,) = portal.events(StudyChosen)
    assert (chosen.event.code, chosen.event.coverage) == ("3016-3", Coverage.POLICY)
    assert chosen.event.number in anna.get(path).text
    assert "Запрошен" in anna.get("/services/expected").text


def test_a_request_needs_a_policy_and_the_organisation(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    ledger, by = portal.opened.ledger, by_patient(anna.patient_id)
    unlink_organisation(ledger, anna.patient_id, OrganisationId(laboratory.laboratory_id), by)
    portal.catch_up()
    assert ask(anna, laboratory) == "study-organisation-not-linked"
    assert portal.events(OrganisationLinked)
    other = patient(portal, laboratory, BORIS)
    unlink_policy(ledger, other.patient_id, by_patient(other.patient_id))
    assert ask(other, laboratory) == "study-policy-missing"
    assert not portal.events(StudyRequested)


def test_automatic_notices_are_turned_on_with_the_request(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    ledger, by = portal.opened.ledger, by_patient(anna.patient_id)
    save_settings(ledger, anna.patient_id, ReceivingSettings(has_no_notices=True, channels=()), by)
    ask(anna, laboratory)
    assert not load_receiving(ledger, anna.patient_id).notices("email")
    ask(anna, laboratory, notices="yes")
    assert load_receiving(ledger, anna.patient_id).notices("email")
    ask(anna, laboratory, notices="yes")
    assert len(portal.events(ReceivingSettingsChanged)) == 2


def test_a_time_is_booked_changed_and_freed(
    portal: Portal, laboratory: Laboratory, anna: Person, point: SamplingPointStated
) -> None:
    path = ask(anna, laboratory)
    # Of tomorrow: one of today may begin meanwhile.
    first, second = free(anna, path)[4:6]
    assert anna.post(f"{path}/time", slot=first).status_code == 303
    assert first not in free(anna, path) and "Вы записаны" in anna.get(path).text
    boris = patient(portal, laboratory, BORIS)
    his = ask(boris, laboratory)
    refused = boris.post(f"{his}/time", slot=first)
    assert (refused.status_code, code_of(refused)) == (409, "study-slot-taken")
    assert anna.post(f"{path}/time", slot=second).status_code == 303
    assert boris.post(f"{his}/time", slot=first).status_code == 303, "what was left is free"
    assert anna.post(f"{path}/cancel").headers["location"].startswith("/services/expected")
    assert boris.post(f"{his}/time", slot=second).status_code == 303, "what was cancelled is free"
    assert code_of(boris.post(f"{his}/time", slot="П-1|2020-01-01T08:00:00+03:00")) == "study-slot-unknown"
    assert code_of(boris.post(f"{his}/time", slot="П-1")) == "study-slot-missing"
    assert code_of(anna.post(f"{path}/time", slot=first)) == "study-request-closed"


def test_a_time_that_many_race_for_is_one_patients(
    portal: Portal, laboratory: Laboratory, anna: Person, point: SamplingPointStated
) -> None:
    """Eight requests race for each of the first times, with real threads."""
    ledger, by = portal.opened.ledger, by_patient(anna.patient_id)
    racers = [request_id_of(ask(anna, laboratory)) for _ in range(8)]
    now = datetime.now(UTC)
    for at in sampling.free_slots(ledger, point, now=now, days=5)[:10]:
        start = Barrier(len(racers))
        lost: list[object] = []

        def race(racer: Any, at: datetime = at, start: Barrier = start, lost: list[object] = lost) -> None:
            start.wait()
            try:
                study_request.schedule_sampling(ledger, racer, point=point.code, starts_at=at, now=now, by=by)
            except MarkTakenError:
                lost.append(racer)

        threads = [Thread(target=race, args=(racer,)) for racer in racers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(lost) == len(racers) - 1, f"{at}: one wins"
        won = [one for one in portal.events(SamplingScheduled) if one.event.starts_at == at]
        assert len(won) == 1 and won[0].stream_id not in lost


def test_another_patients_request_looks_like_one_that_is_not_there(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    boris = patient(portal, laboratory, BORIS)
    theirs = ask(boris, laboratory)
    nobodys = f"/services/studies/{'0' * 8}-0000-4000-8000-{'0' * 12}"
    last = portal.opened.ledger.last_position()
    for act in ("", "/time", "/paid", "/cancel"):
        seen, unseen = (
            (anna.post(path + act, slot="П-1|x", receipt="1") if act else anna.get(path))
            for path in (theirs, nobodys)
        )
        assert (seen.status_code, unseen.status_code) == (404, 404), act
        assert seen.text.replace(theirs, "") == unseen.text.replace(nobodys, "")
    report_like = f"/services/studies/{boris.patient_id}"
    assert boris.get(report_like).status_code == 404, "an id of something else is no request"
    assert portal.opened.ledger.last_position() == last


def test_the_patients_word_of_payment_puts_a_request_first(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    first, second = ask(anna, laboratory), ask(anna, laboratory, study="3024-7", coverage="contract")
    assert code_of(anna.post(f"{first}/paid", receipt=" ")) == "study-receipt-missing"
    assert anna.post(f"{first}/paid", receipt="ФД 4471").status_code == 303
    (paid,) = portal.events(StudyPaid)
    assert paid.event == StudyPaid(said_by=PaymentWord.PATIENT, receipt_number="ФД 4471")
    listed = re.findall(r'class="cover" href="([^"]+)"', anna.get("/services/expected").text)
    assert listed == [first, second]


def test_a_result_fulfils_the_request_by_code_after_the_sample_and_by_number_before(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    ledger, now = portal.opened.ledger, datetime.now(UTC)
    path = ask(anna, laboratory)
    portal.submit(laboratory.seal(bundle("1", ANNA, code=TSH, issued=now.isoformat())))
    portal.catch_up()
    assert fulfil_requests(ledger, now) == 0, "no sample was taken for it"
    study_request.take_sample(ledger, request_id_of(path), taken_at=now, now=now, by=TESTER)
    portal.catch_up()
    assert fulfil_requests(ledger, now) == 1
    portal.catch_up()
    assert fulfil_requests(ledger, now) == 0
    page = anna.get(path).text
    assert "Результат в вашем кабинете" in page and 'href="/reports/' in page
    second = ask(anna, laboratory)
    number = portal.events(StudyChosen)[-1].event.number
    portal.submit(laboratory.seal(bundle(number, ANNA, code={"text": "Гормоны"})))
    portal.catch_up()
    assert fulfil_requests(ledger, now) == 1
    done = portal.events(StudyRequestFulfilled)
    assert [one.event.found_by for one in done] == ["code", "number"]
    assert done[-1].stream_id == request_id_of(second)


def test_what_two_requests_could_claim_by_its_code_is_given_to_neither(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    ledger, now = portal.opened.ledger, datetime.now(UTC)
    for path in (ask(anna, laboratory), ask(anna, laboratory)):
        study_request.take_sample(ledger, request_id_of(path), taken_at=now, now=now, by=TESTER)
    portal.submit(laboratory.seal(bundle("1", ANNA, code=TSH)))
    portal.catch_up()
    assert fulfil_requests(ledger, now) == 0


def test_the_page_says_why_a_result_that_has_come_is_not_shown(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    ledger, now, by = portal.opened.ledger, datetime.now(UTC), by_patient(anna.patient_id)
    path = ask(anna, laboratory)
    study_request.take_sample(
        ledger, request_id_of(path), taken_at=now - timedelta(days=10), now=now, by=TESTER
    )
    portal.catch_up()
    assert "Задерживается" in anna.get("/services/expected").text
    unlink_organisation(ledger, anna.patient_id, OrganisationId(laboratory.laboratory_id), by)
    portal.submit(laboratory.seal(bundle("1", ANNA, code=TSH)))
    portal.catch_up()
    page = anna.get(path).text
    assert "Результат пришёл, но показать его пока нельзя." in page
    assert "Организация не подключена" in page


def test_who_lays_claim_to_a_number_does_not_learn_that_its_owner_had_the_same_study(
    portal: Portal, laboratory: Laboratory
) -> None:
    """Her own sample was taken; what came since is of the owner of the policy that she typed in."""
    ledger, now = portal.opened.ledger, datetime.now(UTC)
    curious = patient(portal, laboratory, replace(ANNA, enp=BORIS.enp))
    path = ask(curious, laboratory)
    study_request.take_sample(ledger, request_id_of(path), taken_at=now, now=now, by=TESTER)
    profile = commands.load_patient(ledger, curious.patient_id).profile
    assert profile is not None
    changed = replace(profile, region="77")
    commands.state_profile(ledger, curious.patient_id, changed, by_patient(curious.patient_id))
    sent = bundle("1", BORIS, code=TSH, identifiers=[(ENP_SYSTEM, BORIS.enp)])
    assert portal.submit(laboratory.seal(sent)).json()["reports"][0]["held"]
    portal.catch_up()
    assert matching.waiting_for(ledger, curious.patient_id), "her number leads to it"
    for page in (path, "/services/expected"):
        assert "Результат пришёл" not in curious.get(page).text
