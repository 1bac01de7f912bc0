"""Words of sharing that pages choose at run time; see `page_words`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from domain.sharing import ShareEnd, ShareKind

SHARE_FAMILIES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "share.kind": tuple(ShareKind),
        "share.kind.text": tuple(ShareKind),
        "share.ended": tuple(ShareEnd),
        "shares.kind": ("link",),
        "shares.state": ("active", *ShareEnd),
        "staff.shared.state": tuple(ShareEnd),
        "view.state": ("none", "foreign", "unsupported", "gone", "busy", "failed", "damaged"),
        "view.state.text": ("none", "foreign", "unsupported", "gone", "busy", "failed", "damaged"),
    }
)
