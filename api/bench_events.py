"""The events that the benchmark stores: a laboratory's ordinary day, the same one for the same seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from domain.channel import Channel
from domain.notification import (
    NotificationAttempted,
    NotificationHandedOver,
    NotificationRequested,
)
from domain.reading import ReadingPurpose, ReportRead, ReportsListed
from domain.report import ReportMatched, ReportReceived
from domain.report_content import (
    Observation,
    ObservationStatus,
    ReferenceRange,
    ReportContent,
    ReportStatus,
    Specimen,
    Subject,
    Value,
    ValueKind,
)
from domain.submission import (
    ReportOutcome,
    StoredDocument,
    SubmissionAccepted,
    SubmissionReceived,
    SubmittedReport,
)
from domain.values import Coding, Concept, Identifier, LaboratoryId, PatientId, Quantity
from ledger.keys import MintedKeys
from ledger.recorder import Document
from ledger.store import Ledger, Write

# Every report brings these: submission received and accepted, report received and matched, notification
# requested, attempted and handed over, list shown, report shown.
EVENTS_PER_REPORT = 9
# A patient of the cabinet has a few reports; each report and each submission has a data key of its own.
REPORTS_PER_PATIENT = 5
# Making a report takes longer than storing one: so many different ones are made and used again and again.
CONTENTS = 200
# A signed envelope is its content in base64url, and a signature.
ENVELOPE_BYTES = 4500

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
# Code, the laboratory's words, UCUM unit, usual range.
BLOOD_COUNT = (
    ("718-7", "Гемоглобин", "g/L", 117, 155),
    ("789-8", "Эритроциты", "10*12/L", 3, 5),
    ("6690-2", "Лейкоциты", "10*9/L", 4, 9),
    ("777-3", "Тромбоциты", "10*9/L", 180, 320),
)


def content(random: Random) -> ReportContent:
    """A blood count of four observations: about 3 kB once it is stored."""
    taken = f"2026-11-{random.randint(1, 28):02}T0{random.randint(6, 9)}:{random.randint(10, 59)}:00+03:00"
    return ReportContent(
        status=ReportStatus.FINAL,
        subject=Subject(
            family="Иванова",
            given=("Мария", "Петровна"),
            birth_date="1980-05-17",
            sex="female",
            identifiers=(Identifier(value=f"{random.randrange(10**16):016}", kind="NIIP"),),
        ),
        identifiers=(Identifier(value=f"2026-{random.randrange(10**8):08}", kind="ACSN"),),
        code=Concept(codings=(Coding(system=LOINC, code="57021-8"),), text="Общий анализ крови"),
        effective_at=taken,
        issued_at=taken,
        performer="Лаборатория № 1",
        specimens=(Specimen(kind=Concept(text="Кровь венозная"), collected_at=taken),),
        observations=tuple(_observation(random, line) for line in BLOOD_COUNT),
    )


def sample_report() -> ReportReceived:
    """One report, for measuring what its bytes cost."""
    nobody = UUID(int=0)
    return ReportReceived(
        laboratory_id=LaboratoryId(nobody),
        submission_id=nobody,
        content=content(Random(0)),
    )


def _observation(random: Random, line: tuple[str, str, str, int, int]) -> Observation:
    code, words, unit, low, high = line
    amount = random.uniform(low * 0.9, high * 1.1)
    flag = "L" if amount < low else "H" if amount > high else "N"
    return Observation(
        code=Concept(codings=(Coding(system=LOINC, code=code, display=words),), text=words),
        status=ObservationStatus.FINAL,
        value=Value(
            kind=ValueKind.QUANTITY,
            quantity=Quantity(value=f"{amount:.1f}", unit=unit, system=UCUM, code=unit),
        ),
        interpretation=(Concept(codings=(Coding(system=INTERPRETATION, code=flag),)),),
        reference_ranges=(
            ReferenceRange(
                low=Quantity(value=str(low), unit=unit), high=Quantity(value=str(high), unit=unit)
            ),
        ),
    )


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What one append of several reports needs."""

    writes: list[Write]
    documents: list[Document]
    keys: MintedKeys


class Day:
    """Reports as they come, each with what follows from it."""

    def __init__(self, ledger: Ledger, *, seed: int = 1) -> None:
        self._ledger = ledger
        self._random = Random(seed)
        self._laboratories = [LaboratoryId(self._uuid()) for _ in range(20)]
        self._contents = [content(self._random) for _ in range(CONTENTS)]
        self._patient = PatientId(self._uuid())
        self._reports = 0

    def report_only(self) -> Write:
        """One report, and nothing else."""
        report_id = self._uuid()
        return Write(report_id, 0, (self._report(self._laboratory(), self._uuid()),), report_id)

    def taken_in(self, reports: int) -> TakenIn:
        """Reports with their submissions, notifications and readings, as one append stores them."""
        submissions = [self._uuid() for _ in range(reports)]
        report_ids = [self._uuid() for _ in range(reports)]
        keys = self._ledger.new_keys(
            *(Write(stream_id, 0, (), stream_id) for stream_id in (*submissions, *report_ids))
        )
        taken = TakenIn([], [], keys)
        for submission_id, report_id in zip(submissions, report_ids, strict=True):
            envelope = self._random.randbytes(ENVELOPE_BYTES)
            document = self._ledger.seal_document(submission_id, envelope, keys)
            taken.documents.append(document)
            taken.writes.extend(self._all_of(submission_id, report_id, document))
        return taken

    def _all_of(self, submission_id: UUID, report_id: UUID, document: Document) -> Sequence[Write]:
        patient_id, laboratory_id = self._next_patient(), self._laboratory()
        received = SubmissionReceived(
            laboratory_id=laboratory_id,
            key_id="bench",
            content_type="application/fhir+json",
            content_commitment=self._random.randbytes(32).hex(),
            document=StoredDocument(
                document_id=document.document_id,
                key_id=document.key_id,
                sealed_sha256=document.sha256,
                commitment=document.commitment.hex(),
                size_bytes=document.size_bytes,
            ),
        )
        outcome = SubmittedReport(report_id=report_id, version=1, outcome=ReportOutcome.RECORDED)
        matched = ReportMatched(patient_id=patient_id, matched_by="enp")
        own = ReadingPurpose.OWN_CABINET
        listed = ReportsListed(patient_id=patient_id, count=1, purpose=own)
        read = ReportRead(patient_id=patient_id, report_id=report_id, report_version=1, purpose=own)
        return (
            Write(submission_id, 0, (received, SubmissionAccepted(reports=(outcome,)))),
            Write(report_id, 0, (self._report(laboratory_id, submission_id), matched), report_id),
            Write(self._uuid(), 0, self._announced(patient_id, report_id)),
            Write(self._uuid(), 0, (listed,)),
            Write(self._uuid(), 0, (read,)),
        )

    def _report(self, laboratory_id: LaboratoryId, submission_id: UUID) -> ReportReceived:
        return ReportReceived(
            laboratory_id=laboratory_id,
            submission_id=submission_id,
            content=self._random.choice(self._contents),
        )

    def _announced(
        self, patient_id: PatientId, report_id: UUID
    ) -> Sequence[NotificationRequested | NotificationAttempted | NotificationHandedOver]:
        return (
            NotificationRequested(
                patient_id=patient_id,
                report_id=report_id,
                report_version=1,
                channel=Channel.EMAIL,
                consent_id=self._uuid(),
                consent_version=1,
            ),
            NotificationAttempted(
                attempt=1, lease_until=datetime.now(UTC) + timedelta(minutes=2), consent_version=1
            ),
            NotificationHandedOver(attempt=1, remote_id=f"<{self._uuid()}@letopis.example>"),
        )

    def _next_patient(self) -> PatientId:
        self._reports += 1
        if self._reports % REPORTS_PER_PATIENT == 0:
            self._patient = PatientId(self._uuid())
        return self._patient

    def _laboratory(self) -> LaboratoryId:
        return self._random.choice(self._laboratories)

    def _uuid(self) -> UUID:
        """As random as any, and the same for the same seed: RFC 9562, 5.4."""
        return UUID(bytes=self._random.randbytes(16), version=4)
