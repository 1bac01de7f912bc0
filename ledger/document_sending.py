"""Sending a result's document by hand, in the ledger: each time it is asked for is a notification of its own."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from domain import document_sending, notification
from domain.announcement import About
from domain.channel import Channel
from domain.document_sending import REQUESTS_MAX
from domain.notification import NotificationStatus
from domain.reading import Medium, ReadingPurpose, ReportRead
from domain.receiving import DocumentFormat
from domain.values import PatientId
from ledger.announcing import News, notification_stream
from ledger.codec import Circumstances
from ledger.commands import decide_again
from ledger.misfiling import ReportNotFoundError, load_report
from ledger.permissions import DOCUMENTS, PATIENT, PERSONAL_DATA, basis_of, notices_permitted
from ledger.recorder import Guard
from ledger.store import Ledger, Write

# What a document that is asked for rests on.
OF_DOCUMENTS = (PATIENT, PERSONAL_DATA, DOCUMENTS)


def document_stream(ledger: Ledger, report_id: UUID, report_version: int, number: int) -> UUID:
    """The notification of the document that is asked for the so manieth time, from 1."""
    parts = (str(report_id), str(report_version), Channel.EMAIL, About.DOCUMENT, str(number))
    return ledger.stream_id("notification", *parts)


def ask_for_document(
    ledger: Ledger, patient_id: PatientId, report_id: UUID, *, form: DocumentFormat, by: Circumstances
) -> UUID:
    """Have what the patient sees of the report sent to their e-mail; the notification that does it. That it leaves
    the house is a reading, recorded in the same append. ReportNotFoundError if the report is not theirs."""

    def act() -> UUID:
        report, report_stream_version = load_report(ledger, report_id)
        if report.patient_id != patient_id:
            raise ReportNotFoundError
        version = report.held_at or report.current_version
        asked = documents_of(ledger, patient_id, report_id, version)
        grounds, guards = notices_permitted(ledger, patient_id, at=datetime.now(UTC))
        requested = document_sending.ask(
            grounds,
            patient_id=patient_id,
            report_id=report_id,
            report_version=version,
            form=form,
            asked_before=[one.asked_at for one in asked],
            consent_id=guards[DOCUMENTS].stream_id,
            consent_version=guards[DOCUMENTS].version,
            basis=basis_of(guards, OF_DOCUMENTS, at=grounds.at),
        )
        read = ReportRead(
            patient_id=patient_id,
            report_id=report_id,
            report_version=version,
            purpose=ReadingPurpose.OWN_CABINET,
            medium=Medium.EMAIL,
        )
        stream_id = document_stream(ledger, report_id, version, len(asked) + 1)
        ledger.append(
            Write(stream_id, 0, (requested,)),
            Write(uuid4(), 0, (read,)),
            circumstances=by,
            guards=[*(guards[what] for what in OF_DOCUMENTS), Guard(report_id, report_stream_version)],
        )
        return stream_id

    return decide_again(act)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentDocument:
    """A document that goes along with an e-mail, or is to, and when that was asked for."""

    notification_id: UUID
    report_version: int
    form: DocumentFormat
    status: NotificationStatus
    asked_at: datetime
    is_by_hand: bool


def documents_of(
    ledger: Ledger, patient_id: PatientId, report_id: UUID, report_version: int
) -> list[SentDocument]:
    """The documents of a version that were asked for by hand, in order."""
    return [one for one in sent_documents(ledger, patient_id, report_id, report_version) if one.is_by_hand]


def sent_documents(
    ledger: Ledger, patient_id: PatientId, report_id: UUID, *report_versions: int
) -> list[SentDocument]:
    """The documents of these versions that are sent or were, by hand or by themselves, in order. No view is asked:
    the names of the streams follow from the report."""
    streams = [
        (version, stream_id)
        for version in report_versions
        for stream_id in (
            *_by_themselves(ledger, patient_id, report_id, version),
            *_by_hand(ledger, report_id, version),
        )
    ]
    states = ledger.load_all(*((stream_id, notification.evolve) for _, stream_id in streams))
    found = []
    for (version, stream_id), (state, _) in zip(streams, states, strict=True):
        if state is not None and state.carries is not None:
            sent = SentDocument(
                notification_id=stream_id,
                report_version=version,
                form=state.carries,
                status=state.status,
                asked_at=next(ledger.read(stream_id)).recorded_at,
                is_by_hand=state.about is About.DOCUMENT,
            )
            found.append(sent)
    return sorted(found, key=lambda one: one.asked_at)


def _by_themselves(ledger: Ledger, patient_id: PatientId, report_id: UUID, version: int) -> list[UUID]:
    told = (
        News(patient_id=patient_id, report_id=report_id, report_version=version, about=about)
        for about in (None, About.CORRECTED)
    )
    return [notification_stream(ledger, one, Channel.EMAIL) for one in told]


def _by_hand(ledger: Ledger, report_id: UUID, version: int) -> list[UUID]:
    return [document_stream(ledger, report_id, version, number) for number in range(1, REQUESTS_MAX + 1)]
