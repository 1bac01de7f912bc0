"""An address is confirmed by the code in a letter; the one before is told, and stays in use until then (S92-S95)."""

from threading import Thread

import pytest

from api.demo_peers import Fault
from domain.channel import Channel
from domain.patient import ContactReachable, EmailConfirmed, EmailStated
from domain.receiving import Periodicity
from ledger import commands, contacts
from ledger.commands import by_patient
from ledger.credentials import change_phone
from tests.api.cast import ANNA, BORIS, Person, Portal, code_of, settle
from tests.api.sending_cast import wants

NEW = "new@patients.example"
CONFIRMED = "/notifications/settings?notice=email-confirmed"


@pytest.fixture
def anna(portal: Portal) -> Person:
    return portal.person(ANNA).register()


def email_of(person: Person) -> tuple[str | None, bool, str | None]:
    """The address in use, whether it is confirmed, and the one that waits."""
    known = commands.load_patient(person.portal.opened.ledger, person.patient_id)
    return known.email, known.is_email_confirmed, known.email_stated


def confirm(person: Person, address: str) -> None:
    assert person.post("/account/email", email=address).headers["location"] == "/account/email/code"
    answer = person.post("/account/email/code", code=person.portal.letter_code(address))
    assert answer.headers.get("location") == CONFIRMED, code_of(answer)


def grow_stale(person: Person) -> None:
    """The last proof of who they are is some time ago."""
    with person.portal.opened.ledger.pool.connection() as connection:
        connection.execute("UPDATE access.sessions SET proved_at = '-infinity'")


def test_an_address_is_confirmed_by_the_code_that_arrived(portal: Portal, anna: Person) -> None:
    assert anna.post("/account/email", email=ANNA.email).headers["location"] == "/account/email/code"
    page = anna.get("/account/email/code").text
    assert "p•••@patients.example" in page and ANNA.email not in page
    assert email_of(anna) == (ANNA.email, False, ANNA.email)
    (letter,) = portal.letters(ANNA.email)
    code = portal.letter_code(ANNA.email)
    assert code not in letter["Subject"], "who sees a locked screen reads no code"
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    refused = anna.post("/account/email/code", code=wrong)
    said = refused.text.replace(anna.token(), "")  # of letters by chance
    assert code_of(refused) == "code-wrong" and "SMS" not in said
    assert anna.post("/account/email/code", code=code).headers["location"] == CONFIRMED
    assert email_of(anna) == (ANNA.email, True, None)
    assert code_of(anna.post("/account/email/code", code=code)) == "code-expired", "a code is good once"
    assert len(portal.events(EmailConfirmed)) == 1


def test_the_confirmed_address_stays_in_use_until_the_new_one_is_confirmed(
    portal: Portal, anna: Person
) -> None:
    confirm(anna, ANNA.email)
    anna.post("/account/email", email=NEW)
    assert email_of(anna) == (ANNA.email, True, NEW)
    assert "ждёт подтверждения" in anna.get("/notifications/settings").text
    assert len(portal.letters(ANNA.email)) == 1, "nothing has changed yet"
    assert anna.post("/account/email/code", code=portal.letter_code(NEW)).headers["location"] == CONFIRMED
    assert email_of(anna) == (NEW, True, None)
    told = portal.letters(ANNA.email)[-1]
    assert told["Subject"] == "Адрес для уведомлений изменён"
    text = "".join(str(part.get_content()) for part in told.iter_parts())
    assert NEW not in text and ANNA.family not in text


def test_an_address_that_was_given_up_is_not_confirmed_by_its_code(portal: Portal, anna: Person) -> None:
    confirm(anna, ANNA.email)
    anna.post("/account/email", email=NEW)
    code = portal.letter_code(NEW)
    commands.state_email(
        portal.opened.ledger, anna.patient_id, "third@patients.example", by_patient(anna.patient_id)
    )
    assert code_of(anna.post("/account/email/code", code=code)) == "code-expired"
    assert email_of(anna) == (ANNA.email, True, "third@patients.example")


def test_who_did_not_prove_lately_who_they_are_changes_no_address(portal: Portal, anna: Person) -> None:
    confirm(anna, ANNA.email)
    anna.post("/account/email", email=NEW)
    code = portal.letter_code(NEW)
    grow_stale(anna)
    for path, form in (("/account/email", {"email": NEW}), ("/account/email/code", {"code": code})):
        assert anna.post(path, **form).headers["location"].startswith("/step-up?to=")
    assert anna.get("/account/email").headers["location"] == "/step-up?to=/account/email"
    assert email_of(anna) == (ANNA.email, True, NEW)


def test_the_profile_changes_no_address_that_is_confirmed(portal: Portal, anna: Person) -> None:
    """From last time: the field of the profile took an address without a code and without a step-up."""
    assert 'name="email"' in anna.get("/services/profile").text
    confirm(anna, ANNA.email)
    page = anna.get("/services/profile").text
    assert 'name="email"' not in page and "/account/email" in page


def test_five_tries_a_code_however_many_come_at_once(portal: Portal, anna: Person) -> None:
    anna.post("/account/email", email=ANNA.email)
    code = int(portal.letter_code(ANNA.email))
    token = anna.token()
    answers: list[str] = []

    def guess(number: int) -> None:
        form = {"csrf": token, "code": f"{(code + number) % 1_000_000:06d}"}
        answers.append(code_of(anna.client.post("/account/email/code", data=form)))

    threads = [Thread(target=guess, args=(number,)) for number in range(1, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count("code-wrong") == 5 and answers.count("code-expired") == 7
    assert code_of(anna.post("/account/email/code", code=f"{code:06d}")) == "code-expired"


def test_nobody_is_flooded_with_letters_from_here(portal: Portal, anna: Person) -> None:
    victim = "victim@patients.example"
    answers = [anna.post("/account/email", email=victim) for _ in range(7)]
    assert [answer.status_code for answer in answers] == [303] * 5 + [429] * 2
    assert len(portal.letters(victim)) == 5
    boris = portal.person(BORIS).register()
    for same in (victim, "Victim@Patients.example", "victim+1@patients.example"):
        assert code_of(boris.post("/account/email", email=same)) == "codes-too-many", "it is one mailbox"


def test_nobody_writes_to_many_from_here(portal: Portal, anna: Person) -> None:
    codes = [
        anna.post("/account/email", email=f"somebody{number}@patients.example").status_code
        for number in range(11)
    ]
    assert codes == [303] * 10 + [429]
    assert not portal.letters("somebody10@patients.example")


def test_what_the_mail_server_says_is_told_as_it_is(portal: Portal, anna: Person) -> None:
    portal.mail.fault = Fault.REFUSE_FOR_GOOD
    assert code_of(anna.post("/account/email", email=ANNA.email)) == "email-refused"
    portal.mail.fault = Fault.REFUSE_FOR_NOW
    assert code_of(anna.post("/account/email", email=ANNA.email)) == "email-unavailable"
    assert code_of(anna.post("/account/email", email="anna@")) == "email-malformed"
    assert email_of(anna) == (None, False, None) and not portal.events(EmailStated)


def test_a_code_is_of_who_asked_for_it(portal: Portal, anna: Person) -> None:
    anna.post("/account/email", email=ANNA.email)
    boris = portal.person(BORIS).register()
    boris.client.cookies.set("challenge", anna.client.cookies["challenge"])
    assert boris.get("/account/email/code").headers["location"] == "/account/email"
    assert (
        boris.post("/account/email/code/resend").status_code == 422 and len(portal.letters(ANNA.email)) == 1
    )
    code = portal.letter_code(ANNA.email)
    assert code_of(boris.post("/account/email/code", code=code)) == "code-expired"
    assert email_of(boris) == (None, False, None)
    assert anna.post("/account/email/code", code=code).headers["location"] == CONFIRMED, "nobody used it up"


def test_an_address_that_stopped_working_is_flagged_and_a_code_clears_it(
    portal: Portal, anna: Person
) -> None:
    confirm(anna, ANNA.email)
    ledger, by = portal.opened.ledger, by_patient(anna.patient_id)
    contacts.mark_unreachable(ledger, anna.patient_id, Channel.EMAIL, "5.1.1", by)
    contacts.mark_unreachable(ledger, anna.patient_id, Channel.EMAIL, "5.2.2", by)
    page = anna.get("/notifications/settings").text
    assert "Письма на этот адрес не доходят" in page and "5.1.1" in page and "5.2.2" not in page
    assert "Письма на ваш адрес не доходят" in anna.get("/services").text
    assert "Письма на ваш адрес не доходят" in anna.get("/services/diagnosis").text
    confirm(anna, ANNA.email)
    assert "не доходят" not in anna.get("/notifications/settings").text
    assert "не доходят" not in anna.get("/services").text
    assert len(portal.events(ContactReachable)) == 1


def test_a_letter_to_the_address_before_that_comes_back_flags_nothing(portal: Portal, anna: Person) -> None:
    confirm(anna, ANNA.email)
    (before,) = portal.events(EmailConfirmed)
    confirm(anna, NEW)
    ledger, by = portal.opened.ledger, by_patient(anna.patient_id)
    contacts.mark_unreachable(ledger, anna.patient_id, Channel.EMAIL, "5.1.1", by, sent_at=before.recorded_at)
    assert not commands.load_patient(ledger, anna.patient_id).unreachable


def test_a_letter_that_reached_the_address_before_says_nothing_of_the_new_one(
    portal: Portal, anna: Person
) -> None:
    confirm(anna, ANNA.email)
    (before,) = portal.events(EmailConfirmed)
    confirm(anna, NEW)
    ledger, by = portal.opened.ledger, by_patient(anna.patient_id)
    contacts.mark_unreachable(ledger, anna.patient_id, Channel.EMAIL, "5.1.1", by)
    contacts.mark_reachable(ledger, anna.patient_id, Channel.EMAIL, by, sent_at=before.recorded_at)
    assert commands.load_patient(ledger, anna.patient_id).unreachable == {Channel.EMAIL}
    contacts.mark_reachable(ledger, anna.patient_id, Channel.EMAIL, by)
    assert not commands.load_patient(ledger, anna.patient_id).unreachable


def test_a_phone_where_no_sms_arrived_is_cleared_by_a_code(portal: Portal, anna: Person) -> None:
    ledger, by = portal.opened.ledger, by_patient(anna.patient_id)
    contacts.mark_unreachable(ledger, anna.patient_id, Channel.SMS, "unknown-subscriber", by)
    assert "SMS на этот номер не доходят" in anna.get("/notifications/settings").text
    assert anna.post("/account/phone/check").headers["location"] == "/account/phone/check/code"
    assert ANNA.phone[-4:] in anna.get("/account/phone/check/code").text
    answer = anna.post("/account/phone/check/code", code=anna.code())
    assert answer.headers["location"] == "/notifications/settings?notice=phone-works"
    assert "не доходят" not in anna.get("/notifications/settings").text


def test_a_code_to_the_phone_before_says_nothing_of_the_new_one(portal: Portal, anna: Person) -> None:
    ledger, patient_id = portal.opened.ledger, anna.patient_id
    by = by_patient(patient_id)
    contacts.mark_unreachable(ledger, patient_id, Channel.SMS, "unknown-subscriber", by)
    anna.post("/account/phone/check")
    code = anna.code()
    change_phone(ledger, patient_id, "+79005557799", by)
    contacts.mark_unreachable(ledger, patient_id, Channel.SMS, "unknown-subscriber", by)
    assert code_of(anna.post("/account/phone/check/code", code=code)) == "code-expired"
    assert commands.load_patient(ledger, patient_id).unreachable == {Channel.SMS}


def test_a_lost_phone_undoes_nothing_of_the_address(portal: Portal, anna: Person) -> None:
    settle(portal.opened, anna.patient_id, ANNA, None)
    wants(portal, anna.patient_id, Channel.EMAIL, Channel.SMS, periodicity=Periodicity.AS_READY)
    by = by_patient(anna.patient_id)
    contacts.mark_unreachable(portal.opened.ledger, anna.patient_id, Channel.SMS, "unknown-subscriber", by)
    hub = anna.get("/services").text
    step = hub.partition("Подтвердить электронную почту")[2].partition("</li>")[0]
    assert "SMS на ваш номер не доходят" in hub and "Сделано" in step


def test_the_history_of_the_account_tells_of_a_confirmed_address(anna: Person) -> None:
    confirm(anna, ANNA.email)
    assert "Подтверждён адрес электронной почты" in anna.get("/account").text
