"""E-mail as a channel: which words a notice becomes, to whom and from where, and how it looks."""

import asyncio
import re
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar, cast
from uuid import UUID

import pytest
from playwright.sync_api import Browser

from api import unsubscribe_token
from api.bounce_address import Place, notice_of
from api.channels.email import MALFORMED, EmailSender, post_once
from api.channels.notice import Attachment, Notice, NoticeKind
from api.demo_peers import Fault, MailPeer
from api.letter import Letter
from api.outcome import HandedOver, Outcome, RefusedForGood, RefusedForNow
from api.pages import LOCALES, Locale
from api.settings import Settings
from domain.channel import Channel
from domain.values import PatientId
from ledger.custody import Custody
from tests.api.test_letter import SEALED
from tests.api.test_pages import THEMES, browser, violations  # noqa: F401 - a fixture

T = TypeVar("T")
KEY = b"k" * 32
CUSTODY = cast("Custody", SimpleNamespace(message_key=KEY))
ANNA = PatientId(UUID(int=7))
NOTICE = UUID(int=8)
URL = "https://letopis.example"
KINDS = [kind for kind in NoticeKind if kind is not NoticeKind.PASSWORD]
FAMILIAR = re.compile("анализ|результат|лаборатор|analys|result|laborator", re.IGNORECASE)


def notice(kind: NoticeKind = NoticeKind.READY, **changes: Any) -> Notice:
    arguments: dict[str, Any] = {
        "notification_id": NOTICE,
        "recipient_id": ANNA,
        "kind": kind,
        "locale": "ru",
        "link": f"{URL}/reports",
        "requested_at": datetime(2026, 11, 20, 12, 0, tzinfo=UTC),
        "email": "anna@example.test",
    }
    return Notice(**(arguments | changes))


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[MailPeer]:
    with MailPeer(tmp_path / "mail") as peer:
        yield peer


def configured(peer: MailPeer, **changes: Any) -> Settings:
    where = {"smtp_host": "127.0.0.1", "smtp_port": peer.port, "public_url": URL}
    return Settings(home=Path("unused"), **(where | changes))


def sent(peer: MailPeer, *notices: Notice, **changes: Any) -> list[Outcome]:
    async def run() -> list[Outcome]:
        sender = EmailSender.from_settings(configured(peer, **changes), CUSTODY)
        assert sender is not None
        try:
            return [await sender.send(one) for one in notices]
        finally:
            await sender.close()

    return ran(run())


def ran(coroutine: Coroutine[Any, Any, T]) -> T:
    """In a thread of its own: the browser keeps an event loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()


def letter(peer: MailPeer, of: Notice, **changes: Any) -> EmailMessage:
    """The letter that truly arrived."""
    (outcome,) = sent(peer, of, **changes)
    assert isinstance(outcome, HandedOver)
    message = message_from_bytes(peer.accepted[-1].path.read_bytes(), policy=policy.default)
    assert isinstance(message, EmailMessage) and not message.defects
    return message


def words(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert isinstance(part, EmailMessage)
    return str(part.get_content())


# Words.


@pytest.mark.parametrize("for_ward", [False, True])
@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_words_and_none_about_health(
    peer: MailPeer, kind: NoticeKind, locale: Locale, *, for_ward: bool
) -> None:
    message = letter(peer, notice(kind, locale=locale, for_ward=for_ward, count=3, corrections=1))
    said = f"{message['Subject']} {words(message)} {words(message, 'html')}"
    assert not FAMILIAR.search(re.sub(r"https://[^\s\"]+", "", said))
    assert f"{URL}/reports" in words(message) and f'href="{URL}/reports"' in words(message, "html")
    assert "None" not in said and message["Content-Language"] == locale
    about_ward = re.search("подопечн|ward", said) is not None
    assert about_ward is (for_ward and kind not in (NoticeKind.DOCUMENT, NoticeKind.TEST))


@pytest.mark.parametrize(
    ("count", "corrections", "lines"),
    [
        (1, 0, ["— Появился 1 новый документ."]),
        (22, 1, ["— Появился 21 новый документ.", "— Исправлен 1 документ, который уже был в кабинете."]),
        (7, 2, ["— Появилось 5 новых документов.", "— Исправлены 2 документа, которые уже были в кабинете."]),
        (12, 12, ["— Исправлено 12 документов, которые уже были в кабинете."]),
    ],
)
def test_a_digest_counts_in_russian(peer: MailPeer, count: int, corrections: int, lines: list[str]) -> None:
    text = words(letter(peer, notice(NoticeKind.DIGEST, count=count, corrections=corrections)))
    assert [line for line in text.splitlines() if line.startswith("—")] == lines


def test_a_sealed_document_comes_along_and_its_password_does_not(peer: MailPeer) -> None:
    for kind in (NoticeKind.DOCUMENT, NoticeKind.READY):
        message = letter(peer, notice(kind, attachment=SEALED, password="KX4M-7RTW"))
        (attached,) = message.iter_attachments()
        assert attached.get_content() == SEALED.content
        assert "SMS" in words(message) and "KX4M" not in message.as_string()
        assert "ZIP" not in words(message)
    archive = Attachment(file_name="d.zip", media_type="application/zip", content=b"PK")
    assert "7-Zip" in words(letter(peer, notice(NoticeKind.DOCUMENT, attachment=archive)))


# What stays the same.


def test_a_notice_that_is_sent_twice_is_the_same_letter(peer: MailPeer) -> None:
    sent(peer, notice(), notice())
    first, second = (accepted.path.read_bytes() for accepted in peer.accepted)
    assert first == second


def test_letters_of_two_people_differ_only_in_what_is_theirs(peer: MailPeer) -> None:
    """The words are kept between letters: one person's own address must not come to another."""
    anna = letter(peer, notice())
    other = PatientId(UUID(int=9))
    boris = letter(peer, notice(recipient_id=other, notification_id=UUID(int=10), email="boris@example.test"))
    for message, whose in ((anna, ANNA), (boris, other)):
        token = unsubscribe_token.make(KEY, whose, Channel.EMAIL)
        addresses = re.findall(r"unsubscribe/(\w+)", words(message) + words(message, "html"))
        assert addresses == [token, token]
        assert f"<{URL}/unsubscribe/{token}>" in message["List-Unsubscribe"]
    assert anna["Message-ID"] != boris["Message-ID"]


def test_nothing_in_a_letter_names_the_person_or_the_notice(peer: MailPeer) -> None:
    raw = letter(peer, notice()).as_string()
    for secret in (ANNA.hex, str(ANNA), NOTICE.hex, str(NOTICE)):
        assert secret not in raw


# Stopping, and coming back.


def test_one_click_stops_notices_but_not_what_was_asked_for(peer: MailPeer) -> None:
    message = letter(peer, notice(), bounce_domain="returns.letopis.example")
    https, mailto = re.findall(r"<(.*?)>", message["List-Unsubscribe"])
    token = https.removeprefix(f"{URL}/unsubscribe/")
    assert unsubscribe_token.read(KEY, token) == (ANNA, Channel.EMAIL)
    assert mailto == f"mailto:bounces+{token}@returns.letopis.example?subject=unsubscribe"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    for kind in (NoticeKind.DOCUMENT, NoticeKind.TEST):
        asked_for = letter(peer, notice(kind))
        assert "List-Unsubscribe" not in asked_for and "/unsubscribe/" not in words(asked_for, "html")


def test_a_letter_comes_back_to_an_address_of_its_own(peer: MailPeer) -> None:
    letter(peer, notice(), bounce_domain="Returns.letopis.example")
    place = Place("bounces", "returns.letopis.example")
    token = place.token_of(peer.accepted[-1].sender)
    assert token is not None and notice_of(KEY, token) == NOTICE
    letter(peer, notice())
    assert peer.accepted[-1].sender == "no-reply@letopis.example", "where no such place is configured"


# The answers.


def test_what_cannot_be_sent_is_an_outcome(peer: MailPeer) -> None:
    wrong = [notice(email=None), notice(email="anna"), notice(email="anna@example.test\r\nDATA")]
    assert sent(peer, *wrong) == [RefusedForGood("email-missing"), MALFORMED, MALFORMED]
    ours = notice(attachment=Attachment(file_name="результат.pdf", media_type="application/pdf", content=b""))
    assert sent(peer, ours) == [RefusedForGood("letter-malformed")], "which says nothing about the address"
    password = notice(NoticeKind.PASSWORD, password="KX4M-7RTW")
    assert sent(peer, password) == [RefusedForGood("not-by-email")], "never the way that the document went"
    peer.fault = Fault.REFUSE_FOR_GOOD
    assert sent(peer, notice()) == [RefusedForGood("550 5.7.1")]
    assert not peer.accepted


def test_without_a_relay_there_is_no_channel() -> None:
    assert EmailSender.from_settings(Settings(home=Path("unused")), CUSTODY) is None


def test_a_letter_that_is_no_notice_goes_the_same_way(peer: MailPeer) -> None:
    one = Letter(
        name="n1",
        recipient="anna@example.test",
        subject="Код",
        text="Ваш код: 123456\n",
        html="<p>Ваш код: 123456</p>",
        locale="ru",
        dated_at=datetime(2026, 11, 20, tzinfo=UTC),
    )
    assert ran(post_once(configured(peer), CUSTODY, one, timeout_seconds=60)) == HandedOver("000001")
    nowhere = Settings(home=Path("unused"))
    assert ran(post_once(nowhere, CUSTODY, one, timeout_seconds=60)) == RefusedForNow("not-configured")


def test_a_password_for_the_relay_needs_tls() -> None:
    with pytest.raises(ValueError, match="never sent in the clear"):
        Settings(home=Path("unused"), smtp_username="relay", smtp_password="secret")


# How it looks.


@pytest.mark.parametrize("kind", ["digest", "document"])
def test_a_letter_is_readable_on_a_phone_by_day_and_by_night(
    browser: Browser,  # noqa: F811
    peer: MailPeer,
    kind: NoticeKind,
) -> None:
    html = words(letter(peer, notice(NoticeKind(kind), count=3, corrections=1, attachment=SEALED)), "html")
    assert not re.search(r"<(script|img|link|iframe)\b|@import|url\(", html), (
        "nothing is fetched when it is read"
    )
    with browser.new_context(viewport={"width": 320, "height": 700}) as context:
        tab = context.new_page()
        tab.set_content(html)
        assert tab.evaluate("() => document.documentElement.scrollWidth") <= 320
        for theme in THEMES:
            tab.emulate_media(color_scheme=theme)
            assert violations(tab) == []
        tab.evaluate("() => document.querySelector('style').remove()")
        assert violations(tab) == [], "for clients that take no style element"
