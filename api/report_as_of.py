"""A result as of a position: what left when somebody read it is made again, and held against what was logged then."""

from enum import StrEnum
from typing import Final
from uuid import UUID

from api.pages import LOCALES, Locale
from api.result_article import result_article
from api.result_documents import document_of, release_of_form
from api.result_sheet import ResultSheet, sheet_of
from api.share_file import shared_json
from domain.reading import Medium, ReadingPurpose, Rendering, ReportRead
from domain.values import PatientId
from ledger.codec import RecordedEvent
from ledger.rendering import matches
from ledger.store import Ledger
from projections.exposure import places_of_readings

_FILES: Final = (Medium.PDF, Medium.XML, Medium.FHIR_JSON)
# Readings of one report that began at one position: so many are looked at.
READINGS_MAX: Final = 20


class Verdict(StrEnum):
    """What the bytes that were made again say of those that left."""

    SAME = "same"
    DIFFERENT = "different"
    # They differ, but the words or templates do as well: nothing follows from it.
    OTHER_RELEASE = "other-release"
    # The reading was logged without a rendering.
    NOT_KEPT = "not-kept"
    # It left in a form that is not made again here.
    NOT_COMPARED = "not-compared"


def reading_at(ledger: Ledger, position: int, *, report_id: UUID) -> RecordedEvent | None:
    """The reading of this report that is recorded at that very position."""
    found = ledger.read_all(after=position - 1, limit=1)
    recorded = found[0] if found and found[0].position == position else None
    is_of_report = (
        recorded is not None
        and isinstance(recorded.event, ReportRead)
        and recorded.event.report_id == report_id
    )
    return recorded if is_of_report else None


def readings_as_of(ledger: Ledger, position: int, *, report_id: UUID) -> list[RecordedEvent]:
    """The readings that show the report as it stood at that position, the first one first."""
    places = places_of_readings(ledger, report_id, after=position, limit=READINGS_MAX)
    found = (reading_at(ledger, place, report_id=report_id) for place in places)
    return [one for one in found if one is not None and _rendering(one).position == position]


def verdict_of(ledger: Ledger, reading: ReportRead) -> Verdict:
    """Makes again what left by this reading. KeyErasedError or ResultErasedError if nobody can any more."""
    rendering = reading.rendering
    if rendering is None or reading.patient_id is None:
        return Verdict.NOT_KEPT
    made = remade(ledger, reading, rendering)
    if made is None:
        return Verdict.NOT_COMPARED
    if matches(ledger, reading.report_id, made, rendering):
        return Verdict.SAME
    same_release = rendering.release == release_of_form(ledger, reading.medium or Medium.PAGE)
    return Verdict.DIFFERENT if same_release else Verdict.OTHER_RELEASE


def remade(ledger: Ledger, reading: ReportRead, rendering: Rendering) -> bytes | None:
    """The bytes again, from the ledger as it was; None for a form that is not made again."""
    patient_id, medium = reading.patient_id, reading.medium
    if patient_id is None:
        return None
    if reading.purpose is ReadingPurpose.SHARED_LINK:
        return shared_json(sheet_read(ledger, reading, patient_id)) if medium is Medium.FHIR_JSON else None
    if medium in _FILES:
        document = document_of(
            ledger,
            reading.report_id,
            patient_id,
            medium,
            locale=locale_in(rendering),
            time_zone=rendering.time_zone,
            as_of=rendering.position,
            tree_size=rendering.tree_size,
            version=reading.report_version,
        )
        return document.content
    if medium not in (None, Medium.PAGE):
        return None
    sheet = sheet_read(ledger, reading, patient_id)
    return result_article(sheet, locale_in(rendering), rendering.time_zone).encode()


def sheet_read(ledger: Ledger, reading: ReportRead, patient_id: PatientId) -> ResultSheet:
    """The sheet that was shown by this reading."""
    as_of = reading.rendering.position if reading.rendering else None
    return sheet_of(ledger, reading.report_id, patient_id, as_of=as_of, version=reading.report_version)


def locale_in(rendering: Rendering) -> Locale:
    return next((one for one in LOCALES if one == rendering.locale), "ru")


def _rendering(recorded: RecordedEvent) -> Rendering:
    none = Rendering(position=-1, digest="", release="", locale="", time_zone="")
    return recorded.event.rendering or none if isinstance(recorded.event, ReportRead) else none
