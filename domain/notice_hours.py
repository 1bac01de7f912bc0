"""Notice hours: when a person wants to be told, and what a notice so waits for."""

from enum import StrEnum


class Wait(StrEnum):
    """Why a notification is not sent yet, though nothing forbids it."""

    DAILY_DIGEST = "daily-digest"
    WEEKLY_DIGEST = "weekly-digest"
    QUIET_HOURS = "quiet-hours"
