"""Receipts by SMPP: read from text or parameters, answered when they are recorded, and asked for again when not."""

import asyncio
from collections.abc import Iterator

import pytest
import smpp34

from api.channels.short_message import NUMBER_UNKNOWN, Receipt, ReceiptAnswer
from api.channels.smpp import SmppCentre
from api.channels.smpp_pdu import Pdu, receipt_of
from api.outcome import HandedOver
from tests.api.smpp_cast import Receipts, submitted
from tests.api.smpp_centre import SmscPeer, centre


@pytest.fixture
def smsc() -> Iterator[SmscPeer]:
    with SmscPeer() as peer:
        yield peer


@pytest.fixture
def receipts() -> Receipts:
    return Receipts()


@pytest.fixture
def bound(smsc: SmscPeer, receipts: Receipts) -> Iterator[SmppCentre]:
    """A provider that stays bound for the test."""
    provider = SmppCentre(centre(smsc.port), receipts)
    assert smsc.bound.wait(10)
    yield provider
    asyncio.run(provider.close())


def receipt_text(stat: str, number: str = "m-1") -> bytes:
    return (
        f"id:{number} sub:001 dlvrd:001 submit date:2611260100 done date:2611260101 stat:{stat} err:000 text:"
    ).encode()


@pytest.mark.parametrize(
    ("stat", "reason"),
    [
        ("DELIVRD", ""),
        ("UNDELIV", "smpp-undeliv"),
        ("EXPIRED", "smpp-expired"),
        ("REJECTD", "smpp-rejectd"),
        ("DELETED", "smpp-deleted"),
    ],
)
def test_a_receipt_says_what_became_of_it(
    smsc: SmscPeer, bound: SmppCentre, receipts: Receipts, stat: str, reason: str
) -> None:
    assert smsc.deliver(receipt_text(stat)) == 0
    assert receipts.taken == [Receipt(remote_id="m-1", is_delivered=not reason, reason=reason)]


def test_a_receipt_in_parameters_is_read_first(smsc: SmscPeer, bound: SmppCentre, receipts: Receipts) -> None:
    parameters = (
        smpp34.Tlv(smpp34.TLV_RECEIPTED_MESSAGE_ID, b"m-9\0"),
        smpp34.Tlv(smpp34.TLV_MESSAGE_STATE, b"\5"),
        smpp34.Tlv(smpp34.TLV_NETWORK_ERROR_CODE, b"\3\0\1"),
        smpp34.Tlv(0x1401, b"of the centre's own"),
    )
    assert smsc.deliver(receipt_text("DELIVRD", "123"), tlvs=parameters) == 0
    assert receipts.taken == [Receipt(remote_id="m-9", is_delivered=False, reason=NUMBER_UNKNOWN)]


def test_a_receipt_in_the_payload_is_read(smsc: SmscPeer, bound: SmppCentre, receipts: Receipts) -> None:
    payload = smpp34.Tlv(smpp34.TLV_MESSAGE_PAYLOAD, receipt_text("DELIVRD"))
    assert smsc.deliver(b"", tlvs=(payload,)) == 0
    assert [one.remote_id for one in receipts.taken] == ["m-1"]


@pytest.mark.parametrize(
    ("text", "esm_class"),
    [
        ("СТОП".encode("utf-16-be"), 0),
        (receipt_text("DELIVRD"), 0),  # a person may write what a receipt looks like
        (receipt_text("ENROUTE"), 4),
        (receipt_text("ACCEPTD"), 4),
        (b"stat:DELIVRD", 4),
        (b"", 4),
    ],
    ids=repr,
)
def test_what_is_no_last_word_is_taken_and_not_recorded(
    smsc: SmscPeer, bound: SmppCentre, receipts: Receipts, text: bytes, esm_class: int
) -> None:
    assert smsc.deliver(text, esm_class=esm_class) == 0
    assert receipts.taken == []


def test_a_parameter_without_a_value_says_nothing() -> None:
    """Each is a tag and a size of nothing: the state, and the number."""
    head = b"\0" + b"\1\1a\0" + b"\1\1b\0" + b"\4\0\0" + b"\0\0" + b"\0\0\0\0"
    text = receipt_text("DELIVRD")
    body = head + bytes((len(text),)) + text + b"\x04\x27\0\0" + b"\x00\x1e\0\0"
    told = receipt_of(Pdu("deliver_sm", 0, 1, body))
    assert told is not None and (told.remote_id, told.is_delivered) == ("m-1", True)


def test_a_receipt_of_an_unknown_number_is_asked_for_again_and_not_for_ever(
    smsc: SmscPeer, bound: SmppCentre, receipts: Receipts
) -> None:
    receipts.answers = [ReceiptAnswer.UNKNOWN] * 10
    assert [smsc.deliver(receipt_text("DELIVRD")) for _ in range(5)] == [0x64] * 4 + [0]


def test_a_receipt_that_overtook_the_answer_is_recorded_when_it_is_told_again(
    smsc: SmscPeer, bound: SmppCentre, receipts: Receipts
) -> None:
    receipts.answers = [ReceiptAnswer.UNKNOWN, ReceiptAnswer.RECORDED]
    assert [smsc.deliver(receipt_text("DELIVRD")) for _ in range(2)] == [0x64, 0]


def test_a_receipt_stays_with_the_centre_while_the_database_is_away(
    smsc: SmscPeer, bound: SmppCentre, receipts: Receipts
) -> None:
    receipts.answers = [ReceiptAnswer.LATER] * 8
    assert {smsc.deliver(receipt_text("DELIVRD")) for _ in range(8)} == {0x64}
    assert smsc.deliver(receipt_text("DELIVRD")) == 0


def test_a_receipt_that_fails_is_not_the_last_one(smsc: SmscPeer) -> None:
    def failing(_: Receipt) -> ReceiptAnswer:
        raise RuntimeError

    provider = SmppCentre(centre(smsc.port), failing)
    assert smsc.bound.wait(10)
    assert [smsc.deliver(receipt_text("DELIVRD")) for _ in range(2)] == [0x64, 0x64]
    assert asyncio.run(submitted(provider)) == HandedOver("m-1")
    asyncio.run(provider.close())


@pytest.mark.parametrize(
    ("form", "answered", "told"),
    [
        ("same", "0A1B", "0A1B"),
        ("hex-then-decimal", "0A1B", "2587"),
        ("hex-then-decimal", "a1b", "0000002587"),
        ("decimal-then-hex", "2587", "A1B"),
        ("decimal-then-hex", "0000002587", "0a1b"),
    ],
)
def test_a_number_is_known_again_in_the_other_form(
    smsc: SmscPeer, form: str, answered: str, told: str
) -> None:
    smsc.number = lambda _: answered
    receipts = Receipts()
    provider = SmppCentre(centre(smsc.port, message_id=form), receipts)
    outcome = asyncio.run(submitted(provider))
    smsc.deliver(receipt_text("DELIVRD", told))
    smsc.deliver(b"", tlvs=(
        smpp34.Tlv(smpp34.TLV_RECEIPTED_MESSAGE_ID, answered.encode() + b"\0"),
        smpp34.Tlv(smpp34.TLV_MESSAGE_STATE, b"\2"),
    ))  # fmt: skip
    asyncio.run(provider.close())
    assert [HandedOver(one.remote_id) for one in receipts.taken] == [outcome, outcome]
