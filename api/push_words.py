"""Words of push notices: what stands on a locked screen."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_KINDS = ("ready", "corrected", "withdrawn", "digest", "document")
PUSH_FAMILIES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"push.notice": ("title", *_KINDS, "test"), "push.notice.ward": _KINDS}
)
