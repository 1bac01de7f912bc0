"""Sending a result's document by hand: its patient asks for it at one report, and may ask again."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from domain.announcement import About
from domain.channel import Channel
from domain.notification import NotificationRequested
from domain.permission import Basis, Grounds, document_notice_barrier
from domain.receiving import DocumentFormat
from domain.values import PatientId

# A version of a report is sent so often at most; and not twice for one press.
REQUESTS_MAX = 10
PAUSE = timedelta(minutes=2)


class DocumentNotPermittedError(Exception):
    """The patient does not permit it, or there is no good address; `reason` is a stable code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class DocumentJustSentError(Exception):
    """It was asked for a moment ago: the first one is on its way."""


class DocumentSentOftenError(Exception):
    """This version was sent as often as it may be."""


def ask(
    grounds: Grounds,
    *,
    patient_id: PatientId,
    report_id: UUID,
    report_version: int,
    form: DocumentFormat,
    asked_before: Sequence[datetime],
    consent_id: UUID,
    consent_version: int,
    basis: Basis,
) -> NotificationRequested:
    """Ask for the version to be sent. `asked_before` is when it was, the last one last."""
    reason = document_notice_barrier(grounds, channel=Channel.EMAIL)
    if reason is not None:
        raise DocumentNotPermittedError(reason)
    if asked_before and grounds.at < asked_before[-1] + PAUSE:
        raise DocumentJustSentError
    if len(asked_before) >= REQUESTS_MAX:
        raise DocumentSentOftenError
    return NotificationRequested(
        patient_id=patient_id,
        report_id=report_id,
        report_version=report_version,
        channel=Channel.EMAIL,
        consent_id=consent_id,
        consent_version=consent_version,
        about=About.DOCUMENT,
        basis=basis,
        carries=form,
    )
