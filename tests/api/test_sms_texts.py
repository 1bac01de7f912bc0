"""What SMS say: nothing of health, no name, no organisation; and no more than two of them for one notice."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smpplib.gsm import gsm_encode

from api.channels.gsm import segments_of
from api.channels.notice import Notice, NoticeKind
from api.channels.sms import text_of
from api.pages import LOCALES, Locale, phrase

MANUAL = Path(__file__).parents[2] / "docs" / "delivery.md"
# As long as a real address of a portal gets.
LINK = "https://kabinet.letopis-obrazets.example.ru/notifications"
TOLD = ("code", "already-registered", "no-cabinet", "recovery-waits", "password-changed", "phone-changed")
FORBIDDEN = re.compile(
    r"анализ|результат|исследован|лаборатор|диагноз|здоров|медицин|клиник|больни|врач"
    r"|test result|laborator|diagnos|health|medic|clinic|hospital|doctor",
    re.IGNORECASE,
)


def notice(kind: NoticeKind, locale: Locale, *, for_ward: bool = False, count: int = 1) -> Notice:
    return Notice(
        notification_id=uuid4(),
        recipient_id=uuid4(),
        kind=kind,
        locale=locale,
        link=LINK,
        requested_at=datetime.now(UTC),
        count=count,
        for_ward=for_ward,
        password="K7MQ-X2VD-9PRT-4HWN",
    )


NOTICES = [
    notice(kind, locale, for_ward=for_ward, count=count)
    for kind in NoticeKind
    for locale in LOCALES
    for for_ward in (False, True)
    for count in ((1, 2, 5, 1234) if kind is NoticeKind.DIGEST else (1,))
]


@pytest.mark.parametrize(
    "told", NOTICES, ids=lambda told: f"{told.kind}-{told.locale}-{told.for_ward}-{told.count}"
)
def test_a_notice_is_two_sms_at_most_and_says_nothing_of_health(told: Notice) -> None:
    text = text_of(told)
    assert len(segments_of(text).parts) <= 2, text
    assert not FORBIDDEN.search(text.replace(LINK, "")), text
    assert "{" not in text


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("told", TOLD)
def test_what_else_is_told_by_sms_is_as_short(told: str, locale: Locale) -> None:
    text = phrase(f"sms.{told}", locale=locale, code="123456")
    assert len(segments_of(text).parts) <= 2, text


@pytest.mark.parametrize(
    "told", NOTICES, ids=lambda told: f"{told.kind}-{told.locale}-{told.for_ward}-{told.count}"
)
def test_english_needs_no_letter_that_costs_more(told: Notice) -> None:
    assert segments_of(text_of(told)).is_ucs2 is (told.locale == "ru")


def test_each_kind_says_what_it_is_about() -> None:
    assert text_of(notice(NoticeKind.READY, "ru")) == f"Летопись: в вашем кабинете новый документ. {LINK}"
    assert "2 новости" in text_of(notice(NoticeKind.DIGEST, "ru", count=2))
    assert "5 новостей" in text_of(notice(NoticeKind.DIGEST, "ru", count=5))
    assert "подопечного" in text_of(notice(NoticeKind.CORRECTED, "ru", for_ward=True))
    assert "исправлен" in text_of(notice(NoticeKind.CORRECTED, "ru"))
    assert "K7MQ-X2VD-9PRT-4HWN" in text_of(notice(NoticeKind.PASSWORD, "ru"))
    assert LINK not in text_of(notice(NoticeKind.PASSWORD, "ru"))


def test_the_manual_shows_the_texts_as_they_are_sent_and_what_they_cost() -> None:
    rows = re.findall(
        r"^\| (\w+) \| [^|]*\| (Летопись: [^|]*) \| (\d) / (\d) \|$", MANUAL.read_text("utf-8"), re.MULTILINE
    )
    assert len(rows) == len(NoticeKind) - 1, "a document goes by e-mail"
    for kind, words, *segments in rows:
        link = "https://letopis.example/" + ("notifications" if kind == "withdrawn" else "reports")
        told = {
            locale: text_of(replace(notice(NoticeKind(kind), locale, count=5), link=link))
            for locale in LOCALES
        }
        assert words.replace("*link*", link).replace("…", "K7MQ-X2VD-9PRT-4HWN") == told["ru"]
        assert [int(one) for one in segments] == [len(segments_of(told[locale]).parts) for locale in LOCALES]


# Segments.


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),  # each is two septets
        ("€" * 81, 2),
        ("a" * 152 + "€" + "a" * 152, 3),  # no letter is cut: the first is one septet short
        ("ж" * 70, 1),
        ("ж" * 71, 2),
        ("ж" * 134, 2),
        ("ж" * 135, 3),
        ("😀" * 35, 1),  # each is two units of UTF-16
        ("ж" * 66 + "😀" + "ж" * 66, 3),
        ("`" * 70, 1),  # is no letter of GSM 03.38
        ("ё", 1),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_segments_are_counted_as_they_are_paid_for(text: str, count: int) -> None:
    assert len(segments_of(text).parts) == count


@given(st.text(max_size=700), st.integers(0, 10_000))
def test_a_phone_puts_together_what_was_cut(text: str, number: int) -> None:
    text = text.encode("utf-16-be", "replace").decode("utf-16-be")
    segments = segments_of(text)
    sent = segments.with_headers(number)
    assert all(len(part) <= (140 if segments.is_ucs2 else 160) for part in sent)
    bodies = sent
    if len(sent) > 1:
        heads = [part[:6] for part in sent]
        assert heads == [bytes((5, 0, 3, number & 0xFF, len(sent), at)) for at in range(1, len(sent) + 1)]
        bodies = tuple(part[6:] for part in sent)
    if segments.is_ucs2:
        assert (
            "".join(body.decode("utf-16-be") for body in bodies) == text
        )  # each by itself: no half of a letter
    else:
        assert not any(body.endswith(b"\x1b") for body in bodies)


@given(
    st.text(
        st.sampled_from("abcXYZ0189 @£$¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ!#¤%&()*+,-./:;<=>?¡ÄÖÑÜ¿äöñüà^{}[~]|€"),
        max_size=150,
    )
)
def test_the_alphabet_is_that_of_another_library(text: str) -> None:
    """But for § and the grave accent, in which smpplib's table differs from 3GPP TS 23.038."""
    assert b"".join(segments_of(text).parts) == gsm_encode(text)
