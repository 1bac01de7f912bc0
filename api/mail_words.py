"""Words of letters by e-mail that are chosen at run time; see `page_words`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_NOTICES = (
    *("ready", "corrected", "withdrawn", "digest"),
    *("ready-ward", "corrected-ward", "withdrawn-ward", "digest-ward"),
    *("document", "test"),
)
_OF_THE_ACCOUNT = ("code", "email-changed", "ticket-answered", "ticket-escalated", "share-opened")

MAIL_FAMILIES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "mail.subject": _NOTICES,
        "mail.text": _NOTICES,
        "letter.subject": _OF_THE_ACCOUNT,
        "letter.text": _OF_THE_ACCOUNT,
    }
)
