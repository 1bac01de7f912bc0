"""SMS by SMPP: honest outcomes against a centre that is not ours, and one link for all."""

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from api.channels import smpp, smpp_session
from api.channels.short_message import NUMBER_UNKNOWN
from api.channels.smpp import SmppCentre
from api.outcome import HandedOver, Outcome, RefusedForGood, RefusedForNow, Unknown
from tests.api.mail_relays import server_tls
from tests.api.ports import free_port
from tests.api.smpp_cast import SHORT, Receipts, message, sent, submitted
from tests.api.smpp_centre import (
    ANSWER,
    UNBIND,
    Script,
    SmscPeer,
    centre,
    mute_process,
    pdu,
    scripted,
)

LONG = SHORT + " https://letopis.example/notifications и ещё немного, чтобы не поместилось" + " и ещё" * 10
BIND, TRANSMITTER, SUBMIT, ENQUIRE = 9, 2, 4, 0x15


@pytest.fixture
def smsc() -> Iterator[SmscPeer]:
    with SmscPeer() as peer:
        yield peer


# What goes out.


def test_a_text_arrives_as_it_was_written(smsc: SmscPeer) -> None:
    russian, english = message(), message("Letopis: a new document, {1} of [2]", reference="n-2")
    assert set(sent(centre(smsc.port), russian, english)) == {HandedOver("m-1"), HandedOver("m-2")}
    took = {one.data_coding: one for one in smsc.accepted}
    assert took[8].text == SHORT
    assert (took[8].destination, took[8].source, took[8].esm_class) == ("79990000001", "Letopis", 0)
    assert took[0].user_data == b"Letopis: a new document, \x1b(1\x1b) of \x1b<2\x1b>"


def test_a_long_text_is_joined_again_and_its_receipt_is_asked_for_once(smsc: SmscPeer) -> None:
    outcomes = sent(centre(smsc.port), message(LONG), take=Receipts())
    assert outcomes == [HandedOver(f"m-{len(smsc.accepted)}")]
    assert "".join(part.text for part in smsc.accepted) == LONG
    heads = [part.user_data[:6] for part in smsc.accepted]
    count = len(heads)
    assert count > 1
    assert [head[4:] for head in heads] == [bytes((count, at)) for at in range(1, count + 1)]
    assert len({head[3] for head in heads}) == 1
    assert [part.wants_receipt for part in smsc.accepted] == [False] * (count - 1) + [True]
    assert all(part.esm_class == 0x40 for part in smsc.accepted)


def test_nobody_waits_for_the_receipt_of_a_code(smsc: SmscPeer) -> None:
    sent(centre(smsc.port), message(wants_receipt=False), take=Receipts())
    assert [part.wants_receipt for part in smsc.accepted] == [False]


def test_a_hundred_go_through_a_window_of_four(smsc: SmscPeer) -> None:
    messages = [message(f"Letopis {at}", reference=str(at)) for at in range(100)]
    outcomes = sent(centre(smsc.port, window=4), *messages)
    assert all(isinstance(outcome, HandedOver) for outcome in outcomes)
    assert {one.text for one in smsc.accepted} == {one.text for one in messages}
    # Each answer went to who had asked.
    assert len(set(outcomes)) == 100


def test_no_more_are_unanswered_at_once_than_the_window_holds(smsc: SmscPeer) -> None:
    smsc.holds = True
    messages = [message(f"Letopis {at}", reference=str(at)) for at in range(10)]
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(sent, centre(smsc.port, window=3), *messages)
        comes_true(lambda: len(smsc.accepted) >= 3, "the window is full")
        time.sleep(0.3)
        assert len(smsc.accepted) == 3
        smsc.release()
        assert all(isinstance(outcome, HandedOver) for outcome in sending.result(60))
    assert len(smsc.accepted) == 10


# Outcomes.


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (0x58, RefusedForNow("smpp-58")),
        (0x14, RefusedForNow("smpp-14")),
        (0x08, RefusedForNow("smpp-8")),
        (0x0A, RefusedForNow("smpp-a")),  # our own number is wrong: a setting, and not this message
        (0x0B, RefusedForGood(NUMBER_UNKNOWN)),
        (0x01, RefusedForGood("message-too-long")),
    ],
)
def test_each_refusal_has_its_outcome(smsc: SmscPeer, status: int, outcome: Outcome) -> None:
    smsc.statuses = [status]
    assert sent(centre(smsc.port), message()) == [outcome]
    assert not smsc.accepted


def test_a_centre_that_is_not_there_refuses_for_now() -> None:
    started = time.monotonic()
    assert sent(centre(free_port()), message(), message(reference="n-2")) == [RefusedForNow("connection")] * 2
    assert time.monotonic() - started < 9


def test_a_centre_that_does_not_let_us_in_refuses_for_now() -> None:
    script = Script({BIND: lambda number: pdu(BIND | ANSWER, number, b"\0", status=0x0E)})
    with scripted(script) as port:
        assert sent(centre(port), message(), take=Receipts()) == [RefusedForNow("bind-e")]
    assert {command for command, _, _ in script.seen} == {BIND}


def test_a_centre_killed_before_it_answered_leaves_the_outcome_unknown_and_gets_no_second_sms() -> None:
    port = free_port()
    with mute_process(port) as first:
        provider = SmppCentre(centre(port), Receipts())
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(asyncio.run, submitted(provider))
            assert first.stdout is not None
            assert first.stdout.readline() == "submitted\n"
            first.kill()
            assert sending.result(60) == Unknown("submit-without-answer")
    with SmscPeer(port) as second:
        assert second.bound.wait(60), "the link binds anew by itself"
        time.sleep(0.3)
        assert not second.accepted
        assert asyncio.run(submitted(provider, reference="n-2")) == HandedOver("m-1")
        assert len(second.accepted) == 1
        asyncio.run(provider.close())


def test_a_connection_that_ends_with_the_submission_is_unknown() -> None:
    script = Script({TRANSMITTER: accepted_bind, SUBMIT: lambda _: None})
    with scripted(script) as port:
        assert sent(centre(port), message()) == [Unknown("submit-without-answer")]
    assert [command for command, _, _ in script.seen].count(SUBMIT) == 1


def accepted_bind(number: int) -> bytes:
    return pdu(TRANSMITTER | ANSWER, number, b"centre\0")


def test_silence_is_unknown_in_the_end(smsc: SmscPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smpp_session, "ANSWER_SECONDS", 0.5)
    smsc.holds = True
    assert sent(centre(smsc.port), message()) == [Unknown("submit-without-answer")]


def test_half_of_a_text_taken_is_unknown(smsc: SmscPeer) -> None:
    smsc.statuses = [0, 0x08]
    assert sent(centre(smsc.port), message(LONG)) == [Unknown("submit-in-part")]


def test_the_second_half_waits_for_a_busy_centre(smsc: SmscPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smpp, "_BUSY_SECONDS", 0.05)
    smsc.statuses = [0, 0x58, 0x14]
    (outcome,) = sent(centre(smsc.port), message(LONG))
    assert isinstance(outcome, HandedOver)
    assert "".join(part.text for part in smsc.accepted) == LONG


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"", HandedOver(None)),
        (b"no end", HandedOver(None)),
        (b"\0", HandedOver(None)),
        (b"+7999 0000001\0", HandedOver(None)),
        (b"x" * 65 + b"\0", HandedOver(None)),
        (b"0a-1\0\x14\x01\0\x02hi", HandedOver("0a-1")),  # a parameter of its own
    ],
    ids=repr,
)
def test_what_is_accepted_stays_accepted_whatever_the_answer_holds(answer: bytes, outcome: Outcome) -> None:
    script = Script({TRANSMITTER: accepted_bind, SUBMIT: lambda number: pdu(SUBMIT | ANSWER, number, answer)})
    with scripted(script) as port:
        assert sent(centre(port), message()) == [outcome]


def test_a_length_that_cannot_be_ends_the_connection_and_what_waited_is_unknown() -> None:
    for length in (15, 0, 0xFFFFFFFF):
        answer = pdu(SUBMIT | ANSWER, 2, b"1\0", length=length)
        with scripted(Script({TRANSMITTER: accepted_bind, SUBMIT: lambda _, answer=answer: answer})) as port:  # type: ignore[misc]
            assert sent(centre(port), message()) == [Unknown("submit-without-answer")]


def test_what_we_do_not_speak_is_said_so_and_nothing_is_lost() -> None:
    strange = pdu(0x999, 77) + pdu(0x102, 78, b"\1\1a\0\1\1b\0") + pdu(ENQUIRE, 79)
    script = Script(
        {TRANSMITTER: accepted_bind, SUBMIT: lambda number: strange + pdu(SUBMIT | ANSWER, number, b"1\0")}
    )
    with scripted(script) as port:
        assert sent(centre(port), message()) == [HandedOver("1")]
    said = [(command, status) for command, status, _ in script.seen[2:]]
    assert said[:3] == [(ANSWER, 3), (ANSWER, 3), (ENQUIRE | ANSWER, 0)]
    assert said[3][0] == UNBIND


def test_a_quiet_centre_is_asked_whether_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smpp_session, "QUIET_SECONDS", 0.1)
    monkeypatch.setattr(smpp_session, "ANSWER_SECONDS", 0.2)
    script = Script({TRANSMITTER: accepted_bind})  # binds, and says nothing any more
    with scripted(script) as port:
        link = smpp.open_link(centre(port), None)
        comes_true(lambda: commands(script).count(TRANSMITTER) >= 2, "it is bound anew")
        smpp.release_link(link)
    assert commands(script)[:2] == [TRANSMITTER, ENQUIRE]


def test_a_centre_that_throws_us_out_is_not_run_against() -> None:
    bound: list[float] = []

    def throws_out(number: int) -> bytes:
        bound.append(time.monotonic())
        return accepted_bind(number) + pdu(UNBIND, 1)

    with scripted(Script({TRANSMITTER: throws_out})) as port:
        link = smpp.open_link(centre(port), None)
        comes_true(lambda: len(bound) >= 2, "it is bound anew")
        smpp.release_link(link)
    assert bound[1] - bound[0] >= 0.5


def commands(script: Script) -> list[int]:
    return [command for command, _, _ in script.seen]


def comes_true(held: Callable[[], bool], words: str) -> None:
    give_up = time.monotonic() + 60
    while not held():
        assert time.monotonic() < give_up, words
        time.sleep(0.01)


# TLS.


def test_what_is_said_by_tls_is_said_to_whose_certificate_is_trusted_only(tmp_path: Path) -> None:
    context, certificate = server_tls(tmp_path)
    script = Script({TRANSMITTER: accepted_bind, SUBMIT: lambda number: pdu(SUBMIT | ANSWER, number, b"1\0")})
    with scripted(script, tls=context) as port:
        assert sent(centre(port, has_tls=True), message()) == [RefusedForNow("connection")]
        assert script.seen == []
        trusting = centre(port, has_tls=True, authorities=certificate)
        assert sent(trusting, message()) == [HandedOver("1")]


# The link.


def test_notices_and_codes_share_one_bind_and_the_last_unbinds(smsc: SmscPeer) -> None:
    notices, codes = SmppCentre(centre(smsc.port), Receipts()), SmppCentre(centre(smsc.port), None)
    assert asyncio.run(submitted(notices)) == HandedOver("m-1")
    assert asyncio.run(submitted(codes)) == HandedOver("m-2")
    assert len(smsc._esmes) == 1
    asyncio.run(codes.close())
    assert asyncio.run(submitted(notices)) == HandedOver("m-3")
    asyncio.run(notices.close())
    asyncio.run(notices.close())
    assert not smpp._links
    assert len(smsc._esmes) == 1


def test_codes_alone_ask_for_no_receipts() -> None:
    script = Script({TRANSMITTER: accepted_bind, SUBMIT: lambda number: pdu(SUBMIT | ANSWER, number, b"1\0")})
    with scripted(script) as port:
        sent(centre(port), message())
    assert script.seen[0][0] == TRANSMITTER
