"""Which provider SMS go by: one of three, the same for notices and for codes, and an error at start if two are chosen."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from pydantic import ValidationError

from api.channels import sms
from api.channels.kannel import KannelGateway
from api.channels.notice import Notice, NoticeKind
from api.channels.short_message import Provider
from api.channels.smpp import SmppCentre
from api.channels.sms import provider_of, send_now, sms_sender
from api.channels.sms_json import JsonGateway
from api.demo_peers import Fault, SmsPeer
from api.metrics import SMS_SEGMENTS
from api.node import Node
from api.outcome import HandedOver, RefusedForGood, RefusedForNow, Unknown
from api.portal.sign_in import Door
from api.problems import ProblemError
from api.settings import Settings
from tests.api.ports import free_port
from tests.api.smpp_centre import SmscPeer

JSON = {"sms_gateway_url": "http://127.0.0.1:1/"}
KANNEL = {"sms_kannel_url": "http://127.0.0.1:1/cgi-bin/sendsms"}


def smpp_of(port: int) -> dict[str, Any]:
    return {"smpp_host": "127.0.0.1", "smpp_port": port, "smpp_source": "Letopis"}


@pytest.mark.parametrize(
    ("chosen", "kind"),
    [({}, type(None)), (JSON, JsonGateway), (KANNEL, KannelGateway), (smpp_of(1), SmppCentre)],
    ids=["none", "json", "kannel", "smpp"],
)
def test_the_settings_say_by_whom_sms_go(chosen: dict[str, Any], kind: type[Provider] | type[None]) -> None:
    found = provider_of(Settings(**chosen))
    assert isinstance(found, kind)
    if found is not None:
        asyncio.run(found.close())


@pytest.mark.parametrize("chosen", [JSON | KANNEL, JSON | smpp_of(1), KANNEL | smpp_of(1)])
def test_two_ways_are_an_error_at_start_that_names_them_and_shows_no_secret(chosen: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(**chosen, sms_kannel_password="hush", smpp_password="hush")
    said = str(caught.value)
    assert "keep one of LETOPIS_" in said
    assert "hush" not in said
    assert "127.0.0.1" not in said


@pytest.mark.parametrize(
    "wrong",
    [
        {"smpp_password": "nine long"},
        {"smpp_system_id": "x" * 16},
        {"smpp_source": "Летопись"},
        {"smpp_window": 0},
    ],
)
def test_what_smpp_cannot_carry_is_an_error_at_start(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)


def test_who_has_no_phone_gets_no_sms() -> None:
    sender = sms_sender(Settings(**JSON))
    assert sender is not None
    notice = Notice(
        notification_id=uuid4(),
        recipient_id=uuid4(),
        kind=NoticeKind.READY,
        locale="ru",
        link="",
        requested_at=datetime.now(UTC),
    )
    assert asyncio.run(sender.send(notice)) == RefusedForGood("phone-missing")
    asyncio.run(sender.close())


# Codes.


def code(settings: Settings, text: str = "Летопись: код 123456.") -> object:
    return send_now(settings, phone="+79990000001", text=text, reference="c-1")


def test_a_code_goes_by_the_same_provider_and_is_counted(sms: SmsPeer) -> None:
    before = SMS_SEGMENTS._value.get()  # type: ignore[attr-defined]
    settings = Settings(sms_gateway_url=sms.url, sms_gateway_token="t0ken")
    assert isinstance(code(settings, "ж" * 71), HandedOver)
    assert SMS_SEGMENTS._value.get() == before + 2  # type: ignore[attr-defined]
    sms.fault = Fault.REFUSE_FOR_NOW
    assert code(settings) == RefusedForNow("503")
    assert SMS_SEGMENTS._value.get() == before + 2  # type: ignore[attr-defined]


def test_without_a_provider_no_code_goes() -> None:
    assert code(Settings()) is None


def test_who_waits_for_a_code_does_not_wait_for_long(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sms, "CODE_SECONDS", 0.3)
    with SmsPeer(tmp_path / "sms.jsonl", token="t", stall_seconds=3) as peer:
        peer.fault = Fault.STALL_BEFORE
        assert code(Settings(sms_gateway_url=peer.url, sms_gateway_token="t")) == Unknown("timeout")


def test_a_code_to_sign_in_goes_by_smpp(opened: Node) -> None:
    with SmscPeer() as smsc:
        settings = opened.settings.model_copy(update={"sms_gateway_url": None} | smpp_of(smsc.port))
        door = Door(opened.ledger, settings)
        challenge_id = door.challenge("register", "+79990000001", locale="ru")
        (took,) = smsc.accepted
        found = "".join(filter(str.isdigit, took.text))
        assert door.pass_code("register", challenge_id, found).subject is None
        assert not took.wants_receipt


def test_a_centre_that_is_away_is_told_to_who_waits_for_a_code(opened: Node) -> None:
    settings = opened.settings.model_copy(update={"sms_gateway_url": None} | smpp_of(free_port()))
    with pytest.raises(ProblemError) as caught:
        Door(opened.ledger, settings).challenge("register", "+79990000001", locale="ru")
    assert caught.value.code == "sms-unavailable"
