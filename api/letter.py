"""A letter: an e-mail of ours, put together to the same bytes each time.

So mail stores fold a message that had to be sent twice. The bytes are made here and not by the library of
Python, whose folding of headers may change with its version, and which takes thirty times as long.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime
from functools import lru_cache
from typing import Final, Self

import idna

from api.channels.notice import Attachment
from api.pages import Locale

# RFC 5322 3.2.3 dot-atom, and beyond ASCII what RFC 6532 3.2 adds. Quoted local parts are refused.
_ATOM: Final = r"[\w!#$%&'*+/=?^`{|}~-]+"
_LOCAL_PART: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_FILE_NAME: Final = re.compile(r"[\w.-]+", re.ASCII)
_MEDIA_TYPE: Final = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
# Neither can stand in base64.
_WORDS: Final = "=_words"
_WHOLE: Final = "=_whole"


class MailMalformedError(ValueError):
    """The message cannot be composed; `field` says which part is wrong, never what is in it."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


@dataclass(frozen=True, slots=True)
class Address:
    """A checked address; a domain beyond ASCII in the form that DNS knows (RFC 5891)."""

    local_part: str
    domain: str

    @classmethod
    def of(cls, field: str, text: str) -> Self:
        local_part, _, domain = text.rpartition("@")
        try:
            domain = _in_ascii(domain)
        except idna.IDNAError as error:
            raise MailMalformedError(field) from error
        if not _LOCAL_PART.fullmatch(local_part) or len(local_part.encode()) > 64 or len(domain) > 253:
            raise MailMalformedError(field)  # sizes: RFC 5321 4.5.3.1
        return cls(local_part, domain)

    def __str__(self) -> str:
        return f"{self.local_part}@{self.domain}"


@lru_cache(maxsize=4096)
def _in_ascii(domain: str) -> str:
    """Most people's mailboxes are at a few domains, and each look at one takes 0.1 ms."""
    return idna.encode(domain, uts46=True).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """`name` is the same at every try of one letter, and of no other. `unsubscribe` are the addresses at which
    such letters are stopped, https first (RFC 2369, RFC 8058)."""

    name: str
    recipient: str
    subject: str
    text: str
    html: str
    locale: Locale
    dated_at: datetime
    unsubscribe: tuple[str, ...] = ()
    attachment: Attachment | None = None


def keyed_name(message_key: bytes, about: str) -> str:
    """Links two copies of one message to each other, and to nothing else."""
    return hmac.new(message_key, about.encode(), hashlib.sha256).hexdigest()[:32]


def composed(letter: Letter, *, sender: Address, recipient: Address, sender_name: str) -> bytes:
    """Its bytes, with lines that end with CRLF. Text is in base64: no line can begin with a dot or be too long, and
    no relay has to convert it, which would break a signature."""
    if letter.dated_at.tzinfo is None:
        raise MailMalformedError("dated_at")
    if _CONTROL.search(letter.subject):
        raise MailMalformedError("subject")
    lines = [
        f"From: {_encoded(sender_name)} <{sender}>",
        f"To: {recipient}",
        f"Subject: {_encoded(letter.subject)}",
        f"Date: {format_datetime(letter.dated_at)}",
        f"Message-ID: <{letter.name}@{sender.domain}>",
        "Auto-Submitted: auto-generated",  # RFC 3834: no out-of-office replies
        f"Content-Language: {letter.locale}",
    ]
    if letter.unsubscribe:
        lines += [
            "List-Unsubscribe: " + ",\r\n ".join(f"<{_link(one)}>" for one in letter.unsubscribe),
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        ]
    lines += ["MIME-Version: 1.0", _words(letter.text, letter.html)]
    if letter.attachment is not None:
        lines[-1] = _with_attachment(lines[-1], letter.attachment)
    return "\r\n".join(lines).encode()


def _words(text: str, html: str) -> str:
    """The plain text and the same in HTML: who reads takes the last that they understand."""
    parts = "".join(
        f"--{_WORDS}\r\nContent-Type: text/{subtype}; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: base64\r\n\r\n{_base64(words.encode())}"
        for subtype, words in (("plain", text), ("html", html))
    )
    return f'Content-Type: multipart/alternative; boundary="{_WORDS}"\r\n\r\n{parts}--{_WORDS}--\r\n'


def _with_attachment(words: str, attachment: Attachment) -> str:
    name, media_type = attachment.file_name, attachment.media_type
    if not _FILE_NAME.fullmatch(name) or not _MEDIA_TYPE.fullmatch(media_type):
        raise MailMalformedError("attachment")
    return (
        f'Content-Type: multipart/mixed; boundary="{_WHOLE}"\r\n\r\n'
        f"--{_WHOLE}\r\n{words}\r\n"
        f'--{_WHOLE}\r\nContent-Type: {media_type}; name="{name}"\r\n'
        f'Content-Disposition: attachment; filename="{name}"\r\n'
        f"Content-Transfer-Encoding: base64\r\n\r\n{_base64(attachment.content)}--{_WHOLE}--\r\n"
    )


def _base64(content: bytes) -> str:
    return base64.encodebytes(content).decode("ascii").replace("\n", "\r\n")


@lru_cache(maxsize=256)
def _encoded(words: str) -> str:
    """RFC 2047, in lines of at most 78."""
    return Header(words, "utf-8" if not words.isascii() else None, header_name="Subject").encode(
        linesep="\r\n"
    )


def _link(address: str) -> str:
    if not address.isascii() or re.search(r"[\s<>]", address):
        raise MailMalformedError("unsubscribe")
    return address
