"""Announcement: by which channels one person is told of a version of a report, and by which they are not, and why."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from domain.channel import Channel
from domain.permission import Basis
from domain.values import PatientId


class About(StrEnum):
    """What is told of a report, if not that a version of it is there. A document is sent because its reader asked
    for it just then; its password goes another way than the document does."""

    WITHDRAWN = "withdrawn"
    CORRECTED = "corrected"
    DOCUMENT = "document"
    PASSWORD = "password"  # noqa: S105 - a kind of notice


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressedChannel:
    """A channel by which nothing is sent; `reason` is a stable code."""

    channel: Channel
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelsSuppressed:
    """A version of a report is not announced by these channels, each for its reason. The stream is of what is told
    to one recipient of one version by no channel: the others have a stream each."""

    patient_id: PatientId
    report_id: UUID
    report_version: int
    channels: tuple[SuppressedChannel, ...]
    about: About | None = None
    basis: Basis | None = None
    recipient_id: PatientId | None = None
