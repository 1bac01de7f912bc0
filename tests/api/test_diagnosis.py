"""«Почему услуга недоступна»: what the page and its JSON say of a real patient, of nobody else, and in whose words."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from api.diagnosis import facts_of
from api.diagnosis_words import DIAGNOSES
from api.page_words import FAMILIES
from api.settings import Settings
from domain.channel import Channel
from domain.consent import ConsentKind
from domain.diagnosis import Verdict, diagnose
from domain.notification import NotificationRequested
from domain.patient import ProfileStated
from ledger import commands
from ledger.commands import by_patient
from tests.api.cast import ANNA, BORIS, Laboratory, Person, Portal, bundle, settle, settled, withdraw
from tests.domain.test_diagnosis import CAUSES
from tests.scenario import recorded

STATES = {"ok", "needs-you", "needs-organisation", "our-fault", "hint"}


@pytest.fixture
def anna(portal: Portal, laboratory: Laboratory) -> Person:
    found = portal.person(ANNA).register()
    settle(portal.opened, found.patient_id, ANNA, laboratory.laboratory_id)
    portal.catch_up()
    return found


def states(person: Person) -> dict[str, str]:
    """The state of each code that was found."""
    body = person.get("/services/diagnosis.json").json()
    assert all(one["state"] in STATES for one in body["findings"])
    return {one["code"]: one["state"] for one in body["findings"]}


def test_a_stranger_is_sent_to_the_door(portal: Portal) -> None:
    for path in ("/services/diagnosis", "/services/diagnosis.json"):
        assert portal.person(ANNA).get(path).status_code == 303


def test_who_has_just_registered_is_told_what_is_to_be_done(portal: Portal) -> None:
    person = portal.person(ANNA).register()
    found = states(person)
    for code in ("profile-missing", "policy-missing", "organisation-missing", "consent-not-given"):
        assert found[code] == "needs-you"
    assert found["phone-ok"] == "ok"
    page = person.get("/services/diagnosis").text
    assert "Что нужно сделать вам" in page and "Полис не привязан" in page
    for link in ("/services/profile", "/services/policy", "/services/organisations", "/consents"):
        assert f'href="{link}"' in page
    assert "profile-missing" in page, "the code is there to be told to support"


def test_a_consent_that_is_taken_back_is_found_at_once_and_its_reports_are_counted(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    portal.submit(laboratory.seal(bundle("1")))
    portal.catch_up()
    assert states(anna)["consent-results-transfer-ok"] == "ok"
    assert states(anna)["results-ok"] == "ok"
    withdraw(portal.opened, anna.patient_id, ConsentKind.RESULTS_TRANSFER)
    for number in ("2", "3"):
        portal.submit(laboratory.seal(bundle(number)))
    portal.catch_up()
    found = states(anna)
    assert found["consent-withdrawn"] == "needs-you" and found["reports-waiting"] == "needs-you"
    body = anna.get("/services/diagnosis.json").json()
    (waiting,) = [one for one in body["findings"] if one["code"] == "reports-waiting"]
    assert (waiting["count"], waiting["reason"]) == (2, "transfer-consent-missing")
    assert "Есть результаты, которые записаны и ждут" in anna.get("/services/diagnosis").text


def test_that_reports_wait_is_told_to_nobody_who_only_typed_a_number(
    portal: Portal, laboratory: Laboratory
) -> None:
    """A stranger's policy, no confirmed identity: whether its owner was ever tested is not to be learnt here."""
    thief = portal.person(BORIS).register()
    profile = ProfileStated(
        family="Орлов",
        given="Борис",
        patronymic=None,
        birth_date="1975-06-30",
        sex="male",
        snils=BORIS.snils,
    )
    commands.state_profile(portal.opened.ledger, thief.patient_id, profile, by_patient(thief.patient_id))
    commands.link_policy(portal.opened.ledger, thief.patient_id, ANNA.enp, by_patient(thief.patient_id))
    before = thief.get("/services/diagnosis.json").json()
    portal.submit(laboratory.seal(bundle("1")))
    portal.catch_up()
    after = thief.get("/services/diagnosis.json").json()
    assert before["findings"] == after["findings"]


def test_another_patient_changes_nothing_of_what_one_is_told(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    before = anna.get("/services/diagnosis.json").json()["findings"]
    settled(portal.opened, BORIS, laboratory.laboratory_id)
    portal.submit(laboratory.seal(bundle("1", BORIS)))
    portal.catch_up()
    assert anna.get("/services/diagnosis.json").json()["findings"] == before


def test_looking_records_nothing_and_is_kept_by_no_cache(portal: Portal, anna: Person) -> None:
    last = portal.opened.ledger.last_position()
    for path in ("/services/diagnosis", "/services/diagnosis.json"):
        assert anna.get(path).headers["cache-control"] == "no-store"
    assert portal.opened.ledger.last_position() == last


def test_notices_that_nobody_sends_and_views_that_lag_are_our_fault(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    portal.submit(laboratory.seal(bundle("1")))
    portal.catch_up()
    ledger, settings = portal.opened.ledger, portal.opened.settings
    later = datetime.now(UTC) + timedelta(minutes=20)
    portal.submit(laboratory.seal(bundle("2")))
    findings = diagnose(facts_of(ledger, settings, anna.patient_id, now=later))
    ours = {one.code for one in findings if one.verdict is Verdict.OURS}
    assert ours == {"notices-stuck", "views-behind"}


def test_what_waits_for_a_channel_that_nobody_set_up_holds_nobody_up(portal: Portal, anna: Person) -> None:
    ledger, settings = portal.opened.ledger, portal.opened.settings
    by_push = NotificationRequested(
        patient_id=anna.patient_id,
        report_id=UUID(int=1),
        report_version=1,
        channel=Channel.PUSH,
        consent_id=UUID(int=2),
        consent_version=1,
    )
    recorded(ledger, UUID(int=3), by_push)
    portal.catch_up()
    later = datetime.now(UTC) + timedelta(minutes=20)

    def codes(chosen: Settings) -> set[str]:
        return {one.code for one in diagnose(facts_of(ledger, chosen, anna.patient_id, now=later))}

    assert settings.push_contact is None and "notices-stuck" not in codes(settings)
    set_up = settings.model_copy(update={"push_contact": "mailto:a@letopis.example"})
    assert "notices-stuck" in codes(set_up)


def test_there_are_words_for_every_cause() -> None:
    assert set(CAUSES) <= set(DIAGNOSES)
    assert FAMILIES["diagnosis.code"] == DIAGNOSES
