"""Words of SMS that are chosen at run time: closed sets, like those of page_words.py."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SMS_FAMILIES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "sms": (
            "code",
            "already-registered",
            "no-cabinet",
            "recovery-waits",
            "password-changed",
            "phone-changed",
            "document-password",
            "share-opened",
            "test",
        ),
        # Notices: of the recipient's own cabinet, and of one that they look after.
        "sms.own": ("ready", "corrected", "withdrawn", "digest"),
        "sms.ward": ("ready", "corrected", "withdrawn", "digest"),
    }
)
