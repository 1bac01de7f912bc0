"""«Настройки» → «Уведомления»: channels, hours, and «Отправить тест» with the provider's true answer (S78-S95)."""

from datetime import time

import pytest

from api.consent_documents import text_of
from api.demo_peers import Fault
from domain.channel import Channel
from domain.consent import ConsentKind, ConsentWithdrawn
from domain.contact_test import ContactTested
from domain.notice_hours import NoticeHours, NoticeHoursChosen
from domain.patient import ContactUnreachable
from domain.receiving import Periodicity, ReceivingSettingsChanged
from domain.values import OrganisationId
from ledger import commands
from ledger.commands import by_patient
from ledger.consents import grant_consent
from ledger.linkage import link_organisation
from ledger.receiving import load_receiving
from tests.api.cast import ANNA, BORIS, Laboratory, Person, Portal, bundle, code_of, grant, settle, withdraw

PATH = "/notifications/settings"
FORM = {
    "notices": "yes",
    "channel-email": "yes",
    "channel-sms": "yes",
    "periodicity": "weekly",
    "time_zone": "Asia/Omsk",
    "quiet_from": "23:30",
    "quiet_until": "7.15",
    "digest_hour": "18",
    "digest_weekday": "5",
}
SAVED = f"{PATH}?notice=receiving-saved"


@pytest.fixture
def anna(portal: Portal) -> Person:
    person = portal.person(ANNA).register()
    settle(portal.opened, person.patient_id, ANNA, None)
    return person


def save(person: Person, **changed: str | None) -> str:
    form = {name: value for name, value in {**FORM, **changed}.items() if value is not None}
    answer = person.post(PATH, **form)
    return answer.headers.get("location") or code_of(answer)


def test_how_and_when_one_is_told_is_saved_together(portal: Portal, anna: Person) -> None:
    assert save(anna) == SAVED
    known = load_receiving(portal.opened.ledger, anna.patient_id)
    assert known.settings.channels == (Channel.EMAIL, Channel.SMS)
    assert known.settings.periodicity is Periodicity.WEEKLY
    assert known.hours == NoticeHours(
        time_zone="Asia/Omsk",
        quiet_from=time(23, 30),
        quiet_until=time(7, 15),
        digest_hour=18,
        digest_weekday=5,
    )
    page = anna.get(PATH).text
    assert 'value="23:30"' in page and '<option value="Asia/Omsk" selected>' in page
    assert save(anna) == SAVED
    changed = portal.events(ReceivingSettingsChanged), portal.events(NoticeHoursChosen)
    assert [len(events) for events in changed] == [1, 1], "the same again is no event"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"channel-email": None, "channel-sms": None}, "receiving-channel-missing"),
        ({"quiet_from": "вечером"}, "time-malformed"),
        ({"quiet_until": "25:00"}, "time-malformed"),
        ({"time_zone": "Asia/Nowhere"}, "time-zone-unknown"),
        ({"digest_hour": "24"}, "receiving-choice-unknown"),
        ({"digest_weekday": "8"}, "receiving-choice-unknown"),
        ({"digest_hour": "٣"}, "receiving-choice-unknown"),
        ({"periodicity": "hourly"}, "receiving-choice-unknown"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_saved(
    portal: Portal, anna: Person, changed: dict[str, str | None], code: str
) -> None:
    assert save(anna, **changed) == code
    assert not portal.events(ReceivingSettingsChanged) and not portal.events(NoticeHoursChosen)


def test_a_page_that_names_a_mistake_keeps_all_that_was_filled_in(anna: Person) -> None:
    form = {**FORM, "quiet_from": "вечером"}
    del form["channel-email"]
    page = anna.post(PATH, **form).text
    assert 'name="channel-sms" value="yes" checked' in page
    assert 'name="channel-email" value="yes" checked' not in page
    assert 'value="вечером"' in page and '<option value="18" selected>' in page


def test_what_this_server_does_not_send_is_not_offered(anna: Person) -> None:
    page = anna.get(PATH).text
    assert "Пока не подключено на нашей стороне" in page
    assert 'name="channel-sms"' in page and 'name="channel-push"' not in page


def test_what_is_received_stays_as_it_is(portal: Portal, laboratory: Laboratory, anna: Person) -> None:
    """And the other way round: each page saves its own."""
    assert save(anna) == SAVED
    form = {"shown": "", "study-hormones": "yes", "format": "xml", "check_list": "weekly"}
    anna.post("/services/receiving", **form)
    assert save(anna, **{"channel-sms": None}) == SAVED
    settings = load_receiving(portal.opened.ledger, anna.patient_id).settings
    assert settings.channels == (Channel.EMAIL,) and settings.document_format == "xml"
    assert len(settings.declined_study_types) > 5 and settings.periodicity is Periodicity.WEEKLY


def test_the_switch_is_the_consent_and_leads_back_here(portal: Portal, anna: Person) -> None:
    assert "Включено" in anna.get(PATH).text
    answer = anna.post("/consents/notifications/withdraw", to=PATH)
    assert answer.headers["location"] == f"{PATH}?notice=consent-withdrawn"
    assert len(portal.events(ConsentWithdrawn)) == 1 and "Выключено" in anna.get(PATH).text
    page = anna.get(f"/consents/notifications?to={PATH}").text
    assert f'name="to" value="{PATH}"' in page
    version = page.partition('name="version" value="')[2].partition('"')[0]
    given = anna.post("/consents/notifications/grant", read="yes", version=version, to=PATH)
    assert given.headers["location"] == f"{PATH}?notice=consent-granted"


def test_who_agreed_to_e_mail_only_is_told_by_nothing_else_and_why(
    portal: Portal, laboratory: Laboratory, anna: Person
) -> None:
    first = text_of(ConsentKind.NOTIFICATIONS, 1, "ru").document
    by = by_patient(anna.patient_id)
    link_organisation(portal.opened.ledger, anna.patient_id, OrganisationId(laboratory.laboratory_id), by)
    grant_consent(portal.opened.ledger, anna.patient_id, agreed=first, current=first, by=by)
    assert save(anna) == SAVED
    assert "названа только электронная почта" in anna.get(PATH).text
    portal.submit(laboratory.seal(bundle("1")))
    portal.notify(Channel.SMS)
    assert not [one for one in portal.sms.accepted if "документ" in one.text]
    page = anna.get("/notifications").text
    assert "Вы согласились на прежний текст" in page and 'href="/consents/notifications"' in page
    grant(portal.opened, anna.patient_id, ConsentKind.NOTIFICATIONS)
    assert "названа только электронная почта" not in anna.get(PATH).text


def test_nobody_is_led_to_another_site(anna: Person, portal: Portal) -> None:
    for to in (
        "https://evil.example",
        "//evil.example",
        "/services/appeals/..\\evil",
        "/account",
        f"{PATH}\n",
    ):
        withdraw_again = anna.post("/consents/notifications/withdraw", to=to)
        assert withdraw_again.headers["location"] == "/consents?notice=consent-withdrawn", to
        page = anna.get("/consents/notifications").text
        version = page.partition('name="version" value="')[2].partition('"')[0]
        anna.post("/consents/notifications/grant", read="yes", version=version)


# «Отправить тест»


def test_a_test_is_a_real_letter_and_its_answer_is_kept(portal: Portal, anna: Person) -> None:
    answer = anna.post(f"{PATH}/test", channel="email")
    assert answer.headers["location"] == f"{PATH}?notice=contact-tested#email"
    (letter,) = portal.letters(ANNA.email)
    assert ANNA.family not in str(letter)
    (tested,) = portal.events(ContactTested)
    assert (tested.event.channel, tested.event.outcome, tested.event.code) == ("email", "handed-over", None)
    assert "провайдер принял сообщение" in anna.get(PATH).text


def test_the_true_answer_is_shown_with_its_code(portal: Portal, anna: Person) -> None:
    portal.mail.fault = Fault.REFUSE_FOR_GOOD
    anna.post(f"{PATH}/test", channel="email")
    page = anna.get(PATH).text
    assert "сообщение не принято" in page and "550 5.7.1" in page
    portal.mail.fault = Fault.REFUSE_FOR_NOW
    anna.post(f"{PATH}/test", channel="email")
    page = anna.get(PATH).text
    assert "сейчас отправить не удалось" in page and "451 4.3.0" in page and "550 5.7.1" not in page
    assert not portal.events(ContactUnreachable), "neither says that the address is wrong"


def test_a_test_that_finds_no_such_mailbox_flags_the_address(
    portal: Portal, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody(*_: object) -> str:
        return "550 5.1.1 No such user"

    monkeypatch.setattr(portal.mail, "handle_RCPT", nobody)
    anna.post(f"{PATH}/test", channel="email")
    (lost,) = portal.events(ContactUnreachable)
    assert (lost.event.channel, lost.event.reason) == ("email", "550 5.1.1")
    assert "Письма на этот адрес не доходят" in anna.get(PATH).text


def test_an_sms_is_tested_by_the_gateway(portal: Portal, anna: Person) -> None:
    before = len(portal.sms.accepted)
    anna.post(f"{PATH}/test", channel="sms")
    assert len(portal.sms.accepted) == before + 1 and portal.sms.accepted[-1].to == ANNA.phone


def test_no_test_goes_to_an_address_that_nobody_confirmed(portal: Portal) -> None:
    boris = portal.person(BORIS).register()
    ledger, by = portal.opened.ledger, by_patient(boris.patient_id)
    commands.state_email(ledger, boris.patient_id, "stranger@patients.example", by)
    boris.post(f"{PATH}/test", channel="email")
    assert not portal.letters("stranger@patients.example")
    (tested,) = portal.events(ContactTested)
    assert (tested.event.outcome, tested.event.code) == ("refused", "email-unconfirmed")


def test_five_tests_an_hour(portal: Portal, anna: Person) -> None:
    answers = [anna.post(f"{PATH}/test", channel="email") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [303] * 5 + [429]
    assert code_of(answers[5]) == "contact-tests-too-many" and int(answers[5].headers["retry-after"]) > 0
    assert len(portal.letters(ANNA.email)) == len(portal.events(ContactTested)) == 5
    boris = portal.person(BORIS).register()
    settle(portal.opened, boris.patient_id, BORIS, None)
    assert boris.post(f"{PATH}/test", channel="email").status_code == 303, "each has five of their own"
    assert anna.post(f"{PATH}/test", channel="fax").status_code == 400


def test_without_consent_the_settings_are_still_there(portal: Portal, anna: Person) -> None:
    withdraw(portal.opened, anna.patient_id, ConsentKind.NOTIFICATIONS)
    assert save(anna) == SAVED and "Выключено" in anna.get(PATH).text
