"""«Доказательства»: what the patient can check without us, in plain words, and the files to do it with.

A guardian has none of it: a list of all events says that there are results which are kept from them.
"""

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response

from api import limits
from api.evidence_files import COMPLETENESS, completeness_proof, event_proof, packed
from api.portal.downloads import file_headers
from api.portal.web import Person, Visit
from api.problems import ProblemError
from domain.reading import Evidence, EvidenceTaken, ReadingPurpose
from ledger.readings import record_readings
from projections import audit, completeness
from projections.transparency import NotIntegratedError, log_verifier

S = TypeVar("S")
router = APIRouter(include_in_schema=False)
# As many of the latest events as the page shows.
LINKS_SHOWN = 30


@router.get("/evidence")
def evidence_page(person: Person) -> Response:
    _check_own(person)
    ledger, patient_id = person.ledger, person.patient_id
    standing = completeness.standing_of(ledger, patient_id)
    return person.page(
        "evidence.html",
        # A list is tied to this number and to nobody's name: who keeps it sees that it is theirs, each time.
        patient_id=str(patient_id),
        standing=standing._asdict(),
        links=[
            {
                "name": one.name,
                "event_id": str(one.event_id),
                "at": one.recorded_at,
                "is_committed": one.is_committed,
            }
            for one in completeness.latest_links(ledger, patient_id, limit=LINKS_SHOWN)
        ],
        vkey=log_verifier(ledger).vkey,
    )


@router.get("/evidence/completeness.zip")
def completeness_pack(person: Person) -> Response:
    content = _taken(person, lambda: completeness_proof(person.ledger, person.patient_id))
    pack = packed(person.ledger, {COMPLETENESS: content})
    return Response(pack, media_type="application/zip", headers=file_headers("polnota.zip"))


@router.get("/evidence/completeness.json")
def completeness_file(person: Person) -> Response:
    """The proof alone, for who has the program already and keeps what an older proof said."""
    content = _taken(person, lambda: completeness_proof(person.ledger, person.patient_id))
    return Response(content, media_type="application/json", headers=file_headers(COMPLETENESS))


@router.get("/evidence/events/{event_id:uuid}.zip")
def event_pack(person: Person, event_id: UUID) -> Response:
    """The proof that a reading of the patient's data, or an event of their chain, is in the log."""
    _check_own(person)
    ledger, patient_id = person.ledger, person.patient_id
    is_theirs = completeness.is_link(ledger, patient_id, event_id) or audit.is_reading_of(
        ledger, patient_id, event_id
    )
    if not is_theirs:
        raise ProblemError("not-found")
    files = _taken(person, lambda: event_proof(ledger, event_id), about=event_id)
    headers = file_headers("zapis.zip")
    return Response(packed(ledger, files), media_type="application/zip", headers=headers)


def _taken(person: Visit, make: Callable[[], S], *, about: UUID | None = None) -> S:
    """What is made, once it is recorded that it leaves."""
    _check_own(person)
    limits.take(person.ledger, "evidence", str(person.patient_id))
    try:
        made = make()
    except NotIntegratedError:
        raise ProblemError("evidence-not-ready", retry_after=60) from None
    taken = EvidenceTaken(
        patient_id=person.patient_id,
        evidence=Evidence.COMPLETENESS if about is None else Evidence.EVENT,
        about=about,
        purpose=ReadingPurpose.OWN_CABINET,
    )
    record_readings(person.ledger, [taken], person.by())
    return made


def _check_own(person: Visit) -> None:
    person.signed_in()
    if person.acting is not None:
        raise ProblemError("not-for-a-ward")
