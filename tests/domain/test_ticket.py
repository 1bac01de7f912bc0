"""Rules of requests for help: who may do what, what is owed until when, and what is said once."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain import ticket
from domain.ticket import (
    TicketClosedError,
    TicketFilesTooManyError,
    TicketHeldByOtherError,
    TicketNotAnsweredError,
    TicketNotOverdueError,
    TicketSubjectMissingError,
    TicketTextMissingError,
    TicketTextTooLongError,
    TicketUnknownError,
    Written,
)
from domain.ticket_events import (
    Side,
    Telling,
    TicketAnswered,
    TicketClosed,
    TicketEscalated,
    TicketFileAttached,
    TicketHandedOver,
    TicketKind,
    TicketMessageAdded,
    TicketNoted,
    TicketOpened,
    TicketPatientTold,
    TicketPriority,
    TicketReopened,
    TicketTaken,
    TicketTextWritten,
    TicketTopic,
    TicketWay,
)
from domain.ticket_number import ALPHABET, normal_number, number_of
from tests.examples import ANNA, SUBMITTED
from tests.scenario import given

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=48)
FIRST, SECOND, THIRD = (UUID(int=number) for number in (1, 2, 3))
OPENED = TicketOpened(
    patient_id=ANNA,
    number="261126-7KQ4M-X",
    kind=TicketKind.TECHNICAL,
    topic=TicketTopic.DELIVERY,
    priority=TicketPriority.MEDIUM,
    way=TicketWay.FORM,
    message_id=FIRST,
    answer_due=LATER,
)
TAKEN = TicketTaken(handle="vera")
ANSWERED = TicketAnswered(message_id=SECOND)
CLOSED = TicketClosed(closed_by=Side.PATIENT)
SAID = Written(message_id=THIRD, text="Где результаты?")
WORDS = TicketTextWritten(message_id=THIRD, text="Где результаты?")
FILE = TicketFileAttached(
    message_id=FIRST, file_id=UUID(int=9), media_type="image/png", document=SUBMITTED.document
)


def test_a_request_is_opened_with_its_words_and_once() -> None:
    written = Written(message_id=FIRST, text="  Где анализы?\r\nЖду. ")
    words = TicketTextWritten(message_id=FIRST, text="Где анализы?\nЖду.")
    given().when(ticket.open_ticket, OPENED, written).then(OPENED, words)
    given(OPENED).when(ticket.open_ticket, OPENED, written).then_nothing()


@pytest.mark.parametrize(
    ("text", "error"), [(" \n", TicketTextMissingError), ("я" * 4001, TicketTextTooLongError)]
)
def test_what_says_nothing_or_too_much_is_refused(text: str, error: type[Exception]) -> None:
    given().when(ticket.open_ticket, OPENED, Written(message_id=FIRST, text=text)).then_refused(error)
    given(OPENED).when(ticket.add_message, replace(SAID, text=text), now=NOON).then_refused(error)


def test_own_words_as_a_subject_need_words_and_a_chat_needs_none() -> None:
    own = replace(OPENED, topic=TicketTopic.OWN_WORDS)
    written = Written(message_id=FIRST, text="Текст")
    given().when(ticket.open_ticket, own, written).then_refused(TicketSubjectMissingError)
    chat = replace(own, way=TicketWay.CHAT)
    given().when(ticket.open_ticket, chat, written).then(chat, *written.events())


def test_what_a_patient_adds_does_not_put_off_what_is_owed() -> None:
    given(OPENED).when(ticket.add_message, SAID, now=NOON + timedelta(hours=40)).then(
        TicketMessageAdded(message_id=THIRD), WORDS
    )


def test_after_an_answer_a_message_begins_a_new_time() -> None:
    due = LATER + timedelta(hours=48)
    given(OPENED, TAKEN, ANSWERED).when(ticket.add_message, SAID, now=LATER).then(
        TicketMessageAdded(message_id=THIRD, answer_due=due), WORDS
    )


def test_the_same_message_twice_is_one() -> None:
    again = replace(SAID, message_id=FIRST)
    given(OPENED).when(ticket.add_message, again, now=NOON).then_nothing()
    given(OPENED, TAKEN, ANSWERED).when(
        ticket.answer, replace(SAID, message_id=SECOND), handle="vera", asks=False
    ).then_nothing()


def test_who_answers_what_nobody_holds_has_taken_it() -> None:
    given(OPENED).when(ticket.answer, SAID, handle="vera", asks=True).then(
        TAKEN, TicketAnswered(message_id=THIRD, asks=True), WORDS
    )


def test_what_another_holds_is_neither_taken_nor_answered_but_handed_over() -> None:
    held = given(OPENED, TAKEN)
    held.when(ticket.take, handle="oleg").then_refused(TicketHeldByOtherError)
    held.when(ticket.answer, SAID, handle="oleg", asks=False).then_refused(TicketHeldByOtherError)
    held.when(ticket.take, handle="vera").then_nothing()
    held.when(ticket.hand_over, handle="oleg").then(TicketHandedOver(handle="oleg"))
    given(OPENED, TAKEN, TicketHandedOver(handle="oleg")).when(
        ticket.answer, SAID, handle="oleg", asks=False
    ).then(TicketAnswered(message_id=THIRD), WORDS)


def test_support_closes_only_what_it_has_answered_and_the_patient_what_they_like() -> None:
    given(OPENED).when(ticket.close, side=Side.SUPPORT).then_refused(TicketNotAnsweredError)
    given(OPENED).when(ticket.close, side=Side.PATIENT).then(CLOSED)
    given(OPENED, TAKEN, ANSWERED).when(ticket.close, side=Side.SUPPORT).then(
        TicketClosed(closed_by=Side.SUPPORT)
    )
    given(OPENED, CLOSED).when(ticket.close, side=Side.SUPPORT).then_nothing()


def test_what_is_closed_is_reopened_and_not_written_into() -> None:
    closed = given(OPENED, TAKEN, ANSWERED, CLOSED)
    closed.when(ticket.add_message, SAID, now=LATER).then_refused(TicketClosedError)
    closed.when(ticket.answer, SAID, handle="vera", asks=False).then_refused(TicketClosedError)
    closed.when(ticket.reopen, SAID, now=LATER).then(
        TicketReopened(
            message_id=THIRD, priority=TicketPriority.MEDIUM, answer_due=LATER + timedelta(hours=48)
        ),
        WORDS,
    )


def test_it_is_repeated_after_48_hours_with_high_priority_and_not_before() -> None:
    given(OPENED).when(ticket.reopen, SAID, now=LATER - timedelta(seconds=1)).then_refused(
        TicketNotOverdueError
    )
    repeated = TicketReopened(
        message_id=THIRD, priority=TicketPriority.HIGH, answer_due=LATER + timedelta(hours=48)
    )
    given(OPENED).when(ticket.reopen, SAID, now=LATER).then(repeated, WORDS)
    given(OPENED, TicketEscalated()).when(ticket.reopen, SAID, now=LATER).then(repeated, WORDS)


def test_48_hours_without_an_answer_are_said_once_and_again_only_after_a_repeat() -> None:
    given(OPENED).when(ticket.pass_time, now=LATER - timedelta(seconds=1)).then_nothing()
    given(OPENED, TAKEN).when(ticket.pass_time, now=LATER).then(TicketEscalated())
    given(OPENED, TicketEscalated()).when(ticket.pass_time, now=LATER + timedelta(days=400)).then_nothing()
    given(OPENED, TAKEN, ANSWERED).when(ticket.pass_time, now=LATER).then_nothing()
    again = TicketReopened(
        message_id=THIRD, priority=TicketPriority.HIGH, answer_due=LATER + timedelta(hours=48)
    )
    given(OPENED, TicketEscalated(), again).when(ticket.pass_time, now=LATER + timedelta(hours=48)).then(
        TicketEscalated()
    )


def test_the_patient_is_told_once_and_not_of_what_they_have_seen() -> None:
    told = TicketPatientTold(telling=Telling.ANSWERED, outcome="handed-over")
    answered = given(OPENED, TAKEN, ANSWERED)
    answered.when(ticket.tell, Telling.ANSWERED, outcome="handed-over").then(told)
    given(OPENED, TAKEN, ANSWERED, told).when(
        ticket.tell, Telling.ANSWERED, outcome="handed-over"
    ).then_nothing()
    given(OPENED, TAKEN, ANSWERED, TicketMessageAdded(message_id=THIRD, answer_due=LATER)).when(
        ticket.tell, Telling.ANSWERED, outcome="handed-over"
    ).then_nothing()


def test_a_note_changes_nothing_of_what_is_owed() -> None:
    noted = TicketNoted(message_id=SECOND)
    given(OPENED, noted).when(ticket.pass_time, now=LATER).then(TicketEscalated())
    given(OPENED).when(ticket.note, SAID).then(TicketNoted(message_id=THIRD), WORDS)


def test_a_ticket_has_ten_files_and_no_more() -> None:
    files = tuple(replace(FILE, file_id=UUID(int=number)) for number in range(10))
    given(OPENED, *files).when(ticket.add_message, replace(SAID, files=(FILE,)), now=NOON).then_refused(
        TicketFilesTooManyError
    )


def test_of_a_ticket_that_is_not_there_nothing_is_decided() -> None:
    given().when(ticket.add_message, SAID, now=NOON).then_refused(TicketUnknownError)
    given().when(ticket.take, handle="vera").then_refused(TicketUnknownError)
    given().when(ticket.pass_time, now=LATER).then_nothing()


# Numbers.

drawn = st.text(ALPHABET, min_size=5, max_size=5)
days = st.dates(date(2026, 1, 1), date(2099, 12, 31))


@for_all(days, drawn, st.integers(0, 11), st.sampled_from(ALPHABET + "01"))
def test_one_wrong_sign_of_a_number_is_found(day: date, signs: str, place: int, wrong: str) -> None:
    number = number_of(day, signs)
    assert normal_number(number.lower().replace("-", " ")) == number
    plain = list(number.replace("-", ""))
    if plain[place] != wrong:
        plain[place] = wrong
        assert normal_number("".join(plain)) is None


@for_all(days, drawn, st.integers(0, 9))
def test_two_signs_that_changed_places_are_found(day: date, signs: str, place: int) -> None:
    plain = list(number_of(day, signs).replace("-", ""))
    plain[place], plain[place + 1] = plain[place + 1], plain[place]
    if "".join(plain) != number_of(day, signs).replace("-", ""):
        assert normal_number("".join(plain)) is None
