"""In which stream a guardianship is: one for each guardian and ward, and a further one after an erasure."""

from itertools import count
from uuid import UUID

from domain.values import PatientId
from ledger.codec import Erased
from ledger.store import Ledger


def guardianship_stream(ledger: Ledger, guardian_id: PatientId, ward_snils: str) -> UUID:
    return ledger.stream_id("guardianship", str(guardian_id), ward_snils)


def open_stream(ledger: Ledger, guardian_id: PatientId, ward_snils: str) -> UUID:
    """Where the guardianship is asked for. A stream whose key was destroyed never gets another, or an erasure would
    be taken back: what is asked for after it begins a stream of its own."""
    stream_id = guardianship_stream(ledger, guardian_id, ward_snils)
    for turn in count(2):
        if not any(isinstance(one.event, Erased) for one in ledger.read(stream_id)):
            break
        stream_id = ledger.stream_id("guardianship", str(guardian_id), ward_snils, str(turn))
    return stream_id
