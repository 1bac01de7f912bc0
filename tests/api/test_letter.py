"""A letter is the same bytes each time, and mail programs read in it what was meant."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.channels.notice import Attachment
from api.letter import Address, Letter, MailMalformedError, composed, keyed_name

SENDER = Address("no-reply", "letopis.example")
ANNA = "anna@example.test"
SENT_AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LETTER: dict[str, Any] = {
    "name": "0" * 32,
    "recipient": ANNA,
    "subject": "Готов новый документ — «Летопись»",
    "text": "В кабинете готов документ:\nhttps://letopis.example/d/1\n.\nТочка.\n",
    "html": "<p>В кабинете готов документ: <a href='https://letopis.example/d/1'>открыть</a></p>",
    "locale": "ru",
    "dated_at": SENT_AT,
}
SEALED = Attachment(
    file_name="document-2026-11-20.pdf", media_type="application/pdf", content=b"%PDF-\x00" * 90
)


def written(**changes: Any) -> bytes:
    letter = Letter(**(LETTER | changes))
    return composed(
        letter, sender=SENDER, recipient=Address.of("recipient", letter.recipient), sender_name="Летопись"
    )


def read(content: bytes) -> EmailMessage:
    message = message_from_bytes(content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects and not any(part.defects for part in message.walk())
    return message


def words(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert isinstance(part, EmailMessage)
    found: str = part.get_content()
    return found


def test_a_mail_program_reads_what_was_written() -> None:
    message = read(written())
    assert message["Subject"] == LETTER["subject"]
    assert message["Date"].datetime == SENT_AT
    (sender,) = message["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Летопись", "no-reply@letopis.example")
    assert message["To"].addresses[0].addr_spec == ANNA
    assert message["Message-ID"] == f"<{'0' * 32}@letopis.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "ru"
    assert words(message, "plain").splitlines() == LETTER["text"].splitlines()
    assert words(message, "html").strip() == LETTER["html"]
    assert message.get_content_type() == "multipart/alternative"
    assert "List-Unsubscribe" not in message


def test_an_attachment_comes_as_it_is_beside_the_words() -> None:
    message = read(written(attachment=SEALED))
    assert message.get_content_type() == "multipart/mixed"
    (attached,) = message.iter_attachments()
    assert attached.get_filename() == SEALED.file_name
    assert attached.get_content_type() == "application/pdf"
    assert attached.get_content() == SEALED.content
    assert "документ" in words(message, "plain")


def test_the_way_to_stop_is_named_for_mail_programs() -> None:
    stops = (
        "https://letopis.example/unsubscribe/abc",
        "mailto:bounces+abc@b.letopis.example?subject=unsubscribe",
    )
    message = read(written(unsubscribe=stops))
    assert message["List-Unsubscribe"] == f"<{stops[0]}>, <{stops[1]}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_the_same_letter_is_the_same_bytes_and_no_line_is_too_long() -> None:
    content = written(attachment=SEALED, unsubscribe=("https://letopis.example/unsubscribe/abc",))
    assert content == written(attachment=SEALED, unsubscribe=("https://letopis.example/unsubscribe/abc",))
    lines = content.split(b"\r\n")
    assert content.endswith(b"\r\n") and b"\n" not in b"".join(lines)
    assert max(map(len, lines)) <= 78 and not [line for line in lines if line.startswith(b".")]


@given(st.text(st.characters(blacklist_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=300))
def test_any_subject_of_one_line_arrives_as_it_is(subject: str) -> None:
    content = written(subject=subject)
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert " ".join(str(read(content)["Subject"]).split()) == " ".join(subject.split())


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=500))
def test_any_text_arrives_as_it_is(text: str) -> None:
    part = read(written(text=text)).get_body(("plain",))
    assert isinstance(part, EmailMessage)
    assert part.get_payload(decode=True) == text.encode()


def test_a_name_of_a_letter_tells_nothing_without_the_key() -> None:
    names = {keyed_name(b"k" * 32, "1"), keyed_name(b"l" * 32, "1"), keyed_name(b"k" * 32, "2")}
    assert len(names) == 3 and all(len(name) == 32 and int(name, 16) for name in names)


@pytest.mark.parametrize(
    "address",
    [
        "anna@example.test\r\nBcc: eve@example.test",
        "anna@example.test\n",
        "anna\r\n@example.test",
        "anna@exa\0mple.test",
        "anna@example.test> SIZE=1",
        "anna,eve@example.test",
        "<anna@example.test>",
        "Анна <anna@example.test>",
        '"a b"@example.test',
        "anna@[127.0.0.1]",
        "anna@",
        "@example.test",
        "anna",
        "",
        ".anna@example.test",
        "a" * 65 + "@example.test",
        "anna@" + "a" * 64 + ".test",
        "anna@-example.test",
    ],
)
def test_an_address_that_is_not_one_plain_address_is_refused(address: str) -> None:
    with pytest.raises(MailMalformedError) as refused:
        Address.of("recipient", address)
    assert refused.value.field == "recipient"
    assert "anna" not in str(refused.value)


def test_a_domain_beyond_ascii_is_written_as_dns_knows_it() -> None:
    assert str(Address.of("recipient", "анна@Почта.рф")) == "анна@xn--80a1acny.xn--p1ai"
    assert "To: анна@xn--80a1acny.xn--p1ai\r\n".encode() in written(recipient="анна@почта.рф")  # RFC 6532


@pytest.mark.parametrize(
    "changes",
    [
        *(
            {"subject": subject}
            for subject in ("a\r\nBcc: eve@example.test", "a\nb", "a\rb", "a\0b", "a\u2028b")
        ),
        {"dated_at": SENT_AT.replace(tzinfo=None)},
        {"unsubscribe": ("https://letopis.example/\r\nBcc: eve@example.test",)},
        {"unsubscribe": ("https://letopis.example/>,<",)},
        {"attachment": Attachment(file_name='a".pdf', media_type="application/pdf", content=b"")},
        {"attachment": Attachment(file_name="a.pdf", media_type="application/pdf\r\nBcc: eve", content=b"")},
    ],
    ids=str,
)
def test_what_would_write_headers_of_its_own_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(MailMalformedError):
        written(**changes)
