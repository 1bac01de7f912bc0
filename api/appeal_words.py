"""Words that the pages of appeals choose at run time."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from domain.appeal import AppealField, AppealStatus, RefusalReason

APPEAL_FAMILIES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "appeal.status": tuple(AppealStatus),
        "appeal.status.text": tuple(AppealStatus),
        "appeal.reason": tuple(RefusalReason),
        "appeal.field": tuple(AppealField),
        "appeal.own": ("name", "birth_date", "policy", "email"),
        "appeal.event": (
            "submitted",
            "taken",
            "answered",
            "reminded",
            "escalated",
            "status-requested",
            "repeated",
            "withdrawn",
        ),
    }
)
