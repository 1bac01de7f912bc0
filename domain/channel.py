"""Channel: by what people are told."""

from enum import StrEnum


class Channel(StrEnum):
    """By what a person is told. The cabinet is none: what is there follows from the report's own stream."""

    EMAIL = "email"
    SMS = "sms"
    PUSH = "push"
