"""All that is kept of one patient, opened, for their right of access (152-ФЗ, article 14): the archive that they can take
themselves on «Все мои данные», handed out by an officer. It is made while it is sent, and no copy of it stays here.
"""

from collections.abc import Iterator, Sequence
from uuid import uuid4

from api.archives import Asked, Part, Zipped, asked_now, results_of
from api.my_data import SECTIONS
from api.pages import Locale
from api.result_documents import release_of_form
from domain.reading import Medium, PersonalDataTaken, ReadingPurpose, ReportRead
from domain.values import PatientId
from ledger.codec import Circumstances, name_of
from ledger.commands import record_reading
from ledger.rendering import rendering_of
from ledger.store import Ledger, Write
from projections import cabinet

# More than anybody has: a thousand a year for a lifetime.
RESULTS_MAX = 100_000


class PersonUnknownError(Exception):
    """Nobody has this pseudonym."""


def person_archive(
    ledger: Ledger, patient_id: PatientId, by: Circumstances, *, locale: Locale, time_zone: str
) -> Iterator[bytes]:
    """The bytes of the ZIP; that they leave is recorded before the first of them, and each result before its own.
    PersonUnknownError if there is no such patient."""
    first = next(ledger.read(patient_id), None)
    if first is None or name_of(first.event) != "PatientRegistered":
        raise PersonUnknownError
    report_ids = [row.report_id for row in cabinet.reports_of(ledger, patient_id, limit=RESULTS_MAX)]
    asked = asked_now(ledger, patient_id, report_ids, locale=locale, time_zone=time_zone, all_versions=True)
    record_reading(ledger, PersonalDataTaken(patient_id=patient_id, purpose=ReadingPurpose.COMPLIANCE), by)
    return _archive(asked, by)


def _archive(asked: Asked, by: Circumstances) -> Iterator[bytes]:
    zipped = Zipped()
    for section in SECTIONS:
        yield from zipped.add_rows(f"data/{section.name}.json", section.rows(asked.ledger, asked.patient_id))
    yield from results_of(asked, zipped, record=lambda parts: _record(asked, parts, by))
    zipped.add_sums()
    yield zipped.end()


def _record(asked: Asked, parts: Sequence[Part], by: Circumstances) -> None:
    writes = [Write(uuid4(), 0, (_reading(asked, part),)) for part in parts]
    if writes:
        asked.ledger.append(*writes, circumstances=by)


def _reading(asked: Asked, part: Part) -> ReportRead:
    return ReportRead(
        patient_id=asked.patient_id,
        report_id=part.report_id,
        report_version=part.version,
        purpose=ReadingPurpose.COMPLIANCE,
        medium=Medium.ARCHIVE,
        rendering=rendering_of(
            asked.ledger,
            part.report_id,
            part.content,
            position=asked.position,
            release=release_of_form(asked.ledger, Medium.ARCHIVE),
            locale=asked.locale,
            time_zone=asked.time_zone,
            tree_size=asked.tree_size,
        ),
    )
