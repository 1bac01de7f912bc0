"""«Все мои данные»: everything that is kept of a patient, as one file for themselves."""

from collections.abc import Iterator
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response

from api import limits
from api.archives import Asked, Zipped, results_of
from api.my_data import SECTIONS
from api.portal.downloads import asked_of, recording, streamed
from api.portal.own_proof import proof_beside
from api.portal.seen_reports import own_reports
from api.portal.web import Actor, Person, Visit
from api.problems import ProblemError
from domain.reading import PersonalDataTaken, ReadingPurpose
from ledger import commands

router = APIRouter(include_in_schema=False)
# More than anybody has: a thousand a year for a lifetime.
RESULTS_MAX = 100_000
# What one version of a result takes, by docs/benchmarks.md: two threads make archives, and a machine has others to serve.
_BYTES_EACH: Final = 100_000
_SECONDS_EACH: Final = 0.15
_LONG_SECONDS: Final = 60


@router.get("/my-data")
def my_data_page(person: Person) -> Response:
    _check_own(person)
    person.require_step_up()
    rows, kept = own_reports(person, limit=RESULTS_MAX)
    return person.page(
        "my_data.html", count=len(rows), kept=kept, long=_long(sum(row.version for row in rows))
    )


@router.post("/my-data")
def take_my_data(person: Actor) -> Response:
    _check_own(person)
    person.require_step_up()
    limits.take(person.ledger, "my-data", str(person.patient_id))
    rows, kept = own_reports(person, limit=RESULTS_MAX)
    asked = asked_of(person, [row.report_id for row in rows], all_versions=True, kept=kept)
    taken = PersonalDataTaken(patient_id=person.patient_id, purpose=ReadingPurpose.OWN_CABINET)
    commands.record_reading(person.ledger, taken, person.by())
    return streamed(_everything(person, asked), "moi-dannye.zip", len(rows))


def _long(versions: int) -> dict[str, int] | None:
    """About how large and how long it will be, where somebody would wonder whether anything goes on."""
    seconds = versions * _SECONDS_EACH
    if seconds < _LONG_SECONDS:
        return None
    return {"megabytes": versions * _BYTES_EACH // 1_000_000, "minutes": round(seconds / 60)}


def _check_own(person: Visit) -> None:
    """Nobody takes out all of another's: not a guardian either, who sees results one by one."""
    person.signed_in()
    if person.acting is not None:
        raise ProblemError("not-for-a-ward")


def _everything(person: Visit, asked: Asked) -> Iterator[bytes]:
    zipped = Zipped()
    for section in SECTIONS:
        rows = section.rows(person.ledger, person.patient_id)
        yield from zipped.add_rows(f"data/{section.name}.json", rows)
    for name, content in proof_beside(person).items():
        zipped.add(name, content)
    yield from results_of(asked, zipped, record=recording(person, asked))
    zipped.add_sums()
    yield zipped.end()
