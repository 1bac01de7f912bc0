"""Several readings at once: one page or file that shows of many reports is one append, so all of them are recorded or
nothing is shown."""

from collections.abc import Iterable
from uuid import uuid4

from domain.reading import ReadingEvent
from ledger.codec import Circumstances
from ledger.store import Ledger, Position, Write


def record_readings(ledger: Ledger, readings: Iterable[ReadingEvent], by: Circumstances) -> Position:
    """Must return before the data leaves: no reading goes unrecorded."""
    return ledger.append(*(Write(uuid4(), 0, (reading,)) for reading in readings), circumstances=by)
